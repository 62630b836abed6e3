"""The page in a real Chromium."""

import queue
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from playwright.sync_api import expect

from streams.records import Considered, Conversation, HandoverReply, Question, Said, Series, Source
from streams.web.board import Board
from tests.support.browsing import launched
from tests.support.live_page import LivePage
from tests.support.page_records import (
    NOON,
    action,
    alert,
    answer,
    evidence,
    handed_over,
    passed_on,
    question,
    scored,
    state,
    summary,
)
from tests.support.screenshot import VIEWS

pytestmark = pytest.mark.browser

WAIT_MS = 30_000  # for a machine that does other things too
NASTY = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1"> & "quoted" \u202e'


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with launched(WAIT_MS) as browser:
        yield browser


@pytest.fixture
def live() -> Iterator[LivePage]:
    with LivePage() as page:
        yield page


@pytest.fixture
def open_page(chromium: Any, live: LivePage) -> Iterator[Callable[..., Any]]:
    """Opens the page in a view of its own; at the end, nothing may have been said on its console."""
    said: list[str] = []
    contexts = []

    def open_in(view: str = "light", **options: Any) -> Any:
        context = chromium.new_context(**VIEWS[view], **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.add_init_script(
            "addEventListener('securitypolicyviolation', e => console.error('CSP ' + e.violatedDirective))"
        )
        page.goto(live.url)
        page.wait_for_selector("#state:not([data-state=connecting])")
        return page

    yield open_in
    for context in contexts:
        context.close()
    assert said == []


def headline(live: LivePage, *args: Any, **kwargs: Any) -> None:
    now = int(time.time() * 1000)
    live.do(lambda board: board.add_headline(scored(*args, **kwargs), now, now, True))


def test_a_headline_appears_live_and_its_markup_is_text(open_page: Callable[..., Any], live: LivePage) -> None:
    page = open_page()
    headline(live, "a", NASTY, "negative", {NASTY: "negative"}, source=NASTY, topic=NASTY, url="javascript:alert(1)")
    shown = page.wait_for_selector(".headline .said")
    assert shown.text_content() == NASTY
    assert page.evaluate("window.hacked") is None
    assert page.locator(".headline script, .headline img, .headline a.said").count() == 0
    assert page.wait_for_selector("#state[data-state=live]").inner_text() == "Live"


def test_verdicts_are_a_shape_and_a_word_besides_a_color(open_page: Callable[..., Any], live: LivePage) -> None:
    headline(live, "a", "Acme soars, Zenith sinks", "neutral", {"Acme": "positive", "Zenith": "negative"})
    page = open_page()
    chips = page.locator(".headline .chip")
    expect(chips).to_have_text(["Acme, positive", "Zenith, negative"])
    shapes = [chip.locator("path").get_attribute("d") for chip in chips.all()]
    assert len({*shapes, page.locator(".headline > .tone path").get_attribute("d")}) == 3


def test_a_link_opens_without_telling_where_from(open_page: Callable[..., Any], live: LivePage) -> None:
    headline(live, "a", "Acme rises", url="https://news.example.com/a")
    link = open_page().locator(".headline a.said")
    assert link.get_attribute("href") == "https://news.example.com/a"
    assert link.get_attribute("rel") == "noopener noreferrer"


def test_an_alert_opens_with_its_evidence_grows_and_resolves(open_page: Callable[..., Any], live: LivePage) -> None:
    page = open_page()
    live.do(lambda board: board.add_alert(alert("Acme", texts=(NASTY, "Acme sinks"))))
    card = page.locator(".alert")
    card.wait_for()
    assert "Critical" in card.inner_text()
    assert "Bad news" in card.inner_text()
    assert card.locator(".series .bar").count() == 5
    assert card.locator(".series .bar.over").count() == 5
    assert "usual 0.03 in 5 min" in card.locator(".series figcaption").inner_text()
    assert card.locator(".series svg").get_attribute("aria-label").endswith("usual 0.03, alarm above 0.5")
    assert "open since" in card.inner_text()
    assert "1 in 320,000" in card.inner_text()
    assert page.title() == "(1) Gretchen"
    assert "critical alert opened" in page.locator("#announcer").text_content()
    card.locator("summary").click()
    expect(card.locator(".evidence .said")).to_have_text([NASTY, "Acme sinks"])
    live.do(lambda board: board.add_alert(alert("Acme", "grew", 5, texts=(NASTY, "Acme sinks", "Acme falls"))))
    expect(page.locator(".evidence li")).to_have_count(3)  # still unfolded
    live.do(lambda board: board.add_alert(alert("Acme", "resolved", 60, texts=("Acme falls",))))
    page.wait_for_selector(".alert.resolved")
    expect(page).to_have_title("Gretchen")


def fill_watchlist(board: Board) -> None:
    for applied, (calm, wild) in enumerate([(0.1, 0.4), (0.12, -0.6)], 1):
        board.add_summary(summary("Calm", applied, calm, 10 * applied, trend=0.02))
        board.add_summary(summary("Wild", applied, wild, 10 * applied, trend=-0.5, z=4.2))
        board.add_summary(summary("Yawn", applied, 0.0, 10 * applied, trend=0.01))


def with_history(live: LivePage, *keys: str) -> None:
    """A missing history is an error on the browser's console."""
    live.states |= {key: state(key, [(0.0, "negative", -0.8, "Bad")]) for key in keys}


def names(page: Any) -> list[str]:
    return [name.inner_text() for name in page.locator(".entity .name").all()]


def test_the_watchlist_shows_what_moved_and_is_sorted_filtered_and_searched(
    open_page: Callable[..., Any], live: LivePage
) -> None:
    live.do(fill_watchlist)
    headline(live, "a", "Calm as ever", "neutral", {"Calm": "neutral"})
    headline(live, "b", "Wild day", "negative", {"Wild": "negative"})
    page = open_page()
    page.wait_for_selector(".entity")
    assert names(page) == ["Wild", "Calm", "Yawn"]
    assert page.locator(".entity.negative .spark polyline").get_attribute("points").count(",") == 2
    assert page.locator(".entity.negative .flag").inner_text() == "z 4.2"
    page.locator("#order").select_option("best")
    expect(page.locator(".entity .name")).to_have_text(["Calm", "Yawn", "Wild"])
    page.locator("#which").select_option("unusual")
    expect(page.locator(".entity .name")).to_have_text(["Wild"])
    page.locator("#which").select_option("")
    page.keyboard.press("Escape")
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("/")
    page.keyboard.type("calm")
    expect(page.locator(".entity .name")).to_have_text(["Calm"])
    expect(page.locator("#headline-list .said")).to_have_text(["Calm as ever"])
    page.keyboard.press("Escape")
    expect(page.locator(".entity")).to_have_count(3)
    expect(page.locator("#headline-list .headline")).to_have_count(2)


def test_the_keyboard_goes_from_the_search_through_the_rows_to_a_page_and_back(
    open_page: Callable[..., Any], live: LivePage
) -> None:
    live.do(fill_watchlist)
    with_history(live, "calm", "wild")
    page = open_page()
    page.wait_for_selector(".entity")
    page.keyboard.press("/")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#profile-title")).to_have_text("Calm")
    expect(page.locator(".entity a[aria-current=page] .name")).to_have_text("Calm")
    assert page.evaluate("location.hash") == "#/entity/calm"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator("#profile-title")).to_have_text("Wild")
    page.keyboard.press("Escape")
    expect(page.locator("#news")).to_be_visible()
    expect(page.locator("#profile")).to_be_hidden()
    page.go_back()
    expect(page.locator("#profile-title")).to_have_text("Wild")


