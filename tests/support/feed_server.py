"""A web server that serves feeds well and badly, and feeds of our own writing."""

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class FeedServer:
    """`pages` answer by path: what a request (its headers) gets. `requests` are those that came."""

    url: str
    pages: dict[str, Callable[[dict[str, str]], Answer]] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    drip_s: float = 0.0

    def page(self, path: str, body: bytes, status: int = 200, **headers: str) -> str:
        """Serve `body` at `path`; `headers` are written with _ for -."""
        given = {"Content-Type": "application/rss+xml", **{k.replace("_", "-"): v for k, v in headers.items()}}
        self.pages[path] = lambda _: (status, given, body)
        return self.url + path

    def in_turn(self, path: str, *answers: Answer) -> str:
        """One answer after the other, then the last for good."""
        left = list(answers)
        self.pages[path] = lambda _: left.pop(0) if len(left) > 1 else left[0]
        return self.url + path

    def paths(self) -> list[str]:
        return [path for path, _ in self.requests]


@contextmanager
def serve() -> Iterator[FeedServer]:
    """A running server on loopback."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            feeds.requests.append((self.path, headers))
            status, given, body = feeds.pages.get(self.path, lambda _: (404, {}, b""))(headers)
            try:
                self.send_response(status)
                for name, value in given.items():
                    self.send_header(name, value)
                if "Content-Length" not in given and status != 304:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                pieces = [body] if not feeds.drip_s else [body[i : i + 1] for i in range(len(body))]
                for piece in pieces:
                    self.wfile.write(piece)
                    time.sleep(feeds.drip_s)
            except ConnectionError:  # the reader had enough
                pass

        def log_message(self, *_: object) -> None:
            pass

    web = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    feeds = FeedServer(f"http://127.0.0.1:{web.server_address[1]}")
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield feeds
    finally:
        feeds.drip_s = 0.0
        web.shutdown()
        web.server_close()
        thread.join()


def rss(*titles: str, more: str = "") -> bytes:
    """RSS 2.0 with an item for each title, newest first; the guid is a URL made of the title's place from the end."""
    count = len(titles)
    items = "".join(
        f"<item><title>{title}</title><link>http://news.example/{count - i}</link>"
        f"<guid>http://news.example/{count - i}</guid>"
        f"<pubDate>Tue, 03 Mar 2026 08:0{(count - i) % 10}:00 GMT</pubDate></item>"
        for i, title in enumerate(titles)
    )
    channel = f"<channel><title>Harbor Wire</title>{items}{more}</channel>"
    return f"<?xml version='1.0'?><rss version='2.0'>{channel}</rss>".encode()


BILLION_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">'
    + b"".join(
        b'<!ENTITY lol%d "%s">' % (i, b"&lol%s;" % (str(i - 1).encode() if i > 1 else b"") * 10) for i in range(1, 10)
    )
    + b"]><rss version='2.0'><channel><item><title>&lol9;</title></item></channel></rss>"
)

GZIP_BOMB = gzip.compress(b"<rss>" + b" " * 50_000_000)
