"""`gretchen chat train`: an intents model out of approved answers and their examples, to be served at once."""

import csv
import json
import os
import shlex
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.errors import InputError
from streams.chat.learn.faq import first_sentence, shortened
from streams.chat.learn.proposal import approved_in, as_toml
from streams.chat.learn.report import training_report
from streams.chat.privacy import mask
from streams.chat.templates import Templates, load_templates
from streams.commands.chat.learn import PROPOSAL, REPORT, VECTORS, say
from streams.commands.chat.trunks import base_option, elsewhere, kept_vectors, learn_missing, trunk_of
from streams.settings import Settings, load_settings

if TYPE_CHECKING:
    from models.few_shot.intents import Shot

MANY = 20  # examples of an intent, at the median, from which on the whole network is worth training
FEW_EXAMPLES = 5  # with fewer, the beginning of the answer teaches, too
ANSWER_WEIGHT = 0.3
DONE = "trained"  # a mark: what is left is to export
TOO_NEAR = 0.5  # cosine: a text on other matters that is so like an example is none
TASK = """\
# Written by 'gretchen chat train'.
name = {name}
max_tokens = 128
text_pooling = "mean"
abstain_on = "intent"

[heads.intent]
on = "text"
metric = "accuracy"
labels = {labels}

[[sources]]
name = "approved"
reader = "csv"
license = "the team's own"
use = "train"
files = {{ all = "examples.csv" }}
text = "text"
label = "intent"
head = "intent"
dev_share = 0.15
test_share = 0.15

[[sources]]
name = "elsewhere"
reader = "csv"
license = "Apache-2.0"
use = "train"
files = {{ all = "elsewhere.csv" }}
text = "text"
label = "intent"
head = "intent"
outlier = true
weight = 0.5
dev_share = 0.2
test_share = 0.2

[training]
epochs = {epochs}
learning_rate = 1.5e-4
head_learning_rate = 7e-3
"""


@click.command("train")
@click.argument("answers", type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, help="A folder: templates/, intents/, report.md."
)
@base_option
@click.option(
    "--method", type=click.Choice(["auto", "head", "full"]), default="auto", show_default=True,
    help="head: on a network that stands still; full: all of it, wants --base and gretchen[train]. auto: full from"
    f" {MANY} examples an intent on, where it can be.",
)  # fmt: skip
@click.option("--epochs", type=click.FloatRange(0, min_open=True), default=8.0, show_default=True, help="Of full.")
@click.option("--name", default="own", show_default=True, help="The model's, as answers' records carry it.")
@click.option("--version", default="1", show_default=True)
@click.option("--force", is_flag=True, help="Of full: write it even if int8 lost too much.")
def command(
    answers: Path, out: Path, base: str | None, method: str, epochs: float, name: str, version: str, force: bool
) -> None:
    """Train an intents model on ANSWERS: what 'learn' wrote and you approved, or a folder of templates with examples.

    Interrupted, the same command goes on. See docs/chat-learning.md.
    """
    folder = templates_of(answers, out)
    templates = load_templates(folder)
    examples = examples_of(templates, folder)
    count = statistics.median(len(each) for each in examples.values())
    chosen = method if method != "auto" else "full" if count >= MANY and can_train(base) else "head"
    say(f"{len(examples)} intents, {sum(map(len, examples.values()))} examples; method: {chosen}")
    if chosen == "full":
        text = full(examples, out, base, epochs, name, version, force)
    else:
        if count >= MANY:
            say("with so many examples the whole network is worth training: --base BASE, pip install 'gretchen[train]'")
        text = head(examples, templates, out, base, name, version, load_settings(os.environ))
    (out / REPORT).write_text(text, encoding="utf-8")
    click.echo(f"{out / 'intents'}: {name}/{version}; {out / REPORT} says how good it is")
    place = shlex.quote(str(folder)), shlex.quote(str(out / "intents"))
    click.echo(f"try it: GRETCHEN_TEMPLATES={place[0]} GRETCHEN_INTENTS_MODEL={place[1]} gretchen chat", err=True)


def templates_of(answers: Path, out: Path) -> Path:
    """The folder of templates that is served: a team's own as it is, of a proposal what was approved. Raises
    SettingsError, InputError."""
    place = answers / PROPOSAL if answers.is_dir() else answers
    if not place.exists() and any(answers.glob("*.toml")):
        return answers
    try:
        text = place.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(
            f"{place}: {error.strerror}; wanted what 'gretchen chat learn' wrote, or a folder of templates"
        ) from None
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: {error}; save the file as UTF-8") from None
    taken = approved_in(text, str(place))
    folder = out / "templates"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "learned.toml").write_text(f"# Approved in {place.name}.\n\n{as_toml(taken)}", encoding="utf-8")
    return folder


def examples_of(templates: Templates, folder: Path) -> dict[str, list[str]]:
    """Intent -> its examples, masked as questions are. Raises InputError for intents without any."""
    examples = {
        intent: list(dict.fromkeys(map(mask, templates.examples.get(intent, ())))) for intent in templates.answers
    }
    if lacking := [intent for intent, texts in examples.items() if not texts]:
        raise InputError(
            f"{folder}: {len(lacking)} intents have no examples ({', '.join(lacking[:5])}); wanted some questions of"
            ' each: examples = ["…", "…"]'
        )
    if len(examples) < 2:
        raise InputError(f"{folder}: one intent; a classifier wants 2 or more: approve or write another")
    return examples


