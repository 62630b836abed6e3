"""create_app: the page, its events, what people send it and the API as a Starlette application. Knows no Kafka."""

import logging
import time
import uuid
from collections.abc import Awaitable, Callable
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

from streams.records import AlertAction
from streams.web.actions import ack_of, mute_of, unack_of, unmute_of
from streams.web.api import create_api
from streams.web.gate import Access, Gate
from streams.web.guard import Allowance, SecurityHeaders, allowed_hosts
from streams.web.history import Archive
from streams.web.hub import Full, Hub
from streams.web.openapi import openapi
from streams.web.reach import Reach
from streams.web.refusals import REFUSALS
from streams.web.saying import feedback_of, question_of, reply_of, with_person
from streams.web.take import API_BODY_BYTES, Acted, Asked, Judged, Refused, Replied, read_body, refuse_foreign

STATIC = Path(__file__).resolve().parent / "static"
SEND_TIMEOUT_S = 5.0  # a browser that takes nothing for so long is let go

log = logging.getLogger("gretchen.page")


def create_app(
    hub: Hub,
    reach: Reach,
    host: str,
    allowance: Allowance | None = None,
    registry: CollectorRegistry | None = None,
    access: Access | None = None,
) -> Starlette:
    """The page over `hub`'s board. `host` is the address it is bound to: it decides which Host headers are answered.

    `allowance` is that of the page's own visitors, `access` what the API asks of its.
    """
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
        refuse_foreign(request, "question")
        asked = await read_body(request, Asked, "question")
        question = question_of(asked.text, f"page-{uuid.uuid4()}", asked.conversation_id, datetime.now(UTC))
        admit(request, "question")
        await reach.ask(question)
        return JSONResponse({"id": question.id}, 202)

    async def feedback(request: Request) -> Response:
        refuse_foreign(request, "judgement")
        judged = await read_body(request, Judged, "judgement")
        admit(request, "judgement")
        record = feedback_of(judged, hub.board.talks.answers.get(judged.answer_id), datetime.now(UTC))
        await reach.judge(record)
        return JSONResponse({"id": record.id}, 202)

    async def replies(request: Request) -> Response:
        refuse_foreign(request, "reply")
        replied = await read_body(request, Replied, "reply", API_BODY_BYTES)
        admit(request, "reply")
        conversation = with_person(hub.board.handovers, request.path_params["conversation"])
        record = reply_of(replied, conversation, replied.id or f"page-{uuid.uuid4()}", datetime.now(UTC))
        await reach.reply(record)
        return JSONResponse({"id": record.id}, 202)

    def acting(
        parameter: str, action_of: Callable[[str, Acted, datetime], AlertAction]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def act(request: Request) -> Response:
            refuse_foreign(request, "action")
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

    async def docs(request: Request) -> Response:
        return FileResponse(STATIC / "docs.html")

    async def described(request: Request) -> Response:
        return JSONResponse(openapi())

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
        Route("/api/feedback", feedback, methods=["POST"]),
        Route("/api/handovers/{conversation:path}/replies", replies, methods=["POST"]),
        Route("/api/alerts/{episode:path}/ack", acting("episode", on_episode(ack_of)), methods=["POST"]),
        Route("/api/alerts/{episode:path}/unack", acting("episode", on_episode(unack_of)), methods=["POST"]),
        Route("/api/streams/{key:path}/mute", acting("key", mute_of), methods=["POST"]),
        Route("/api/streams/{key:path}/unmute", acting("key", unmute_of), methods=["POST"]),
        Route("/api/streams/{key:path}", stream),
        Mount("/v1", create_api(hub.board, reach, Gate(access or Access(), host))),
        Route("/openapi.json", described),
        Route("/docs", docs),
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    if registry is not None:
        routes.append(Route("/metrics", metrics))
    hosts = Middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts(host), www_redirect=False)
    return Starlette(routes=routes, middleware=[Middleware(SecurityHeaders), hosts], exception_handlers=REFUSALS)


class Events(EventSourceResponse):
    """Server-sent events; a browser that takes nothing is one line in the log, not a traceback."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        except SendTimeoutError:
            log.info("let go of a browser that took nothing for %.0f s", SEND_TIMEOUT_S)
