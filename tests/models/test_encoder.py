"""An encoder from questions to a served artifact, on a tiny random BERT. Needs the [train] extra."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")
pytest.importorskip("bm25s", reason="BM25 wants the [train] extra")

from safetensors.numpy import load_file  # noqa: E402

from models import graph  # noqa: E402
from models.artifact import Artifact, load_artifact  # noqa: E402
from models.data.questions import Question, Questions, load_questions  # noqa: E402
from models.engines.encoder import Encoder  # noqa: E402
from models.engines.reader import Reader  # noqa: E402
from models.errors import ArtifactError, GateRefused, InputError  # noqa: E402
from models.evaluation import retrieval  # noqa: E402
from models.export.encoder import export_encoder, loss_of  # noqa: E402
from models.tasks.task import Task, load_task  # noqa: E402
from models.training import text_encoder  # noqa: E402
from models.training.finetune_encoder import ContrastiveLearner, contrast, finetune_encoder  # noqa: E402
from models.training.loop import Surroundings  # noqa: E402
from tests.support.spoiled import spoil  # noqa: E402

TASK = """
name = "tiny-encoder"
kind = "encoder"
max_tokens = 24

[encoder]
temperature = 0.1
hard_negatives = 1

[[sources]]
name = "codes"
reader = "squad"
license = "made up"
use = "train"
files = { all = "codes.json" }
test_share = 0.2
dev_share = 0.2

[training]
epochs = 8
batch_size = 16
learning_rate = 2e-3
dropout = 0.0
seed = 3
"""
FILLERS = ["shares", "flat", "today", "deal", "rise", "fall", "loss", "wins", "and"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Which passage holds the code that the question asks for, among words that say nothing."""
    path = tmp_path_factory.mktemp("codes")
    rng = random.Random(2)
    paragraphs = []
    for n, code in enumerate(rng.sample([a + b for a in "bcdfghjklm" for b in "nopqrstuvw"], 90)):
        before, after = (" ".join(rng.choices(FILLERS, k=rng.randint(1, 8))) for _ in range(2))
        asked = [{"id": f"{n}-{k}", "question": f"{code} {word}", "is_impossible": False,
                  "answers": [{"text": code, "answer_start": len(before) + 1}]}
                 for k, word in enumerate(rng.sample(FILLERS, 2))]  # fmt: skip
        paragraphs.append({"context": f"{before} {code} {after}", "qas": asked})
    (path / "codes.json").write_text(json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}))
    (path / "tiny.toml").write_text(TASK)
    return path


@pytest.fixture(scope="module")
def task(data: Path) -> Task:
    return load_task(str(data / "tiny.toml"))


@pytest.fixture(scope="module")
def questions(task: Task, data: Path) -> Questions:
    return load_questions(task, data)


