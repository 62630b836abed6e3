"""The benchmark of a GPU, on a CPU: the same code in float32. Needs the [train] extra."""

import pytest

pytest.importorskip("torch", reason="the benchmark of a GPU wants the [train] extra")
pytest.importorskip("transformers", reason="the benchmark of a GPU wants the [train] extra")

from pathlib import Path

from benchmarks.speed import gpu, gpu_contenders
from benchmarks.speed.results import Figure, Plan, Result
from models.errors import GretchenError

TINY = Plan(smoke=True, texts=24, data=Path("nowhere"))


def test_all_are_measured_with_equal_labels_and_so_is_what_ours_spends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "")  # put back afterwards
    written: list[Result] = []
    gpu_contenders.measure(TINY, written.append, "cpu")
    figures = [one for one in written if isinstance(one, Figure)]
    for one in figures:
        assert one.part == "gpu" and len(one.rounds) == 2
        assert one.conditions["on"].startswith("cpu in float32")
    rates = [one for one in figures if one.figure == "texts/s"]
    assert [one.contender for one in rates] == ["gretchen", "MiniLM pipeline", "MiniLM by hand"]
    assert all(min(one.rounds) > 0 for one in rates)
    assert all("100.0% of 24 labels are ours" in one.note for one in rates[1:])
    spent_ms = {one.figure.removesuffix(", a chunk"): one.rounds[0] for one in figures if one.unit == "ms"}
    whole_ms = spent_ms.pop("all")
    assert len(spent_ms) == 4 and 0.5 * whole_ms < sum(spent_ms.values()) <= whole_ms


def test_a_pipeline_that_says_something_else_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "")
    monkeypatch.setattr(gpu_contenders, "agreement", lambda one, other: 0.5)
    with pytest.raises(GretchenError, match=r"only 50\.0% of 24 texts the same label by gretchen"):
        gpu_contenders.measure(TINY, lambda result: None, "cpu")


def test_without_a_gpu_nothing_is_written_but_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    gpu.run(TINY, lambda result: pytest.fail("nothing can be measured here"))
    assert gpu.NO_DEVICE in capsys.readouterr().out
