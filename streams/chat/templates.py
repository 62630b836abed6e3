"""The answers a team has written: TOML files of `[intent]` tables, and one for what is not understood."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.errors import SettingsError

SHIPPED = Path(__file__).with_name("templates")
HANDOVER = "_handover.toml"


@dataclass(frozen=True)
class Templates:
    """`answers` by intent; `handover` is said where nobody understood."""

    answers: Mapping[str, str]
    handover: str

    def require(self, intents: Iterable[str]) -> None:
        """Raise SettingsError unless every intent that the model knows has its answer."""
        if missing := sorted(set(intents) - self.answers.keys()):
            raise SettingsError(
                f"no answer is written for {len(missing)} of the model's intents ({', '.join(missing[:5])}); "
                "add a table for each to a file in streams/chat/templates"
            )


def load_templates(directory: Path = SHIPPED) -> Templates:
    """All files of a directory. Raises SettingsError for one that is unreadable, says nothing, or speaks twice."""
    answers: dict[str, str] = {}
    for path in sorted(directory.glob("*.toml")):
        if path.name == HANDOVER:
            continue
        for intent, table in read(path).items():
            if intent in answers:
                raise SettingsError(f"{path}: intent {intent!r} has an answer already; keep one of the two")
            answers[intent] = text_of(path, intent, table)
    if not answers:
        raise SettingsError(f"{directory} holds no answers; wanted .toml files with [intent] tables")
    handover = read(directory / HANDOVER)
    return Templates(answers, text_of(directory / HANDOVER, "the hand-over", handover))


def read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path}: {error}") from None


def text_of(path: Path, name: str, table: object) -> str:
    answer = table.get("answer") if isinstance(table, dict) else None
    if not isinstance(answer, str) or not answer.strip():
        raise SettingsError(f'{path}: {name} has no answer; wanted answer = "…"')
    return answer.strip()
