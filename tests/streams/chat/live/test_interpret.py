"""An instruction finds what counting the headlines finds, in the finest buckets that are kept."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from live_market import NOW, FakeMarket, Said, alert, chatter, market, said, state_of

from models.errors import InputError
from streams.chat.live.assembly import format, parse
from streams.chat.live.instructions import OPCODES
from streams.chat.live.interpret import execute
from streams.chat.live.phrase import say
from streams.chat.live.result import Result
from streams.chat.live.times import period
from streams.news.trends import DOUBTED
from streams.news.windows import encode_state

SECTORS = {"Visa": "financials", "Citigroup": "financials", "Nokia": "technology"}


def run(line: str, on: FakeMarket, zone: str = "UTC") -> Result:
    return execute(parse(line), on, NOW, ZoneInfo(zone), SECTORS)


@cache
def busy() -> tuple[list[Said], FakeMarket]:
    headlines = chatter(34, 40)
    return headlines, market({"Tesla": headlines})


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(["today", "yesterday", "this-week", "last-week", "this-month", "45m", "3h", "24h", "5d", "3w"])
    | st.dates(datetime(2026, 10, 24).date(), NOW.date()).map(lambda day: f"on:{day}")
    | st.datetimes(datetime(2026, 10, 24), datetime(2026, 11, 25, 9)).map(lambda at: f"since:{at:%Y-%m-%dT%H:%M}")
    | st.tuples(st.datetimes(datetime(2026, 10, 24), datetime(2026, 11, 25, 9)), st.integers(10, 30_000)).map(
        lambda each: f"{each[0]:%Y-%m-%dT%H:%M}..{each[0] + timedelta(minutes=each[1]):%Y-%m-%dT%H:%M}"
    ),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
)
def test_figures_are_a_count_of_the_headlines_from_where_to_where_they_say(window: str, zone: str) -> None:
    headlines, on = busy()
    found = run(f"COUNT entity=Tesla window={window}", on, zone)
    (figures,), told = found.figures, found.window
    assert told is not None and told.counted_from is not None and told.counted_to is not None
    last = told.counted_to if told.counted_to < NOW else NOW + timedelta(days=1)
    inside = [each for each in headlines if told.counted_from <= each.at < last]
    for sentiment in ("negative", "neutral", "positive"):
        assert figures.of(sentiment) == sum(each.sentiment == sentiment for each in inside)
    assert figures.mentions == len(inside)
    asked = period(window, NOW, ZoneInfo(zone)).until(NOW)
    missed = abs(told.counted_from - asked.begin) + abs(told.counted_to - asked.end)
    assert told.begin == asked.begin and told.end == asked.end
    if not told.approximate:
        assert missed <= asked.length() / 10
    age = NOW - asked.begin
    if age < timedelta(hours=2):
        assert missed <= timedelta(minutes=5)
    elif age < timedelta(days=6):
        assert missed <= timedelta(hours=1)
    assert missed <= timedelta(days=1) + timedelta(minutes=30)


def test_a_day_is_exact_while_hours_are_kept() -> None:
    headlines, on = busy()
    for window, day in (("yesterday", 24), ("on:2026-11-20", 20), ("on:2026-11-10", 10)):
        found = run(f"COUNT entity=Tesla window={window}", on)
        assert found.found == sum(each.at.month == 11 and each.at.day == day for each in headlines)
        assert found.window is not None and not found.window.approximate


def test_what_is_kept_only_in_days_is_said_to_be_about_so_much() -> None:
    _, on = busy()
    found = run("COUNT entity=Tesla window=2026-11-10T09:00..2026-11-10T11:00", on)
    assert found.window is not None and found.window.approximate
    assert (found.window.counted_from, found.window.counted_to) == (
        datetime(2026, 11, 10, tzinfo=UTC),
        datetime(2026, 11, 11, tzinfo=UTC),
    )


def test_more_than_is_kept_is_answered_from_where_it_is() -> None:
    on = market({"Tesla": chatter(35, 40)})
    found = run("COUNT entity=Tesla window=2026-10-01..2026-11-01", on)
    assert found.window is not None and found.window.reaches_only_to == datetime(2026, 10, 22, tzinfo=UTC)
    assert found.found > 0
    gone = run("COUNT entity=Tesla window=on:2026-10-02", on)
    assert gone.window is not None and gone.window.counted_from is None and gone.found == 0


def test_a_market_that_has_just_begun_to_listen_says_since_when() -> None:
    on = market({"Tesla": [said(hours=hours) for hours in range(1, 30)]})
    found = run("COUNT entity=Tesla window=this-month", on)
    assert found.found == 29
    assert found.window is not None and found.window.reaches_only_to == datetime(2026, 11, 24, tzinfo=UTC)
    assert run("COUNT entity=Tesla window=24h", on).window.reaches_only_to is None  # type: ignore[union-attr]


@pytest.mark.parametrize("opcode", OPCODES.values(), ids=lambda each: each.name)
def test_of_a_stream_never_heard_of_every_opcode_finds_nothing(opcode) -> None:  # type: ignore[no-untyped-def]
    for empty in (FakeMarket(), market({"Ford": [said(hours=1)]})):
        for example in opcode.examples:
            found = run(example.assembly, empty)
            about_ford = opcode.name == "RANK" or parse(example.assembly).entity == ()
            assert about_ford or found.found in (0, len(found.figures))
            assert found.asked == parse(format(found.asked))
            assert say(found)


def test_one_headline_that_waits_to_be_believed_is_counted() -> None:
    found = run("COUNT entity=Nokia", market({"Nokia": [said(hours=2)]}))
    assert found.found == 1
    assert found.figures[0].latest_at is not None


def test_only_headlines_of_the_sentiment_are_counted() -> None:
    on = market({"Nokia": [said("negative", hours=1), said("negative", hours=2), said("positive", hours=3)]})
    assert run("COUNT entity=Nokia sentiment=negative", on).found == 2
    assert run("COUNT entity=Nokia sentiment=neutral", on).found == 0
    assert run("COUNT entity=Nokia", on).found == 3


def test_an_unfinished_day_is_compared_with_the_same_hours_of_the_day_before() -> None:
    morning = [said("positive", hours=24 + hours) for hours in range(1, 14)]
    night = [said("negative", hours=16 + minutes / 10) for minutes in range(60)]  # yesterday after 15:00
    today = [said("neutral", hours=hours / 2) for hours in range(1, 24)]
    found = run("COMPARE entity=Nokia window=today against=yesterday", market({"Nokia": morning + night + today}))
    assert found.alike is not None
    assert found.earlier[0].mentions == len(morning) + len(night)
    assert (found.alike.mentions, found.alike.negatives) == (len(morning), 0)
    assert found.change is not None and found.change < 0  # worse than the morning, though better than the whole day
    assert "worse than yesterday by the same time" in say(found)


def test_days_that_are_over_are_compared_whole() -> None:
    found = run("COMPARE entity=Tesla window=yesterday against=on:2026-11-23", busy()[1])
    assert found.alike is None
    assert found.change == pytest.approx(found.figures[0].drawn - found.earlier[0].drawn, abs=1e-4)


def test_a_day_is_not_measured_by_a_part_of_a_week() -> None:
    assert run("COMPARE entity=Tesla window=today against=last-week", busy()[1]).alike is None


def test_streams_are_compared_in_the_order_in_which_they_were_named() -> None:
    on = market({"Tesla": [said(hours=1)], "sector:financials": [said("positive", hours=1)]})
    found = run("COMPARE entity=Ford,Tesla sector=financials", on)
    assert [each.key for each in found.figures] == ["Ford", "Tesla", "sector:financials"]


def test_a_trend_is_measured_by_as_long_a_time_before() -> None:
    on = market(
        {
            "Nokia": [said("negative", hours=6.1 + each / 20) for each in range(100)]
            + [said("positive", hours=1 + each / 20) for each in range(60)]
        }
    )
    found = run("TREND entity=Nokia window=6h", on)
    assert found.change is not None and found.change > 0.5
    assert (found.earlier[0].positives, found.figures[0].negatives) == (0, 0)
    assert "getting better" in say(found)


def test_no_trend_is_told_where_nothing_was_said_before() -> None:
    found = run("TREND entity=Nokia window=6h", market({"Nokia": [said(hours=1)] * 1}))
    assert found.change is None
    assert "no trend can be told" in say(found)


def many(sentiment: str, number: int, **shift: float) -> list[Said]:
    return [said(sentiment, hours=1 + each / 10, **shift) for each in range(number)]  # type: ignore[arg-type]


def test_one_bad_headline_makes_nothing_the_worst_of_all() -> None:
    on = market({"Visa": many("negative", 1), "Nokia": many("negative", 20) + many("neutral", 5, minutes=1)})
    found = run("RANK of=entity by=worst", on)
    assert [each.key for each in found.figures] == ["Nokia", "Visa"]
    assert found.figures[1].doubtful and found.figures[1].mentions < DOUBTED
    assert found.figures[1].tone is not None and found.figures[0].tone is not None
    assert found.figures[1].tone < found.figures[0].tone


def test_ranks_are_of_the_sector_and_no_longer_than_asked() -> None:
    on = market({"Visa": many("positive", 9), "Citigroup": many("negative", 9), "Nokia": many("negative", 30)})
    found = run("RANK of=entity sector=financials by=worst n=1", on)
    assert ([each.key for each in found.figures], found.found) == (["Citigroup"], 2)
    assert [each.key for each in run("RANK of=entity by=busiest n=2", on).figures] == ["Nokia", "Citigroup"]


def test_only_who_improved_is_among_the_improved() -> None:
    on = market(
        {
            "Visa": many("positive", 9) + many("negative", 9, days=1),
            "Citigroup": many("negative", 9) + many("positive", 9, days=1),
            "Nokia": many("positive", 9),  # nothing before: not known
        }
    )
    assert [each.key for each in run("RANK of=entity by=improved", on).figures] == ["Visa"]
    assert [each.key for each in run("RANK of=entity by=declined", on).figures] == ["Citigroup"]


def test_topics_and_sectors_are_ranked_among_themselves() -> None:
    on = market(
        {"topic:Earnings": many("negative", 9), "sector:financials": many("negative", 9), "Visa": many("negative", 9)}
    )
    assert [each.name for each in run("RANK of=topic by=worst", on).figures] == ["Earnings"]
    assert [each.name for each in run("RANK of=sector by=worst", on).figures] == ["financials"]


def test_headlines_are_the_latest_of_their_sentiment_and_window() -> None:
    on = market({"Nokia": [said(hours=1), said("positive", hours=2), said(hours=30), said("neutral", hours=3)]})
    latest = run("HEADLINES entity=Nokia n=3", on).headlines
    assert [NOW - each.at for each in latest] == [timedelta(hours=each) for each in (1, 2, 3)]
    assert [each.sentiment for each in run("HEADLINES entity=Nokia sentiment=positive", on).headlines] == ["positive"]
    (old,) = run("HEADLINES entity=Nokia window=yesterday", on).headlines
    assert old.at == NOW - timedelta(hours=30)


def test_headlines_whose_texts_are_gone_are_still_counted() -> None:
    found = run("HEADLINES entity=Tesla window=last-week sentiment=negative", busy()[1])
    assert (found.headlines, found.found > 50) == ([], True)


def test_times_are_shown_in_the_askers_zone() -> None:
    on = market({"Nokia": [said(hours=1)]}, [alert(hours=1)])
    assert "15:00 CET" in say(run("HEADLINES entity=Nokia", on, "Europe/Berlin"))
    assert "15:00 CET" in say(run("EXPLAIN entity=Nokia", on, "Europe/Berlin"))


def test_an_alert_is_explained_by_what_was_said_of_it_last() -> None:
    on = market({"Nokia": [said(hours=1)]}, [alert(hours=5), alert(status="resolved", hours=2, opened_hours=5)])
    found = run("EXPLAIN entity=Nokia", on)
    (told,) = found.alerts
    assert told.status == "resolved"
    assert [each.at for each in told.evidence] == sorted((each.at for each in told.evidence), reverse=True)
    assert run("EXPLAIN", on).alerts == [told]


def test_open_alerts_are_explained_before_those_that_are_over() -> None:
    over = [alert(number=2, hours=3), alert(status="resolved", number=2, hours=1, opened_hours=3)]
    found = run("EXPLAIN entity=Nokia", market({}, [alert(number=1, hours=4), *over]))
    assert [each.episode for each in found.alerts] == ["Nokia:negatives:1"]


def test_without_an_alert_the_latest_bad_headlines_explain() -> None:
    found = run("EXPLAIN entity=Nokia window=today", market({"Nokia": many("negative", 9) + many("positive", 2)}))
    assert found.alerts == []
    assert [each.sentiment for each in found.headlines] == ["negative"] * 3


def test_a_sectors_alerts_are_also_those_of_its_entities() -> None:
    on = market({}, [alert("Visa"), alert("sector:financials", number=2), alert("Nokia", number=3)])
    assert {each.entity for each in run("ALERTS sector=financials", on).alerts} == {"Visa", "sector:financials"}
    assert [each.entity for each in run("ALERTS of=sector", on).alerts] == ["sector:financials"]


def test_alerts_are_told_once_an_episode_and_only_those_asked_for() -> None:
    raised = [
        alert("Visa", hours=50, number=1),
        alert("Visa", "resolved", hours=40, opened_hours=50, number=1),
        alert("Nokia", hours=30, severity="critical", number=2),
        alert("Nokia", "grew", hours=2, opened_hours=30, severity="critical", number=2),
        alert("Citigroup", hours=1, number=3),
    ]
    on = market({}, raised)
    assert [each.entity for each in run("ALERTS", on).alerts] == ["Nokia", "Citigroup", "Visa"]
    assert [each.entity for each in run("ALERTS open=yes", on).alerts] == ["Nokia", "Citigroup"]
    assert [each.entity for each in run("ALERTS severity=warning", on).alerts] == ["Citigroup", "Visa"]
    assert [each.entity for each in run("ALERTS window=today", on).alerts] == ["Nokia", "Citigroup"]
    assert [each.entity for each in run("ALERTS window=2026-11-23..2026-11-23", on).alerts] == ["Visa"]


def test_what_lies_ahead_has_nothing_to_count() -> None:
    found = run("COUNT entity=Tesla window=on:2026-12-24", busy()[1])
    assert found.window is not None and found.window.ahead
    assert found.found == 0
    assert say(found) == "That time has not come yet."


def test_news_dated_ahead_of_now_change_nothing_of_the_past() -> None:
    headlines = chatter(6, 40)
    ahead = [Said(timedelta(hours=-1), "negative", f"Ahead {each}") for each in range(3)]
    for window in ("yesterday", "on:2026-11-22", "last-week"):
        counts = [
            run(f"COUNT entity=Nokia window={window}", market({"Nokia": each})).found
            for each in (headlines, headlines + ahead)
        ]
        assert counts[0] == counts[1]


def test_executing_changes_no_state() -> None:
    on = market({"Nokia": [*chatter(3, 20), said(hours=0.1)], "Visa": chatter(5, 3)}, [alert()])
    before = {key: encode_state(state) for key, state in on.held.items()}
    for opcode in OPCODES.values():
        for example in opcode.examples:
            run(example.assembly, on)
    assert {key: encode_state(state) for key, state in on.held.items()} == before


def test_an_invalid_instruction_is_refused() -> None:
    with pytest.raises(InputError, match="COMPARE"):
        run("COMPARE entity=Tesla", FakeMarket({"Tesla": state_of("Tesla", [said(hours=1)])}))