def test_a_name_that_was_silent_too_long_for_the_page_is_found_in_the_tables(
    open_page: Callable[..., Any], live: LivePage
) -> None:
    live.do(fill_watchlist)
    with_history(live, "Silent & Co/2")
    page = open_page()
    page.keyboard.press("/")
    page.keyboard.type("Silent & Co/2")
    expect(page.locator("#entity-list .empty")).to_contain_text("Enter looks for exactly this one")
    page.keyboard.press("Enter")
    expect(page.locator("#profile-title")).to_have_text("Silent & Co/2")
    expect(page.locator("#profile-headlines .said")).to_have_text(["Bad"])


def test_an_order_holds_still_under_the_focus_and_the_focus_stays(
    open_page: Callable[..., Any], live: LivePage
) -> None:
    live.do(fill_watchlist)
    page = open_page()
    page.locator(".entity a").nth(1).focus()
    live.do(lambda board: board.add_summary(summary("Yawn", 9, 0.9, 90, trend=0.9)))
    expect(page.locator(".entity", has_text="Yawn").locator(".index")).to_contain_text("+0.90")
    page.wait_for_timeout(3000)  # past the time after which it is sorted anew
    assert names(page) == ["Wild", "Calm", "Yawn"]
    assert page.evaluate("document.activeElement.querySelector('.name').textContent") == "Calm"


def test_groups_make_a_heat_map_with_numbers_and_are_no_entities(open_page: Callable[..., Any], live: LivePage) -> None:
    def fill(board: Board) -> None:
        board.add_summary(summary("all:", 1, -0.31, counts=(5, 9, 6)))
        for name, index in (("topic:Fed | Central Banks", 0.6), ("topic:Earnings", -0.6), ("sector:technology", 0.01)):
            board.add_summary(summary(name, 1, index, trend=0.2))

    live.do(fill)
    with_history(live, "topic:Fed | Central Banks")
    page = open_page()
    page.wait_for_selector(".tile")
    assert page.locator(".entity").count() == 0
    tiles = page.locator(".tile")
    expect(tiles.locator(".name")).to_have_text(["technology", "Earnings", "Fed | Central Banks"])
    expect(tiles.locator(".figure-of")).to_have_text(["+0.01", "−0.60", "+0.60"])
    assert [tile.get_attribute("data-step") for tile in tiles.all()] == ["0", "-3", "3"]
    assert len({tile.evaluate("n => getComputedStyle(n).backgroundColor") for tile in tiles.all()}) == 3
    assert "5 of 20 negative, 0.4 usual" in page.locator("#overall").inner_text()
    tiles.nth(2).click()
    expect(page.locator("#profile-title")).to_have_text("Fed | Central Banks")
    expect(page.locator("#profile-scope")).to_have_text("Topic")


def test_a_page_of_an_entity_shows_its_history_alerts_and_headlines(
    open_page: Callable[..., Any], live: LivePage
) -> None:
    key = "a/c & mé?#%"
    said = [(0.0, "negative", -0.8, NASTY), (0.5, "positive", 0.4, "Good"), (30.0, "neutral", 0.1, "So so")]
    live.states[key] = state(key, said)  # type: ignore[arg-type]
    headline(live, "live", "Just now", "negative", {"A/C & Mé?#%": "negative"}, at=NOON + timedelta(hours=31))
    headline(live, "other", "Of another", "negative", {"Acme": "negative"})
    live.do(lambda board: board.add_summary(summary("A/C & Mé?#%", 3, 0.1, 1800)))
    live.do(lambda board: board.add_alert(alert("A/C & Mé?#%")))
    live.do(lambda board: board.add_alert(alert("Acme")))
    page = open_page()
    page.locator(".entity a").click()
    expect(page.locator("#profile-charts .history")).to_have_count(2)
    hours = page.locator("#profile-charts svg.counts").first
    assert hours.get_attribute("aria-label").startswith("48 hours, by the hour: 3 headlines, 1 negative")
    assert hours.locator("rect.all").count() == 2
    assert hours.locator("rect.negative").count() == 1
    expect(page.locator("#profile-headlines .said")).to_have_text(["Just now", "So so", "Good", NASTY])
    expect(page.locator("#profile-alerts li")).to_have_count(1)
    assert page.evaluate("window.hacked") is None
    page.reload()  # the address is enough
    expect(page.locator("#profile-title")).to_have_text("A/C & Mé?#%")
    expect(page.locator("#profile-charts .history")).to_have_count(2)


