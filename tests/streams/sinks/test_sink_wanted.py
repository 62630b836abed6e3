"""Who is told what: filters of the sink, acks and mutes of operators, and what a sink knows already."""

from datetime import timedelta

import msgspec
import pytest

from streams.records import Alert, AlertAction
from streams.sinks.config import Log
from streams.sinks.told import REMEMBERED, Told
from streams.sinks.wanted import Actions, Verdict, ack_id, mute_id, wanted
from tests.support.page_records import NOON, alert

OPENED, GREW, RESOLVED = (alert("Acme", status) for status in ("opened", "grew", "resolved"))
LATER = NOON + timedelta(hours=1)


def verdict(
    told: Alert, sink: Log | None = None, actions: Actions | None = None, known: bool = True, at: float = 0
) -> Verdict:
    return wanted(told, sink or Log(name="all"), actions or Actions(), known, NOON + timedelta(minutes=at))


def mute(minutes: float) -> Actions:
    actions = Actions()
    until = NOON + timedelta(minutes=minutes)
    actions.add(AlertAction(id=mute_id("acme"), kind="mute", entity="acme", until=until, at=NOON))
    return actions


def ack() -> Actions:
    actions = Actions()
    episode = OPENED.episode
    actions.add(AlertAction(id=ack_id(episode), kind="ack", entity="acme", episode=episode, at=NOON))
    return actions


def test_a_sink_without_filters_wants_everything() -> None:
    assert {verdict(each) for each in (OPENED, GREW, RESOLVED)} == {"wanted"}


@pytest.mark.parametrize(
    ("severity", "expected"), [("info", "unwanted"), ("warning", "wanted"), ("critical", "wanted")]
)
def test_the_minimum_severity_is_wanted_itself(severity: str, expected: Verdict) -> None:
    sink = Log(name="s", minimum_severity="warning")
    assert verdict(alert("Acme", severity=severity), sink, known=False) == expected


def test_who_heard_of_the_beginning_hears_of_the_end_whatever_its_severity() -> None:
    sink, end = Log(name="s", minimum_severity="critical"), alert("Acme", "resolved", severity="info")
    assert verdict(end, sink, known=True) == "wanted"
    assert verdict(end, sink, known=False) == "unwanted"


def test_only_the_entities_and_statuses_asked_for_are_wanted() -> None:
    assert verdict(OPENED, Log(name="s", entities=("other",))) == "unwanted"
    assert verdict(OPENED, Log(name="s", entities=("other", "acme"))) == "wanted"
    assert verdict(GREW, Log(name="s", statuses=("opened", "resolved"))) == "unwanted"


def test_only_the_kinds_and_scopes_asked_for_are_wanted() -> None:
    sink = Log(name="s", kinds=("share", "storm"), scopes=("entity",))
    assert verdict(alert("Acme", kind="share"), sink) == "wanted"
    assert verdict(OPENED, sink) == "unwanted"
    assert verdict(alert("Many", kind="storm"), sink) == "unwanted"  # of all entities, not of one
    assert verdict(alert("Many", kind="storm"), Log(name="s", kinds=("storm",))) == "wanted"


def test_a_sink_for_some_entities_wants_the_storms_they_are_in() -> None:
    sink = Log(name="s", entities=("acme",))
    assert verdict(alert("Many", kind="storm", members=("birch", "acme")), sink) == "wanted"
    assert verdict(alert("Many", kind="storm", members=("birch",)), sink) == "unwanted"


def test_what_the_rules_hold_back_is_wanted_by_nobody() -> None:
    for status in ("opened", "grew", "resolved"):
        assert verdict(alert("Acme", status, held="quiet hours")) == "held"  # type: ignore[arg-type]
    assert verdict(alert("Acme", held="muted"), Log(name="s", entities=("other",))) == "unwanted"


def test_routes_name_the_only_sinks_that_are_told_but_an_end_follows_its_beginning() -> None:
    routed = msgspec.structs.replace(OPENED, routes=["desk", "night"])
    assert [verdict(routed, Log(name=name), known=False) for name in ("desk", "night", "ops")] == [
        "wanted",
        "wanted",
        "unwanted",
    ]
    end = msgspec.structs.replace(RESOLVED, routes=["desk"])  # the rules were changed meanwhile
    assert [verdict(end, Log(name="ops"), known=known) for known in (True, False)] == ["wanted", "unwanted"]


def test_who_was_told_nothing_of_an_episode_is_not_told_of_its_end() -> None:
    told = Told()
    told.pass_over(OPENED, "held")
    assert wanted(RESOLVED, Log(name="s"), Actions(), False, NOON, silent=told.silent.get("acme-1")) == "held"
    told.add(GREW)  # in the morning
    assert not told.silent and "acme-1" in told.open
    told.pass_over(RESOLVED, "held")  # at night: it is over, told or not
    assert not told.open


def test_a_held_growth_leaves_what_was_told() -> None:
    told = Told()
    told.add(OPENED)
    told.pass_over(GREW, "held")
    assert told.open["acme-1"].alert == OPENED and not told.silent


def test_an_ack_holds_back_growth_and_not_the_end() -> None:
    assert verdict(GREW, actions=ack()) == "acked"
    assert verdict(RESOLVED, actions=ack()) == "wanted"


def test_an_ack_that_is_taken_back_holds_back_nothing() -> None:
    actions = ack()
    taken_back = msgspec.structs.replace(actions.by_id[ack_id("acme-1")], kind="unack")
    actions.add(taken_back)
    assert verdict(GREW, actions=actions) == "wanted"


def test_an_ack_is_of_one_episode() -> None:
    assert verdict(msgspec.structs.replace(GREW, episode="acme-2"), actions=ack()) == "wanted"


def test_a_mute_lasts_until_its_time_is_over_and_is_of_one_entity() -> None:
    assert [verdict(OPENED, actions=mute(30), at=minute) for minute in (-1, 0, 29, 30)] == [
        "wanted",
        "muted",
        "muted",
        "wanted",
    ]
    assert verdict(alert("Birch"), actions=mute(30)) == "wanted"


def test_an_unmute_ends_a_mute_and_a_mute_does_not_end_an_ack() -> None:
    actions = ack()
    for action in mute(30).by_id.values():
        actions.add(action)
    assert verdict(GREW, actions=actions) == "acked"
    actions.add(AlertAction(id=mute_id("acme"), kind="unmute", entity="acme", at=NOON))
    assert verdict(OPENED, actions=actions) == "wanted"


def test_an_episode_is_open_from_its_first_alert_to_its_end_and_remembers_its_severities() -> None:
    told = Told()
    told.add(alert("Acme", "opened", severity="info"))
    told.add(alert("Acme", "grew", severity="critical"))
    assert told.open["acme-1"].severities == ("info", "critical")
    assert told.open["acme-1"].alert.severity == "critical"
    told.add(RESOLVED)
    assert not told.open


def test_the_same_alert_twice_changes_nothing() -> None:
    told = Told()
    for each in (OPENED, RESOLVED, OPENED):
        told.add(each)
    assert not told.open and list(told.ids) == [OPENED.id, RESOLVED.id]


def test_memory_is_bounded() -> None:
    told = Told()
    for n in range(REMEMBERED + 10):
        told.add(msgspec.structs.replace(RESOLVED, id=f"a{n}"))
        told.pass_over(msgspec.structs.replace(OPENED, episode=f"e{n}"), "storm")
    assert len(told.ids) == REMEMBERED and "a9" not in told.ids
    assert len(told.silent) == REMEMBERED and "e9" not in told.silent
