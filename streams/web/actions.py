"""What a person does about alerts on the page, as the records of `gretchen alerts ack` and `mute`. Pure."""

from datetime import datetime

import msgspec

from streams.records import AlertAction
from streams.web.take import Acted, duration


def ack_of(episode: str, entity: str, acted: Acted, now: datetime) -> AlertAction:
    """Somebody sees to an episode of `entity`."""
    return AlertAction(
        id=f"ack:{episode}", kind="ack", entity=entity, episode=episode, at=now, by=acted.by, note=acted.note
    )


def unack_of(episode: str, entity: str, acted: Acted, now: datetime) -> AlertAction:
    """Nobody does after all."""
    return msgspec.structs.replace(ack_of(episode, entity, acted, now), kind="unack")


def mute_of(key: str, acted: Acted, now: datetime) -> AlertAction:
    """No sink tells of a stream for a while. Raises Refused for a time that is none."""
    until = now + duration(acted.lasting)
    return AlertAction(id=f"mute:{key}", kind="mute", entity=key, until=until, at=now, by=acted.by, note=acted.note)


def unmute_of(key: str, acted: Acted, now: datetime) -> AlertAction:
    return AlertAction(id=f"mute:{key}", kind="unmute", entity=key, at=now, by=acted.by, note=acted.note)
