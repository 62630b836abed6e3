"""The page over HTTP, from a real server."""

import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from streams.records import Sentiment
from streams.sinks.wanted import Actions, ack_id, mute_id
from streams.web.board import Board
from streams.web.guard import Allowance
from streams.web.serve import bind
from streams.web.take import QUESTION_CHARS
from tests.support.live_page import LivePage
from tests.support.page_records import alert, scored, state

ASK = {"text": "Where is my card?", "conversation_id": "c-1"}


@pytest.fixture
def live() -> Iterator[LivePage]:
    with LivePage(allowance=Allowance(burst=5, per_s=0.001)) as page:
        yield page


def events(lines: Iterator[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    kind = ""
    for line in lines:
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        if line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


@pytest.mark.parametrize("path", ["", "static/app.js", "static/style.css", "healthz", "nowhere", "questions"])
def test_every_response_carries_the_security_headers(live: LivePage, path: str) -> None:
    headers = httpx.get(live.url + path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "server" not in headers


def test_the_page_needs_nothing_from_elsewhere(live: LivePage) -> None:
    names = ["", *(f"static/{name}" for name in ("app.js", "stream.js", "headlines.js", "style.css", "icon.svg"))]
    for name in names:
        response = httpx.get(live.url + name)
        assert response.status_code == 200, name
        text = response.text.replace("http://www.w3.org/", "")
        assert "http://" not in text, name
        assert "https://" not in text, name
        assert "innerHTML" not in text, name


@pytest.mark.parametrize("path", ["", "events", "static/app.js", "healthz"])
def test_another_host_name_is_refused_on_loopback(live: LivePage, path: str) -> None:
    response = httpx.get(live.url + path, headers={"Host": "evil.example"})
    assert response.status_code == 400


def test_a_question_sent_to_another_host_name_is_refused_on_loopback(live: LivePage) -> None:
    rebound = {"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}
    assert httpx.post(live.url + "questions", json=ASK, headers=rebound).status_code == 400
    assert live.asked == []


def test_localhost_is_answered_on_any_port(live: LivePage) -> None:
    for host in ("localhost", "localhost:9999", f"127.0.0.1:{live.port}", "[::1]:8080"):
        assert httpx.get(live.url + "healthz", headers={"Host": host}).status_code == 200


def test_static_files_stay_in_their_folder(live: LivePage) -> None:
    for path in ("static/../app.py", "static/%2e%2e/app.py", "static/..%2fapp.py"):
        with socket.create_connection(("127.0.0.1", live.port)) as raw:
            raw.sendall(f"GET /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            assert b" 404 " in raw.recv(200)


def test_events_start_with_a_snapshot_and_go_on_with_what_happens(live: LivePage) -> None:
    live.do(lambda board: board.add_headline(scored("a", "Before"), 1, 1, False))
    with httpx.stream("GET", live.url + "events", headers={"Last-Event-ID": "77"}) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        assert response.headers["cache-control"] == "no-store"
        stream = events(response.iter_lines())
        kind, snapshot = next(stream)
        assert kind == "snapshot"
        assert snapshot["headlines"][0]["text"] == "Before"
        live.do(lambda board: board.add_headline(scored("b", "<b>After</b>\n\nevent: x"), 2, 2, True))
        news = next(data for _, data in stream if "headlines" in data)
        assert news["headlines"][0]["text"] == "<b>After</b>\n\nevent: x"


def test_a_browser_too_many_is_told_to_come_back() -> None:
    with LivePage(most=1) as live, httpx.stream("GET", live.url + "events"):
        refused = httpx.get(live.url + "events")
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")


def test_a_browser_that_leaves_is_forgotten(live: LivePage) -> None:
    with httpx.stream("GET", live.url + "events") as response:
        lines = response.iter_lines()
        next(lines)
        assert live.do(lambda board: len(live.hub.subscribers)) == 1
    until = time.monotonic() + 30
    while live.do(lambda board: len(live.hub.subscribers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert live.do(lambda board: len(live.hub.subscribers)) == 0


def test_a_browser_that_reads_nothing_is_let_go_and_the_page_goes_on(live: LivePage) -> None:
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(("127.0.0.1", live.port))
        raw.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        until = time.monotonic() + 30
        numbers = itertools.count()
        names: dict[str, Sentiment] = {"y" * 70 + str(k): "neutral" for k in range(8)}

        def flood(board: Board) -> None:
            for i in itertools.islice(numbers, 40):
                board.add_headline(scored(f"n{i}", "x" * 550, entities=names), i, i, True)

        while live.hub.dropped == 0 and time.monotonic() < until:
            live.do(flood)
            time.sleep(0.02)
        assert live.hub.dropped == 1
        assert httpx.get(live.url + "healthz").status_code == 200


def test_a_question_goes_to_kafka_with_an_id_of_its_own(live: LivePage) -> None:
    replies = [httpx.post(live.url + "questions", json=ASK) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [202, 202]
    assert [asked.id for asked in live.asked] == [reply.json()["id"] for reply in replies]
    assert live.asked[0].id != live.asked[1].id
    assert (live.asked[0].text, live.asked[0].conversation_id) == (ASK["text"], "c-1")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ('{"text": "x"}', 400),
        ('{"text": "", "conversation_id": "c"}', 400),
        ('{"text": "  ", "conversation_id": "c"}', 400),
        ('{"text": 5, "conversation_id": "c"}', 400),
        ('{"text": "x", "conversation_id": "c", "more": 1}', 400),
        ('{"text": "x", "conversation_id": "a b"}', 400),
        ('{"text": "x", "conversation_id": "c\\n"}', 400),
        (json.dumps({"text": "x" * (QUESTION_CHARS + 1), "conversation_id": "c"}), 400),
        (json.dumps({"text": "x" * 100_000, "conversation_id": "c"}), 413),
        (b"\xff\xfe", 400),
        ('{"text": "\\ud800", "conversation_id": "c"}', 400),
    ],
)
def test_a_question_that_is_none_is_refused_in_one_line(live: LivePage, body: str | bytes, status: int) -> None:
    response = httpx.post(live.url + "questions", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status
    assert "\n" not in response.json()["error"]
    assert live.asked == []


def test_only_json_is_taken_so_that_no_form_of_another_site_can_ask(live: LivePage) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""):
        response = httpx.post(live.url + "questions", content=json.dumps(ASK), headers={"Content-Type": kind})
        assert response.status_code == 415
    assert live.asked == []


def test_a_question_from_another_site_is_refused(live: LivePage) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert httpx.post(live.url + "questions", json=ASK, headers=headers).status_code == 403
    assert live.asked == []


def test_questions_are_limited_whatever_address_a_client_claims(live: LivePage) -> None:
    statuses = [
        httpx.post(live.url + "questions", json=ASK, headers={"X-Forwarded-For": f"10.0.0.{i}"}).status_code
        for i in range(8)
    ]
    assert statuses == [202] * 5 + [429] * 3


def test_an_ack_becomes_the_action_that_the_sinks_know(live: LivePage) -> None:
    live.do(lambda board: board.add_alert(alert("A/B & \u00fc")))
    episode = "a/b & \u00fc-1"
    reply = httpx.post(live.url + f"api/alerts/{quote(episode, safe='')}/ack", json={"by": "Ada"})
    assert reply.status_code == 202
    [acted] = live.acted
    assert (acted.id, acted.kind, acted.episode, acted.by) == (ack_id(episode), "ack", episode, "Ada")
    assert acted.entity == "a/b & \u00fc"
    actions = Actions()
    actions.add(acted)
    assert actions.acked(episode, datetime.now(UTC))
    assert httpx.post(live.url + f"api/alerts/{quote(episode, safe='')}/unack", json={}).status_code == 202
    actions.add(live.acted[-1])
    assert not actions.acked(episode, datetime.now(UTC))


def test_a_mute_lasts_as_long_as_was_asked_and_is_taken_back(live: LivePage) -> None:
    url = live.url + "api/streams/" + quote("topic:Fed | Central Banks", safe="")
    assert httpx.post(url + "/mute", json={"for": "2h", "by": "Ada"}).status_code == 202
    assert httpx.post(url + "/unmute", json={}).status_code == 202
    mute, unmute = live.acted
    assert mute.id == unmute.id == mute_id("topic:Fed | Central Banks")
    assert mute.until is not None
    assert mute.until - mute.at == timedelta(hours=2)
    assert (unmute.kind, unmute.until) == ("unmute", None)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"for": "2 h"}, 400),
        ({"for": "0h"}, 400),
        ({"for": "-1h"}, 400),
        ({"for": "31d"}, 400),
        ({"for": "2h", "by": "x" * 81}, 400),
        ({"for": "2h", "more": 1}, 400),
        ({"for": "2h", "note": "x" * 9000}, 413),
    ],
)
def test_a_mute_that_is_none_is_refused_in_one_line(live: LivePage, body: dict[str, Any], status: int) -> None:
    reply = httpx.post(live.url + "api/streams/acme/mute", json=body)
    assert reply.status_code == status
    assert "\n" not in reply.json()["error"]
    assert live.acted == []


def test_an_episode_that_the_page_does_not_know_cannot_be_acked(live: LivePage) -> None:
    reply = httpx.post(live.url + "api/alerts/nothing/ack", json={})
    assert reply.status_code == 404
    assert live.acted == []


@pytest.mark.parametrize("path", ["api/alerts/acme-1/ack", "api/streams/acme/mute", "api/streams/acme/unmute"])
def test_actions_are_guarded_as_questions_are(live: LivePage, path: str) -> None:
    live.do(lambda board: board.add_alert(alert("Acme")))
    body = {"for": "2h"}
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}):
        assert httpx.post(live.url + path, json=body, headers=headers).status_code == 403
    form = {"Content-Type": "text/plain"}
    assert httpx.post(live.url + path, content=json.dumps(body), headers=form).status_code == 415
    assert httpx.post(live.url + path, json=body, headers={"Host": "evil.example"}).status_code == 400
    assert httpx.get(live.url + path.replace("ack", "x")).status_code == 404
    assert live.acted == []
    statuses = [httpx.post(live.url + path, json=body).status_code for _ in range(7)]
    assert statuses == [202] * 5 + [429] * 2