@pytest.fixture(scope="module")
def run(task: Task, questions: Questions, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("encoder") / "run"
    finetune_encoder(task, questions, tiny_base, path, task.training)
    return path


def exported(task: Task, questions: Questions, run: Path, out: Path, **more: Any) -> dict[str, Any]:
    return export_encoder(
        task, questions, Questions(), run / "best", out, version="1", base="tiny",
        commands=["gretchen models export …"], **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def artifact(task: Task, questions: Questions, run: Path) -> Artifact:
    exported(task, questions, run, run.parent / "tiny-encoder")
    return load_artifact(run.parent / "tiny-encoder")


class Killed(Exception):
    pass


def test_it_learns_which_words_matter(task: Task, questions: Questions, tiny_base: Path, run: Path) -> None:
    network = text_encoder.from_base(tiny_base, 0.0, 24)
    _, before = ContrastiveLearner(task, questions, tiny_base, network).evaluate()
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    best = max(log, key=lambda line: float(line["score"]))
    assert best["score"] > before + 0.2
    assert best["dev"]["codes.encoder"]["passages"] == 90


def test_what_is_saved_is_hugging_faces_model(run: Path) -> None:
    from transformers import AutoModel

    model = AutoModel.from_pretrained(run / "best", add_pooling_layer=False).eval()
    ours = text_encoder.from_base(run / "best", 0.0, 24).eval()
    ids = torch.randint(4, 60, (2, 12))
    with torch.no_grad():
        hidden = model(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state.mean(1)
        vectors = ours(ids, torch.ones_like(ids), torch.full((2, 1, 12), 1 / 12))
    torch.testing.assert_close(vectors, hidden / hidden.norm(dim=-1, keepdim=True))


def test_an_encoder_killed_and_resumed_is_one_that_was_not(
    task: Task, questions: Questions, tiny_base: Path, tmp_path: Path
) -> None:
    training = replace(task.training, epochs=2)

    def kill(done: int, total: int, word: str) -> None:
        if done == total // 2 + 2:
            raise Killed

    finetune_encoder(task, questions, tiny_base, tmp_path / "whole", training)
    with pytest.raises(Killed):
        around = Surroundings(progress=kill, checkpoint_s=0)
        finetune_encoder(task, questions, tiny_base, tmp_path / "cut", training, around)
    finetune_encoder(task, questions, tiny_base, tmp_path / "cut", training, resume=True)
    whole, cut = (load_file(tmp_path / run / "last" / "model.safetensors") for run in ("whole", "cut"))
    for name, weights in whole.items():
        np.testing.assert_allclose(cut[name], weights, atol=1e-6, err_msg=name)


def test_unusable_options_and_data_are_refused(
    task: Task, questions: Questions, tiny_base: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="'adapter', which no encoder's graph knows"):
        finetune_encoder(task, questions, tiny_base, tmp_path / "run", replace(task.training, method="adapter"))
    with pytest.raises(InputError, match="0 questions to train on and 0 to choose by"):
        finetune_encoder(task, Questions(), tiny_base, tmp_path / "run", task.training)


def test_the_loss_falls_with_the_right_passages_likeness_and_the_same_passage_is_no_negative() -> None:
    one, other = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    asked, read = torch.stack([one, other]), torch.stack([one, other])
    assert contrast(asked, read, torch.tensor([0, 1]), 0.1).item() == pytest.approx(0, abs=1e-3)
    assert contrast(asked, read.flip(0), torch.tensor([0, 1]), 0.1).item() == pytest.approx(20, abs=1e-2)
    # two questions of one passage, in two places of the batch: each other's passage is not held against them
    alike, twice = torch.stack([one, one]), torch.tensor([7, 7])
    assert contrast(alike, alike, twice, 0.1).item() == pytest.approx(0, abs=1e-6)
    assert contrast(alike, alike, torch.tensor([7, 8]), 0.1).item() == pytest.approx(2 * np.log(2), abs=1e-4)


def test_near_misses_are_near_and_do_not_answer() -> None:
    passages = ["Ann sells hats.", "Bob sells hats and Ann does not.", "Cyd sells hats in town.", "Dan swims."]
    asked = [Question("1", "who sells hats?", passages[0], ((0, 3),), "set"), Question("2", "who swims?", passages[3],
             ((0, 3),), "set"), *(Question(p, "x", p, ((0, 1),), "set") for p in passages[1:3])]  # fmt: skip
    questions = Questions(examples={"train": asked, "dev": [], "test": []})
    assert retrieval.near_misses(questions, 1)[0] == ["Cyd sells hats in town."]


def test_recall_and_reciprocal_rank_are_counted_by_place() -> None:
    found = np.array([[3, 1, 2], [1, 3, 2], [0, 1, 2]])
    told = retrieval.report(found, np.array([3, 3, 3]))
    assert (told["recall@1"], told["recall@10"], told["mrr@10"]) == (0.3333, 0.6667, 0.5)
    queries, passages = np.eye(3, dtype=np.float32)[[2, 0]], np.eye(3, dtype=np.float32)
    assert retrieval.nearest(queries, passages, 1).tolist() == [[2], [0]]
    assert retrieval.nearest(queries, passages, 9).shape == (2, 3)


def test_two_ways_together_find_what_both_rank_high() -> None:
    assert retrieval.fused(np.array([[0, 1, 2]]), np.array([[3, 1, 0]]), 4).tolist() == [[0, 1, 3, 2]]


def test_what_is_served_finds_as_the_manifest_says_and_bm25s_figure_stands_beside_it(
    artifact: Artifact, questions: Questions
) -> None:
    told = artifact.raw["metrics"]["test"]
    # by chance 1 in 90; a code that BM25 knows as a word the encoder has to spell
    assert told["codes.encoder"]["recall@1"] > 0.12 and told["codes.BM25"]["recall@1"] > 0.9
    assert told["codes.both"]["n"] == told["codes.encoder"]["n"] == len(questions.examples["test"])
    again = retrieval.measure(
        {"encoder": retrieval.by_vectors(Encoder(artifact))}, questions.examples["test"], questions.passages
    )
    assert json.loads(json.dumps(again["codes.encoder"])) == told["codes.encoder"]
    card = (artifact.path / "README.md").read_text()
    assert "codes.BM25" in card and f"{told['codes.encoder']['recall@1']:.3f}" in card and "made up" in card


def test_the_float32_graph_is_the_network_and_int8_is_near_it(
    task: Task, questions: Questions, run: Path, artifact: Artifact, tiny_base: Path
) -> None:
    import onnxruntime as ort

    network = text_encoder.from_base(run / "best", 0.0, 24).eval()
    weights = {f"encoder.{name}": value for name, value in load_file(run / "best" / "model.safetensors").items()}
    config = json.loads((run / "best" / "config.json").read_text())
    model = graph.build_of(graph.Builder.text_encoder, weights, config).SerializeToString()
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    ids = np.array([[2, 40, 41, 3], [2, 42, 3, 0]], np.int64)
    lengths = np.array([4, 3], np.int64)
    spans = np.array([[[0.25] * 4], [[1 / 3, 1 / 3, 1 / 3, 0]]], np.float32)
    (vectors,) = session.run(["embedding"], {"input_ids": ids, "lengths": lengths, "spans": spans})
    mask = torch.arange(4)[None] < torch.from_numpy(lengths)[:, None]
    with torch.no_grad():
        expected = network(torch.from_numpy(ids), mask.long(), torch.from_numpy(spans)).numpy()
    np.testing.assert_allclose(vectors, expected, atol=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.sampled_from([*FILLERS, "zz", "❤"]), max_size=40), max_size=8))
def test_vectors_come_back_in_the_order_given_of_length_one_whatever_the_batch(
    artifact: Artifact, texts: list[list[str]]
) -> None:
    encoder = Encoder(artifact, threads=2)
    said = [" ".join(words) for words in texts]
    vectors = encoder.encode(said)
    assert vectors.shape == (len(texts), encoder.dimensions) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    for text, vector in zip(said, vectors, strict=True):
        np.testing.assert_allclose(encoder.encode([text])[0], vector, atol=1e-2)


def test_threads_that_share_an_encoder_get_what_one_gets(artifact: Artifact, questions: Questions) -> None:
    encoder = Encoder(artifact, threads=2)
    passages = questions.passages["codes"][:40]
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(lambda passage: encoder.encode([passage])[0], passages))
    for passage, vector in zip(passages, many, strict=True):
        np.testing.assert_array_equal(encoder.encode([passage])[0], vector)


