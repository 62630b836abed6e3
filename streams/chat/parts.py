"""Several questions in one message: where one ends and the next begins. Careful rather than complete: a question that
is cut from what it refers to gets a wrong answer, two questions taken for one get a clarifying one."""

import re
from itertools import pairwise

MOST_PARTS = 4
MOST_CHARS = 4_000  # of a message that is looked at for several questions
FEWEST_WORDS = 3  # of a question that stands alone, and
OWN_WORDS = 2  # of these such as the question before does not have

WH = (
    r"(?:how|what|why|where|which|who|whose|what's|where's|who's|how's|whats|"
    r"when(?=\s+(?:is|are|was|will|would|do|does|did|can|could|should|may|has|have)\b))\b"
)
AUXILIARY = (
    r"(?:am\s+i|(?:can|could|may|do|does|did|is|are|was|were|will|would|should|have|has|is|isn't|aren't|can't|don't|doesn't)\s+"
    r"(?:i|you|we|they|he|she|it|my|your|our|their|the|there|a|an|this|these|any|all|some\w*))\b"
)
REQUEST = (
    r"(?:(?:i|we)(?:\s+(?:also|just|still|really))?\s+(?:want|need|would\s+like|wish|have\s+to)\s+(?:to\s+(?!be\b)|a\b|an\b|my\b)|"
    r"(?:i|we)['’]?d\s+(?:also\s+)?like\s+(?:to|a|an)\b|please\s+\w+|tell\s+me|show\s+me|give\s+me|explain|send\s+me|"
    r"let\s+me\s+know\s+(?:how|what|when|where|why|if|which))\b"
)
ABROAD = (
    r"(?:wie|was\s+(?:ist|sind|kostet|kosten|kann|muss|passiert|soll|bedeutet)|wann|wo|woher|wohin|warum|wieso|weshalb|welche[rsmn]?|wer|kann|können|könnte|ist|sind|hat|habe[nt]?|muss|darf|"
    r"comment|pourquoi|quand|où|quel(?:le)?s?|combien|est-ce|puis-je|peux|pouvez|"
    r"cómo|como|qué|cuándo|cuánto|cuánta|dónde|cuál|puedo|pueden|por\s+qué)\b"
)
ASKS = re.compile(rf"(?:{WH}|{AUXILIARY}|{ABROAD})", re.IGNORECASE)
WANTS = re.compile(REQUEST, re.IGNORECASE)
JOIN = (
    r"(?:(?:and|also|plus|oh|then|besides|additionally|furthermore|moreover|finally|lastly|secondly|second|another\s+(?:question|thing)|"
    r"one\s+more\s+(?:question|thing)|next|btw|by\s+the\s+way|p\.?\s?s\.?|und|außerdem|auch|noch\s+(?:eine\s+frage|etwas)|"
    r"et|aussi|de\s+plus|y|además|también|&)(?![\w’'-])[\s,:.-]*)"
)
JOINS = re.compile(rf"(?:\d[.)]\s+|[-*•]\s*)?{JOIN}+|\d[.)]\s+|[-*•]\s*", re.IGNORECASE)
ADDS = re.compile(
    r"(?:\d|[-*•]|also|plus|besides|additionally|furthermore|moreover|finally|lastly|secondly|another\s+(?:question|thing)|"
    r"one\s+more|btw|by\s+the\s+way|p\.?\s?s\b|außerdem|noch\s+(?:eine\s+frage|etwas)|de\s+plus|además)",
    re.IGNORECASE,
)
"""Says that what follows is another matter."""
SENTENCE = re.compile(r"[?!;]+(?=\s)|(?<!^\d)(?<!\n\d)\.+(?=\s)|[?!]+(?=[A-Z])|\n+")
AND = r"(?:and|plus|&|und|et|y)(?![\w’'-])\s+(?:(?:also|then|auch|aussi|también)\s+)?"
CONJUNCTION = re.compile(rf"(?:,?\s+|,)(?={AND}(?:{WH}|{AUXILIARY}|{REQUEST}|{ABROAD}))", re.IGNORECASE)
EXPLETIVE = re.compile(
    r"\b(?:is|was|will|would)\s+it\s+(?:be\s+)?(?:possible|ok|okay|safe|true|necessary|allowed)\b|"
    r"\b(?:does|will|would|did)\s+it\s+(?:take|cost)\s+(?:\w+\s+){0,3}(?:to|for)\b|"
    r"\b(?:is|are|was|were)\s+there\b|\b(?:this|that)\s+(?:week|month|year|morning|evening|time)\b",
    re.IGNORECASE,
)
REFERS = re.compile(
    r"\b(?:it|it['’]s|its|this|these|those|them|they|he|she|him|her|his|one|ones|same|other|another|instead|either|otherwise|"
    r"else|so|then|there|again|both|too|such|es|das|dies\w*|ihn|sie|dann|dort|da|ça|cela|celle|celui|eso|esto|"
    r"that(?=\s*(?:$|[?.!,]|is\b|was\b|one\b|work|happen|mean|be\b|to\b|mistake|payment|transfer|card|transaction|fee|charge|"
    r"money|account|amount)))\b|"
    r"\bthat['’]s\b|\bthe\s+(?:money|payment|transaction|amount|charge|fee|problem|issue|refund|reason|status|funds|error|"
    r"shop|merchant|seller|mistake|difference|process|cash|transfer|purchase|withdrawal|deposit|machine|item)\b",
    re.IGNORECASE,
)
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
GENERIC = frozenset(
    """
    a about aight all also an and any are as at auf be been before bei can can't check comment con could cuándo cuánto
    cómo das de der des did die do does doesn't don't du due dónde ein eine einen el es est explain fix for from für
    get getting give go going got happen happened happening happens has have hello help hey hi how i i'd i'll i'm i've
    ich if in into is isn't issue ist je just kann know können la las le les let like long look los ma make me mein
    meine meinen mes mi mis mit mon much my myself need now of off oh ok okay on or our out para please por possible
    pourquoi problem puedo puis quand quel quelle qué really reason resolve should show solve something sort still
    supposed take tell thanks that the there these thing things this to un una und une up us use wann want warum was
    we were what what's when where which who why wie will wish with without wo wonder wondering would wrong yet you
    your zu
    """.split()  # noqa: SIM905
)


