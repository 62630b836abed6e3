"""A customer, Gretchen and a person in one conversation: two browsers, the page, a worker with its models, Kafka."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from playwright.sync_api import expect
from websockets.sync.client import connect

from streams.admin import ensure_topics
from streams.settings import Settings
from tests.support.browsing import launched
from tests.support.page_process import PageProcess
from tests.support.screenshot import VIEWS
from tests.support.worker_process import WorkerProcess, until

WAIT_MS = 90_000  # a worker that starts reads its models first
HTML = "<img src=x onerror='window.hacked = 1'>"


@pytest.fixture
def chromium() -> Iterator[Any]:
    with launched(WAIT_MS) as browser:
        yield browser


@pytest.fixture
def served(kafka_settings: Settings, tmp_path: Path) -> Iterator[PageProcess]:
    settings = msgspec.structs.replace(kafka_settings, session_timeout_s=30.0)  # browsers take much of a small machine
    ensure_topics(settings)
    with (
        WorkerProcess(settings, tmp_path, command=("streams", "worker")) as worker,
        PageProcess(settings, tmp_path / "page.log") as page,
    ):
        until(worker.ready, worker)
        page.until(page.ready)
        yield page


def said(page: Any, text: str) -> None:
    page.locator("#question").fill(text)
    page.keyboard.press("Enter")


@pytest.mark.kafka
@pytest.mark.browser
def test_a_customer_is_answered_handed_over_replied_to_and_given_back(served: PageProcess, chromium: Any) -> None:
    customer, agent = (chromium.new_context(**VIEWS[view]).new_page() for view in ("light", "dark"))
    for page in (customer, agent):
        page.set_default_timeout(WAIT_MS)
        page.goto(served.url)
    said(customer, "I want to talk to a human being")
    expect(customer.locator(".a.abstained .handed")).to_have_text("Handed over to a person")
    expect(customer.locator("#with-person")).to_contain_text("A person has this conversation since")
    expect(agent.locator("#open-handovers")).to_have_text("1")
    agent.locator("#open-handovers").click()
    agent.locator(".case a").click()
    expect(agent.locator("#case-title")).to_have_text("Asked for a person")
    expect(agent.locator(".line-of.customer .words")).to_have_text("I want to talk to a human being")
    agent.locator("#desk-me").fill("Ada")
    agent.locator("#reply-text").fill(f"Hello, I am Ada {HTML}")
    agent.locator("#reply-send").click()
    expect(customer.locator(".a.by-person .said-to-them")).to_have_text(f"Hello, I am Ada {HTML}")
    said(customer, f"My card is lost {HTML}")
    expect(agent.locator(".line-of.customer .words").last).to_have_text(f"My card is lost {HTML}")
    agent.locator("#reply-text").fill("I have blocked it.")
    agent.locator("#reply-close").click()
    expect(agent.locator("#case-title")).to_have_text("Given back to Gretchen")
    expect(agent.locator(".line-of.person .words").last).to_have_text("I have blocked it.")
    expect(customer.locator(".a.by-person .said-to-them").last).to_have_text("I have blocked it.")
    expect(customer.locator("#with-person")).to_be_hidden()
    said(customer, "How do I activate my new card?")
    expect(customer.locator(".turn").last.locator(".thumbs")).to_be_visible()  # Gretchen answers again
    customer.locator(".turn").last.get_by_role("button", name="Good answer").click()
    expect(customer.locator(".thumb.up[aria-pressed=true]")).to_have_count(1)
    for page in (customer, agent):
        assert page.evaluate("window.hacked") is None


def heard(socket: Any, kind: str) -> dict[str, Any]:
    while (message := json.loads(socket.recv(timeout=60)))["type"] != kind:
        pass
    return message  # type: ignore[no-any-return]


@pytest.mark.kafka
def test_the_api_carries_the_same_conversation(served: PageProcess) -> None:
    api = served.url + "v1/"
    first = httpx.post(
        api + "questions?wait=30", json={"text": "How do I activate my card?", "conversation_id": "c"}, timeout=60
    ).json()
    assert first["status"] == "answered"
    assert first["event"]["answer"]["text"]
    with connect(api.replace("http", "ws") + "conversations/c/ws") as socket:
        assert [line["type"] for line in heard(socket, "conversation")["lines"]] == ["received", "answered"]
        socket.send(json.dumps({"text": "Let me talk to a person, please"}))
        assert heard(socket, "handed_over")["answer"]["abstained"]
        served.until(lambda: bool(httpx.get(api + "handovers").json()["handovers"]))
        reply = {"text": "I am here.", "by": "Ada", "closes": True, "id": "r1"}
        assert httpx.post(api + "handovers/c/replies", json=reply).status_code == 202
        person = heard(socket, "person")
        assert (person["id"], person["answer"]["text"], person["answer"]["by"]) == ("r1", "I am here.", "Ada")
    served.until(lambda: not httpx.get(api + "handovers").json()["handovers"])
    judged = {"answer_id": first["event"]["answer"]["id"], "good": True}
    assert httpx.post(api + "feedback", json=judged).status_code == 202
    told = httpx.get(api + "conversations/c").json()
    assert [line["type"] for line in told["lines"]] == ["received", "answered", "received", "handed_over", "person"]
    assert told["handed_over"] is None
