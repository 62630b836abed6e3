"""Records that no sane reader accepts, to see them refused: not JSON, wrong types, impossible dates, hostile sizes.

Some are not even UTF-8, which is why they are built here and do not lie in a file beside the sample. The first group is
broken for any topic of ours that carries a text; the dates belong to the news topic.
"""

import json

LONG_TEXT_CHARS = 1_000_100
"""Characters of the over-long text: beyond a million, and its record below Kafka's default limit of 1,048,576 bytes."""

NESTING = 5_000
"""Brackets of the nested record: more than any recursive JSON reader follows."""


def broken_records() -> list[tuple[str, bytes]]:
    """What is wrong, and the raw value to publish: the same list at every call, each name once."""
    return [*_unreadable(), *_wrong_shape(), *_wrong_text(), *_wrong_date()]


def _unreadable() -> list[tuple[str, bytes]]:
    return [
        ("empty value", b""),
        ("not JSON", b"Shares rose 3% <br> and that is all the sender sent"),
        ("cut off in the middle", b'{"id":"broken-cut","text":"Shares of the gr'),
        ("invalid UTF-8", b'{"id":"broken-utf8","text":"Soci\xe9t\xe9 \xff\xfe \xc3\x28"}'),
        ("UTF-16", '{"id":"broken-utf16","text":"Shares rose"}'.encode("utf-16")),
        ("lone surrogate", b'{"id":"broken-surrogate","text":"Shares \\ud800 rose"}'),
        ("nested beyond reason", b"[" * NESTING + b"]" * NESTING),
        # an otherwise good record: readers that skip a field they don't know still walk through it
        (
            "nested beyond reason within",
            b'{"id":"broken-nest","text":"Shares rose","x":%b}' % (b"[" * NESTING + b"]" * NESTING),
        ),
    ]


def _wrong_shape() -> list[tuple[str, bytes]]:
    return [
        ("an array", _json([{"id": "broken-array", "text": "Shares rose"}])),
        ("a bare string", _json("Shares rose")),
        ("null", b"null"),
        ("id missing", _json({"text": "A headline without a name"})),
        ("id of the wrong type", _json({"id": {"n": 7}, "text": "Shares rose"})),
        ("id empty", _json({"id": "", "text": "Shares rose"})),
        ("text missing", _json({"id": "broken-textless", "title": "Shares rose"})),
        ("text of the wrong type", _json({"id": "broken-type", "text": ["Shares", "rose"]})),
        ("text null", _json({"id": "broken-null", "text": None})),
    ]


def _wrong_text() -> list[tuple[str, bytes]]:
    return [
        ("text empty", _json({"id": "broken-empty", "text": ""})),
        ("text only whitespace", _json({"id": "broken-blank", "text": " \t\n\u00a0\u3000 "})),
        ("NUL bytes in the text", _json({"id": "broken-nul", "text": "Shares\u0000 rose\u0000"})),
        ("a megabyte of text", _json({"id": "broken-long", "text": ("shares " * LONG_TEXT_CHARS)[:LONG_TEXT_CHARS]})),
    ]


def _wrong_date() -> list[tuple[str, bytes]]:
    dated = {"id": "broken-date", "text": "Shares rose"}
    return [
        ("published in the year 9999", _json(dated | {"id": "broken-9999", "published_at": "9999-12-31T23:59:59Z"})),
        ("published_at not a date", _json(dated | {"id": "broken-soon", "published_at": "the day after tomorrow"})),
        ("published on 30 February", _json(dated | {"id": "broken-leap", "published_at": "2026-02-30T09:00:00Z"})),
    ]


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
