"""Rules: which stream is watched by which, who is told when, and what a file says of it, right and wrong."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from models.errors import SettingsError
from streams.news.doubts import doubts
from streams.news.rule_text import KINDS, LOADER, read_rules
from streams.news.rule_values import written
from streams.news.rules import Rule, RuleBook
from streams.news.surge import SurgeRule, Watching, expire
from streams.news.telling import QuietHours, Telling
from streams.news.windows import WindowState
from streams.records import Severity
from tests.streams.news.entity_stream import DAY, HOUR, START, burst, fold, ordinary, stream

SECTORS = {"Nokia": "technology", "Siemens": "industrials", "UBS": "financials", "Gold": ""}
TOPICS = ("Earnings", "Legal | Regulation", "Markets")
ZURICH = ZoneInfo("Europe/Zurich")


def book(text: str) -> RuleBook:
    return read_rules(text, "rules.yaml", SECTORS, TOPICS)


def one(fields: str, head: str = "name: r, watch: entity, kind: negatives") -> RuleBook:
    """A file of one rule."""
    return book(f"rules: [{{{head}, {fields}}}]")


def names(rules: Watching) -> list[str]:
    return [rule.name for rule in rules.rules]


# which streams


def test_without_a_word_the_default_holds_which_is_negatives_of_entities() -> None:
    for empty in ("", "# nothing\n", "lateness: 1h\n"):
        rules = book(empty)
        assert rules.watching("Nokia").rules == (SurgeRule(),)
        assert rules.watching("topic:Earnings").rules == ()
    assert book("lateness: 1h").watching("Nokia").lateness_s == 3600


def test_rules_of_a_file_take_the_defaults_place() -> None:
    rules = book("rules: [{name: v, watch: all, kind: volume}]")
    assert names(rules.watching("all:")) == ["v"]
    assert names(rules.watching("Nokia")) == []


def test_the_first_rule_that_fits_holds_for_its_kind_and_others_for_theirs() -> None:
    rules = book("""
rules:
  - {name: tech, watch: entity, sectors: [technology], kind: negatives}
  - {name: named, watch: entity, keys: [Nokia, UBS], kind: negatives}
  - {name: shares, watch: entity, kind: share}
  - {name: rest, watch: entity, kind: negatives}
""")
    assert names(rules.watching("Nokia")) == ["tech", "shares"]
    assert names(rules.watching("UBS")) == ["named", "shares"]
    assert names(rules.watching("Gold")) == ["shares", "rest"]
    assert rules.streams == {
        "tech": ["Nokia"],
        "named": ["UBS"],
        "shares": ["Nokia", "Siemens", "UBS", "Gold"],
        "rest": ["Siemens", "Gold"],
    }


@pytest.mark.parametrize(
    ("rule", "watched"),
    [
        ("watch: topic", ["topic:Earnings", "topic:Legal | Regulation", "topic:Markets"]),
        ("watch: topic, keys: ['Legal | Regulation']", ["topic:Legal | Regulation"]),
        ("watch: sector", ["sector:financials", "sector:industrials", "sector:technology"]),
        ("watch: sector, sectors: [financials]", ["sector:financials"]),
        ("watch: sector, keys: [financials]", ["sector:financials"]),
        ("watch: all", ["all:"]),
        ("watch: entity, sectors: [financials], keys: [Gold]", ["UBS", "Gold"]),
    ],
)
def test_each_scope_has_its_streams(rule: str, watched: list[str]) -> None:
    rules = book(f"rules: [{{name: r, kind: volume, {rule}}}]")
    assert rules.streams["r"] == watched
    assert all(names(rules.watching(key)) == ["r"] for key in watched)


def test_a_budget_is_shared_out_among_the_streams_that_the_rule_holds_for() -> None:
    rules = book("""
rules:
  - {name: tech, watch: entity, sectors: [technology], kind: negatives, false_alarms: 2}
  - {name: rest, watch: entity, kind: negatives, budget: 3}
  - {name: topics, watch: topic, kind: volume, budget: 0.6}
