"""`gretchen backtest` as it is called: files in, JSON lines out, an account, a report that shows data as data."""

import gzip
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from models.engines.fake import FakeEngine
from models.errors import InputError
from streams.commands import backtest
from streams.news.entities import Gazetteer
from streams.news.watchlist import Entity

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY = 86_400.0
EVIL = '<img src=x onerror="alert(1)">&$x^2$'


def events(entity: str = "Nokia", seed: int = 1) -> list[dict[str, Any]]:
    """Ten ordinary days, a surge of twenty on the eleventh, two ordinary days more."""
    chance = random.Random(seed)
    times = [(chance.uniform(0, 13 * DAY), chance.choice(("negative", "neutral", "positive"))) for _ in range(80)]
    times += [(10 * DAY + 100.0 * n, "negative") for n in range(20)]
    return [
        {"at": (START + timedelta(seconds=at_s)).isoformat(), "entity": entity, "sentiment": sentiment,
         "id": f"{entity}-{n}", "text": f"{EVIL} {seed * 1000 + n} {chance.random()}", "url": "javascript:alert(1)"}
        for n, (at_s, sentiment) in enumerate(sorted(times))
    ]  # fmt: skip


def write(path: Path, lines: list[Any]) -> Path:
    path.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines))
    return path


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(backtest.command, [str(each) for each in arguments], catch_exceptions=False)


