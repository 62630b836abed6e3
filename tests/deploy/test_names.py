"""Dashboard and rules ask for what a worker or `gretchen notify` exports, and for nothing else."""

import re
from itertools import combinations

import pytest

from streams.metrics import LATENCY_S
from tests.deploy.expressions import expressions, labels, names, of_notify, of_worker, on_the_wire, panels, rules


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_every_metric_and_label_asked_for_exists(where: str, expression: str) -> None:
    series = on_the_wire()
    asked = names(expression)
    assert asked <= series.keys(), f"{where} asks for what nobody exports: {asked - series.keys()}"
    known = set().union(*(series[name] for name in asked)) | {"job"}
    assert labels(expression) <= known, f"{where} names labels that no metric has: {labels(expression) - known}"


def test_every_metric_of_a_worker_is_shown() -> None:
    shown = set().union(*(names(target["expr"]) for panel in panels() for target in panel["targets"]))
    families = {re.sub(r"_(total|created|sum|count|bucket)$", "", name) for name in of_worker()}
    unseen = {family for family in families if not any(name.startswith(family) for name in shown)}
    assert unseen == {"gretchen_batches"}  # the count of every other panel's batches


def test_every_metric_of_notify_is_shown() -> None:
    shown = set().union(*(names(target["expr"]) for panel in panels() for target in panel["targets"]))
    families = {re.sub(r"_(total|created|sum|count|bucket)$", "", name) for name in of_notify()}
    assert {family for family in families if not any(name.startswith(family) for name in shown)} == set()


def test_a_worker_and_notify_share_no_name_but_that_of_dead_letters() -> None:
    """So that no rule and no panel about workers takes `gretchen notify` for one."""
    shared = of_worker().keys() & of_notify().keys()
    assert shared == {"gretchen_dead_letters_total", "gretchen_dead_letters_created"}


def test_every_latency_bound_asked_for_is_a_bucket() -> None:
    asked = {bound for _, expression in expressions() for bound in re.findall(r'le="([\d.]+)"', expression)}
    assert asked
    assert asked <= {str(float(bound)) for bound in LATENCY_S}


def test_every_alert_says_what_is_wrong_and_how_bad_it_is() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert all(rule["annotations"][what].strip() for what in ("summary", "description")), rule["alert"]


def test_panels_overlap_nowhere_and_have_names_of_their_own() -> None:
    for one, other in combinations(panels(), 2):
        a, b = one["gridPos"], other["gridPos"]
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        above = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or above, f"{one['title']} lies over {other['title']}"
        assert one["id"] != other["id"]
        assert one["title"] != other["title"]
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels())
