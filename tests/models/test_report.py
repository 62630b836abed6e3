"""The full report: figures against hand-made and scikit-learn's, its page and pictures, its verb on a tiny artifact."""

import csv
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from models.artifact import Abstain, Config, HeadConfig
from models.data.corpus import OUTLIER, Example, Target
from models.engines.fake import FakeEngine
from models.errors import ArtifactError, InputError
from models.evaluation.bootstrap import interval, resample, share_interval
from models.evaluation.evaluate import Scored, aligned, calibration_error, joined, score
from models.evaluation.report import abstained, classified, fits, full_report, speed
from models.evaluation.report_page import most_mixed, page
from models.metrics import averages, classification, confusion, reliability, risk_coverage, softmax
from models.tasks.task import Head
from streams.commands.models import command as models_command

MOODS = ("bad", "good")


def some(n: int, labels: int, seed: int = 0, sharp: float = 2.0) -> Scored:
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, labels, n)
    return Scored(softmax(rng.normal(size=(n, labels)) + sharp * np.eye(labels)[truth]), truth)


def test_averages_and_confusion_agree_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="comparing wants the [train] extra")
    scored = some(500, 4, sharp=1.0)
    said = scored.probabilities.argmax(-1)
    told = averages(classification(said, scored.labels, ("a", "b", "c", "d")))
    for name, three in told.items():
        wanted = metrics.precision_recall_fscore_support(scored.labels, said, average=name)[:3]
        assert list(three.values()) == pytest.approx(wanted, abs=1e-3)
    assert (confusion(said, scored.labels, 4) == metrics.confusion_matrix(scored.labels, said)).all()


@given(st.integers(0, 60), st.integers(2, 5))
def test_confusion_counts_every_text_once_and_its_diagonal_the_right_ones(n: int, labels: int) -> None:
    scored = some(n, labels)
    said = scored.probabilities.argmax(-1)
    matrix = confusion(said, scored.labels, labels)
    assert matrix.sum() == n and np.trace(matrix) == (said == scored.labels).sum()


def test_risk_rises_with_coverage_if_confidence_is_worth_something_and_ends_at_the_error() -> None:
    scored = some(4000, 3)
    coverage, risk = risk_coverage(scored.probabilities, scored.labels)
    error = float((scored.probabilities.argmax(-1) != scored.labels).mean())
    assert coverage[-1] == 1 and risk[-1] == pytest.approx(error)
    assert risk[400] < risk[2000] < risk[-1]


def test_risk_by_hand_with_ties_answered_together() -> None:
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.4, 0.6], [0.8, 0.2]])
    for order in ([0, 1, 2, 3], [3, 2, 1, 0]):
        _, risk = risk_coverage(p[order], np.array([0, 0, 0, 1])[order])
        assert risk == pytest.approx([0, 1 / 2, 1.5 / 3, 2 / 4])


def test_reliability_bins_hold_every_text_and_give_the_calibration_error() -> None:
    p = np.array([[0.95, 0.05], [0.95, 0.05], [0.6, 0.4], [0.4, 0.6]])
    labels = np.array([0, 1, 0, 0])
    bins = reliability(p, labels, 10)
    assert [(round(b["confidence"], 2), b["accuracy"], b["n"]) for b in bins] == [(0.6, 0.5, 2), (0.95, 0.5, 2)]
    assert calibration_error(p, labels, 10) == pytest.approx(0.5 * 0.1 + 0.5 * 0.45)


def test_an_interval_holds_the_figure_and_narrows_with_the_root_of_the_texts() -> None:
    widths = []
    for n in (400, 1600):
        scored = some(n, 3)
        accuracy = float((scored.probabilities.argmax(-1) == scored.labels).mean())
        low, high = interval(resample(scored, 3)["accuracy"])
        assert low < accuracy < high
        # the normal approximation of a share
        assert high - low == pytest.approx(2 * 1.96 * np.sqrt(accuracy * (1 - accuracy) / n), rel=0.15)
        widths.append(high - low)
    assert 1.6 < widths[0] / widths[1] < 2.4


