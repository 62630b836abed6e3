"""What the dashboard and the rules ask Prometheus, and what a worker and `gretchen notify` can answer."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import CollectorRegistry, Gauge

from streams.metrics import Metrics, lag_gauge, ready_gauge, rules_gauges, templates_gauge
from streams.sinks.metrics import Metrics as SinkMetrics

DEPLOY = Path(__file__).parents[2] / "deploy"
RULES = DEPLOY / "prometheus" / "rules.yml"
CONFIG = DEPLOY / "prometheus" / "prometheus.yml"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "gretchen.json"


def panels() -> list[dict[str, Any]]:
    """The dashboard's panels but for row titles."""
    return [panel for panel in json.loads(DASHBOARD.read_text())["panels"] if panel["type"] != "row"]


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def expressions() -> Iterator[tuple[str, str]]:
    """(where, expression) of everything that is asked."""
    for variable in json.loads(DASHBOARD.read_text())["templating"]["list"]:
        yield f"variable {variable['name']}", str(variable.get("definition", ""))
    for panel in panels():
        for target in panel["targets"]:
            yield f"panel {panel['title']}", target["expr"]
    for rule in rules():
        yield f"alert {rule['alert']}", rule["expr"]


def names(expression: str) -> set[str]:
    return set(re.findall(r"\bgretchen_\w+", expression))


def labels(expression: str) -> set[str]:
    """Label names in matchers and groupings."""
    grouped = re.findall(r"\b(?:by|on) \(([^)]*)\)", expression)
    matched = re.findall(r"\{([^}]*)\}", expression)
    return {name for group in grouped for name in re.split(r",\s*", group)} | {
        name for matchers in matched for name in re.findall(r"(\w+)\s*(?:=~?|!=|!~)", matchers)
    }


def on_the_wire() -> dict[str, set[str]]:
    """Series name -> label names, of all processes."""
    worker, notify = of_worker(), of_notify()
    return {name: worker.get(name, set()) | notify.get(name, set()) for name in worker | notify}


def of_worker() -> dict[str, set[str]]:
    registry = CollectorRegistry()
    Metrics(registry)
    lag_gauge(registry)
    ready_gauge(registry, lambda: True)
    rules_gauges(registry, lambda: False, lambda: 0.0)
    templates_gauge(registry, lambda: False)
    return exposed(registry)


def of_notify() -> dict[str, set[str]]:
    registry = CollectorRegistry()
    SinkMetrics(registry)
    return exposed(registry)


def exposed(registry: CollectorRegistry) -> dict[str, set[str]]:
    """As Prometheus sees it: counters end in _total there, histograms fan out."""
    return {
        name: {*metric._labelnames, "instance", "job", *(["le"] if name.endswith("_bucket") else [])}
        for metric, names in registry._collector_to_names.items()
        for name in names
        if name != metric._name or isinstance(metric, Gauge)
    }
