"""The same story counts once, whoever brings it; another story counts, however alike."""

import pytest
from entity_stream import DAY, HOUR, START, fold, seen
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.news.duplicates import REMEMBERED, WITHIN_S, Memory, Seen, alike, signature
from streams.news.windows import copied, decode_state, encode_state

STORY = "Nokia shares slump after weak guidance as network orders dry up in Europe"


@pytest.mark.parametrize(
    "copy",
    [
        STORY + " - Reuters",
        STORY.upper() + " | The Ledger Desk",
        "Nokia shares slump on weak guidance as network orders dry up in Europe",
        "UPDATE: " + STORY,
        STORY + ".",
    ],
)
def test_a_copy_with_other_trimmings_is_the_same_story(copy: str) -> None:
    assert alike(signature(STORY), signature(copy))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (STORY, "Nokia shares slump after weak guidance; Ericsson and Samsung follow it down"),
        (
            "Nokia shares fall 3% after weak guidance for the year",
            "Nokia shares fall 5% after weak guidance for the year",
        ),
        ("Nokia shares fall", "Nokia shares rise"),
        (STORY, "Ericsson names a new head of its chip unit"),
    ],
)
def test_another_story_is_none_however_alike(one: str, other: str) -> None:
    assert not alike(signature(one), signature(other))


@given(st.text(max_size=200))
def test_any_text_has_a_signature_and_is_like_itself(text: str) -> None:
    mark = signature(text)
    assert mark == signature(text)
    assert len(mark) in (0, 20)
    assert alike(mark, mark)


def test_a_syndicated_story_counts_once_and_names_its_other_sources() -> None:
    copies = [
        seen(i, i * 60.0, text=STORY + end) for i, end in enumerate(["", " - Reuters", " | CNBC", "!", " - Reuters"])
    ]
    told = [replace(each, source=f"Feed {i % 4}") for i, each in enumerate(copies)]
    state, _ = fold([*told, seen(9, 400)])
    assert (state.window(HOUR), state.duplicates, state.applied) == (2, 4, 6)
    assert state.evidence[0].source == "Feed 0"
    assert state.evidence[0].also_in == ["Feed 1", "Feed 2", "Feed 3"]


def test_the_same_words_after_a_day_are_news_again() -> None:
    state, _ = fold(
        [seen(0, 0, text=STORY), seen(1, DAY - 60, text=STORY), seen(2, 2 * DAY, text=STORY), seen(3, 2 * DAY)]
    )
    assert state.duplicates == 1
    assert state.applied == 4


def test_a_wrong_date_does_not_make_the_day_s_stories_forgotten() -> None:
    state, _ = fold([seen(0, 0, text=STORY), seen(1, 900 * DAY), seen(2, 60, text=STORY)])
    assert state.duplicates == 1


def test_memory_is_bounded_and_survives_its_encoding() -> None:
    state, _ = fold(seen(i, i * 60.0) for i in range(3 * REMEMBERED))
    assert len(state.recent) == REMEMBERED
    again = decode_state(encode_state(state))
    assert Memory(again.recent).seen == Memory(state.recent).seen
    assert copied(state) == state


def test_what_is_a_day_old_is_forgotten() -> None:
    memory = Memory()
    memory.add(Seen(1, 0.0, signature(STORY)), 0.0)
    memory.add(Seen(2, WITHIN_S + 1, b""), WITHIN_S + 1)
    assert [each.mark for each in memory.seen] == [2]
    assert memory.find(1, WITHIN_S + 1, signature(STORY)) is None


def test_a_copy_with_the_same_id_counts_once_whatever_its_text() -> None:
    copies = [seen(0, 0, news_id="wire", text=STORY), seen(1, 5, news_id="wire", text="Quite another text")]
    state, _ = fold([*copies, seen(2, 9)])
    assert (state.window(HOUR), state.duplicates) == (2, 1)
    assert state.evidence[0].at == START
