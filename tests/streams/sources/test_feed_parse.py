"""Feeds of every kind to items, and what strangers may send instead."""

import asyncio
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.sources.items import FeedError, Parsed
from streams.sources.parse import entities_declared, escape_bare_ampersands, parse, parse_here, plain
from tests.support.feed_server import BILLION_LAUGHS, rss

URL = "http://news.example/feed"
XML = "application/rss+xml"

ITEM = b"<item><title>Oil slips</title><link>%s</link></item>"
RDF = b"xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://purl.org/rss/1.0/'"
FEEDS = {
    "rss 0.91": b"<rss version='0.91'><channel><title>W</title>%s</channel></rss>" % (ITEM % b"http://e.example/1"),
    "rss 1.0": b"<rdf:RDF %s><channel><title>W</title></channel>%s</rdf:RDF>" % (RDF, ITEM % b"http://e.example/1"),
    "rss 2.0": b"<rss version='2.0'><channel><title>W</title>%s</channel></rss>" % (ITEM % b"/1"),
    "atom 1.0": b"<feed xmlns='http://www.w3.org/2005/Atom'><title>W</title><entry><id>tag:e.example,2026:1</id>"
    b"<title>Oil slips</title><link href='http://e.example/1'/><updated>2026-03-03T10:00:00+02:00</updated>"
    b"</entry></feed>",
}


def one(title: str, encoding: str = "utf-8", declared: str | None = None) -> bytes:
    channel = f"<channel><item><title>{title}</title></item></channel>"
    head = f"<?xml version='1.0' encoding='{declared or encoding}'?>"
    return f"{head}<rss version='2.0'>{channel}</rss>".encode(encoding)


def title(body: bytes, content_type: str = XML) -> str:
    return parse_here(body, content_type, URL).items[0].title


@pytest.mark.parametrize("kind", FEEDS)
def test_every_kind_of_feed_is_read(kind: str) -> None:
    parsed = parse_here(FEEDS[kind], XML, "http://e.example/feed")
    assert (parsed.title, parsed.malformed, parsed.refused) == ("W", None, None)
    assert [(item.title, item.link) for item in parsed.items] == [("Oil slips", "http://e.example/1")]


def test_times_are_in_utc() -> None:
    assert parse_here(FEEDS["atom 1.0"], XML, URL).items[0].published_at == datetime(2026, 3, 3, 8, tzinfo=UTC)
    assert parse_here(FEEDS["rss 2.0"], XML, URL).items[0].published_at is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Kelmar &amp; Sons up", "Kelmar & Sons up"),
        ("Kelmar &amp;amp; Sons up", "Kelmar & Sons up"),
        ("&amp;#039;Buy&amp;#039; says Orrin", "'Buy' says Orrin"),
        ("<![CDATA[<b>Kelmar</b> &amp; Sons<br/>up]]>", "Kelmar & Sons up"),
        ("<![CDATA[S&P 500 <script>alert(1)</script> slips]]>", "S&P 500 slips"),
        ("5 &lt; 10 and a&lt;b, says Orrin", "5 < 10 and a<b, says Orrin"),
        ("  two\n lines\t", "two lines"),
        ("Zw\u00f6lf &#8217; quoted", "Zw\u00f6lf \u2019 quoted"),
    ],
)
def test_titles_become_plain_text(written: str, read: str) -> None:
    assert title(one(written)) == read


@pytest.mark.parametrize("bare", ["S&P 500 slips", "AT&T and Q&A", "A & B"])
def test_unescaped_ampersand_of_a_broken_feed_is_kept_as_it_is(bare: str) -> None:
    assert title(one(bare)) == bare


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cf"))))
def test_escaping_leaves_cdata_and_references_alone(text: str) -> None:
    assert escape_bare_ampersands(f"<![CDATA[{text.replace(']]>', '')}]]>".encode()).decode().count(
        "&amp;"
    ) == text.replace("]]>", "").count("&amp;")
    assert escape_bare_ampersands(b"&amp;&#8217;&#xA0;&nbsp;") == b"&amp;&#8217;&#xA0;&nbsp;"


