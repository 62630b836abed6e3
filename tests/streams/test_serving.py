"""The stages of an answer are told, and telling them changes nothing."""

from prometheus_client import CollectorRegistry

from streams.metrics import Metrics
from streams.serving import Timed, watched
from tests.support.talking import Finder, Talk, answering, reading

SAID = {"freeze": {"freeze_card": 0.99}, "long": {"order_card": 0.1}}
TEXT = "A transfer takes two days."


def stages(metrics: Metrics) -> dict[str, float]:
    stages = ("understand", "live", "retrieve", "read")
    count = metrics.registry.get_sample_value
    return {stage: count("gretchen_stage_seconds_count", {"agent": "a", "stage": stage}) or 0.0 for stage in stages}


def test_each_way_tells_its_time_where_it_was_asked() -> None:
    metrics, plain = (
        Metrics(CollectorRegistry()),
        answering(SAID, reading(Finder(looks_for={"long": "two days"}), TEXT)),
    )
    talk, told = Talk(plain), Talk(watched(plain, metrics, "a"))
    assert told("How do I freeze it?").answer == talk("How do I freeze it?").answer
    assert stages(metrics) == {"understand": 1, "live": 0, "retrieve": 0, "read": 0}
    assert told("How long does a transfer take?").answer == talk("How long does a transfer take?").answer
    assert stages(metrics) == {"understand": 2, "live": 0, "retrieve": 1, "read": 1}


def test_a_way_that_is_off_stays_off() -> None:
    metrics = Metrics(CollectorRegistry())
    of = watched(answering(SAID), metrics, "a")
    assert (of.documents, of.live) == (None, None)
    assert stages(metrics) == dict.fromkeys(stages(metrics), 0.0)


def test_what_is_timed_is_otherwise_what_it_was() -> None:
    seconds = list[float]()
    timed = Timed([3, 1, 2], "index", seconds.append)
    assert (timed.index(1), len(timed), timed.count(2)) == (1, 3, 1)
    assert len(seconds) == 1 and seconds[0] >= 0
