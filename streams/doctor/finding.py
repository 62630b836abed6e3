"""One finding of the doctor, and how a check becomes findings within a bounded time whatever it runs into."""

import threading
from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from models.errors import GretchenError

Level = Literal["ok", "warning", "error"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was looked at, how it is, what it should be and what to do; `exit_code` is what a verb would end with."""

    check: str
    level: Level
    got: str
    wanted: str = ""
    remedy: str = ""
    exit_code: int = 0


Check = Callable[[], Iterable[Finding]]


def ok(check: str, got: str) -> Finding:
    return Finding(check, "ok", got)


def warning(check: str, got: str, *, wanted: str = "", remedy: str = "") -> Finding:
    return Finding(check, "warning", got, wanted, remedy)


def error(check: str, got: str, *, wanted: str = "", remedy: str = "", exit_code: int = 1) -> Finding:
    return Finding(check, "error", got, wanted, remedy, exit_code)


def of_error(check: str, raised: GretchenError) -> Finding:
    """Our errors say what, got, wanted and remedy in one line already."""
    return error(check, str(raised), exit_code=raised.exit_code)


def examine(name: str, check: Check, timeout_s: float) -> list[Finding]:
    """The check's findings; one that hangs or fails is a finding too, for the doctor must always come to an end."""
    found: list[Finding] = []

    def run() -> None:
        try:
            found.extend(check())
        except GretchenError as raised:
            found.append(of_error(name, raised))
        except Exception as raised:  # noqa: BLE001 - the doctor reports what it did not foresee and goes on
            found.append(error(name, f"the check itself failed: {type(raised).__name__}: {raised}"))

    thread = threading.Thread(target=run, name=f"doctor-{name}", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if thread.is_alive():
        return [error(name, f"no result after {timeout_s:.0f} s", remedy="try again; is the machine overloaded?")]
    return found
