"""The shipped models as the app loads them: what they must be, and models of another shape refused in one line."""

import sys
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from models.artifact import Artifact, HeadConfig, load_artifact
from models.engines import Request
from models.errors import ArtifactError, SettingsError
from streams.chat.templates import load_templates
from streams.engines import INTENTS_HEADS, NEWS_HEADS, check_heads, device_of, load_intents, load_news
from streams.records import SENTIMENTS
from streams.settings import Settings

SETTINGS = Settings()


def with_heads(artifact: Artifact, change: Callable[[dict[str, HeadConfig]], None]) -> Artifact:
    heads = dict(artifact.config.heads)
    change(heads)
    return replace(artifact, config=msgspec.structs.replace(artifact.config, heads=heads))


def test_the_shipped_news_model_tells_two_fates_in_one_headline_apart() -> None:
    engine = load_news(SETTINGS)
    text = "Nokia shares plunge after profit warning while Ericsson gains"
    spans = tuple((text.index(name), text.index(name) + len(name)) for name in ("Ericsson", "Nokia"))
    (prediction,) = engine.infer(engine.encode([Request(text, spans)]))
    good, bad = (SENTIMENTS[row.argmax()] for row in prediction["entity_sentiment"])
    assert (good, bad) == ("positive", "negative")


def test_the_shipped_intents_model_answers_what_it_knows_and_abstains_from_what_it_does_not() -> None:
    engine, threshold = load_intents(SETTINGS)
    load_templates().require(engine.labels["intent"])
    asked = ["I still have not received my new card, when will it arrive?", "what does a giraffe eat in the wild"]
    known, unknown = (p["intent"] for p in engine.infer(engine.encode([Request(text) for text in asked])))
    assert engine.labels["intent"][known.argmax()] == "card_arrival" and known.max() >= threshold
    assert unknown.max() < threshold


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda heads: heads.pop("topic"), "has the heads sentiment, entity_sentiment, the app expects"),
        (
            lambda heads: heads.update(
                sentiment=msgspec.structs.replace(heads["sentiment"], labels=tuple(reversed(SENTIMENTS)))
            ),
            r"labels \(positive, neutral, negative\), the app expects .*\(negative, neutral, positive\)",
        ),
        (
            lambda heads: heads.update(entity_sentiment=msgspec.structs.replace(heads["sentiment"], on="text")),
            "entity_sentiment on text .*expects head entity_sentiment on span",
        ),
    ],
)
def test_a_news_model_of_another_shape_is_refused(
    change: Callable[[dict[str, HeadConfig]], None], message: str
) -> None:
    artifact = with_heads(load_artifact(SETTINGS.news_model), change)
    with pytest.raises(ArtifactError, match=message):
        check_heads(artifact, NEWS_HEADS)


def test_a_news_model_in_the_place_of_the_intents_model_is_refused() -> None:
    with pytest.raises(ArtifactError, match=r"the app expects intent; .*GRETCHEN_INTENTS_MODEL"):
        check_heads(load_artifact(SETTINGS.news_model), INTENTS_HEADS)


def test_a_gpu_without_the_packages_for_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, "models.engines.gpu", raising=False)
    monkeypatch.delattr("models.engines.gpu", raising=False)
    assert device_of(SETTINGS) == "the CPU"
    for ask in (device_of, load_news, load_intents):
        with pytest.raises(SettingsError, match=r"pip install 'gretchen\[gpu\]', or set GRETCHEN_DEVICE=cpu"):
            ask(Settings(device="cuda"))


def test_a_gpu_that_is_not_there_is_a_setting_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch", reason="asking for a GPU wants the [train] or [gpu] extra")
    pytest.importorskip("onnx", reason="asking for a GPU wants the [train] or [gpu] extra")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for ask in (device_of, load_news, load_intents):
        with pytest.raises(SettingsError, match="finds no CUDA device here"):
            ask(Settings(device="cuda"))
