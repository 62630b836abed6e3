"""What a run over history gives: a JSON line for each alert, and an account of the whole."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from streams.backtest.labels import Totals
from streams.backtest.lines import Unread
from streams.backtest.running import Backtest
from streams.news.windows import EARLIEST_S, moment, seconds
from streams.records import Alert, Status

DAY_S = 86_400.0
KINDS: dict[Status, str] = {"opened": "surge", "grew": "update", "resolved": "resolved"}


def as_json(alert: Alert) -> dict[str, Any]:
    """An alert as a line of output; `evidence` are ids of news, most telling first."""
    return {
        "at": alert.at, "entity": alert.entity, "kind": KINDS[alert.status], "what": alert.kind, "scope": alert.scope,
        "severity": alert.severity, "episode": alert.episode, "observed": alert.observed, "expected": alert.expected,
        "span_s": alert.span_s, "summary": alert.summary, "p_value": alert.p_value, "members": alert.members,
        "held": alert.held, "rule": alert.rule, "evidence": [each.news_id for each in alert.evidence], "id": alert.id,
    }  # fmt: skip


@dataclass
class Tally:
    """Alerts of a run, counted."""

    by_kind: Counter[str] = field(default_factory=Counter)  # openings
    by_severity: Counter[str] = field(default_factory=Counter)  # openings
    by_status: Counter[str] = field(default_factory=Counter)
    held: int = 0
    opened_s: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # by stream, storms apart

    def add(self, alert: Alert) -> None:
        self.by_status[KINDS[alert.status]] += 1
        self.held += bool(alert.held)
        if alert.status == "opened":
            self.by_kind[alert.kind] += 1
            self.by_severity[alert.severity] += 1
            if alert.kind != "storm":
                self.opened_s[alert.entity].append(seconds(alert.at))

    @property
    def opened(self) -> int:
        return self.by_status["surge"]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The whole run in figures. `alerts_per_day`: openings."""

    events: int
    entities: int
    groups: int
    first_at: str | None
    last_at: str | None
    days: float
    late: int
    duplicates: int
    future: int
    waiting: int  # at the file's end, for a second news of their stream to agree with their date
    copies: int
    unreadable: int
    first_unreadable: list[str]
    alerts: dict[str, int]
    opened_by_kind: dict[str, int]
    opened_by_severity: dict[str, int]
    alerts_per_day: float | None
    held: int
    still_open: int
    labels: Totals | None = None


def account(run: Backtest, tally: Tally, unread: Unread, labels: Totals | None = None) -> Account:
    states = [stream.live.state for stream in run.streams.values()]
    heard = run.clock_s > EARLIEST_S and run.first_s is not None
    days = (run.clock_s - (run.first_s or 0.0)) / DAY_S if heard else 0.0
    return Account(
        events=run.events,
        entities=len(states),
        groups=sum(group is not None for group in run.groups.values()),
        first_at=moment(run.first_s).isoformat() if heard and run.first_s is not None else None,
        last_at=moment(run.clock_s).isoformat() if heard else None,
        days=round(days, 3),
        late=sum(state.late for state in states),
        duplicates=sum(state.duplicates for state in states),
        future=sum(state.future for state in states),
        waiting=sum(len(state.ahead) for state in states),
        copies=run.copies,
        unreadable=unread.count,
        first_unreadable=unread.first,
        alerts=dict(tally.by_status),
        opened_by_kind=dict(tally.by_kind),
        opened_by_severity=dict(tally.by_severity),
        alerts_per_day=round(tally.opened / days, 4) if days > 0 else None,
        held=tally.held,
        still_open=run.still_open(),
        labels=labels,
    )


def sentences(told: Account) -> Iterator[str]:
    """The account for a person, a line each."""
    span = f" over {told.days:,.1f} days, {told.first_at} to {told.last_at}" if told.first_at else ""
    yield f"{told.events:,} events of {told.entities:,} entities{span}"
    opened = sum(told.opened_by_kind.values())
    a_day = f", {told.alerts_per_day:.3g} a day" if told.alerts_per_day is not None else ""
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(told.opened_by_kind.items()))
    severities = ", ".join(f"{count} {severity}" for severity, count in sorted(told.opened_by_severity.items()))
    yield f"{opened:,} alerts opened{a_day}" + (f": {kinds}; {severities}" if opened else "")
    if told.still_open:
        yield f"{told.still_open} still open at the end: not resolved by what the file tells; --until lets time pass"
    if told.held:
        yield f"{told.held} held back from sinks by quiet hours, mutes or a least severity"
    odd = {
        "late": told.late,
        "duplicates": told.duplicates,
        "from the future": told.future,
        "copies": told.copies,
        "waiting for a second news of their stream to agree with their date": told.waiting,
    }
    if any(odd.values()):
        yield "not counted: " + ", ".join(f"{count:,} {what}" for what, count in odd.items() if count)
    if told.labels is not None:
        yield label_sentence(told.labels)
    if told.unreadable:
        yield f"{told.unreadable:,} lines could not be read; the first:"
        yield from (f"  {each}" for each in told.first_unreadable)


def label_sentence(labels: Totals) -> str:
    if not labels.streams:
        return "labels: none is of an entity or file that was read"
    return (
        f"labels: {labels.found} of {labels.windows} windows found in {labels.streams} streams,"
        f" recall {percent(labels.recall)}, precision {percent(labels.precision)},"
        f" median delay {'-' if labels.median_delay_s is None else f'{labels.median_delay_s / 60:.0f} minutes'},"
        f" NAB score {labels.nab:.2f} of {labels.windows}"
    )


def percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"
