"""`gretchen chat templates check`: what is wrong in a folder of answers."""

import os
from pathlib import Path

import click

from models.errors import SettingsError
from streams.chat.templates import check_templates, load_templates
from streams.settings import load_settings


@click.group("templates")
def command() -> None:
    """A team's answers: see docs/templates.md."""


@command.command("check")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option("--model/--no-model", default=True, show_default=True, help="Whether all its intents are answered.")
def check(folder: Path | None, model: bool) -> None:
    """Check the answers in FOLDER (default: GRETCHEN_TEMPLATES), and that they answer all intents of the model."""
    settings = load_settings(os.environ)
    place = folder or settings.templates
    if mistakes := check_templates(place):
        raise SettingsError("\n".join(mistakes))
    templates = load_templates(place)
    if model:
        from streams.chat.recognize import INTENT
        from streams.engines import load_intents

        labels = load_intents(settings).engine.labels[INTENT]
        templates.require(labels)
        for intent in sorted(templates.answers.keys() - set(labels)):
            click.echo(f"[{intent}] is not known to {settings.intents_model}: it is never said", err=True)
    languages = ", ".join(sorted(templates.languages))
    click.echo(f"{place}: {len(templates.answers)} answers in {languages}, no mistake")