def test_intervals_are_the_same_for_the_same_seed_and_other_for_another() -> None:
    scored = some(200, 3)
    first, again, other = (resample(scored, 3, 100, seed)["macro_f1"] for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()


def test_a_resample_without_variation_gives_exactly_the_figures() -> None:
    scored = Scored(np.array([[0.9, 0.1]] * 5), np.array([0] * 5))
    values = resample(scored, 2, 100)
    assert (values["accuracy"] == 1).all() and (values["macro_f1"] == 1).all()


def test_entities_of_one_text_are_drawn_together() -> None:
    scored = some(600, 2, sharp=0.5)
    apart = interval(resample(scored, 2)["accuracy"])
    tied = Scored(np.repeat(scored.probabilities, 4, 0), np.repeat(scored.labels, 4), np.repeat(np.arange(600), 4))
    together = interval(resample(tied, 2)["accuracy"])
    alone = interval(resample(tied._replace(examples=None), 2)["accuracy"])
    assert together[1] - together[0] == pytest.approx(apart[1] - apart[0], rel=0.15)
    assert alone[1] - alone[0] < 0.7 * (together[1] - together[0])


def test_joined_scores_never_mix_the_examples_of_two_sets() -> None:
    one = Scored(np.ones((3, 2)), np.zeros(3, int), np.array([0, 0, 1]))
    two = Scored(np.ones((2, 2)), np.zeros(2, int))
    both = joined([one, two, one]).examples
    assert both is not None and both.tolist() == [0, 0, 1, 2, 3, 4, 4, 5]


def test_the_temperature_that_would_fit_is_told_of_the_logits_not_of_what_was_served() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 4000)
    logits = 4 * (rng.normal(size=(4000, 3)) + 2 * np.eye(3)[labels])  # of these 2.0 is the true temperature
    for served in (1.0, 2.0, 3.0):
        assert fits(Scored(softmax(logits, served), labels), served) == pytest.approx(2.0, rel=0.05)
    assert fits(None, 1.0) is None
    assert fits(Scored(np.ones((2, 3)) / 3, np.array([OUTLIER] * 2)), 1.0) is None


def test_out_of_scope_is_told_at_the_threshold_with_intervals_and_without_one_only_apart() -> None:
    p = np.array([[0.9, 0.1]] * 60 + [[0.2, 0.8]] * 20 + [[0.55, 0.45]] * 20)
    scored = Scored(p, np.array([0] * 70 + [1] * 10 + [OUTLIER] * 20))
    told = abstained(scored, 0.6)
    assert told["out_of_scope_recall"] == 1.0 and told["auroc"] == 1.0
    assert told["in_scope_accuracy"] == 0.875 == told["accuracy_without_abstaining"]  # 10 of 80 are wrong, and sure
    low, high = told["intervals"]["in_scope_accuracy"]
    assert low < 0.875 < high
    assert "out_of_scope_recall" not in abstained(scored, None) and abstained(scored, None)["auroc"] == 1.0
    assert abstained(Scored(p[80:], scored.labels[80:]), 0.6)["in_scope"] == 0


def test_a_share_of_nothing_but_hits_has_no_width() -> None:
    assert share_interval(np.ones(50, bool)) == (1.0, 1.0)


def engine_and_sets() -> tuple[FakeEngine, Config, dict[str, list[Example]]]:
    engine = FakeEngine({"mood": MOODS, "named": MOODS}, frozenset({"named"}), threshold=0.5)
    heads = {"mood": HeadConfig("text", MOODS, 2.0), "named": HeadConfig("span", MOODS, 1.0)}
    config = Config(1, "tiny", 128, 0, "mean", heads, Abstain(0.5, "max_probability"))
    moods = [
        Example(f"{MOODS[n % 2]} news {n}", (Target("mood", n % 2 if n % 5 else 1 - n % 2),), "moods")
        for n in range(50)
    ]
    moods += [Example("who knows", (Target("mood", OUTLIER),), "moods")]
    spans = [
        Example("good Acme, good IBM", (Target("named", 1, 1.0, (5, 9)), Target("named", 0, 1.0, (16, 19))), "names"),
        Example("bad Acme", (Target("named", 0, 1.0, (4, 8)), Target("elsewhere", 0)), "names"),
    ]  # fmt: skip
    return engine, config, {"moods": moods, "names": spans}


