"""`gretchen worker`: the agents."""

import os
from datetime import UTC, datetime

import click
from prometheus_client import CollectorRegistry

from models.artifact import load_artifact
from models.engines.encoder import Encoder
from streams.app import create_app
from streams.chat.answering import Answering
from streams.chat.index import PassageIndex
from streams.chat.recognize import INTENT
from streams.chat.templates import TemplatesFolder
from streams.conversing import ANSWERING
from streams.engines import load_encoder, load_news
from streams.exact import ExactApp
from streams.memory import give_back_freed
from streams.metrics import Metrics, rules_gauges, templates_gauge
from streams.mirror import DocumentsMirror, MarketMirror, Mirror
from streams.news.entities import Gazetteer, load_watchlist
from streams.news.score import TOPIC
from streams.rules_file import RulesFile
from streams.run_worker import run_worker
from streams.serving import watched
from streams.settings import Settings, load_settings
from streams.ways import load_answering


@click.command("worker")
@click.option("--metrics-port", type=int, help="Where /metrics is served. Default: GRETCHEN_METRICS_PORT, 9464.")
def command(metrics_port: int | None) -> None:
    """Score news, watch entities, raise alerts and answer questions, until SIGTERM or Ctrl-C.

    As many workers share the work as topics have partitions; give each its own GRETCHEN_METRICS_PORT and
    GRETCHEN_DATA_DIR when several run on one machine. What is at work is finished and acknowledged before the worker
    ends. It ends by itself with exit code 70 when it can't finish what it began: let a supervisor start it again.
    """
    give_back_freed()  # before models are loaded and threads begin
    settings = load_settings(os.environ, metrics_port=metrics_port)
    news, entities, clock = load_news(settings), load_watchlist(settings.watchlist), lambda: datetime.now(UTC)
    sectors = {each.entity: each.sector for each in entities}
    gazetteer, rules = Gazetteer(entities), RulesFile(settings.rules, sectors, news.labels[TOPIC])
    encoder = load_encoder(settings)
    templates, index = TemplatesFolder(settings.templates, intents_of(settings)), PassageIndex(encoder)
    market = MarketMirror(settings)
    answering = load_answering(settings, templates, clock, index, market)
    mirrors: list[Mirror] = []
    if answering.documents is not None:
        mirrors.append(DocumentsMirror(settings, index))
    if answering.live is not None:
        mirrors.append(market)

    def build(registry: CollectorRegistry) -> ExactApp:
        rules_gauges(registry, rules.failed, lambda: rules.loaded_at)
        templates_gauge(registry, templates.failed)
        metrics = Metrics(registry)
        return create_app(
            settings,
            news_engine=news,
            answer=watched(answering, metrics, ANSWERING).answer,
            gazetteer=gazetteer,
            rules=rules,
            clock=clock,
            metrics=metrics,
            informed=lambda: all(mirror.ready for mirror in mirrors),
        )

    run_worker(settings, build, mirrors, off(answering, encoder, settings))


def intents_of(settings: Settings) -> tuple[str, ...]:
    """What the intents model knows, for every one of which there must be an answer. Raises ArtifactError."""
    head = load_artifact(settings.intents_model).config.heads.get(INTENT)
    return head.labels if head else ()


def off(answering: Answering, encoder: Encoder | None, settings: Settings) -> list[str]:
    """A line for each thing that chat does without, as its model is not there."""
    lines = []
    if answering.live is None:
        lines.append(
            "questions on the news are not computed:"
            f" no model for instructions in {settings.instructions_model}; see GRETCHEN_INSTRUCTIONS_MODEL"
        )
    if answering.documents is None:
        lines.append(f"documents are not read: no reader in {settings.reader_model}; see GRETCHEN_READER_MODEL")
    elif encoder is None:
        lines.append(
            "passages of documents are found by their words alone:"
            f" no encoder in {settings.encoder_model}; see GRETCHEN_ENCODER_MODEL"
        )
    return lines
