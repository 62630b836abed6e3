"""The shipped models as the app uses them: loaded, and refused where the app would misread them."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from models.artifact import Artifact, load_artifact
from models.engines import Engine
from models.engines.encoder import Encoder
from models.engines.onnx import OnnxEngine
from models.engines.reader import Reader
from models.errors import ArtifactError, SettingsError
from streams.chat.recognize import INTENT
from streams.news.score import ENTITY_SENTIMENT, SENTIMENT, TOPIC
from streams.records import SENTIMENTS
from streams.settings import Settings

Heads = Mapping[str, tuple[str, tuple[str, ...] | None]]
"""Head -> what it is on, and its labels in their order, if only these will do."""

NEWS_HEADS: Heads = {
    SENTIMENT: ("text", SENTIMENTS),
    TOPIC: ("text", None),
    ENTITY_SENTIMENT: ("span", SENTIMENTS),
}
INTENTS_HEADS: Heads = {INTENT: ("text", None)}


class Intents(NamedTuple):
    """`threshold`: the probability below which nobody should guess."""

    engine: Engine
    threshold: float


def load_news(settings: Settings) -> Engine:
    """Raises ArtifactError, SettingsError."""
    artifact = load_artifact(settings.news_model)
    check_heads(artifact, NEWS_HEADS)
    return engine_of(artifact, settings)


def load_intents(settings: Settings) -> Intents:
    """Raises ArtifactError, SettingsError."""
    artifact = load_artifact(settings.intents_model)
    check_heads(artifact, INTENTS_HEADS)
    if artifact.config.abstain is None:
        raise ArtifactError(
            f"{artifact.path} has no threshold to abstain below; export it from a task with abstain_on = {INTENT!r}"
        )
    return Intents(engine_of(artifact, settings), artifact.config.abstain.threshold)


def engine_of(artifact: Artifact, settings: Settings) -> Engine:
    """A classifier on the device of the settings. Raises ArtifactError; SettingsError where it can't be used."""
    if settings.device == "cpu":
        return OnnxEngine(artifact, settings.engine_threads, settings.engine_batch_tokens)
    engine: Engine = gpu().TorchEngine(artifact, settings.device)
    return engine


def device_of(settings: Settings) -> str:
    """What the news and intents models run on, in words. Raises SettingsError where it can't be used."""
    return "the CPU" if settings.device == "cpu" else str(gpu().Gpu.of(settings.device))


def gpu() -> ModuleType:
    """The module of the other engine, imported only where it is asked for: torch is no part of serving on a CPU."""
    try:
        from models.engines import gpu
    except ImportError as error:
        raise SettingsError(
            f"GRETCHEN_DEVICE asks for a GPU, and torch and onnx can't be imported: {error}; pip install"
            " 'gretchen[gpu]', or set GRETCHEN_DEVICE=cpu"
        ) from None
    return gpu


def load_reader(settings: Settings) -> Reader | None:
    """None where none is installed and none was asked for. Raises ArtifactError."""
    if not installed(settings, "reader_model"):
        return None
    return Reader(load_artifact(settings.reader_model), settings.engine_threads)


def load_encoder(settings: Settings) -> Encoder | None:
    """None where none is installed and none was asked for: passages are then found by their words alone. Raises
    ArtifactError."""
    if not installed(settings, "encoder_model"):
        return None
    return Encoder(load_artifact(settings.encoder_model), settings.engine_threads)


def installed(settings: Settings, field: str) -> bool:
    """Whether a model that may be missing is to be loaded: one that was named by its setting always is."""
    return not is_shipped(settings, field) or Path(getattr(settings, field)).exists()


def is_shipped(settings: Settings, field: str) -> bool:
    """Whether a model is the one that comes with Gretchen."""
    return bool(getattr(settings, field) == getattr(Settings(), field))


def check_heads(artifact: Artifact, wanted: Heads) -> None:
    """Raise ArtifactError unless each head is there, on texts or spans as wanted, with its labels in their order."""
    if artifact.config.pair:
        raise ArtifactError(f"{artifact.path} scores pairs of texts, the app has single ones; {choose(artifact.path)}")
    for name, (on, labels) in wanted.items():
        head = artifact.config.heads.get(name)
        if head is None:
            raise ArtifactError(
                f"{artifact.path} has the heads {', '.join(artifact.config.heads)},"
                f" the app expects {', '.join(wanted)}; {choose(artifact.path)}"
            )
        if head.on != on or (labels is not None and head.labels != labels):
            raise ArtifactError(f"{artifact.path} has {told(name, head.on, head.labels)}, the app expects"
                                f" {told(name, on, labels or head.labels)}; {choose(artifact.path)}")  # fmt: skip


def told(name: str, on: str, labels: tuple[str, ...]) -> str:
    shown = ", ".join(labels[:3]) + (", …" if len(labels) > 3 else "")
    return f"head {name} on {on} with labels ({shown})"


def choose(path: Path) -> str:
    return f"export {path.name} again, or name another directory by GRETCHEN_NEWS_MODEL or GRETCHEN_INTENTS_MODEL"
