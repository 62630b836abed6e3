"""`gretchen notify` on a real Kafka: nothing is lost, nobody waits for another, an operator is heard."""

import json
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from kafka import KafkaProducer

from streams.admin import ensure_topics, kafka_client_config
from streams.commands.alerts import command as alerts_command
from streams.events import output
from streams.records import Alert
from streams.settings import Settings
from streams.sinks.tail import read_alerts
from streams.topics import ALERTS, DEAD_LETTERS
from tests.support.notify_process import NotifyProcess, environ_of
from tests.support.page_records import alert
from tests.support.receiver import Answer, Posted, Receiver, receive
from tests.support.topic_reader import read_topic

pytestmark = pytest.mark.kafka


def raised(n: int, status: str = "opened", severity: str = "critical") -> Alert:
    return alert(f"E{n}", status, minutes={"opened": 0, "grew": 60, "resolved": 120}[status] + n, severity=severity)


def put(settings: Settings, *alerts: Alert, raw: bytes | None = None, age_s: float = 0.0) -> None:
    """Into the alerts topic, as a worker would; `raw` as nobody should."""
    producer = KafkaProducer(**kafka_client_config(settings), acks="all")
    for each in alerts:
        topic, key, value, headers, _ = output(settings, ALERTS, each.entity, each)
        producer.send(topic, value, key, list(headers), timestamp_ms=int((time.time() - age_s) * 1000))
    if raw is not None:
        producer.send(ALERTS.of(settings), raw, b"raw")
    producer.flush()
    producer.close()


def sink(kind: str, name: str, url: str, **more: object) -> str:
    lines = {"kind": kind, "name": name, "url": url, **({"secret": "hunter2"} if kind == "webhook" else {}), **more}
    return "[[sink]]\n" + "".join(f"{key} = {msgspec.json.encode(value).decode()}\n" for key, value in lines.items())


def came(receiver: Receiver, alert: Alert) -> bool:
    return alert.id in set(receiver.keys())


def test_kill_9_loses_no_alert_and_sigterm_repeats_none(kafka_settings: Settings, tmp_path: Path) -> None:
    ensure_topics(kafka_settings)
    first, later, last = [raised(n) for n in range(30)], [raised(n) for n in range(30, 40)], raised(99)
    put(kafka_settings, *first)
    with receive() as ops, receive() as prom:
        sinks = sink("webhook", "ops", ops.url) + sink("alertmanager", "prom", prom.url, repeat_s=0.5)
        with NotifyProcess(kafka_settings, tmp_path, sinks, GRETCHEN_INSTANCE_ID="one") as notify:

            def killing(posted: Posted) -> Answer:
                if len(ops.posted) == 12:  # taken, but neither answered nor committed
                    notify.kill()
                return Answer()

            ops.answer = killing
            notify.process.wait(60)
            ops.answer = lambda _: Answer()
            put(kafka_settings, *later)
            notify.start()
            notify.until(lambda: set(ops.keys()) == {each.id for each in first + later})
            times = Counter(ops.keys())
            assert times[ops.keys()[11]] == 2, "what was at work at the kill comes again, under the same key"
            assert times.total() <= len(times) + kafka_settings.partitions, (
                "one of each partition was not committed yet"
            )
            assert len({(posted.headers["idempotency-key"], posted.body) for posted in ops.posted}) == len(times)
            notify.until(lambda: still_open(prom) == {each.entity for each in first + later})

            ops.answer = lambda _: time.sleep(1.0) or Answer()
            put(kafka_settings, last)
            notify.until(lambda: came(ops, last))
            began = time.monotonic()
            assert notify.terminate() == 0, notify.log.read_text()[-4000:]
            assert time.monotonic() - began < 10
            ops.answer = lambda _: Answer()
            prom.posted.clear()
            put(kafka_settings, raised(0, "resolved"))
            notify.start()
            notify.until(lambda: came(ops, raised(0, "resolved")))
            assert Counter(ops.keys())[last.id] == 1, "it was finished and committed before the process ended"
            rest = {each.entity for each in [*first[1:], *later, last]}
            notify.until(lambda: still_open(prom) == rest, timeout_s=20)
            assert "hunter2" not in notify.log.read_text() and ops.url not in notify.log.read_text()


