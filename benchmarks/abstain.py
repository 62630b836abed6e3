"""How honest each way's confidence is: its chance of being right, the map to it, and the risk-coverage curve.

    python benchmarks/abstain.py template|documents|live --data FOLDER [--outside 0.2] [--price 3] [--split dev|test]

template: the intents model, asked the questions of its task; to a text that is no question of the bank's every answer
is wrong. documents: all passages of new_wiki are indexed, and its questions asked of all of them, those of TAT-QA too,
which none of these passages answers; right is an answer that tells the customer: a quoted sentence that holds an
annotator's answer, or a span of F1 0.5 and more with one. live: the sets of
benchmarks/chat; right is the very instruction, and there is none for a question that asks for none.

`--outside` is the share of questions without an answer that the map is for: it decides what a confidence is worth. Dev
makes maps, `--split test` measures them. Prints the points for streams/chat/chances.toml, the calibration error before
and after, the risk-coverage curve, and what answering costs at the price. Needs [train] (scikit-learn).
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from models.data.corpus import OUTLIER, hash_share, load_corpus
from models.data.questions import Question, load_questions
from models.engines import Request
from models.engines.reader import Answer
from models.evaluation.reading import f1, normalize_answer
from models.tasks.task import load_task
from streams import ways
from streams.chat.chances import line, measured
from streams.chat.compose import sentence_of
from streams.chat.decide import least_chance
from streams.chat.index import PassageIndex
from streams.chat.live import assembly
from streams.chat.passages import passages_of
from streams.chat.reading import RANK_WEIGHT, Documents, likeliest
from streams.chat.recognize import INTENT
from streams.chat.turns import Hit
from streams.engines import load_encoder, load_intents
from streams.news.windows import WindowState
from streams.records import Alert
from streams.settings import load_settings

Floats = npt.NDArray[np.float64]
SHELVES = ("new_wiki",)  # questions of reddit and amazon lean on the passage that they were asked about
AT = datetime(2026, 1, 1, tzinfo=UTC)
SETS, NOW = Path(__file__).parent / "chat", datetime(2026, 11, 25, 15, tzinfo=UTC)  # what the live sets reckon from
KNOTS = (
    0.0,
    0.05,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    0.95,
    0.98,
    0.99,
    0.995,
    0.998,
    0.999,
    0.9995,
    0.9999,
    1.0,
)
CHUNK = 32
RANK_WEIGHTS = sorted(
    {0.0, 0.25, 0.5, 1.0, 1.5, 2.0, RANK_WEIGHT}
)  # of a passage's rank, against what the reader thinks of it


class Judged(NamedTuple):
    """A way's confidences, whether what it said was right, and what each question weighs."""

    confidence: Floats
    right: npt.NDArray[np.bool_]
    weight: Floats


def intents(data: Path, split: str, outside: float) -> tuple[str, Judged]:
    engine, _ = load_intents(load_settings(os.environ))
    examples = load_corpus(load_task("intents"), data).examples[split]
    asked = engine.encode([Request(example.text) for example in examples])
    probabilities = np.array([prediction[INTENT] for prediction in engine.infer(asked)], np.float64)
    labels = np.array([example.targets[0].label for example in examples])
    known = labels != OUTLIER
    right = known & (probabilities.argmax(-1) == labels)
    return engine.version, Judged(probabilities.max(-1), right, weights(known, outside))


