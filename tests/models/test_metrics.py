import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evaluation.evaluate import Scored, abstention, calibration_error, choose_threshold, fit_temperature
from models.metrics import auroc, classification, softmax


def test_scores_by_hand() -> None:
    told = classification(np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0]), ("no", "yes"))
    assert told["accuracy"] == 0.6 and told["n"] == 5
    assert told["labels"]["no"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert told["labels"]["yes"] == {"precision": 0.6667, "recall": 0.6667, "f1": 0.6667, "support": 3}
    assert told["macro_f1"] == pytest.approx(0.5833, abs=1e-4)


def test_scores_agree_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="comparing wants the [train] extra")
    rng = np.random.default_rng(0)
    labels, said = rng.integers(0, 4, 300), rng.integers(0, 4, 300)
    told = classification(said, labels, ("a", "b", "c", "d"))
    assert told["macro_f1"] == pytest.approx(metrics.f1_score(labels, said, average="macro"), abs=1e-3)
    scores, positive = rng.integers(0, 20, 300) / 20, rng.integers(0, 2, 300).astype(bool)
    assert auroc(scores, positive) == pytest.approx(metrics.roc_auc_score(positive, scores))


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=6), st.floats(0.1, 10))
def test_probabilities_sum_to_one_and_keep_the_order_of_the_logits(logits: list[float], temperature: float) -> None:
    p = softmax(np.array([logits]), temperature)[0]
    assert p.sum() == pytest.approx(1)
    assert p[int(np.argmax(logits))] == p.max()


def test_a_model_too_sure_of_itself_gets_a_temperature_above_one() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 4000)
    logits = rng.normal(size=(4000, 3)) + np.eye(3)[labels] * 2
    # unit noise, means 2 apart: the log-odds are twice these logits, so 0.5 is the true temperature
    assert fit_temperature(Scored(softmax(logits), labels)) == pytest.approx(0.5, abs=0.04)
    overconfident = Scored(softmax(logits * 4), labels)
    temperature = fit_temperature(overconfident)
    assert temperature > 1.5
    mended = softmax(np.log(overconfident.probabilities + 1e-30), temperature)
    assert calibration_error(mended, labels) < calibration_error(overconfident.probabilities, labels) / 2


def scored() -> Scored:
    """Known texts mostly sure, unknown ones (label -1) mostly not."""
    confidence = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.2, 0.6])
    p = np.stack([confidence, 1 - confidence], 1)
    p[5] = [0.52, 0.48]
    return Scored(p, np.array([0, 0, 1, 0, 0, -1, -1]))


def test_abstention_counts_known_and_unknown_apart() -> None:
    told = abstention(scored(), 0.55)
    assert told["out_of_scope_recall"] == 0.5 and told["in_scope_abstained"] == 0.2
    assert told["accuracy_without_abstaining"] == 0.8
    assert told["accuracy_of_answered"] == 0.75 and told["right_and_answered"] == 0.6


def test_without_unknown_texts_or_without_known_ones_nothing_is_divided_by_zero() -> None:
    known, unknown = scored().known(), Scored(scored().probabilities[5:], scored().labels[5:])
    assert abstention(known, 0.55)["out_of_scope_recall"] == 0 and abstention(unknown, 0.55)["in_scope_abstained"] == 0
    assert choose_threshold(known) <= 0.5  # nothing is gained by turning away more than the wrong ones


def test_the_threshold_never_turns_away_more_of_the_known_than_allowed() -> None:
    for most in (0.0, 0.2, 0.5):
        assert abstention(scored(), choose_threshold(scored(), most))["in_scope_abstained"] <= most


def test_the_dearer_a_wrong_answer_the_more_is_handed_over() -> None:
    thresholds = [choose_threshold(scored(), 1.0, price) for price in (0.1, 1.0, 20.0)]
    assert thresholds == sorted(thresholds) and thresholds[0] < thresholds[-1]
    assert abstention(scored(), thresholds[-1])["accuracy_of_answered"] == 1
