"""benchmarks/speed without Kafka: all contenders run the same weights, and what is told adds up. Needs [train]."""

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="the benchmark's engine part wants the [train] extra")
pytest.importorskip("torch", reason="the benchmark's engine part wants the [train] extra")
pytest.importorskip("transformers", reason="the benchmark's engine part wants the [train] extra")

import torch

from benchmarks.speed import contenders, engine, limit, profile, reader, texts, weights
from benchmarks.speed.contenders import Contender, Texts
from benchmarks.speed.results import Plan
from benchmarks.speed.zoo import HEAD, shipped
from models.artifact import Artifact, load_artifact
from models.engines import Request
from models.engines.onnx import OnnxEngine
from models.engines.texts import tokenizer_of
from models.errors import GretchenError, InputError
from tests.support.tiny_artifact import make_artifact

LABELS = ("negative", "neutral", "positive")
WORDS = {
    "negative": ("fall", "loss", "warns"),
    "neutral": ("flat", "today", "deal"),
    "positive": ("rise", "wins", "profit"),
}
RNG = random.Random(3)
SAID = [(" ".join(RNG.choices(WORDS[label], k=RNG.randint(2, 6))), label) for label in LABELS * 30]
NEWS = ("Acme falls 3%", "Acme wins a deal worth $2 bn, shares rise", "Bank of Acme flat")
REQUESTS = [Request(f"acme shares {text}") for text, _ in SAID]


