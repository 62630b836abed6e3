"""What the demo plays."""

from datetime import UTC, datetime, timedelta

import msgspec

from streams.demo.playlist import playlist, strew
from streams.records import News
from streams.topics import CHAT_QUESTIONS, NEWS

NOW = datetime(2031, 5, 6, 7, 8, tzinfo=UTC)


def test_headlines_come_in_the_order_of_their_times_and_end_within_the_last_day() -> None:
    times = [msgspec.json.decode(item.value, type=News).published_at for item in playlist(NOW) if good_news(item)]
    assert times == sorted(times)
    assert NOW - timedelta(days=1) < times[-1] <= NOW


def good_news(item) -> bool:  # type: ignore[no-untyped-def]
    return item.topic is NEWS and not item.broken


def test_the_day_keeps_its_hours() -> None:
    a, b = (next(i.value for i in playlist(now) if good_news(i)) for now in (NOW, NOW + timedelta(days=3, hours=1)))
    first, second = (msgspec.json.decode(value, type=News).published_at for value in (a, b))
    assert first and second and first.time() == second.time()


def test_questions_and_broken_records_are_strewn_among_the_headlines() -> None:
    items = playlist(NOW)
    quarter = items[: len(items) // 4]
    assert any(item.topic is CHAT_QUESTIONS for item in quarter)
    assert any(item.broken for item in quarter)


def test_strewing_keeps_both_orders() -> None:
    mixed = strew([*range(10)], [*"abc"])  # type: ignore[list-item]
    assert [x for x in mixed if isinstance(x, int)] == [*range(10)]
    assert [x for x in mixed if isinstance(x, str)] == [*"abc"]
