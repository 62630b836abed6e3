"""`gretchen worker`: the agents."""

import os
from datetime import UTC, datetime

import click
from prometheus_client import CollectorRegistry

from streams.app import create_app
from streams.chat.templates import load_templates
from streams.engines import load_intents, load_news
from streams.exact import ExactApp
from streams.metrics import rules_gauges
from streams.news.entities import Gazetteer, load_watchlist
from streams.news.score import TOPIC
from streams.rules_file import RulesFile
from streams.run_worker import run_worker
from streams.settings import load_settings


@click.command("worker")
@click.option("--metrics-port", type=int, help="Where /metrics is served. Default: GRETCHEN_METRICS_PORT, 9464.")
def command(metrics_port: int | None) -> None:
    """Score news, watch entities, raise alerts and answer questions, until SIGTERM or Ctrl-C.

    As many workers share the work as topics have partitions; give each its own GRETCHEN_METRICS_PORT and
    GRETCHEN_DATA_DIR when several run on one machine. What is at work is finished and acknowledged before the worker
    ends. It ends by itself with exit code 70 when it can't finish what it began: let a supervisor start it again.
    """
    settings = load_settings(os.environ, metrics_port=metrics_port)
    news, intents = load_news(settings), load_intents(settings)
    entities, templates = load_watchlist(settings.watchlist), load_templates()
    sectors = {each.entity: each.sector for each in entities}
    gazetteer, rules = Gazetteer(entities), RulesFile(settings.rules, sectors, news.labels[TOPIC])
    templates.require(intents.engine.labels["intent"])

    def build(registry: CollectorRegistry) -> ExactApp:
        rules_gauges(registry, rules.failed, lambda: rules.loaded_at)
        return create_app(
            settings,
            news_engine=news,
            intents_engine=intents.engine,
            threshold=intents.threshold,
            gazetteer=gazetteer,
            templates=templates,
            rules=rules,
            clock=lambda: datetime.now(UTC),
            registry=registry,
        )

    run_worker(settings, build)
