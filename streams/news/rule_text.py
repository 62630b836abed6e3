"""A rules file's text to a RuleBook, with every mistake named by file, rule and field. The format: docs/rules.md."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, TypeVar, get_args

import yaml

from models.errors import SettingsError
from streams.news import rule_values as values
from streams.news.groups import SECTOR, TOPIC
from streams.news.rules import DEFAULT, Rule, RuleBook
from streams.news.storms import MEMBERS, StormRule
from streams.news.surge import SEVERITIES, SurgeRule
from streams.news.telling import EVERY_DAY, QuietHours, Telling
from streams.news.windows import BUCKET_S, FINE
from streams.records import Kind, Scope

T = TypeVar("T")
D = TypeVar("D")
DAY_S = 86_400.0
KINDS: tuple[Kind, ...] = tuple(kind for kind in get_args(Kind) if kind != "storm")
SCOPES: tuple[Scope, ...] = get_args(Scope)
TELLING = ("at_least", "quiet_hours", "mute_until", "routes")
NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
# safe_load's loader, ten times as fast where PyYAML was built with libyaml
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_rules(text: str, where: str, sectors: Mapping[str, str], topics: Sequence[str] = ()) -> RuleBook:
    """`where` begins every error; `sectors` (entity -> sector) and `topics` are what there is to watch.

    Raises SettingsError, one line.
    """
    given = parse(text, where)
    top = Fields({} if given is None else given, where, ("lateness", "storm", "rules"))
    storm = top.nested("storm", ("entities", "within", "calm", "critical", *TELLING))
    rules: tuple[Rule, ...] = DEFAULT
    if "rules" in top.given:
        if not isinstance(listed := top.given["rules"], list):
            top.fail("rules", f"got {values.shown(listed)}, wanted a list, each rule beginning with a dash")
        rules = tuple(read_rule(each, n, where) for n, each in enumerate(listed, 1))
        refuse_doubles(rules, where)
    return RuleBook(
        rules,
        sectors,
        top.get("lateness", values.duration(0.0, (FINE - 1) * BUCKET_S), 7200.0),
        topics=topics,
        storm=read_storm(storm),
        storm_telling=Telling(**telling(storm)),
    )


class Fields:
    """A mapping of the file, read field by field."""

    def __init__(self, given: Any, where: str, known: Sequence[str]) -> None:
        if not isinstance(given, dict):
            raise SettingsError(f"{where}: got {values.shown(given)}, wanted {', '.join(known)}, each with its value")
        self.given, self.where = given, where
        for key in given:
            if key not in known:
                hint = values.meant(str(key), known) or f"; known: {', '.join(known)}"
                raise SettingsError(f"{where}: unknown key {values.shown(key)}{hint}")

    def get(self, field: str, read: Callable[[Any], T], default: D) -> T | D:
        """A field's value, the default without one."""
        if field not in self.given:
            return default
        try:
            return read(self.given[field])
        except ValueError as error:
            self.fail(field, str(error))

    def need(self, field: str, read: Callable[[Any], T], instead: str) -> T:
        value = self.get(field, read, None)
        if value is None:
            self.fail(field, f"got nothing, wanted {instead}")
        return value

    def nested(self, field: str, known: Sequence[str]) -> "Fields":
        """A field that is a mapping itself, empty without one."""
        given = self.given.get(field)
        return Fields({} if given is None else given, f"{self.where}: {field}", known)

    def fail(self, field: str, what: str) -> NoReturn:
        raise SettingsError(f"{self.where}: {field}: {what}") from None


def read_rule(given: Any, n: int, where: str) -> Rule:
    """Rule number `n`."""
    name = given.get("name") if isinstance(given, dict) else None
    called = f" ({values.shown(name)})" if name is not None else ""
    known = ("name", "watch", "keys", "sectors", "kind", *SURGE, *TELLING)
    fields = Fields(given, f"{where}: rule {n}{called}", known)
    scope = fields.need("watch", values.choice(SCOPES), f"one of {', '.join(SCOPES)}")
    keys, sectors = chosen(fields, scope)
    return Rule(
        surge=read_surge(fields),
        scope=scope,
        keys=keys,
        sectors=sectors,
        budget=fields.get("budget", values.number(1e6), 0.0),
        **telling(fields),
    )


def chosen(fields: Fields, scope: Scope) -> tuple[frozenset[str], frozenset[str]]:
    """The streams' keys, and the sectors of whose entities, that a rule names."""
    names, sectors = fields.get("keys", values.texts, ()), fields.get("sectors", values.texts, ())
    if names and scope == "all":
        fields.fail("keys", "got some with watch: all, which is one stream; leave them out, or watch: entity")
    if sectors and scope not in ("entity", "sector"):
        fields.fail("sectors", f"got some with watch: {scope}, wanted watch: entity or watch: sector; leave them out")
    if scope == "sector":
        return frozenset(SECTOR + each for each in (*names, *sectors)), frozenset()
    return frozenset((TOPIC if scope == "topic" else "") + each for each in names), frozenset(sectors)


SURGE = ("false_alarms", "budget", "minimum", "windows", "calm", "cooldown", "severity")


