"""Values of the sinks file that stand elsewhere: `${NAME}` in the environment or in the file that NAME_FILE names,
and `file:/run/secrets/x`. What is found is told to nobody: errors name where it was looked for."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.errors import SettingsError

NAMED = re.compile(r"\$\{([^}]*)\}")


def resolve(value: Any, environ: Mapping[str, str], where: str) -> Any:
    """A TOML value with all its strings resolved. Raises SettingsError, which begins with `where`."""
    if isinstance(value, dict):
        return {key: resolve(each, environ, f"{where}: {key}") for key, each in value.items()}
    if isinstance(value, list):
        return [resolve(each, environ, where) for each in value]
    if not isinstance(value, str):
        return value
    if value.startswith("file:"):
        return read_secret(Path(value[5:]), where)
    return NAMED.sub(lambda found: look_up(found[1], environ, where), value)


def look_up(name: str, environ: Mapping[str, str], where: str) -> str:
    """A variable's value, or the content of the file that <name>_FILE names."""
    if value := environ.get(name):
        return value
    if path := environ.get(f"{name}_FILE"):
        return read_secret(Path(path), where)
    raise SettingsError(f"{where} wants ${{{name}}}, which is not set; set {name}, or {name}_FILE to a file's path")


def read_secret(path: Path, where: str) -> str:
    """A file's text without the newline at its end."""
    try:
        text = path.read_text("utf-8").rstrip("\r\n")
    except OSError as error:
        raise SettingsError(f"{where} wants {path}, which can't be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{where} wants {path}, which is not UTF-8 text") from None
    if not text:
        raise SettingsError(f"{where} wants {path}, which is empty")
    return text