def told(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def account(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stderr.splitlines()[-1])
    return found


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return write(tmp_path / "events.jsonl", events())


def test_alerts_come_as_json_lines_in_order(history: Path) -> None:
    found = told(call(history))
    assert [each["kind"] for each in found if each["kind"] != "update"] == ["surge", "resolved"]
    assert found == sorted(found, key=lambda each: each["at"])
    assert {"at", "entity", "kind", "what", "scope", "severity", "episode", "observed", "expected", "span_s", "summary",
            "p_value", "members", "held", "rule", "evidence"} <= found[0].keys()  # fmt: skip
    assert found[0]["evidence"] and all(each.startswith("Nokia-") for each in found[0]["evidence"])


def test_gzip_csv_and_standard_input_give_the_same(history: Path, tmp_path: Path) -> None:
    wanted = call(history).stdout
    packed = tmp_path / "events.jsonl.gz"
    packed.write_bytes(gzip.compress(history.read_bytes()))
    assert call(packed).stdout == wanted
    piped = subprocess.run([sys.executable, "-m", "streams", "backtest", "-"], input=history.read_bytes(), stdout=-1)
    assert piped.stdout.decode() == wanted
    columns = ("at", "entity", "sentiment", "id", "url")
    rows = [",".join(columns), *(",".join(each[name] for name in columns) for each in events())]
    untold = [{**each, "text": None} for each in events()]
    assert call(write(tmp_path / "t.csv", rows)).stdout == call(write(tmp_path / "t.jsonl", untold)).stdout != ""


def test_sort_makes_the_files_order_irrelevant(history: Path, tmp_path: Path) -> None:
    lines = events()
    random.Random(1).shuffle(lines)
    shuffled = write(tmp_path / "shuffled.jsonl", lines)
    as_it_is, sorted_ = call(shuffled, "--json-summary"), call(shuffled, "--sort", "--json-summary")
    assert account(as_it_is)["late"] > 0
    assert account(sorted_)["late"] == 0
    assert [(e["kind"], e["at"]) for e in told(sorted_)] == [(e["kind"], e["at"]) for e in told(call(history))]


def test_the_account_tells_what_was_not_counted_and_what_could_not_be_read(history: Path, tmp_path: Path) -> None:
    lines = [*events(), events()[-1], {**events()[0], "id": "old"}, "{broken", {"entity": "Nokia"}]
    found = account(call(write(tmp_path / "odd.jsonl", lines), "--json-summary"))
    assert (found["events"], found["duplicates"], found["late"], found["unreadable"]) == (102, 1, 1, 2)
    assert found["first_unreadable"][0].startswith("line 103: ")
    assert found["alerts"]["surge"] == 1
    text = call(tmp_path / "odd.jsonl").stderr
    assert "2 lines could not be read" in text and "1 late" in text and "1 duplicates" in text


def test_a_file_of_nothing_but_bad_lines_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of 2 lines could be read; line 1: .*; line 2: "):
        call(write(tmp_path / "bad.jsonl", ["nope", "nope"]))


def test_an_empty_file_tells_nothing(tmp_path: Path) -> None:
    result = call(write(tmp_path / "empty.jsonl", []), "--json-summary")
    assert (result.exit_code, result.stdout, account(result)["events"]) == (0, "", 0)


def test_an_episode_open_at_the_end_is_told_and_until_ends_it(tmp_path: Path) -> None:
    at_end = [each for each in events() if each["at"] < (START + timedelta(days=10, seconds=1950)).isoformat()]
    path = write(tmp_path / "open.jsonl", at_end)
    result = call(path)
    assert "still open at the end" in result.stderr
    assert "resolved" not in {each["kind"] for each in told(result)}
    ended = call(path, "--until", "2026-01-12T00:00:00Z")
    assert told(ended)[-1]["kind"] == "resolved"
    assert "still open" not in ended.stderr


def test_rules_of_a_file_hold(history: Path, tmp_path: Path) -> None:
    rules = write(
        tmp_path / "rules.yaml",
        ["rules:", "  - {name: mine, watch: entity, kind: negatives, keys: [Nokia], mute_until: 2027-01-01T00:00:00Z}",
         "  - {name: everything, watch: all, kind: negatives}"],
    )  # fmt: skip
    result = call(history, "--rules", rules, "--json-summary")
    found = told(result)
    assert {each["rule"] for each in found} == {"mine", "everything"}
    assert {each["held"] for each in found if each["rule"] == "mine"} == {"muted"}
    assert {each["entity"] for each in found} == {"Nokia", "all:"}
    assert account(result)["groups"] == 1


def test_labels_are_met(history: Path, tmp_path: Path) -> None:
    window = [(START + timedelta(days=10)).isoformat(), (START + timedelta(days=10, hours=2)).isoformat()]
    labels = write(tmp_path / "labels.json", [{"Nokia": [window]}])
    found = account(call(history, "--label", labels, "--json-summary"))["labels"]
    assert (found["windows"], found["found"], found["precision"], found["recall"]) == (1, 1, 1.0, 1.0)
    assert 0 < found["median_delay_s"] <= 1900
    assert 0.5 < found["nab"] <= 1.0
    by_file = write(tmp_path / "file.json", [{"some/events.jsonl": [window]}])
    assert account(call(history, "--label", by_file, "--json-summary"))["labels"]["found"] == 1
    assert "none is of an entity" in call(history, "--label", write(tmp_path / "no.json", [{"Shell": [window]}])).stderr


def test_counts_are_so_many_negatives_and_a_folder_is_summed(tmp_path: Path) -> None:
    folder = tmp_path / "counts"
    folder.mkdir()
    labels = {}
    for n in range(2):
        chance = random.Random(n)
        counts = [chance.randrange(4) for _ in range(3000)]
        counts[2000:2012] = [40] * 12
        rows = [f"{START + timedelta(minutes=5 * row):%Y-%m-%d %H:%M:%S},{count}" for row, count in enumerate(counts)]
        write(folder / f"series{n}.csv", ["timestamp,value", *rows])
        edges = [START + timedelta(minutes=5 * row) for row in (1990, 2090)]
        labels[f"some/series{n}.csv"] = [[f"{edge:%Y-%m-%d %H:%M:%S}" for edge in edges]]
    path = write(tmp_path / "windows.json", [labels])
    result = call(folder, "--counts", "--label", path, "--json-summary")
    found = account(result)
    assert {each["entity"] for each in told(result)} == {"series0", "series1"}
    assert (found["labels"]["streams"], found["labels"]["found"]) == (2, 2)
    assert 1.5 < found["labels"]["nab"] <= 2.0
    alone = call(folder / "series0.csv", "--counts", "--label", path, "--json-summary")
    assert [e for e in told(result) if e["entity"] == "series0"] == told(alone)


def test_a_folder_without_counts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="without CSV files"):
        call(tmp_path, "--counts")