def report_of_fake() -> dict[str, Any]:
    engine, config, sets = engine_and_sets()
    ticks = iter(range(10))
    told = full_report(engine, config, sets, {"dev": sets["moods"]}, resamples=100, clock=lambda: next(ticks))
    return {"artifact": "fake/1", "bytes": 1_500_000, "data": "made up", "data_notes": ["moods: 1 skipped"], **told}


def test_the_full_report_tells_each_set_and_head_and_what_it_left_out() -> None:
    told = report_of_fake()
    moods, names = told["sets"]["moods.mood"], told["sets"]["names.named"]
    assert (moods["n"], moods["accuracy"]) == (50, 0.8)
    assert (names["n"], names["examples"], names["accuracy"]) == (3, 2, 0.6667)
    assert moods["confusion"] == [[20, 5], [5, 20]]
    assert moods["temperature"]["served"] == 2.0 and moods["temperature"]["fits"] is not None
    assert names["temperature"]["fits"] is None  # its head has no dev
    assert told["abstention"]["mood"]["out_of_scope"] == 1 and told["left_out"] == ["elsewhere"]
    assert told["speed"]["texts_per_s"] == 53.0  # one tick of the clock
    assert json.loads(json.dumps(told)) == json.loads(json.dumps(report_of_fake()))


def test_the_page_holds_the_figures_the_confusions_and_the_pictures() -> None:
    told = report_of_fake()
    written = page(told, {"moods.mood": ["moods.mood-confusion.png"]})
    assert "| moods.mood | 50 | 0.800 [" in written and "![moods.mood: confusion](moods.mood-confusion.png)" in written
    assert "| bad | good | 5 | 20.0% |" in written and "elsewhere" in written and "moods: 1 skipped" in written
    assert most_mixed(told["sets"]["moods.mood"]) == [("bad", "good", 5), ("good", "bad", 5)]


def test_speed_of_no_texts_is_no_division_by_zero() -> None:
    assert speed(engine_and_sets()[0], [])["texts"] == 0


