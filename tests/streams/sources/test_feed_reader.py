"""Feeds polled from a real server; what would go to Kafka is kept in a list."""

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import msgspec
import pytest

from models.errors import BrokerUnavailable
from streams.records import News
from streams.settings import Settings
from streams.sources.feeds import Limits, Poll, Reader, next_poll_s, without_login
from streams.sources.publish import Outgoing
from streams.sources.seen import Seen
from tests.support.feed_server import BILLION_LAUGHS, GZIP_BOMB, FeedServer, rss

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
LIMITS = Limits(timeout_s=5.0, max_bytes=100_000)


class Desk:
    """A reader with its memory on disk; a new one over the same folder is a restart."""

    def __init__(self, folder: Path, limits: Limits = LIMITS) -> None:
        self.folder, self.limits = folder, limits
        self.sent: list[Outgoing] = []
        self.polls: list[Poll] = []
        self.slept: list[float] = []
        self.abandoned = False
        self.broken = False

    def deliver(self, records: Sequence[Outgoing]) -> None:
        if self.broken:
            raise BrokerUnavailable("no Kafka")
        self.sent += records

    def abandon(self) -> None:
        self.abandoned = True

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def read(self, *urls: str, polls: int | None = None) -> list[Poll]:
        """Poll each of `urls` once, or until there were `polls`."""

        async def run() -> list[Poll]:
            async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
                seen = Seen(self.folder / "feeds.sqlite3")
                reader = Reader(
                    Settings(data_dir=self.folder), self.limits, client, seen, self.deliver, self.abandon,
                    self.polls.append, self.sleep, lambda: NOW, lambda: 0.5,
                )  # fmt: skip
                try:
                    task = asyncio.create_task(reader.read(urls, once=polls is None))
                    while polls and len(self.polls) < polls and not task.done():
                        await asyncio.sleep(0.01)
                    if polls:
                        task.cancel()
                        await asyncio.wait([task])
                        return self.polls
                    return await task
                finally:
                    seen.close()

        return asyncio.run(run())

    def texts(self) -> list[str]:
        return [msgspec.json.decode(record.value, type=News).text for record in self.sent]


