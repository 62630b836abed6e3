"""How well openings meet labelled windows: precision, recall, delay, and the score of NAB. Pure but for the reading."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

import msgspec

from models.errors import InputError
from streams.backtest.nab import nab_score
from streams.news.windows import BUCKET_S, seconds
from streams.sources.shape import parse_time

Spans = Sequence[tuple[float, float]]


class Measured(msgspec.Struct, frozen=True):
    """One labelled stream's openings against its windows; `delays_s` of the windows that were found."""

    name: str
    openings: int
    inside: int  # openings in a window
    windows: int
    delays_s: list[float]
    nab: float


class Totals(msgspec.Struct, frozen=True):
    """All labelled streams together; None where nothing is there to divide by."""

    streams: int
    openings: int
    windows: int
    found: int
    precision: float | None
    recall: float | None
    median_delay_s: float | None
    nab: float


def load_labels(path: Path) -> dict[str, Spans]:
    """Entity or file -> windows in seconds since 1970, by their starts. Raises InputError."""
    try:
        given = msgspec.json.decode(path.read_bytes(), type=dict[str, list[tuple[str | float, str | float]]])
        labels: dict[str, Spans] = {}
        for name, spans in given.items():
            labels[name] = sorted((seconds(parse_time(start)), seconds(parse_time(end))) for start, end in spans)
            if any(start > end for start, end in labels[name]):
                raise ValueError(f"{name[:60]!r}: a window that ends before it begins")
        return labels
    except OSError as error:
        raise InputError(f"{path}: can't read the labels: {error.strerror}; give a readable JSON file") from None
    except (ValueError, msgspec.MsgspecError) as error:
        raise InputError(f'{path}: {error}; wanted {{"entity or file": [["from", "to"], …]}}') from None


def labels_of(labels: Mapping[str, Spans], *names: str) -> Spans | None:
    """The windows of the first name that is labelled: as it stands, or as the last part of a path, suffix or not."""
    for name in names:
        for label, spans in labels.items():
            if name in (label, Path(label).name, Path(label).stem):
                return spans
    return None


def grid(first_s: float, last_s: float) -> list[float]:
    """Rows for NAB where a stream has none of its own: five minutes each."""
    return [first_s + BUCKET_S * n for n in range(int((last_s - first_s) // BUCKET_S) + 1)]


def measure(name: str, rows_s: Sequence[float], spans: Spans, opened_s: Sequence[float]) -> Measured:
    """`rows_s`: the times of the stream's rows, which NAB counts by; windows beyond them are cut, or left out."""
    windows = []
    for start_s, end_s in spans:
        first, last = bisect_left(rows_s, start_s), bisect_right(rows_s, end_s) - 1
        if first <= last:
            windows.append((start_s, end_s, first, last))
    inside = [at_s for at_s in opened_s if any(start <= at_s <= end for start, end, _, _ in windows)]
    firsts = [next((at_s - start for at_s in opened_s if start <= at_s <= end), None) for start, end, _, _ in windows]
    return Measured(
        name=name,
        openings=len(opened_s),
        inside=len(inside),
        windows=len(windows),
        delays_s=[each for each in firsts if each is not None],
        nab=nab_score(
            len(rows_s),
            [(first, last) for _, _, first, last in windows],
            [bisect_right(rows_s, at_s) - 1 for at_s in opened_s],
        ),
    )


def totals(measured: Iterable[Measured]) -> Totals:
    measured = list(measured)
    openings, windows = sum(each.openings for each in measured), sum(each.windows for each in measured)
    delays = [delay for each in measured for delay in each.delays_s]
    return Totals(
        streams=len(measured),
        openings=openings,
        windows=windows,
        found=len(delays),
        precision=round(sum(each.inside for each in measured) / openings, 4) if openings else None,
        recall=round(len(delays) / windows, 4) if windows else None,
        median_delay_s=median(delays) if delays else None,
        nab=round(sum(each.nab for each in measured), 4),
    )
