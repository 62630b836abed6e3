"""Rows of a file to conversations: who said what, in which order; what can't be used is counted by its reason."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["customer", "agent"]
ROLES: dict[str, Role] = {
    **dict.fromkeys(("customer", "user", "client", "visitor", "caller", "guest", "kunde", "contact"), "customer"),
    **dict.fromkeys(
        ("agent", "assistant", "operator", "staff", "person", "support", "advisor", "representative", "gretchen", "bot",
         "system", "admin"), "agent",
    ),
}  # fmt: skip
COLUMNS = ("conversation", "role", "text", "at")
MOST_CHARS = 2000  # of a turn
MOST_TURNS = 2000  # of a conversation


@dataclass(frozen=True, slots=True)
class Line:
    """A turn of a conversation; `at` as it was written, "" where nothing was."""

    role: Role
    text: str
    at: str = ""


@dataclass(slots=True)
class Conversations:
    """By their ids, in the file's order; `dropped` is reason -> rows, `odd_roles` what stood for a role and is none."""

    lines: dict[str, list[Line]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    odd_roles: Counter[str] = field(default_factory=Counter)

    def add(self, row: Mapping[str, Any], columns: tuple[str, str, str, str] = COLUMNS) -> None:
        """One turn. `columns`: where conversation, role, text and time stand; the time may be missing."""
        conversation, role, text, at = (row.get(column) for column in columns)
        spoken = ROLES.get(role.strip().lower()) if isinstance(role, str) else None
        if conversation is None or conversation == "":
            self.dropped["without a conversation"] += 1
        elif not isinstance(text, str) or not text.strip():
            self.dropped["without text"] += 1
        elif spoken is None:
            self.dropped["of an unknown role"] += 1
            self.odd_roles[str(role)[:40]] += 1
        elif len(lines := self.lines.setdefault(str(conversation), [])) >= MOST_TURNS:
            self.dropped[f"past the {MOST_TURNS:,}th turn of its conversation"] += 1
        else:
            lines.append(Line(spoken, " ".join(text[:MOST_CHARS].split()), str(at or "")))

    def in_order(self) -> Iterable[tuple[str, list[Line]]]:
        """By time where every turn of a conversation has one, of equal form, as RFC 3339 sorts; else as they stand."""
        for name, lines in self.lines.items():
            timed = all(line.at for line in lines) and len({len(line.at) for line in lines}) == 1
            yield name, sorted(lines, key=lambda line: line.at) if timed else lines
