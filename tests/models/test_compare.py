"""Artifacts side by side: what is more than noise, what is not, and who is refused."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from models.errors import ArtifactError
from models.evaluation.bootstrap import Difference, difference, differences
from models.evaluation.compare import compared, words
from models.evaluation.evaluate import Scored
from streams.commands.models import command as models_command

MOODS = ("bad", "good")


def right_in(right: np.ndarray[Any, Any]) -> Scored:
    """Scores of a model that is right on these texts; the truth alternates."""
    truth = np.arange(len(right)) % 2
    said = np.where(right, truth, 1 - truth)
    return Scored(np.eye(2)[said] * 0.8 + 0.1, truth)


def test_paired_a_small_difference_is_more_than_noise_though_the_intervals_overlap() -> None:
    right = np.arange(1000) % 5 != 0
    better = right.copy()
    better[:60:5] = True  # the same texts, and 12 more
    found = differences(right_in(right), right_in(better), 2)["accuracy"]
    assert found.difference == 0.012 and found.low > 0 and found.is_more_than_noise()


def test_as_many_texts_won_as_lost_is_no_more_than_noise() -> None:
    right = np.arange(1000) % 5 != 0
    other = right.copy()
    other[:60:5], other[1:60:5] = True, False
    found = differences(right_in(right), right_in(other), 2)["accuracy"]
    assert found.difference == 0 and found.low < 0 < found.high and found.p > 0.5 and not found.is_more_than_noise()


def test_a_model_does_not_differ_from_itself() -> None:
    one = right_in(np.arange(300) % 7 != 0)
    for found in differences(one, one, 2).values():
        assert found == Difference(0.0, 0.0, 0.0, 1.0)


@given(st.lists(st.booleans(), min_size=4, max_size=40), st.randoms(use_true_random=False))
def test_turned_round_the_difference_turns_its_sign_and_keeps_its_p(right: list[bool], rng: Any) -> None:
    first, other = right_in(np.array(right)), right_in(np.array([rng.random() < 0.5 for _ in right]))
    there, back = differences(first, other, 2, 200), differences(other, first, 2, 200)
    for metric, found in there.items():
        assert (found.difference, found.low, found.high) == pytest.approx(
            (-back[metric].difference, -back[metric].high, -back[metric].low), abs=2e-4
        )
        assert found.p == back[metric].p


def test_noise_is_called_a_difference_as_often_as_said() -> None:
    """Of pairs that are equally good, about 5 in 100; with three comparisons, fewer."""
    rng = np.random.default_rng(3)
    pairs = [(right_in(rng.random(300) < 0.8), right_in(rng.random(300) < 0.8)) for _ in range(200)]
    found = [differences(first, other, 2, 300)["accuracy"] for first, other in pairs]
    called = sum(one.is_more_than_noise() for one in found)
    assert 2 <= called <= 20
    assert sum(one.is_more_than_noise(3) for one in found) < called


def test_p_is_never_zero_nor_above_one() -> None:
    assert difference(1.0, np.ones(999)).p == 0.002 and difference(0.0, np.zeros(999)).p == 1.0


def test_the_verdict_is_said_in_words() -> None:
    assert words("b", "a", "macro_f1", -0.03, True) == "b is worse than a by 0.0300 in macro F1: more than noise"
    assert words("b", "a", "accuracy", 0.001, False) == "b and a differ by 0.0010 in accuracy: no more than noise"
    right = np.arange(1000) % 5 != 0
    told = compared({"a": right_in(right), "b": right_in(np.ones(1000, bool))}, MOODS, 200)
    assert "against_first" not in told["a"] and told["a"]["accuracy"] == 0.8
    assert (
        told["b"]["against_first"]["accuracy"]["words"] == "b is better than a by 0.2000 in accuracy: more than noise"
    )


@pytest.fixture(scope="module")
def artifacts(tiny_base: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One that learned, the same with its labels in another order, one spoiled, one with other labels."""
    pytest.importorskip("onnx", reason="building a graph wants the [train] extra")
    from tests.support.tiny_artifact import make_artifact

    with (tiny_data / "moods.csv").open() as file:
        rows = list(csv.DictReader(file))
    texts, moods = [r["text"] for r in rows], [r["mood"] for r in rows]
    out = tmp_path_factory.mktemp("compare")
    return {
        "learned": make_artifact(tiny_base, out / "learned", texts, moods),
        "turned": make_artifact(tiny_base, out / "turned", texts, moods, order=MOODS[::-1]),
        "sure": make_artifact(tiny_base, out / "sure", texts, moods, threshold=1.0),
        "spoiled": make_artifact(tiny_base, out / "spoiled", texts, moods, noise=3.0),
        "fine": make_artifact(
            tiny_base, out / "fine", texts, ["fine" if m == "good" else m for m in moods], order=("bad", "fine")
        ),
    }  # fmt: skip


