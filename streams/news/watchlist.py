"""The entities to look for, out of a CSV file: ours (watchlist.csv) or a user's. The format: docs/watchlist.md."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from models.errors import InputError
from streams.news.folding import fold
from streams.news.groups import OWN, RESERVED
from streams.news.tickers import normalize_ticker

LIST_SEPARATOR = "|"
EXACT = "="  # before a name: written just so, not even in capitals
MAX_NAME_CHARS = 120  # bounds what overlapping names can cost
MIN_NAME_CHARS = 2
NO_KEY = (*RESERVED, OWN)
TICKER = re.compile(r"(?:[A-Z0-9]{1,12}:)?[A-Z0-9]{1,10}(?:\.[A-Z]{1,2})?")


@dataclass(frozen=True, slots=True)
class Entity:
    """`aliases` and `excluded` in the list's own spelling, `=` included; `name` is searched as well."""

    entity: str  # the key of its stream: it stays when the name changes
    name: str
    kind: str = "company"
    sector: str = ""
    aliases: tuple[str, ...] = ()
    tickers: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()  # phrases in which the words mean something else

    def spellings(self) -> Iterator[str]:
        """What to search: the aliases, and the name unless an alias demands it exactly so."""
        yield from self.aliases
        if EXACT + self.name not in self.aliases:
            yield self.name


@lru_cache(maxsize=65_536)  # a worker's start asks for each some four times: the list's claims, and three gazetteers
def pattern(spelling: str) -> str:
    """A spelling as it is searched."""
    return fold(spelling.removeprefix(EXACT)).text


def load_watchlist(path: Path) -> tuple[Entity, ...]:
    """All entities, in the file's order. Raises InputError, which names the line."""
    claimed: dict[str, str] = {}  # what is taken -> by which entity, where
    entities = []
    for line, row in rows(path):
        try:
            entity = read_row(row)
            claim(entity, f"{entity.entity!r} in line {line}", claimed)
        except ValueError as error:
            raise InputError(f"{path}:{line}: {error}") from None
        entities.append(entity)
    if not entities:
        raise InputError(
            f"{path}: got no entities, wanted a row for each below the header; unset GRETCHEN_WATCHLIST for ours"
        )
    return tuple(entities)


def rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, column -> value) of every row that is not blank; columns in lower case. Raises InputError."""
    reader = csv.reader(io.StringIO(read(path), newline=""), strict=True)
    try:
        header = [column.strip().lower() for column in next(reader, [])]
        if "name" not in header:
            raise InputError(
                f"{path}:1: got the columns {', '.join(header)[:200] or 'none'}; wanted 'name' among them; "
                "begin the file with a header such as name,kind,sector,aliases,tickers, separated by commas"
            )
        if double := [column for column in header if column and header.count(column) > 1]:
            raise InputError(f"{path}:1: got the column {double[0]!r} twice, wanted each once; rename or drop one")
        for row in reader:
            if not any(map(str.strip, row)):
                continue
            if len(row) > len(header):
                raise InputError(
                    f"{path}:{reader.line_num}: got {len(row)} fields, wanted at most {len(header)}; "
                    f"separate names by {LIST_SEPARATOR}, and quote a field that holds a comma"
                )
            yield reader.line_num, dict(zip(header, row, strict=False))
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: got broken CSV ({error}); mend the quotes") from None


def read(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path}: can't read the watchlist: {error.strerror}; "
            "set GRETCHEN_WATCHLIST to a CSV file, or unset it for ours"
        ) from None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise InputError(f"{path}:{line}: got the byte 0x{byte:02x}, wanted UTF-8; save the file as UTF-8") from None


def read_row(row: Mapping[str, str]) -> Entity:
    """Raises ValueError for a value that can't be used."""
    name = squeeze(row["name"])
    if not name:
        raise ValueError("got an empty name, wanted the name to show; fill the column, or delete the row")
    entity = Entity(
        entity=squeeze(row.get("entity", "")) or name,
        name=name,
        kind=squeeze(row.get("kind", "")) or "company",
        sector=squeeze(row.get("sector", "")),
        aliases=listed(row.get("aliases", "")),
        tickers=tuple(map(normalize_ticker, listed(row.get("tickers", "")))),
        excluded=listed(row.get("not", "")),
    )
    if entity.entity.startswith(NO_KEY):
        raise ValueError(
            f"got the entity {entity.entity[:60]!r}, wanted a key that begins otherwise than {', '.join(RESERVED)}, "
            "with which those of groups do; give it another in the column entity"
        )
    for spelling in (*entity.spellings(), *entity.excluded):
        if len(pattern(spelling)) < MIN_NAME_CHARS or len(spelling) > MAX_NAME_CHARS:
            raise ValueError(
                f"got the name {spelling[:60]!r}, wanted {MIN_NAME_CHARS} to {MAX_NAME_CHARS} characters; "
                "spell it otherwise, or make it a ticker"
            )
    for ticker in entity.tickers:
        if not TICKER.fullmatch(ticker):
            raise ValueError(
                f"got the ticker {ticker[:60]!r}, wanted one such as AAPL, BRK.B, 7203.T or TSX:T; mend it"
            )
    return entity


def claim(entity: Entity, owner: str, claimed: dict[str, str]) -> None:
    """Enter all that an entity is called. Raises ValueError for what another is called already."""
    wanted = {f"entity {entity.entity}": f"the entity {entity.entity!r}"}
    wanted |= {f"name {pattern(each)}": f"the name {each!r}" for each in entity.spellings()}
    wanted |= {f"ticker {each}": f"the ticker {each!r}" for each in entity.tickers}
    for key, what in wanted.items():
        if key in claimed:
            raise ValueError(f"got {what} that {claimed[key]} has already, wanted it once; keep one of the two")
        claimed[key] = owner


def listed(field: str) -> tuple[str, ...]:
    return tuple(filter(None, map(squeeze, field.split(LIST_SEPARATOR))))


def squeeze(text: str) -> str:
    return " ".join(text.split())