@pytest.fixture(scope="module")
def artifact(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    given = [request.text for request in REQUESTS]
    labels = [label for _, label in SAID]
    out = tmp_path_factory.mktemp("zoo") / "tiny"
    return load_artifact(make_artifact(tiny_base, out, given, labels, order=LABELS, head=HEAD))


@pytest.fixture(scope="module")
def graphs(artifact: Artifact, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder, model = tmp_path_factory.mktemp("stock"), weights.text_model(artifact)
    plain = weights.export(model, folder / "plain.onnx")
    return {"plain": plain, "fused": weights.fused(plain, model, folder / "fused.onnx")}


@pytest.fixture(scope="module")
def said(artifact: Artifact) -> list[str]:
    """Ours."""
    found = contenders.ours(artifact, 1, HEAD).score(REQUESTS)
    assert len(set(found)) > 1, "labels that are all alike compare nothing"
    return found


def test_the_model_read_back_has_the_logits_that_the_artifact_serves(artifact: Artifact) -> None:
    model, own, served = weights.text_model(artifact), tokenizer_of(artifact), OnnxEngine(artifact, 1)
    for request, prediction in zip(REQUESTS, served.infer(served.encode(REQUESTS)), strict=True):
        ids = torch.tensor([own.encode(request.text).ids])
        with torch.no_grad():
            logits = model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
        assert torch.softmax(logits, 1)[0].numpy() == pytest.approx(prediction[HEAD], abs=1e-3)


def test_padding_does_not_change_what_the_pipeline_says(artifact: Artifact, said: list[str]) -> None:
    model, tokenizer = weights.text_model(artifact), weights.transformers_tokenizer(artifact)
    for contender in contenders.pipelines("MiniLM pipeline", model, tokenizer, 1, (1, 7)):
        assert contender.score(REQUESTS) == said, contender.conditions


def test_stock_exports_of_the_same_weights_say_the_same(
    artifact: Artifact, graphs: dict[str, Path], said: list[str]
) -> None:
    variants = list(contenders.onnxruntimes("ONNX Runtime fp32", graphs, artifact, LABELS, 2, (1, 7)))
    assert len(variants) == 8  # two graphs, one session with two threads or two callers, two sizes of batches
    for contender in variants:
        assert contender.score(REQUESTS) == said, contender.conditions


@pytest.fixture(scope="module")
def steady(artifact: Artifact) -> Iterator[tuple[Any, list[str]]]:
    """A model that says the label whose texts' mean is nearest, which rounding hardly moves; and what it says."""
    model, source = weights.text_model(artifact), contenders.Source(artifact, LABELS)
    feeds = [
        {name: torch.from_numpy(value) for name, value in feed.items()}
        for feed in source.feeds([[r] for r in REQUESTS])
    ]
    with torch.no_grad():
        means = torch.cat([model.bert(**feed).last_hidden_state.mean(1) for feed in feeds])
        centers = torch.stack([means[n::3].mean(0) for n in range(3)]) - means.mean(0)
        model.classifier.weight.copy_(centers)
        model.classifier.bias.copy_(-centers @ means.mean(0) - (centers**2).sum(1) / 2)
        said = [LABELS[int(model(**feed).logits.argmax())] for feed in feeds]
    assert len(set(said)) == 3
    yield model, said


def test_dynamic_int8_says_nearly_the_same(artifact: Artifact, steady: tuple[Any, list[str]], tmp_path: Path) -> None:
    model, said = steady
    plain = weights.export(model, tmp_path / "plain.onnx")
    fused = weights.fused(plain, model, tmp_path / "fused.onnx")
    int8 = {path.stem: weights.dynamic_int8(path, path.with_suffix(".int8.onnx")) for path in (plain, fused)}
    for contender in contenders.onnxruntimes("ONNX Runtime dynamic int8", int8, artifact, LABELS, 1, (8,)):
        assert engine.agreement(contender.score(REQUESTS), said) >= 0.9, contender.conditions


def test_openvino_int8_says_nearly_the_same(artifact: Artifact, steady: tuple[Any, list[str]]) -> None:
    pytest.importorskip("openvino", reason="a peer of the benchmark: the [bench] extra")
    pytest.importorskip("nncf", reason="a peer of the benchmark: the [bench] extra")
    model, said = steady
    for contender in contenders.openvinos("OpenVINO int8", model, REQUESTS[:30], artifact, LABELS, 1, (8,)):
        assert engine.agreement(contender.score(REQUESTS), said) >= 0.9


def test_the_fastest_setting_is_chosen_after_a_warm_up() -> None:
    def of(pause_s: float) -> Contender:
        def score(texts: Texts) -> list[str]:
            import time

            time.sleep(pause_s * len(texts))
            return [""] * len(texts)

        return Contender("peer", score, {"pause": str(pause_s)})

    chosen = contenders.choose([of(0.002), of(0.0), of(0.001)], REQUESTS)
    assert chosen.contender.conditions == {"pause": "0.0"}
    assert chosen.texts_per_s > 1000


def test_a_contender_with_other_labels_stops_the_benchmark() -> None:
    def saying(name: str, labels: Sequence[str]) -> Contender:
        return Contender(name, lambda texts: list(labels))

    right, wrong = ["up"] * 100, ["up"] * 90 + ["down"] * 10
    same = [saying("gretchen", right), saying("MiniLM pipeline", right), saying("ONNX Runtime fp32", right)]
    strange = saying("BERT-base pipeline", wrong)
    figures = list(engine.check([*same, strange], REQUESTS[:4] * 25, "texts"))
    assert [figure.rounds for figure in figures] == [[100.0], [100.0]]
    with pytest.raises(GretchenError, match=r"OpenVINO int8 gives 90.0% of 100 texts our label, wanted 97%"):
        list(engine.check([*same, saying("OpenVINO int8", wrong)], REQUESTS[:4] * 25, "texts"))
    nearly = [same[0], same[1], saying("ONNX Runtime fp32", [*right[:99], "down"])]
    with pytest.raises(GretchenError, match=r"the same model in fp32, and only 99.0% labels are equal"):
        list(engine.check(nearly, REQUESTS[:4] * 25, "texts"))


def test_a_slow_contender_gets_other_texts_each_round() -> None:
    given = list(range(10))
    assert [list(engine.window(given, turn, 4)) for turn in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1]]  # type: ignore[arg-type]
    assert list(engine.window(given, 3, 10)) == given  # type: ignore[arg-type]


def test_contenders_take_turns_each_with_as_many_texts_as_it_manages() -> None:
    turns: list[tuple[str, int]] = []

    def of(name: str) -> Contender:
        def score(given: Texts) -> list[str]:
            turns.append((name, len(given)))
            return [""] * len(given)

        return Contender(name, score)

    rates = engine.race([of("fast"), of("slow")], REQUESTS, [90, 2], rounds=2)
    assert turns == [("fast", 90), ("slow", 2)] * 2
    assert [len(each) for each in rates] == [2, 2]
    plan = Plan()
    assert [engine.taken(speed, plan, plan.texts) for speed in (5.0, 28.0, 1400.0)] == [32, 70, 2048]


def test_texts_are_distinct_the_same_each_time_and_keep_their_names(tmp_path: Path) -> None:
    plan = Plan(data=tmp_path)  # no sentfin there: the sample stands for it
    first, more = texts.headlines(plan, 300), texts.headlines(plan, 1500)
    assert more[:300] == first
    assert len({request.text for request in more}) == 1500
    named = [request.text[slice(*span)] for request in more[1000:] for span in request.spans]
    assert len(named) > 300
    assert set(named) <= {name for headline in texts.sample() for name in headline.names}


def test_the_shares_of_repeated_texts_count_those_that_came_before(tmp_path: Path) -> None:
    rows = ("Acme up", "Acme UP!", "Acme up", "Bolt down")
    (tmp_path / "sentfin").mkdir()
    (tmp_path / "sentfin" / "SEntFiN.csv").write_text(
        "S No.,Title,Decisions,Words\n" + "".join(f"{n},{row},{{}},2\n" for n, row in enumerate(rows))
    )
    found = {figure.figure: figure.rounds for figure in profile.repeated(Plan(data=tmp_path))}
    assert found == {"repeated exactly": [25.0], "repeated but for links, case and punctuation": [50.0]}


def test_the_profile_tells_kernels_and_python_apart(artifact: Artifact) -> None:
    spent_s = profile.spent(artifact, REQUESTS)
    assert {"tokenizing", "building arrays", "softmax", "Python around the session"} <= spent_s.keys()
    assert any("MatMul" in name or "Gemm" in name for name in spent_s), f"no kernel told of in {spent_s}"
    assert min(spent_s.values()) >= 0


def test_small_shares_of_the_time_are_told_together() -> None:
    spent_s = profile.Seconds(float, {"MatMul": 0.896, "Add": 0.1, "Shape": 0.003, "Cast": 0.001})
    assert profile.shares(spent_s) == pytest.approx({"MatMul": 89.6, "Add": 10.0, "the rest": 0.4})


@pytest.fixture(scope="module")
def products() -> Iterator[limit.Products]:
    yield limit.products_of(shipped("news"), [Request(text, ((0, 4),)) for text in NEWS])


def test_the_limit_multiplies_all_that_the_model_does(products: limit.Products) -> None:
    encoder = weights.text_model(shipped("news")).bert.encoder
    sizes = sum(value.numel() for name, value in encoder.named_parameters() if name.endswith("dense.weight"))
    sizes += sum(value.numel() for name, value in encoder.named_parameters() if "self" in name and value.dim() == 2)
    tokens = sum(int(np.prod(next(iter(feed.values())).shape[:2])) for feed in products.feeds)
    assert 0.7 * 2 * tokens * sizes <= products.operations <= 2 * tokens * sizes


def test_the_limit_runs_its_products_and_nothing_else(products: limit.Products) -> None:
    (shapes,) = products.session.run(None, products.feeds[0])
    assert shapes.dtype == np.int64
    assert set(np.unique(shapes)) <= {*products.feeds[0].popitem()[1].shape[:2], 384, 1152, 1536}


def test_passages_have_as_many_tokens_as_are_said(tmp_path: Path) -> None:
    artifact = shipped("reader")
    asked = reader.questions(Plan(data=tmp_path), artifact, 5)
    assert len(set(asked)) == 5
    own = tokenizer_of(artifact)
    assert {len(own.encode(one.passage, add_special_tokens=False).ids) for one in asked} == {reader.PASSAGE_TOKENS}


def test_a_model_without_the_head_is_not_measured(tiny_base: Path, tmp_path: Path) -> None:
    other = load_artifact(make_artifact(tiny_base, tmp_path / "tiny", NEWS[:2], ["bad", "good"], head="mood"))
    with pytest.raises(InputError, match="has no head 'sentiment' on texts"):
        weights.text_model(other)
