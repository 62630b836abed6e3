"""A head on a network that stands still, exported and served; no torch is imported. Needs the [learn] extra."""

import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="learning wants the [learn] extra")
pytest.importorskip("sklearn", reason="learning wants the [learn] extra")

from models.artifact import load_artifact  # noqa: E402
from models.data.corpus import OUTLIER  # noqa: E402
from models.engines import Request  # noqa: E402
from models.engines.onnx import OnnxEngine  # noqa: E402
from models.errors import ArtifactError, InputError  # noqa: E402
from models.few_shot import grouping, trunk  # noqa: E402
from models.few_shot import intents as few_shot  # noqa: E402
from models.few_shot.intents import Shot  # noqa: E402

ZOO = Path(__file__).parents[2] / "models" / "zoo"
THINGS = {"fruit": ["apple", "pear", "plum", "fig"], "tool": ["hammer", "saw", "drill", "chisel"]}


def shots() -> list[Shot]:
    said = ["I want a {}", "where is my {}", "the {} is broken", "show me one {} please", "a {} for my sister"]
    known = [
        Shot(form.format(thing), label) for label, of in enumerate(THINGS.values()) for thing in of for form in said
    ]
    return [*known, *(Shot(f"who wrote the song number {n}", OUTLIER) for n in range(12))]


@pytest.fixture(scope="module")
def shipped() -> trunk.Trunk:
    return trunk.of_artifact(load_artifact(ZOO / "news"))


@pytest.fixture(scope="module")
def learned(shipped: trunk.Trunk, tmp_path_factory: pytest.TempPathFactory) -> tuple[few_shot.Learned, Path]:
    own = shots()
    learned = few_shot.learn(shipped.vectors([shot.text for shot in own]), own, tuple(THINGS))
    out = tmp_path_factory.mktemp("few") / "own"
    few_shot.export(shipped, learned, own, out, name="own", version="3", commands=["gretchen chat train x"])
    return learned, out


def test_what_is_served_says_what_the_head_said(learned: tuple[few_shot.Learned, Path], shipped: trunk.Trunk) -> None:
    told, out = learned
    artifact = load_artifact(out)
    engine = OnnxEngine(artifact)
    texts = ["I want a banana", "where is my screwdriver", "", "where " * 400]
    served = [prediction["intent"] for prediction in engine.infer(engine.encode([Request(text) for text in texts]))]
    logits = told.head.logits(shipped.vectors(texts)) / told.temperature
    expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    np.testing.assert_allclose(np.stack(served), expected, atol=1e-4)
    assert artifact.version == "own/3" and artifact.config.abstain is not None
    assert artifact.config.abstain.threshold == told.threshold


def test_known_texts_are_told_apart_and_other_matters_turned_away(learned: tuple[few_shot.Learned, Path]) -> None:
    told, _ = learned
    assert told.held_out["n"] == 40 and told.held_out["accuracy"] > 0.9
    assert told.abstention["out_of_scope"] == 12 and told.abstention["out_of_scope_recall"] > 0.8


def test_a_head_that_could_learn_nothing_guesses_seldom(shipped: trunk.Trunk) -> None:
    rng = random.Random(1)
    own = [replace(shot, label=rng.randrange(2)) if shot.label != OUTLIER else shot for shot in shots()]
    told = few_shot.learn(shipped.vectors([shot.text for shot in own]), own, tuple(THINGS))
    assert told.held_out["accuracy"] < 0.8 and told.abstention["in_scope_abstained"] > 0.6


def test_a_shot_that_is_not_tested_is_learned_from_in_every_fold() -> None:
    folds = few_shot.folds_of([Shot("a", 0, tested=False), *(Shot("b", 0) for _ in range(7)), Shot("c", 1)])
    assert folds[0] == -1 and sorted(folds[1:8].tolist()) == [0, 0, 1, 1, 2, 3, 4] and folds[8] == 0