def test_what_a_person_does_is_sent_with_a_name_and_shown_with_it(
    open_page: Callable[..., Any], live: LivePage
) -> None:
    live.do(fill_watchlist)
    live.do(lambda board: board.add_alert(alert("Wild")))
    live.do(lambda board: board.add_alert(alert("Calm", severity="info")))
    page, other = open_page(), open_page("dark")
    page.locator("#me").fill("Ada <b>")
    card = page.locator("[data-episode='wild-1']")
    card.get_by_label("Mute Wild").select_option("2h")
    expect(card.locator(".deeds")).to_contain_text("by Ada <b>")
    expect(other.locator("[data-episode='wild-1'] .deeds")).to_contain_text("Muted until")
    expect(other.locator(".entity", has_text="Wild").locator(".flag", has_text="muted")).to_have_count(1)
    card.get_by_role("button", name="Unmute Wild").click()  # undone
    expect(other.locator("[data-episode='wild-1']").get_by_label("Mute Wild")).to_be_visible()
    card.get_by_role("button", name="Acknowledge the alert on Wild").click()
    expect(card.locator(".deeds")).to_contain_text("Acknowledged by Ada <b>")
    expect(page.locator("#alerts-hint")).to_have_text("2 open (1 seen to), 0 resolved")
    expect(page.locator(".alert h3 a")).to_have_text(["Calm", "Wild"])  # what nobody sees to stands first
    assert [(act.kind, act.by) for act in live.acted] == [(k, "Ada <b>") for k in ("mute", "unmute", "ack")]
    page.reload()
    expect(page.locator("#me")).to_have_value("Ada <b>")
    expect(page.locator(".alert.acked .deeds")).to_contain_text("Ada <b>")
    page.get_by_role("button", name="Undo the acknowledgement of Wild").click()
    expect(other.locator("[data-episode='wild-1']").get_by_role("button", name="Acknowledge")).to_be_visible()
    expect(page.locator(".alert.acked")).to_have_count(0)


def test_a_mute_ends_by_itself_on_the_page(open_page: Callable[..., Any], live: LivePage) -> None:
    live.do(lambda board: board.add_alert(alert("Acme")))
    live.do(lambda board: board.add_action(action("mute", "acme", lasting_s=4)))
    page = open_page()
    expect(page.locator(".deeds")).to_contain_text("Muted until")
    expect(page.get_by_label("Mute Acme")).to_be_visible()


def test_an_action_that_kafka_does_not_take_is_said_and_can_be_tried_again(chromium: Any, live: LivePage) -> None:
    live.do(lambda board: board.add_alert(alert("Acme")))
    live.broken = True
    page = chromium.new_page()
    page.goto(live.url)
    button = page.get_by_role("button", name="Acknowledge the alert on Acme")
    button.click()
    expect(page.locator("#refusal")).to_contain_text("no Kafka answers")
    live.broken = False
    button.click()
    expect(page.locator(".alert.acked")).to_have_count(1)
    expect(page.locator("#refusal")).to_be_hidden()
    page.close()


def test_each_kind_of_alert_speaks_its_own_words_and_draws_its_series(
    open_page: Callable[..., Any], live: LivePage
) -> None:
    hours = Series(bucket_s=3600, values=[None, 0.2, None, -0.5, -0.7], expected=0.15)
    shares = Series(bucket_s=3600, values=[0.1, None, 0.9, 1.0], expected=0.2, threshold=None)

    def fill(board: Board) -> None:
        board.add_alert(alert("Turned", kind="turn", series=hours))
        board.add_alert(alert("Shared", kind="share", series=shares))
        board.add_alert(alert("Busy", kind="volume"))
        board.add_alert(msgspec.structs.replace(alert("Earnings"), scope="topic", entity="topic:Earnings"))
        board.add_alert(alert("Storm", kind="storm", members=("acme", "zenith"), held="quiet hours"))
        behind = msgspec.structs.replace(
            alert("Late", series=None), evidence=[evidence("Late", also_in=("Bourse Brief",))]
        )
        board.add_alert(behind)

    live.do(fill)
    page = open_page()

    def card(name: str) -> Any:
        return page.locator(f"[data-episode='{name}-1']")

    expect(card("turned").locator(".kind")).to_have_text("Tone turned")
    assert "usual +0.15" in card("turned").locator("figcaption").inner_text()
    assert card("turned").locator(".bar").count() == 3
    assert card("turned").locator("line.alarm").count() == 0
    assert "usual 20%" in card("shared").locator("figcaption").inner_text()
    assert "alarm 0.5" in card("busy").locator("figcaption").inner_text()
    expect(card("earnings").locator(".kind")).to_have_text("Topic · Bad news")
    expect(card("storm").locator(".members a")).to_have_text(["acme", "zenith"])
    expect(card("storm").locator(".withheld")).to_have_text("Told to no receiver: quiet hours")
    assert card("late").locator(".series").count() == 0
    card("late").locator("summary").click()
    assert "also in Bourse Brief" in card("late").locator(".evidence").inner_text()


