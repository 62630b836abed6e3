"""Feeds into the news topic: each polled at its own pace, one that fails does not stop the others."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import msgspec

from models.errors import GretchenError
from streams.settings import Settings
from streams.sources.fetch import Fetched, fetch
from streams.sources.items import FeedError, Parsed, label, to_news
from streams.sources.parse import parse
from streams.sources.publish import Outgoing
from streams.sources.seen import FeedState, Seen

MAX_BACKOFF_S = 3600.0
AT_ONCE = 8
STOP_S = 5.0


@dataclass(frozen=True)
class Limits:
    """How often, how long and how much to read of a feed."""

    interval_s: float = 300.0
    timeout_s: float = 20.0
    max_bytes: int = 5_000_000
    with_summary: bool = False


class Poll(NamedTuple):
    """What one poll brought, or the `error` that it ended with; `next_s` is the wait until the next one."""

    feed: str
    status: int
    entered: int
    known: int
    textless: int
    error: str | None
    detail: str
    next_s: float


def next_poll_s(interval_s: float, failures: int, retry_after_s: float | None, draw: float) -> float:
    """The wait after a poll: the interval give or take a tenth, doubled with each failure in a row, never less than
    the server asked for. `draw` is uniform in [0, 1): it keeps many readers from knocking at the same moment."""
    wait = min(interval_s * 2.0 ** min(failures, 30), max(MAX_BACKOFF_S, interval_s))
    return max(wait * (0.9 + 0.2 * draw), retry_after_s or 0.0)


@dataclass
class Reader:
    """Polls feeds. `deliver` sends records and returns when Kafka has acknowledged each; it runs in a thread.

    Its error ends the reader: nothing is marked as read that Kafka did not take.
    """

    settings: Settings
    limits: Limits
    client: httpx.AsyncClient
    seen: Seen
    deliver: Callable[[Sequence[Outgoing]], None]
    abandon: Callable[[], None]
    report: Callable[[Poll], None]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    draw: Callable[[], float] = random.random
    _at_once: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _entering: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def read(self, urls: Sequence[str], once: bool) -> list[Poll]:
        """Poll all feeds once and return what came, or until cancelled.

        Raises BrokerUnavailable when Kafka takes nothing, SettingsError when nothing can be noted.
        """
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._watch(url, once)) for url in dict.fromkeys(urls)]
        except* GretchenError as errors:
            raise first(errors) from errors
        return [task.result() for task in tasks]

    async def _watch(self, url: str, once: bool) -> Poll:
        failures = 0
        while True:
            async with self._at_once:
                poll = await self.poll(url, failures)
            self.report(poll)
            if once:
                return poll
            failures = failures + 1 if poll.error else 0
            await self.sleep(poll.next_s)

    async def poll(self, url: str, failures: int = 0) -> Poll:
        """Read one feed once. Its failures are in the result; only those of Kafka and of the disk are raised."""
        feed = hashlib.sha256(url.encode()).hexdigest()
        state = self.seen.state(feed)
        limits, draw = self.limits, self.draw()
        try:
            got = await fetch(
                self.client, state.moved_to or url, state.validators, limits.max_bytes, limits.timeout_s, self.now()
            )
            # the address it was asked at, unless it moved for good since
            after = FeedState(got.validators, got.moved_to or state.moved_to, state.body_sha256)
            next_s = next_poll_s(limits.interval_s, 0, None, draw)
            detail = detail_of(got, after)
            if got.body is None or (sha := hashlib.sha256(got.body).hexdigest()) == state.body_sha256:
                self.seen.mark(feed, (), after)
                return Poll(label(url), got.status, 0, 0, 0, None, detail + ", unchanged", next_s)
            parsed = await parse(got.body, got.content_type, without_login(got.url))
        except FeedError as error:
            if state.moved_to:  # perhaps it moved back: ask at the address we were given
                self.seen.mark(feed, (), FeedState())
            wait = next_poll_s(limits.interval_s, failures + 1, error.retry_after_s, draw)
            return Poll(label(url), 0, 0, 0, 0, str(error), "", wait)
        entering = asyncio.create_task(self._enter(url, feed, parsed, after._replace(body_sha256=sha)))
        try:
            entered, known, textless = await asyncio.shield(entering)
        except asyncio.CancelledError:
            # a batch under way is finished and marked, so that a restart does not send it again
            if not (await asyncio.wait([entering], timeout=STOP_S))[0]:
                self.abandon()
            raise
        if parsed.malformed:
            detail += f", malformed XML ({parsed.malformed})"
        return Poll(label(url), got.status, entered, known, textless, None, detail, next_s)

    async def _enter(self, url: str, feed: str, parsed: Parsed, after: FeedState) -> tuple[int, int, int]:
        """Send what is new, then mark it. One feed at a time: two may carry the same item."""
        settings, source = self.settings, parsed.title or label(url)
        made = [
            to_news(
                item, url, source, self.now(), settings.max_future_s, settings.max_text_chars, self.limits.with_summary
            )
            for item in parsed.items
        ]
        news = {record.id: record for record in made if record}
        async with self._entering:
            known = self.seen.known(news)
            new = [
                Outgoing(id, id.encode(), msgspec.json.encode(record)) for id, record in news.items() if id not in known
            ]
            new.reverse()  # feeds are written newest first
            if new:
                await asyncio.to_thread(self.deliver, new)
            self.seen.mark(feed, news, after)
        return len(new), len(news) - len(new), made.count(None)


def first(errors: BaseExceptionGroup[GretchenError]) -> GretchenError:
    """One error for the user; the others of the group are its like."""
    error = errors.exceptions[0]
    return first(error) if isinstance(error, BaseExceptionGroup) else error


def detail_of(got: Fetched, after: FeedState) -> str:
    """What --verbose adds."""
    size = f", {len(got.body):,} bytes" if got.body is not None else ""
    moved = f", moved to {label(after.moved_to)}" if after.moved_to else ""
    return f"HTTP {got.status}{size}{moved}"


def without_login(url: str) -> str:
    """A URL to resolve links against: an item's link must never carry our password."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
