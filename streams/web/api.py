"""/v1: questions, conversations, feedback and hand-overs for programs, over HTTP and WebSocket."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from streams.records import Question
from streams.web.board import Board
from streams.web.gate import Gate
from streams.web.handovers import HandoverView
from streams.web.reach import Reach
from streams.web.refusals import REFUSALS, not_there
from streams.web.saying import feedback_of, question_of, reply_of, with_person
from streams.web.socket import Socket
from streams.web.take import API_BODY_BYTES, NAME, Judged, Questioned, Refused, Replied, read_body
from streams.web.talks import Event, Talks
from streams.web.views import Moment

LONGEST_WAIT_S = 30.0
WAITING = 500  # requests that wait for an answer, of all callers
SOCKETS = 500


class Receipt(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a question so far; `event` tells it, once there is more than that Kafka has it."""

    id: str
    conversation_id: str
    status: Literal["received", "answered", "handed_over", "person", "refused"]
    event: Event | None = None


class Taken(msgspec.Struct, frozen=True):
    """Kafka has it."""

    id: str


class Transcript(msgspec.Struct, frozen=True):
    """A conversation, oldest first, as far as this page remembers. `handed_over`: since when a person has it."""

    conversation_id: str
    handed_over: Moment | None
    lines: list[Event]


class Open(msgspec.Struct, frozen=True):
    """The conversations that persons have, as far as this page remembers, the one that changed last at the end."""

    handovers: list[HandoverView]


class Seats:
    """How many may hold a request or a connection open at a time."""

    def __init__(self, most: int) -> None:
        self.left = most

    @contextmanager
    def taken(self, what: str) -> Iterator[None]:
        """Raises Refused."""
        if self.left <= 0:
            raise Refused(503, f"too many {what} at once; try again shortly", {"Retry-After": "5"})
        self.left -= 1
        try:
            yield
        finally:
            self.left += 1


def create_api(board: Board, reach: Reach, gate: Gate) -> Starlette:
    """An application to mount; it knows its callers by `gate` alone."""
    waiting, sockets = Seats(WAITING), Seats(SOCKETS)

    async def ask(request: Request) -> Response:
        gate.admit(request)
        wait_s = wait_of(request)
        asked = await read_body(request, Questioned, "question", API_BODY_BYTES)
        question = to_ask(board.talks, asked.text, asked.id, asked.conversation_id)
        if not wait_s:
            return answer_with(await send(board.talks, reach, question))
        with waiting.taken("requests that wait"):
            return answer_with(await send_and_wait(board.talks, reach, question, wait_s))

    async def conversation(request: Request) -> Response:
        gate.admit(request)
        told = transcript_of(board.talks, request.path_params["conversation"])
        if told is None:
            raise Refused(404, "this page remembers no conversation of this id")
        return encoded(told)

    async def feedback(request: Request) -> Response:
        gate.admit(request)
        judged = await read_body(request, Judged, "judgement", API_BODY_BYTES)
        record = feedback_of(judged, board.talks.answers.get(judged.answer_id), datetime.now(UTC))
        await reach.judge(record)
        return encoded(Taken(record.id), 202)

    async def handovers(request: Request) -> Response:
        gate.admit(request)
        return encoded(Open(board.handovers.open()))

    async def reply(request: Request) -> Response:
        gate.admit(request)
        replied = await read_body(request, Replied, "reply", API_BODY_BYTES)
        conversation = with_person(board.handovers, request.path_params["conversation"])
        record = reply_of(replied, conversation, replied.id or f"api-{uuid.uuid4()}", datetime.now(UTC))
        await reach.reply(record)
        return encoded(Taken(record.id), 202)

    async def talk(websocket: WebSocket) -> None:
        conversation = websocket.path_params["conversation"]

        async def sent(text: str, id: str | None) -> None:
            await send(board.talks, reach, to_ask(board.talks, text, id, conversation))

        def begin() -> bytes:
            told = transcript_of(board.talks, conversation) or Transcript(conversation, None, [])
            return msgspec.json.encode({"type": "conversation", **msgspec.structs.asdict(told)})

        await Socket(websocket, gate, sockets.taken, board.talks, sent, begin).serve(conversation)

    routes = [
        Route("/questions", ask, methods=["POST"]),
        Route("/conversations/{conversation:path}", conversation),
        Route("/feedback", feedback, methods=["POST"]),
        Route("/handovers", handovers),
        Route("/handovers/{conversation:path}/replies", reply, methods=["POST"]),
        WebSocketRoute("/conversations/{conversation:path}/ws", talk),
    ]
    origins = gate.access.origins
    cors = Middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type", "X-API-Key"],
    )
    return Starlette(
        routes=routes,
        middleware=[cors] if origins else [],
        exception_handlers=REFUSALS | {HTTPException: not_there},
    )


def wait_of(request: Request) -> float:
    """The seconds in ?wait=; raises Refused."""
    given = request.query_params.get("wait", "0")
    try:
        wait_s = float(given)
    except ValueError:
        wait_s = -1.0
    if not 0 <= wait_s <= LONGEST_WAIT_S:
        raise Refused(400, f"wait: got {given[:20]!r}, wanted seconds from 0 to {LONGEST_WAIT_S:g}")
    return wait_s


def to_ask(talks: Talks, text: str, id: str | None, conversation: str | None) -> Question:
    """Raises Refused if `id` is that of a question of another conversation."""
    id = id or f"api-{uuid.uuid4()}"
    known = talks.questions.get(id)
    if known and conversation and known != conversation:
        raise Refused(409, "a question of this id was asked in another conversation")
    if conversation and conversation not in talks.talks and not NAME.fullmatch(conversation):
        raise Refused(400, "a new conversation's id is 1 to 64 letters, digits, - and _")
    return question_of(text, id, conversation or known or id, datetime.now(UTC))


async def send(talks: Talks, reach: Reach, question: Question) -> Receipt:
    """One that was sent before is not sent again: whoever lost the reply may ask once more."""
    if question.id not in talks.questions:
        await reach.ask(question)
        talks.ask(question, datetime.now(UTC))
    return receipt(question, talks.settled(question.id))


async def send_and_wait(talks: Talks, reach: Reach, question: Question, wait_s: float) -> Receipt:
    conversation = question.conversation_id or question.id
    settled: asyncio.Future[Event] = asyncio.get_running_loop().create_future()

    def hear(event: Event) -> None:
        if event.id == question.id and event.type != "received" and not settled.done():
            settled.set_result(event)

    stop = talks.listen(conversation, hear)
    try:
        sent = await send(talks, reach, question)
        if sent.event is None:
            await asyncio.wait([settled], timeout=wait_s)
        return receipt(question, settled.result()) if settled.done() else sent
    finally:
        stop()
        settled.cancel()


def receipt(question: Question, event: Event | None) -> Receipt:
    return Receipt(question.id, question.conversation_id or question.id, event.type if event else "received", event)


def transcript_of(talks: Talks, conversation: str) -> Transcript | None:
    talk = talks.talks.get(conversation)
    return Transcript(conversation, talk.handed_over, list(talk.lines.values())) if talk else None


def answer_with(receipt: Receipt) -> Response:
    return encoded(receipt, 200 if receipt.event else 202)


def encoded(value: object, status: int = 200) -> Response:
    body = msgspec.json.encode(value)
    return Response(body, status, {"Cache-Control": "no-store"}, media_type="application/json")
