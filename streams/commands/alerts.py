"""`gretchen alerts`: what was raised, and what an operator has to say to it."""

import getpass
import os
import re
import sys
from datetime import UTC, datetime, timedelta
from typing import Literal

import click
import msgspec
from rich.console import Console
from rich.text import Text

from models.errors import InputError
from streams.intake import utc
from streams.records import Alert, AlertAction
from streams.settings import Settings, load_settings
from streams.sinks.wanted import SEVERITIES, ack_id, mute_id
from streams.sinks.wording import one_line

COLORS = {"info": "blue", "warning": "yellow", "critical": "bold red"}
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
LONGEST_MUTE = timedelta(days=30)  # what the topic remembers


class Duration(click.ParamType):
    """'90s', '15m', '2h' or '3d' as a timedelta."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        found = re.fullmatch(r"(\d{1,6})([smhd])", str(value))
        if not found or not int(found[1]):
            self.fail(f"got {value!r}, wanted a length of time such as 90s, 15m, 2h or 3d", param, ctx)
        return timedelta(seconds=int(found[1]) * UNITS[found[2]])


def login() -> str:
    """Who is at the keyboard; nobody in a container whose user has no name."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


@click.group("alerts", invoke_without_command=True)
@click.option("-f", "--follow", is_flag=True, help="Go on with what is raised next, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One record a line, as JSON.")
@click.option("--since", type=Duration(), help="How far back, such as 2h. Default: all that Kafka keeps.")
@click.option("--severity", type=click.Choice(SEVERITIES), default="info", help="This and what is more severe.")
@click.pass_context
def command(context: click.Context, follow: bool, as_json: bool, since: timedelta | None, severity: str) -> None:
    """Show alerts, oldest first; ack an episode; mute an entity."""
    if context.invoked_subcommand is not None:
        return
    from streams.sinks.tail import read_alerts

    console = Console(highlight=False, soft_wrap=True)
    begin = datetime.now(UTC) - since if since else None
    try:
        for alert in read_alerts(load_settings(os.environ), begin, follow):
            if SEVERITIES.index(alert.severity) < SEVERITIES.index(severity):
                continue
            if as_json:
                click.echo(msgspec.json.encode(alert))
            else:
                console.print(line(alert))
    except KeyboardInterrupt:  # how --follow ends; click would call it aborted
        sys.exit(130)


@command.command("ack")
@click.argument("episode")
@click.option("--undo", is_flag=True, help="Nobody sees to it after all.")
@click.option("--by", default=login, show_default="your login", help="Who acks.")
@click.option("--note", default="", help="For the others.")
def ack(episode: str, undo: bool, by: str, note: str) -> None:
    """Say that somebody sees to an EPISODE: until it is over, no sink is told that it grew."""
    from streams.sinks.tail import read_alerts

    settings, now = load_settings(os.environ), datetime.now(UTC)
    entity = next((alert.entity for alert in read_alerts(settings, None, False) if alert.episode == episode), None)
    if entity is None:
        raise InputError(f"no alert is of an episode {episode!r}; 'gretchen alerts' shows each with its episode")
    kind: Literal["ack", "unack"] = "unack" if undo else "ack"
    tell(settings, AlertAction(id=ack_id(episode), kind=kind, entity=entity, episode=episode, at=now, by=by, note=note))
    click.echo(f"{kind}ed {episode}: {'its growth and its' if undo else 'its'} end will be told")


@command.command("mute")
@click.argument("entity")
@click.argument("duration", type=Duration())
@click.option("--by", default=login, show_default="your login", help="Who mutes.")
@click.option("--note", default="", help="For the others.")
def mute(entity: str, duration: timedelta, by: str, note: str) -> None:
    """Deliver no alert on ENTITY for a DURATION such as 2h."""
    if duration > LONGEST_MUTE:
        raise click.BadParameter(f"got {duration.days} days, wanted at most {LONGEST_MUTE.days}", param_hint="DURATION")
    now = datetime.now(UTC)
    until = now + duration
    action = AlertAction(id=mute_id(entity), kind="mute", entity=entity, until=until, at=now, by=by, note=note)
    tell(load_settings(os.environ), action)
    click.echo(f"muted {entity} until {until:%Y-%m-%d %H:%M:%S} UTC")


@command.command("unmute")
@click.argument("entity")
@click.option("--by", default=login, show_default="your login", help="Who unmutes.")
def unmute(entity: str, by: str) -> None:
    """Deliver alerts on ENTITY again."""
    action = AlertAction(id=mute_id(entity), kind="unmute", entity=entity, at=datetime.now(UTC), by=by)
    tell(load_settings(os.environ), action)
    click.echo(f"unmuted {entity}")


def tell(settings: Settings, action: AlertAction) -> None:
    """Into the topic, acknowledged. Raises BrokerUnavailable."""
    from streams.admin import ensure_topics
    from streams.sources.publish import Outgoing, Publisher
    from streams.topics import ALERT_ACTIONS

    ensure_topics(settings, (ALERT_ACTIONS,))
    with Publisher(settings, ALERT_ACTIONS, "gretchen/alerts", linger_ms=0) as publisher:
        publisher.deliver([Outgoing(action.id, action.id.encode(), msgspec.json.encode(action))])


def line(alert: Alert) -> Text:
    """One row."""
    shown = Text(f"{utc(alert.at):%Y-%m-%d %H:%M:%S} ")
    shown.append(f"{alert.severity:<8} ", COLORS[alert.severity] if alert.status != "resolved" else "green")
    shown.append(f"{alert.status:<8} {alert.kind:<9} {one_line(alert.summary)} ")
    if alert.held:
        shown.append(f"({one_line(alert.held)}: no sink is told) ", "yellow")
    return shown.append(one_line(alert.episode), "dim")
