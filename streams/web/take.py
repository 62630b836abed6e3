"""What a POST may bring: JSON of this page, of bounded size, of a declared shape. Anything else is Refused."""

import re
from datetime import timedelta
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import ClientDisconnect, Request

from streams.web.guard import same_origin

BODY_BYTES = 8192
QUESTION_CHARS = 1000
LONGEST_MUTE = timedelta(days=30)  # what the topic remembers
UNITS = {"m": 60, "h": 3600, "d": 86_400}


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /questions."""

    text: Annotated[str, Meta(min_length=1, max_length=QUESTION_CHARS)]
    conversation_id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[A-Za-z0-9_-]+\Z")]


class Acted(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an ack, a mute (with `lasting`) or an unmute. `by` is what the person calls themselves: no login."""

    by: Annotated[str, Meta(max_length=80)] = ""
    note: Annotated[str, Meta(max_length=200)] = ""
    lasting: str = msgspec.field(name="for", default="")


B = TypeVar("B", Asked, Acted)


class Refused(Exception):
    """A request that is not taken: the HTTP status and one line for its author."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


async def read_body(request: Request, shape: type[B], what: str) -> B:
    """The `what` in a request's body; raises Refused. Never reads more than `BODY_BYTES`."""
    if not same_origin(request.headers):
        raise Refused(403, f"{what}s are taken from this page only, not from other sites")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, f"{what}s are sent as application/json")
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES:
                raise Refused(413, f"the {what} is longer than {BODY_BYTES} bytes")
    except ClientDisconnect:
        raise Refused(400, f"the {what} broke off") from None
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, f"the {what} can't be read: {error}") from None


def duration(text: str) -> timedelta:
    """'15m', '2h' or '3d'. Raises Refused."""
    found = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
    lasting = timedelta(seconds=int(found[1]) * UNITS[found[2]]) if found else timedelta()
    if not timedelta() < lasting <= LONGEST_MUTE:
        raise Refused(400, f"got {text[:20]!r}, wanted a time up to {LONGEST_MUTE.days}d such as 15m, 2h or 3d")
    return lasting