def still_open(prom: Receiver) -> set[str]:
    """The entities of the last repeat that Alertmanager got."""
    posts = [json.loads(posted.body) for posted in list(prom.posted)]
    latest = max((post for post in posts[-3:]), key=len, default=[])
    return {each["labels"]["entity"] for each in latest if datetime.fromisoformat(each["endsAt"]) > datetime.now(UTC)}


def outcomes(notify: NotifyProcess) -> Counter[str]:
    """Deliveries by outcome."""
    found = Counter[str]()
    for line in notify.text("/metrics").splitlines():
        if line.startswith("gretchen_deliveries_total{"):
            found[line.split('outcome="')[1].split('"')[0]] += int(float(line.rpartition(" ")[2]))
    return found


def test_a_dead_sink_delays_no_other_and_what_it_missed_is_a_dead_letter(
    kafka_settings: Settings, tmp_path: Path
) -> None:
    ensure_topics(kafka_settings)
    alerts = [raised(n) for n in range(5)]
    with receive() as alive, receive() as dead, receive() as gone, receive() as refusing:
        dead.answer = dead.hang
        gone.answer = lambda _: Answer(503)
        refusing.answer = lambda _: Answer(404, pieces=(b"no such hook",))
        sinks = (
            sink("webhook", "dead", dead.url, timeout_s=60.0)
            + sink("webhook", "gone", gone.url, give_up_after_s=1.0)
            + sink("webhook", "refusing", refusing.url, statuses=["opened"])
            + sink("webhook", "alive", alive.url)
        )
        with NotifyProcess(kafka_settings, tmp_path, sinks) as notify:
            notify.until(lambda: notify.text("/readyz") == "200 ready\n")
            put(kafka_settings, *alerts, raised(1), raised(2, "resolved"), raw=b"{not json")
            done = Counter(delivered=6, gave_up=6, rejected=5, duplicate=3, unwanted=1, unreadable=3)
            notify.until(lambda: outcomes(notify) >= done)
            assert Counter(alive.keys()) == Counter([each.id for each in [*alerts, raised(2, "resolved")]])
            assert len(dead.posted) == 1, "it has not even answered the first"
            notify.until(lambda: 'gretchen_sink_breakers{sink="webhook",state="open"} 1.0' in notify.text("/metrics"))
            notify.until(lambda: waiting(notify) > 0)
            metrics = notify.text("/metrics")
            assert 'gretchen_dead_letters_total{reason="sink"} 11.0' in metrics
            assert "refusing" not in metrics and "e1" not in metrics.split(), "labels come from closed sets"
    letters = read_topic(kafka_settings, DEAD_LETTERS.of(kafka_settings))
    by_reason = Counter((each.headers["sink"], each.headers["reason"]) for each in letters)
    assert (by_reason[b"gone", b"sink"], by_reason[b"refusing", b"sink"]) == (6, 5)
    assert (by_reason[b"gone", b"not-json"], by_reason[b"alive", b"not-json"]) == (1, 1)
    assert len({each.ce_id for each in letters}) == len(letters)
    lying = {(each.partition, each.offset): each for each in read_topic(kafka_settings, ALERTS.of(kafka_settings))}
    for each in letters:
        origin = lying[int(each.headers["partition"]), int(each.headers["offset"])]
        assert (each.key, each.value, each.headers["topic"]) == (origin.key, origin.value, b"alerts")
    details = {each.headers["sink"]: each.headers["detail"] for each in letters if each.headers["reason"] == b"sink"}
    assert details[b"refusing"] == b"HTTP 404: no such hook" and details[b"gone"].startswith(b"HTTP 503: ok (gave up")


