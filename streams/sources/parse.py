"""A feed's bytes to items, in a process of its own.

A feed is input of strangers, and parsers of XML and of broken XML have inputs on which they need hours or all memory.
So feedparser runs as `python -m streams.sources.parse` under limits of time and memory, and is killed past them.
"""

import asyncio
import calendar
import contextlib
import html
import io
import re
import sys
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from xml.parsers import expat
from xml.sax import SAXException

import msgspec

from streams.sources.items import FeedError, Item, Parsed

PARSE_S = 20.0
MEMORY_BYTES = 1024**3
MAX_CHARS = 20_000


async def parse(body: bytes, content_type: str, url: str, limit_s: float = PARSE_S) -> Parsed:
    """Parse in a child process. Raises FeedError when it is no feed, is refused, or takes too long or too much."""
    try:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "streams.sources.parse"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,  # so that Ctrl-C reaches only us, and we end it
        )
    except OSError as error:
        raise FeedError(f"no process can be started to parse it: {error}") from error
    try:
        async with asyncio.timeout(limit_s):
            # by the pipe, not as arguments: every user of the machine could read those
            out, _ = await child.communicate(msgspec.json.encode([content_type, url]) + b"\n" + body)
    except TimeoutError:
        raise FeedError(f"parsing took more than {limit_s:g} s; refused") from None
    finally:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()
    if child.returncode != 0:
        raise FeedError(f"the parser gave up (exit {child.returncode}), out of memory perhaps; refused")
    parsed = msgspec.json.decode(out, type=Parsed)
    if parsed.refused:
        raise FeedError(parsed.refused)
    return parsed


def parse_here(body: bytes, content_type: str, url: str) -> Parsed:
    """Parse in this process, without limits: what the child does."""
    import feedparser  # here, for it is slow to import and only the child needs it

    if entities_declared(body):
        return Parsed("", [], refused="declares XML entities, which no feed needs; refused")
    headers = {"content-type": content_type, "content-location": url}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = feedparser.parse(io.BytesIO(body), response_headers=headers)
        malformed = found.get("bozo_exception")
        if isinstance(malformed, SAXException) and found.get("encoding"):
            # S&P and AT&T unescaped are what breaks financial feeds most often; the tolerant parser makes S&P; of them
            text = body.decode(found["encoding"], "replace").lstrip("\ufeff").encode()
            utf8 = re.sub(rb"^\s*<\?xml[^>]*\?>", b"", text)
            headers["content-type"] = "application/xml; charset=utf-8"
            found = feedparser.parse(io.BytesIO(escape_bare_ampersands(utf8)), response_headers=headers)
            malformed = found.get("bozo_exception") or malformed
    if not found.get("version") and not found.get("entries"):
        kind = content_type.split(";")[0] or "no content type"
        return Parsed("", [], refused=f"not RSS or Atom (got {kind}, {len(body):,} bytes)")
    items = [item(entry) for entry in found["entries"]]
    broken = malformed.getMessage()[:200] if isinstance(malformed, SAXException) else None
    if broken and not any(entry.title or entry.summary for entry in items):
        return Parsed("", [], refused=f"malformed XML, and no item can be saved of it ({broken})")
    return Parsed(plain(found["feed"].get("title", ""), 200), items, broken)


def entities_declared(body: bytes) -> bool:
    """Whether the prolog declares an entity: the start of every entity bomb. Reads no further than the root element."""
    parser = expat.ParserCreate()
    declared: list[str] = []

    def stop(*_: object) -> None:
        raise StopIteration

    def note(name: str, *_: object) -> None:
        declared.append(name)
        raise StopIteration

    parser.StartElementHandler, parser.EntityDeclHandler = stop, note
    with contextlib.suppress(StopIteration, expat.ExpatError, LookupError, ValueError):
        parser.Parse(body.lstrip(), True)
    return bool(declared)


def escape_bare_ampersands(xml: bytes) -> bytes:
    """`&` that begins no reference becomes `&amp;`, but for CDATA sections, where it is itself."""
    parts = re.split(rb"(<!\[CDATA\[.*?\]\]>)", xml, flags=re.DOTALL)
    bare = re.compile(rb"&(?!#?\w{1,31};)")
    return b"".join(part if part.startswith(b"<![CDATA[") else bare.sub(b"&amp;", part) for part in parts)


def item(entry: Any) -> Item:
    """feedparser's entry as plain text and a time."""
    link = entry.get("link", "")
    return Item(
        guid=entry.get("id", "")[:2048],
        link=link if link.startswith(("http://", "https://")) and len(link) <= 2048 else "",
        title=plain(entry.get("title", ""), MAX_CHARS),
        summary=plain(entry.get("summary", ""), MAX_CHARS),
        published_at=instant(entry.get("published_parsed") or entry.get("updated_parsed")),
    )


BLOCKS = "blockquote|br|center|div|figure|h[1-6]|hr|iframe|img|li|ol|p|pre|table|tbody|td|th|tr|ul|video"
INLINE = "a|abbr|b|big|cite|code|del|em|font|i|ins|mark|q|s|small|span|strong|sub|sup|tt|u"
APART = re.compile(
    rf"<(script|style)\b.*?</\1\s*>|<!--.*?-->|</?(?:{BLOCKS})(?:\s[^<>]*)?/?>", re.DOTALL | re.IGNORECASE
)
WITHIN = re.compile(rf"</?(?:{INLINE})(?:\s[^<>]*)?/?>", re.IGNORECASE)
REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,31});")


def plain(text: str, max_chars: int) -> str:
    """HTML or text as one line of text: tags off, references resolved. `5 < 10` and `S&P` stay as they are."""
    text = WITHIN.sub("", APART.sub(" ", text[: 8 * max_chars]))
    text = REFERENCE.sub(lambda reference: html.unescape(reference.group()), text)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:max_chars]


def instant(parsed: Any) -> datetime | None:
    """feedparser's struct_time (UTC) as a datetime; None for none and for what no calendar has."""
    try:
        return datetime.fromtimestamp(calendar.timegm(parsed), UTC) if parsed else None
    except (ValueError, OverflowError, OSError):
        return None


def limit(memory_bytes: int, cpu_s: int) -> None:
    """Bound this process where the system can; elsewhere the parent's deadline remains."""
    try:
        import resource
    except ImportError:  # Windows
        return
    set_limit: Callable[[int, tuple[int, int]], None] = resource.setrlimit
    with contextlib.suppress(ValueError, OSError):  # macOS has no bound on address space
        set_limit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    set_limit(resource.RLIMIT_CPU, (cpu_s, cpu_s))


if __name__ == "__main__":
    limit(MEMORY_BYTES, int(PARSE_S) + 1)
    given_type, given_url = msgspec.json.decode(sys.stdin.buffer.readline(), type=tuple[str, str])
    sys.stdout.buffer.write(msgspec.json.encode(parse_here(sys.stdin.buffer.read(), given_type, given_url)))