def documents(data: Path, split: str, outside: float, most: int) -> tuple[str, Judged]:
    settings = load_settings(os.environ)
    task = load_task("reader")
    questions, strange = load_questions(task, data), load_questions(task, data, use="measure")
    index = PassageIndex(load_encoder(settings))
    for shelf in SHELVES:
        held = [(f"{shelf}/{n}", text) for n, text in enumerate(questions.passages[shelf])]
        index.apply([one for id_, text in held for one in passages_of(id_, id_, text, "txt", AT)], [])
    asked = some([q for shelf in SHELVES for q in questions.of(split, shelf) if q.answers], most)
    asked += some([q for q in strange.examples[split] if q.answers], most // 3)
    known = np.array([q.source in SHELVES for q in asked])
    way = ways.documents(settings, index)
    if way is None:
        raise SystemExit(f"there is no reader in {settings.reader_model}; name one by GRETCHEN_READER_MODEL")
    found, answers = read(way, [q.text for q in asked])
    print(f"{len(index)} passages, at most {way.passages} read for a question")
    weight, share = weights(known, outside), known.astype(np.float64) / known.sum()
    for rank_weight in RANK_WEIGHTS:
        said = [likeliest(spans, rank_weight) if spans else (None, 0.0) for spans in answers]
        overlap = np.array([f1(b.text if b else "", q.answer_texts) for q, (b, _) in zip(asked, said, strict=True)])
        told = np.array([tells(b, hits, q) for q, hits, (b, _) in zip(asked, found, said, strict=True)])
        judged = Judged(np.array([score for _, score in said]), known & (told | (overlap >= 0.5)), weight)
        all_answered = f"F1 {(share * overlap).sum():.3f}, {(share * judged.right).sum():.1%} right"
        print(f"rank weight {rank_weight:g}: all answered, {all_answered}; risk over all coverages {area(judged):.3f}")
        if rank_weight == RANK_WEIGHT:
            chosen = judged
    return way.reader.version, chosen


class NoMarket:
    """Instructions are read here, not executed."""

    def state(self, key: str) -> None:
        return None

    def states(self, scope: str) -> list[WindowState]:
        return []

    def alerts(self) -> list[Alert]:
        return []


def instructions(split: str, outside: float) -> tuple[str, Judged]:
    settings = load_settings(os.environ)
    way = ways.live(settings, NoMarket())
    if way is None:
        raise SystemExit(f"there is no model in {settings.instructions_model}; set GRETCHEN_INSTRUCTIONS_MODEL")
    path = SETS / ("live_questions.jsonl" if split == "test" else "live_dev.jsonl")
    rows = [json.loads(row) for row in path.read_text(encoding="utf-8").splitlines()]
    parsed = way.parser.parse([row["question"] for row in rows], NOW, UTC)
    said = [assembly.format(one.said) if one.said and not one.follow_up else None for one in parsed]
    known = np.array([row["instruction"] is not None for row in rows])
    right = np.array([line is not None and line == row["instruction"] for row, line in zip(rows, said, strict=True)])
    confidence = np.array([one.confidence if line else 0.0 for one, line in zip(parsed, said, strict=True)])
    return way.version, Judged(confidence, right, weights(known, outside))


def read(way: Documents, questions: Sequence[str]) -> tuple[list[list[Hit]], list[list[Answer]]]:
    found: list[list[Hit]] = []
    answers: list[list[Answer]] = []
    for begin in range(0, len(questions), CHUNK):
        texts = questions[begin : begin + CHUNK]
        hits = way.index.search(texts, way.passages)
        found, answers = found + hits, answers + way.answers(texts, hits)
        print(f"{len(answers)} of {len(questions)} read", end="\r", file=sys.stderr)
    return found, answers


def tells(best: Answer | None, hits: Sequence[Hit], question: Question) -> bool:
    """Whether the sentence that is quoted holds an annotator's answer."""
    if best is None:
        return False
    text = hits[best.passage].passage.text
    first, last = sentence_of(text, best.start, best.end)
    quoted = f" {normalize_answer(text[first:last])} "
    return any(f" {normalize_answer(answer)} " in quoted for answer in question.answer_texts)


def area(judged: Judged) -> float:
    """Mean share of wrong answers over all shares answered, the most confident first."""
    rows = curve(judged, [n / 50 for n in range(1, 51)])
    return float(np.mean([risk for *_, risk in rows]))


def some(questions: Sequence[Question], most: int) -> list[Question]:
    """At most so many, the same ones every time."""
    return sorted(questions, key=lambda question: hash_share(question.id))[:most]


def weights(known: npt.NDArray[np.bool_], outside: float) -> Floats:
    """So that questions without an answer are that share of all."""
    print(f"{known.sum()} questions that have an answer, {(~known).sum()} that have none, weighing {outside:.0%}")
    shares = np.where(known, (1 - outside) / max(1, known.sum()), outside / max(1, (~known).sum()))
    return np.asarray(shares * len(known), np.float64)


def fitted(judged: Judged) -> list[tuple[float, float]]:
    """Points of the logistic curve through what was judged (Platt 1999), over the confidence's log odds."""
    model = LogisticRegression(C=1e6).fit(odds(judged.confidence)[:, None], judged.right, judged.weight)
    chances = model.predict_proba(odds(np.array(KNOTS))[:, None])[:, 1]
    return [(knot, round(float(chance), 4)) for knot, chance in zip(KNOTS, chances, strict=True)]


def odds(confidence: Floats) -> Floats:
    bounded = np.clip(confidence, 1e-5, 1 - 1e-5)
    return np.asarray(np.log(bounded / (1 - bounded)), np.float64)


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
        n = min(int(np.searchsorted(answered, share - 1e-9)) + 1, len(order))
        risk = float((weight[:n] * wrong[:n]).sum() / weight[:n].sum())
        rows.append((share, float(judged.confidence[order][n - 1]), risk))
    return rows


def tell(way: str, version: str, judged: Judged, price: float, split: str) -> None:
    """On test the map is the one in chances.toml."""
    made = measured().get(way, {}).get(version)
    if split == "test" and made is None:
        raise SystemExit(f"streams/chat/chances.toml has no map for {version}: --split dev makes one")
    points = made if split == "test" and made else fitted(judged)
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
    print(f"{wrong / max(share, 1e-9):.1%} of them wrong; a question costs {price * wrong + 1 - share:.3f} hand-overs")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("way", choices=("template", "documents", "live"))
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--outside", type=float, default=0.2)
    parser.add_argument("--price", type=float, default=3.0)
    parser.add_argument("--split", choices=("dev", "test"), default="dev")
    parser.add_argument("--most", type=int, default=800)
    arguments = parser.parse_args()
    data, split, outside = arguments.data, arguments.split, arguments.outside
    if arguments.way == "template":
        version, judged = intents(data, split, outside)
    elif arguments.way == "live":
        version, judged = instructions(split, outside)
    else:
        version, judged = documents(data, split, outside, arguments.most)
    tell(arguments.way, version, judged, arguments.price, split)


if __name__ == "__main__":
    main()
