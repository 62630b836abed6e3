"""Who may use /v1: keys, origins and rates."""

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from models.errors import SettingsError
from streams.settings import Settings
from streams.web.guard import Allowance, is_loopback, same_origin
from streams.web.take import Refused

KEY = re.compile(r"[A-Za-z0-9_-]{16,}")
BURST_S = 5
PROTOCOL = "gretchen.v1"  # of a WebSocket, for browsers, which can't send headers
KEY_PROTOCOL = "key."


@dataclass(frozen=True)
class Access:
    """`keys` as SHA-256 digests: they are compared in a time that says nothing of them, nor of their lengths."""

    keys: tuple[bytes, ...] = ()
    origins: tuple[str, ...] = ()
    per_s: float = 20.0


def access_of(settings: Settings) -> Access:
    """Raises SettingsError for keys that are weak and origins that are none."""
    keys = [key.strip() for key in settings.api_keys.split(",") if key.strip()]
    if weak := sum(not KEY.fullmatch(key) for key in keys):
        raise SettingsError(
            f"GRETCHEN_API_KEYS: got {weak} of {len(keys)} keys that can't be used, wanted 16 or more letters, digits,"
            " - and _ each; make one with: python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    origins = [origin.strip().lower() for origin in settings.api_origins.split(",") if origin.strip()]
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.netloc or origin != f"{parts.scheme}://{parts.netloc}":
            raise SettingsError(
                f"GRETCHEN_API_ORIGINS: got {origin!r}, wanted sites such as https://shop.example.com, without a path"
            )
    return Access(tuple(digest(key) for key in keys), tuple(origins), settings.api_per_s)


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


class Gate:
    """Lets requests and WebSockets in, or raises Refused. `host` is the address the page is bound to."""

    def __init__(self, access: Access, host: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.access = access
        self.local = is_loopback(host)
        self.clock = clock
        burst = max(1, round(BURST_S * access.per_s))
        self.by_key = Allowance(burst, access.per_s, max(1, len(access.keys)))
        self.by_address = Allowance(burst, access.per_s)

    def admit(self, connection: HTTPConnection) -> Callable[[], None]:
        """What it returns takes from the same allowance once more, for what else comes over a connection."""
        key = self.known(key_of(connection))
        address = connection.client.host if connection.client else ""

        def take() -> None:
            allowance, client = (self.by_key, key.hex()) if key else (self.by_address, address)
            if not allowance.take(client, self.clock()):
                line = f"too many requests: {self.access.per_s:g} a second in the long run"
                raise Refused(429, line, {"Retry-After": str(max(1, round(1 / self.access.per_s)))})

        take()  # before anything else: keys are not to be guessed at any speed
        if not key and self.access.keys:
            raise Refused(
                401, "the API key is missing or wrong: Authorization: Bearer KEY", {"WWW-Authenticate": "Bearer"}
            )
        if not key and not self.local:
            raise Refused(403, "the page listens on the network and has no API keys: set GRETCHEN_API_KEYS")
        if (
            not same_origin(connection.headers)
            and connection.headers.get("origin", "").lower() not in self.access.origins
        ):
            raise Refused(403, "scripts of this site may not use the API: see GRETCHEN_API_ORIGINS")
        return take

    def known(self, key: str) -> bytes | None:
        """The digest of a key that may pass. All are looked at, whichever it is."""
        given = digest(key)
        found = [hmac.compare_digest(given, known) for known in self.access.keys]
        return given if any(found) else None


def key_of(connection: HTTPConnection) -> str:
    """From Authorization, X-API-Key or, where a browser opens a WebSocket, a subprotocol key.KEY."""
    scheme, _, key = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    if named := connection.headers.get("x-api-key"):
        return named.strip()
    offered = [name for name in protocols(connection) if name.startswith(KEY_PROTOCOL)]
    return offered[0].removeprefix(KEY_PROTOCOL) if offered and connection.scope["type"] == "websocket" else ""


def protocols(connection: HTTPConnection) -> list[str]:
    return [name.strip() for name in connection.headers.get("sec-websocket-protocol", "").split(",")]
