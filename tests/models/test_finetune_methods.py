"""Every method of fine-tuning learns, is loaded as it was written, and is resumed as if nothing had happened."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")
pytest.importorskip("peft", reason="training wants the [train] extra")

from safetensors.numpy import load_file  # noqa: E402

from models.data.corpus import Corpus, load_corpus  # noqa: E402
from models.errors import InputError  # noqa: E402
from models.export.classifier import export  # noqa: E402
from models.tasks.task import Task, load_task  # noqa: E402
from models.tasks.training import METHODS, Training  # noqa: E402
from models.training import added, methods, network  # noqa: E402
from models.training.finetune import finetune, judge  # noqa: E402
from models.training.loop import Surroundings, autocast  # noqa: E402

SMALL = {"rank": 4, "alpha": 8.0, "prefix_length": 8, "bottleneck": 8}
HOW: dict[str, dict[str, float]] = {  # for an encoder of random weights
    "full": {"epochs": 6, "batch_size": 32},
    "lora": {"added_learning_rate": 1e-2, "epochs": 6, "batch_size": 16},
    "adalora": {"added_learning_rate": 5e-2, "epochs": 6, "batch_size": 32},
    "prefix": {"added_learning_rate": 0.5, "epochs": 10, "batch_size": 32},
    "adapter": {"added_learning_rate": 3e-2, "epochs": 12, "batch_size": 16},
}
MERGED = ("full", "lora", "adalora")


@pytest.fixture(scope="module")
def task(tiny_data: Path) -> Task:
    return load_task(str(tiny_data / "tiny.toml"))


@pytest.fixture(scope="module")
def corpus(task: Task, tiny_data: Path) -> Corpus:
    return load_corpus(task, tiny_data)


@pytest.fixture(scope="module")
def runs(task: Task, corpus: Corpus, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A finished run a method, with what it said; the heads stay as they began, so all that learns is the encoder's."""
    made = {}
    for method in METHODS:
        made[method] = tmp_path_factory.mktemp(method) / "run"
        said: list[str] = []
        finetune(
            task,
            corpus,
            tiny_base,
            made[method],
            by(task, method, head_learning_rate=0.0),
            Surroundings(say=said.append),
        )
        (made[method] / "said").write_text("\n".join(said))
    return made


def by(task: Task, method: str, **options: object) -> Training:
    return replace(task.training, method=method, **(SMALL | HOW[method] | options))


def last_line(run: Path) -> dict[str, object]:
    line: dict[str, object] = json.loads((run / "log.jsonl").read_text().splitlines()[-1])
    return line


class Killed(Exception):
    pass


@pytest.mark.parametrize("method", METHODS)
def test_what_a_method_adds_learns_the_task_by_itself(method: str, runs: dict[str, Path]) -> None:
    best = json.loads((runs[method] / "last" / "state.json").read_text())["best"]
    assert best["dev"]["mood"]["accuracy"] > 0.75 and best["dev"]["named"]["accuracy"] > 0.75


@pytest.mark.parametrize("method", METHODS)
def test_what_is_written_is_loaded_again_with_the_figures_of_the_log(
    method: str, runs: dict[str, Path], task: Task, corpus: Corpus
) -> None:
    assert judge(runs[method] / "last", task, corpus.examples["dev"]) == last_line(runs[method])["dev"]


@pytest.mark.parametrize("method", METHODS)
def test_only_what_the_method_adds_and_the_heads_learn(method: str, runs: dict[str, Path], task: Task) -> None:
    line = last_line(runs[method])
    hidden, layers, heads = 32, 2, 2 * (2 * 32 + 2)
    linears = [(hidden, hidden)] * 4 + [(hidden, 64), (64, hidden)]
    low = {"lora": SMALL["rank"], "adalora": 6}
    wanted = {
        "full": line["parameters"],
        "lora": layers * sum(low["lora"] * (i + o) for i, o in linears) + heads,
        "adalora": layers * sum(low["adalora"] * (i + o + 1) for i, o in linears) + heads,
        "prefix": SMALL["prefix_length"] * layers * 2 * hidden + heads,
        "adapter": layers * 2 * (2 * hidden * SMALL["bottleneck"] + SMALL["bottleneck"] + hidden) + heads,
    }
    assert line["trained"] == wanted[method]
    assert f"{method}: {wanted[method]:,} of {line['parameters']:,}" in (runs[method] / "said").read_text()