def test_raw_news_are_scored_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gazetteer = Gazetteer((Entity("Nokia", "Nokia"),))
    monkeypatch.setattr(backtest, "load_model", lambda settings, watchlist: (FakeEngine.news(), gazetteer))
    raw = [
        {"id": each["id"], "published_at": each["at"], "text": f"Nokia {each['sentiment']} {each['text']}"}
        for each in events()
    ]
    result = call(
        write(tmp_path / "raw.jsonl", [*raw, {"id": "x", "published_at": raw[0]["published_at"], "text": "\0"}]),
        "--json-summary",
    )
    assert [each["kind"] for each in told(result) if each["kind"] != "update"] == ["surge", "resolved"]
    assert (account(result)["events"], account(result)["unreadable"]) == (100, 1)


def test_news_that_name_nobody_are_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gazetteer = Gazetteer((Entity("Nokia", "Nokia"),))
    monkeypatch.setattr(backtest, "load_model", lambda settings, watchlist: (FakeEngine.news(), gazetteer))
    raw = {"published_at": "2026-01-01T00:00:00Z", "text": "Rain tomorrow"}
    result = call(write(tmp_path / "raw.jsonl", [raw, "nope"]), "--json-summary")
    assert (result.exit_code, account(result)["events"], account(result)["unreadable"]) == (0, 0, 1)


def test_a_budget_is_shared_out_over_the_models_topics(history: Path, tmp_path: Path) -> None:
    rules = write(tmp_path / "rules.yaml", ["rules:", "  - {name: t, watch: topic, kind: volume, budget: 10}"])
    settings = backtest.load_settings({})
    book = backtest.load_rules(rules, {}, must_exist=True)
    topics = backtest.model_topics(book, settings)
    assert len(topics) > 1
    assert backtest.load_rules(rules, {}, topics).rules[0].surge.false_alarms == pytest.approx(10 / len(topics))
    assert backtest.model_topics(backtest.RuleBook(), settings) == ()


class Tags(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def links(self) -> Iterator[str | None]:
        for _, attributes in self.tags:
            yield from (attributes[name] for name in ("href", "src") if name in attributes)


def test_the_report_shows_data_as_data_and_needs_nothing_beside_it(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    history = write(tmp_path / "events.jsonl", events(f"{EVIL} plc"))
    call(history, "--report", tmp_path / "report")
    page, tags = (tmp_path / "report" / "index.html").read_text(), Tags()
    tags.feed(page)
    assert "&lt;img src=x onerror=" in page
    assert {tag for tag, _ in tags.tags}.isdisjoint({"script", "link", "iframe"})
    assert not any("onerror" in attributes for _, attributes in tags.tags)
    assert all((link or "").startswith("data:image/png;base64,") for link in tags.links())
    pictures = sorted(path.name for path in (tmp_path / "report").glob("*.png"))
    assert pictures == ["alerts-a-day.png", "episode-001.png", "sensitivity.png"]
    assert all(f"{factor}×" in page for factor in ("0.1", "0.25", "0.5", "1", "2.5", "5", "10"))


def test_a_report_without_matplotlib_is_refused_before_any_work(
    history: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from models.errors import SettingsError
    from streams.backtest import report

    monkeypatch.setattr(report.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install 'gretchen\[report\]'"):
        call(history, "--report", tmp_path / "report")
    assert not (tmp_path / "report").exists()