def can_train(base: str | None) -> bool:
    from importlib.util import find_spec

    return base is not None and not (Path(base) / "manifest.json").exists() and find_spec("torch") is not None


def head(
    examples: dict[str, list[str]], templates: Templates, out: Path, base: str | None, name: str, version: str,
    settings: Settings,
) -> str:  # fmt: skip
    """Write the artifact; the report."""
    from streams.commands.models.command_line import own_command

    try:
        from models.data.corpus import OUTLIER
        from models.few_shot import intents as few_shot
        from models.few_shot.grouping import centered, unit
    except ImportError as error:
        raise learn_missing(error) from None
    shots = shots_of(examples, templates)
    others = elsewhere()
    texts = [shot.text for shot in shots]
    trunk = trunk_of(base, settings, texts, say)
    vectors = kept_vectors(trunk, texts + others, out / VECTORS, lambda done, of: None)
    units = unit(centered(vectors))
    far = (units[len(texts) :] @ units[: len(texts)].T).max(1) < TOO_NEAR
    shots += [few_shot.Shot(text, OUTLIER) for text, is_far in zip(others, far, strict=True) if is_far]
    rows = [*range(len(texts)), *(len(texts) + n for n, is_far in enumerate(far) if is_far)]
    say("training, on five folds and on all")
    try:
        learned = few_shot.learn(vectors[rows], shots, tuple(examples))
    except ImportError as error:
        raise learn_missing(error) from None
    few_shot.export(
        trunk, learned, shots, out / "intents", name=name, version=version, commands=[own_command(sys.argv[1:])]
    )
    thin = [intent for intent, own in examples.items() if len(own) == 1]
    how = f"A linear head on {trunk.base['name']}, which stands still; five folds."
    return training_report(learned.held_out, learned.abstention, learned.confused, thin, how)


def shots_of(examples: dict[str, list[str]], templates: Templates) -> "list[Shot]":
    """Examples; of an intent with a single one, that is learned from and its shortened form tested. Answers of intents
    with few examples teach a little, too, as they hold the words that customers use."""
    from models.few_shot.intents import Shot

    shots = []
    for label, (intent, own) in enumerate(examples.items()):
        single = len(own) == 1
        short = [each for text in own if len(own) < FEW_EXAMPLES and (each := shortened(text)) and each not in own]
        shots += [Shot(text, label, tested=not single) for text in own]
        shots += [Shot(text, label, tested=single) for text in short[: None if single else 0]]
        if len(own) < FEW_EXAMPLES:
            shots.append(Shot(first_sentence(templates.answer(intent).text), label, ANSWER_WEIGHT, tested=False))
    return shots


def full(
    examples: dict[str, list[str]], out: Path, base: str | None, epochs: float, name: str, version: str, force: bool
) -> str:
    """Train all of the network by models/; the report. A run that is there goes on."""
    from streams.commands.models.command_line import own_command
    from streams.commands.models.inputs import load, train_missing
    from streams.commands.models.training_options import surroundings

    if base is None:
        raise click.UsageError("--method full wants --base: a BERT's directory, or its name on the Hugging Face hub")
    run, data = out / "run", out / "task"
    task = write_task(examples, data, name, epochs)
    declared, corpus, measured = load(str(task), data)
    try:
        from models.export.classifier import export
        from models.training.bases import directory_of
        from models.training.finetune import finetune
    except ImportError as error:
        raise train_missing(error) from None
    directory = directory_of(base)
    if not (data / DONE).exists():
        with surroundings(None, "cpu", (), go_on=()) as around:
            resume = (run / "last").exists()
            finetune(declared, corpus, directory, run, declared.training, around, resume=resume)
        (data / DONE).touch()
    manifest = export(
        declared, corpus, measured, run / "best", out / "intents", version=version, base=Path(base).name, force=force,
        commands=[own_command(sys.argv[1:])], say=say,
    )  # fmt: skip
    tested: dict[str, Any] = manifest["metrics"]["test"]
    how = f"All of {Path(base).name}, trained on 70% of the examples; 15% chose the epoch, and 15% are held out."
    return training_report(tested["approved.intent"], tested.get("abstention", {}), (), (), how)


def write_task(examples: dict[str, list[str]], data: Path, name: str, epochs: float) -> Path:
    """The task and its data. Raises InputError if a run on other data or epochs is there."""
    rows = [(text, intent) for intent, own in examples.items() for text in own]
    files = {
        "task.toml": TASK.format(name=json.dumps(name), labels=json.dumps(list(examples)), epochs=epochs),
        "examples.csv": as_csv(rows),
        "elsewhere.csv": as_csv([(text, "") for text in elsewhere()]),
    }
    data.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        place = data / file
        if place.exists() and place.read_text(encoding="utf-8") != content:
            raise InputError(
                f"{place} is of a run on other examples or options; give another --out, or remove {data} and the run"
            )
        place.write_text(content, encoding="utf-8")
    return data / "task.toml"


def as_csv(rows: Sequence[tuple[str, str]]) -> str:
    import io

    into = io.StringIO()
    writer = csv.writer(into, lineterminator="\n")
    writer.writerows([("text", "intent"), *rows])
    return into.getvalue()