def test_the_time_zone_is_chosen_and_remembered(open_page: Callable[..., Any], live: LivePage) -> None:
    headline(live, "a", "Acme rises", at=datetime(2026, 3, 2, 12, 0, tzinfo=UTC))
    page = open_page("light", timezone_id="America/New_York")
    shown = page.locator("#headline-list time")
    expect(shown).to_contain_text("07:00")
    page.locator("#zone").select_option("UTC")
    expect(shown).to_contain_text("12:00")
    page.locator("#zone").select_option("Asia/Tokyo")
    expect(shown).to_contain_text("21:00")
    page.reload()
    expect(shown).to_contain_text("21:00")
    expect(page.locator("#zone")).to_have_value("Asia/Tokyo")
    page.evaluate("localStorage.setItem('gretchen.zone', 'Nowhere/Atlantis')")
    page.reload()
    expect(shown).to_contain_text("07:00")


def test_a_silence_is_told_apart_from_a_broker_that_is_away(open_page: Callable[..., Any], live: LivePage) -> None:
    before = int(time.time() * 1000) - 600_000
    live.do(lambda board: board.add_headline(scored("a", "Acme rises"), before, before, True))
    page = open_page()
    expect(page.locator("#state")).to_have_text("No news for 10 min")
    assert "Kafka answers" in page.locator("#state").get_attribute("title")
    expect(page.locator("#trouble")).to_be_hidden()
    live.do(lambda board: setattr(board, "broker", "down"))
    expect(page.locator("#state")).to_have_text("Kafka is away")
    expect(page.locator("#trouble")).to_contain_text("The latest headline here came at")


COUNTERS = """() => {
  const counts = window.counts = { messages: 0, frames: 0, nodes: 0, worst: 0 };
  const listen = EventSource.prototype.addEventListener;
  EventSource.prototype.addEventListener = function (kind, heard) {
    listen.call(this, kind, kind === 'delta' ? (event) => { counts.messages++; heard(event); } : heard);
  };
  const frame = window.requestAnimationFrame;
  window.requestAnimationFrame = (draw) => frame.call(window, (now) => {
    const before = counts.nodes;
    counts.frames++;
    draw(now);
    counts.worst = Math.max(counts.worst, counts.nodes - before);
  });
  for (const make of ['createElement', 'createElementNS']) {
    const made = document[make];
    document[make] = function (...given) { counts.nodes++; return made.apply(document, given); };
  }
}"""


def rush(board: Board, round_: int) -> None:
    """150 updates at once."""
    now = int(time.time() * 1000)
    for i in range(50):
        name, index = f"E{(i * 13) % 400}", ((round_ * 7 + i) % 20) / 10 - 1
        board.add_summary(summary(name, round_ + 1, index, round_))
        board.add_summary(summary(f"topic:T{i % 20}", 50 * round_ + i + 1, index, round_))
        board.add_headline(scored(f"{round_}-{i}", f"{name} moves", "neutral", {name: "neutral"}), now, now, True)


def test_hundreds_of_updates_a_second_cost_a_frame_no_more_than_what_it_shows(chromium: Any, live: LivePage) -> None:
    """Counted, not timed: how often is drawn, and how many elements a drawing makes at most."""
    page = chromium.new_page()
    page.add_init_script(f"({COUNTERS})()")
    page.goto(live.url)
    page.wait_for_selector("#state[data-state=quiet]")
    for round_ in range(40):  # 20 rounds a second, 150 updates each
        live.do(lambda board, round_=round_: rush(board, round_))  # type: ignore[misc]
        page.wait_for_timeout(50)
    expect(page.locator("#headline-list .said").first).to_have_text(f"E{(49 * 13) % 400} moves")
    page.wait_for_timeout(1100)  # the last of what was told is drawn
    counts = page.evaluate("window.counts")
    assert counts["messages"] < 6000 / 10  # the server put them together
    assert counts["frames"] <= counts["messages"] + 2 * 60  # with a tick a second; never more than one for a message
    rows = 40 * 12 + 20 * 7 + 80 * 20  # the watchlist's, the tiles', the headlines' elements
    assert 0 < counts["worst"] < rows
    assert page.locator(".entity").count() == 40
    assert page.locator("#headline-list .headline").count() == 80
    page.close()


def test_a_page_that_is_open_follows_its_stream_and_no_other(open_page: Callable[..., Any], live: LivePage) -> None:
    live.do(fill_watchlist)
    with_history(live, "wild")
    page = open_page()
    page.locator(".entity a", has_text="Wild").click()
    expect(page.locator("#profile-charts .history")).to_have_count(2)
    live.do(lambda board: board.add_summary(summary("Wild", 9, 0.77, 60)))
    headline(live, "w", "Wild again", "positive", {"Wild": "positive"}, at=NOON + timedelta(hours=1))
    headline(live, "c", "Calm again", "positive", {"Calm": "positive"})
    live.do(lambda board: board.add_alert(alert("Wild", texts=())))
    expect(page.locator("#profile-figures")).to_contain_text("+0.77")
    expect(page.locator("#profile-headlines .said")).to_have_text(["Wild again", "Bad"])
    expect(page.locator("#profile-alerts .line")).to_have_count(1)
    page.locator("#profile-mute").select_option("1h")
    expect(page.locator("#profile-muted")).to_contain_text("Muted until")
    page.locator("#profile-unmute").click()
    expect(page.locator("#profile-mute")).to_be_visible()
    assert [act.entity for act in live.acted] == ["wild", "wild"]
    assert page.evaluate(NAMELESS) == []


def test_a_page_without_a_history_says_why_and_shows_what_there_is(
    open_page: Callable[..., Any], live: LivePage, chromium: Any
) -> None:
    live.do(fill_watchlist)
    page = chromium.new_page()
    page.goto(live.url + "#/entity/wild")
    expect(page.locator("#profile-charts")).to_contain_text("No history: no table has a history of this name yet.")
    expect(page.locator("#profile-figures")).to_contain_text("−0.60")
    page.close()


