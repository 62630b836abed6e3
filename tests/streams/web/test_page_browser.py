"""The page in a real Chromium."""

import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect, sync_playwright

from streams.records import Question
from streams.web.board import Board
from tests.support.live_page import LivePage
from tests.support.page_records import alert, answer, evidence, question, scored, summary
from tests.support.screenshot import ARGUMENTS, VIEWS, find_chromium

pytestmark = pytest.mark.browser

WAIT_MS = 30_000  # for a machine that does other things too
NASTY = '<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1"> & "quoted" \u202e'


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = find_chromium()
    if path is None:
        pytest.skip("no Chromium on the PATH (apt install chromium)")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


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
    assert page.locator(".headline script, .headline img, .headline a").count() == 0
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


def test_entities_show_what_moved_and_filter_the_headlines(open_page: Callable[..., Any], live: LivePage) -> None:
    def fill(board: Board) -> None:
        for applied, (calm, wild) in enumerate([(0.1, 0.4), (0.12, -0.6)], 1):
            board.add_summary(summary("Calm", applied, calm, 10 * applied))
            board.add_summary(summary("Wild", applied, wild, 10 * applied))

    live.do(fill)
    headline(live, "a", "Calm as ever", "neutral", {"Calm": "neutral"})
    headline(live, "b", "Wild day", "negative", {"Wild": "negative"})
    page = open_page()
    page.wait_for_selector(".entity")
    assert [name.inner_text() for name in page.locator(".entity .name").all()] == ["Wild", "Calm"]
    assert page.locator(".entity.negative .spark polyline").get_attribute("points").count(",") == 2
    page.locator(".entity button").first.click()
    expect(page.locator(".headline")).to_have_count(1)
    assert page.locator(".headline .said").inner_text() == "Wild day"
    page.keyboard.press("Escape")
    expect(page.locator(".headline")).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("ever")
    expect(page.locator(".headline")).to_have_count(1)


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
    assert page.locator(".turn .q").inner_text() == "Where is my card?"
    assert page.locator(".turn .a p").first.text_content() == NASTY
    assert "card arrival, 97% sure" in page.locator(".turn .meta").inner_text()
    page.locator("#question").fill("What does the moon cost?")
    page.locator(".send").click()
    reply("A colleague will write.", abstained=True)
    page.wait_for_selector(".a.abstained")
    assert "Handed over to a person" in page.locator(".a.abstained").inner_text()
    page.reload()  # the conversation is still there
    expect(page.locator(".turn")).to_have_count(2)
    assert live.asked[0].conversation_id == live.asked[1].conversation_id


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
        board.add_summary(summary(f"{long} {i}", 1, 0.3))
    board.add_headline(scored("x", "x" * 2000, "positive", {"x" * 200: "positive"}, source="x" * 200), now, now, True)
    behind = alert(long, texts=(long * 3, "x" * 2000))
    board.add_alert(behind)
    board.add_question(question("q", long * 5), (0, 0), now, evidence("x").at, True)


@pytest.mark.parametrize(("width", "columns"), [(320, 1), (390, 1), (699, 1), (820, 2), (1440, 3)])
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
    assert {"skip", "refused", "zone", "alert-list", "pause", "search", "tone", "headline-list"} <= reached


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