def test_a_storm_is_told_instead_of_its_entities_also_right_after_a_restart_and_what_is_held_is_not(
    kafka_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ensure_topics(kafka_settings)
    members = tuple(f"e{n}" for n in range(6))
    storm = alert("Many at once", kind="storm", members=members)
    end = alert("Many at once", "resolved", 300, kind="storm", members=members)
    held = alert("E7", held="quiet hours")
    with receive() as ops, receive() as each:
        sinks = sink("webhook", "ops", ops.url) + sink("webhook", "each", each.url, storms=False)
        with NotifyProcess(kafka_settings, tmp_path, sinks, GRETCHEN_INSTANCE_ID="one") as notify:
            notify.until(lambda: notify.text("/readyz") == "200 ready\n")
            put(kafka_settings, raised(0), storm, held)  # the entity's first, as a worker does
            notify.until(lambda: outcomes(notify) >= Counter(delivered=3, storm=1, held=2))
            assert ops.keys() == [storm.id], "it waited for the storm that it was the beginning of"
            notify.kill()
            notify.start()
            notify.until(lambda: notify.text("/readyz") == "200 ready\n")
            put(kafka_settings, raised(1), raised(0, "resolved"), alert("E7", "resolved", 60))
            notify.until(lambda: outcomes(notify) >= Counter(delivered=2, storm=2, held=2))
            put(kafka_settings, end)
            notify.until(lambda: came(ops, end) and came(each, end))
    assert ops.keys() == [storm.id, end.id]
    assert set(each.keys()) == {storm.id, end.id, raised(0).id, raised(1).id, raised(0, "resolved").id}
    for name, value in environ_of(kafka_settings).items():
        monkeypatch.setenv(name, value)
    listed = shown().splitlines()
    assert len(listed) == 7, "all of them are in the topic"
    assert "(quiet hours: no sink is told)" in next(line for line in listed if "opened   negatives E7" in line)


def waiting(notify: NotifyProcess) -> float:
    line = next((line for line in notify.text("/metrics").splitlines() if line.startswith("gretchen_waiting")), "0 0")
    return float(line.rpartition(" ")[2])


def test_what_an_operator_acks_and_mutes_is_not_delivered(
    kafka_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ_of(kafka_settings).items():
        monkeypatch.setenv(name, value)
    ensure_topics(kafka_settings)
    old, slight = raised(3), raised(4, severity="info")
    put(kafka_settings, old, age_s=7200)
    put(kafka_settings, raised(1), raised(2), slight)
    assert shown("ack", "e1-1", "--by", "ann", "--note", "on it") == "acked e1-1: its end will be told\n"
    assert shown("mute", "e2", "1h").startswith("muted e2 until ")
    refused = CliRunner().invoke(alerts_command, ["ack", "e7-1"])
    assert "no alert is of an episode 'e7-1'" in str(refused.exception)
    with receive() as ops:
        sinks = sink("webhook", "ops", ops.url, minimum_severity="warning")
        with NotifyProcess(kafka_settings, tmp_path, sinks) as notify:
            notify.until(lambda: came(ops, raised(1)))
            put(kafka_settings, raised(1, "grew"), raised(1, "resolved"))
            notify.until(lambda: outcomes(notify) >= Counter(delivered=2, muted=1, acked=1, unwanted=1))
            assert ops.keys() == [raised(1).id, raised(1, "resolved").id], "a new sink hears of nothing two hours old"
            shown("unmute", "e2")
            until_heard(ops, kafka_settings)
    following = read_alerts(kafka_settings, None, follow=True)
    assert next(following) == raised(1)
    put(kafka_settings, raised(9, "resolved"))
    assert next(each for each in following if each.entity == "e9") == raised(9, "resolved")
    following.close()
    told = [msgspec.json.decode(line, type=Alert) for line in shown("--json").splitlines()]
    assert told[:4] == [raised(1), raised(2), old, slight], "in order of their time"
    assert shown("--since", "1h", "--severity", "warning").count("\n") == len(told) - 2
    assert "critical opened   negatives E1: 9 negative headlines" in shown("--severity", "critical").splitlines()[0]


def until_heard(ops: Receiver, settings: Settings) -> None:
    """Alerts on the entity that was muted, until one of them comes."""
    for n in range(100):
        put(settings, msgspec.structs.replace(raised(2, "grew"), id=f"e2-1:grew:{n}"))
        time.sleep(0.3)
        if ops.keys()[-1].startswith("e2-1:grew"):
            return
    raise AssertionError("still muted")


def shown(*arguments: str) -> str:
    """What `gretchen alerts` prints."""
    done = CliRunner().invoke(alerts_command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output
