"""What was learned, as Markdown: what a person reads before approving, and after training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from streams.chat.learn.pairs import Pair
from streams.chat.learn.proposal import Proposal

MOST_ROWS = 200
MOST_ALONE = 50


@dataclass(frozen=True, slots=True)
class Found:
    """`near`: (an intent, another, how alike their questions and replies are); `alone`: pairs that too few others are
    like; `known`: an intent of the model that answers now -> questions that it is sure to answer."""

    source: str
    turns: int
    conversations: int
    pairs: int
    proposals: Sequence[Proposal]
    near: Sequence[tuple[str, str, float]]
    alone: Sequence[Pair]
    known: Mapping[str, int]
    dropped: Mapping[str, int]
    odd_roles: Mapping[str, int] = field(default_factory=dict)


def proposal_report(found: Found) -> str:
    covered = sum(one.support for one in found.proposals)
    parts = [
        f"# Proposed out of {found.source}",
        f"{found.turns:,} turns, {found.conversations:,} conversations, {found.pairs:,} questions with the reply that"
        f" solved them. {len(found.proposals)} intents cover {covered:,} of these questions"
        f" ({share(covered, found.pairs)}).",
        "## Intents",
        table(
            ("intent", "questions", "share", "to look at"),
            [(one.name, f"{one.support:,}", share(one.support, found.pairs), "; ".join(one.notes)) for one in
             found.proposals[:MOST_ROWS]],
        ),
    ]  # fmt: skip
    if found.near:
        parts += ["## Easily taken for each other", "The higher, the more alike; join them if they mean the same."]
        parts += [table(("intent", "and", "alikeness"), [(a, b, f"{alike:.2f}") for a, b, alike in found.near])]
    if found.known:
        parts += ["## Answered already", "Questions that the intents model in use is sure of (GRETCHEN_INTENTS_MODEL):"]
        known = sorted(found.known.items(), key=lambda each: (-each[1], each[0]))
        parts += [table(("intent", "questions"), [(intent, f"{n:,}") for intent, n in known[:MOST_ROWS]])]
    if found.alone:
        parts += ["## Asked too seldom to propose", "Documents may answer these better than a template."]
        parts += ["\n".join(f"- {one.question}" for one in found.alone[:MOST_ALONE])]
        if len(found.alone) > MOST_ALONE:
            parts += [f"… and {len(found.alone) - MOST_ALONE:,} more."]
    if found.dropped:
        parts += ["## Left out"]
        parts += [table(("turns", "why"), [(f"{n:,}", why) for why, n in sorted(found.dropped.items(), key=by_count)])]
    if found.odd_roles:
        odd = ", ".join(f"{role!r} ({n:,})" for role, n in sorted(found.odd_roles.items(), key=by_count)[:10])
        parts += [f"Roles that are neither a customer's nor an agent's: {odd}."]
    return "\n\n".join(parts) + "\n"


def training_report(
    held_out: Mapping[str, Any], abstention: Mapping[str, Any], confused: Sequence[tuple[str, str, int]],
    thin: Sequence[str], how: str,
) -> str:  # fmt: skip
    """`held_out` is a report as models/evaluation/evaluate.py makes it; `thin`: intents with a single example."""
    labels = held_out["labels"]
    parts = [
        "# What was learned",
        how,
        f"Held out, {held_out['n']} questions: accuracy {held_out['accuracy']:.3f},"
        f" macro F1 {held_out['macro_f1']:.3f}.",
    ]
    if abstention:
        parts += [
            f"Below a probability of {abstention['threshold']:.2f} nobody guesses. That turns away"
            f" {abstention['out_of_scope_recall']:.1%} of {abstention['out_of_scope']} texts on other matters and"
            f" {abstention['in_scope_abstained']:.1%} of the known questions; of those it answers,"
            f" {abstention['accuracy_of_answered']:.1%} rightly."
        ]
    rows = [
        (label, str(of["support"]), f"{of['precision']:.2f}", f"{of['recall']:.2f}", f"{of['f1']:.2f}")
        for label, of in sorted(labels.items(), key=lambda each: (each[1]["f1"], each[0]))
    ]
    parts += ["## Intents, the weakest first", table(("intent", "tested", "precision", "recall", "F1"), rows)]
    if confused:
        parts += ["## Taken for each other"]
        parts += [table(("meant", "said", "times"), [(a, b, str(n)) for a, b, n in confused[:20]])]
    if thin:
        parts += [
            "## Too few examples",
            "These have one example and were judged by a shortened form of it, which flatters. Write three more of"
            " each, in other words: " + ", ".join(thin) + ".",
        ]
    return "\n\n".join(parts) + "\n"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def by_count(each: tuple[str, int]) -> tuple[int, str]:
    return -each[1], each[0]
