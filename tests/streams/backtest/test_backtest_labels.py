"""Openings against labelled windows: precision, recall, delay, and NAB's score by hand."""

from pathlib import Path

import pytest

from models.errors import InputError
from streams.backtest.labels import grid, labels_of, load_labels, measure, totals
from streams.backtest.nab import nab_score, scaled_sigmoid

ROWS = 10_000
WINDOWS = [(2000, 2099), (5000, 5099)]


def test_nothing_found_costs_one_a_window() -> None:
    assert nab_score(ROWS, WINDOWS, []) == -2.0


def test_all_found_at_their_beginnings_is_a_point_a_window() -> None:
    assert nab_score(ROWS, WINDOWS, [2000, 5000]) == pytest.approx(2.0)


def test_a_window_pays_its_earliest_detection_and_no_more() -> None:
    late = nab_score(ROWS, WINDOWS, [2090, 5000])
    assert nab_score(ROWS, WINDOWS, [2000, 2050, 2090, 5000]) == pytest.approx(2.0)
    assert 1.0 < late < 2.0


def test_a_detection_outside_costs_up_to_the_weight_of_a_false_positive() -> None:
    assert nab_score(ROWS, WINDOWS, [2000, 4000, 5000]) == pytest.approx(2.0 - 0.11)
    just_past = nab_score(ROWS, WINDOWS, [2000, 2101, 5000])
    assert 2.0 - 0.11 < just_past < 2.0
    assert scaled_sigmoid(0.0) == 0.0


def test_the_first_rows_count_for_nothing() -> None:
    assert nab_score(ROWS, WINDOWS, [10, 700, 2000, 5000]) == pytest.approx(2.0)
    assert nab_score(ROWS, WINDOWS, [750, 2000, 5000]) == pytest.approx(2.0 - 0.11)


def test_a_window_of_one_row_can_be_missed_and_passed() -> None:
    assert nab_score(100, [(50, 50)], [60]) == pytest.approx(-1.11)


def test_precision_recall_and_delay() -> None:
    rows_s = grid(0.0, 300.0 * 1000)
    spans = [(60_000.0, 72_000.0), (150_000.0, 160_000.0), (10**9, 10**9 + 60)]  # the last one is beyond the history
    found = measure("x", rows_s, spans, [61_800.0, 65_000.0, 100_000.0])
    told = totals([found])
    assert (found.windows, told.found, told.openings) == (2, 1, 3)
    assert told.precision == pytest.approx(2 / 3, abs=1e-4)
    assert (told.recall, told.median_delay_s) == (0.5, 1800.0)


def test_without_openings_or_windows_there_is_nothing_to_divide() -> None:
    told = totals([])
    assert (told.precision, told.recall, told.median_delay_s, told.nab) == (None, None, None, 0.0)


def test_a_label_is_found_by_the_files_name_with_or_without_folder_and_suffix() -> None:
    labels = {"realTweets/Twitter_volume_X.csv": [(0.0, 1.0)]}
    assert labels_of(labels, "Twitter_volume_X.csv") == labels_of(labels, "Twitter_volume_X") == [(0.0, 1.0)]
    assert labels_of(labels, "Twitter_volume_Y") is None


@pytest.mark.parametrize(
    "content", ["", "[]", '{"a": [["2026-01-01"]]}', '{"a": [["2026-01-02", "2026-01-01"]]}', '{"a": [["x", "y"]]}']
)
def test_labels_that_are_none_are_refused_with_what_is_wanted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(content)
    with pytest.raises(InputError, match="wanted"):
        load_labels(path)
