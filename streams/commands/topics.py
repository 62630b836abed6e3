"""`gretchen topics`: create the topics, or show what they hold."""

import os
import sys

import click
import msgspec
from rich.console import Console
from rich.table import Table

from streams.settings import Settings, load_settings
from streams.topics import TOPICS


@click.group("topics", invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Create the topics, or show what they hold. Without a verb: list."""
    if context.invoked_subcommand is None:
        context.invoke(list_)


@command.command("create")
def create() -> None:
    """Create the topics that are missing. One with other partitions is refused, never changed (exit 7)."""
    from streams.admin import ensure_topics, wait_for_broker

    settings = load_settings(os.environ)
    wait_for_broker(settings)
    ensure_topics(settings)
    click.echo(f"{len(TOPICS)} topics with {settings.partitions} partitions are there: {names_of(settings)}")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def list_(as_json: bool = False) -> None:
    """Each topic with its partitions, its records and the lag of each consumer group."""
    from streams.inventory import take_inventory

    settings = load_settings(os.environ)
    inventory = take_inventory(settings)
    if as_json:
        click.echo(msgspec.json.encode(inventory))
        return
    table = Table("topic", title=f"{settings.bootstrap_servers}", title_justify="left")
    for column in ("partitions", "replicas", "records"):
        table.add_column(column, justify="right")
    table.add_column("lag by consumer group")
    for holding in inventory.topics:
        if not holding.partitions:
            table.add_row(holding.topic, "[yellow]missing[/]", "", "", "[dim]gretchen topics create[/]")
            continue
        fits = holding.partitions == holding.wanted_partitions
        shown = str(holding.partitions) if fits else f"[red]{holding.partitions}[/], not {holding.wanted_partitions}"
        lag = "\n".join(f"{group}: {behind:,}" for group, behind in holding.lag.items())
        table.add_row(holding.topic, shown, str(holding.replication), f"{holding.records:,}", lag)
    console = Console(width=None if sys.stdout.isatty() else 120)  # a pipe has no width: keep rows whole
    console.print(table)
    for group in inventory.groups:
        members = f"{'?' if group.members is None else group.members} member{'' if group.members == 1 else 's'}"
        console.print(f"group {group.name}: {group.state}, {members}", highlight=False, markup=False)


@command.command("describe")
def describe() -> None:
    """What each topic is for: its record and key, and the name it has on the cluster. Needs no broker."""
    settings = load_settings(os.environ)
    table = Table("topic", "record", "key", "partitions", "kept")
    for topic in TOPICS:
        kept = ", ".join(f"{name}={value}" for name, value in topic.config.items()) or "the cluster's default"
        table.add_row(topic.of(settings), topic.record.__name__, topic.key, str(settings.partitions), kept)
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def names_of(settings: Settings) -> str:
    return ", ".join(topic.of(settings) for topic in TOPICS)
