"""`gretchen chat test`: dialogues replayed, judged, reported."""

import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from models.errors import InputError
from streams.commands.top import Moment
from streams.news.windows import WindowState
from streams.records import Alert, Scope
from streams.settings import Settings, load_settings
from streams.sources.files import Unusable, open_source

if TYPE_CHECKING:
    from streams.chat.rehearsal import Dialogue, Judged

FAILED = 1
SHOWN_CHARS = 100


class NoMarket:
    """A live stream on which nothing has happened: instructions are emitted, and executed on nothing."""

    def state(self, key: str) -> WindowState | None:
        return None

    def states(self, scope: Scope) -> Iterable[WindowState]:
        return ()

    def alerts(self) -> Sequence[Alert]:
        return ()


@click.command("test")
@click.argument("file")
@click.option("--documents", metavar="PATH", type=Path, multiple=True, help="Read these files or directories, too.")
@click.option("--at-least", type=click.FloatRange(0, 1), help=f"Exit code {FAILED} below this share of right turns.")
@click.option("--now", type=Moment(), help="When the dialogues begin, for questions on today and this week.")
@click.option("--json", "as_json", is_flag=True, help="Figures and failing turns as one JSON object.")
def command(
    file: str, documents: tuple[Path, ...], at_least: float | None, now: datetime | None, as_json: bool
) -> None:
    """Replay the dialogues in FILE (JSON lines) with the models and templates of the settings; needs no Kafka.

    Judged is what a line expects of a turn: way, intent, instruction, abstained, contains. Of the live stream only the
    instruction is judged, as nothing has happened on it. See docs/chat-learning.md.
    """
    from streams.chat.rehearsal import figures, replay
    from streams.engines import installed
    from streams.talking import answering_here

    settings = load_settings(os.environ)
    dialogues = read_dialogues(file)
    has_live = installed(settings, "instructions_model")
    for line in lacking(dialogues, settings, bool(documents), has_live):
        click.echo(line, err=True)
    answering = answering_here(settings, documents, market=NoMarket() if has_live else None)
    judged = replay(dialogues, answering, now or datetime.now(UTC))
    told = figures(judged)
    failing = [as_told(one) for one in judged if one.faults]
    if as_json:
        click.echo(msgspec.json.encode(told | {"failing": failing}))
    else:
        print_report(told, failing)
    if at_least is not None and told["share_right"] < at_least:
        click.echo(f"{told['share_right']:.1%} of the turns are right, wanted were {at_least:.1%}", err=True)
        sys.exit(FAILED)


def read_dialogues(file: str) -> "list[Dialogue]":
    """Raises InputError for a file that holds none, or something else."""
    from streams.chat.rehearsal import read_dialogue

    dialogues = []
    with open_source(file, "jsonl") as source:
        for row in source.rows():
            if isinstance(row, Unusable):
                raise InputError(f"{file}:{row.line}: {row.reason}; wanted a dialogue a line, as JSON")
            dialogues.append(read_dialogue(row.columns, f"{file}:{row.line}"))
    if not dialogues:
        raise InputError(f"{file}: no dialogue; wanted one a line, as JSON")
    return dialogues


def lacking(dialogues: "Sequence[Dialogue]", settings: Settings, has_documents: bool, has_live: bool) -> Iterable[str]:
    """What is expected here and can't be answered as things are."""
    ways = {line.expect.way for one in dialogues for line in one.turns}
    if "documents" in ways and not has_documents:
        yield "answers out of documents are expected, and none are given: --documents DIR"
    if "live" in ways and not has_live:
        yield f"instructions are expected, and there is no model for them in {settings.instructions_model}"


def as_told(one: "Judged") -> dict[str, Any]:
    answer = one.answer
    return {
        "dialogue": one.dialogue, "turn": one.turn, "customer": one.customer,
        "expected": {k: v for k, v in msgspec.to_builtins(one.expected).items() if v not in (None, [])},
        "faults": list(one.faults), "way": answer.way if answer else None, "intent": answer.intent if answer else None,
        "instruction": answer.instruction if answer else None, "confidence": answer.confidence if answer else None,
        "text": answer.text if answer else None,
    }  # fmt: skip


def print_report(told: dict[str, Any], failing: Sequence[dict[str, Any]]) -> None:
    for one in failing:
        click.echo(f"{one['dialogue']}, turn {one['turn']}: {clip(one['customer'])}")
        for fault in one["faults"]:
            click.echo(f"    {fault}")
        if one["text"]:
            click.echo(f"    said: {clip(one['text'])}")
    if failing:
        click.echo()
    click.echo(f"turns right           {told['right']} of {told['turns']} ({told['share_right']:.1%})")
    click.echo(f"dialogues right       {told['dialogues_right']} of {told['dialogues']}")
    if told["intents_expected"]:
        click.echo(f"intents               F1 {told['intent_f1_macro']:.3f} macro, {told['intent_f1_micro']:.3f} micro")
    click.echo(f"right answers         {told['right_answers']}")
    click.echo(f"wrong answers         {told['wrong_answers']}")
    click.echo(f"should have answered  {told['should_have_answered']}")
    needless = told["handed_over_needlessly"]
    click.echo(f"hand-overs            {told['handovers']}, {needless} where an answer was expected")
    for way, of in told["by_expected_way"].items():
        click.echo(f"  expected {way:<12} {of['right']} of {of['turns']} right")


def clip(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= SHOWN_CHARS else plain[: SHOWN_CHARS - 1] + "…"
