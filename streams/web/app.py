"""create_app: the page, its events and what people send it as a Starlette application. Knows the board, not Kafka."""

import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from sse_starlette import EventSourceResponse
from sse_starlette.sse import SendTimeoutError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from models.errors import BrokerUnavailable, GretchenError, TopicMismatch
from streams.news.windows import WindowState
from streams.records import AlertAction, Question
from streams.web.actions import ack_of, mute_of, unack_of, unmute_of
from streams.web.guard import Allowance, SecurityHeaders, allowed_hosts
from streams.web.history import Archive
from streams.web.hub import Full, Hub
from streams.web.take import Acted, Asked, Refused, read_body

STATIC = Path(__file__).resolve().parent / "static"
SEND_TIMEOUT_S = 5.0  # a browser that takes nothing for so long is let go

log = logging.getLogger("gretchen.page")


@dataclass(frozen=True)
class Reach:
    """What the page can do beyond its board. All raise BrokerUnavailable when Kafka does not answer."""

    ask: Callable[[Question], Awaitable[None]]  # returns once Kafka has it, as `act` does
    act: Callable[[AlertAction], Awaitable[None]]
    read: Callable[[str], WindowState | None]  # a stream's state; called in a thread, may take a second


def create_app(
    hub: Hub,
    reach: Reach,
    host: str,
    allowance: Allowance | None = None,
    registry: CollectorRegistry | None = None,
) -> Starlette:
    """The page over `hub`'s board. `host` is the address it is bound to: it decides which Host headers are answered."""
    allowed = allowance or Allowance()
    archive = Archive(reach.read)

    def admit(request: Request, what: str) -> None:
        if not allowed.take(request.client.host if request.client else "", time.monotonic()):
            raise Refused(429, f"too many {what}s in a short time; wait a few seconds")

    async def index(request: Request) -> Response:
        return FileResponse(STATIC / "index.html")

    async def events(request: Request) -> Response:
        try:
            return Events(hub.subscribe(), ping=15, send_timeout=SEND_TIMEOUT_S, headers={"Cache-Control": "no-store"})
        except Full:
            line = f"{hub.most} browsers are connected, the most this page serves"
            return JSONResponse({"error": line}, 503, {"Retry-After": "30"})

    async def questions(request: Request) -> Response:
        asked = await read_body(request, Asked, "question")
        if not asked.text.strip():
            raise Refused(400, "the question is empty")
        admit(request, "question")
        question = Question(
            id=f"page-{uuid.uuid4()}",
            text=asked.text,
            conversation_id=asked.conversation_id,
            asked_at=datetime.now(UTC),
        )
        await reach.ask(question)
        return JSONResponse({"id": question.id}, 202)

    def acting(
        parameter: str, action_of: Callable[[str, Acted, datetime], AlertAction]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def act(request: Request) -> Response:
            acted = await read_body(request, Acted, "action")
            admit(request, "action")
            action = action_of(request.path_params[parameter], acted, datetime.now(UTC))
            await reach.act(action)
            return JSONResponse({"id": action.id}, 202)

        return act

    def on_episode(
        of: Callable[[str, str, Acted, datetime], AlertAction],
    ) -> Callable[[str, Acted, datetime], AlertAction]:
        def act(episode: str, acted: Acted, now: datetime) -> AlertAction:
            known = hub.board.alerts.get(episode)
            if known is None:
                raise Refused(404, "the page knows no alert of this episode any more; 'gretchen alerts ack' may")
            return of(episode, known["entity"], acted, now)

        return act

    async def stream(request: Request) -> Response:
        view = await archive.view(request.path_params["key"])
        if view is None:
            raise Refused(404, "no table has a history of this name yet")
        return JSONResponse(view, headers={"Cache-Control": "no-store"})

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
        Route("/api/alerts/{episode:path}/ack", acting("episode", on_episode(ack_of)), methods=["POST"]),
        Route("/api/alerts/{episode:path}/unack", acting("episode", on_episode(unack_of)), methods=["POST"]),
        Route("/api/streams/{key:path}/mute", acting("key", mute_of), methods=["POST"]),
        Route("/api/streams/{key:path}/unmute", acting("key", unmute_of), methods=["POST"]),
        Route("/api/streams/{key:path}", stream),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    if registry is not None:
        routes.append(Route("/metrics", metrics))
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts(host), www_redirect=False)
    refusals = {Refused: refused, GretchenError: failed}
    return Starlette(routes=routes, middleware=[Middleware(SecurityHeaders), hosts], exception_handlers=refusals)


async def refused(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, error.status if isinstance(error, Refused) else 400)


async def failed(request: Request, error: Exception) -> Response:
    status = 503 if isinstance(error, BrokerUnavailable) else 404 if isinstance(error, TopicMismatch) else 500
    return JSONResponse({"error": str(error)}, status)


class Events(EventSourceResponse):
    """Server-sent events; a browser that takes nothing is one line in the log, not a traceback."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("let go of a browser that took nothing for %.0f s", SEND_TIMEOUT_S)
