"""One conditional GET within limits: bytes after decompression, redirects, and the time for all of it together."""

import asyncio
import zlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx

from streams.sources.items import FeedError

REDIRECTS = (301, 302, 303, 307, 308)
PERMANENT = (301, 308)
MAX_REDIRECTS = 5
MAX_RETRY_AFTER_S = 86_400.0


class Validators(NamedTuple):
    """What makes a GET conditional, as the server gave it last time."""

    etag: str | None = None
    modified: str | None = None


class Fetched(NamedTuple):
    """`body` is None after 304 Not Modified. `moved_to` is set when only permanent redirects led to another place."""

    status: int
    body: bytes | None
    content_type: str
    url: str
    moved_to: str | None
    validators: Validators


async def fetch(
    client: httpx.AsyncClient, url: str, validators: Validators, max_bytes: int, timeout_s: float, now: datetime
) -> Fetched:
    """GET `url`. `max_bytes` bounds the decompressed body, `timeout_s` everything, redirects included.

    Raises FeedError, whose text names no URL (it may hold a password).
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await follow(client, url, validators, max_bytes, now)
    except TimeoutError:
        raise FeedError(f"no complete answer within {timeout_s:g} s (--timeout)") from None
    except httpx.InvalidURL as error:
        raise FeedError(f"not a usable URL ({error})") from None
    except httpx.HTTPError as error:
        raise FeedError(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__) from error


async def follow(client: httpx.AsyncClient, url: str, validators: Validators, max_bytes: int, now: datetime) -> Fetched:
    """GET through at most MAX_REDIRECTS redirects; see `fetch`."""
    place = httpx.URL(url)
    moved: bool | None = None  # until the first redirect
    headers = {"Accept": "application/rss+xml, application/atom+xml, application/xml;q=0.9, */*;q=0.5"}
    headers["Accept-Encoding"] = "gzip"  # what we decompress ourselves, within max_bytes
    if validators.etag:
        headers["If-None-Match"] = validators.etag
    if validators.modified:
        headers["If-Modified-Since"] = validators.modified
    for _ in range(MAX_REDIRECTS + 1):
        if place.scheme not in ("http", "https") or not place.host:
            raise FeedError(f"got a {place.scheme or 'relative'} URL, wanted http or https")
        async with client.stream("GET", place, headers=headers, follow_redirects=False) as response:
            status = response.status_code
            if status in REDIRECTS:
                if "location" not in response.headers:
                    raise FeedError(f"HTTP {status} without a Location")
                target = place.join(response.headers["location"])
                # a step down from https is followed, as readers do, but never remembered
                lasting = status in PERMANENT and not (place.scheme == "https" and target.scheme == "http")
                moved = lasting and moved is not False
                place = target
                continue
            given = Validators(response.headers.get("etag"), response.headers.get("last-modified"))
            moved_to = str(place) if moved else None
            if status == 304 and any(validators):
                kept = Validators(given.etag or validators.etag, given.modified or validators.modified)
                return Fetched(status, None, "", str(place), moved_to, kept)
            if status != 200:
                raise FeedError(http_error(response), retry_after_s(response.headers.get("retry-after"), now))
            body = await read_within(response, max_bytes)
            return Fetched(status, body, response.headers.get("content-type", ""), str(place), moved_to, given)
    raise FeedError(f"more than {MAX_REDIRECTS} redirects")


async def read_within(response: httpx.Response, max_bytes: int) -> bytes:
    """The body, decompressed piece by piece, so that a bomb costs no more than `max_bytes`."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("gzip", "x-gzip", "deflate", "identity", ""):
        raise FeedError(f"got Content-Encoding {encoding!r}, wanted gzip or none")
    inflate = (
        zlib.decompressobj(wbits=47) if encoding not in ("identity", "") else None
    )  # 47: gzip or zlib, by its head
    body = bytearray()
    async for piece in response.aiter_raw():
        try:
            body += inflate.decompress(piece, max_bytes + 1 - len(body)) if inflate else piece
        except zlib.error:
            raise FeedError(f"damaged {encoding} data") from None
        if len(body) > max_bytes:
            raise FeedError(f"more than {max_bytes:,} bytes (--max-bytes)")
    if inflate and not inflate.eof:
        raise FeedError(f"the {encoding} data ends early")
    return bytes(body)


def http_error(response: httpx.Response) -> str:
    """A status in the user's words."""
    hints = {401: "it wants a login", 403: "it refuses us", 404: "no feed there", 410: "gone for good, remove it"}
    hint = hints.get(response.status_code, response.reason_phrase)
    return f"HTTP {response.status_code}" + (f": {hint}" if hint else "")


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Retry-After as seconds from `now`, at most a day; None when there is none or it can't be read."""
    if not value:
        return None
    try:
        seconds = float(value) if value.strip().isdigit() else (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError):
        try:
            seconds = (parsedate_to_datetime(value).replace(tzinfo=UTC) - now).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_S)