def test_a_question_is_answered_and_an_unsure_one_is_handed_over(open_page: Callable[..., Any], live: LivePage) -> None:
    asked: queue.Queue[Question] = queue.Queue()

    def reply(text: str, abstained: bool = False) -> None:
        record = answer(asked.get(timeout=30), text, abstained)
        live.do(lambda board: board.add_answer(record, 1, 1, True))

    live.answer = asked.put
    page = open_page()
    page.locator("#question").fill("Where is my card?")
    page.keyboard.press("Enter")
    page.wait_for_selector(".thinking")
    reply(NASTY)
    page.wait_for_selector(".turn .a .meta")
    page.locator(".turn .why summary").click()
    assert page.locator(".turn .q").inner_text() == "Where is my card?"
    assert page.locator(".turn .a p").first.text_content() == NASTY
    assert "One of the team’s answers: card arrival, 97% sure" in page.locator(".turn .why").inner_text()
    page.locator("#question").fill("What does the moon cost?")
    page.locator("#ask .send").click()
    reply("A colleague will write.", abstained=True)
    page.wait_for_selector(".a.abstained")
    assert "Handed over to a person" in page.locator(".a.abstained").inner_text()
    page.reload()  # the conversation is still there
    expect(page.locator(".turn")).to_have_count(2)
    assert live.asked[0].conversation_id == live.asked[1].conversation_id


def ask(page: Any, text: str) -> None:
    page.locator("#question").fill(text)
    page.keyboard.press("Enter")


def test_an_answer_shows_its_sources_its_instruction_and_why(open_page: Callable[..., Any], live: LivePage) -> None:
    source = Source(kind="document", document="fees.md", heading=f"Abroad {NASTY}", start=10, end=40, quote=NASTY)
    considered = [Considered(way="documents", confidence=0.91), Considered(way="template", confidence=0.34)]
    told = {"way": "documents", "confidence": 0.91, "sources": [source], "why": considered, "intent": None}
    live.answer = lambda asked: live.board.add_answer(answer(asked, "It costs 2%.", **told), 1, 1, True)  # type: ignore[arg-type]
    page = open_page()
    ask(page, "What does a payment abroad cost?")
    expect(page.locator(".quoted blockquote")).to_have_text(NASTY)
    expect(page.locator(".quoted figcaption")).to_have_text(f"fees.mdAbroad {NASTY}")
    expect(page.locator(".quoted")).to_have_attribute("title", "characters 10 to 40")
    expect(page.locator(".why ul")).to_be_hidden()
    page.locator(".why summary").click()
    expect(page.locator(".why li")).to_have_text(["Read in the documents, 91% sure", "One of the team’s answers: 34%"])
    live.answer = lambda asked: live.board.add_answer(
        answer(asked, "Tesla: 12 negatives.", way="live", instruction="COUNT Tesla negative today"), 1, 1, True
    )
    ask(page, "How many bad headlines on Tesla today?")
    expect(page.locator(".computed code")).to_have_text("COUNT Tesla negative today")
    assert page.evaluate("window.hacked") is None


def test_what_is_asked_back_is_answered_by_a_button(open_page: Callable[..., Any], live: LivePage) -> None:
    offered = ["It was stolen", NASTY]
    live.answer = lambda asked: live.board.add_answer(
        answer(asked, "Which of these is it?", way="clarify", options=offered), 1, 1, True
    )
    page = open_page()
    ask(page, "My card is gone")
    expect(page.locator(".options button")).to_have_text(offered)
    live.answer = lambda asked: live.board.add_answer(answer(asked, "I have blocked it."), 1, 1, True)
    page.get_by_role("button", name="It was stolen").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".said-to-them").last).to_have_text("I have blocked it.")
    expect(page.locator(".options")).to_have_count(0)  # it is answered
    assert [asked.text for asked in live.asked] == ["My card is gone", "It was stolen"]
    assert live.asked[0].conversation_id == live.asked[1].conversation_id