""")
    assert rules.watching("Nokia").rules[0].false_alarms == 2
    assert rules.watching("UBS").rules[0].false_alarms == pytest.approx(1.0)  # 3 over three, for the first is tech's
    assert rules.watching("topic:Markets").rules[0].false_alarms == pytest.approx(0.2)


def test_a_budget_larger_than_its_streams_can_take_is_cut_and_told() -> None:
    rules = one("budget: 50, keys: [Nokia]")
    assert rules.watching("Nokia").rules[0].false_alarms == SurgeRule().hot_alarms
    assert "budget" in doubts(rules)[0]


def test_what_a_rule_does_not_say_is_its_kinds_own() -> None:
    for kind in KINDS:
        surge = book(f"rules: [{{name: r, watch: entity, kind: {kind}}}]").watching("Nokia").rules[0]
        assert surge == SurgeRule(name="r", kind=kind)  # type: ignore[arg-type]


def test_everything_that_a_rule_says_is_heard() -> None:
    rules = one(
        "false_alarms: 0.5, minimum: 7, windows: [2h, 15m, 15m], calm: 90m, cooldown: 1d12h,"
        "severity: {warning_alarms: 0.2, critical_alarms: 0.001, critical_minimum: 20}, routes: [desk, ops-2]"
    )
    assert rules.watching("Nokia").rules[0] == SurgeRule(
        name="r",
        false_alarms=0.5,
        minimum=7,
        windows_s=(900.0, 7200.0),
        calm_s=5400.0,
        cooldown_s=129_600.0,
        warning_alarms=0.2,
        critical_alarms=0.001,
        critical_minimum=20,
    )
    rule = rules.rule("r")
    assert rule is not None and rule.routes == ("desk", "ops-2")


def test_a_storm_is_what_the_file_says() -> None:
    rules = book("storm: {entities: 8, within: 10m, calm: 2h, critical: 20, at_least: critical, routes: [ops]}")
    storm, telling = rules.storm, rules.rule("storm")
    assert (storm.entities, storm.within_s, storm.calm_s, storm.critical_entities) == (8, 600, 7200, 20)
    assert telling is not None and telling.routes == ("ops",)
    assert telling.held(START, "warning") == "below critical"
    assert book("storm: {entities: 8}").storm.critical_entities == 24


def test_fifty_thousand_names_cost_a_lookup_each_and_share_what_they_are_watched_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked, fits = [0], Rule.fits

    def counted(rule: Rule, *stream: Any) -> bool:
        asked[0] += 1
        return fits(rule, *stream)

    monkeypatch.setattr(Rule, "fits", counted)
    many = {f"Company {n}": f"sector {n % 11}" for n in range(50_000)}
    keys = ", ".join(f"Company {n}" for n in range(0, 50_000, 5))
    rules = read_rules(
        f"rules: [{{name: a, watch: entity, keys: [{keys}], kind: negatives}},"
        " {name: b, watch: entity, sectors: [sector 3], kind: negatives},"
        " {name: c, watch: entity, kind: negatives, budget: 100}, {name: d, watch: entity, kind: share}]",
        "rules.yaml",
        many,
    )
    watched = {id(rules.watching(entity)) for entity in many}
    assert len(watched) == 3
    assert doubts(rules) == []
    assert asked[0] <= 2 * 4 * (len(many) + 20)  # once for the budget, once for the streams, of four rules each
    assert len(rules.streams["a"]) == 10_000


# who is told, and when


@pytest.mark.parametrize(
    ("at", "quiet"),
    [
        (datetime(2026, 1, 5, 21, 59, tzinfo=ZURICH), False),
        (datetime(2026, 1, 5, 22, 0, tzinfo=ZURICH), True),
        (datetime(2026, 1, 6, 6, 59, 59, tzinfo=ZURICH), True),
        (datetime(2026, 1, 6, 7, 0, tzinfo=ZURICH), False),
        (datetime(2026, 1, 5, 20, 30, tzinfo=UTC), False),  # 21:30 in winter
        (datetime(2026, 7, 6, 20, 30, tzinfo=UTC), True),  # 22:30 in summer
        (datetime(2026, 1, 6, 5, 30, tzinfo=UTC), True),  # 6:30
        (datetime(2026, 7, 6, 5, 30, tzinfo=UTC), False),  # 7:30
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), True),  # the night in which 2:00 becomes 3:00
        (datetime(2026, 3, 29, 4, 59, tzinfo=UTC), True),
        (datetime(2026, 3, 29, 5, 0, tzinfo=UTC), False),  # 7:00, an hour sooner than the day before
        (datetime(2026, 10, 25, 5, 59, tzinfo=UTC), True),  # the night in which 3:00 becomes 2:00
        (datetime(2026, 10, 25, 6, 0, tzinfo=UTC), False),
    ],
)
def test_quiet_hours_go_over_midnight_and_by_the_clocks_on_the_wall(at: datetime, quiet: bool) -> None:
    rule = one('quiet_hours: {from: "22:00", to: "07:00", zone: Europe/Zurich}').rule("r")
    assert rule is not None
    assert rule.held(at, "critical") == ("quiet hours" if quiet else "")


def test_a_time_without_quotes_is_the_time_that_it_looks_like() -> None:
    rule = one("quiet_hours: {from: 22:00, to: 7:30, zone: UTC}").rule("r")
    assert rule is not None
    assert rule.quiet_hours == (QuietHours(start_min=1320, end_min=450, zone=ZoneInfo("UTC")),)


def test_what_is_severe_enough_is_told_in_quiet_hours() -> None:
    rule = one('quiet_hours: {from: "22:00", to: "07:00", zone: UTC, except: warning}').rule("r")
    assert rule is not None
    midnight = datetime(2026, 1, 5, tzinfo=UTC)
    told = {severity: rule.held(midnight, severity) for severity in ("info", "warning", "critical")}
    assert told == {"info": "quiet hours", "warning": "", "critical": ""}


def test_days_are_those_on_which_the_hours_begin() -> None:
    rule = one('quiet_hours: {from: "22:00", to: "07:00", zone: UTC, days: [fri]}').rule("r")
    assert rule is not None
    held = [bool(rule.held(datetime(2026, 1, day, hour, tzinfo=UTC), "info")) for day, hour in
            ((1, 23), (2, 6), (2, 23), (3, 6), (3, 23), (4, 6))]  # the second was a Friday  # fmt: skip
    assert held == [False, False, True, True, False, False]


def test_whole_days_can_be_quiet_beside_nights() -> None:
    weekend, night = 'from: "00:00", to: "24:00", zone: UTC, days: [sat, sun]', 'from: "22:00", to: "06:00", zone: UTC'
    rule = one(f"quiet_hours: [{{{weekend}}}, {{{night}}}]").rule("r")
    assert rule is not None
    held = [bool(rule.held(datetime(2026, 1, day, 12, tzinfo=UTC), "info")) for day in range(1, 8)]
    assert held == [False, False, True, True, False, False, False]
    assert rule.held(datetime(2026, 1, 7, 23, tzinfo=UTC), "info")


@given(st.datetimes(timezones=st.just(UTC)), st.integers(0, 1439), st.integers(1, 1440))
def test_quiet_hours_and_those_the_other_way_round_fill_the_day(at: datetime, start: int, end: int) -> None:
    if start == end % 1440:
        return
    one_way = QuietHours(start_min=start, end_min=end, zone=ZURICH).cover(at)
    other_way = QuietHours(start_min=end % 1440, end_min=start or 1440, zone=ZURICH).cover(at)
    assert one_way + other_way == 1 or at.year in (1, 9999)


def test_a_rule_is_muted_until_the_moment_given_whatever_the_severity() -> None:
    rule = one("mute_until: 2026-12-01T00:00:00+01:00, at_least: warning").rule("r")
    assert rule is not None
    assert rule.held(datetime(2026, 11, 30, 22, 59, tzinfo=UTC), "critical") == "muted"
    assert rule.held(datetime(2026, 11, 30, 23, 0, tzinfo=UTC), "critical") == ""
    assert rule.held(datetime(2026, 11, 30, 23, 0, tzinfo=UTC), "info") == "below warning"


@pytest.mark.parametrize(("severity", "held"), [("info", True), ("warning", True), ("critical", False)])
def test_less_than_is_asked_for_is_held(severity: Severity, held: bool) -> None:
    assert bool(Telling(at_least="critical").held(START, severity)) == held


def test_an_episode_whose_rule_is_gone_ends_all_the_same() -> None:
    seen = stream(ordinary(10), burst(10 * DAY, 30, HOUR))
    state, told = fold(seen)
    assert [each.status for each in told if each.status != "grew"] == ["opened"]
    ended = expire(state, (START.timestamp() + 12 * DAY), Watching(()))
    assert [(each.status, each.kind, each.episode) for each in ended] == [("resolved", "negatives", told[-1].episode)]
    assert expire(WindowState(entity="x"), 0.0, Watching(())) == []


# files that are wrong

RULE = "name: r, watch: entity, kind: negatives"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules: [", "not YAML: "),
        ("a: b: c", "rules.yaml:1: not YAML: "),
        ("rules:\n\t- x", "rules.yaml:2: not YAML: "),
        ("\x00", "rules.yaml: not YAML: "),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("--- 1\n--- 2", "rules.yaml:2: not YAML: "),
        ("[" * 3000, "not YAML"),
        ("just words", "rules.yaml: got 'just words', wanted lateness, storm, rules"),
        ("[]", "rules.yaml: got a list of 0, wanted lateness"),
        ("rule: []", "unknown key 'rule'; did you mean 'rules'?"),
        ("lateness: 1h\nlateness: 2h", "rules.yaml:2: got the key 'lateness' twice"),
        ("rules: [{name: r, name: q}]", "got the key 'name' twice"),
        ("lateness: 4h", "rules.yaml: lateness: got '4h', wanted 0s to 2h55m"),
        ("lateness: 7200", "lateness: got 7200, wanted a duration such as"),
        ("lateness: soon", "lateness: got 'soon', wanted a duration"),
        ("storm: [5]", "rules.yaml: storm: got a list of 1, wanted entities"),
        ("storm: {entities: 1}", "rules.yaml: storm: entities: got 1, wanted a whole number from 2 to 200"),
        ("storm: {entities: 9, critical: 5}", "critical: got 5, wanted a whole number from 9"),
        ("storm: {entitys: 9}", "storm: unknown key 'entitys'; did you mean 'entities'?"),
        ("rules:", "rules.yaml: rules: got nothing, wanted a list"),
        ("rules: {name: r}", "rules: got keys with values, wanted a list"),
        ("rules: [r]", "rules.yaml: rule 1: got 'r', wanted name, watch"),
        ("rules: [{watch: entity, kind: share}]", "rule 1: name: got nothing, wanted a name of its own"),
        ("rules: [{name: storm, watch: all, kind: share}]", "name: got 'storm', which names the alerts on storms"),
        ("rules: [{name: r, kind: share}]", "rule 1 ('r'): watch: got nothing, wanted one of entity, topic"),
        ("rules: [{name: r, watch: topics, kind: share}]", "watch: got 'topics', wanted one of entity"),
        ("rules: [{name: r, watch: all, kind: storm}]", "kind: got 'storm', wanted one of negatives, share"),
        ("rules: [{name: r, watch: all, kind: negative}]", "did you mean 'negatives'?"),
        (f"rules: [{{{RULE}}}, {{{RULE}}}]", "rule 2: name: got 'r', which rule 1 has already; give each its own"),
        ("rules: [{name: r, watch: all, kind: share, keys: [x]}]", "keys: got some with watch: all"),
        ("rules: [{name: r, watch: topic, kind: share, sectors: [x]}]", "sectors: got some with watch: topic"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("loader", [LOADER, yaml.SafeLoader])
def test_a_broken_file_is_one_line_that_says_where(
    text: str, says: str, loader: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.news.rule_text.LOADER", loader)
    with pytest.raises(SettingsError) as error:
        book(text)
    assert says in str(error.value)
    assert str(error.value).startswith("rules.yaml")
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ("windos: [15m]", "unknown key 'windos'; did you mean 'windows'?"),
        ("windows: 15m", "windows: got '15m', wanted a list"),
        ("windows: []", "windows: got a list of 0, wanted a list of 1 to 8"),
        ("windows: [7m]", "windows: got 7m, wanted a multiple of 5m"),
        ("windows: [90s]", "windows: got '90s', wanted 5m to 2h55m"),
        ("windows: [3h]", "windows: got '3h', wanted 5m to 2h55m"),
        ("keys: Nokia", "keys: got 'Nokia', wanted a list"),
        ("keys: [NO]", "keys: got false (yes, no, on and off are true and false, too, unless in quotes), wanted text"),
        ("keys: [700]", "keys: got 700, wanted text; put it in quotes"),
        ("false_alarms: 0", "false_alarms: got 0, wanted a number above 0, 30 at most"),
        ("false_alarms: many", "false_alarms: got 'many', wanted a number above 0"),
        ("false_alarms: .nan", "false_alarms: got nan"),
        ("false_alarms: true", "false_alarms: got true"),
        ("budget: -1", "budget: got -1, wanted a number above 0"),
        ("budget: .inf", "budget: got inf, wanted a number above 0"),
        ("budget: 1, false_alarms: 1", "budget: got false_alarms as well, wanted one of them"),
        ("minimum: 2.5", "minimum: got 2.5, wanted a whole number"),
        ("calm: 1s", "calm: got '1s', wanted 1m to 30d"),
        ("cooldown: 100d", "cooldown: got '100d', wanted 1m to 90d"),
        ("severity: warning", "severity: got 'warning', wanted warning_alarms"),
        ("severity: {critical: 1}", "severity: unknown key 'critical'"),
        ("severity: {critical_alarms: 0.1}", "critical_alarms: got 0.1, wanted no more than warning_alarms, 0.01"),
        ("at_least: warn", "at_least: got 'warn', wanted one of info, warning, critical; did you mean 'warning'?"),
        ("quiet_hours: night", "quiet_hours: got 'night', wanted from, to, zone"),
        ('quiet_hours: {from: "22:00", to: "07:00"}', "quiet_hours: zone: got nothing, wanted a time zone"),
        ('quiet_hours: {from: "22:00", to: "7", zone: UTC}', "to: got '7', wanted a time from"),
        ('quiet_hours: {from: "22:00", to: 700, zone: UTC}', "to: got 700, wanted a time from"),
        ('quiet_hours: {from: "22:60", to: "07:00", zone: UTC}', "from: got '22:60'"),
        ('quiet_hours: {from: "22:00", to: "22:00", zone: UTC}', "to: got the time in from, wanted another"),
        ('quiet_hours: {from: "24:00", to: "00:00", zone: UTC}', "to: got the time in from, wanted another"),
        ('quiet_hours: {from: "22:00", to: "07:00", zone: Europe/Zürich}', "did you mean 'Europe/Zurich'?"),
        ('quiet_hours: {from: "22:00", to: "07:00", zone: Europe}', "zone: got 'Europe', wanted a time zone"),
        ('quiet_hours: {from: "22:00", to: "07:00", zone: ../UTC}', "zone: got '../UTC', wanted a time zone"),
        ('quiet_hours: {from: "22:00", to: "07:00", zone: UTC, days: [friday]}', "days: got 'friday', wanted"),
        ('quiet_hours: {from: "22:00", to: "07:00", zone: UTC, except: all}', "except: got 'all', wanted one of info"),
        ("mute_until: 2026-12-01", "mute_until: got 2026-12-01, wanted a date and time with its zone"),
        ("mute_until: 2026-12-01 08:00:00", "wanted a date and time with its zone"),
        ("mute_until: 2026-13-01T00:00:00Z", "got a date or number that is none"),
        ("routes: [Desk Mail]", "routes: got 'Desk Mail', wanted names of sinks"),
        ("routes: desk", "routes: got 'desk', wanted a list"),
    ],
)  # fmt: skip
def test_a_broken_field_is_named_with_its_rule(fields: str, says: str) -> None:
    with pytest.raises(SettingsError) as error:
        one(fields)
    assert says in str(error.value)
    assert str(error.value).startswith("rules.yaml: rule 1 ('r')") or "mute_until: 2026-13" in fields
    assert "\n" not in str(error.value) and len(str(error.value)) < 400


def test_shares_may_be_of_days_in_whole_hours() -> None:
    head = "name: r, watch: entity, kind: share"
    assert one("windows: [2h30m, 6h, 7d]", head).watching("Nokia").rules[0].windows_s == (9000.0, 21600.0, 604_800.0)
    with pytest.raises(SettingsError, match=r"got 3h30m, wanted a multiple of 1h.*take 3h"):
        one("windows: [3h30m]", head)


def test_aliases_serve_many_rules_and_never_make_an_error_long() -> None:
    rules = book(
        "rules: [{name: a, watch: all, kind: share, quiet_hours: &night {from: '22:00', to: '07:00', zone: UTC}},"
        " {name: b, watch: entity, kind: share, quiet_hours: *night}]"
    )
    assert rules.rule("a").quiet_hours == rules.rule("b").quiet_hours  # type: ignore[union-attr]
    bomb = "&a0 [x, x]" + "".join(f", &a{n + 1} [*a{n}, *a{n}]" for n in range(60))
    for text in (f"lateness: [{bomb}]", "lateness: &a [*a, *a, [*a]]"):
        with pytest.raises(SettingsError) as error:
            book(text)
        assert len(str(error.value)) < 200


@given(st.text(max_size=200))
def test_whatever_stands_in_the_file_is_rules_or_one_clear_line(text: str) -> None:
    try:
        book(text)
    except SettingsError as error:
        assert str(error).startswith("rules.yaml") and "\n" not in str(error)


@given(st.integers(1, 90 * 86_400))
def test_durations_are_read_as_they_are_written(seconds: int) -> None:
    if 60 <= seconds <= 90 * DAY:
        assert one(f"cooldown: {written(seconds)}").watching("Nokia").rules[0].cooldown_s == seconds


# what is legal and hardly meant


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("watch: entity, keys: [Nokai]", "keys: 'Nokai' is no entity of the watchlist; did you mean 'Nokia'?"),
        ("watch: entity, keys: [nokia, UBS]", "keys: 'nokia' is no entity of the watchlist; did you mean 'Nokia'?"),
        ("watch: entity, sectors: [tech]", "sectors: 'tech' is no sector of the watchlist"),
        ("watch: sector, sectors: [Technology]", "did you mean 'technology'?"),
        ("watch: topic, keys: [Earning]", "keys: 'Earning' is no topic of the model; did you mean 'Earnings'?"),
    ],
)
def test_a_name_that_nothing_has_is_a_warning_with_the_nearest(rule: str, says: str) -> None:
    told = doubts(book(f"rules: [{{name: r, kind: negatives, {rule}}}]"))
    assert told[0].startswith("rule 1 ('r'): ")
    assert says in told[0]
    assert ("UBS" in rule) or "watches nothing; correct its names" in told[1]


def test_many_unknown_names_are_counted_not_listed() -> None:
    told = doubts(one("keys: [Nokia, " + ", ".join(f"X{n}" for n in range(500)) + "]"))
    assert len(told) == 6
    assert "495 more" in told[-1]


def test_a_rule_behind_another_that_takes_all_its_streams_is_told() -> None:
    [told] = doubts(
        book("""
rules:
  - {name: everybody, watch: entity, kind: negatives}
  - {name: banks, watch: entity, sectors: [financials], kind: negatives}
""")
    )
    assert "rule 2 ('banks'): watches nothing; rules before it watch all its streams" in told


def test_no_rules_at_all_is_told() -> None:
    assert "nothing is watched" in doubts(book("rules: []"))[0]
    assert doubts(book("")) == []
