from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx", reason="quantizing wants the [train] extra")

from models.errors import GateRefused
from models.export.quantize import check_gate, compare
from models.metrics import classification

LABELS = np.repeat([0, 1], [400, 100])


def told(wrong: list[int]) -> dict[str, Any]:
    said = LABELS.copy()
    said[wrong] = 1 - said[wrong]
    return classification(said, LABELS, ("no", "yes"))


def test_a_loss_within_the_limits_passes() -> None:
    assert check_gate([compare("mood", "accuracy", told([]), told([0, 1]))], force=False) == []


def test_a_fall_of_the_metric_is_refused_with_both_figures() -> None:
    with pytest.raises(GateRefused, match=r"mood accuracy 1\.0000 -> 0\.9900.*--force"):
        check_gate([compare("mood", "accuracy", told([]), told([0, 1, 2, 3, 4]))], force=False)


def test_a_fall_of_one_labels_recall_is_refused_even_if_the_metric_holds() -> None:
    loss = compare("mood", "accuracy", told([0, 1, 2]), told([400, 401, 402]))
    assert loss.before == loss.after
    with pytest.raises(GateRefused, match=r"mood recall of 'yes' -0\.030"):
        check_gate([loss], force=False)


def test_two_texts_of_a_rare_label_are_no_fall() -> None:
    small = np.repeat([0, 1], [990, 10])
    worse = small.copy()
    worse[990:992] = 0
    before, after = (classification(said, small, ("no", "yes")) for said in (small, worse))
    assert check_gate([compare("mood", "accuracy", before, after)], force=False) == []


def test_force_lets_it_pass_and_returns_what_is_written_down() -> None:
    faults = check_gate([compare("mood", "accuracy", told([]), told([0, 1, 2, 3, 4]))], force=True)
    assert faults == ["mood accuracy 1.0000 -> 0.9900"]
