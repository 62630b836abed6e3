"""An entry of a feed and the news it becomes. Pure: the same entry has the same id in whatever feed and run."""

import hashlib
import re
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import msgspec

from models.errors import InputError
from streams.records import News


class FeedError(InputError):
    """What one feed did wrong, in one line; `retry_after_s` is the wait that its server asked for."""

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Item(msgspec.Struct, frozen=True):
    """An entry, plain text throughout. What the feed left out is empty."""

    guid: str
    link: str
    title: str
    summary: str
    published_at: datetime | None


class Parsed(msgspec.Struct, frozen=True):
    """A feed. `malformed`: not well-formed, the items are what could be saved. `refused`: why there are none."""

    title: str
    items: list[Item]
    malformed: str | None = None
    refused: str | None = None


GLOBAL_GUID = re.compile(r"(https?://|tag:|urn:)\S", re.IGNORECASE)


def item_id(item: Item, feed_url: str) -> str:
    """The same item carried by two feeds gets one id, where its guid or link can tell.

    A guid that is a URL, a tag: or a urn: is unique in the world, any other only within its feed. Without a guid an
    item is its link and title (several may share one link), at last its feed and title. So a title that is changed
    under the same guid is the same item, and does not enter again.
    """
    if item.guid:
        parts = (item.guid,) if GLOBAL_GUID.match(item.guid) else (feed_url, item.guid)
    else:
        parts = (item.link or feed_url, item.title or item.summary)
    return "feed:" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def to_news(
    item: Item, feed_url: str, source: str, now: datetime, max_future_s: float, max_chars: int, with_summary: bool
) -> News | None:
    """The record of an item; None when it holds no text.

    A time further ahead than `max_future_s` is left out: some feeds announce, and the worker would refuse the record.
    """
    text = item.title or item.summary
    if with_summary and item.title and item.summary and not item.summary.startswith(item.title):
        text = item.title + (" " if item.title[-1] in ".!?" else ". ") + item.summary
    if not text:
        return None
    at = item.published_at
    if at is not None and at > now + timedelta(seconds=max_future_s):
        at = None
    return News(
        id=item_id(item, feed_url), text=text[:max_chars], published_at=at, source=source, url=item.link or None
    )


def label(url: str) -> str:
    """A feed's name for the terminal and headers: host and path, without what may be secret (login, query)."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:  # no URL at all
        return url.partition("?")[0].rpartition("@")[2]
    return f"{parts.hostname or '?'}{port}{parts.path}"
