"""An alert as each sink reads it; what comes from outside stays text there."""

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.records import Alert
from streams.sinks import alertmanager, log, mail, slack, webhook
from streams.sinks.config import Alertmanager, Mail, Slack, Webhook
from streams.sinks.told import Episode
from streams.sinks.wording import members, one_line, sources, subject
from tests.support.page_records import NOON, alert, evidence

NOW_S = (NOON + timedelta(minutes=5)).timestamp()
OPENED = alert("Acme", severity="warning", texts=("Acme recalls pumps", "Acme's chief leaves"))
HOOK = Webhook(name="ops", url="https://ops.example/x", secret="hunter2")
PROM = Alertmanager(name="prom", url="http://prom.example:9093/", labels={"team": "markets", "severity": "none"})
MAIL = Mail(name="mail", host="h", sender="gretchen@example.com", recipients=("a@example.com", "b@example.com"))


def evil(**changes: Any) -> Alert:
    return msgspec.structs.replace(OPENED, **changes)


def test_a_webhook_gets_the_record_itself_under_its_id() -> None:
    url, headers, body = webhook.request(HOOK, OPENED, NOW_S)
    assert url == HOOK.url and msgspec.json.decode(body, type=Alert) == OPENED
    assert headers["Idempotency-Key"] == OPENED.id == "acme-1:opened"
    assert "Authorization" not in headers


def test_a_signature_verifies_as_the_documentation_says_and_any_change_breaks_it() -> None:
    _, headers, body = webhook.request(HOOK, OPENED, NOW_S)

    def genuine(secret: str, timestamp: str, body: bytes) -> bool:
        wanted = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(f"v1={wanted}", headers["X-Gretchen-Signature"])

    timestamp = headers["X-Gretchen-Timestamp"]
    assert abs(int(timestamp) - NOW_S) < 1
    assert genuine("hunter2", timestamp, body)
    assert not genuine("hunter3", timestamp, body)
    assert not genuine("hunter2", str(int(timestamp) + 1), body)
    assert not genuine("hunter2", timestamp, body + b" ")


def test_a_second_attempt_has_the_same_key_and_body_and_its_own_timestamp() -> None:
    first, second = webhook.request(HOOK, OPENED, NOW_S), webhook.request(HOOK, OPENED, NOW_S + 60)
    assert first.body == second.body and first.headers["Idempotency-Key"] == second.headers["Idempotency-Key"]
    assert first.headers["X-Gretchen-Signature"] != second.headers["X-Gretchen-Signature"]


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1))
def test_any_id_is_a_header_of_one_line(id: str) -> None:
    key = webhook.request(HOOK, evil(id=id), NOW_S).headers["Idempotency-Key"]
    assert key.isascii() and key.isprintable()


def test_slack_gets_the_summary_and_linked_headlines() -> None:
    told = msgspec.structs.replace(OPENED, evidence=[evidence("Pumps recalled", url="https://news.example/1")])
    body = json.loads(slack.request(Slack(name="s", url="https://h.example"), told).body)
    assert body["text"].startswith("*[warning] Acme: 9 negative")
    assert "<https://news.example/1|Pumps recalled> (Meridian Markets)" in body["attachments"][0]["text"]
    over = json.loads(slack.request(Slack(name="s", url="https://h.example"), alert("Acme", "resolved")).body)
    assert over["attachments"][0]["color"] == slack.RESOLVED and "resolved" in over["text"]


def test_a_headline_can_neither_call_a_channel_nor_make_a_link_in_slack() -> None:
    nasty = "<!channel> @all <https://evil.example|click> & *bold*"
    told = evil(evidence=[evidence(nasty, url="javascript:alert(1)")])
    text = json.loads(slack.request(Slack(name="s", url="https://h.example"), told).body)["attachments"][0]["text"]
    assert "<" not in text and "@all" not in text and "&lt;!channel&gt;" in text and "javascript" not in text


def entries(told: Alert, known: Episode | None = None) -> list[dict[str, Any]]:
    body = alertmanager.request(PROM, alertmanager.change(PROM, told, known, NOW_S)).body
    return json.loads(body)  # type: ignore[no-any-return]


def times(entry: dict[str, Any]) -> tuple[datetime, datetime]:
    return datetime.fromisoformat(entry["startsAt"]), datetime.fromisoformat(entry["endsAt"])


def test_an_open_episode_fires_in_alertmanager_until_some_repeats_from_now() -> None:
    (entry,) = entries(OPENED)
    assert alertmanager.request(PROM, []).url == "http://prom.example:9093/api/v2/alerts"
    assert entry["labels"] == {
        "alertname": "SentimentSurge",
        "entity": "acme",
        "scope": "entity",
        "kind": "negatives",
        "severity": "warning",
        "episode": "acme-1",
        "team": "markets",
    }
    assert entry["annotations"]["summary"] == OPENED.summary
    assert set(entry["annotations"]["headlines"].split("\n")) == {
        "Acme recalls pumps (Meridian Markets)",
        "Acme's chief leaves (Meridian Markets)",
    }
    assert entry["annotations"]["rule"] == "default" and "members" not in entry["annotations"]
    assert times(entry) == (NOON, NOON + timedelta(minutes=5 + 4))


def test_a_resolved_episode_ends_now_in_each_severity_it_had() -> None:
    known = Episode(OPENED, ("info", "warning"))
    ended = entries(alert("Acme", "resolved", severity="critical"), known)
    assert [entry["labels"]["severity"] for entry in ended] == ["info", "warning", "critical"]
    assert {times(entry)[1] for entry in ended} == {NOON + timedelta(minutes=5)}