@pytest.mark.parametrize("method", [method for method in METHODS if method != "full"])
def test_the_encoder_itself_stays_as_it_was(method: str, runs: dict[str, Path], tiny_base: Path) -> None:
    """Of merged methods what no linear layer holds, of the others everything."""
    before = load_file(tiny_base / "model.safetensors")
    after = {name.replace(".bert.", ".").replace(".dense.dense.", ".dense."): value
             for name, value in load_file(runs[method] / "best" / "model.safetensors").items()}  # fmt: skip
    moved = {name for name, value in before.items() if not np.array_equal(after[f"encoder.{name}"], value)}
    linear = {name for name in before if name.endswith(".weight") and before[name].ndim == 2 and "embed" not in name}
    assert moved <= linear if method in MERGED else not moved
    assert (method in MERGED) == bool(moved)


@pytest.mark.parametrize(("method", "share"), [*((method, 0.6) for method in METHODS), ("adalora", 0.8)])
def test_a_run_killed_and_resumed_gives_the_weights_of_one_that_was_not(
    method: str, share: float, task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path
) -> None:
    """AdaLoRA also in its last third, when the ranks are settled."""
    training = by(task, method, epochs=1.5, batch_size=8, accumulate=2)

    def kill(done: int, total: int, word: str) -> None:
        if done == round(share * total):
            raise Killed

    finetune(task, corpus, tiny_base, tmp_path / "whole", training)
    with pytest.raises(Killed):
        finetune(task, corpus, tiny_base, tmp_path / "cut", training, Surroundings(progress=kill, checkpoint_s=0))
    finetune(task, corpus, tiny_base, tmp_path / "cut", training, resume=True)
    whole, cut = (load_file(tmp_path / run / "last" / "model.safetensors") for run in ("whole", "cut"))
    assert whole.keys() == cut.keys()
    for name, weights in whole.items():
        np.testing.assert_allclose(cut[name], weights, atol=1e-6, err_msg=name)


def test_adalora_ends_with_the_rank_it_was_promised_shared_out_unevenly(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path
) -> None:
    finetune(task, corpus, tiny_base, tmp_path / "run", by(task, "adalora", epochs=3))
    kept = load_file(tmp_path / "run" / "last" / "trained.safetensors")
    ranks = [int(value.sum()) for name, value in kept.items() if name.startswith("ranks.")]
    values = [
        int((value != 0).sum()) for name, value in kept.items() if ".lora_E." in name and name.startswith("trained")
    ]
    assert len(ranks) == 12 and sum(ranks) == sum(values) == 12 * SMALL["rank"]
    assert len(set(ranks)) > 1


def test_adaloras_penalty_is_zero_for_orthogonal_vectors_and_grows_without(tiny_base: Path) -> None:
    training = Training(method="adalora", rank=2)
    encoder = methods.adapt(network.AutoModel.from_pretrained(tiny_base, add_pooling_layer=False), training, 10)
    vectors = [p for n, p in encoder.named_parameters() if "lora_A" in n or "lora_B" in n]
    with torch.no_grad():
        for parameter in vectors:
            parameter.copy_(torch.eye(*parameter.shape))
    assert methods.penalty(encoder).item() == 0
    with torch.no_grad():
        for parameter in vectors:
            parameter.mul_(2)
    assert methods.penalty(encoder).item() == pytest.approx(0.5 * 3 * 3**0.5)  # ||4I - I|| of rank 3, times 0.5


def test_a_prefix_sees_no_padding_and_moves_no_position(tiny_base: Path) -> None:
    """A padded text, and one as long as the position table, which peft's own forward reads past."""
    torch.manual_seed(0)
    bert = network.AutoModel.from_pretrained(tiny_base, add_pooling_layer=False).eval()
    prefixed = added.Prefixed(bert, 5).eval()
    ids, longest = torch.randint(4, 40, (1, 7)), torch.randint(4, 40, (1, bert.config.max_position_embeddings))
    padded = torch.cat([ids, torch.zeros(1, 4, dtype=torch.long)], dim=1)
    with torch.no_grad():
        alone = prefixed(ids, torch.ones(1, 7, dtype=torch.long)).last_hidden_state
        beside = prefixed(padded, torch.tensor([[1] * 7 + [0] * 4])).last_hidden_state[:, :7]
        torch.testing.assert_close(alone, beside, atol=1e-5, rtol=1e-5)
        plain = bert(input_ids=ids, attention_mask=torch.ones(1, 7, dtype=torch.long)).last_hidden_state
        assert (alone - plain).abs().max() > 0.05  # it does something
        prefixed(longest, torch.ones_like(longest))
        far = torch.finfo(torch.float32).min  # a prefix that nobody attends to changes nothing
        unseen = torch.cat([torch.full((1, 1, 1, 5), far), torch.zeros(1, 1, 1, 7)], dim=-1)
        layers = prefixed.added(torch.arange(5)[None]).view(1, *prefixed.shape, -1).permute(2, 3, 0, 4, 1, 5)
        cache = added.DynamicCache([(key, value) for key, value in layers])
        blind = bert(
            input_ids=ids, attention_mask=unseen, position_ids=torch.arange(7)[None], past_key_values=cache
        ).last_hidden_state
        torch.testing.assert_close(blind, plain, atol=1e-5, rtol=1e-5)


