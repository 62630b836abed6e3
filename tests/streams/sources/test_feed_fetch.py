"""One conditional GET against a real server that behaves badly."""

import asyncio
import gzip
import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from streams.sources.fetch import Fetched, Validators, fetch, retry_after_s
from streams.sources.items import FeedError
from tests.support.feed_server import GZIP_BOMB, FeedServer, rss

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
NONE = Validators()


def get(url: str, validators: Validators = NONE, max_bytes: int = 100_000, timeout_s: float = 5.0) -> Fetched:
    async def run() -> Fetched:
        async with httpx.AsyncClient(timeout=timeout_s, trust_env=False) as client:
            return await fetch(client, url, validators, max_bytes, timeout_s, NOW)

    return asyncio.run(run())


def test_second_get_is_conditional_and_304_has_no_body(server: FeedServer) -> None:
    body = rss("Kelmar Foods lifts its forecast")
    etag, modified = '"v1"', "Tue, 03 Mar 2026 08:00:00 GMT"

    def answer(headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if headers.get("if-none-match") == etag and headers.get("if-modified-since") == modified:
            return 304, {}, b""
        return 200, {"ETag": etag, "Last-Modified": modified}, body

    server.pages["/feed"] = answer
    first = get(server.url + "/feed")
    assert (first.status, first.body, first.validators) == (200, body, Validators(etag, modified))
    second = get(server.url + "/feed", first.validators)
    assert (second.status, second.body) == (304, None)
    assert second.validators == first.validators


@pytest.mark.parametrize(
    ("status", "words"), [(404, "404: no feed"), (410, "remove it"), (500, "500"), (403, "refuses")]
)
def test_error_status_is_one_line(server: FeedServer, status: int, words: str) -> None:
    url = server.page("/feed", b"long\nstory", status)
    with pytest.raises(FeedError, match=words) as raised:
        get(url)
    assert "\n" not in str(raised.value)


def test_304_that_nobody_asked_for_is_an_error(server: FeedServer) -> None:
    with pytest.raises(FeedError, match="304"):
        get(server.page("/feed", b"", 304))


def test_503_carries_the_wait_its_server_asked_for(server: FeedServer) -> None:
    with pytest.raises(FeedError) as raised:
        get(server.page("/feed", b"", 503, Retry_After="120"))
    assert raised.value.retry_after_s == 120


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("17", 17.0),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
        ("99999999", 86_400.0),
        ("soon", None),
        ("-5", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOW) == seconds


def test_gzip_is_decompressed(server: FeedServer) -> None:
    body = rss("Kelmar Foods lifts its forecast")
    assert get(server.page("/feed", gzip.compress(body), Content_Encoding="gzip")).body == body
    assert server.requests[0][1]["accept-encoding"] == "gzip"


def test_gzip_bomb_costs_no_more_than_the_limit(server: FeedServer) -> None:
    url = server.page("/feed", GZIP_BOMB, Content_Encoding="gzip")
    tracemalloc.start()
    with pytest.raises(FeedError, match="more than 100,000 bytes"):
        get(url)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10_000_000 < len(gzip.decompress(GZIP_BOMB))


@pytest.mark.parametrize(
    ("data", "encoding", "words"),
    [
        (b"no gzip", "gzip", "damaged"),
        (gzip.compress(rss("One") * 9)[:-20], "gzip", "ends early"),
        (b"x", "br", "'br'"),
    ],
)
def test_bad_compression_is_refused(server: FeedServer, data: bytes, encoding: str, words: str) -> None:
    with pytest.raises(FeedError, match=words):
        get(server.page("/feed", data, Content_Encoding=encoding))


def test_oversized_body_is_refused(server: FeedServer) -> None:
    with pytest.raises(FeedError, match="more than 100,000 bytes"):
        get(server.page("/feed", b"x" * 100_001))
    assert get(server.page("/feed", b"x" * 100_000)).body is not None


def test_body_shorter_than_announced_is_an_error(server: FeedServer) -> None:
    with pytest.raises(FeedError, match="RemoteProtocolError"):
        get(server.page("/feed", rss("One"), Content_Length="5000"))


def test_server_that_drips_is_cut_off_at_the_total_deadline(server: FeedServer) -> None:
    server.drip_s = 0.05  # each byte well within any timeout for a single read
    started = time.monotonic()
    with pytest.raises(FeedError, match=r"within 0\.6 s"):
        get(server.page("/feed", b"x" * 1000), timeout_s=0.6)
    assert time.monotonic() - started < 5


def test_nobody_listening_is_one_line() -> None:
    with pytest.raises(FeedError, match="ConnectError"):
        get("http://127.0.0.1:9/feed")


def test_permanent_redirect_is_reported_as_a_move(server: FeedServer) -> None:
    server.page("/new", rss("One"))
    assert get(server.page("/old", b"", 301, Location="/new")).moved_to == server.url + "/new"
    assert get(server.url + "/new").moved_to is None


def test_temporary_redirect_is_followed_but_no_move(server: FeedServer) -> None:
    server.page("/new", rss("One"))
    server.page("/mid", b"", 302, Location="/new")
    got = get(server.page("/old", b"", 308, Location="/mid"))
    assert (got.status, got.url, got.moved_to) == (200, server.url + "/new", None)


def test_redirect_loop_ends(server: FeedServer) -> None:
    with pytest.raises(FeedError, match="more than 5 redirects"):
        get(server.page("/loop", b"", 302, Location="/loop"))
    assert len(server.requests) == 6


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://news.example/feed", "javascript:alert(1)"])
def test_redirect_out_of_http_is_refused(server: FeedServer, target: str) -> None:
    with pytest.raises(FeedError, match=r"http or https|usable URL"):
        get(server.page("/feed", b"", 302, Location=target))


@pytest.mark.parametrize("url", ["file:///etc/hostname", "news.example/feed", "http://", "http://[", "ftp://x/y", ""])
def test_url_that_is_no_web_address_is_one_line(url: str) -> None:
    with pytest.raises(FeedError):
        get(url)