def test_a_graver_episode_ends_what_it_was_and_fires_anew() -> None:
    fires, ends = entries(alert("Acme", "grew", severity="critical"), Episode(OPENED, ("warning",)))
    assert (fires["labels"]["severity"], ends["labels"]["severity"]) == ("critical", "warning")
    assert times(ends)[1] == NOON + timedelta(minutes=5) < times(fires)[1]


def test_nothing_ends_before_it_starts_even_if_it_is_dated_later_than_now() -> None:
    future = NOON + timedelta(days=1)
    (entry,) = entries(msgspec.structs.replace(alert("Acme", "resolved"), at=future, opened_at=future))
    starts, ends = times(entry)
    assert starts < ends <= datetime.fromtimestamp(NOW_S, UTC)


def test_mails_of_an_episode_are_one_thread_and_a_duplicate_has_the_same_id() -> None:
    first, again, end = (mail.message(MAIL, each) for each in (OPENED, OPENED, alert("Acme", "resolved")))
    assert first["Message-ID"] == again["Message-ID"] != end["Message-ID"]
    assert end["In-Reply-To"] == first["Message-ID"]
    read = message_from_bytes(first.as_bytes(), policy=default)
    assert read["Subject"].strip().startswith("[warning] Acme: 9 negative")
    assert read["To"] == "a@example.com, b@example.com"
    text = read.get_content()
    assert "- Acme recalls pumps (Meridian Markets)" in text and "gretchen alerts ack acme-1" in text
    assert "gretchen alerts ack" not in end.get_content()


@pytest.mark.parametrize("evil_text", ["x\r\nBcc: all@example.com", "x\nBcc: y", "a\0b", "\x1b[31mred", "é\u2028日本"])
def test_no_text_from_outside_makes_a_header_or_a_line_of_its_own(evil_text: str) -> None:
    told = evil(summary=evil_text, entity=evil_text, evidence=[evidence(evil_text)], episode=evil_text)
    read = message_from_bytes(mail.message(MAIL, told).as_bytes(), policy=default)
    assert read["Bcc"] is None and "Bcc:" not in [line[:4] for line in read.get_content().splitlines()]
    assert log.line(told).count("\n") == 0 and json.loads(log.line(told))["entity"] == evil_text


STORM = alert("Many at once", kind="storm", severity="warning", members=("Acme", "Birch", "Ümlaut <&>"))


def test_every_sink_names_the_entities_of_a_storm() -> None:
    (entry,) = entries(STORM)
    assert (entry["labels"]["kind"], entry["labels"]["scope"], entry["labels"]["entity"]) == ("storm", "all", "storm:")
    assert entry["annotations"]["members"] == "Acme, Birch, Ümlaut <&>"
    text = json.loads(slack.request(Slack(name="s", url="https://h.example"), STORM).body)["attachments"][0]["text"]
    assert "Entities: Acme, Birch, Ümlaut &lt;&amp;&gt;" in text and "\u200b_" not in text.split("Entities")[0]
    written = mail.message(MAIL, STORM).get_content()
    assert "\nEntities: Acme, Birch, Ümlaut <&>\n" in written and "\nMany at once, a storm, open since" in written
    told = json.loads(log.line(STORM))
    assert (told["kind"], told["scope"], told["members"]) == ("storm", "all", ["Acme", "Birch", "Ümlaut <&>"])
    many = msgspec.structs.replace(STORM, members=[f"E{n}" for n in range(50)])
    assert members(many).endswith(", E19 and 30 more")


def test_a_headline_is_told_with_all_who_brought_it() -> None:
    told = evil(evidence=[evidence("Pumps recalled", also_in=("Harborline", "AP"))])
    brought = "(Meridian Markets, also in Harborline, AP)"
    assert f"- Pumps recalled {brought}" in mail.message(MAIL, told).get_content()
    assert entries(told)[0]["annotations"]["headlines"] == f"Pumps recalled {brought}"
    assert brought in slack.request(Slack(name="s", url="https://h.example"), told).body.decode()
    nobody = msgspec.structs.replace(evidence("x"), source=None)
    assert [sources(nobody), sources(msgspec.structs.replace(nobody, also_in=["AP"]))] == ["", "also in AP"]


@pytest.mark.parametrize(
    ("scope", "entity", "kind", "expected"),
    [
        ("entity", "Nokia", "negatives", "Entity Nokia, many negative headlines"),
        ("topic", "topic:Earnings", "turn", "Topic Earnings, a turn of tone"),
        ("sector", "sector:banks", "share", "Sector banks, a large share of negative headlines"),
        ("all", "all:", "volume", "Acme, many headlines"),
    ],
)
def test_a_mail_says_what_it_is_about(scope: str, entity: str, kind: str, expected: str) -> None:
    told = evil(scope=scope, entity=entity, kind=kind)
    assert subject(told) == expected and expected in mail.message(MAIL, told).get_content()


def test_a_log_line_is_one_json_object() -> None:
    told = json.loads(log.line(OPENED))
    assert (told["alert"], told["status"], told["severity"]) == ("acme-1:opened", "opened", "warning")
    assert told["headlines"] == ["Acme's chief leaves", "Acme recalls pumps"]


@given(st.text(), st.integers(1, 50))
def test_one_line_is_one_line_of_bounded_length(text: str, most: int) -> None:
    assert len(one_line(text, most)) <= most and one_line(text, most).isprintable()