def test_items_enter_oldest_first_with_what_the_feed_says(server: FeedServer, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    (poll,) = desk.read(server.page("/feed", rss("Kelmar cuts jobs", "Oil slips")))
    assert (poll.status, poll.entered, poll.known, poll.error) == (200, 2, 0, None)
    assert desk.texts() == ["Oil slips", "Kelmar cuts jobs"]
    news = msgspec.json.decode(desk.sent[1].value, type=News)
    assert news.published_at == datetime(2026, 3, 3, 8, 2, tzinfo=UTC)
    assert (news.source, news.url) == ("Harbor Wire", "http://news.example/2")
    assert desk.sent[1].key == news.id.encode() == desk.sent[1].id.encode()


def test_item_enters_once_also_after_a_restart(server: FeedServer, tmp_path: Path) -> None:
    url = server.page("/feed", rss("Oil slips"))
    Desk(tmp_path).read(url)
    server.page("/feed", rss("Kelmar cuts jobs", "Oil slips"))
    again = Desk(tmp_path)
    (poll,) = again.read(url)
    assert (poll.entered, poll.known) == (1, 1)
    assert again.texts() == ["Kelmar cuts jobs"]


def test_restart_asks_conditionally(server: FeedServer, tmp_path: Path) -> None:
    server.pages["/feed"] = lambda headers: (
        (304, {}, b"") if headers.get("if-none-match") == '"v1"' else (200, {"ETag": '"v1"'}, rss("Oil slips"))
    )
    Desk(tmp_path).read(server.url + "/feed")
    (poll,) = Desk(tmp_path).read(server.url + "/feed")
    assert (poll.status, poll.entered, poll.error) == (304, 0, None)
    (poll,) = Desk(tmp_path).read(server.url + "/feed")
    assert poll.status == 304  # the validators outlive an answer without any


def test_nothing_is_marked_that_kafka_did_not_take(server: FeedServer, tmp_path: Path) -> None:
    url = server.page("/feed", rss("Oil slips"), ETag='"v1"')
    desk = Desk(tmp_path)
    desk.broken = True
    with pytest.raises(BrokerUnavailable):
        desk.read(url)
    desk.broken = False
    (poll,) = desk.read(url)
    assert (poll.entered, desk.texts()) == (1, ["Oil slips"])
    assert "if-none-match" not in server.requests[-1][1]


def test_title_changed_under_the_same_guid_does_not_enter_again(server: FeedServer, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.read(server.page("/feed", rss("Oil slips")))
    (poll,) = desk.read(server.page("/feed", rss("Oil slips, then recovers")))
    assert (poll.entered, poll.known) == (0, 1)


def test_item_carried_by_two_feeds_enters_once(server: FeedServer, tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    polls = desk.read(server.page("/a", rss("Oil slips")), server.page("/b", rss("Oil slips")))
    assert sorted(poll.entered for poll in polls) == [0, 1]
    assert desk.texts() == ["Oil slips"]


BAD = {
    "missing": (404, {}, b""),
    "failing": (500, {}, b""),
    "broken": (200, {}, b"<rss><channel"),
    "entity bomb": (200, {}, BILLION_LAUGHS),
    "gzip bomb": (200, {"Content-Encoding": "gzip"}, GZIP_BOMB),
    "oversized": (200, {}, b"<rss>" + b" " * 200_000),
    "a login page": (200, {"Content-Type": "text/html"}, b"<html><body>Log in</body></html>"),
    "a loop": (302, {"Location": "/bad"}, b""),
    "nothing": (200, {}, b""),
}


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_feed_is_one_line_and_the_others_go_on(server: FeedServer, tmp_path: Path, kind: str) -> None:
    server.pages["/bad"] = lambda _: BAD[kind]
    desk = Desk(tmp_path)
    bad, good = desk.read(server.url + "/bad", server.page("/good", rss("Oil slips")))
    assert bad.error and "\n" not in bad.error
    assert good.error is None
    assert desk.texts() == ["Oil slips"]


def test_salvage_of_broken_xml_enters_and_is_told(server: FeedServer, tmp_path: Path) -> None:
    whole = rss("Kelmar cuts jobs", "Oil slips")
    desk = Desk(tmp_path)
    (poll,) = desk.read(server.page("/feed", whole[: whole.index(b"Oil")]))
    assert desk.texts() == ["Kelmar cuts jobs"]
    assert (poll.entered, poll.textless) == (1, 1)
    assert "malformed" in poll.detail


def test_failures_back_off_and_success_ends_it(server: FeedServer, tmp_path: Path) -> None:
    url = server.in_turn("/feed", (500, {}, b""), (500, {}, b""), (200, {}, rss("Oil slips")))
    desk = Desk(tmp_path, Limits(interval_s=100.0))
    desk.read(url, polls=4)
    assert desk.slept[:3] == [200.0, 400.0, 100.0]
    assert desk.texts() == ["Oil slips"]


def test_wait_that_the_server_asked_for_is_honored(server: FeedServer, tmp_path: Path) -> None:
    desk = Desk(tmp_path, Limits(interval_s=10.0))
    (poll,) = desk.read(server.page("/feed", b"", 429, Retry_After="1800"))
    assert poll.next_s == 1800


def test_permanent_redirect_is_remembered_until_it_fails(server: FeedServer, tmp_path: Path) -> None:
    server.page("/new", rss("Oil slips"))
    url = server.page("/old", b"", 301, Location="/new")
    desk = Desk(tmp_path)
    desk.read(url)
    desk.read(url)
    assert server.paths() == ["/old", "/new", "/new"]
    del server.pages["/new"]
    server.page("/old", rss("Kelmar cuts jobs", "Oil slips"))
    assert desk.read(url)[0].error
    assert desk.read(url)[0].entered == 1
    assert server.paths()[3:] == ["/new", "/old"]


def test_stop_interrupts_a_slow_feed_at_once(server: FeedServer, tmp_path: Path) -> None:
    server.page("/slow", b"x" * 10_000)
    server.drip_s = 0.05
    desk = Desk(tmp_path, Limits(timeout_s=60.0))

    async def run() -> float:
        async with httpx.AsyncClient(trust_env=False) as client:
            seen = Seen(tmp_path / "f")
            reader = Reader(
                Settings(data_dir=tmp_path), desk.limits, client, seen, desk.deliver, desk.abandon, desk.polls.append
            )
            task = asyncio.create_task(reader.read([server.url + "/slow"], once=False))
            while not server.requests:
                await asyncio.sleep(0.01)
            started = time.monotonic()
            task.cancel()
            await asyncio.wait([task])
            seen.close()
            return time.monotonic() - started

    assert asyncio.run(run()) < 1.0


def test_stop_while_kafka_takes_the_items_finishes_and_marks_them(server: FeedServer, tmp_path: Path) -> None:
    url = server.page("/feed", rss("Oil slips"))
    desk = Desk(tmp_path)

    async def run() -> None:
        begun = asyncio.Event()
        loop = asyncio.get_running_loop()

        def slow(records: Sequence[Outgoing]) -> None:
            loop.call_soon_threadsafe(begun.set)
            time.sleep(0.3)
            desk.deliver(records)

        async with httpx.AsyncClient(trust_env=False) as client:
            seen = Seen(tmp_path / "feeds.sqlite3")
            reader = Reader(
                Settings(data_dir=tmp_path), desk.limits, client, seen, slow, desk.abandon, desk.polls.append
            )
            task = asyncio.create_task(reader.read([url], once=False))
            await begun.wait()
            task.cancel()
            await asyncio.wait([task])
            seen.close()

    asyncio.run(run())
    assert desk.texts() == ["Oil slips"] and not desk.abandoned
    assert desk.read(url)[0].known == 0  # the same bytes: not even parsed
    assert desk.texts() == ["Oil slips"]


def test_waits_grow_with_failures_within_bounds_and_are_spread() -> None:
    assert [next_poll_s(300.0, n, None, 0.5) for n in range(6)] == [300, 600, 1200, 2400, 3600, 3600]
    assert next_poll_s(7200.0, 9, None, 0.5) == 7200
    assert next_poll_s(300.0, 0, None, 0.0) == 270 and next_poll_s(300.0, 0, None, 0.999) < 330
    assert next_poll_s(300.0, 10_000, 5.0, 0.5) == 3600


def test_login_stays_out_of_links() -> None:
    assert without_login("https://jo:p@ss@news.example:1/rss?x=1") == "https://news.example:1/rss?x=1"
