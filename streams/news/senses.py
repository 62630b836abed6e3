"""Where the word for a currency or a commodity means neither: sums of money, and companies called after wares. Pure."""

import re

SCALE = r"(?:hundred|thousand|million|billion|trillion|mln|bln|mn|bn|tn|m|lakh|crore)"
AMOUNT_BEFORE = re.compile(rf"(?:\d|(?<![^\W\d_]){SCALE})[ -]?$", re.IGNORECASE)
AMOUNT_AFTER = re.compile(rf" ?\d[\d.,]* ?{SCALE}\b", re.IGNORECASE)
NAME_BEFORE = re.compile(r"[A-Z][a-z]+ $")
SENTENCE_CASE = re.compile(r"\b[a-z]{5,}")  # in a Title-Case Headline, words that long have a capital
LOOK_BACK_CHARS, LOOK_AROUND_CHARS = 24, 200


def means_other(kind: str, text: str, start: int, end: int) -> bool:
    """Whether an entity of this kind is not meant by its own name at [start, end)."""
    if kind == "currency":
        return is_amount(text, start, end)
    return kind == "commodity" and is_part_of_name(text, start, end)


def is_amount(text: str, start: int, end: int) -> bool:
    """'20bn yuan' and 'CHF 130m' say nothing of the currency."""
    before = AMOUNT_BEFORE.search(text, max(0, start - LOOK_BACK_CHARS), start)
    return before is not None or AMOUNT_AFTER.match(text, end) is not None


def is_part_of_name(text: str, start: int, end: int) -> bool:
    """'Greaves Cotton gains', where 'MCX Cotton', 'Cotton' and 'cotton' are the ware."""
    return (
        text[start].isupper()
        and not text[start:end].isupper()
        and NAME_BEFORE.search(text, max(0, start - LOOK_BACK_CHARS), start) is not None
        and SENTENCE_CASE.search(text, max(0, start - LOOK_AROUND_CHARS), end + LOOK_AROUND_CHARS) is not None
    )
