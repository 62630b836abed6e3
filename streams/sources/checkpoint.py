"""How far a file was replayed, kept on disk: every row before it is acknowledged or was reported as unusable.

One small JSON file for each file, topic and cluster. It is written twice a second, so a replay that is killed sends its
last moments again, under the same ids.
"""

import hashlib
from pathlib import Path

import msgspec

from models.errors import InputError
from streams.settings import Settings
from streams.topics import Topic

HEAD_BYTES = 65_536


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """`rows` rows of `path` are done. `head_sha256` of its first `head_bytes` tells whether it is still that file."""

    path: str
    rows: int
    size_bytes: int
    head_bytes: int
    head_sha256: str
    options: str


class Keep:
    """The checkpoint of one run over `file` into `topic` of one cluster; `started` is where it starts.

    Raises InputError when `resumed` is asked for and can't be.
    """

    def __init__(self, settings: Settings, file: Path, topic: Topic, options: str, resumed: bool) -> None:
        place = f"{file.resolve()}\0{topic.of(settings)}\0{settings.bootstrap_servers}"
        self.path = settings.data_dir / "replay" / f"{hashlib.sha256(place.encode()).hexdigest()[:24]}.json"
        self.started = resume(self.path, file, options) if resumed else begin(file, options)

    def save(self, rows: int) -> None:
        """Note that the first `rows` rows are done."""
        save(self.path, msgspec.structs.replace(self.started, rows=rows))


def begin(path: Path, options: str) -> Checkpoint:
    """The checkpoint of a file of which nothing is done. `options` are those that change ids or rows."""
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    return Checkpoint(
        path=str(path.resolve()),
        rows=0,
        size_bytes=path.stat().st_size,
        head_bytes=len(head),
        head_sha256=hashlib.sha256(head).hexdigest(),
        options=options,
    )


def resume(at: Path, path: Path, options: str) -> Checkpoint:
    """The kept checkpoint, moved to the file's present size: a file that grew at its end goes on.

    Raises InputError when none is kept, or the file or the options are not those it was kept for.
    """
    try:
        kept = msgspec.json.decode(at.read_bytes(), type=Checkpoint)
    except FileNotFoundError:
        raise InputError(f"{path}: nothing to resume for this topic and cluster; start without --resume") from None
    except msgspec.MsgspecError as error:
        raise InputError(f"{path}: its checkpoint {at} is damaged ({error}); start without --resume") from None
    with path.open("rb") as file:
        head = hashlib.sha256(file.read(kept.head_bytes)).hexdigest()
    if head != kept.head_sha256 or path.stat().st_size < kept.size_bytes:
        raise InputError(f"{path}: not the file whose replay was begun; start without --resume")
    if options != kept.options:
        raise InputError(f"{path}: begun with {kept.options}, got {options}; use the same options or no --resume")
    return msgspec.structs.replace(begin(path, options), rows=kept.rows)


def save(at: Path, checkpoint: Checkpoint) -> None:
    """Replace the kept checkpoint, atomically."""
    at.parent.mkdir(parents=True, exist_ok=True)
    beside = at.with_suffix(".tmp")
    beside.write_bytes(msgspec.json.encode(checkpoint))
    beside.replace(at)
