"""One HTTP POST within limits: time for all of it together, no redirects, and little of the answer is read."""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import NamedTuple

import httpx

from streams.sinks.outcome import Delivered, Failed, Outcome, Rejected
from streams.sinks.wording import one_line
from streams.sources.fetch import retry_after_s

LATER = (408, 425, 429)  # timeout, too early, too many: the client errors that time mends
ANSWER_BYTES = 200  # of an error's text, for the log
LONGEST_RETRY_AFTER_S = 900.0


class Request(NamedTuple):
    url: str
    headers: dict[str, str]
    body: bytes


async def post(client: httpx.AsyncClient, request: Request, timeout_s: float) -> Outcome:
    """One attempt. The outcome's detail may quote the receiver: what is secret is not taken out of it yet."""
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", **request.headers}
    try:
        async with (
            asyncio.timeout(timeout_s),
            client.stream(
                "POST", request.url, headers=headers, content=request.body, follow_redirects=False
            ) as response,
        ):
            status, asked = response.status_code, response.headers.get("retry-after")
            said = "" if response.is_success else await beginning(response, timeout_s / 4)
    except TimeoutError:
        return Failed(f"no answer within {timeout_s:g} s")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Failed(one_line(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__))
    return judge(status, asked, said, datetime.now(UTC))


def judge(status: int, retry_after: str | None, said: str, now: datetime) -> Outcome:
    """What a status means for the alert."""
    if 200 <= status < 300:
        return Delivered()
    detail = f"HTTP {status}" + (f": {said}" if said else "")
    if status in LATER or status >= 500:
        asked_s = retry_after_s(retry_after, now)
        return Failed(detail, None if asked_s is None else min(asked_s, LONGEST_RETRY_AFTER_S))
    if 300 <= status < 400:
        return Rejected(f"HTTP {status}: redirects are not followed; give the address it leads to")
    return Rejected(detail)


async def beginning(response: httpx.Response, timeout_s: float) -> str:
    """What the receiver says of its error, as far as it is short, quick and text."""
    body = b""
    with contextlib.suppress(httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(timeout_s):
            async for piece in response.aiter_raw(ANSWER_BYTES):
                body += piece
                break
    return one_line(body.decode("utf-8", "replace"), ANSWER_BYTES)
