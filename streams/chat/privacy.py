"""Personal data masked before a text is kept, logged or shown: cards, IBANs, e-mail addresses, phone numbers, names.

Numbers are told by their check digits, phone numbers by how they are written: whether a number is assigned somewhere
(phonenumbers) tells little, as in some country nearly every number is, and a date as well.
"""

import re
import string
import unicodedata
from collections.abc import Iterator
from itertools import takewhile
from typing import Literal, NamedTuple

from stdnum import iban, luhn

Kind = Literal["card", "iban", "e-mail", "phone", "name"]


class Span(NamedTuple):
    """Characters [start, end) that are personal."""

    start: int
    end: int
    kind: Kind


class Group(NamedTuple):
    """Digits that stand together, and what stands before them in their run."""

    start: int
    end: int
    digits: str
    before: str


# Every pattern begins where a word does and repeats single classes only: a text is gone through once.
E_MAIL = re.compile(r"(?<![\w.%+-])[A-Za-zÀ-ɏ0-9._%+-]{1,128}@[A-Za-zÀ-ɏ0-9-]{1,63}(?:\.[A-Za-zÀ-ɏ0-9-]{1,63}){1,8}")
IBAN_START = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ \u00a0-]?[A-Za-z0-9])")
AS_DIGITS = {ord(char): str(int(char, 36)) for char in string.ascii_uppercase}
IBAN_PART = re.compile(r"[ \u00a0-]?([A-Za-z0-9]+)")
RUN = re.compile(r"[+(]{0,3}\d+(?:[\s().\u2010-\u2015/-]{1,3}\d+)*")
GROUP = re.compile(r"\d+")
DATE = re.compile(r"\d{1,2}-\d{1,2}-(?:\d\d){1,2}|(?:19|20)\d\d-\d{1,2}-\d{1,2}")
CARD_PREFIX = re.compile(r"4|5|6|3[0-9]|2[2-7]")
CARD_GAP = re.compile(r"[\s.\u2010-\u2015-]{1,3}")
ABOUT_ORDERS = re.compile(
    r"(?:order|reference|ref|invoice|ticket|case|tracking|booking|transaction|account|customer|iban|sort code|"
    r"bestell|rechnung|auftrag|vorgang|kunden|konto)\w{0,10}\W{0,3}(?:(?:is|no|nr|number|nummer|id|was|of)\W{0,3}){0,2}$",
    re.IGNORECASE,
)
ABOUT_PHONES = re.compile(
    r"(?:phone|telephone|mobile|cell|tel|whatsapp|telefon|handy|mobil|portable|móvil|movil|tel[eé]fono|cellulare|celular|"
    r"telemóvel|telefoon|komórk\w|(?:call|ring|text|reach) (?:me|us)|电话|手机|電話|携帯)[^\d.!?\n]{0,24}$",
    re.IGNORECASE,
)
CURRENCY = r"(?:[$€£¥₹%元円]|(?:[A-Z]{3}|euros?|pounds?|dollars?|francs?|yen|yuan|zł|kr)\b)"
MONEY = re.compile(rf"{CURRENCY}\s?$")
MONEY_AFTER = re.compile(rf"\s?{CURRENCY}|,\d")
CONTEXT_CHARS = 48
MOST_PASSES = 8

NAMED = re.compile(
    r"\b(?:my (?:full |first |last |sur)?name(?:['’]s| is)|i(?:['’]m| am) called|they call me|ich hei(?:ß|ss)e|"
    r"mein name (?:ist|lautet)|je m['’]appelle|mon nom est|me llamo|mi nombre es|mi chiamo|il mio nome è|ik heet|"
    r"mijn naam is|(?:o )?meu nome é|(?:me )?chamo-?me|nazywam się|mam na imię)[ :]{1,3}",
    re.IGNORECASE,
)
SPEAKING = re.compile(
    r"\bthis is ((?:[^\W\d_]|['’.-]){1,40}(?: (?:[^\W\d_]|['’.-]){1,40}){0,3}) (?:speaking|here)\b", re.IGNORECASE
)
NAME_EAST = re.compile(
    r"(?:我叫|我的名字是|私の名前は|我姓)([\u3040-\u30ff\u4e00-\u9fff]{1,6}?)(?=[^\w\[]|です|と申|$)"
)
WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’-]){0,40}")
TITLES = frozenset("dr mr mrs ms prof herr frau st".split())  # noqa: SIM905 - so are the next two: lists of words
PARTICLES = frozenset("van von de der den del della di da dos du la le ten ter zu bin al el san mc y".split())  # noqa: SIM905
NO_NAMES = frozenset(  # what follows "my name is" and is none
    """
    a aber about again almost already also always an and anders anyone are as at auf back been being blank but by call
    can changed changing con correct correctly could cut different displayed do due en errado errato está et every
    falsch faux for from given going gone hard he hello her here hey hi hidden his how i if in incomplete incorrect
    incorrecte incorrectly invalid is it just listed long longer mal may mentioned misprinted missing misspelled
    misspelt mistyped my never nicht nie niet no noch not nothing now não of off ok on only op or out pas please
    printed really registered richtig right sbagliato shortened showing shown similar sin so somebody someone spelled
    spelt still supposed sur thank thanks that the their there they this to too truncated und under unknown up use used
    verkeerd very was what when where which why with without would written wrong wrongly y you your źle
    """.split()  # noqa: SIM905
)
MOST_NAME_WORDS = 4


