"""How honest each way's confidence is: its chance of being right, the map to it, and the risk-coverage curve.

    python benchmarks/abstain.py --data FOLDER [--outside 0.2] [--price 3]

Intents are asked of the dev splits of their task (test has no say), every text that is no question of the bank's is
wrong whatever is answered; `--outside` is the share of such texts that the map is for, as a share decides what a
confidence is worth. Prints the points for streams/chat/chances.toml, the calibration error before and after, and what
answering costs at the price. Needs [train] (scikit-learn).
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from models.data import OUTLIER, load_corpus
from models.engines import Request
from models.tasks import load_task
from streams.chat.chances import line
from streams.chat.decide import least_chance
from streams.chat.recognize import INTENT
from streams.engines import load_intents
from streams.settings import Settings

Floats = npt.NDArray[np.float64]
KNOTS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)


class Judged(NamedTuple):
    """A way's confidences, whether what it said was right, and what each question weighs."""

    confidence: Floats
    right: npt.NDArray[np.bool_]
    weight: Floats


def intents(data: Path, outside: float) -> tuple[str, Judged]:
    """The shipped (or set) intents model on dev."""
    engine, _ = load_intents(Settings())
    corpus = load_corpus(load_task("intents"), data)
    examples = corpus.examples["dev"]
    asked = [example.text for example in examples]
    predictions = [p[INTENT] for p in engine.infer(engine.encode([Request(text) for text in asked]))]
    labels = np.array([example.targets[0].label for example in examples])
    probabilities = np.array(predictions, np.float64)
    known = labels != OUTLIER
    shares = np.where(known, (1 - outside) / max(1, known.sum()), outside / max(1, (~known).sum()))
    print(f"{known.sum()} questions of the bank's, {(~known).sum()} others, weighing {outside:.0%}")
    return engine.version, Judged(
        probabilities.max(-1), known & (probabilities.argmax(-1) == labels), shares * len(labels)
    )


def fitted(judged: Judged) -> list[tuple[float, float]]:
    """Points of the logistic curve through what was judged (Platt 1999), over the confidence's log odds."""
    model = LogisticRegression(C=1e6).fit(odds(judged.confidence)[:, None], judged.right, judged.weight)
    chances = model.predict_proba(odds(np.array(KNOTS))[:, None])[:, 1]
    return [(knot, round(float(chance), 4)) for knot, chance in zip(KNOTS, chances, strict=True)]


def odds(confidence: Floats) -> Floats:
    bounded = np.clip(confidence, 1e-4, 1 - 1e-4)
    return np.log(bounded / (1 - bounded))


def calibration_error(judged: Judged, bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017), weighted."""
    places = np.minimum((judged.confidence * bins).astype(int), bins - 1)
    gaps = (judged.confidence - judged.right) * judged.weight
    return float(sum(abs(gaps[places == n].sum()) for n in range(bins)) / judged.weight.sum())


def curve(judged: Judged, shares: Sequence[float]) -> list[tuple[float, float, float]]:
    """(share answered, least confidence, share of the answered that is wrong), the most confident first."""
    order = np.argsort(-judged.confidence, kind="stable")
    weight, wrong = judged.weight[order], ~judged.right[order]
    answered = np.cumsum(weight) / weight.sum()
    rows = []
    for share in shares:
        n = int(np.searchsorted(answered, share - 1e-9)) + 1
        risk = float((weight[:n] * wrong[:n]).sum() / weight[:n].sum())
        rows.append((share, float(judged.confidence[order][min(n, len(order)) - 1]), risk))
    return rows


def tell(way: str, version: str, judged: Judged, price: float) -> None:
    points = fitted(judged)
    chance = line(points)
    mapped = judged._replace(confidence=np.array([chance(float(c)) for c in judged.confidence]))
    print(f'\n[{way}]\n"{version}" = {[list(point) for point in points]}\n')
    print(f"calibration error {calibration_error(judged):.3f}, mapped {calibration_error(mapped):.3f}\n")
    print("| answered | least chance | wrong of the answered |\n|---|---|---|")
    for share, least, risk in curve(mapped, (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0)):
        print(f"| {share:.0%} | {least:.2f} | {risk:.1%} |")
    answered = mapped.confidence > least_chance(price)
    share = mapped.weight[answered].sum() / mapped.weight.sum()
    wrong = (mapped.weight * ~mapped.right)[answered].sum() / mapped.weight.sum()
    print(f"\nprice {price:g}, chance over {least_chance(price):.2f}: {share:.1%} answered,")
    print(f"{wrong / share:.1%} of them wrong; a question costs {price * wrong + 1 - share:.3f} hand-overs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--outside", type=float, default=0.2)
    parser.add_argument("--price", type=float, default=3.0)
    arguments = parser.parse_args()
    version, judged = intents(arguments.data, arguments.outside)
    tell("template", version, judged, arguments.price)


if __name__ == "__main__":
    main()