def test_a_stream_tells_its_hours_and_days_and_headlines(live: LivePage) -> None:
    key = "sector:health/care"
    said = [(0.0, "negative", -0.8, "Bad"), (0.5, "positive", 0.4, "Good"), (30.0, "neutral", 0.0, "So")]
    live.states[key] = state(key, said)  # type: ignore[arg-type]
    told = httpx.get(live.url + "api/streams/" + quote(key, safe="")).json()
    assert (told["id"], told["name"], told["scope"]) == (key, "health/care", "sector")
    assert (len(told["hours"]), len(told["days"])) == (48, 30)
    assert told["hours"][-1] == [0, 1, 0, 0.0]
    assert told["hours"][-31] == [1, 0, 1, -0.2]
    assert told["hours"][-2] == [0, 0, 0, None]
    assert told["hour"] == "2026-03-03T18:00:00+00:00"
    assert told["days"][-2:] == [[1, 0, 1, -0.2], [0, 1, 0, 0.0]]
    assert [each["text"] for each in told["headlines"]] == ["Bad", "Good", "So"]


def test_the_first_headline_of_a_stream_is_shown_before_a_second_confirms_its_time(live: LivePage) -> None:
    live.states["acme"] = state("acme", [(0.0, "negative", -0.8, "Bad")])
    told = httpx.get(live.url + "api/streams/acme").json()
    assert told["hours"][-1] == [1, 0, 0, -0.8]
    assert [each["text"] for each in told["headlines"]] == ["Bad"]
    assert live.states["acme"].fine == []  # the state itself is left as it was