def test_prefixes_that_the_base_expects_are_put_before_questions_and_passages(
    task: Task, questions: Questions, run: Path, tmp_path: Path, artifact: Artifact
) -> None:
    prefixed = replace(task, embedding=replace(task.embedding, query_prefix="deal ", passage_prefix="zebra "))
    exported(prefixed, questions, run, tmp_path / "prefixed", force=True)
    encoder, plain = Encoder(load_artifact(tmp_path / "prefixed")), Encoder(artifact)
    asked, read = encoder.encode(["rise"], query=True), encoder.encode(["rise"])
    assert not np.allclose(asked, read, atol=1e-2)
    np.testing.assert_allclose(asked, plain.encode(["deal rise"]), atol=2e-2)
    np.testing.assert_allclose(read, plain.encode(["zebra rise"]), atol=2e-2)


def test_an_engine_refuses_an_encoder_that_should_read(artifact: Artifact) -> None:
    with pytest.raises(ArtifactError, match="is of kind encoder, wanted was a reader"):
        Reader(artifact)


def test_a_spoiled_encoder_is_refused_with_its_figures_and_force_is_written_down(
    task: Task, questions: Questions, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, 32, 64)
    with pytest.raises(GateRefused, match=r"int8 lost too much on dev: encoder recall@1 .* -> 0\.\d+"):
        exported(task, questions, run, tmp_path / "spoiled")
    assert not (tmp_path / "spoiled").exists()
    told = exported(task, questions, run, tmp_path / "spoiled", force=True)["quantization"]
    assert told["forced"] and "--force" in (tmp_path / "spoiled" / "README.md").read_text()


def test_what_int8_spoils_of_an_encoder_stays_float32_and_the_card_says_so(
    task: Task, questions: Questions, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, 64)  # the feed-forward's second product alone
    told = exported(task, questions, run, tmp_path / "kept")["quantization"]
    assert told["float32"] == ["0.down", "1.down"] and not told["forced"]
    assert "In float32: 0.down, 1.down." in (tmp_path / "kept" / "README.md").read_text()


def test_the_gate_judges_all_questions_together_and_each_set_by_what_it_may_lose() -> None:
    def told(wiki: float, forum: float) -> dict[str, dict[str, Any]]:
        return {"wiki.encoder": {"n": 300, "recall@1": wiki}, "forum.encoder": {"n": 100, "recall@1": forum}}

    before = told(0.7, 0.4)
    loss = loss_of(before, told(0.69, 0.43))  # three questions of one set lost, three of the other won
    assert loss.before == pytest.approx(0.625) == loss.after and loss.faults() == []
    assert loss_of(before, told(0.69, 0.4)).faults() == ["encoder recall@1 0.6250 -> 0.6175"]
    fallen = loss_of(before, told(0.72, 0.37))
    assert fallen.after > fallen.before - 0.005 and fallen.faults() == ["encoder recall of 'forum.encoder' -0.030"]