def mask(text: str) -> str:
    """The text with [card], [iban], [e-mail], [phone] and [name] in place of what is personal. Idempotent."""
    for _ in range(MOST_PASSES):  # what is masked may have said that the number after it is an order's
        text, before = replaced(text), text
        if text == before:
            break
    return text


def replaced(text: str) -> str:
    parts, at = [], 0
    for start, end, kind in spans(text):
        parts += [text[at:start], f"[{kind}]"]
        at = end
    return "".join([*parts, text[at:]])


def spans(text: str) -> list[Span]:
    """What is personal, in the order of the text, nothing twice."""
    found: list[Span] = []
    end = 0
    for span in sorted([*e_mails(text), *ibans(text), *numbers(text), *names(text)]):
        if span.start >= end:
            found.append(span)
            end = span.end
    return found


def e_mails(text: str) -> Iterator[Span]:
    return (Span(match.start(), match.end(), "e-mail") for match in E_MAIL.finditer(text))


def ibans(text: str) -> Iterator[Span]:
    """Grouped or not, in small letters or capital; the longest that its check digits and its country allow."""
    past = 0
    for start in IBAN_START.finditer(text):
        if start.start() < past:
            continue
        compact, at, ends = start[0].upper(), start.end(), list[int]()
        while len(compact) < 34 and (part := IBAN_PART.match(text, at)):
            compact, at = compact + part[1].upper(), part.end()
            if is_iban(compact):
                ends.append(at)
        if ends:
            past = ends[-1]
            yield Span(start.start(), past, "iban")


def is_iban(compact: str) -> bool:
    """Mod 97 first, as what is known of a country takes a hundred times longer to look up."""
    if not 15 <= len(compact) <= 34 or not compact.isascii():
        return False
    moved = (compact[4:] + compact[:4]).translate(AS_DIGITS)
    return int(moved) % 97 == 1 and iban.is_valid(compact, check_country=False)


def numbers(text: str) -> Iterator[Span]:
    """Cards and phones in runs of digits, whatever stands between these."""
    for run in RUN.finditer(text):
        groups = groups_of(text, run.start(), run.end())
        if sum(len(group.digits) for group in groups) < 7:
            continue
        before = text[max(0, run.start() - CONTEXT_CHARS) : run.start()]
        lettered = bool(re.search(r"[A-Za-z]$", before)) or bool(re.match(r"[A-Za-z]", text[run.end() : run.end() + 1]))
        ordered = lettered or (bool(ABOUT_ORDERS.search(before)) and not ABOUT_PHONES.search(before))
        money = bool(MONEY.search(before)) or bool(MONEY_AFTER.match(text, run.end()))
        at = 0
        while at < len(groups):
            if not lettered and (n := card_at(groups, at)):
                yield Span(groups[at].start, groups[at + n - 1].end, "card")
            elif not ordered and not money and (n := phone_at(groups, at, ABOUT_PHONES.search(before) is not None)):
                plus = len(groups[at].before) - len(groups[at].before.rstrip("+("))
                yield Span(groups[at].start - plus, groups[at + n - 1].end, "phone")
            else:
                n = 1
            at += n


def groups_of(text: str, start: int, end: int) -> list[Group]:
    groups, last = [], start
    for match in GROUP.finditer(text, start, end):
        digits = "".join(str(unicodedata.decimal(char)) for char in match[0])
        groups.append(Group(match.start(), match.end(), digits, text[last : match.start()]))
        last = match.end()
    return groups


