"""What a POST may bring: JSON of bounded size, of a declared shape. Anything else is Refused."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta
from starlette.requests import ClientDisconnect, Request

from streams.web.guard import same_origin

BODY_BYTES = 8192
QUESTION_CHARS = 1000
API_BODY_BYTES = 65_536  # 4,000 characters outside the first plane, escaped, and some
API_CHARS = 4000
LONGEST_MUTE = timedelta(days=30)  # what the topic remembers
UNITS = {"m": 60, "h": 3600, "d": 86_400}

NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$(?!\n)")]  # \Z is no JSON schema's


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /questions."""

    text: Annotated[str, Meta(min_length=1, max_length=QUESTION_CHARS)]
    conversation_id: Name


class Spoken(msgspec.Struct, forbid_unknown_fields=True):
    """A question over a WebSocket. `id`: of your own choice; one that was sent before is not asked again."""

    text: Annotated[str, Meta(min_length=1, max_length=API_CHARS)]
    id: Name | None = None


class Questioned(Spoken, forbid_unknown_fields=True):
    """A question. Without a `conversation_id`, it begins a conversation."""

    conversation_id: Name | None = None


class Judged(msgspec.Struct, forbid_unknown_fields=True):
    """What somebody thinks of an answer. `intent`: what the question was about; `conversation_id`: where the answer
    stands, to be named when the page has forgotten it."""

    answer_id: Annotated[str, Meta(min_length=1, max_length=512)]
    good: bool
    comment: Annotated[str, Meta(max_length=1000)] = ""
    intent: Annotated[str, Meta(max_length=100)] | None = None
    conversation_id: Annotated[str, Meta(min_length=1, max_length=512)] | None = None


class Replied(msgspec.Struct, forbid_unknown_fields=True):
    """What a person tells a customer. `closes`: Gretchen answers again; then `text` may be empty. `id`: of your own
    choice."""

    text: Annotated[str, Meta(max_length=API_CHARS)]
    by: Annotated[str, Meta(min_length=1, max_length=80)]
    closes: bool = False
    id: Name | None = None


class Acted(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an ack, a mute (with `lasting`) or an unmute. `by` is what the person calls themselves: no login."""

    by: Annotated[str, Meta(max_length=80)] = ""
    note: Annotated[str, Meta(max_length=200)] = ""
    lasting: str = msgspec.field(name="for", default="")


B = TypeVar("B", bound=msgspec.Struct)


class Refused(Exception):
    """A request that is not taken: the HTTP status, one line for its author, and headers."""

    def __init__(self, status: int, line: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(line)
        self.status = status
        self.headers = headers


def refuse_foreign(request: Request, what: str) -> None:
    """Raises Refused for what another site sends."""
    if not same_origin(request.headers):
        raise Refused(403, f"{what}s are taken from this page only, not from other sites")


async def read_body(request: Request, shape: type[B], what: str, most: int = BODY_BYTES) -> B:
    """The `what` in a request's body; raises Refused. Never reads more than `most` bytes."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, f"{what}s are sent as application/json")
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > most:
                raise Refused(413, f"the {what} is longer than {most} bytes")
    except ClientDisconnect:
        raise Refused(400, f"the {what} broke off") from None
    return read_bytes(body, shape, what)


def read_bytes(body: bytes | str, shape: type[B], what: str) -> B:
    """Raises Refused."""
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise Refused(400, f"the {what} can't be read: {error}") from None


def duration(text: str) -> timedelta:
    """'15m', '2h' or '3d'. Raises Refused."""
    found = re.fullmatch(r"([0-9]{1,5})([mhd])", text)
    lasting = timedelta(seconds=int(found[1]) * UNITS[found[2]]) if found else timedelta()
    if not timedelta() < lasting <= LONGEST_MUTE:
        raise Refused(400, f"got {text[:20]!r}, wanted a time up to {LONGEST_MUTE.days}d such as 15m, 2h or 3d")
    return lasting
