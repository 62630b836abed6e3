"""benchmarks/scaling_model.py and its simulations: what a rate takes, and how rules follow a day of news."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import scaling_model as model
from benchmarks.scaling_simulations import (
    MOST,
    Rule,
    day,
    fixed,
    lag_rule,
    outcome,
    rate_rule,
    shares,
    simulate,
)
from benchmarks.speed.results import Figure, append
from benchmarks.speed.tables import find

TOPICS = ("news", "scored-news", "entity-sentiments", "group-sentiments", "summaries", "windows-changelog")
COSTS = model.Costs(
    worker_s=0.001, kafka_s=0.0002, engine_s=0.0004, size=dict.fromkeys(TOPICS, 500.0),
    count=dict.fromkeys(TOPICS, 1.0), mention_us=20.0, state_bytes=13_000.0, state_bytes_a_partition=17.0,
)  # fmt: skip
ASSUMED = model.Assumed()


def measured() -> list[Figure]:
    named = {
        "CPU of the worker for 1,000 news": 1.0,
        "CPU of Kafka for 1,000 news": 0.2,
        "CPU of a mention in the stream of all news": 20.0,
        "a busy stream's state": 13_000.0,
        "a state's bytes for each partition of news": 17.0,
        **{f"{topic}: bytes for a news": 500.0 for topic in TOPICS},
        **{f"{topic}: records for a news": 1.0 for topic in TOPICS},
    }
    return [
        Figure(part="costs", contender="ours", figure=name, unit="", rounds=[value]) for name, value in named.items()
    ]


def test_workers_are_the_cpu_that_a_rate_takes_and_partitions_are_enough_for_them() -> None:
    wanted = model.needs(10_000, COSTS, model.SHIPPED, ASSUMED)
    assert wanted.workers == 17  # 10 cores of work, of each 60%
    assert wanted.partitions == 32
    assert wanted.state_bytes == 13_000 + 17 * 28


def test_a_distinct_entity_is_counted_as_often_as_drawing_finds_it() -> None:
    chance, weights = np.random.default_rng(1), 1 / np.arange(1, 1001)
    drawn = chance.choice(1000, size=(400, 100), p=weights / weights.sum())
    found = np.mean([len(set(row)) for row in drawn])
    assert model.distinct(100, 1, 1000) == pytest.approx(found, rel=0.03)


def test_states_written_once_a_second_are_fewer_than_mentions_and_no_more_than_entities() -> None:
    shipped = model.needs(100_000, COSTS, model.SHIPPED, ASSUMED)
    other = model.needs(100_000, COSTS, model.OTHER, ASSUMED)
    few = replace(ASSUMED, entities=100)
    assert other.states_per_s < shipped.states_per_s <= 100_000 + ASSUMED.groups + 100_000 / 256
    assert model.needs(100_000, COSTS, model.OTHER, few).states_per_s <= 100 + few.groups + 100_000 / 256


def test_live_tables_in_every_worker_ask_for_brokers_and_in_two_they_do_not() -> None:
    shipped, other = (model.needs(100_000, COSTS, way, ASSUMED) for way in (model.SHIPPED, model.OTHER))
    assert shipped.why_brokers == "network out"
    assert shipped.sent > shipped.workers * shipped.changelog
    assert other.brokers < shipped.brokers / 4


def test_there_are_never_fewer_brokers_than_copies() -> None:
    assert model.needs(1, COSTS, model.OTHER, ASSUMED).brokers == 3


def test_what_was_not_measured_is_named_with_the_command_that_measures_it() -> None:
    with pytest.raises(LookupError, match=r"'CPU of Kafka for 1,000 news'.*--only costs"):
        model.costs(find([each for each in measured() if "Kafka" not in each.figure]))


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> str:
    monkeypatch.setattr(sys, "argv", ["scaling_model.py", *map(str, arguments)])
    monkeypatch.setattr(model, "followed", lambda rate: [f"{rate:g} a second"])
    return "".join(model.main())


def test_a_document_is_filled_between_its_markers_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    results, document = tmp_path / "results.jsonl", tmp_path / "scaling.md"
    for each in measured():
        append(results, each)
    document.write_text("Before.\n\n<!-- filled:keda -->\nold\n<!-- /filled -->\n\nAfter.\n")
    with pytest.raises(SystemExit, match=r"costs, shipped, other, keda, trigger not of .*--write"):
        run(monkeypatch, results, "--check", document)
    names = ("costs", "shipped", "other", "keda", "trigger")
    document.write_text("\n".join(f"{name}:\n<!-- filled:{name} -->\n<!-- /filled -->\n" for name in names))
    run(monkeypatch, results, "--write", document)
    assert "keda:\n<!-- filled:keda -->\n1000 a second\n<!-- /filled -->" in document.read_text()
    run(monkeypatch, results, "--check", document)
    document.write_text(document.read_text().replace("1000 a second", "2000 a second"))
    with pytest.raises(SystemExit, match="keda not of"):
        run(monkeypatch, results, "--check", document)


def test_the_document_in_the_repository_has_a_place_for_every_table() -> None:
    document = Path(model.__file__).parents[1] / "docs" / "scaling.md"
    assert model.marked(document.read_text()).keys() == {"costs", "shipped", "other", "keda", "trigger", "shares"}


def test_delays_are_read_off_the_two_curves() -> None:
    came, went = np.array([10.0, 0.0, 0.0, 10.0]), np.array([0.0, 5.0, 5.0, 10.0])
    found = outcome(came, went, 0, 0.0)
    assert (found.p50_s, found.worst_s) == (0.0, 2.0)  # the last ten at once, of the first ten the last after 2 s


def test_enough_workers_score_at_once_and_too_few_fall_behind() -> None:
    arrived = day(100.0)[:7200]
    assert simulate(arrived, 100.0, fixed(MOST)).worst_s <= 1
    assert simulate(arrived, 100.0, fixed(2)).p99_s > 600


def test_a_step_in_the_rate_is_followed_and_given_back_after_the_calm() -> None:
    arrived = np.full(3600, 200.0)
    arrived[600:1200] = 1000.0
    quick, slow = (simulate(arrived, 100.0, rate_rule(0.6, calm_s)) for calm_s in (60, 1200))
    assert 15 < quick.worst_s < 120  # a start, two stalls, and what has piled up by then
    assert quick.worker_hours < slow.worker_hours
    assert quick.changes >= 2


def test_a_rule_by_lag_alone_goes_up_and_down_where_one_by_rate_rests() -> None:
    arrived = np.full(7200, 1000.0)
    by_lag, by_rate = (simulate(arrived, 100.0, rule) for rule in (lag_rule(5, 300), rate_rule(0.6, 300)))
    assert by_rate.changes == 0
    assert by_lag.changes > 20


def test_no_rule_goes_beyond_the_partitions() -> None:
    greedy = Rule("all there are", lambda lag, rate, each: 1e9, 300)
    assert simulate(np.full(3600, 10.0), 100.0, greedy).worker_hours <= MOST


@pytest.mark.shared_data
def test_real_names_fill_partitions_unevenly() -> None:
    data = Path(model.__file__).parents[2] / "shared" / "data"
    if not (data / "sentfin").is_dir():
        pytest.skip("no ../shared/data/sentfin")
    busiest = [row.split(" | ")[2] for row in shares(data)[2:7]]
    assert [float(each.rstrip("%")) for each in busiest] == sorted(
        (float(e.rstrip("%")) for e in busiest), reverse=True
    )
    assert float(busiest[-1].rstrip("%")) > 1  # the commonest name alone, however many partitions
