"""What a browser is told to refuse, and what the page refuses from a browser.

The page has no login: it binds to loopback, and these checks keep other sites that are open in the same browser out.
"""

from collections import OrderedDict
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]", "::1"]

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
    " object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


def allowed_hosts(host: str) -> list[str]:
    """The Host headers to answer. On loopback only its own names: another name there is DNS rebinding."""
    return [*LOOPBACK_NAMES, host] if is_loopback(host) else ["*"]


def same_origin(headers: Headers) -> bool:
    """Whether a request that changes something comes from this page or from no browser at all.

    Browsers say so in Sec-Fetch-Site, which no script can set; older ones, and all on plain HTTP off loopback, send
    Origin alone. Behind a proxy Host is not the name that the browser knows, so Sec-Fetch-Site goes first.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == headers.get("host", "").lower()


@dataclass
class Allowance:
    """A token bucket for each client: `burst` at once, `per_s` in the long run. Forgets the longest silent clients."""

    burst: int = 10
    per_s: float = 1.0
    clients: int = 1000

    def __post_init__(self) -> None:
        self.buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, now_s: float) -> bool:
        tokens, then_s = self.buckets.pop(client, (float(self.burst), now_s))
        tokens = min(self.burst, tokens + max(0.0, now_s - then_s) * self.per_s)
        taken = tokens >= 1
        self.buckets[client] = (tokens - taken, now_s)
        while len(self.buckets) > self.clients:
            self.buckets.popitem(last=False)
        return taken


class SecurityHeaders:
    """Puts HEADERS on every response; pages and scripts are asked for anew, so that an upgrade shows at once."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-cache")
            await send(message)

        await self.app(scope, receive, send_with_headers)