@given(st.text())
def test_plain_is_one_printable_line_of_bounded_length(text: str) -> None:
    got = plain(text, 100)
    assert len(got) <= 100
    assert got == " ".join(got.split())
    assert got.isprintable()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (one("Zw\u00f6lf", "iso-8859-1"), "text/xml"),
        (one("Zw\u00f6lf", "utf-16"), XML),
        (one("Zw\u00f6lf", "windows-1252", "us-ascii"), "text/xml; charset=windows-1252"),
        (b"\xef\xbb\xbf" + one("Zw\u00f6lf"), XML),
    ],
    ids=["latin-1", "utf-16", "charset of the header", "BOM"],
)
def test_encodings_are_honored(body: bytes, content_type: str) -> None:
    assert title(body, content_type) == "Zw\u00f6lf"


def test_bytes_that_fit_no_encoding_do_not_stop_the_feed() -> None:
    parsed = parse_here(one("Oil \udcff slips".encode("utf-8", "surrogatepass").decode("latin-1")), XML, URL)
    assert len(parsed.items) == 1


@pytest.mark.parametrize("content_type", ["text/html", "text/plain", "application/octet-stream", "", "nonsense"])
def test_feed_under_a_wrong_content_type_is_read(content_type: str) -> None:
    parsed = parse_here(rss("Oil slips"), content_type, URL)
    assert [item.title for item in parsed.items] == ["Oil slips"]
    assert parsed.malformed is None


@pytest.mark.parametrize(
    "body", [b"", b"<html><body>Log in first</body></html>", b"garbage", b"{}", b"\x00\xff" * 50, b"<rss"]
)
def test_what_is_no_feed_is_refused(body: bytes) -> None:
    assert "not RSS or Atom" in (parse_here(body, "text/html", URL).refused or "")


def test_empty_feed_is_a_feed() -> None:
    assert parse_here(rss(), XML, URL) == Parsed("Harbor Wire", [])


def test_broken_xml_gives_the_items_before_the_break() -> None:
    whole = rss("Kelmar cuts jobs", "Oil slips")
    parsed = parse_here(whole[: whole.index(b"Oil")], XML, URL)
    assert parsed.malformed
    assert [item.title for item in parsed.items if item.title] == ["Kelmar cuts jobs"]


def test_link_that_is_no_web_address_is_left_out() -> None:
    body = one("Oil slips</title><link>javascript:alert(1)</link><title>")
    assert parse_here(body, XML, URL).items[0].link == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entity_bomb_is_refused_fast(encoding: str) -> None:
    bomb = BILLION_LAUGHS.decode().replace('<?xml version="1.0"?>', "").encode(encoding)
    started = time.monotonic()
    with pytest.raises(FeedError, match="entities"):
        asyncio.run(parse(bomb, XML, URL))
    assert time.monotonic() - started < 10


def test_external_entity_is_refused() -> None:
    body = b"<!DOCTYPE r [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>" + one("&x;").partition(b"?>")[2]
    assert "entities" in (parse_here(body, XML, URL).refused or "")


def test_entity_behind_a_comment_is_seen_and_a_headline_about_entities_is_not() -> None:
    assert entities_declared(b"<!-- <rss> --><!DOCTYPE r [<!-- > --><!ENTITY a 'b'>]><rss/>")
    assert not entities_declared(b"<!DOCTYPE rss><rss><title><![CDATA[<!DOCTYPE x [<!ENTITY a 'b'>]>]]></title></rss>")


def test_input_that_takes_the_parser_forever_is_cut_off() -> None:
    slow = b"<?xml version='1.0'?>" + b"\n" * 2_000_000 + rss("Oil slips")[21:]
    started = time.monotonic()
    with pytest.raises(FeedError, match=r"more than 1\.5 s"):
        asyncio.run(parse(slow, XML, URL, limit_s=1.5))
    assert time.monotonic() - started < 10


def test_child_gives_what_the_parser_gives() -> None:
    body = rss("Kelmar cuts jobs", "Oil slips")
    assert asyncio.run(parse(body, XML, URL)) == parse_here(body, XML, URL)
