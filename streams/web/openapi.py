"""The API's description as OpenAPI 3.1, out of the types that its bodies are read into and written from.

No framework makes it: msgspec, which reads and writes the bodies, also tells their JSON schemas.
"""

import inspect
from functools import cache
from importlib.metadata import version
from typing import Any, NamedTuple

import msgspec

from streams.web.api import LONGEST_WAIT_S, Open, Receipt, Taken, Transcript
from streams.web.socket import Trouble
from streams.web.take import Judged, Questioned, Replied, Spoken
from streams.web.talks import Event

Json = dict[str, Any]

ABOUT = (
    "Questions to Gretchen, and persons' replies. Keys: `Authorization: Bearer KEY` (or `X-API-Key: KEY`); a page on"
    " loopback without keys asks for none. A refusal is one line in `error`. Texts are plain text: show them as such."
)


class Refusal(msgspec.Struct, frozen=True):
    """Why a request was not taken, in one line."""

    error: str


REFUSALS = {
    400: "The body or a parameter is not as described.",
    401: "The API key is missing or wrong.",
    403: "A script of a site that is not allowed, or a page on the network without keys.",
    404: "Nothing of this id, or forgotten.",
    409: "The id was used in another conversation.",
    413: "The body is longer than 64 KiB.",
    415: "The body is no application/json.",
    429: "Too many requests: wait as long as Retry-After says.",
    503: "Kafka does not answer, or too many wait; nothing was sent.",
}
OF_ALL = (401, 403, 429)
OF_POSTS = (400, 413, 415, 503)


class Call(NamedTuple):
    """A path's method; `answers` are its good statuses."""

    method: str
    path: str
    id: str
    about: str
    answers: dict[int, tuple[str, type[msgspec.Struct] | None]]
    body: type[msgspec.Struct] | None = None
    refusals: tuple[int, ...] = ()
    query: Json | None = None
    example: Json | None = None


WAIT = {
    "name": "wait",
    "in": "query",
    "description": "Seconds to wait for the answer; 202 if it did not come in time.",
    "schema": {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT_S, "default": 0},
}
ASKED = {"text": "My card has not arrived yet", "conversation_id": "shop-4711"}
CALLS = (
    Call(
        "post",
        "/v1/questions",
        "ask",
        "Ask a question. Questions of a conversation are answered in order. A question whose id was sent before is not"
        " asked again, so whoever lost the reply may repeat it.",
        {200: ("Settled: see `event`.", Receipt), 202: ("Kafka has it.", Receipt)},
        Questioned,
        (409,),
        WAIT,
        ASKED,
    ),
    Call(
        "get",
        "/v1/conversations/{id}",
        "conversation",
        "What was said in a conversation, as far as this page remembers.",
        {200: ("The conversation.", Transcript)},
        refusals=(404,),
    ),
    Call(
        "get",
        "/v1/conversations/{id}/ws",
        "talk",
        'A WebSocket. You send `Spoken` messages; you are sent one message `{"type": "conversation"}` with what was'
        " said before, as a `Transcript`, then an `Event` for whatever happens in the conversation, and a `Trouble` for"
        " a message that was not taken. A browser, which can't send headers, offers the subprotocols `gretchen.v1` and"
        " `key.KEY`.",
        {101: ("Switched to WebSocket.", None)},
        refusals=(503,),
    ),
    Call(
        "post",
        "/v1/feedback",
        "judge",
        "Say whether an answer was good. The last judgement on an answer holds.",
        {202: ("Kafka has it.", Taken)},
        Judged,
        (404,),
        example={"answer_id": "api-1:answer", "good": False, "comment": "I asked for the fee abroad"},
    ),
    Call(
        "get",
        "/v1/handovers",
        "handovers",
        "The conversations that wait for a person, or have one.",
        {200: ("Those that are open.", Open)},
    ),
    Call(
        "post",
        "/v1/handovers/{id}/replies",
        "reply",
        "Write to the customer of an open hand-over, and with `closes` give the conversation back to Gretchen.",
        {202: ("Kafka has it.", Taken)},
        Replied,
        (404,),
        example={"text": "Your card was sent today.", "by": "Ada", "closes": True},
    ),
)
TYPES = (Questioned, Receipt, Transcript, Event, Spoken, Trouble, Judged, Open, Replied, Taken, Refusal)
REF = "#/components/schemas/{name}"


@cache
def openapi() -> Json:
    _, schemas = msgspec.json.schema_components(TYPES, ref_template=REF)
    for schema in schemas.values():
        schema["description"] = inspect.cleandoc(schema["description"])
    paths: Json = {}
    for call in CALLS:
        paths.setdefault(call.path, {})[call.method] = operation(call)
    schemes = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "Gretchen", "version": version("gretchen"), "description": ABOUT},
        "paths": paths,
        "components": {"schemas": schemas, "securitySchemes": schemes},
        "security": [{"bearer": []}, {"key": []}, {}],
    }


def operation(call: Call) -> Json:
    refusals = sorted({*OF_ALL, *call.refusals, *(OF_POSTS if call.body else ())})
    answers = {str(status): answer(about, shape) for status, (about, shape) in call.answers.items()}
    told: Json = {
        "operationId": call.id,
        "summary": call.about.partition(". ")[0].rstrip("."),
        "description": call.about,
        "parameters": parameters(call),
        "responses": answers | {str(status): answer(REFUSALS[status], Refusal) for status in refusals},
    }
    if call.body:
        content = {"application/json": {"schema": ref(call.body), "example": call.example}}
        told["requestBody"] = {"required": True, "content": content}
    return told


def parameters(call: Call) -> list[Json]:
    place = {"name": "id", "in": "path", "required": True, "description": "The conversation's, percent-encoded."}
    found: list[Json] = [place | {"schema": {"type": "string"}}] if "{id}" in call.path else []
    return found + ([call.query] if call.query else [])


def answer(about: str, shape: type[msgspec.Struct] | None) -> Json:
    return {"description": about} | ({"content": {"application/json": {"schema": ref(shape)}}} if shape else {})


def ref(shape: type[msgspec.Struct]) -> Json:
    return {"$ref": REF.format(name=shape.__name__)}
