"""What the instruction model is taught: many wordings for each opcode, with the right labels, the same every time."""

import random
from collections import Counter, defaultdict
from datetime import UTC

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_market import NOW
from test_linking import SETTINGS, linker

from models.errors import InputError
from models.tasks.task import load_task
from streams.chat.live import grammar
from streams.chat.live.grammar import HEADS, NONE, SAME, TAKEN, Made, Subjects, made, rows, shipped, split_of
from streams.chat.live.instructions import OPCODES
from streams.chat.live.parse import masked
from streams.chat.live.patterns import parse, realize
from streams.news.watchlist import load_watchlist

SUBJECTS = Subjects(
    ["Acme", "Globex"], ["oil", "the Fed", "earnings"], ["banks", "tech"], ["banks", "tech stocks"], ["bank"]
)


def texts(seed: int = 1, per_pattern: int = 2) -> list[Made]:
    return list(made(SUBJECTS, seed, per_pattern))


def test_a_pattern_gives_one_of_its_ways_and_its_optional_words_or_not() -> None:
    choice = parse("how (is|was) {stream}[ today][, (please|thanks)]")
    seen = {realize(choice, random.Random(n), lambda name: name.upper()) for n in range(200)}
    assert {"how is STREAM", "how was STREAM today", "how is STREAM today, please", "how was STREAM, thanks"} <= seen
    assert len(seen) == 12


@pytest.mark.parametrize("pattern", ["how (is|was", "how is)", "how [is)", "{Stream}", "a } b"])
def test_a_pattern_whose_brackets_do_not_match_is_refused(pattern: str) -> None:
    with pytest.raises(InputError, match="got the pattern"):
        parse(pattern)


@settings(deadline=None)  # the first one reads the file
@given(st.integers(0, 2**32))
def test_texts_are_plain_words_whatever_the_seed(seed: int) -> None:
    rng = random.Random(seed)
    pattern = rng.choice(shipped().patterns)
    text = grammar.Wording(shipped(), SUBJECTS, rng).of(pattern).text
    assert not set(text) & set("{}[]|\x01\x02") and "  " not in text.strip()


def test_the_same_seed_gives_the_same_texts_and_another_gives_others() -> None:
    assert texts() == texts()
    assert {one.text for one in texts(1)} != {one.text for one in texts(2)}


def test_every_opcode_has_a_hundred_patterns_and_no_text_comes_twice() -> None:
    patterns: dict[str, set[str]] = defaultdict(set)
    for one in texts():
        patterns[one.labels.get("operation", "unread")].add(one.pattern)
    assert all(len(patterns[operation]) >= 90 for operation in (*OPCODES, NONE)) and len(patterns[SAME]) >= 25
    folded = [one.text.casefold() for one in texts()]
    assert len(folded) == len(set(folded))


def test_a_text_has_the_labels_that_count_for_its_operation_and_no_others() -> None:
    for one in texts():
        if operation := one.labels.get("operation"):
            wanted = {"operation"} if operation == NONE else {"operation", "follow_up", "unread", *TAKEN[operation]}
            assert set(one.labels) == wanted, one
        assert all(label in HEADS[head] for head, label in one.labels.items()), one


def test_every_label_is_taught_and_measured() -> None:
    taught: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for one in texts(per_pattern=8):
        taught[split_of(one.pattern)] |= set(one.labels.items())
    every = {(head, label) for head, labels in HEADS.items() for label in labels}
    assert every <= taught["train"] and every <= taught["dev"]


def test_a_patterns_texts_are_all_in_one_split_and_few_are_held_out() -> None:
    shares = Counter(split_of(f"{pattern.section} {pattern.line}") for pattern in shipped().patterns)
    assert shares["train"] / shares.total() > 0.8 and min(shares["dev"], shares["test"]) > 20


@pytest.mark.parametrize(
    ("line", "labels"),
    [
        ("RANK (which|what) {sectors} {did_worst} [{when}]", {"of": "sector", "one": "no"}),
        ("RANK who {did_worst} [in the news|in the press|in the media] [{when}]", {"of": "entity", "one": "yes"}),
        (
            "ALERTS {open_alert} critical {alerts} => severity=critical open=yes",
            {"severity": "critical", "open": "yes"},
        ),
        ("COUNT how many negatives [{when}] => sentiment=negative", {"sentiment": "negative"}),
    ],
)
def test_what_a_pattern_says_is_what_its_texts_are_labelled(line: str, labels: dict[str, str]) -> None:
    found = [one for one in texts(per_pattern=5) if one.pattern == line]
    assert found and all(labels.items() <= one.labels.items() for one in found)


def test_a_word_that_sets_a_label_sets_the_one_that_it_means() -> None:
    words = shipped()
    for one in texts(per_pattern=5):
        said = {name for name, adjectives in words.sentiment.items() if f" {adjectives[5]} " in f" {one.text} "}
        if one.labels.get("operation") == "COUNT" and one.labels["sentiment"] == "none":
            assert not said, one


def test_a_slip_of_the_finger_spares_names_and_short_words() -> None:
    for n in range(200):
        slipped = grammar.with_typo("how was \x01Goldman Sachs\x02 seen", random.Random(n))
        assert slipped.startswith("how was \x01Goldman Sachs\x02 ") and not slipped.endswith(" seen ")
    assert grammar.with_typo("how was it", random.Random(0)) == "how was it"


def test_texts_in_which_linkers_miss_a_name_are_left_out_and_told() -> None:
    heard = Made("how is Acme", {"operation": "SENTIMENT"}, ("entity",), "p")
    missed = Made("how is acme", {"operation": "SENTIMENT"}, ("entity",), "p")
    kept, left = rows([heard, missed, heard], lambda text: ("how is X", Counter(entity=text.count("Acme"))))
    assert [row.text for row in kept] == ["how is X"] and left == [missed]


def test_linkers_find_nearly_all_names_and_times_that_are_put_in() -> None:
    entities = load_watchlist(SETTINGS.watchlist)[:120]
    subjects = SUBJECTS._replace(entities=[entity.name for entity in entities])
    sample = random.Random(0).sample(list(made(subjects, 3, 1)), 300)

    def mask(text: str) -> tuple[str, Counter[str]]:
        links = linker().find(text, NOW, UTC)
        return masked(text, links), Counter(link.kind for link in links)

    _, missed = rows(sample, mask)
    assert len(missed) <= 9, [one.text for one in missed]


def test_the_task_has_the_heads_that_the_grammar_teaches() -> None:
    task = load_task("instructions")
    assert {name: head.labels for name, head in task.heads.items()} == HEADS
