"""From a transition to what an operator reads, once: Summary -> Alert, and the memory of what was told."""

from collections.abc import Callable
from contextlib import suppress

import msgspec

from streams.news.rules import RuleBook
from streams.records import Alert, Kind, Summary, Transition

REMEMBERED = 64  # alerts of one entity; an episode has about a dozen


class EpisodeState(msgspec.Struct, frozen=True, kw_only=True):
    """One entity's value in the `episodes` table: the ids of its latest alerts, oldest first."""

    raised: list[str] = []


_encoder, _decoder = msgspec.json.Encoder(), msgspec.json.Decoder(EpisodeState)


def encode_episodes(state: EpisodeState) -> bytes:
    """The table's value, JSON."""
    return _encoder.encode(state)


def decode_episodes(value: bytes) -> EpisodeState:
    """Inverse of `encode_episodes`. Raises msgspec.ValidationError for anything else."""
    return _decoder.decode(value)


def raise_once(
    state: EpisodeState | None, summary: Summary, book: RuleBook | None = None
) -> tuple[EpisodeState, Alert | None]:
    """The alert that a summary calls for, unless it was raised before: then the same state and None."""
    state = state or EpisodeState()
    alert = alert_of(summary, book or RuleBook())
    if alert is None or alert.id in state.raised:
        return state, None
    return remember(state, alert.id), alert


def remember(state: EpisodeState, alert_id: str) -> EpisodeState:
    """A state that knows of one more alert; the same object if it did before."""
    if alert_id in state.raised:
        return state
    return EpisodeState(raised=[*state.raised[1 - REMEMBERED :], alert_id])


def fold_alert(value: bytes | None, record: bytes) -> bytes:
    """The table's value after one more record of the alerts topic; what is no alert of ours changes nothing."""
    state = EpisodeState() if value is None else decode_episodes(value)
    with suppress(msgspec.DecodeError, UnicodeDecodeError):  # somebody else's
        state = remember(state, msgspec.json.decode(record, type=Alert).id)
    return encode_episodes(state)


def alert_of(summary: Summary, book: RuleBook) -> Alert | None:
    """The alert in a summary's transition, None without one."""
    transition = summary.transition
    if transition is None:
        return None
    rule = book.rule(transition.rule)
    return Alert(
        id=f"{transition.episode}:{transition.status}" + (f":{summary.applied}" if transition.status == "grew" else ""),
        episode=transition.episode,
        entity=summary.entity,
        name=summary.name,
        scope=summary.scope,
        kind=transition.kind,
        rule=transition.rule,
        status=transition.status,
        severity=transition.severity,
        at=transition.at,
        opened_at=transition.opened_at,
        summary=sentence(summary),
        observed=transition.observed,
        expected=transition.expected,
        span_s=transition.span_s,
        p_value=transition.p_value,
        evidence=transition.evidence,
        series=transition.series,
        members=transition.members,
        held=rule.held(transition.at, transition.severity) if rule else "",
        routes=list(rule.routes) if rule else [],
    )


def sentence(summary: Summary) -> str:
    """One sentence of plain English. Raises AssertionError without a transition."""
    transition = summary.transition
    assert transition is not None
    name = " ".join(summary.name.split()) or summary.entity
    status = {"opened": "", "grew": "still growing, ", "resolved": "over, "}[transition.status]
    return f"{name}: {status}{FACTS[transition.kind](transition)}"


def counted(transition: Transition, what: str) -> str:
    number = round(transition.observed)
    plural = "" if number == 1 else "s"
    return f"{number} {what}{plural} in {span(transition.span_s)}, {amount(transition.expected)} expected"


def share(transition: Transition) -> str:
    return (
        f"{transition.observed:.0%} of the headlines in {span(transition.span_s)} are negative,"
        f" {transition.expected:.0%} usual"
    )


def turn(transition: Transition) -> str:
    way = "better" if transition.observed > transition.expected else "worse"
    return (
        f"tone turned {way}, {signed(transition.observed)} in {span(transition.span_s)},"
        f" {signed(transition.expected)} usual"
    )


def storm(transition: Transition) -> str:
    named = ", ".join(transition.members[:NAMED])
    more = len(transition.members) - NAMED
    return f"bad news about {len(transition.members)} entities within {span(transition.span_s)}: {named}" + (
        f" and {more} more" if more > 0 else ""
    )


FACTS: dict[Kind, Callable[[Transition], str]] = {
    "negatives": lambda transition: counted(transition, "negative headline"),
    "volume": lambda transition: counted(transition, "headline"),
    "share": share,
    "turn": turn,
    "storm": storm,
}
NAMED = 4  # of a storm's entities


def signed(value: float) -> str:
    """A tone, -1..1, with its sign."""
    return f"{value:+.2f}".replace("-", "−")


def span(seconds: float) -> str:
    """A length of time as a person says it: '60 minutes', '2 hours 5 minutes'."""
    minutes = max(1, round(seconds / 60))
    if minutes <= 90:
        return f"{minutes} minute" + ("" if minutes == 1 else "s")
    hours, minutes = divmod(minutes, 60)
    told = f"{hours} hour" + ("" if hours == 1 else "s")
    return told + (f" {minutes} minute" + ("" if minutes == 1 else "s") if minutes else "")


def amount(value: float) -> str:
    """An expectation with as many digits as it deserves."""
    if value < 0.05:
        return "almost none"
    return f"{value:.1f}" if value < 9.95 else f"{value:.0f}"
