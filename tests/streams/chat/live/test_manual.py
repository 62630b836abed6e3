"""docs/instructions.md says what the declarations say, and what it says of windows is so."""

import re
from datetime import UTC
from pathlib import Path

import pytest
from live_market import NOW

from streams.chat.live.instructions import OPCODES
from streams.chat.live.manual import manual, synopsis
from streams.chat.live.time_phrases import find
from streams.chat.live.times import is_window

PAGE = (Path(__file__).parents[4] / "docs" / "instructions.md").read_text(encoding="utf-8")


def test_the_page_is_up_to_date() -> None:
    assert manual() in PAGE, "replace its part by what 'python -m streams.chat.live.manual' prints"


def test_a_synopsis_tells_what_must_be_there_and_what_may() -> None:
    assert synopsis(OPCODES["RANK"]) == "RANK of= [sector=] by= [n=] [window=]"
    assert synopsis(OPCODES["COMPARE"]) == "COMPARE [STREAM[,STREAM…]] [window=] [against=]"


@pytest.mark.parametrize(
    "row", re.findall(r"^\| (`.*) \|$", PAGE.split("## Windows")[1].split("## How")[0], re.MULTILINE)
)
def test_the_windows_of_the_page_are_canonical_and_its_phrases_mean_them(row: str) -> None:
    windows, _, phrases = row.split(" | ")
    named = re.findall(r"`([^`]+)`", windows)
    assert named and all(map(is_window, named))
    for phrase in re.findall(r'"([^"]+)"', phrases):
        (found,) = find(phrase, NOW, UTC)
        assert shape(found.window) in {shape(each) for each in named}


def shape(window: str) -> str:
    """A window without its numbers: 'on:-', '..'; those of whole days and of moments differ."""
    return re.sub(r"\d+", "", window) if ":" in window or ".." in window or window[0].isdigit() else window
