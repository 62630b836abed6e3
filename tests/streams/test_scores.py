"""The shipped news model scores a text alike alone and in any company, in any order, by any threads and any budget."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.artifact import Artifact, load_artifact
from models.engines import Prediction, Request
from models.engines.onnx import OnnxEngine
from streams.commands.tune import SAMPLE
from streams.news.entities import Gazetteer, load_watchlist
from streams.news.score import first_mentions, likeliest, named, top
from streams.settings import Settings

TOLERANCE = 1e-5  # of a probability; float sums in another order are some 1e-7 apart
HEADLINES = 60


@pytest.fixture(scope="module")
def artifact() -> Artifact:
    return load_artifact(Settings().news_model)


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    """Headlines with their entities, one that is cut, one word, none, and what no tokenizer was taught."""
    texts = [msgspec.json.decode(line)["text"] for line in SAMPLE.read_bytes().splitlines()[:HEADLINES]]
    gazetteer = Gazetteer(load_watchlist(Settings().watchlist))
    texts += [" ".join(texts[:20]), "up", "", "\u2764\ufe0f 株価 \x00 " + "z" * 500]
    return [
        Request(text, tuple((each.start, each.end) for each in first_mentions(gazetteer.find(text)))) for text in texts
    ]


@pytest.fixture(scope="module")
def alone(artifact: Artifact, requests: list[Request]) -> list[Prediction]:
    engine = OnnxEngine(artifact, threads=1)
    return [engine.infer(engine.encode([request]))[0] for request in requests]


@settings(max_examples=12, deadline=None)
@given(
    chosen=st.lists(st.integers(0, HEADLINES + 3), min_size=1, max_size=150),
    threads=st.integers(1, 4),
    budget_tokens=st.integers(256, 2048),
)
def test_a_text_has_the_same_scores_alone_and_in_any_batch(
    chosen: list[int],
    threads: int,
    budget_tokens: int,
    artifact: Artifact,
    requests: list[Request],
    alone: list[Prediction],
) -> None:
    engine = OnnxEngine(artifact, threads, budget_tokens)
    together = engine.infer(engine.encode([requests[n] for n in chosen]))
    for n, prediction in zip(chosen, together, strict=True):
        assert prediction.keys() == alone[n].keys()
        for head, probabilities in prediction.items():
            np.testing.assert_allclose(probabilities, alone[n][head], rtol=0, atol=TOLERANCE)


def test_the_texts_are_told_apart_so_that_a_mix_up_would_show(alone: list[Prediction]) -> None:
    scores = np.array([prediction["topic"] for prediction in alone])
    apart = np.abs(scores[:, None] - scores[None]).max(-1) + np.eye(len(scores))
    assert (apart > 10 * TOLERANCE).all()


@given(
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=20)
    | st.lists(st.sampled_from([0.12344, 0.12345, 0.12346, 0.1235, 0.12355]), min_size=1, max_size=20)
)
def test_the_likeliest_is_what_rounding_all_would_find(row: list[float]) -> None:
    labels, values = [f"t{n}" for n in range(len(row))], np.array(row, np.float32)
    probabilities = named(labels, values)
    assert likeliest(labels, values) == (top(probabilities), max(probabilities.values()))
