"""Places in documents that a command fills: lines between `<!-- filled:NAME -->` and `<!-- /filled -->`."""

import re
from collections.abc import Mapping, Sequence

PLACE = re.compile(r"<!-- filled:(?P<name>\w+) -->\n(?P<body>.*?)<!-- /filled -->", re.DOTALL)


def marked(text: str) -> dict[str, str]:
    """What lies in each place."""
    return {found["name"]: found["body"].strip() for found in PLACE.finditer(text)}


def filled(text: str, told: Mapping[str, Sequence[str]]) -> str:
    """The text with these lines in these places; others stay as they are."""

    def put(found: re.Match[str]) -> str:
        lines = told.get(found["name"])
        body = found["body"] if lines is None else "\n".join([*lines, ""])
        return f"<!-- filled:{found['name']} -->\n{body}<!-- /filled -->"

    return PLACE.sub(put, text)
