"""`gretchen chat`: a conversation in a terminal."""

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from streams.commands.chat import feedback, learn, templates, test, train
from streams.intake import Refused
from streams.settings import load_settings

if TYPE_CHECKING:
    from streams.talking import Talk

PROMPT = "you> "


@click.group("chat", invoke_without_command=True)
@click.option("--documents", metavar="PATH", type=Path, multiple=True, help="Read these files or directories, too.")
@click.option("--live", is_flag=True, help="Ask the live stream's tables, too, as they are in Kafka now.")
@click.option("--explain", is_flag=True, help="Say under each answer how it came about.")
@click.pass_context
def command(context: click.Context, documents: tuple[Path, ...], live: bool, explain: bool) -> None:
    """Talk with Gretchen here, without Kafka; what is said is not kept. Ctrl-D or Ctrl-C ends it."""
    if context.invoked_subcommand is not None:
        return
    from streams.talking import Talk, answering_here

    if live:
        from streams.live_market import live_market
    settings = load_settings(os.environ)
    with live_market(settings) if live else nullcontext() as market:
        talk = Talk(answering_here(settings, documents, market=market), settings.max_text_chars)
        try:
            go_on(talk, explain)
        except KeyboardInterrupt:
            click.echo(err=True)
            sys.exit(130)


def go_on(talk: "Talk", explain: bool) -> None:
    """Until the input ends."""
    interactive = sys.stdin.isatty()
    if interactive:
        click.echo('Ask, or say "talk to a person"; Ctrl-D ends.', err=True)
        edited_lines()
    while (text := heard(interactive)) is not None:
        if text.strip():
            tell(talk, text, explain)


def edited_lines() -> None:
    """Arrow keys, and what was said before by the up arrow, where the terminal can."""
    try:
        import readline
    except ImportError:  # Windows, some builds
        return
    readline.set_history_length(1000)


def heard(interactive: bool) -> str | None:
    """The next message; None at the end of the input."""
    try:
        return input(PROMPT if interactive else "")
    except EOFError:
        if interactive:
            click.echo(err=True)
        return None
    except UnicodeDecodeError:
        click.echo("(that is not UTF-8)", err=True)
        return ""


def tell(talk: "Talk", text: str, explain: bool) -> None:
    from streams.talking import explained

    try:
        answer = talk.ask(text).answer
    except Refused as refused:
        click.echo(f"(not taken: {refused.detail})", err=True)
        return
    click.echo(answer.text)
    if explain:
        click.echo("\n".join(f"    {line}" for line in explained(answer)))


for verb in (learn.command, feedback.command, train.command, test.command, templates.command):
    command.add_command(verb)