def run(paths: list[Path], data: Path, *more: str) -> Any:
    options = ["--data", str(data / "moods_test.csv"), "--label", "mood", *more]
    return CliRunner().invoke(models_command, ["compare", *map(str, paths), *options], catch_exceptions=False)


def test_compare_tells_the_spoiled_one_from_the_learned_and_not_the_order_of_labels(
    artifacts: dict[str, Path], tiny_data: Path
) -> None:
    paths = [artifacts["learned"], artifacts["turned"], artifacts["spoiled"]]
    done = run(paths, tiny_data)
    assert "against the first" in done.stdout and "texts/s" in done.stdout
    told = json.loads(run(paths, tiny_data, "--json").stdout)
    figures = told["sets"]["moods_test.mood"]
    learned, turned, spoiled = (figures[str(path)] for path in paths)
    assert turned["accuracy"] == learned["accuracy"] > spoiled["accuracy"] + 0.1
    assert not turned["against_first"]["accuracy"]["more_than_noise"]
    assert spoiled["against_first"]["accuracy"]["more_than_noise"]
    assert f"{artifacts['spoiled']} is worse than {artifacts['learned']}" in done.stdout
    assert told["bootstrap"]["comparisons"] == 2 and told["artifacts"][str(paths[0])]["bytes"] > 1000


def test_each_is_judged_at_its_own_threshold_on_what_is_out_of_scope(
    artifacts: dict[str, Path], tiny_data: Path, tmp_path: Path
) -> None:
    rows = (tiny_data / "moods_test.csv").read_text() + "zebra quark,odd\nquark,odd\n"
    (tmp_path / "moods_test.csv").write_text(rows)
    options = ["--out-of-scope", "odd", "--json"]
    told = json.loads(run([artifacts["learned"], artifacts["sure"]], tmp_path, *options).stdout)
    learned, sure = (told["abstention"][str(artifacts[name])]["mood"] for name in ("learned", "sure"))
    assert learned["threshold"] is None and "out_of_scope_recall" not in learned
    assert sure["threshold"] == 1.0 and sure["out_of_scope_recall"] == 1.0 and sure["in_scope_accuracy"] == 0.0
    assert learned["auroc"] == sure["auroc"] and sure["out_of_scope"] == 2


def test_compare_refuses_artifacts_whose_labels_differ_by_name(artifacts: dict[str, Path], tiny_data: Path) -> None:
    with pytest.raises(ArtifactError, match=r"fine: head mood has other labels: it lacks 'good' and has 'fine'"):
        run([artifacts["learned"], artifacts["fine"]], tiny_data)


def test_one_artifact_or_the_same_twice_is_wrong_usage(artifacts: dict[str, Path], tiny_data: Path) -> None:
    for paths in ([artifacts["learned"]], [artifacts["learned"]] * 2):
        done = run(paths, tiny_data)
        assert done.exit_code == 2 and "wanted two artifacts or more, each once" in done.stderr