def card_at(groups: list[Group], at: int) -> int:
    """How many groups from here on are a card's number, 0 for none: 13 to 19 digits that Luhn's check allows.

    Printed in fours, or 4-6-5, or so; groups of two or three digits in front are amounts and dates.
    """
    first = groups[at].digits
    if len(first) == 1:
        return spelled_card_at(groups, at)
    if not CARD_PREFIX.match(first) or not (len(first) in (4, 6, 8) or len(first) >= 13):
        return 0
    digits, best = "", 0
    for n, group in enumerate(groups[at : at + 7], 1):
        if n > 1 and not CARD_GAP.fullmatch(group.before):
            break
        digits += group.digits
        if len(digits) > 19:
            break
        if len(digits) >= 13 and luhn.is_valid(digits):
            best = n
    return best


def spelled_card_at(groups: list[Group], at: int) -> int:
    """A card digit by digit: all the single digits that follow each other, no more and no fewer."""
    if at and len(groups[at - 1].digits) == 1:
        return 0
    single = list(takewhile(lambda group: len(group.digits) == 1, groups[at : at + 20]))
    digits = "".join(group.digits for group in single)
    fits = 13 <= len(digits) <= 19 and CARD_PREFIX.match(digits) and luhn.is_valid(digits)
    return len(single) if fits else 0


def phone_at(groups: list[Group], at: int, announced: bool) -> int:
    """How many groups from here on are a phone number, 0 for none. `announced`: the text says that one follows."""
    first, following = groups[at], groups[at + 1 : at + 3]
    opened = first.before.strip()
    if american(first, opened, following):
        return 3
    abroad = opened.endswith(("+", "+(")) or first.digits.startswith("00")
    if not (abroad or announced or first.digits.startswith("0")):
        return 0
    digits, best = "", 0
    for n, group in enumerate(groups[at : at + 8], 1):
        digits += group.digits
        if (n > 1 and "+" in group.before) or len(digits) > 15:
            break
        if not abroad and is_date(groups[max(at, at + n - 3) : at + n]) and not is_french(groups[at : at + 5]):
            break
        if is_phone(digits, abroad, announced, len(first.digits)):
            best = n
    return best


def is_phone(digits: str, abroad: bool, announced: bool, first: int) -> bool:
    """`first`: the digits in the first group."""
    if digits.startswith("00"):
        return re.match(r"00[1-9]\d{7}", digits) is not None
    if abroad:
        return len(digits) >= 8 and digits[0] != "0"
    if digits[0] == "0":
        return first > 1 and 9 <= len(digits) <= 12
    return announced and 7 <= len(digits) <= 12


def american(first: Group, opened: str, following: list[Group]) -> bool:
    """(555) 123-4567, 555-123-4567; with spaces alone they could be amounts."""
    shape = [len(group.digits) for group in (first, *following)]
    joined = opened.endswith("(") or all(group.before.strip() for group in following)
    return shape == [3, 3, 4] and first.digits[0] > "1" and joined


def is_french(groups: list[Group]) -> bool:
    """01.02.03.04.05: no date."""
    return len(groups) == 5 and all(len(group.digits) == 2 for group in groups)


def is_date(groups: list[Group]) -> bool:
    if len(groups) < 3 or groups[1].before != groups[2].before or groups[1].before not in ("/", ".", "-"):
        return False
    return DATE.fullmatch("-".join(group.digits for group in groups)) is not None


def names(text: str) -> Iterator[Span]:
    for match in NAMED.finditer(text):
        if end := end_of_name(text, match.end()):
            yield Span(match.end(), end, "name")
    for match in SPEAKING.finditer(text):
        if end_of_name(match[1], 0) == len(match[1]):
            yield Span(match.start(1), match.end(1), "name")
    for match in NAME_EAST.finditer(text):
        yield Span(match.start(1), match.end(1), "name")


def end_of_name(text: str, start: int) -> int:
    """Where a name that begins here ends, 0 if none does: words with capitals, or two in small letters at most."""
    at, end, capitals, small = start, 0, 0, 0
    for _ in range(MOST_NAME_WORDS + 2):
        if not (word := WORD.match(text, at)):
            break
        said = word[0]
        if said.lower() in PARTICLES and said.islower() and capitals + small < MOST_NAME_WORDS:
            at = word.end() + (text[word.end() : word.end() + 1] == " ")
            continue
        initial = len(said) == 1 and said.isupper() and text[word.end() : word.end() + 1] == "."
        if (said.lower() in NO_NAMES and not initial) or capitals + small >= MOST_NAME_WORDS:
            break
        if said[0].isupper():
            capitals += 1
        elif capitals or small == 2:
            break
        else:
            small += 1
        end = word.start() + len(said)
        dotted = said.lower() in TITLES or len(said) == 1
        at = end + (2 if dotted and text[end : end + 2] == ". " else 1)
        if text[at - 1 : at] != " ":
            break
    return end
