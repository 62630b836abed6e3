"""A run over rows with a Kafka that acknowledges when told, and a clock that only sleep moves."""

import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka.errors import KafkaTimeoutError, NotLeaderForPartitionError

from models.errors import InputError, Unaccounted
from streams.settings import Settings
from streams.sources import replay as replay_module
from streams.sources.checkpoint import Keep
from streams.sources.files import Row, Unusable
from streams.sources.interrupt import Interrupt, Interrupted
from streams.sources.pacing import Even, Pace, Unpaced
from streams.sources.publish import Outgoing
from streams.sources.replay import Account, Replay
from streams.sources.shape import Shape
from streams.topics import CHAT_QUESTIONS, NEWS


class Delivery:
    def __init__(self, error: Exception | None = None, is_done: bool = True) -> None:
        self.error, self.is_done = error, is_done

    def get(self, timeout: float) -> object:
        if not self.is_done:
            raise KafkaTimeoutError(f"nothing within {timeout}")
        if self.error:
            raise self.error
        return None


class Clock(Interrupt):
    """Interrupts itself as the `stop_at`-th sleep begins."""

    def __init__(self, stop_at: int = 10**9) -> None:
        super().__init__()
        self.now, self.slept, self.stop_at = 0.0, 0, stop_at

    def sleep(self, seconds: float) -> None:
        self.slept += 1
        if self.slept >= self.stop_at:
            self.signal = signal.SIGINT
            raise Interrupted
        self.now += seconds


@dataclass
class Run:
    pace: Pace = field(default_factory=Unpaced)
    clock: Clock = field(default_factory=Clock)
    limit: int | None = None
    sent: list[str] = field(default_factory=list)
    sent_at: list[float] = field(default_factory=list)
    unusable: list[Unusable] = field(default_factory=list)
    ticks: list[int] = field(default_factory=list)
    refuse: Callable[[Unusable], None] | None = None
    deliveries: dict[int, Delivery] = field(default_factory=dict)

    def send(self, outgoing: Outgoing) -> Delivery:
        self.sent.append(outgoing.id)
        self.sent_at.append(self.clock.now)
        return self.deliveries.get(len(self.sent), Delivery())

    def run(self, rows: Iterable[Row | Unusable], resume_at: int = 0) -> bool:
        self.replay = Replay(
            Shape(NEWS, "a"), self.send, self.pace, self.clock, self.refuse or self.unusable.append,
            lambda account: self.ticks.append(account.done), self.limit,
            lambda: self.clock.now, lambda: datetime(2026, 3, 3, tzinfo=UTC),
        )  # fmt: skip
        return self.replay.run(iter(rows), resume_at)


def rows(count: int) -> list[Row | Unusable]:
    return [Row(i, {"id": str(i), "text": "Oil slips"}) for i in range(1, count + 1)]


def test_every_row_is_accounted_for() -> None:
    run = Run()
    assert run.run([*rows(3), Unusable(4, "malformed"), Row(5, {"text": ""}), Row(6, {"id": "6", "text": "Gold"})])
    assert run.replay.account == Account(read=6, sent=4, acked=4, skipped=2, done=6)
    assert run.sent == ["1", "2", "3", "6"]
    assert [row.line for row in run.unusable] == [4, 5]
    assert run.ticks[-1] == 6


def test_resumed_run_starts_after_what_is_done() -> None:
    run = Run()
    assert run.run(rows(5), resume_at=3)
    assert run.sent == ["4", "5"]
    assert run.replay.account == Account(read=2, sent=2, acked=2, done=5)


def test_limit_counts_this_runs_rows() -> None:
    run = Run(limit=2)
    assert run.run(rows(9), resume_at=3)
    assert (run.sent, run.replay.account.done) == (["4", "5"], 5)


def test_refused_delivery_ends_the_run_before_it_so_that_a_resume_sends_it_again() -> None:
    run = Run(deliveries={3: Delivery(NotLeaderForPartitionError())})
    with pytest.raises(Unaccounted, match="sent 5, but Kafka acknowledged only 2"):
        run.run(rows(5))
    assert run.replay.account.done == run.ticks[-1] == 2


def test_delivery_that_never_ends_is_not_counted() -> None:
    run = Run(deliveries={4: Delivery(is_done=False)})
    with pytest.raises(Unaccounted, match="acknowledged only 3"):
        run.run(rows(5))
    assert run.replay.account.acked == 3


