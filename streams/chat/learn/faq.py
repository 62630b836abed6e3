"""A list of questions and answers to proposed intents: each answer is one, its questions are its examples."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from streams.chat.learn.proposal import STOP, Names, Proposal, name_of, plain, words_in

LEAD = re.compile(
    r"^(?:(?:please|so|ok|hi|hello)[,\s]+)*(?:(?:how|where|when|what|which|why|who|can|could|do|does|did|is|are|will|would|"
    r"should|may|i|we|you|to|tell|me|my|the|a|an|have|want|need|like)\b['’]?\s*)+",
    re.IGNORECASE,
)
KEPT_WORDS = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")


def proposals_of(
    rows: Iterable[Mapping[str, Any]], columns: tuple[str, str, str], dropped: Counter[str]
) -> list[Proposal]:
    """`columns`: where question, answer and, if there is one, the intent's name stand. They are the team's own words,
    so they are approved."""
    question, answer, intent = columns
    groups: dict[str, tuple[str, str, dict[str, None]]] = {}
    asked: dict[str, str] = {}
    for row in rows:
        said, told = row.get(question), row.get(answer)
        if not isinstance(said, str) or not isinstance(told, str) or not said.strip() or not told.strip():
            dropped["without a question or an answer"] += 1
            continue
        named = str(row.get(intent) or "")
        key = named or " ".join(told.split())
        folded = " ".join(said.casefold().split())
        if asked.setdefault(folded, key) != key:
            dropped["a question that has another answer, too"] += 1
            continue
        groups.setdefault(key, (named, told.strip(), {}))[2][" ".join(said.split())] = None
    everywhere = words_in([text for _, _, texts in groups.values() for text in texts])
    names = Names()
    return [
        Proposal(names.give(named or name_of([*texts], everywhere)), plain(told), (*texts,), len(texts), approved=True)
        for named, told, texts in groups.values()
    ]


def shortened(question: str) -> str:
    """The words that say what a question is about: "How do I change my address?" -> "change address". Empty where that
    is less than two words, or all of it."""
    words = [word for word in KEPT_WORDS.findall(LEAD.sub("", question)) if tells(word)]
    short = " ".join(words)
    return short if len(words) > 1 and short.casefold() != question.rstrip("?!. ").casefold() else ""


def tells(word: str) -> bool:
    """Numbers, capitals and words of three letters or more, but those that are everywhere."""
    return word.lower() not in STOP and (len(word) > 2 or not word.islower())


def first_sentence(answer: str) -> str:
    return re.split(r"(?<=[.!?])\s", answer.strip(), maxsplit=1)[0][:300]
