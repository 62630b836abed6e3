"""create_app: the page, its events and its questions as a Starlette application. Knows the board, not Kafka."""

import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sse_starlette import EventSourceResponse
from sse_starlette.sse import SendTimeoutError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from models.errors import BrokerUnavailable
from streams.records import Question
from streams.web.guard import Allowance, SecurityHeaders, allowed_hosts, same_origin
from streams.web.hub import Full, Hub

STATIC = Path(__file__).resolve().parent / "static"
QUESTION_BYTES = 8192
QUESTION_CHARS = 1000
SEND_TIMEOUT_S = 5.0  # a browser that takes nothing for so long is let go

log = logging.getLogger("gretchen.page")

Ask = Callable[[Question], Awaitable[None]]
"""Puts a question into its topic, and returns once Kafka has it. Raises BrokerUnavailable."""


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of POST /questions."""

    text: Annotated[str, Meta(min_length=1, max_length=QUESTION_CHARS)]
    conversation_id: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[A-Za-z0-9_-]+\Z")]


class Refused(Exception):
    """A question that is not taken: the HTTP status and one line for its author."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(line)
        self.status = status


def create_app(
    hub: Hub, ask: Ask, host: str, allowance: Allowance | None = None, registry: CollectorRegistry | None = None
) -> Starlette:
    """The page over `hub`'s board. `host` is the address it is bound to: it decides which Host headers are answered."""
    questions_left = allowance or Allowance()

    async def index(request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def events(request: Request) -> Response:
        try:
            return Events(hub.subscribe(), ping=15, send_timeout=SEND_TIMEOUT_S, headers={"Cache-Control": "no-store"})
        except Full:
            line = f"{hub.most} browsers are connected, the most this page serves"
            return JSONResponse({"error": line}, 503, {"Retry-After": "30"})

    async def questions(request: Request) -> Response:
        try:
            asked = await read_question(request)
            client = request.client.host if request.client else ""
            if not questions_left.take(client, time.monotonic()):
                raise Refused(429, "too many questions in a short time; wait a few seconds")
            question = Question(
                id=f"page-{uuid.uuid4()}",
                text=asked.text,
                conversation_id=asked.conversation_id,
                asked_at=datetime.now(UTC),
            )
            await ask(question)
        except Refused as refused:
            return JSONResponse({"error": str(refused)}, refused.status)
        except BrokerUnavailable as error:
            return JSONResponse({"error": str(error)}, 503)
        return JSONResponse({"id": question.id}, 202)

    async def healthz(request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def readyz(request: Request) -> Response:
        ready = hub.board.broker == "connected"
        return JSONResponse({"ready": ready, "broker": hub.board.broker}, 200 if ready else 503)

    async def metrics(request: Request) -> Response:
        assert registry is not None
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    routes = [
        Route("/", index),
        Route("/events", events),
        Route("/questions", questions, methods=["POST"]),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    if registry is not None:
        routes.append(Route("/metrics", metrics))
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts(host), www_redirect=False)
    return Starlette(routes=routes, middleware=[Middleware(SecurityHeaders), hosts])


async def read_question(request: Request) -> Asked:
    """The question in a request's body; raises Refused. Never reads more than `QUESTION_BYTES`."""
    if not same_origin(request.headers):
        raise Refused(403, "questions are taken from this page only, not from other sites")
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise Refused(415, "a question is sent as application/json")
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > QUESTION_BYTES:
                raise Refused(413, f"a question has at most {QUESTION_CHARS} characters")
    except ClientDisconnect:
        raise Refused(400, "the question broke off") from None
    try:
        asked = msgspec.json.decode(body, type=Asked)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(400, f"the question can't be read: {error}") from None
    if not asked.text.strip():
        raise Refused(400, "the question is empty")
    return asked


class Events(EventSourceResponse):
    """Server-sent events; a browser that takes nothing is one line in the log, not a traceback."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("let go of a browser that took nothing for %.0f s", SEND_TIMEOUT_S)
