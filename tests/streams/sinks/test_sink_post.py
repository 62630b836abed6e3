"""One attempt over real HTTP: what each answer means, and that none can hold us up or fill us up."""

import asyncio
import time
from datetime import UTC, datetime

import httpx
import pytest

from streams.sinks.outcome import Delivered, Failed, Outcome, Rejected
from streams.sinks.post import LONGEST_RETRY_AFTER_S, Request, judge, post
from tests.support.receiver import Answer, Receiver, receive

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def attempt(url: str, timeout_s: float = 5.0) -> Outcome:
    async def run() -> Outcome:
        async with httpx.AsyncClient(timeout=None, trust_env=False) as client:
            return await post(client, Request(url, {"X-A": "1"}, b'{"a":1}'), timeout_s)

    return asyncio.run(run())


def answered(answer: Answer) -> tuple[Outcome, Receiver]:
    with receive() as receiver:
        receiver.answer = lambda _: answer
        return attempt(receiver.url + "/hook"), receiver


def test_a_post_is_json_and_a_success_is_a_delivery() -> None:
    outcome, receiver = answered(Answer(204, pieces=()))
    assert outcome == Delivered()
    (posted,) = receiver.posted
    assert (posted.path, posted.body, posted.headers["x-a"]) == ("/hook", b'{"a":1}', "1")
    assert posted.headers["content-type"] == "application/json"


def test_a_receiver_that_is_busy_is_tried_later_as_it_asks() -> None:
    outcome, _ = answered(Answer(429, {"Retry-After": "7"}, (b"slow down",)))
    assert outcome == Failed("HTTP 429: slow down", 7.0)


def test_a_client_error_is_for_good_and_says_why() -> None:
    assert answered(Answer(404, pieces=(b"no_service\n",)))[0] == Rejected("HTTP 404: no_service")


def test_a_redirect_is_not_followed() -> None:
    with receive() as elsewhere:
        outcome, receiver = answered(Answer(307, {"Location": elsewhere.url}))
        assert isinstance(outcome, Rejected) and "redirect" in outcome.detail
        assert (len(receiver.posted), elsewhere.posted) == (1, [])


def test_a_receiver_that_hangs_costs_the_timeout_and_no_more() -> None:
    with receive() as receiver:
        receiver.answer = receiver.hang
        began = time.monotonic()
        assert attempt(receiver.url, timeout_s=0.3) == Failed("no answer within 0.3 s")
        assert time.monotonic() - began < 3


def test_a_large_answer_is_not_read() -> None:
    piece = b"x" * 100_000
    for status in (200, 500):
        outcome, receiver = answered(Answer(status, pieces=(piece,) * 100, gap_s=0.001))
        assert receiver.written < 9_000_000, "the connection was closed long before 10 MB"
        assert len(getattr(outcome, "detail", "")) < 300


def test_an_error_whose_text_never_comes_is_known_by_its_status() -> None:
    with receive() as receiver:
        receiver.answer = lambda _: Answer(503, pieces=(b"", b"late"), gap_s=20.0)
        assert attempt(receiver.url, timeout_s=1.0) == Failed("HTTP 503")


def test_a_receiver_that_is_not_there_is_tried_later() -> None:
    with receive() as receiver:
        url = receiver.url
    outcome = attempt(url)
    assert isinstance(outcome, Failed) and "ConnectError" in outcome.detail


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_time_may_mend_is_tried_again(status: int) -> None:
    assert isinstance(judge(status, None, "", NOW), Failed)


@pytest.mark.parametrize("status", [301, 302, 400, 401, 403, 404, 410, 422])
def test_what_time_does_not_mend_is_not(status: int) -> None:
    assert isinstance(judge(status, "5", "", NOW), Rejected)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("Mon, 02 Mar 2026 12:01:00 GMT", 60.0),
        ("Mon, 02 Mar 2026 11:00:00 GMT", 0.0),
        ("999999", LONGEST_RETRY_AFTER_S),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_bounds(value: str | None, seconds: float | None) -> None:
    assert judge(503, value, "", NOW) == Failed("HTTP 503", seconds)