def read_surge(fields: Fields) -> SurgeRule:
    """When a stream is unusual. What is not given is the kind's own, or SurgeRule's default."""
    default = SurgeRule()
    kind = fields.need("kind", values.choice(KINDS), f"one of {', '.join(KINDS)}")
    if "budget" in fields.given and "false_alarms" in fields.given:
        fields.fail("budget", "got false_alarms as well, wanted one of them: of all streams together, or of each")
    rarity = values.number(default.hot_alarms)
    severity = fields.nested("severity", ("warning_alarms", "critical_alarms", "critical_minimum"))
    warning = severity.get("warning_alarms", rarity, default.warning_alarms)
    critical = severity.get("critical_alarms", rarity, min(warning, default.critical_alarms))
    if critical > warning:
        severity.fail("critical_alarms", f"got {critical:g}, wanted no more than warning_alarms, {warning:g}")
    return SurgeRule(
        name=fields.need("name", values.rule_name, "a name of its own, which its alerts carry"),
        kind=kind,  # type: ignore[arg-type]  # no storm: of KINDS
        false_alarms=fields.get("false_alarms", rarity, default.false_alarms),
        windows_s=fields.get("windows", values.windows(kind), ()),
        minimum=fields.get("minimum", values.count(1, 1_000_000), 0),
        warning_alarms=warning,
        critical_alarms=critical,
        critical_minimum=severity.get("critical_minimum", values.count(1, 1_000_000), default.critical_minimum),
        calm_s=fields.get("calm", values.duration(60.0, 30 * DAY_S), 0.0),
        cooldown_s=fields.get("cooldown", values.duration(60.0, 90 * DAY_S), default.cooldown_s),
    )


def telling(fields: Fields) -> dict[str, Any]:
    """What Telling takes."""
    given = fields.given.get("quiet_hours")
    listed = given if isinstance(given, list) else [] if given is None else [given]
    return {
        "at_least": fields.get("at_least", values.choice(SEVERITIES), "info"),
        "quiet_hours": tuple(read_quiet(each, f"{fields.where}: quiet_hours") for each in listed),
        "mute_until": fields.get("mute_until", values.instant, None),
        "routes": fields.get("routes", values.sinks, ()),
    }


def read_quiet(given: Any, where: str) -> QuietHours:
    fields = Fields(given, where, ("from", "to", "zone", "days", "except"))
    start, end = (fields.need(field, values.clock, 'a time such as "22:00"') for field in ("from", "to"))
    if start % (24 * 60) == end % (24 * 60) and (start, end) != (0, 24 * 60):
        fields.fail("to", 'got the time in from, wanted another; for all of a day take from: "00:00" and to: "24:00"')
    return QuietHours(
        start_min=start % (24 * 60),
        end_min=end or 24 * 60,
        zone=fields.need("zone", values.zone, "a time zone such as Europe/Zurich"),
        days=fields.get("days", values.days, EVERY_DAY),
        exempt=fields.get("except", values.choice(SEVERITIES), None),
    )


def read_storm(fields: Fields) -> StormRule:
    default = StormRule()
    entities = fields.get("entities", values.count(2, MEMBERS), default.entities)
    return StormRule(
        entities=entities,
        within_s=fields.get("within", values.duration(60.0, DAY_S), default.within_s),
        calm_s=fields.get("calm", values.duration(60.0, 7 * DAY_S), default.calm_s),
        critical_entities=fields.get("critical", values.count(entities, MEMBERS), min(MEMBERS, 3 * entities)),
    )


def refuse_doubles(rules: Sequence[Rule], where: str) -> None:
    numbers: dict[str, int] = {}
    for n, rule in enumerate(rules, 1):
        if rule.surge.name in numbers:
            raise SettingsError(
                f"{where}: rule {n}: name: got {rule.surge.name!r}, which rule {numbers[rule.surge.name]} has already; "
                "give each its own"
            )
        numbers[rule.surge.name] = n


def parse(text: str, where: str) -> Any:
    """What yaml.safe_load gives, but for keys that come twice, which are an error, and numbers of base 60."""
    try:
        return construct(text, where)
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise SettingsError(f"{where}{line}: not YAML: {error.problem or error.context}; mend it there") from None
    except yaml.YAMLError as error:  # a character that YAML does not have
        raise SettingsError(f"{where}: not YAML: {' '.join(str(error).split())}") from None
    except (ValueError, OverflowError) as error:  # what looks like a date or a number and is none
        raise SettingsError(f"{where}: got a date or number that is none ({error}); put it in quotes") from None
    except RecursionError:
        raise SettingsError(f"{where}: not YAML that can be read: nested too deep") from None


def construct(text: str, where: str) -> Any:
    loader = LOADER(text)
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        for each in nodes(node):
            if isinstance(each, yaml.MappingNode):
                refuse_double_keys(each, where)
            elif isinstance(each, yaml.ScalarNode) and each.tag in NUMBERS and ":" in each.value:
                each.tag = "tag:yaml.org,2002:str"  # YAML 1.1 takes 22:00 for 1320; nobody means that
        return loader.construct_document(node)
    finally:
        loader.dispose()


def nodes(root: Any) -> Iterator[Any]:
    """Every node once, whatever aliases there are."""
    left, seen = [root], set()
    while left:
        node = left.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if isinstance(node, yaml.SequenceNode):
            left += node.value
        elif isinstance(node, yaml.MappingNode):
            left += [each for pair in node.value for each in pair]


def refuse_double_keys(mapping: Any, where: str) -> None:
    """Which safe_load would take the last of."""
    keys = set()
    for key, _ in mapping.value:
        if isinstance(key, yaml.ScalarNode) and key.value in keys:
            line = key.start_mark.line + 1
            raise SettingsError(f"{where}:{line}: got the key {key.value!r} twice, wanted it once; drop one")
        if isinstance(key, yaml.ScalarNode):
            keys.add(key.value)
