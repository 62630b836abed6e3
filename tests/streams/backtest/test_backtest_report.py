"""What a report draws is bounded, and other sensitivities are tried on the same history."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec
import pytest

from streams.backtest import report, sensitivity
from streams.backtest.lines import Line, Numbered
from streams.backtest.running import Backtest, Told
from streams.backtest.scoring import Taken
from streams.backtest.sensitivity import FACTORS, Tried, multiplied, try_others
from streams.news.rules import Rule, RuleBook
from streams.news.surge import SurgeRule
from streams.records import Alert

START = datetime(2026, 1, 1, tzinfo=UTC)


def alert(number: int, severity: Literal["info", "warning", "critical"]) -> Told:
    at = START + timedelta(hours=number)
    told = Alert(
        id=f"e{number}:opened", episode=f"e{number}", entity="Nokia", name="Nokia", status="opened", severity=severity,
        at=at, opened_at=at, summary="", observed=1, expected=1, p_value=1 / (number + 2), evidence=[],
    )  # fmt: skip
    return Told(told, 0.0)


def test_the_most_severe_and_least_likely_episodes_are_drawn_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "MOST_DRAWN", 3)
    alerts = [alert(0, "critical"), *(alert(n, "info") for n in range(1, 8)), alert(8, "warning")]
    chosen, left_out = report.choose(alerts)
    assert [each[0].alert.episode for each in chosen] == ["e0", "e7", "e8"]
    assert left_out == 6


def history() -> list[Taken]:
    times = [*(3 * 3600.0 * n for n in range(80)), *(86_400.0 * 10.2 + 1200 * n for n in range(6))]
    return [
        Taken(Numbered(n, Line(entity="Nokia", sentiment="negative"), START + timedelta(seconds=at_s), n), None)
        for n, at_s in enumerate(times)
    ]


def new_run(factor: float) -> Backtest:
    return Backtest(multiplied(RuleBook(), factor))


def test_more_false_alarms_promised_open_no_fewer_alerts() -> None:
    rows = try_others(history(), new_run, None, None, sensitivity.tried(history(), new_run, 1.0, None, None))
    assert [each.factor for each in rows] == list(FACTORS)
    opened = [each.opened for each in rows]
    assert opened == sorted(opened)
    assert opened[0] < opened[-1]


def test_a_history_too_long_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensitivity, "MOST_EVENTS", 3)
    done = Tried(1.0, 1, {}, None)
    assert try_others(history(), new_run, None, None, done) == [done]


def test_multiplied_rules_keep_all_but_their_promise() -> None:
    rule = Rule(surge=SurgeRule(name="x", false_alarms=4.0), keys=frozenset({"Nokia"}), routes=("desk",))
    (more,) = multiplied(RuleBook((rule,)), 5.0).rules
    assert more.surge.false_alarms == 20.0
    assert multiplied(RuleBook((rule,)), 100.0).rules[0].surge.false_alarms == rule.surge.hot_alarms
    assert msgspec.structs.replace(more, surge=rule.surge) == rule
