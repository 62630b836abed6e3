"""`gretchen models VERB`: from a base and labelled text to an artifact that is served, and its figures."""

import click

from streams.commands.models import (
    average,
    compare,
    distil,
    doubt,
    evaluate,
    export,
    finetune,
    import_,
    instructions_data,
    prune_vocabulary,
    quantize,
    reproduce,
    search,
    sentences,
    show,
    task,
    zoo,
)


@click.group()
def command() -> None:
    """Fine-tune, export, evaluate and verify models. Training wants `pip install 'gretchen[train]'`."""


for verb in (
    instructions_data.command,
    sentences.command,
    task.command,
    prune_vocabulary.command,
    finetune.command,
    doubt.command,
    search.command,
    distil.command,
    average.command,
    export.command,
    quantize.command,
    evaluate.command,
    compare.command,
    import_.command,
    show.list_,
    show.show,
    zoo.verify,
    reproduce.command,
):
    command.add_command(verb)
