"""The [training] table: accumulated steps, an early end, class weights, focal loss, precision, and what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")

from safetensors.numpy import load_file  # noqa: E402
from tokenizers import Tokenizer  # noqa: E402

from models.data.corpus import OUTLIER, Corpus, Target, load_corpus  # noqa: E402
from models.engines.batches import Item, tokenize  # noqa: E402
from models.errors import InputError  # noqa: E402
from models.tasks.task import Task, load_task  # noqa: E402
from models.tasks.training import Training, check_training  # noqa: E402
from models.training import network  # noqa: E402
from models.training.checkpoints import State  # noqa: E402
from models.training.finetune import finetune, predict  # noqa: E402
from models.training.loop import Surroundings, is_exhausted  # noqa: E402
from models.training.loss import class_weights_of, loss_of  # noqa: E402

LABELS = {"mood": ("bad", "good")}


@pytest.fixture(scope="module")
def task(tiny_data: Path) -> Task:
    return load_task(str(tiny_data / "tiny.toml"))


@pytest.fixture(scope="module")
def corpus(task: Task, tiny_data: Path) -> Corpus:
    return load_corpus(task, tiny_data)


def items(*labels: int) -> list[Item]:
    return [Item((2, 9, 3), (), (Target("mood", label),)) for label in labels]


def test_accumulated_batches_make_the_step_of_one_large_batch(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path
) -> None:
    """Without dropout: a target weighs the same wherever its batch was cut, unequal weights and cuts included."""
    base = tmp_path / "base"
    base.mkdir()
    for path in tiny_base.iterdir():
        (base / path.name).write_bytes(path.read_bytes())
    config = json.loads((base / "config.json").read_text()) | {"hidden_dropout_prob": 0.0}
    (base / "config.json").write_text(json.dumps(config))
    whole = replace(task.training, epochs=1, dropout=0.0, batch_size=24, focal_gamma=1.0, class_weights="balanced")
    parts = replace(whole, batch_size=7, accumulate=4)
    large = replace(whole, batch_size=28)
    for name, training in (("large", large), ("parts", parts), ("other", whole)):
        finetune(task, corpus, base, tmp_path / name, training)
    one, four, other = (load_file(tmp_path / n / "last" / "model.safetensors") for n in ("large", "parts", "other"))
    for name, weights in one.items():
        np.testing.assert_allclose(four[name], weights, atol=2e-4, err_msg=name)
    assert max(np.abs(other[name] - weights).max() for name, weights in one.items()) > 2e-3


def test_an_epoch_of_accumulated_steps_sees_each_text_once(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path
) -> None:
    steps: list[int] = []
    around = Surroundings(progress=lambda done, total, word: steps.append(total))
    finetune(task, corpus, tiny_base, tmp_path / "run", replace(task.training, epochs=1, accumulate=3), around)
    assert len(steps) == steps[0] == -(-len(corpus.examples["train"]) // 48)


def test_a_run_ends_after_so_many_epochs_without_a_better_score_and_stays_ended_when_resumed(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path
) -> None:
    still = replace(task.training, epochs=8, patience=2, learning_rate=0.0, head_learning_rate=0.0)
    best = finetune(task, corpus, tiny_base, tmp_path / "run", still)
    log = (tmp_path / "run" / "log.jsonl").read_text().splitlines()
    assert best["epoch"] == 1 and len(log) == 3
    again = finetune(task, corpus, tiny_base, tmp_path / "run", still, resume=True)
    assert again == best and (tmp_path / "run" / "log.jsonl").read_text().splitlines() == log


def test_patience_counts_from_the_best_epoch() -> None:
    def after(epochs: int, best: int) -> State:
        return State(step=epochs * 10, evaluated=epochs * 10, best={"step": best * 10})

    assert not is_exhausted(after(3, 2), 10, 2) and is_exhausted(after(4, 2), 10, 2)
    assert not is_exhausted(after(4, 2), 10, 0) and not is_exhausted(State(), 10, 1)


def test_balanced_weights_make_each_label_count_alike_in_all() -> None:
    weights = class_weights_of(Training(class_weights="balanced"), LABELS, items(0, 0, 0, 1, OUTLIER))["mood"]
    torch.testing.assert_close(weights * torch.tensor([3.0, 1.0]), torch.tensor([2.0, 2.0]))
    assert class_weights_of(Training(), LABELS, items(0, 1)) == {}
    own = class_weights_of(Training(class_weights={"mood": {"good": 5.0}}), LABELS, [])
    assert own["mood"].tolist() == [1.0, 5.0]


def test_a_label_no_text_has_gets_a_weight_that_is_a_number() -> None:
    weights = class_weights_of(Training(class_weights="balanced"), LABELS, items(0, 0))["mood"]
    assert torch.isfinite(weights).all()


def test_the_loss_is_cross_entropy_with_weights_of_targets_and_labels() -> None:
    torch.manual_seed(0)
    logits = torch.randn(3, 2, 2)
    rows = {"mood": [(0, 0, 1, 1.0), (1, 1, 0, 0.5), (2, 0, 1, 1.0)]}
    picked, labels = logits[[0, 1, 2], [0, 1, 0]], torch.tensor([1, 0, 1])
    each = torch.nn.functional.cross_entropy(picked, labels, reduction="none")
    loss, weight = loss_of({"mood": logits}, rows)
    assert weight == 2.5
    torch.testing.assert_close(loss, each @ torch.tensor([1.0, 0.5, 1.0]))
    loss, weight = loss_of({"mood": logits}, rows, {"mood": torch.tensor([4.0, 1.0])})
    assert weight == 4.0
    torch.testing.assert_close(loss, each @ torch.tensor([1.0, 2.0, 1.0]))


def test_focal_loss_counts_the_sure_less_and_leaves_outliers_alone() -> None:
    logits = {"mood": torch.tensor([[[4.0, 0.0]], [[0.0, 0.5]]])}
    sure, unsure = (float(torch.softmax(logits["mood"][n, 0], 0)[n]) for n in (0, 1))
    rows = {"mood": [(0, 0, 0, 1.0), (1, 0, 1, 1.0)]}
    loss, _ = loss_of(logits, rows, gamma=2.0)
    wanted = -((1 - sure) ** 2) * np.log(sure) - (1 - unsure) ** 2 * np.log(unsure)
    assert float(loss) == pytest.approx(wanted, rel=1e-5)
    outliers = {"mood": [(0, 0, OUTLIER, 1.0)]}
    assert float(loss_of(logits, outliers, gamma=2.0)[0]) == float(loss_of(logits, outliers)[0])
    certain = {"mood": torch.tensor([[[200.0, 0.0]]], requires_grad=True)}
    loss_of(certain, {"mood": [(0, 0, 0, 1.0)]}, gamma=0.5)[0].backward()
    assert torch.isfinite(certain["mood"].grad).all()


def test_an_outliers_weight_is_no_labels() -> None:
    logits = {"mood": torch.zeros(1, 1, 2)}
    _, weight = loss_of(logits, {"mood": [(0, 0, OUTLIER, 0.5)]}, {"mood": torch.tensor([9.0, 9.0])})
    assert weight == 0.5


def test_class_weights_move_what_a_model_says(task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path) -> None:
    texts = tokenize(corpus.examples["dev"], Tokenizer.from_file(str(tiny_base / "tokenizer.json")), task.max_tokens)
    for n, label in enumerate(LABELS["mood"]):
        training = replace(task.training, epochs=0.5, class_weights={"mood": {label: 50.0}})
        finetune(task, corpus, tiny_base, tmp_path / label, training)
        logits, labels = predict(network.load(tmp_path / label / "best", task.heads), texts, 0, "mean")["mood"]
        assert len(set(labels)) == 2 and set(logits.argmax(-1)) == {n}


def test_bf16_where_nothing_multiplies_it_is_refused(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.training.loop.multiplies_bf16", lambda: False)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "kept").write_text("")
    with pytest.raises(InputError, match=r"no instructions for precision bf16.*--precision float32"):
        finetune(task, corpus, tiny_base, tmp_path / "run", replace(task.training, precision="bf16"))
    assert (tmp_path / "run" / "kept").exists()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"method": "lorra"}, "method is 'lorra'; wanted one of full, lora"),
        ({"precision": "fp8"}, "precision is 'fp8'"),
        ({"rank": 0}, "rank is 0; wanted 1 or more"),
        ({"accumulate": 0}, "accumulate is 0"),
        ({"patience": -1}, "patience is -1; wanted 0 or more"),
        ({"class_weights": "balance"}, "class_weights is 'balance'"),
        ({"class_weights": {"mud": {"bad": 2.0}}}, "head mud"),
        ({"class_weights": {"mood": {"sad": 2.0}}}, r"labels \(bad, good\)"),
        ({"class_weights": {"mood": {"bad": 0.0}}}, "weights above 0"),
    ],
)
def test_an_option_that_can_not_be_is_named(options: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        check_training(replace(Training(), **options), LABELS, "the options")


@pytest.mark.parametrize("options", [{"class_weights": "balanced"}, {"focal_gamma": 2.0}])
def test_options_of_labels_are_refused_where_there_are_none(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match="this task has none"):
        check_training(replace(Training(), **options), {}, "the options")


def test_the_tasks_table_is_checked_too(tiny_data: Path, tmp_path: Path) -> None:
    text = (tiny_data / "tiny.toml").read_text()
    path = tmp_path / "tiny.toml"
    path.write_text(text + 'method = "prefix"\nprefix_length = 9\n[training.class_weights.mood]\nbad = 2.0\n')
    training = load_task(str(path)).training
    assert (training.method, training.prefix_length) == ("prefix", 9)
    assert training.class_weights == {"mood": {"bad": 2.0}}
    path.write_text(text + "bottleneck = 0\n")
    with pytest.raises(InputError, match=r"tiny.toml: \[training\]: bottleneck is 0"):
        load_task(str(path))
