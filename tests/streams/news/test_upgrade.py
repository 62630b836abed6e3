"""A worker that finds states of the first layout goes on with what they had learned."""

from pathlib import Path

import msgspec
import pytest
from entity_stream import DAY, episode_of, fold, seen

from streams.news.summary import summarize
from streams.news.upgrade import read_stored
from streams.news.windows import COLUMNS, DAYS, FINE, HOURS, encode_state

STORED = (Path(__file__).parent / "state_of_the_first_layout.json").read_bytes()


def test_counts_baseline_and_open_episode_are_kept() -> None:
    before, state = msgspec.json.decode(STORED), read_stored(STORED)
    for column in range(3):
        assert state.window(FINE * 300.0, column) == sum(before["fine"][column::3])
        assert sum(state.hours[column::COLUMNS]) == sum(before["hours"][column::3])
    assert (len(state.fine), len(state.hours), len(state.days)) == (COLUMNS * FINE, COLUMNS * HOURS, COLUMNS * DAYS)
    episode = episode_of(state)
    assert episode is not None
    assert (episode.id, episode.told) == (before["episode"]["id"], before["episode"]["reported"])
    assert msgspec.json.encode(state.detectors["negatives"].baseline) == msgspec.json.encode(before["baseline"])
    assert summarize(state).index == pytest.approx(before["index_sum"] / before["index_weight"])


def test_an_upgraded_stream_goes_on_and_is_stored_in_todays_layout() -> None:
    state = read_stored(STORED)
    place = state.watermarks[0]
    later, told = fold([seen(place + n, 6 * DAY + n, offset=place + n) for n in (1, 2)], state=state)
    assert [each.status for each in told] == ["resolved"]
    assert later.applied == state.applied + 2
    assert read_stored(encode_state(later)) == later


def test_what_was_applied_before_the_upgrade_is_not_applied_again() -> None:
    state = read_stored(STORED)
    assert fold([seen(0, 0, offset=state.watermarks[0])], state=state) == (state, [])


def test_what_is_no_state_of_any_layout_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        read_stored(b'{"entity": 7}')
