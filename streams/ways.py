"""All ways to an answer, put together as the settings say; a way whose model is not there is none."""

from collections.abc import Callable, Collection
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.artifact import load_artifact
from models.engines.onnx import OnnxEngine
from models.errors import ArtifactError, SettingsError
from streams.chat import language
from streams.chat.answering import Answering, Policy
from streams.chat.chances import chance_of
from streams.chat.computing import Live
from streams.chat.live.grammar import HEADS
from streams.chat.live.linking import Linker
from streams.chat.live.parse import Parser
from streams.chat.reading import FIRST, Documents
from streams.chat.recognize import INTENT, Recognizer
from streams.chat.template import Templates
from streams.chat.turns import Index, Market
from streams.engines import NEWS_HEADS, Heads, check_heads, installed, is_shipped, load_intents, load_reader
from streams.news.entities import load_watchlist
from streams.news.score import TOPIC
from streams.records import Way
from streams.settings import Settings

INSTRUCTIONS_HEADS: Heads = {head: ("text", labels) for head, labels in HEADS.items()}
UNTOLD_THRESHOLD = 0.9  # of an instructions model that says none
WAYS: tuple[Way, ...] = ("template", "documents", "live")


def load_answering(
    settings: Settings,
    templates: Callable[[], Templates],
    clock: Callable[[], datetime],
    index: Index | None = None,
    market: Market | None = None,
    only: Collection[Way] = WAYS,
    read_first: int = FIRST,
) -> Answering:
    """`read_first`: the passages that are read at once for a question.

    Raises ArtifactError for a model that can't be used, SettingsError for an intent without an answer.
    """
    language.load_soon()  # before the first question
    policy = Policy(settings.wrong_answer_price, settings.chat_expires_s, settings.handover_expires_s)
    return Answering(
        templates,
        clock,
        recognizer(settings, templates()) if "template" in only else None,
        live(settings, market) if market is not None and "live" in only else None,
        documents(settings, index, read_first) if index is not None and "documents" in only else None,
        policy=policy,
    )


def recognizer(settings: Settings, templates: Templates) -> Recognizer:
    engine, threshold = load_intents(settings)
    templates.require(engine.labels[INTENT])
    return Recognizer(engine, chance_of("template", engine.version, threshold, is_shipped(settings, "intents_model")))


def live(settings: Settings, market: Market) -> Live | None:
    """None where no model for instructions is installed."""
    if not installed(settings, "instructions_model"):
        return None
    instructions, news = load_artifact(settings.instructions_model), load_artifact(settings.news_model)
    check_heads(instructions, INSTRUCTIONS_HEADS)
    check_heads(news, NEWS_HEADS)
    threshold = instructions.config.abstain.threshold if instructions.config.abstain else UNTOLD_THRESHOLD
    engine = OnnxEngine(instructions, settings.engine_threads, settings.engine_batch_tokens)
    entities = load_watchlist(settings.watchlist)
    parser = Parser(engine, Linker(entities, news.config.heads[TOPIC].labels), threshold)
    chance = chance_of("live", engine.version, threshold, is_shipped(settings, "instructions_model"))
    sectors = {entity.entity: entity.sector for entity in entities}
    return Live(parser, market, zone(settings), sectors, chance, engine.version)


def documents(settings: Settings, index: Index, first: int = FIRST) -> Documents | None:
    """None where no reader is installed."""
    reader = load_reader(settings)
    if reader is None:
        return None
    chance = chance_of("documents", reader.version, reader.threshold, is_shipped(settings, "reader_model"))
    return Documents(index, reader, chance, settings.passages_read, first)


def need_reader(answering: Answering, settings: Settings) -> None:
    """Raise ArtifactError for who has documents and no model that reads."""
    if answering.documents is None:
        raise ArtifactError(
            f"documents can't be read: there is no reader in {settings.reader_model}; name one by GRETCHEN_READER_MODEL"
        )


def need_instructions(answering: Answering, settings: Settings) -> None:
    """Raise ArtifactError for who wants the live stream asked and has no model that emits instructions."""
    if answering.live is None:
        raise ArtifactError(
            f"the live stream can't be asked: there is no model in {settings.instructions_model}; name one by"
            " GRETCHEN_INSTRUCTIONS_MODEL"
        )


def zone(settings: Settings) -> ZoneInfo:
    """Raises SettingsError."""
    try:
        return ZoneInfo(settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(
            f"GRETCHEN_TIME_ZONE: got {settings.time_zone!r}, wanted a zone as UTC or Europe/Vienna"
        ) from None
