"""From a transition to what an operator reads, once: Summary -> Alert, and the memory of what was told."""

from contextlib import suppress

import msgspec

from streams.records import Alert, Summary

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


def raise_once(state: EpisodeState | None, summary: Summary) -> tuple[EpisodeState, Alert | None]:
    """The alert that a summary calls for, unless it was raised before: then the same state and None."""
    state = state or EpisodeState()
    alert = alert_of(summary)
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


def alert_of(summary: Summary) -> Alert | None:
    """The alert in a summary's transition, None without one."""
    transition = summary.transition
    if transition is None:
        return None
    return Alert(
        id=f"{transition.episode}:{transition.kind}" + (f":{summary.applied}" if transition.kind == "grew" else ""),
        episode=transition.episode,
        entity=summary.entity,
        name=summary.name,
        status=transition.kind,
        severity=transition.severity,
        at=transition.at,
        opened_at=transition.opened_at,
        summary=sentence(summary),
        negatives=transition.negatives,
        expected=transition.expected,
        p_value=transition.p_value,
        evidence=transition.evidence,
    )


def sentence(summary: Summary) -> str:
    """One sentence of plain English. Raises AssertionError without a transition."""
    transition = summary.transition
    assert transition is not None
    name = " ".join(summary.name.split()) or summary.entity
    headlines = f"{transition.negatives} negative headline" + ("" if transition.negatives == 1 else "s")
    facts = f"{headlines} in {span(transition.span_s)}, {amount(transition.expected)} expected"
    if transition.kind == "opened":
        return f"{name}: {facts}"
    if transition.kind == "grew":
        return f"{name}: still growing, {facts}"
    return f"{name}: over, {facts}"


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