def test_one_intent_alone_is_refused(shipped: trunk.Trunk) -> None:
    own = [Shot("a pear", 0), Shot("a song", OUTLIER)]
    with pytest.raises(InputError, match="wants 2 or more"):
        few_shot.learn(shipped.vectors([shot.text for shot in own]), own, ("fruit",))


def test_a_lower_half_holds_less_than_the_whole(shipped: trunk.Trunk) -> None:
    whole = load_artifact(ZOO / "news").model()
    assert shipped.model.ByteSize() < 0.8 * len(whole)
    assert [output.name for output in shipped.model.graph.output] == ["pooled"]
    assert shipped.dimensions == 768 and shipped.vectors(["a", "b"]).shape == (2, 768)


def test_a_texts_vector_does_not_depend_on_its_batch_mates(shipped: trunk.Trunk) -> None:
    texts = ["where is my card", "a much longer text about something else altogether, to be padded to", "card"]
    alone = np.concatenate([shipped.vectors([text]) for text in texts])
    np.testing.assert_allclose(shipped.vectors(texts), alone, atol=1e-5)


def test_a_base_is_quantized_and_its_vectors_stay_near(tiny_base: Path) -> None:
    torch = pytest.importorskip("torch")
    from transformers import AutoModel, AutoTokenizer

    words = ["acme shares rise today", "globex warns", "profit and loss", "flat deal", "zebra quark"]
    texts = [" ".join(random.Random(n).choices(" ".join(words).split(), k=6)) for n in range(40)]
    made = trunk.of_base(tiny_base, texts)
    tokenizer, model = AutoTokenizer.from_pretrained(tiny_base), AutoModel.from_pretrained(tiny_base).eval()
    with torch.no_grad():
        hidden = [model(**tokenizer(text, return_tensors="pt")).last_hidden_state[0].mean(0).numpy() for text in texts]
    ours, theirs = grouping.unit(made.vectors(texts)), grouping.unit(np.stack(hidden))
    assert (ours * theirs).sum(1).min() > 0.98


def test_what_is_no_bert_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no base can be read here"):
        trunk.of_base(tmp_path, ["a"])


def test_a_reader_is_no_trunk(tmp_path: Path) -> None:
    class Reader:
        path = tmp_path

        class config:  # noqa: N801 - stands in for the artifact's
            kind = "reader"

    with pytest.raises(ArtifactError, match="is a reader"):
        trunk.of_artifact(Reader())  # type: ignore[arg-type]


def test_learning_imports_no_torch() -> None:
    code = "import sys, models.few_shot.intents, models.training.bases; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=120).returncode == 0


def test_questions_with_like_replies_are_one_group() -> None:
    rng = np.random.default_rng(0)
    centers = rng.normal(size=(3, 16))
    of = [n % 3 for n in range(30)]
    questions = np.array([centers[k] * 0.5 + rng.normal(size=16) for k in of], np.float32)
    replies = np.array([centers[k] + 0.1 * rng.normal(size=16) for k in of], np.float32)
    texts = [["tap freeze now", "open the tax papers", "call the branch"][k] for k in of]
    like = grouping.likeness(questions, replies, texts)
    groups = grouping.group(like, 0.2)
    assert sorted(map(len, groups)) == [10, 10, 10] and all(len({of[n] for n in each}) == 1 for each in groups)
    best = grouping.medoid(like, groups[0], [0.0] * 10)
    assert best in groups[0]
    assert grouping.medoid(like, groups[0], [9.0 if n == best else 0.0 for n in groups[0]]) != best


def test_more_questions_than_are_compared_join_the_groups_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "MOST_CLUSTERED", 12)
    of = [n % 2 for n in range(40)]
    vectors = np.array([[1.0, 0.0] if k else [0.0, 1.0] for k in of], np.float32)
    groups = grouping.group(grouping.likeness(vectors, vectors, [["yes", "no"][k] for k in of]), 0.5)
    assert sorted(map(len, groups)) == [20, 20] and sorted(n for each in groups for n in each) == list(range(40))