def test_a_history_that_takes_forever_holds_up_neither_the_page_nor_its_end() -> None:
    asked, never = threading.Event(), threading.Event()
    with LivePage() as live:
        live.read = lambda key: asked.set() or never.wait() or None  # type: ignore[method-assign,func-returns-value]
        with contextlib.suppress(httpx.TimeoutException):
            httpx.get(live.url + "api/streams/acme", timeout=1)
        assert asked.is_set()
        assert httpx.get(live.url + "healthz").status_code == 200
        live.server.should_exit = True
        live.thread.join(20)
        assert not live.thread.is_alive()
    never.set()


def test_a_stream_that_nobody_spoke_of_and_a_broker_that_is_away_are_said(live: LivePage) -> None:
    assert httpx.get(live.url + "api/streams/nobody").status_code == 404
    live.broken = True
    away = httpx.get(live.url + "api/streams/somebody")
    assert (away.status_code, "no Kafka answers" in away.json()["error"]) == (503, True)


def test_a_broker_that_is_away_is_said_in_one_line(live: LivePage) -> None:
    live.broken = True
    response = httpx.post(live.url + "questions", json=ASK)
    assert response.status_code == 503
    assert "no Kafka answers" in response.json()["error"]


def test_readiness_follows_the_broker_and_health_does_not(live: LivePage) -> None:
    assert httpx.get(live.url + "readyz").status_code == 200
    live.do(lambda board: setattr(board, "broker", "down"))
    assert httpx.get(live.url + "readyz").status_code == 503
    assert httpx.get(live.url + "healthz").status_code == 200


def test_metrics_tell_how_many_browsers_are_connected(live: LivePage) -> None:
    live.do(lambda board: board.add_headline(scored("a", "Acme rises"), 1, 1, True))
    with httpx.stream("GET", live.url + "events") as response:
        lines = response.iter_lines()
        next(lines)
        told = httpx.get(live.url + "metrics").text.splitlines()
    assert {"gretchen_page_clients 1.0", "gretchen_page_broker_up 1.0", "gretchen_page_headlines_total 1.0"} <= {*told}


def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_headers() -> None:
    """Nagle's algorithm and delayed acknowledgements together cost 40 ms a response."""
    with bind("127.0.0.1", 0) as listening:
        assert listening.proto == socket.IPPROTO_TCP


def test_open_streams_do_not_hold_up_the_end() -> None:
    with contextlib.ExitStack() as stack, LivePage() as live:
        streams = [stack.enter_context(httpx.stream("GET", live.url + "events", timeout=20)) for _ in range(5)]
        ended = [threading.Thread(target=lambda s=s: list(s.iter_lines()), daemon=True) for s in streams]  # type: ignore[misc]
        for thread in ended:
            thread.start()
        live.server.should_exit = True
        for thread in [live.thread, *ended]:
            thread.join(15)
            assert not thread.is_alive()
