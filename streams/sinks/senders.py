"""From a sink to the function that makes one attempt."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Awaitable, Callable, Sequence

import httpx

from streams.records import Alert
from streams.sinks import alertmanager, log, mail, slack, webhook
from streams.sinks.config import Alertmanager, Log, Mail, Sink, Slack, Webhook
from streams.sinks.outcome import Delivered, Failed, Outcome
from streams.sinks.post import post
from streams.sinks.told import Episode

Send = Callable[[Alert, Episode | None], Awaitable[Outcome]]
"""An alert and its episode as it was before it."""


def sender(sink: Sink, client: httpx.AsyncClient, write: Callable[[str], None]) -> Send:
    """`write` prints a line. What is returned raises nothing that the network or the receiver does."""

    async def send(alert: Alert, known: Episode | None) -> Outcome:
        match sink:
            case Webhook():
                return await post(client, webhook.request(sink, alert, time.time()), sink.timeout_s)
            case Slack():
                return await post(client, slack.request(sink, alert), sink.timeout_s)
            case Alertmanager():
                entries = alertmanager.change(sink, alert, known, time.time())
                return await post(client, alertmanager.request(sink, entries), sink.timeout_s)
            case Mail():
                return await send_mail(sink, alert)
            case Log():
                return write_line(write, log.line(alert))
        raise AssertionError(f"no sender for {sink!r}")

    return send


def write_line(write: Callable[[str], None], line: str) -> Outcome:
    try:
        write(line)
    except OSError as error:  # a full disk may pass
        return Failed(f"{type(error).__name__}: {error}")
    return Delivered()


async def send_mail(sink: Mail, alert: Alert) -> Outcome:
    """In a thread of its own. One that outlasts the timeout is not waited for, neither here nor when the process ends,
    and takes no place in the pool that resolves names for all others: it ends by the timeouts of its socket."""
    message, loop = mail.message(sink, alert), asyncio.get_running_loop()
    result: asyncio.Future[Outcome] = loop.create_future()

    def run() -> None:
        outcome: Outcome | Exception
        try:
            outcome = mail.send(sink, message)
        except Exception as error:  # noqa: BLE001 - raised where the outcome is awaited
            outcome = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, result, outcome)

    threading.Thread(target=run, name=f"mail-{sink.name}", daemon=True).start()
    try:
        return await asyncio.wait_for(result, sink.timeout_s)
    except TimeoutError:
        return Failed(f"no answer within {sink.timeout_s:g} s")


def settle(result: "asyncio.Future[Outcome]", outcome: Outcome | Exception) -> None:
    if result.done():
        return
    if isinstance(outcome, Exception):
        result.set_exception(outcome)
    else:
        result.set_result(outcome)


async def repeat(sink: Alertmanager, client: httpx.AsyncClient, open_alerts: Sequence[Alert]) -> Outcome:
    """Open episodes again, all in one request."""
    now_s = time.time()
    entries = (alertmanager.firing(sink, alert, now_s) for alert in open_alerts)
    return await post(client, alertmanager.request(sink, entries), sink.timeout_s)