LIST = "0123456789-*•"  # what begins a line of a list


def split(text: str) -> list[str]:
    """The questions of a message, in order; the message itself if it's one. Four at most: the last has the rest."""
    said = text.strip()
    if len(said) > MOST_CHARS:
        return [said]
    parts = [""]
    for piece in pieces(said):
        joined = JOINS.match(piece)
        bare = piece[joined.end() :] if joined else piece
        if joined and joined[0][0] in LIST and not parts[-1]:
            piece = bare
        if len(parts) < MOST_PARTS and begins(bare, parts[-1], joined[0] if joined else ""):
            parts.append(bare)
        else:
            parts[-1] = f"{parts[-1]} {piece}" if parts[-1] else piece
    return [part.strip(" ,;-") for part in parts] if len(parts) > 1 else [said]


def pieces(text: str) -> list[str]:
    """Where a message might be cut: after sentences, and before "and" with a question."""
    cuts = {0, len(text)}
    cuts |= {match.end() for match in SENTENCE.finditer(text)} | {match.end() for match in CONJUNCTION.finditer(text)}
    return [piece for start, end in pairwise(sorted(cuts)) if (piece := text[start:end].strip())]


def begins(part: str, before: str, joined: str) -> bool:
    """Whether a piece begins another question. `joined`: the words that join it to what was said `before`, if any.

    It has to say something of its own that refers to nothing. Sentences beside each other are two questions only if
    both end as questions do: a statement is mostly what the question is about.
    """
    own = content(part) - content(before)
    if len(WORD.findall(part)) < FEWEST_WORDS or len(own) < OWN_WORDS or REFERS.search(EXPLETIVE.sub(" ", part)):
        return False
    if not content(before):
        return False
    if ADDS.search(joined):
        return True
    if ASKS.match(part):
        return bool(joined) or (part.endswith("?") and before.endswith("?"))
    return bool(joined) and bool(WANTS.match(part)) and (bool(WANTS.match(before)) or before.endswith("?"))


def content(part: str) -> set[str]:
    """What it is about: its words, without those that any question has, and endings."""
    words = (word.lower() for word in WORD.findall(part))
    return {re.sub(r"(?:ing|ed|s|e)$", "", word) for word in words if word not in GENERIC}