def test_no_more_than_the_bound_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_module, "MAX_UNDER_WAY", 3)
    run = Run(deliveries={1: Delivery(is_done=False)})
    with pytest.raises(Unaccounted):
        run.run(rows(9))
    assert len(run.sent) == 3


def test_rate_is_kept_on_the_clock() -> None:
    run = Run(Even(2.0))
    assert run.run(rows(5))
    assert run.sent_at == [0.0, 0.5, 1.0, 1.5, 2.0]


def test_interrupt_while_waiting_keeps_what_was_acknowledged() -> None:
    run = Run(Even(0.5), Clock(stop_at=6))  # a wait of 2 s is four sleeps
    assert not run.run(rows(5))
    assert run.replay.account == Account(read=2, sent=2, acked=2, done=2)
    assert run.ticks[-1] == 2


def test_error_of_the_reader_settles_what_was_sent() -> None:
    def broken() -> Iterable[Row | Unusable]:
        yield from rows(2)
        raise InputError("ends early")

    run = Run()
    with pytest.raises(InputError, match="ends early"):
        run.run(broken())
    assert run.replay.account == Account(read=2, sent=2, acked=2, done=2)


def test_row_that_strict_stops_at_is_not_done() -> None:
    def stop(row: Unusable) -> None:
        raise InputError(row.reason)

    run = Run(refuse=stop)
    with pytest.raises(InputError, match="malformed"):
        run.run([*rows(2), Unusable(3, "malformed"), *rows(1)])
    assert run.replay.account == Account(read=3, sent=2, acked=2, skipped=1, done=2)


def settings(folder: Path) -> Settings:
    return Settings(data_dir=folder / "data")


def test_checkpoint_is_found_again_and_follows_a_file_that_grew(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"one\n")
    Keep(settings(tmp_path), file, NEWS, "o", resumed=False).save(1)
    with file.open("ab") as more:
        more.write(b"two\n")
    assert Keep(settings(tmp_path), file, NEWS, "o", resumed=True).started.rows == 1


def test_checkpoint_of_another_topic_cluster_or_run_is_none(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"one\n")
    with pytest.raises(InputError, match="nothing to resume"):
        Keep(settings(tmp_path), file, NEWS, "o", resumed=True)
    Keep(settings(tmp_path), file, NEWS, "o", resumed=False).save(1)
    with pytest.raises(InputError, match="nothing to resume"):
        Keep(settings(tmp_path), file, CHAT_QUESTIONS, "o", resumed=True)
    elsewhere = Settings(data_dir=tmp_path / "data", bootstrap_servers="elsewhere:9092")
    with pytest.raises(InputError, match="nothing to resume"):
        Keep(elsewhere, file, NEWS, "o", resumed=True)


@pytest.mark.parametrize("content", [b"two\none\n", b"on", b""])
def test_file_that_was_replaced_is_not_resumed(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"one\n")
    Keep(settings(tmp_path), file, NEWS, "o", resumed=False).save(1)
    file.write_bytes(content)
    with pytest.raises(InputError, match="not the file"):
        Keep(settings(tmp_path), file, NEWS, "o", resumed=True)


def test_other_options_are_not_resumed(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"one\n")
    Keep(settings(tmp_path), file, NEWS, "o", resumed=False).save(1)
    with pytest.raises(InputError, match="same options"):
        Keep(settings(tmp_path), file, NEWS, "other", resumed=True)


def test_damaged_checkpoint_is_one_line(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_bytes(b"one\n")
    keep = Keep(settings(tmp_path), file, NEWS, "o", resumed=False)
    keep.save(1)
    keep.path.write_bytes(b"{")
    with pytest.raises(InputError, match="damaged"):
        Keep(settings(tmp_path), file, NEWS, "o", resumed=True)


def test_signal_breaks_off_a_wait_and_waits_for_anything_else() -> None:
    with Interrupt() as interrupt:
        signal.raise_signal(signal.SIGTERM)  # between records: only noted
        assert interrupt.signal == signal.SIGTERM
        with pytest.raises(Interrupted):
            interrupt.wait_for(lambda: "never")
    with Interrupt() as interrupt, pytest.raises(Interrupted):
        interrupt.wait_for(lambda: signal.raise_signal(signal.SIGINT))


def test_second_signal_ends_the_hard_way_and_the_old_answers_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), Interrupt():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before
