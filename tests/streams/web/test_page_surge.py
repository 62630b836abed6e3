"""A surge of bad news through the page's inputs, from Kafka to a real Chromium and back."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import expect

from streams.admin import ensure_topics
from streams.records import Alert, AlertAction, Summary
from streams.settings import Settings
from streams.sinks.wanted import ack_id
from streams.topics import ALERT_ACTIONS, ALERTS, SUMMARIES
from tests.support.page_process import PageProcess, Writer
from tests.support.page_records import surge_of
from tests.support.screenshot import VIEWS, chromium, find_chromium
from tests.support.topic_reader import read_topic

WAIT_MS = 30_000


def until(records: Iterator[Summary | Alert], status: str) -> Iterator[Summary | Alert]:
    """Up to and with the alert of this status."""
    for record in records:
        yield record
        if isinstance(record, Alert) and record.status == status:
            return
    raise AssertionError(f"nothing {status}")


def put(writer: Writer, records: Iterator[Summary | Alert]) -> None:
    for record in records:
        writer.put(SUMMARIES if isinstance(record, Summary) else ALERTS, record, key=record.entity)


@pytest.mark.kafka
@pytest.mark.browser
def test_a_surge_appears_is_acknowledged_by_a_click_and_resolves(kafka_settings: Settings, tmp_path: Path) -> None:
    if find_chromium() is None:
        pytest.skip("no Chromium on the PATH (apt install chromium)")
    expect.set_options(timeout=WAIT_MS)
    ensure_topics(kafka_settings)
    writer, records = Writer(kafka_settings), surge_of("Acme")
    with PageProcess(kafka_settings, tmp_path / "log") as page, chromium() as browser:
        page.until(page.ready)
        mine, other = (browser.new_context(**VIEWS[view]).new_page() for view in ("light", "phone"))
        for each in (mine, other):
            each.goto(page.url)
            each.wait_for_selector("#alert-list .empty")
        put(writer, until(records, "opened"))
        expect(mine.locator(".alert .what")).to_contain_text("negative headlines in")
        assert mine.locator(".alert .series .bar").count() > 0
        mine.locator("#me").fill("Ada")
        mine.get_by_role("button", name="Acknowledge the alert on Acme").click()
        for each in (mine, other):  # on every page, once Kafka has it
            expect(each.locator(".alert.acked .deeds")).to_contain_text("Acknowledged by Ada")
        [acted] = [
            msgspec.json.decode(one.value, type=AlertAction)
            for one in read_topic(kafka_settings, ALERT_ACTIONS.of(kafka_settings))
        ]
        assert (acted.id, acted.by) == (ack_id(acted.episode or ""), "Ada")
        put(writer, until(records, "resolved"))
        for each in (mine, other):
            expect(each.locator(".alert.resolved .what")).to_contain_text("over")
        expect(mine).to_have_title("Gretchen")
    writer.close()