def test_thumbs_are_kept_shown_to_everyone_and_explained(open_page: Callable[..., Any], live: LivePage) -> None:
    live.answer = lambda asked: live.board.add_answer(answer(asked, "On its way."), 1, 1, True)
    page, other = open_page(), open_page("dark")
    ask(page, "Where is my card?")
    page.get_by_role("button", name="Good answer").click()
    expect(other.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Bad answer").click()
    expect(page.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    expect(other.get_by_role("button", name="Good answer")).to_have_attribute("aria-pressed", "false")
    page.keyboard.type(f"It was lost {NASTY}")  # the field has the focus
    page.wait_for_timeout(500)  # what came over the stream meanwhile did not take it away
    page.keyboard.press("Enter")
    expect(page.locator(".comment")).to_have_count(0)
    wait_until(lambda: len(live.judged) == 3)
    assert [judged.good for judged in live.judged] == [True, False, False]
    assert live.judged[-1].comment == f"It was lost {NASTY}"
    assert {judged.conversation_id for judged in live.judged} == {live.asked[0].conversation_id}


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    assert true()


def person_asked_for(live: LivePage) -> None:
    """Whatever is asked, a person gets it, and passes on what they write, as a worker would."""
    states: dict[str, Conversation] = {}

    def hand_over(asked: Question) -> None:
        record, told = handed_over(asked)
        key = record.conversation_id
        if key in states:  # a person has it
            before = states[key]
            line = Said(role="customer", text=asked.text, at=record.at)
            states[key] = msgspec.structs.replace(before, transcript=[*before.transcript, line])
            record = msgspec.structs.replace(record, reason="with-person", transcript=states[key].transcript)
            told = answer(asked, "", True, conversation=states[key])
        states[key] = told.conversation or states[key]
        live.board.add_handover(record)
        live.board.add_answer(told, 1, 1, True)

    def pass_on(reply: HandoverReply) -> None:
        said = passed_on(reply, states[reply.conversation_id])
        states[reply.conversation_id] = said.conversation or states[reply.conversation_id]
        live.board.add_answer(said, 1, 1, True)

    live.answer, live.pass_on = hand_over, pass_on


def test_a_customer_and_a_person_talk_until_the_person_gives_the_conversation_back(
    open_page: Callable[..., Any], live: LivePage
) -> None:
    person_asked_for(live)
    customer, agent, other = open_page(), open_page("dark"), open_page("phone")
    ask(customer, f"A person, please {NASTY}")
    expect(customer.locator(".a.abstained .handed")).to_have_text("Handed over to a person")
    expect(customer.locator("#with-person")).to_contain_text("A person has this conversation since")
    expect(agent.locator("#open-handovers")).to_have_text("1")
    expect(agent).to_have_title("(1) Gretchen")
    agent.locator("#open-handovers").click()
    expect(agent.locator("#desk-hint")).to_have_text("1 open, 1 waits for a reply")
    agent.locator(".case a").focus()
    agent.keyboard.press("Enter")
    expect(agent.locator("#case-title")).to_have_text("Asked for a person")
    expect(agent.locator(".line-of .words").first).to_have_text(f"A person, please {NASTY}")
    expect(agent.locator(".guess")).to_have_text(["card arrival41%", "lost or stolen card22%"])
    agent.locator("#reply-text").fill("Hello")
    agent.locator("#reply-send").click()
    expect(agent.locator("#reply-complaint")).to_contain_text("your name first")
    agent.locator("#desk-me").fill("Ada <b>")
    agent.locator("#reply-text").fill(f"Hello {NASTY}")
    agent.keyboard.press("Control+Enter")
    said = customer.locator(".a.by-person")
    expect(said.locator(".said-to-them")).to_have_text(f"Hello {NASTY}")
    expect(said.locator(".handed bdi")).to_have_text("Ada <b>")
    expect(agent.locator(".line-of.person .words")).to_have_text([f"Hello {NASTY}"])
    expect(agent.locator("#reply-text")).to_have_value("")
    expect(agent.locator("#desk-hint")).to_have_text("1 open, 0 wait for a reply")
    ask(customer, "Thank you, Ada")
    expect(agent.locator(".line-of.customer .words").last).to_have_text("Thank you, Ada")
    other.goto(live.url + "#/desk")
    expect(other.locator(".case.waits .last")).to_have_text("Thank you, Ada")
    agent.locator("#reply-text").fill("You are welcome.")
    agent.locator("#reply-close").click()
    expect(agent.locator("#case-title")).to_have_text("Given back to Gretchen")
    expect(agent.locator("#reply")).to_be_hidden()
    expect(other.locator(".case.closed .hint")).to_have_text("given back by Ada <b>")
    expect(customer.locator("#with-person")).to_be_hidden()
    expect(agent.locator("#open-handovers")).to_have_text("0")
    assert [(reply.text, reply.by, reply.closes) for reply in live.replies] == [
        (f"Hello {NASTY}", "Ada <b>", False),
        ("You are welcome.", "Ada <b>", True),
    ]
    customer.reload()  # the person's words are still there
    expect(customer.locator(".a.by-person .said-to-them")).to_have_text([f"Hello {NASTY}", "You are welcome."])
    for page in (customer, agent, other):
        assert page.evaluate("window.hacked") is None


def test_the_desk_is_gone_through_by_keyboard_and_keeps_what_is_half_written(
    open_page: Callable[..., Any], live: LivePage
) -> None:
    person_asked_for(live)
    for number, conversation in enumerate(("c/1 & é?#%", "c2")):
        live.do(lambda board, n=number, c=conversation: live.answer(question(f"q{n}", f"Question {n}", c)))  # type: ignore[misc]
    page = open_page()
    page.goto(live.url + "#/desk")
    expect(page.locator(".case .last")).to_have_text(["Question 0", "Question 1"])
    page.locator(".case a").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(page.locator(".line-of.customer .words")).to_have_text(["Question 0"])
    page.locator("#reply-text").fill("Half a sen")
    page.locator(".case a").nth(1).click()
    expect(page.locator("#reply-text")).to_have_value("")
    expect(page.locator(".line-of.customer .words")).to_have_text(["Question 1"])
    page.go_back()
    expect(page.locator("#reply-text")).to_have_value("Half a sen")
    page.reload()  # the address is enough
    expect(page.locator(".line-of.customer .words")).to_have_text(["Question 0"])
    assert page.evaluate(NAMELESS) == []
    page.locator("#case-title").focus()
    page.keyboard.press("Escape")
    assert page.evaluate("location.hash") == "#/desk"
    page.keyboard.press("Escape")
    expect(page.locator("#news")).to_be_visible()
    expect(page.locator("#desk")).to_be_hidden()


def test_a_reply_that_kafka_does_not_take_is_kept_and_said(chromium: Any, live: LivePage) -> None:
    person_asked_for(live)
    live.do(lambda board: live.answer(question("q1", "A person, please", "c1")))
    live.broken = True
    page = chromium.new_page()
    page.goto(live.url + "#/desk/c1")
    page.locator("#desk-me").fill("Ada")
    page.locator("#reply-text").fill("Hello")
    page.locator("#reply-send").click()
    expect(page.locator("#reply-complaint")).to_contain_text("no Kafka answers")
    expect(page.locator("#reply-text")).to_have_value("Hello")
    live.broken = False
    page.locator("#reply-send").click()
    expect(page.locator(".line-of.person .words")).to_have_text(["Hello"])
    expect(page.locator("#reply-complaint")).to_be_hidden()
    page.close()


@pytest.mark.parametrize("width", [320, 390, 820, 1280])
def test_the_desk_fits_every_width(open_page: Callable[..., Any], live: LivePage, width: int) -> None:
    person_asked_for(live)
    long = "Wolkenkratzerversicherungsgesellschaft" * 6
    for number in range(30):
        live.do(lambda board, n=number: live.answer(question(f"q{n}", f"{long} {n}", f"c{n}")))  # type: ignore[misc]
    page = open_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(live.url + "#/desk/c1")
    page.wait_for_selector(".line-of")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width > 699:
        assert page.evaluate("document.documentElement.scrollHeight") <= 800
        box = page.locator("#reply-send").bounding_box()
        assert box and box["y"] + box["height"] <= 800
    assert page.locator("#reply-text").is_visible()


def test_the_apis_description_is_a_page_without_anything_from_elsewhere(chromium: Any, live: LivePage) -> None:
    page, asked = chromium.new_page(), []
    said: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto(live.url + "docs")
    expect(page.locator("#docs section h2 code").first).to_have_text("/v1/questions")
    expect(page.locator("#talk")).to_contain_text("A WebSocket.")
    page.get_by_role("link", name="Questioned").first.click()
    expect(page.locator("#Questioned")).to_contain_text("1 to 4000 characters")
    assert all(url.startswith(live.url) for url in asked)
    assert said == []
    page.close()


def test_a_question_that_kafka_does_not_take_is_kept_and_said(chromium: Any, live: LivePage) -> None:
    live.broken = True
    page = chromium.new_page()
    page.goto(live.url)
    page.locator("#question").fill("Hello?")
    page.keyboard.press("Enter")
    page.wait_for_selector("#complaint:not([hidden])")
    assert "no Kafka answers" in page.locator("#complaint").inner_text()
    assert page.locator("#question").input_value() == "Hello?"
    page.close()


def test_what_a_feed_sends_never_turns_the_text_beside_it_around(open_page: Callable[..., Any], live: LivePage) -> None:
    headline(live, "a", NASTY, "negative", {NASTY: "negative"}, source=NASTY, topic=NASTY)
    live.do(lambda board: board.add_refusal("news", (1, 7), "not_json", NASTY, 1, True))
    page = open_page()
    page.locator("#refused").click()
    kept = "n => ['isolate', 'isolate-override'].includes(getComputedStyle(n).unicodeBidi)"
    for part in (".said", ".chip", ".topic", ".source", "#refusal-list bdi"):
        assert page.locator(part).first.evaluate(kept), part


def test_trouble_is_said_before_anything_else(open_page: Callable[..., Any], live: LivePage) -> None:
    page = open_page()

    def lose(board: Board) -> None:
        board.broker, board.trouble = "down", "No Kafka answers at 127.0.0.1:9092; trying on."

    live.do(lose)
    page.wait_for_selector("#state[data-state=down]")
    assert page.locator("#trouble").inner_text() == "No Kafka answers at 127.0.0.1:9092; trying on."


def test_headlines_without_verdicts_are_called_stale(open_page: Callable[..., Any], live: LivePage) -> None:
    live.do(lambda board: board.add_news((0, 1), int(time.time() * 1000) - 40_000))
    page = open_page()
    page.wait_for_selector("#state[data-state=stale]")
    assert "is a worker running?" in page.locator("#trouble").inner_text()


def test_the_page_comes_back_by_itself_after_a_restart_of_its_server(chromium: Any) -> None:
    page = chromium.new_page()
    with LivePage() as first:
        headline(first, "a", "Before")
        page.goto(first.url)
        page.wait_for_selector(".headline")
    page.wait_for_selector("#state[data-state=reconnecting]")
    with LivePage(port=first.port) as second:
        headline(second, "b", "After")
        expect(page.locator(".headline .said")).to_have_text(["After"])
        page.close()


def test_paused_headlines_hold_still_and_say_what_waits(open_page: Callable[..., Any], live: LivePage) -> None:
    headline(live, "a", "First")
    page = open_page()
    page.wait_for_selector(".headline")
    page.keyboard.press("p")
    headline(live, "b", "Second")
    page.wait_for_selector("#held:not([hidden])")
    assert "1 new headline" in page.locator("#held").inner_text()
    assert page.locator(".headline").count() == 1
    page.locator("#held").click()
    expect(page.locator(".headline")).to_have_count(2)


def fill_desk(board: Board) -> None:
    now = int(time.time() * 1000)
    long = "Wolkenkratzerversicherungsgesellschaft"
    for i in range(60):
        board.add_headline(
            scored(f"n{i}", f"{long} {i} " + "word " * 20, "negative", {long: "negative"}), now, now, True
        )
        board.add_summary(summary(f"{long} {i}", 1, 0.3, z=3))
        board.add_summary(summary(f"topic:{long} {i % 20}", 1, (i - 10) / 10))
    board.add_headline(scored("x", "x" * 2000, "positive", {"x" * 200: "positive"}, source="x" * 200), now, now, True)
    board.add_summary(summary("all:", 1, 0.3))
    board.add_alert(alert(long, texts=(long * 3, "x" * 2000)))
    board.add_alert(alert("Storm", kind="storm", members=(long, "x" * 200), held="quiet hours"))
    board.add_action(action("mute", long.lower(), "x" * 80))
    board.add_question(question("q", long * 5), (0, 0), now, evidence("x").at, True)


@pytest.mark.parametrize(
    ("width", "columns"),
    [(320, 1), (390, 1), (699, 1), (820, 2), (1000, 2), (1060, 2), (1100, 3), (1280, 3), (1440, 3)],
)
def test_no_width_scrolls_sideways(open_page: Callable[..., Any], live: LivePage, width: int, columns: int) -> None:
    live.do(fill_desk)
    page = open_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.wait_for_selector(".headline")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    lefts = page.evaluate(
        "[...document.querySelectorAll('.panel')].map(p => Math.round(p.getBoundingClientRect().left))"
    )
    assert len(set(lefts)) == columns
    assert page.locator(".jump").is_visible() == (columns == 1)
    if columns > 1:  # a desk: the parts scroll, not the page
        assert page.evaluate("document.documentElement.scrollHeight") <= 800


CONTRAST = """selectors => {
  const linear = v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = color => {
    const [r, g, b] = color.match(/[\\d.]+/g).map(linear);
    return .2126 * r + .7152 * g + .0722 * b;
  };
  const behind = node => {
    for (; node; node = node.parentElement) {
      const color = getComputedStyle(node).backgroundColor;
      if (color !== 'rgba(0, 0, 0, 0)') return color;
    }
  };
  return selectors.map(selector => {
    const node = document.querySelector(selector);
    const [dim, bright] = [light(getComputedStyle(node).color), light(behind(node))].sort((a, b) => a - b);
    return [selector, (bright + .05) / (dim + .05)];
  });
}"""
TEXTS = (
    ".said .chip time .topic .index .move .what .grade .stage dt .hint .send summary .q .state .trouble .tabs>button"
    " .kind .deeds>.done .withheld .members>li>a figcaption>.from .flag .me .zone .overall .deeds>button"
    + "".join(f' .tile[data-step="{step}"]' for step in range(-3, 4))
)


def test_dark_and_light_differ_and_both_can_be_read(open_page: Callable[..., Any], live: LivePage) -> None:
    live.do(fill_desk)
    live.do(lambda board: setattr(board, "broker", "down"))
    papers = set()
    for view in ("light", "dark"):
        page = open_page(view)
        page.wait_for_selector(".alert")
        papers.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        weak = [(view, *pair) for pair in page.evaluate(CONTRAST, TEXTS.split()) if pair[1] < 4.5]
        assert weak == []
    assert len(papers) == 2


def test_the_desk_and_an_answer_can_be_read_in_dark_and_light(open_page: Callable[..., Any], live: LivePage) -> None:
    person_asked_for(live)
    live.do(lambda board: live.answer(question("q1", "A person, please", "c1")))
    live.do(lambda board: live.pass_on(HandoverReply(id="r1", conversation_id="c1", text="Hello", by="Ada")))
    source = Source(kind="document", document="fees.md", heading="Abroad", quote="It costs 2%.")
    told = {"way": "documents", "instruction": "COUNT Tesla", "sources": [source], "options": ["One", "Two"]}
    live.answer = lambda asked: live.board.add_answer(answer(asked, "It costs 2%.", **told), 1, 1, True)  # type: ignore[arg-type]
    for view in ("light", "dark"):
        page = open_page(view)
        page.goto(live.url + "#/desk/c1")
        ask(page, "What does it cost?")
        page.wait_for_selector(".options")
        desk = ".reason .case>a>time .case>a>.hint .who .guess>b #case-since .summary #reply-close .back #desk-me"
        chat = ".why>summary .quoted>blockquote .quoted>figcaption .computed .computed>code .options>li>button .thumb"
        weak = [(view, *pair) for pair in page.evaluate(CONTRAST, f"{desk} {chat}".split()) if pair[1] < 4.5]
        assert weak == []
        page.locator("#tab-all").click()
        page.wait_for_selector(".by-person")
        assert page.evaluate(CONTRAST, [".by-person .handed"])[0][1] >= 4.5


NAMELESS = """() => [...document.querySelectorAll('button, input, select, textarea, a')]
  .filter(n => n.offsetParent && !(n.textContent.trim() || n.getAttribute('aria-label') || n.labels?.length))
  .map(n => n.outerHTML)"""


def test_every_control_has_a_name_and_can_be_reached_by_keyboard(open_page: Callable[..., Any], live: LivePage) -> None:
    live.do(fill_desk)
    page = open_page()
    page.wait_for_selector(".alert")
    assert page.evaluate(NAMELESS) == []
    reached = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {
        "skip",
        "refused",
        "zone",
        "search",
        "alert-list",
        "me",
        "quiet",
        "overall",
        "tile",
        "tone",
        "pause",
    } <= reached


def test_motion_stops_for_those_who_ask(open_page: Callable[..., Any], live: LivePage) -> None:
    headline(live, "a", "Acme rises")
    page = open_page("light", reduced_motion="reduce")
    page.wait_for_selector("#state[data-state=live]")
    assert page.evaluate("document.getAnimations().length") == 0


def test_refused_records_are_listed_with_their_reasons(open_page: Callable[..., Any], live: LivePage) -> None:
    live.do(lambda board: board.add_refusal("news", (1, 7), "not_json", NASTY, 1, True))
    page = open_page()
    page.locator("#refused").click()
    assert "not json: " in page.locator("#refusal-list").inner_text()
    assert NASTY in page.locator("#refusal-list").text_content()


def test_a_flood_of_headlines_keeps_the_page_bounded(open_page: Callable[..., Any], live: LivePage) -> None:
    page = open_page()
    for round_ in range(30):
        for i in range(40):
            headline(live, f"{round_}-{i}", f"Headline {round_}-{i}", "positive", {"Acme": "positive"})
        if round_ in (0, 1, 2, 29):  # what comes faster than the page is told is passed over
            expect(page.locator(".headline .said").first).to_have_text(f"Headline {round_}-39")
    assert page.locator(".headline").count() == 80
    assert page.evaluate("performance.memory?.usedJSHeapSize ?? 0") < 60_000_000
