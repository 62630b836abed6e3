"""`gretchen models search`: the options that a task is learned best with, by trying."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from streams.commands.models.inputs import data_option, load_any, train_missing
from streams.commands.models.kinds import trainer
from streams.commands.models.reports import table_of, wide
from streams.commands.models.training_options import (
    COUNT,
    options_of,
    surroundings,
    surroundings_options,
    training_of,
    training_options,
)

if TYPE_CHECKING:
    from models.training.search import Tried

MOST_SHOWN = 20


@click.command("search")
@click.argument("task")
@click.option("--base", required=True, help="As finetune's.")
@data_option
@click.option("--out", type=click.Path(path_type=Path), required=True, help="study.db, trials.csv, search.png, runs.")
@click.option("--trials", "count", type=COUNT, default=20, show_default=True, help="In all, those of before included.")
@training_options
@surroundings_options
def command(
    task: str, base: str, data: Path, out: Path, count: int, weighted: tuple[str, ...], threads: int | None,
    device: str, track: tuple[str, ...], **options: Any,
) -> None:  # fmt: skip
    """Search TASK's [search] table for the options with the best score on dev; hopeless trials are pruned.

    The same command goes on where it ended. An option given here is not searched: all trials have it.
    """
    declared, corpus, _ = load_any(task, data)
    training = training_of(declared, weighted, options)
    try:
        from models.tasks.search_space import default_space
        from models.training.bases import directory_of
        from models.training.methods import learning_rate
        from models.training.search import best_of, search
        from models.training.search_pictures import draw_search

        run = trainer(declared.kind)
    except ImportError as error:
        raise train_missing(error) from None
    whole = declared.search or default_space(training, learning_rate(training))
    space = {key: of for key, of in whole.items() if options[key] is None}
    if not space:
        raise click.UsageError(
            f"every option of the search is given: {', '.join(whole)}; leave out what is to be tried"
        )
    where = directory_of(base)
    with surroundings(threads, device, track, go_on=()) as around:
        trials = search(
            space, training, out, count,
            lambda chosen, into, here: run(declared, corpus, where, into, chosen, here), around,
        )  # fmt: skip
    draw_search(trials, space, f"{declared.name}: {len(trials)} trials on {base}", out / "search.png")
    print_trials(trials)
    best = best_of(trials)
    click.echo(f"{out}/trial-{best.number:04}/best: dev {best.score:.4f}; the same by itself:")
    fixed = {key: value for key, value in options.items() if value is not None and key not in best.options}
    words = [
        "gretchen", "models", "finetune", task, "--base", base, "--data", str(data), "--out", f"{out}-best",
        *options_of(fixed), *(word for each in weighted for word in ("--class-weight", each)),
        *options_of(best.options), *(["--threads", str(threads)] if threads else []),
        *(["--device", device] if device != "cpu" else []),
    ]  # fmt: skip
    click.echo(shlex.join(words))


def print_trials(trials: "Sequence[Tried]") -> None:
    """The best first, then those that did not come to their end."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.options))
    ranked = sorted(trials, key=lambda t: (t.state != "whole", -(t.score if t.score is not None else -1), t.number))
    rows = [
        [str(t.number), t.state, "-" if t.score is None else f"{t.score:.4f}", f"{t.epoch or 0:g}", f"{t.seconds:.0f}",
         *(told(t.options, name) for name in names)]
        for t in ranked[:MOST_SHOWN]
    ]  # fmt: skip
    wide().print(table_of(("trial", "", "dev score", "best epoch", "seconds", *names), rows))
    if len(trials) > MOST_SHOWN:
        click.echo(f"and {len(trials) - MOST_SHOWN} more, in trials.csv")


def told(options: Mapping[str, Any], name: str) -> str:
    value = options.get(name)
    return "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)