def test_adapters_begin_as_nothing(tiny_base: Path) -> None:
    ids = torch.randint(4, 40, (2, 7))
    bert = network.AutoModel.from_pretrained(tiny_base, add_pooling_layer=False).eval()
    with torch.no_grad():
        before = bert(input_ids=ids).last_hidden_state
        after = added.add_bottlenecks(bert, 8)(input_ids=ids).last_hidden_state
    torch.testing.assert_close(before, after)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_runs_in_bf16(method: str, task: Task, tiny_base: Path) -> None:
    """On a CPU, as no GPU is there to test on; users are refused that."""
    torch.manual_seed(0)
    model = network.from_base(tiny_base, task.heads, 0.0)
    model.encoder = methods.adapt(model.encoder, by(task, method), 10)
    ids, mask = torch.randint(4, 40, (2, 7)), torch.tensor([[1] * 7, [1] * 5 + [0] * 2])
    spans = mask[:, None] / mask.sum(-1)[:, None, None]
    exact = model.eval()(ids, mask, spans)["mood"]
    with autocast("cpu", "bf16"):
        rough = model(ids, mask, spans)["mood"]
    assert rough.dtype == torch.bfloat16
    torch.testing.assert_close(rough.float(), exact, atol=0.05, rtol=0.05)
    rough.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)


def test_a_run_goes_on_from_adapters_and_only_by_the_same_method(
    task: Task, corpus: Corpus, runs: dict[str, Path], tmp_path: Path
) -> None:
    still = by(task, "adapter", epochs=0.1, added_learning_rate=1e-9, head_learning_rate=1e-9)
    best = finetune(task, corpus, runs["adapter"] / "last", tmp_path / "on", still)
    assert best["dev"] == last_line(runs["adapter"])["dev"]
    for other in (by(task, "full"), by(task, "prefix"), by(task, "adapter", bottleneck=9)):
        with pytest.raises(InputError, match=r"fine-tuned by adapter \(size 8\)"):
            finetune(task, corpus, runs["adapter"] / "best", tmp_path / "other", other)


def test_a_checkpoint_of_another_method_or_rank_is_not_resumed(
    task: Task, corpus: Corpus, tiny_base: Path, tmp_path: Path
) -> None:
    training = by(task, "lora", epochs=0.2)
    finetune(task, corpus, tiny_base, tmp_path / "run", training)
    for other in (replace(training, rank=2), replace(training, method="adapter")):
        with pytest.raises(InputError, match="another method, rank or size"):
            finetune(task, corpus, tiny_base, tmp_path / "run", other, resume=True)


@pytest.mark.parametrize("method", ["prefix", "adapter"])
def test_export_refuses_what_its_graph_does_not_know(
    method: str, runs: dict[str, Path], task: Task, corpus: Corpus, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"fine-tuned by {method}.*lora"):
        export(task, corpus, Corpus(), runs[method] / "best", tmp_path / "a", version="1", base="tiny", commands=[])
    assert not (tmp_path / "a").exists()


def test_export_takes_what_lora_learned(runs: dict[str, Path], task: Task, corpus: Corpus, tmp_path: Path) -> None:
    made = export(
        task, corpus, Corpus(), runs["lora"] / "best", tmp_path / "a", version="1", base="tiny", commands=[], force=True
    )
    by_torch = judge(runs["lora"] / "best", task, corpus.examples["test"])["mood"]["accuracy"]
    assert made["metrics"]["test"]["moods.mood"]["accuracy"] == pytest.approx(by_torch, abs=0.1)
    assert made["recipe"]["training"]["method"] == "lora"
