"""What every peer's process is told and writes, and when it is to end."""

import signal
import sys

import msgspec

CONSUME_S = 0.02  # how long a batch may wait to become full: as ours does


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Read `news` as `group`, write `scored`, keyed as their news. `classifier` is one of classifying.py."""

    bootstrap_servers: str
    news: str
    scored: str
    group: str
    classifier: str
    model: str
    batch: int
    data_dir: str


class Text(msgspec.Struct):
    """What is read of a news."""

    text: str


class Labelled(msgspec.Struct):
    """What peers write, and what is read of ours."""

    id: str
    sentiment: str


class Told:
    """Whether SIGTERM came."""

    def __init__(self) -> None:
        self.to_stop = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, signal_number: int, frame: object) -> None:
        self.to_stop = True


def read_config() -> Config:
    return msgspec.json.decode(sys.argv[1], type=Config)


def text_of(value: bytes) -> str:
    return msgspec.json.decode(value, type=Text).text


def labelled(key: bytes, label: str) -> bytes:
    return msgspec.json.encode(Labelled(key.decode(), label))
