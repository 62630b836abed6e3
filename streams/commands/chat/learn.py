"""`gretchen chat learn`: from past conversations, or a list of questions and answers, to proposed answers."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from models.errors import InputError
from streams.chat.learn.conversations import Conversations
from streams.chat.learn.faq import proposals_of
from streams.chat.learn.pairs import Pair, pairs_of
from streams.chat.learn.proposal import Names, Proposal, handicap, name_of, proposal_of, words_in, written
from streams.chat.learn.report import Found, proposal_report
from streams.commands.chat.trunks import base_option, kept_vectors, learn_missing, trunk_of
from streams.settings import Settings, load_settings
from streams.sources.files import Unusable, open_source

if TYPE_CHECKING:
    from models.few_shot.grouping import Likeness

PROPOSAL, REPORT, VECTORS = "proposal.toml", "report.md", ".vectors.npz"
NEAR = 0.4  # of the likeness that makes a group: from here on two groups are worth a look
MOST_NEAR = 20
ASKED = 256  # questions at once of the intents model

console = Console(stderr=True)


@click.command("learn")
@click.argument("conversations", required=False)
@click.option("--faq", metavar="FILE", help="JSON lines or CSV of question and answer: your own, taken as approved.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder: proposal.toml and report.md.")
@base_option
@click.option("--support", type=click.IntRange(min=1), default=2, show_default=True, help="Questions an intent needs.")
@click.option(
    "--alike", type=click.FloatRange(0, 1), default=0.2, show_default=True,
    help="How alike questions and replies of an intent are; lower: fewer, larger intents.",
)  # fmt: skip
@click.option("--conversation", default="conversation", show_default=True, help="The column of the conversation's id.")
@click.option("--role", default="role", show_default=True, help="The column that says customer or agent.")
@click.option("--text", default="text", show_default=True, help="The column of what was said.")
@click.option("--at", default="at", show_default=True, help="The column of the time; it may be missing.")
@click.option("--question", default="question", show_default=True, help="The column of a FAQ's question.")
@click.option("--answer", default="answer", show_default=True, help="The column of a FAQ's answer.")
@click.option("--encoding", help="Of the files; UTF-8 by default.")
@click.option("--overwrite", is_flag=True, help="Also a proposal.toml that somebody may have edited.")
def command(
    conversations: str | None, faq: str | None, out: Path, base: str | None, support: int, alike: float,
    conversation: str, role: str, text: str, at: str, question: str, answer: str, encoding: str | None, overwrite: bool,
) -> None:  # fmt: skip
    """Propose intents with their answers out of CONVERSATIONS (JSON lines or CSV, a turn a row).

    Questions are paired with the replies that solved them, masked, grouped by meaning. Edit and approve what is written
    to OUT/proposal.toml, then 'gretchen chat train OUT'. Interrupted, the same command goes on. See
    docs/chat-learning.md.
    """
    if (conversations is None) == (faq is None):
        raise click.UsageError("give a file of CONVERSATIONS, or one of questions and answers by --faq")
    place = out / PROPOSAL
    if place.exists() and not overwrite:
        raise InputError(f"{place} is there, and somebody may have edited it; give another --out, or --overwrite")
    if faq is not None:
        found = of_faq(faq, (question, answer, "intent"), encoding)
    else:
        assert conversations is not None
        read = read_conversations(conversations, (conversation, role, text, at), encoding)
        found = of_conversations(conversations, read, out, base, support, alike, load_settings(os.environ))
    out.mkdir(parents=True, exist_ok=True)
    (out / REPORT).write_text(proposal_report(found), encoding="utf-8")
    place.write_text(written(found.proposals, found.source, str(out)), encoding="utf-8")
    approved = all(one.approved for one in found.proposals)
    click.echo(f"{place}: {len(found.proposals)} intents out of {found.pairs:,} questions; {out / REPORT} says more")
    click.echo(f"{'' if approved else 'approve them, '}then: gretchen chat train {out} --out BOT", err=True)


def of_faq(path: str, columns: tuple[str, str, str], encoding: str | None) -> Found:
    """Raises InputError for a file without a question and its answer."""
    dropped: Counter[str] = Counter()
    rows = rows_of(path, columns[:2], dropped, encoding)
    proposals = proposals_of(rows, columns, dropped)
    if not proposals:
        raise InputError(
            f"{path}: {len(rows)} rows, none with {columns[0]!r} and {columns[1]!r}; name them by --question, --answer"
        )
    pairs = sum(one.support for one in proposals)
    return Found(Path(path).name, len(rows), 0, pairs, proposals, (), (), {}, dropped)


def read_conversations(path: str, columns: tuple[str, str, str, str], encoding: str | None) -> Conversations:
    """Raises InputError for a file without a turn."""
    read = Conversations()
    for row in rows_of(path, columns[:3], read.dropped, encoding):
        read.add(row, columns)
    if not read.lines:
        why = ", ".join(f"{n:,} {reason}" for reason, n in read.dropped.items()) or "no row"
        odd = f" (roles: {', '.join(map(repr, list(read.odd_roles)[:5]))})" if read.odd_roles else ""
        raise InputError(
            f"{path}: no turn of a customer or an agent: {why}{odd}; name the columns by --conversation, --role, --text"
        )
    return read


def rows_of(path: str, columns: Sequence[str], dropped: Counter[str], encoding: str | None) -> list[Mapping[str, Any]]:
    with open_source(path, encoding=encoding) as source:
        rows: list[Mapping[str, Any]] = []
        for row in source.rows(columns):
            if isinstance(row, Unusable):
                dropped[f"no row: {row.reason}"[:80]] += 1
            else:
                rows.append(row.columns)
        return rows


def of_conversations(
    path: str, read: Conversations, out: Path, base: str | None, support: int, alike: float, settings: Settings
) -> Found:
    try:
        from models.few_shot import grouping
    except ImportError as error:
        raise learn_missing(error) from None
    dropped = Counter(read.dropped)
    turns = sum(map(len, read.lines.values()))
    pairs = pairs_of(read.in_order(), dropped)
    if not pairs:
        raise InputError(
            f"{path}: {turns:,} turns, and no question with a reply after it; are the roles the right way round?"
        )
    say(f"{turns:,} turns, {len(read.lines):,} conversations, {len(pairs):,} questions with a reply")
    questions, replies = [pair.question for pair in pairs], [pair.reply for pair in pairs]
    trunk = trunk_of(base, settings, questions, say)
    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), console=console) as bar:
        task = bar.add_task("texts to vectors", total=None)
        vectors = kept_vectors(
            trunk, questions + replies, out / VECTORS, lambda done, of: bar.update(task, completed=done, total=of)
        )
    say("grouping")
    try:
        like = grouping.likeness(vectors[: len(pairs)], vectors[len(pairs) :], replies)
        groups = grouping.group(like, alike)
    except ImportError as error:
        raise learn_missing(error) from None
    said = answered_now(settings, questions)
    kept = [each for each in groups if len({pairs[n].conversation for n in each}) >= support]
    near = near_groups(like, kept, alike)
    proposals = propose(pairs, kept, like, said, near)
    return Found(
        Path(path).name, turns, len(read.lines), len(pairs), proposals,
        [(proposals[a].name, proposals[b].name, alikeness) for a, b, alikeness in near],
        [pairs[n] for each in groups if each not in kept for n in each],
        Counter(intent for intent in said if intent), dropped, read.odd_roles,
    )  # fmt: skip


def propose(
    pairs: Sequence[Pair], groups: Sequence[Sequence[int]], like: "Likeness", said: Sequence[str],
    near: Sequence[tuple[int, int, float]],
) -> list[Proposal]:  # fmt: skip
    """A proposal a group: named as the model in use calls most of its questions, else by its words."""
    from models.few_shot.grouping import medoid

    everywhere = words_in([pair.question for pair in pairs])
    names, given, shipped = Names(), [], []
    for each in groups:
        intent, n = Counter(said[m] for m in each).most_common(1)[0]
        shipped.append([intent] if intent and 2 * n > len(each) else [])
        given.append(names.give(intent if shipped[-1] else name_of([pairs[m].question for m in each], everywhere)))
    proposals = []
    for g, each in enumerate(groups):
        best = pairs[medoid(like, each, [handicap(pairs[m].reply) for m in each])]
        others = [given[b if a == g else a] for a, b, _ in near if g in (a, b)]
        proposals.append(proposal_of([pairs[m] for m in each], best, given[g], shipped[g], others))
    return proposals


def near_groups(like: "Likeness", groups: Sequence[Sequence[int]], alike: float) -> list[tuple[int, int, float]]:
    """Pairs of groups that are nearly one, the most alike first."""
    if not groups:
        return []
    means = like.means(groups)
    alikeness = means.between(means)
    found = [
        (b, a, float(alikeness[a, b])) for a in range(len(groups)) for b in range(a) if alikeness[a, b] >= NEAR * alike
    ]
    return sorted(found, key=lambda each: -each[2])[:MOST_NEAR]


def answered_now(settings: Settings, questions: Sequence[str]) -> list[str]:
    """The intent that the model in use takes each question for, "" where it is not sure."""
    from models.engines import Request
    from streams.chat.recognize import INTENT
    from streams.engines import load_intents

    intents = load_intents(settings)
    labels, said = intents.engine.labels[INTENT], []
    for start in range(0, len(questions), ASKED):
        requests = [Request(text) for text in questions[start : start + ASKED]]
        for prediction in intents.engine.infer(intents.engine.encode(requests)):
            best = int(prediction[INTENT].argmax())
            said.append(labels[best] if prediction[INTENT][best] >= intents.threshold else "")
    return said


def say(line: str) -> None:
    console.print(line, highlight=False)
