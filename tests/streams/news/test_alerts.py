"""An operator reads each alert once, in one plain sentence."""

from datetime import timedelta

import msgspec
import pytest
from entity_stream import DAY, START, burst, ordinary, seen_by, stream

from streams.news.alerts import REMEMBERED, EpisodeState, decode_episodes, encode_episodes, raise_once, span
from streams.news.summary import summarize
from streams.records import Alert, Evidence, Summary, Transition

EVIDENCE = Evidence(news_id="n1", at=START, text="Nokia cuts its outlook", negative=0.97)


def transition(**changes: object) -> Transition:
    plain = Transition(
        episode="Nokia:2026-03-02T00:00:00Z",
        status="opened",
        severity="warning",
        at=START,
        opened_at=START,
        observed=17,
        expected=1.23,
        span_s=3600.0,
        p_value=1e-9,
        evidence=[EVIDENCE],
    )
    return msgspec.structs.replace(plain, **changes)


def summary(told: Transition | None, applied: int = 40, name: str = "Nokia") -> Summary:
    return Summary(
        id=f"Nokia:{applied}" + (f":{told.status}" if told else ""),
        entity="Nokia",
        name=name,
        at=START + timedelta(seconds=applied),
        applied=applied,
        negatives=17,
        neutrals=3,
        positives=1,
        window_s=3600.0,
        index=-0.5,
        transition=told,
    )


def alert_in(told: Summary) -> Alert | None:
    return raise_once(None, told)[1]


def raised(summaries: list[Summary]) -> tuple[EpisodeState, list[Alert]]:
    state, alerts = EpisodeState(), []
    for each in summaries:
        state, alert = raise_once(state, each)
        alerts += [alert] if alert else []
    return state, alerts


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({}, "Nokia: 17 negative headlines in 60 minutes, 1.2 expected"),
        ({"expected": 0.01, "span_s": 7200.0}, "Nokia: 17 negative headlines in 2 hours, almost none expected"),
        (
            {"status": "grew", "observed": 34, "expected": 12.0},
            "Nokia: still growing, 34 negative headlines in 60 minutes, 12 expected",
        ),
        (
            {"status": "resolved", "span_s": 11_400.0},
            "Nokia: over, 17 negative headlines in 3 hours 10 minutes, 1.2 expected",
        ),
        (
            {"kind": "volume", "observed": 40, "expected": 5.3},
            "Nokia: 40 headlines in 60 minutes, 5.3 expected",
        ),
        (
            {"kind": "share", "observed": 0.72, "expected": 0.3, "span_s": 21_600.0},
            "Nokia: 72% of the headlines in 6 hours are negative, 30% usual",
        ),
        (
            {"kind": "turn", "observed": -0.42, "expected": 0.11, "span_s": 86_400.0},
            "Nokia: tone turned worse, −0.42 in 24 hours, +0.11 usual",
        ),
        (
            {"kind": "storm", "members": ["A", "B", "C", "D", "E", "F"], "span_s": 1800.0},
            "Nokia: bad news about 6 entities within 30 minutes: A, B, C, D and 2 more",
        ),
        ({"observed": 1, "span_s": 60.0}, "Nokia: 1 negative headline in 1 minute, 1.2 expected"),
    ],
)
def test_the_summary_is_one_plain_sentence(changes: dict[str, object], sentence: str) -> None:
    alert = alert_in(summary(transition(**changes)))
    assert alert is not None
    assert alert.summary == sentence


def test_a_name_cannot_break_the_sentence_into_lines() -> None:
    alert = alert_in(summary(transition(), name="Nok\nia \t Oyj"))
    assert alert is not None
    assert alert.summary.startswith("Nok ia Oyj: 17")


def test_a_summary_without_a_transition_is_no_alert() -> None:
    assert alert_in(summary(None)) is None
    state = EpisodeState()
    assert raise_once(state, summary(None)) == (state, None)


def test_an_alert_carries_the_evidence_and_the_figures() -> None:
    alert = alert_in(summary(transition()))
    assert alert is not None
    assert (alert.evidence, alert.observed, alert.expected, alert.p_value) == ([EVIDENCE], 17, 1.23, 1e-9)
    assert (alert.id, alert.status, alert.severity) == ("Nokia:2026-03-02T00:00:00Z:opened", "opened", "warning")


def test_the_same_summary_twice_raises_one_alert() -> None:
    told = [summary(transition()), summary(transition(status="grew"), 50), summary(transition(status="resolved"), 60)]
    state, alerts = raised([*told, *told])
    assert [alert.status for alert in alerts] == ["opened", "grew", "resolved"]
    assert raise_once(state, told[0])[0] is state


def test_each_growth_is_an_alert_of_its_own() -> None:
    _, alerts = raised([summary(transition(status="grew"), applied) for applied in (50, 70, 90, 70)])
    assert [alert.id[-2:] for alert in alerts] == ["50", "70", "90"]


def test_a_resolution_by_time_and_one_by_record_are_one_alert() -> None:
    _, alerts = raised([summary(transition(status="resolved"), 60), summary(transition(status="resolved"), 61)])
    assert len(alerts) == 1


def test_episode_memory_is_bounded() -> None:
    state, alerts = raised([summary(transition(status="grew"), applied) for applied in range(1000)])
    assert len(alerts) == 1000
    assert len(state.raised) == REMEMBERED
    assert len(encode_episodes(state)) < 4_000


def test_episode_memory_survives_its_encoding() -> None:
    state, _ = raised([summary(transition())])
    assert decode_episodes(encode_episodes(state)) == state


def test_a_surge_ends_as_alerts_an_operator_can_read() -> None:
    state, episodes, alerts = None, None, []
    for observation in stream(ordinary(5), burst(5 * DAY, 14, 5400), ordinary(2, from_s=6 * DAY)):
        state, told = seen_by(state, observation)
        for each in told:
            episodes, alert = raise_once(episodes, summarize(state, each))
            alerts += [alert] if alert else []
    assert alerts[0].status == "opened"
    assert alerts[-1].status == "resolved"
    assert alerts[0].summary.startswith("Nokia: ")
    assert len({alert.id for alert in alerts}) == len(alerts)
    assert len({alert.episode for alert in alerts}) == 1


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "1 minute"), (900, "15 minutes"), (5400, "90 minutes"), (7200, "2 hours"), (3660 + 3600, "2 hours 1 minute")],
)
def test_lengths_of_time_read_as_a_person_says_them(seconds: float, words: str) -> None:
    assert span(seconds) == words
