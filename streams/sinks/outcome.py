"""What an attempt to deliver comes to: three kinds, as each asks for something else."""

from typing import NamedTuple


class Delivered(NamedTuple):
    """The receiver took it."""


class Rejected(NamedTuple):
    """The receiver will never take it: trying again is of no use."""

    detail: str


class Failed(NamedTuple):
    """The receiver is away or busy: it may take it later, `retry_after_s` is when it asked to be tried again."""

    detail: str
    retry_after_s: float | None = None


Outcome = Delivered | Rejected | Failed
