"""Which sinks there are: GRETCHEN_SINKS, a TOML file of [[sink]] tables. docs/alerting.md explains every key."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

import httpx
import msgspec
from msgspec import Meta

from models.errors import SettingsError
from streams.records import Kind, Scope
from streams.settings import Port
from streams.sinks.secrets import resolve
from streams.sinks.wanted import SEVERITIES, STATUSES, Severity, Status

Name = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,39}$")]
Text = Annotated[str, Meta(min_length=1)]
Security = Literal["starttls", "tls", "none"]
Attempt = Annotated[float, Meta(gt=0, le=60)]


class Sink(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What all sinks have. Fields named in SECRETS show nowhere, nor does any other but the name."""

    KIND: ClassVar[str]
    SECRETS: ClassVar[tuple[str, ...]] = ()
    name: Name
    minimum_severity: Severity = "info"
    entities: tuple[Text, ...] = ()  # none means all, as of the next two
    kinds: tuple[Kind, ...] = ()
    scopes: tuple[Scope, ...] = ()
    statuses: tuple[Status, ...] = ("opened", "grew", "resolved")
    storms: bool = True  # while a storm is open, it is told instead of each entity's alert within it
    timeout_s: Attempt = 10.0  # of one attempt
    give_up_after_s: Annotated[float, Meta(gt=0, le=86_400 * 7)] = 3600.0  # since the alert was written

    def __repr__(self) -> str:
        return f"<{self.KIND} sink {self.name}>"

    def secrets(self) -> list[str]:
        """Texts that must not show, longest first; of a URL also what follows the host."""
        found = [str(getattr(self, field)) for field in self.SECRETS]
        found += [path for text in found if "://" in text and len(path := httpx.URL(text).raw_path.decode()) > 1]
        return sorted(filter(None, found), key=len, reverse=True)


class Webhook(Sink, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "webhook"
    SECRETS: ClassVar[tuple[str, ...]] = ("url", "secret", "authorization")
    url: Text
    secret: Text
    authorization: str = ""  # the header's value


class Slack(Sink, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "slack"
    SECRETS: ClassVar[tuple[str, ...]] = ("url",)
    url: Text


class Alertmanager(Sink, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "alertmanager"
    SECRETS: ClassVar[tuple[str, ...]] = ("url", "authorization")
    url: Text  # without /api/v2/alerts
    authorization: str = ""
    labels: dict[Annotated[str, Meta(pattern="^[a-zA-Z_][a-zA-Z0-9_]*$")], Text] = {}
    repeat_s: Annotated[float, Meta(gt=0, le=3600)] = 60.0


class Mail(Sink, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "email"
    SECRETS: ClassVar[tuple[str, ...]] = ("password",)
    host: Text
    port: Port = 587
    security: Security = "starttls"
    ca_file: str = ""  # the system's authorities when empty
    username: str = ""
    password: str = ""
    sender: Text
    recipients: Annotated[tuple[Text, ...], Meta(min_length=1)]


class Log(Sink, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "log"


KINDS: dict[str, type[Sink]] = {kind.KIND: kind for kind in (Webhook, Slack, Mail, Alertmanager, Log)}

SECURITY: tuple[Security, ...] = ("starttls", "tls", "none")
CHOICES: dict[str, tuple[str, ...]] = {
    "minimum_severity": SEVERITIES,
    "statuses": STATUSES,
    "kinds": get_args(Kind),
    "scopes": get_args(Scope),
    "security": SECURITY,
}


def load_sinks(path: Path, environ: Mapping[str, str]) -> tuple[Sink, ...]:
    """The sinks of a file, their secrets resolved. Raises SettingsError, one line that holds no secret."""
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(
            f"GRETCHEN_SINKS: can't read {path} ({error.strerror}), wanted a TOML file of [[sink]] tables; "
            "docs/alerting.md shows one"
        ) from None
    except ValueError as error:  # not UTF-8, not TOML
        raise SettingsError(f"{path}: not TOML: {error}") from None
    found = tables.pop("sink", [])
    if tables or not isinstance(found, list) or not found or not all(isinstance(each, dict) for each in found):
        got = f"got {', '.join(map(repr, tables))}, " if tables else ""
        raise SettingsError(f"{path}: {got}wanted [[sink]] tables and nothing else; docs/alerting.md shows some")
    sinks = tuple(read_sink(table, environ, f"{path}: sink {n}") for n, table in enumerate(found, 1))
    names = [sink.name for sink in sinks]
    if twice := {name for name in names if names.count(name) > 1}:
        raise SettingsError(f"{path}: {len(names)} sinks, two of them named {twice.pop()!r}; give each its own name")
    return sinks


def read_sink(table: dict[str, Any], environ: Mapping[str, str], where: str) -> Sink:
    """One table. Raises SettingsError, which begins with `where`."""
    kind = KINDS.get(str(table.get("kind")))
    if kind is None:
        raise SettingsError(f"{where}: kind: got {table.get('kind')!r}, wanted one of {', '.join(KINDS)}")
    where += f" ({kind.KIND})"
    values = {key: value for key, value in table.items() if key != "kind"}
    for key in values:
        if key not in kind.__struct_fields__:
            near = difflib.get_close_matches(key, kind.__struct_fields__, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(kind.__struct_fields__)}"
            raise SettingsError(f"{where}: unknown key {key!r}; {hint}")
    values = resolve(values, environ, where)
    try:
        sink = msgspec.convert(values, kind)
    except msgspec.ValidationError as error:
        told, _, place = str(error).partition(" - at `$")
        field = place.strip("`.").partition("[")[0]
        choices = f"; wanted one of {', '.join(CHOICES[field])}" if field in CHOICES else ""
        raise SettingsError(f"{where}: {field + ': ' if field else ''}{told}{choices}") from None
    check(sink, where)
    return sink


def check(sink: Sink, where: str) -> None:
    """What types can't say. Raises SettingsError."""
    if "url" in sink.__struct_fields__:
        check_url(sink.url, where)  # type: ignore[attr-defined]
    if isinstance(sink, Alertmanager) and len(sink.statuses) < 3:
        raise SettingsError(f"{where}: statuses: an Alertmanager needs all of opened, grew and resolved; leave it out")
    if isinstance(sink, Mail) and bool(sink.username) != bool(sink.password):
        raise SettingsError(f"{where}: got one of username and password, wanted both or neither")
    if isinstance(sink, Mail) and sink.password and sink.security == "none":
        raise SettingsError(f"{where}: security: got 'none' with a password, wanted 'starttls' or 'tls'")
    if not getattr(sink, "authorization", "").isascii():
        raise SettingsError(f"{where}: authorization: holds more than ASCII, which no HTTP header can")
    for name in ("authorization", "sender", "recipients"):
        value = getattr(sink, name, "")
        if not all(text.isprintable() for text in ([value] if isinstance(value, str) else value)):
            raise SettingsError(f"{where}: {name}: holds control characters or line breaks; wanted one line of text")


def check_url(url: str, where: str) -> None:
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        raise SettingsError(f"{where}: url: not a usable URL; wanted http://… or https://…") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        got = f"a {parsed.scheme} URL" if parsed.scheme in ("ftp", "file", "ws", "wss") else "no http URL with a host"
        raise SettingsError(f"{where}: url: got {got}, wanted http://… or https://…")
