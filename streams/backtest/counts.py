"""Files of counts, as the Numenta Anomaly Benchmark has them: each count as that many negatives at its moment."""

from collections.abc import Iterator
from pathlib import Path

from models.errors import InputError
from streams.backtest.lines import Line, Numbered, Unread
from streams.sources.files import Unusable, open_source
from streams.sources.shape import parse_time

TIME, VALUE = "timestamp", "value"
MOST = 1_000_000  # of one row: beyond, it is no count


def count_files(path: Path) -> list[Path]:
    """The file itself, or all CSV files of a folder by name. Raises InputError without any."""
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.csv"))
    if not found:
        raise InputError(f"{path}: got a folder without CSV files, wanted files with the columns {TIME},{VALUE}")
    return found


def read_counts(path: Path, unread: Unread) -> Iterator[Numbered]:
    """A file's negatives, about an entity of the file's name. Raises InputError."""
    entity, number = path.stem, 0
    with open_source(str(path), "csv") as source:
        for row in source.rows((TIME, VALUE)):
            if isinstance(row, Unusable):
                unread.note(row.line, row.reason)
                continue
            try:
                at, count = parse_time(row.columns[TIME]), int(float(row.columns[VALUE]))
                if not 0 <= count <= MOST:
                    raise ValueError(f"{VALUE}: got {count}, wanted 0 to {MOST:,}")
            except (ValueError, OverflowError) as error:
                unread.note(row.line, str(error))
                continue
            for _ in range(count):
                yield Numbered(number, Line(entity=entity, sentiment="negative"), at, number)
                number += 1


def count_rows(path: Path) -> list[float]:
    """The times of a file's rows, which NAB counts by, in order."""
    with open_source(str(path), "csv") as source:
        times = []
        for row in source.rows((TIME, VALUE)):
            if not isinstance(row, Unusable):
                try:
                    times.append(parse_time(row.columns[TIME]).timestamp())
                except ValueError:
                    continue  # told when the counts are read
        return sorted(times)
