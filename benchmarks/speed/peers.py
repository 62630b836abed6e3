"""What every peer's process is told, and when it is to end."""

import signal
import sys

import msgspec


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Read `news` as `group`, write `scored` records {"id", "sentiment"} keyed as their news."""

    bootstrap_servers: str
    news: str
    scored: str
    group: str
    classifier: str
    batch: int
    data_dir: str


def read_config() -> Config:
    return msgspec.json.decode(sys.argv[1], type=Config)


class Told:
    """Whether SIGTERM came."""

    def __init__(self) -> None:
        self.to_stop = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, signal_number: int, frame: object) -> None:
        self.to_stop = True
