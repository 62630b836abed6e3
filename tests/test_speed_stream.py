"""The benchmark's arithmetic on stamps, its checks of what came out, and one small round of it on a real Kafka."""

from itertools import islice
from pathlib import Path

import pytest

pytest.importorskip("psutil", reason="the benchmark watches processes with it")
pytest.importorskip("confluent_kafka", reason="the benchmark feeds Kafka with it: the [bench] extra")

from benchmarks.speed import overload, stream
from benchmarks.speed.alone import Alone
from benchmarks.speed.classifying import ENGINE
from benchmarks.speed.cluster import Cores
from benchmarks.speed.feeding import Fed, endless
from benchmarks.speed.following import Sample, steady
from benchmarks.speed.loads import Scored
from benchmarks.speed.results import Figure, Plan, Result
from benchmarks.speed.scaling import cores_of
from benchmarks.speed.topic_log import Appended
from models.errors import GretchenError
from streams.records import Origin


def test_a_rate_counts_only_what_was_appended_in_its_time() -> None:
    batches = [1000 * at for at in range(1, 11) for _ in range(50)]  # 50 outputs a second, all at once
    found = steady(batches)
    assert found.per_s == 50
    assert (found.begun_at, found.ended_at) == (2.0, 10.0)


def test_cpu_time_is_that_between_the_two_stamps() -> None:
    samples = [Sample(at, 0.5 * at, 0, 0) for at in (0.0, 5.0, 20.0)]  # half a core, all the time
    found = steady([1000 * at for at in range(1, 11) for _ in range(50)])
    assert found.cpu_s_per_1000(samples) == pytest.approx(1000 * 0.5 / 50)


def test_texts_without_an_end_never_repeat(tmp_path: Path) -> None:
    texts = [each.text for each in islice(endless(Plan(data=tmp_path), 20), 70)]
    assert len(set(texts)) == 70


def test_every_tenth_news_of_an_overload_has_the_key_of_one_shortly_before() -> None:
    ids = [each.id for each in islice(overload.repeating(Fed(f"n{n}", "text") for n in range(40)), 40)]
    assert [ids[n] for n in (9, 19, 29)] == ["n5", "n15", "n25"]
    assert len(set(ids)) == 36


def scored(*places: tuple[str, int]) -> list[tuple[Scored, Appended]]:
    """(id, offset of the news), in the order of their outputs."""
    return [
        (Scored(id_, Origin(0, offset)), Appended(0, at, 0, id_.encode(), b""))
        for at, (id_, offset) in enumerate(places)
    ]


def test_an_order_that_changed_within_a_key_is_found() -> None:
    overload.check(scored(("a", 0), ("b", 2), ("a", 1)))
    with pytest.raises(GretchenError, match="a later one"):
        overload.check(scored(("a", 1), ("b", 2), ("a", 0)))


def test_a_news_that_was_left_out_is_found() -> None:
    with pytest.raises(GretchenError, match="1 news of partition 0"):
        overload.check(scored(("a", 0), ("b", 2)))


def test_a_contender_with_other_labels_is_refused() -> None:
    engine = Alone(1.0, 1.0, {f"n{n}": "neutral" for n in range(100)})
    labels = {f"n{n}": "neutral" if n < 96 else "positive" for n in range(100)}
    run = stream.Run(steady([1, 2, 3]), 0.0, 0.0, labels)
    with pytest.raises(GretchenError, match=r"96\.00%"):
        stream.check(stream.CONTENDERS[2], [run], [engine])


def test_each_worker_of_a_scaling_has_one_core() -> None:
    found = cores_of()
    assert found == Cores((), ()) or len(found.worker) == 2


@pytest.mark.kafka
def test_ours_and_the_plain_loop_give_the_engines_verdicts_through_a_real_kafka(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(stream, "SMOKE_RECORDS", 100)
    plain = stream.Contender("plain loop", 1.0, stream.peer("peers_confluent", ENGINE, 32), stream.told("ours", 32))
    told: list[Result] = []
    stream.measure(Plan(smoke=True, data=tmp_path), told.append, [stream.OURS, plain])
    rates = {each.contender: each.rounds[0] for each in told if isinstance(each, Figure) and each.unit == "records/s"}
    assert set(rates) == {stream.ALONE, "ours", "plain loop"}
    assert all(rate > 0 for rate in rates.values())
