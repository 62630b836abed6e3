"""Passages are their document's own characters, between headings, small enough to be read, and the same every time."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.chat.passages import LEAST_TOKENS, MOST_TOKENS, Heading, Kind, headings_of, passages_of, tokens_in
from streams.records import Passage

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
SENTENCE = "A parcel that was lost on its way is paid back within ten days. "
TEXTS = st.text(
    st.sampled_from("ab Z.!?\n\n\t#-=|*1 。字é") | st.characters(exclude_categories=("Cs",)), max_size=600
) | st.lists(st.sampled_from(["# A\n", "\n\n", SENTENCE, "Word ", "x" * 400, "- item\n", "```\n", "字" * 300])).map(
    "".join
)


def cut(text: str, kind: Kind = "txt", outline: list[Heading] | None = None) -> list[Passage]:
    return passages_of("doc", "Title", text, kind, NOON, outline)


@given(TEXTS, st.sampled_from(["txt", "md"]))
def test_passages_are_stretches_of_the_text_in_order_none_too_long_and_no_word_lost(text: str, kind: Kind) -> None:
    found = cut(text, kind)
    assert [each.id for each in found] == [f"doc#{n}" for n in range(len(found))]
    for each in found:
        assert each.text == text[each.start : each.end] == each.text.strip() != ""
        assert tokens_in(each.text) <= MOST_TOKENS
        assert each.passages == len(found)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert bool(found) == bool(text.strip())
    if kind == "txt" and not headings_of(text, kind):
        assert "".join("".join(each.text for each in found).split()) == "".join(text.split())


def test_a_long_section_becomes_about_equal_passages_of_whole_sentences() -> None:
    found = cut(SENTENCE * 40)
    assert len(found) > 2
    words = [len(each.text.split()) for each in found]
    assert min(words) >= 100
    assert max(words) <= 200
    assert all(each.text.endswith("ten days.") for each in found)


def test_a_passage_ends_with_a_paragraph_rather_than_within_one() -> None:
    found = cut("\n\n".join([SENTENCE * 6] * 4))
    assert [each.text.count("\n\n") for each in found] == [1, 1]


def test_a_short_rest_stays_with_what_is_before_it() -> None:
    text = "\n\n".join([SENTENCE * 13, "That is all."])
    assert tokens_in("That is all.") < LEAST_TOKENS
    assert cut(text)[-1].text.endswith("That is all.")
    assert tokens_in(cut(text)[-1].text) > LEAST_TOKENS


def test_abbreviations_and_initials_end_no_sentence() -> None:
    from streams.chat.passages import pieces

    text = "Ask Mr. Smith or J. R. Brown, e.g. Monday. Then wait. 这是一句。那是另一句。"
    assert [text[piece.start : piece.end] for piece in pieces(text, 0, len(text))] == [
        "Ask Mr. Smith or J. R. Brown, e.g. Monday.",
        "Then wait.",
        "这是一句。",
        "那是另一句。",
    ]


def test_markdown_headings_lie_over_what_follows_until_one_of_their_level() -> None:
    text = "# Help\nHello.\n## *Returns*\nSend it.\n### Fees\nNone.\n## [Shops](x.html)\nEverywhere.\n"
    assert [(each.heading, each.text) for each in cut(text, "md")] == [
        (["Help"], "Hello."),
        (["Help", "Returns"], "Send it."),
        (["Help", "Returns", "Fees"], "None."),
        (["Help", "Shops"], "Everywhere."),
    ]


def test_what_only_looks_like_a_markdown_heading_is_text() -> None:
    text = "---\ntitle: x\n---\n# Real\nText.\n\n```sh\n# a comment\n```\n\n> # quoted\n\n    # code\n"
    (found,) = cut(text, "md")
    assert found.heading == ["Real"]
    assert found.text.startswith("Text.")
    assert "# a comment" in found.text


def test_plain_headings_are_underlined_or_short_lines_above_a_paragraph() -> None:
    text = "Fees\n====\nThree euros a month.\n\nOpening hours\n\nWe are open from nine to five.\n\nYes.\n\nWho knows?"
    assert [(each.heading, each.text) for each in cut(text)] == [
        (["Fees"], "Three euros a month."),
        (["Fees", "Opening hours"], "We are open from nine to five.\n\nYes.\n\nWho knows?"),
    ]


def test_a_text_of_headings_only_is_a_passage_all_the_same() -> None:
    (found,) = cut("# One\n\n## Two\n", "md")
    assert (found.text, found.heading) == ("# One\n\n## Two", [])


def test_a_heading_that_does_not_part_names_what_begins_after_it() -> None:
    pages = [Heading(0, 0, 1, "page 1"), Heading(400, 400, 1, "page 2")]
    text = "Short, and it goes on over the page. " * 28
    assert [each.heading for each in cut(text, outline=pages)] == [["page 1"], ["page 2"]]


def test_the_digest_tells_documents_apart_by_title_and_text_only() -> None:
    same = passages_of("other", "Title", "Some text.", "txt", datetime(2027, 1, 1, tzinfo=UTC))
    assert cut("Some text.")[0].digest == same[0].digest
    assert cut("Some text!")[0].digest != same[0].digest
    assert passages_of("doc", "Other", "Some text.", "txt", NOON)[0].digest != same[0].digest


@pytest.mark.parametrize(
    "text", ["a" * 60_000, ". " * 30_000, "\n" * 60_000, "(" * 60_000, "# " * 30_000, " \n" * 30_000]
)
def test_a_text_made_to_be_slow_is_not(text: str) -> None:
    import time

    for kind in ("txt", "md"):
        began = time.process_time()
        cut(text, kind)  # type: ignore[arg-type]
        assert time.process_time() - began < 10