def test_pictures_are_drawn_for_two_labels_and_for_eighty(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures want the [train] extra")
    from models.evaluation.report_pictures import draw

    names = tuple(f"a label of some length {n}" for n in range(80))
    told = {"artifact": "fake/1", "sets": {
        "moods.mood": classified(some(40, 2), MOODS, 1.0, None, 100),
        "many | set.intent": classified(some(300, 80, sharp=4.0), names, 1.0, None, 100),
    }}  # fmt: skip
    made = draw(told, tmp_path)
    assert made["many | set.intent"][0] == "many-set.intent-confusion.png"
    for file in (file for files in made.values() for file in files):
        content = (tmp_path / file).read_bytes()
        width, height = struct.unpack(">II", content[16:24])
        assert content.startswith(b"\x89PNG") and 400 < width < 3000 and 400 < height < 3000


@given(st.lists(st.text("abgood ", max_size=60), max_size=20))
def test_scores_come_back_in_the_order_given_whatever_the_lengths(texts: list[str]) -> None:
    engine = FakeEngine({"mood": MOODS}, frozenset())
    together = score(engine, [Example(text, (Target("mood", n % 2),), "set") for n, text in enumerate(texts)])
    for n, text in enumerate(texts):
        (alone,) = engine.infer(engine.encode([(text, ())]))  # type: ignore[list-item]
        assert (together["mood"].probabilities[n] == alone["mood"]).all() and together["mood"].labels[n] == n % 2


def test_labels_in_another_order_are_put_in_the_datas() -> None:
    heads = {"mood": Head("mood", "text", MOODS, "accuracy")}
    plain = FakeEngine({"mood": MOODS}, frozenset())
    swapped = aligned(FakeEngine({"mood": MOODS[::-1]}, frozenset()), heads, "there")
    examples = [Example(f"{mood} news", (Target("mood", MOODS.index(mood)),), "set") for mood in MOODS * 3]
    assert swapped.labels == plain.labels
    assert (score(swapped, examples)["mood"].probabilities == score(plain, examples)["mood"].probabilities).all()


def test_other_labels_are_refused_by_name() -> None:
    heads = {"mood": Head("mood", "text", MOODS, "accuracy")}
    with pytest.raises(ArtifactError, match=r"zoo/x: head mood has other labels: it lacks 'good' and has 'fine'"):
        aligned(FakeEngine({"mood": ("bad", "fine")}, frozenset()), heads, "zoo/x")
    with pytest.raises(ArtifactError, match=r"zoo/x has the heads topic, the data has labels for mood"):
        aligned(FakeEngine({"topic": MOODS}, frozenset()), heads, "zoo/x")


@pytest.fixture(scope="module")
def artifact(tiny_base: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("onnx", reason="building a graph wants the [train] extra")
    from tests.support.tiny_artifact import make_artifact

    with (tiny_data / "moods.csv").open() as file:
        rows = list(csv.DictReader(file))
    out = tmp_path_factory.mktemp("verb") / "tiny"
    return make_artifact(
        tiny_base, out, [r["text"] for r in rows], [r["mood"] for r in rows], order=("good", "bad"), threshold=0.5
    )


def test_evaluate_a_task_prints_tables_and_writes_the_report(artifact: Path, tiny_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="pictures want the [train] extra")
    options = [
        "--task",
        str(tiny_data / "tiny.toml"),
        "--data",
        str(tiny_data),
        "--report",
        str(tmp_path / "report"),
    ]
    done = CliRunner().invoke(models_command, ["evaluate", str(artifact), *options], catch_exceptions=False)
    assert "moods.mood" in done.stdout and "weighted" in done.stdout and "texts/s" in done.stdout
    told = json.loads((tmp_path / "report" / "report.json").read_text())
    assert told["sets"]["moods.mood"]["accuracy"] > 0.8 and told["left_out"] == ["named"]
    assert told["sets"]["moods.mood"]["temperature"]["fits"] > 0
    assert {path.suffix for path in (tmp_path / "report").iterdir()} == {".json", ".md", ".png"}
    assert len(list((tmp_path / "report").iterdir())) == 5


def test_evaluate_a_file_of_ones_own_with_other_columns_labels_and_what_is_out_of_scope(
    artifact: Path, tiny_data: Path, tmp_path: Path
) -> None:
    with (tiny_data / "moods_test.csv").open() as file:
        rows = [{"title": r["text"], "verdict": "+" if r["mood"] == "good" else "-"} for r in csv.DictReader(file)]
    rows += [{"title": "zebra", "verdict": "?"}] * 4
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    arguments = ["evaluate", str(artifact), "--data", str(path), "--text", "title", "--label", "verdict", "--json",
                 "--labels", "+=good", "--labels", "-=bad", "--out-of-scope", "?"]  # fmt: skip
    told = json.loads(CliRunner().invoke(models_command, arguments, catch_exceptions=False).stdout)
    assert told["sets"]["own.mood"]["n"] == 60 and told["sets"]["own.mood"]["accuracy"] > 0.7
    assert told["abstention"]["mood"]["out_of_scope"] == 4 and told["abstention"]["mood"]["threshold"] == 0.5
    assert any("repeated" in note for note in told["data_notes"])


def test_a_broken_file_of_ones_own_is_named_with_its_line(artifact: Path, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("text,label\nrise,good\nfall,awful\n")
    with pytest.raises(InputError, match=r"own\.csv:3: unknown label 'awful'"):
        CliRunner().invoke(
            models_command, ["evaluate", str(artifact), "--data", str(tmp_path / "own.csv")], catch_exceptions=False
        )


def test_a_head_that_is_not_there_and_a_label_without_a_name_are_wrong_usage(artifact: Path, tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_text("text,label\nrise,good\nfall,bad\n")
    arguments = ["evaluate", str(artifact), "--data", str(tmp_path / "own.csv")]
    done = CliRunner().invoke(models_command, [*arguments, "--head", "topic"])
    assert done.exit_code == 2 and "has the heads mood on texts" in done.stderr
    done = CliRunner().invoke(models_command, [*arguments, "--labels", "good"])
    assert done.exit_code == 2 and "wanted THEIRS=OURS" in done.stderr
