"""All ways to an answer, put together as the settings say; a way whose model is not there is none."""

from collections.abc import Callable, Collection
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.errors import ArtifactError, SettingsError
from streams.chat.answering import Answering, Policy
from streams.chat.chances import chance_of
from streams.chat.reading import Documents
from streams.chat.recognize import INTENT, Recognizer
from streams.chat.template import Templates
from streams.chat.turns import Index
from streams.engines import is_shipped, load_intents, load_reader
from streams.records import Way
from streams.settings import Settings

WAYS: tuple[Way, ...] = ("template", "documents", "live")


def load_answering(
    settings: Settings,
    templates: Callable[[], Templates],
    clock: Callable[[], datetime],
    index: Index | None = None,
    only: Collection[Way] = WAYS,
) -> Answering:
    """Raises ArtifactError for a model that can't be used, SettingsError for an intent without an answer."""
    policy = Policy(settings.wrong_answer_price, settings.chat_expires_s, settings.handover_expires_s)
    return Answering(
        templates,
        clock,
        recognizer(settings, templates()) if "template" in only else None,
        documents(settings, index) if index is not None and "documents" in only else None,
        policy=policy,
    )


def recognizer(settings: Settings, templates: Templates) -> Recognizer:
    engine, threshold = load_intents(settings)
    templates.require(engine.labels[INTENT])
    return Recognizer(engine, chance_of("template", engine.version, threshold, is_shipped(settings, "intents_model")))


def documents(settings: Settings, index: Index) -> Documents | None:
    """None where no reader is installed."""
    reader = load_reader(settings)
    if reader is None:
        return None
    chance = chance_of("documents", reader.version, reader.threshold, is_shipped(settings, "reader_model"))
    return Documents(index, reader, chance, settings.passages_read)


def need_reader(answering: Answering, settings: Settings) -> None:
    """Raise ArtifactError for who has documents and no model that reads."""
    if answering.documents is None:
        raise ArtifactError(
            f"documents can't be read: there is no reader in {settings.reader_model}; name one by GRETCHEN_READER_MODEL"
        )


def zone(settings: Settings) -> ZoneInfo:
    """Raises SettingsError."""
    try:
        return ZoneInfo(settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise SettingsError(
            f"GRETCHEN_TIME_ZONE: got {settings.time_zone!r}, wanted a zone as UTC or Europe/Vienna"
        ) from None
