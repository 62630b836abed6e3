"""The API over HTTP and WebSocket, from a real server."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from models.errors import SettingsError
from streams.records import Conversation, HandoverReply, Question
from streams.settings import Settings
from streams.web import gate
from streams.web.board import Board
from streams.web.gate import Access, access_of, digest
from streams.web.take import API_BODY_BYTES, API_CHARS
from tests.support.live_page import LivePage
from tests.support.page_records import answer, handed_over, passed_on

KEY, OTHER = "k" * 20, "another-key-of-20-cha"
KEYED = {"Authorization": f"Bearer {KEY}"}
HTML = "<script>alert(1)</script> & <b>bold</b>"
ASK = {"text": "Where is my card?", "conversation_id": "shop-1"}


@pytest.fixture
def live() -> Iterator[LivePage]:
    with LivePage(access=Access(per_s=1000)) as page:
        yield page


@pytest.fixture
def keyed(monkeypatch: pytest.MonkeyPatch) -> Iterator[LivePage]:
    """Five requests at once, and another in a quarter of an hour: however slow the machine is."""
    monkeypatch.setattr(gate, "BURST_S", 5000)
    access = Access((digest(KEY), digest(OTHER)), ("https://shop.example.com",), per_s=0.001)
    with LivePage(access=access) as page:
        yield page


def answering(live: LivePage, text: str = "On its way.", after_s: float = 0.0) -> None:
    """Answers each question as a worker would, from another thread, as the topics are read."""

    def say(asked: Question) -> None:
        def later() -> None:
            time.sleep(after_s)
            live.do(lambda board: board.add_answer(answer(asked, text), 1, 1, True))

        threading.Thread(target=later).start()

    live.answer = say


def talk(live: LivePage, conversation: str = "shop-1", **options: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{live.port}/v1/conversations/{conversation}/ws", **options)


def heard(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """The next message of a type."""
    while (message := json.loads(socket.recv(timeout=30)))["type"] != kind:
        pass
    return message  # type: ignore[no-any-return]


def test_a_question_is_taken_and_starts_a_conversation_of_its_own(live: LivePage) -> None:
    reply = httpx.post(live.url + "v1/questions", json={"text": HTML})
    assert reply.status_code == 202
    told = reply.json()
    assert told == {"id": told["id"], "conversation_id": told["id"], "status": "received"}
    [asked] = live.asked
    assert (asked.id, asked.conversation_id, asked.text) == (told["id"], told["id"], HTML)


def test_the_answer_comes_with_the_response_to_those_who_wait(live: LivePage) -> None:
    answering(live, HTML, after_s=0.2)
    reply = httpx.post(live.url + "v1/questions?wait=20", json=ASK)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    told = reply.json()
    assert (told["status"], told["conversation_id"]) == ("answered", "shop-1")
    assert told["event"]["answer"]["text"] == HTML
    assert told["event"]["answer"]["id"] == f"{told['id']}:answer"


def test_who_waits_too_short_learns_that_it_was_received(live: LivePage) -> None:
    reply = httpx.post(live.url + "v1/questions?wait=0.1", json=ASK)
    assert (reply.status_code, reply.json().get("event")) == (202, None)


def test_a_hand_over_ends_the_wait_too(live: LivePage) -> None:
    live.answer = lambda asked: live.board.add_answer(handed_over(asked)[1], 1, 1, True)
    reply = httpx.post(live.url + "v1/questions?wait=20", json=ASK)
    assert (reply.status_code, reply.json()["status"]) == (200, "handed_over")


def test_a_question_sent_again_with_its_id_is_not_asked_again(live: LivePage) -> None:
    answering(live)
    first = httpx.post(live.url + "v1/questions?wait=20", json=ASK | {"id": "q-1"})
    again = httpx.post(live.url + "v1/questions", json=ASK | {"id": "q-1"})
    assert (again.status_code, again.json()) == (200, first.json())
    assert [asked.id for asked in live.asked] == ["q-1"]
    elsewhere = httpx.post(live.url + "v1/questions", json=ASK | {"id": "q-1", "conversation_id": "shop-2"})
    assert elsewhere.status_code == 409
    without = httpx.post(live.url + "v1/questions", json={"text": "x", "id": "q-2"})
    assert without.json()["conversation_id"] == "q-2"  # the same, however often it is sent


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ("", 400),
        ("[]", 400),
        ("[" * 60_000, 400),
        ('{"text": 1}', 400),
        ('{"text": "x", "more": 1}', 400),
        ('{"text": ""}', 400),
        ('{"text": " \\n "}', 400),
        ('{"text": "\\ud800"}', 400),
        ('{"text": "x", "conversation_id": "a b"}', 400),
        ('{"text": "x", "conversation_id": "a\\n"}', 400),
        ('{"text": "x", "id": "../x"}', 400),
        (json.dumps({"text": "x" * (API_CHARS + 1)}), 400),
        (json.dumps({"text": "x" * 1_000_000}), 413),
        (b"\xff\xfe", 400),
    ],
)
def test_a_body_that_is_none_is_refused_in_one_line(live: LivePage, body: str | bytes, status: int) -> None:
    reply = httpx.post(live.url + "v1/questions", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == status
    assert "\n" not in reply.json()["error"]
    assert live.asked == []


def test_the_longest_question_fits_however_it_is_escaped(live: LivePage) -> None:
    body = json.dumps({"text": "\U0001f600" * API_CHARS})
    assert API_BODY_BYTES * 0.7 < len(body) < API_BODY_BYTES
    reply = httpx.post(live.url + "v1/questions", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 202


@pytest.mark.parametrize("wait", ["-1", "31", "nan", "soon", "1e9"])
def test_a_wait_that_is_none_is_refused(live: LivePage, wait: str) -> None:
    assert httpx.post(live.url + f"v1/questions?wait={wait}", json=ASK).status_code == 400
    assert live.asked == []


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "v1/questions", 405), ("GET", "v1/nothing", 404), ("DELETE", "v1/handovers", 405), ("GET", "v1/", 404)],
)
def test_what_the_api_does_not_have_is_said_as_json(live: LivePage, method: str, path: str, status: int) -> None:
    reply = httpx.request(method, live.url + path)
    assert (reply.status_code, "see /docs" in reply.json()["error"]) == (status, True)


def test_kafka_away_is_said_and_the_question_can_be_sent_again(live: LivePage) -> None:
    live.broken = True
    away = httpx.post(live.url + "v1/questions?wait=5", json=ASK | {"id": "q-1"})
    assert (away.status_code, "no Kafka answers" in away.json()["error"]) == (503, True)
    live.broken = False
    assert httpx.post(live.url + "v1/questions", json=ASK | {"id": "q-1"}).status_code == 202
    assert [asked.id for asked in live.asked] == ["q-1"]


def test_a_conversation_tells_what_was_said_in_order_and_masked(live: LivePage) -> None:
    asked = Question(id="q-1", text="My card 4111 1111 1111 1111 is lost", conversation_id="shop-1")
    live.do(lambda board: board.talks.ask(asked, datetime.now(UTC)))
    told = answer(asked, "I have blocked it.", question="My [card] is lost")
    live.do(lambda board: board.add_answer(told, 1, 1, True))
    reply = httpx.get(live.url + "v1/conversations/shop-1").json()
    assert [(line["type"], line["id"]) for line in reply["lines"]] == [("received", "q-1"), ("answered", "q-1")]
    assert reply["lines"][0]["text"] == "My [card] is lost"
    assert reply["handed_over"] is None


def test_a_conversation_that_nobody_had_is_unknown(live: LivePage) -> None:
    reply = httpx.get(live.url + "v1/conversations/nobody")
    assert (reply.status_code, "\n" in reply.json()["error"]) == (404, False)


def with_a_person(live: LivePage, conversation: str = "shop-1") -> Conversation:
    """A hand-over in the topics; replies to it are passed on as a worker would."""
    asked = Question(id=f"q-{conversation}", text="A person, please", conversation_id=conversation)
    record, told = handed_over(asked)
    state = [told.conversation or Conversation(id=conversation)]

    def fill(board: Board) -> None:
        board.talks.ask(asked, datetime.now(UTC))
        board.add_handover(record)
        board.add_answer(told, 1, 1, True)

    def pass_on(reply: HandoverReply) -> None:
        said = passed_on(reply, state[0])
        state[0] = said.conversation or state[0]
        live.board.add_answer(said, 1, 1, True)

    live.do(fill)
    live.pass_on = pass_on
    return state[0]


def test_a_person_sees_hand_overs_replies_and_gives_the_conversation_back(live: LivePage) -> None:
    with_a_person(live)
    [open_] = httpx.get(live.url + "v1/handovers").json()["handovers"]
    assert (open_["conversation_id"], open_["reason"], open_["open"]) == ("shop-1", "asked", True)
    assert open_["guesses"] == {"card_arrival": 0.41, "lost_or_stolen_card": 0.22}
    assert [line["role"] for line in open_["transcript"]] == ["customer", "gretchen"]
    url = live.url + "v1/handovers/shop-1/replies"
    first = httpx.post(url, json={"text": HTML, "by": "Ada"})
    assert first.status_code == 202
    told = httpx.get(live.url + "v1/conversations/shop-1").json()
    assert told["handed_over"] is not None
    assert (told["lines"][-1]["type"], told["lines"][-1]["id"]) == ("person", first.json()["id"])
    assert (told["lines"][-1]["answer"]["text"], told["lines"][-1]["answer"]["by"]) == (HTML, "Ada")
    assert httpx.post(url, json={"text": "", "by": "Ada", "closes": True, "id": "bye"}).json() == {"id": "bye"}
    assert httpx.get(live.url + "v1/handovers").json() == {"handovers": []}
    assert httpx.get(live.url + "v1/conversations/shop-1").json()["handed_over"] is None
    assert [(reply.text, reply.by, reply.closes) for reply in live.replies] == [(HTML, "Ada", False), ("", "Ada", True)]


@pytest.mark.parametrize(
    ("conversation", "body", "status"),
    [
        ("shop-1", {"text": "", "by": "Ada"}, 400),
        ("shop-1", {"text": "Hello", "by": ""}, 400),
        ("shop-1", {"text": "Hello", "by": "  "}, 400),
        ("shop-1", {"text": "Hello"}, 400),
        ("shop-1", {"text": "x" * (API_CHARS + 1), "by": "Ada"}, 400),
        ("shop-1", {"text": "x" * 100_000, "by": "Ada"}, 413),
        ("nobody", {"text": "Hello", "by": "Ada"}, 404),
    ],
)
def test_a_reply_that_is_none_is_refused(live: LivePage, conversation: str, body: dict[str, Any], status: int) -> None:
    with_a_person(live)
    assert httpx.post(live.url + f"v1/handovers/{conversation}/replies", json=body).status_code == status
    assert live.replies == []


def test_feedback_is_kept_with_the_conversation_of_its_answer(live: LivePage) -> None:
    answering(live)
    told = httpx.post(live.url + "v1/questions?wait=20", json=ASK).json()["event"]["answer"]
    body = {"answer_id": told["id"], "good": False, "comment": HTML, "intent": "lost_or_stolen_card"}
    assert httpx.post(live.url + "v1/feedback", json=body).status_code == 202
    [judged] = live.judged
    assert (judged.id, judged.conversation_id) == (f"{told['id']}:feedback", "shop-1")
    assert (judged.good, judged.comment, judged.intent) == (False, HTML, "lost_or_stolen_card")
    assert live.do(lambda board: [view["good"] for view in board.chats.values()]) == [False]


def test_feedback_on_an_answer_that_is_forgotten_names_its_conversation(live: LivePage) -> None:
    body = {"answer_id": "long-ago:answer", "good": True}
    assert httpx.post(live.url + "v1/feedback", json=body).status_code == 404
    assert httpx.post(live.url + "v1/feedback", json=body | {"conversation_id": "shop-9"}).status_code == 202
    assert [judged.conversation_id for judged in live.judged] == ["shop-9"]


def test_a_conversation_over_a_websocket_is_told_everything_that_happens(live: LivePage) -> None:
    answering(live, HTML)
    with talk(live) as socket, talk(live) as other, talk(live, "shop-2") as stranger:
        assert heard(socket, "conversation")["lines"] == []
        socket.send(json.dumps({"text": "Where is my card?", "id": "q-1"}))
        assert heard(socket, "received")["text"] == "Where is my card?"
        told = heard(socket, "answered")
        assert (told["id"], told["answer"]["text"]) == ("q-1", HTML)
        assert heard(other, "answered")["id"] == "q-1"
        live.answer = lambda asked: live.board.add_answer(handed_over(asked)[1], 1, 1, True)
        socket.send(json.dumps({"text": "A person, please", "id": "q-2"}))
        assert heard(socket, "handed_over")["id"] == "q-2"
        with_a_person(live)
        httpx.post(live.url + "v1/handovers/shop-1/replies", json={"text": "Hello!", "by": "Ada", "id": "r-1"})
        person = heard(socket, "person")
        assert (person["id"], person["answer"]["text"], person["answer"]["by"]) == ("r-1", "Hello!", "Ada")
        heard(stranger, "conversation")
        with pytest.raises(TimeoutError):
            stranger.recv(timeout=0.2)
    with talk(live) as later:
        begin = heard(later, "conversation")
        assert [line["type"] for line in begin["lines"] if line["id"] in ("q-1", "q-2", "r-1")] == [
            "received",
            "answered",
            "received",
            "handed_over",
            "person",
        ]
        assert begin["handed_over"] is not None


@pytest.mark.parametrize(
    ("message", "status"),
    [
        ("{", 400),
        ("", 400),
        (b"\x00\xff", 400),
        ('{"text": ""}', 400),
        ('{"text": " "}', 400),
        ('{"text": "x", "conversation_id": "other"}', 400),
        (json.dumps({"text": "x" * (API_CHARS + 1)}), 400),
    ],
)
def test_a_message_that_is_none_is_answered_and_the_socket_stays(
    live: LivePage, message: str | bytes, status: int
) -> None:
    with talk(live) as socket:
        socket.send(message)
        trouble = heard(socket, "error")
        assert (trouble["status"], "\n" in trouble["error"]) == (status, False)
        socket.send(json.dumps({"text": "Hello?"}))
        assert heard(socket, "received")["text"] == "Hello?"


def test_a_message_of_a_megabyte_ends_its_socket_and_no_other(live: LivePage) -> None:
    with talk(live) as socket, talk(live) as other:
        with pytest.raises(ConnectionClosed) as ended:
            socket.send("x" * 1_000_000)
            while True:
                socket.recv(timeout=30)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 1009
        other.send(json.dumps({"text": "Hello?"}))
        assert heard(other, "received")
    assert [asked.text for asked in live.asked] == ["Hello?"]


def test_a_socket_is_told_that_kafka_is_away(live: LivePage) -> None:
    with talk(live) as socket:
        live.broken = True
        socket.send(json.dumps({"text": "Hello?"}))
        assert heard(socket, "error")["status"] == 503


def test_a_socket_that_takes_nothing_is_let_go(live: LivePage) -> None:
    asked = Question(id="q", text="x" * 4000, conversation_id="shop-1")
    listening: Callable[[Board], int] = lambda board: len(board.talks.listeners)  # noqa: E731
    with talk(live, max_queue=1, close_timeout=1) as socket:
        heard(socket, "conversation")
        until = time.monotonic() + 30
        numbers = iter(range(100_000))

        def flood(board: Board) -> None:
            for number in (next(numbers) for _ in range(50)):
                board.talks.ask(Question(id=f"q{number}", text=asked.text, conversation_id="shop-1"), datetime.now(UTC))

        while live.do(listening) and time.monotonic() < until:
            live.do(flood)
            time.sleep(0.01)
        assert live.do(listening) == 0


def test_open_sockets_do_not_hold_up_the_end() -> None:
    with LivePage() as live, talk(live) as socket:
        live.server.should_exit = True
        live.thread.join(15)
        assert not live.thread.is_alive()
        with pytest.raises(ConnectionClosed):
            while True:
                socket.recv(timeout=10)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer " + "x" * 20},
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": f"Bearer {KEY}x"},
        {"X-API-Key": "x"},
        {"Sec-WebSocket-Protocol": f"key.{KEY}"},
    ],
)
def test_without_a_key_nothing_is_told_or_taken(keyed: LivePage, headers: dict[str, str]) -> None:
    for method, path in (
        ("POST", "questions"),
        ("GET", "conversations/shop-1"),
        ("POST", "feedback"),
        ("GET", "handovers"),
        ("POST", "handovers/shop-1/replies"),
    ):
        reply = httpx.request(method, keyed.url + f"v1/{path}", headers=headers, json=ASK if method == "POST" else None)
        assert (reply.status_code, reply.headers["www-authenticate"]) == (401, "Bearer")
    assert keyed.asked == []


def test_each_way_of_showing_a_key_is_taken(keyed: LivePage) -> None:
    for headers in (KEYED, {"Authorization": f"bearer {OTHER}"}, {"X-API-Key": KEY}):
        assert httpx.get(keyed.url + "v1/handovers", headers=headers).status_code == 200
    with talk(keyed, additional_headers=KEYED) as socket:
        assert heard(socket, "conversation")
    offered = [Subprotocol("gretchen.v1"), Subprotocol(f"key.{KEY}")]
    with talk(keyed, subprotocols=offered) as socket:
        assert socket.subprotocol == "gretchen.v1"  # the key is not sent back
        assert heard(socket, "conversation")
    with pytest.raises(InvalidStatus) as refused:
        talk(keyed)
    assert refused.value.response.status_code == 401


def test_the_page_itself_asks_for_no_key(keyed: LivePage) -> None:
    for path in ("", "docs", "openapi.json", "healthz"):
        assert httpx.get(keyed.url + path).status_code == 200


def test_a_key_is_limited_whatever_addresses_use_it_and_others_are_not(keyed: LivePage) -> None:
    url = keyed.url + "v1/handovers"
    statuses = [httpx.get(url, headers=KEYED | {"X-Forwarded-For": f"10.0.0.{i}"}).status_code for i in range(7)]
    assert statuses == [200] * 5 + [429] * 2
    refused = httpx.get(url, headers=KEYED)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1000")
    assert httpx.get(url, headers={"X-API-Key": OTHER}).status_code == 200


def test_keys_cannot_be_guessed_at_any_speed(keyed: LivePage) -> None:
    statuses = [
        httpx.get(keyed.url + "v1/handovers", headers={"X-API-Key": f"guess-number-{i:08}"}).status_code
        for i in range(8)
    ]
    assert statuses == [401] * 5 + [429] * 3
    assert httpx.get(keyed.url + "v1/handovers", headers=KEYED).status_code == 200


def test_messages_of_a_socket_count_as_requests(keyed: LivePage) -> None:
    with talk(keyed, additional_headers=KEYED) as socket:
        for number in range(8):
            socket.send(json.dumps({"text": f"Question {number}"}))
        assert heard(socket, "error")["status"] == 429
    assert len(keyed.asked) == 4  # with the one that opened it


def test_without_keys_only_the_machine_itself_is_served() -> None:
    with LivePage(host="0.0.0.0") as live:
        reply = httpx.post(live.url + "v1/questions", json=ASK, headers={"Host": "localhost"})
        assert (reply.status_code, "GRETCHEN_API_KEYS" in reply.json()["error"]) == (403, True)
        with pytest.raises(InvalidStatus):
            talk(live)
        assert live.asked == []
    with LivePage() as local:
        assert httpx.post(local.url + "v1/questions", json=ASK).status_code == 202
        assert httpx.post(local.url + "v1/questions", json=ASK, headers={"Host": "evil.example"}).status_code == 400


def test_scripts_of_other_sites_are_refused_unless_allowed(live: LivePage, keyed: LivePage) -> None:
    evil = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    assert httpx.post(live.url + "v1/questions", json=ASK, headers=evil).status_code == 403
    assert httpx.get(live.url + "v1/handovers", headers=evil).status_code == 403
    with pytest.raises(InvalidStatus):
        talk(live, origin="https://evil.example")
    assert httpx.post(keyed.url + "v1/questions", json=ASK, headers=evil | KEYED).status_code == 403
    shop = {"Origin": "https://shop.example.com", "Sec-Fetch-Site": "cross-site"}
    reply = httpx.post(keyed.url + "v1/questions", json=ASK, headers=shop | KEYED)
    assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (202, "https://shop.example.com")
    with talk(keyed, origin="https://shop.example.com", additional_headers=KEYED) as socket:
        assert heard(socket, "conversation")


def preflight(live: LivePage, origin: str) -> httpx.Response:
    asked = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    return httpx.options(live.url + "v1/questions", headers={"Origin": origin} | asked)


def test_cors_is_off_unless_origins_are_set(live: LivePage, keyed: LivePage) -> None:
    assert not [name for name in preflight(live, "https://shop.example.com").headers if "access-control" in name]
    assert preflight(keyed, "https://evil.example").status_code == 400
    allowed = preflight(keyed, "https://shop.example.com")
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "https://shop.example.com")
    assert "access-control-allow-credentials" not in allowed.headers
    refused = httpx.post(keyed.url + "v1/questions", json=ASK, headers={"Origin": "https://shop.example.com"})
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://shop.example.com"  # scripts may read why


def test_keys_that_are_weak_and_origins_that_are_none_end_the_page_at_its_start() -> None:
    access = access_of(
        Settings(api_keys=f" {KEY},{OTHER} ", api_origins="https://Shop.example.com, http://a:8", api_per_s=3)
    )
    assert access == Access((digest(KEY), digest(OTHER)), ("https://shop.example.com", "http://a:8"), 3)
    with pytest.raises(SettingsError, match="1 of 2 keys") as told:
        access_of(Settings(api_keys=f"short,{KEY}"))
    assert "short" not in str(told.value)
    for origins in ("*", "shop.example.com", "https://a.example/path", "null", "https://"):
        with pytest.raises(SettingsError, match="GRETCHEN_API_ORIGINS"):
            access_of(Settings(api_origins=origins))


def test_the_description_is_openapi_and_names_every_route(live: LivePage) -> None:
    told = httpx.get(live.url + "openapi.json").json()
    validate(told)
    mounted = next(route for route in live.server.config.app.routes if getattr(route, "path", "") == "/v1")  # type: ignore[union-attr]
    served = {"/v1" + route.path.replace("{conversation:path}", "{id}") for route in mounted.app.routes}
    assert served == told["paths"].keys()
    assert all(schema["description"] for schema in told["components"]["schemas"].values())
