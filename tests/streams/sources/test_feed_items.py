"""Ids that tell items apart and find them again, and the record an item becomes."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.records import News
from streams.sources.items import Item, item_id, label, to_news

NOW = datetime(2026, 3, 3, 9, tzinfo=UTC)
ITEM = Item("http://news.example/1", "http://news.example/1?from=rss", "Oil slips", "Crude fell.", NOW)
A, B = "http://a.example/feed", "http://b.example/feed"


def news(item: Item, with_summary: bool = False, max_chars: int = 1000) -> News | None:
    return to_news(item, A, "Harbor Wire", NOW, 86_400, max_chars, with_summary)


def changed(**fields: object) -> Item:
    return msgspec.structs.replace(ITEM, **fields)


def test_item_of_two_feeds_has_one_id_when_its_guid_is_unique_in_the_world() -> None:
    assert item_id(ITEM, A) == item_id(changed(link="http://news.example/1?from=mail"), B)
    assert item_id(changed(guid="tag:x,2026:1"), A) == item_id(changed(guid="tag:x,2026:1"), B)


def test_guid_that_only_its_feed_knows_is_another_item_in_another_feed() -> None:
    assert item_id(changed(guid="17"), A) != item_id(changed(guid="17"), B)
    assert item_id(changed(guid="17"), A) == item_id(changed(guid="17", link="", title="moved"), A)


def test_changed_title_under_the_same_guid_is_the_same_item() -> None:
    assert item_id(ITEM, A) == item_id(changed(title="Oil slips, then recovers"), A)


def test_items_without_guid_that_share_a_link_are_told_apart_by_title() -> None:
    first, second = changed(guid="", title="Oil slips"), changed(guid="", title="Gold rises")
    assert item_id(first, A) != item_id(second, A)
    assert item_id(first, A) == item_id(first, B)


@given(st.text(max_size=3000), st.text(max_size=3000), st.text())
def test_id_fits_the_record_whatever_the_feed_says(guid: str, link: str, title: str) -> None:
    made = item_id(Item(guid, link, title, "", None), A)
    assert made == item_id(Item(guid, link, title, "", None), A)
    assert 1 <= len(made) <= 512


def test_item_without_title_is_its_summary_and_without_both_no_record() -> None:
    assert getattr(news(changed(title="")), "text", None) == "Crude fell."
    assert news(changed(title="", summary="")) is None


def test_summary_is_added_when_asked_for_and_not_repeated() -> None:
    assert getattr(news(ITEM, with_summary=True), "text", None) == "Oil slips. Crude fell."
    assert getattr(news(changed(summary="Oil slips on glut"), with_summary=True), "text", None) == "Oil slips"
    assert getattr(news(ITEM), "text", None) == "Oil slips"


def test_text_is_cut_at_what_a_worker_takes() -> None:
    assert getattr(news(changed(title="x" * 50), max_chars=20), "text", None) == "x" * 20


def test_time_far_in_the_future_is_left_out_so_that_the_item_is_scored() -> None:
    ahead = news(changed(published_at=NOW + timedelta(days=400)))
    soon = news(changed(published_at=NOW + timedelta(hours=1)))
    assert ahead is not None and ahead.published_at is None
    assert soon is not None and soon.published_at == NOW + timedelta(hours=1)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://jo:secret@news.example:8443/rss?token=abc", "news.example:8443/rss"),
        ("http://news.example/", "news.example/"),
        ("http://jo:secret@[/x?token=abc", "[/x"),
        ("not a url", "?not a url"),
    ],
)
def test_label_holds_no_secret(url: str, shown: str) -> None:
    assert label(url) == shown
