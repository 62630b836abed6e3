"""Fine-tuning on a tiny random BERT: it learns, and an interruption changes nothing. Needs the [train] extra."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")

from safetensors.numpy import load_file  # noqa: E402

from models.data.corpus import OUTLIER, Corpus, Example, Target, load_corpus  # noqa: E402
from models.engines.batches import collate, shuffled, token_span, tokenize  # noqa: E402
from models.errors import InputError, TrainingFailed  # noqa: E402
from models.tasks.task import Task, load_task  # noqa: E402
from models.training.average import average  # noqa: E402
from models.training.finetune import finetune  # noqa: E402
from models.training.loop import Surroundings, rate  # noqa: E402


@pytest.fixture(scope="module")
def task(tiny_data: Path) -> Task:
    return load_task(str(tiny_data / "tiny.toml"))


@pytest.fixture(scope="module")
def corpus(task: Task, tiny_data: Path) -> Corpus:
    return load_corpus(task, tiny_data)


class Killed(Exception):
    pass


def test_it_learns_both_heads_and_keeps_the_best_epoch(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path
) -> None:
    steps: list[tuple[int, int]] = []
    best = finetune(
        task,
        corpus,
        tiny_base,
        tmp_path / "run",
        task.training,
        Surroundings(progress=lambda done, total, word: steps.append((done, total))),
    )
    assert best["dev"]["mood"]["accuracy"] > 0.85 and best["dev"]["named"]["accuracy"] > 0.85
    assert steps[-1][0] == steps[-1][1] == len(steps)
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert len(log) == 6 and max(line["score"] for line in log) == best["score"]
    files = {path.name for path in (tmp_path / "run" / "best").iterdir()}
    assert files == {"config.json", "model.safetensors", "tokenizer.json"}


def test_a_run_killed_and_resumed_gives_the_weights_of_one_that_was_not(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path
) -> None:
    training = replace(task.training, epochs=2)

    def kill(done: int, total: int, word: str) -> None:
        if done == total // 2 + 3:
            raise Killed

    finetune(task, corpus, tiny_base, tmp_path / "whole", training)
    with pytest.raises(Killed):
        finetune(task, corpus, tiny_base, tmp_path / "cut", training, Surroundings(progress=kill, checkpoint_s=0))
    finetune(task, corpus, tiny_base, tmp_path / "cut", training, resume=True)
    whole, cut = (load_file(tmp_path / run / "last" / "model.safetensors") for run in ("whole", "cut"))
    for name, weights in whole.items():
        np.testing.assert_allclose(cut[name], weights, atol=1e-6, err_msg=name)


def test_resuming_from_nothing_says_so(task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing to resume from"):
        finetune(task, corpus, tiny_base, tmp_path / "run", task.training, resume=True)


def test_a_loss_that_is_no_number_ends_with_its_step(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path
) -> None:
    with pytest.raises(TrainingFailed, match="the loss is nan at step"):
        finetune(task, corpus, tiny_base, tmp_path / "run", replace(task.training, learning_rate=float("nan")))


def test_a_base_that_is_no_bert_is_refused(task: Task, corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no encoder can be loaded"):
        finetune(task, corpus, tmp_path, tmp_path / "run", task.training)


def test_the_rate_warms_up_to_its_peak_and_falls_to_almost_nothing() -> None:
    rates = [rate(step, 100, 0.1) for step in range(100)]
    assert rates[:10] == sorted(rates[:10]) and max(rates) == rates[9] == 1.0
    assert rates[10:] == sorted(rates[10:], reverse=True) and 0 < rates[-1] < 0.02


def test_batches_hold_each_item_once_in_the_same_order_for_the_same_seed(
    corpus: Corpus, task: Task, tiny_base: Path
) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tiny_base / "tokenizer.json"))
    items = tokenize(corpus.examples["train"], tokenizer, task.max_tokens)
    batches = shuffled(items, 16, 1)
    assert sorted(map(id, (i for b in batches for i in b))) == sorted(map(id, items))
    assert shuffled(items, 16, 1) == batches != shuffled(items, 16, 2)
    padding = [1 - np.mean([len(i.ids) for i in b]) / max(len(i.ids) for i in b) for b in batches]
    assert np.mean(padding) < 0.1


def test_pooling_weights_sum_to_one_and_a_span_past_the_cut_is_left_out(tiny_base: Path) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tiny_base / "tokenizer.json"))
    text = "acme shares rise and globex shares fall"
    targets = (Target("named", 1, 1.0, (0, 4)), Target("named", 0, 1.0, (21, 27)), Target("mood", OUTLIER))
    (item,) = tokenize([Example(text, targets, "x")], tokenizer, 6)
    assert item.ids[0] == 2 and item.ids[-1] == 3 and len(item.ids) == 6
    assert item.spans == ((1, 2),) and [t.head for t in item.targets] == ["named", "mood"]
    batch = collate([item], 0, "mean")
    np.testing.assert_allclose(batch.spans.sum(-1), 1)
    assert batch.rows == {"named": [(0, 1, 1, 1.0)], "mood": [(0, 0, OUTLIER, 1.0)]}
    assert collate([item], 0, "cls").spans[0, 0].tolist() == [1, 0, 0, 0, 0, 0]


def test_a_span_takes_every_token_it_overlaps() -> None:
    offsets = [(0, 0), (0, 3), (3, 5), (6, 9), (0, 0)]
    assert token_span(offsets, 0, 5) == (1, 3)
    assert token_span(offsets, 4, 7) == (2, 4)
    assert token_span(offsets, 5, 6) is None


def test_a_run_goes_on_from_another_with_its_heads(task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path) -> None:
    first = finetune(task, corpus, tiny_base, tmp_path / "first", task.training)
    still = replace(task.training, epochs=0.1, learning_rate=1e-9, head_learning_rate=1e-9)
    assert finetune(task, corpus, tmp_path / "first" / "best", tmp_path / "second", still)["dev"] == first["dev"]


def test_the_average_lies_between_its_models_and_models_of_another_shape_are_refused(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path
) -> None:
    finetune(task, corpus, tiny_base, tmp_path / "run", replace(task.training, epochs=1.2))
    two = [tmp_path / "run" / "best", tmp_path / "run" / "last"]
    average(two, tmp_path / "mean")
    first, second, mean = (load_file(path / "model.safetensors") for path in (*two, tmp_path / "mean" / "best"))
    assert mean.keys() == first.keys()
    for name, value in mean.items():
        np.testing.assert_allclose(value, (first[name] + second[name]) / 2, atol=1e-6)
    assert {path.name for path in (tmp_path / "mean" / "best").iterdir()} == {path.name for path in two[0].iterdir()}
    with pytest.raises(InputError, match="is of another shape"):
        average([two[0], tiny_base], tmp_path / "odd")
    with pytest.raises(InputError, match="no fine-tuned model"):
        average([tmp_path], tmp_path / "odd")


def test_a_base_whose_tokenizer_fills_to_a_length_learns_as_one_that_does_not(
    tiny_base: Path, tiny_data: Path, tmp_path: Path
) -> None:
    filling = tmp_path / "filling"
    shutil.copytree(tiny_base, filling)
    spec = json.loads((filling / "tokenizer.json").read_text())
    spec["padding"] = {
        "strategy": {"Fixed": 24}, "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0,
        "pad_token": "[PAD]",
    }  # fmt: skip
    spec["truncation"] = {"direction": "Right", "max_length": 6, "strategy": "LongestFirst", "stride": 0}
    (filling / "tokenizer.json").write_text(json.dumps(spec))
    task = load_task(str(tiny_data / "tiny.toml"))
    corpus = load_corpus(task, tiny_data)
    lines = [
        finetune(task, corpus, base, tmp_path / f"run-{base.name}", replace(task.training, epochs=1))
        for base in (tiny_base, filling)
    ]
    assert lines[0]["dev"] == lines[1]["dev"]
