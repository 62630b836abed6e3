"""What all tests share: one real Apache Kafka for the whole run, names of a test's own on it, and no silent skips."""

import os
import signal
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from streams.broker import EmbeddedKafka
from streams.settings import Settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell's background job: what the tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

FORBID_SKIPS = os.environ.get("GRETCHEN_FORBID_SKIPS", "") not in ("", "0")


@pytest.fixture(scope="session")
def kafka() -> Iterator[EmbeddedKafka]:
    """A running Kafka, shared: use `topic_prefix` for names, and never stop it (start one of your own for that)."""
    with EmbeddedKafka() as running:
        yield running


@pytest.fixture
def topic_prefix() -> str:
    """Unique to the test: before the names of its topics, groups and apps."""
    return f"t{uuid.uuid4().hex[:8]}-"


@pytest.fixture
def kafka_settings(kafka: EmbeddedKafka, topic_prefix: str, tmp_path: Path) -> Settings:
    """Settings for the shared Kafka with topics, a consumer group and a data dir of the test's own; any free ports."""
    return Settings(
        bootstrap_servers=kafka.bootstrap_servers,
        topic_prefix=topic_prefix,
        app_id=f"{topic_prefix}app",
        data_dir=tmp_path / "data",
        session_timeout_s=4.0,
        metrics_port=0,
        page_port=0,
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where skips are failures, tests of data that is not in the repository, and of a GPU where there is none, are left
    out, visibly, as deselected.
    """
    if FORBID_SKIPS:
        left_out = [
            item
            for item in items
            if item.get_closest_marker("shared_data") or (item.get_closest_marker("cuda") and not has_gpu())
        ]
        if left_out:
            config.hook.pytest_deselected(items=left_out)
            items[:] = [item for item in items if item not in left_out]


def has_gpu() -> bool:
    import torch  # asked of tests of a GPU alone, whose modules have imported it

    return bool(torch.cuda.is_available())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if FORBID_SKIPS and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome, report.longrepr = "failed", f"skipped, and GRETCHEN_FORBID_SKIPS is set: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """A module that skips itself as a whole (importorskip) is a failure too."""
    report = yield
    if FORBID_SKIPS and report.skipped:
        report.outcome, report.longrepr = "failed", f"skipped, and GRETCHEN_FORBID_SKIPS is set: {report.longrepr}"
    return report
