"""Text -> instruction on hand-written questions: what is exact, wrong, abstained from; risk against coverage.

    python benchmarks/instructions.py [QUESTIONS] [--model ARTIFACT] [--errors]

QUESTIONS: lines {"question", "instruction"}, null where nothing is asked of the news stream; by default the second
blind test, benchmarks/chat/live_questions_2.jsonl, by which nothing was chosen yet. Of neither blind test errors are
shown: nobody should tune to them. All are asked on Wednesday, 25 November 2026, 15:00 UTC.
"""

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from models.artifact import load_artifact
from models.engines.onnx import OnnxEngine
from streams.chat.live import assembly
from streams.chat.live.linking import Linker
from streams.chat.live.parse import Parsed, Parser
from streams.news.watchlist import load_watchlist
from streams.settings import Settings

NOW = datetime(2026, 11, 25, 15, tzinfo=UTC)
BLIND = [Path(__file__).parent / "chat" / name for name in ("live_questions_2.jsonl", "live_questions.jsonl")]
COVERAGES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


class Case(NamedTuple):
    question: str
    wanted: str | None
    parsed: Parsed

    @property
    def got(self) -> str | None:
        """What the parser would say if nothing were too doubtful for it."""
        return assembly.format(self.parsed.said) if self.parsed.said and not self.parsed.follow_up else None

    def outcome(self, threshold: float) -> str:
        answered = self.got is not None and self.parsed.confidence >= threshold
        if self.wanted is None:
            return "answered" if answered else "left alone"
        return "abstained" if not answered else "exact" if self.got == self.wanted else "wrong"


def cases_of(path: Path, model: Path) -> tuple[list[Case], float, float]:
    """All questions read, the artifact's threshold, and milliseconds a question."""
    settings = Settings()
    topics = load_artifact(settings.news_model).config.heads["topic"].labels
    artifact = load_artifact(model)
    threshold = artifact.config.abstain.threshold if artifact.config.abstain else 0.0
    linker = Linker(load_watchlist(settings.watchlist), topics)
    parser = Parser(OnnxEngine(artifact, 1), linker, threshold)
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    started = perf_counter()
    parsed = [parser.parse([row["question"]], NOW, UTC)[0] for row in rows]
    each_ms = (perf_counter() - started) * 1000 / len(rows)
    return (
        [Case(row["question"], row["instruction"], one) for row, one in zip(rows, parsed, strict=True)],
        threshold,
        each_ms,
    )


def print_shares(cases: Sequence[Case], threshold: float) -> None:
    """By opcode of what is wanted; those that want nothing apart."""
    by_opcode: dict[str, Counter[str]] = defaultdict(Counter)
    for case in cases:
        by_opcode[case.wanted.split()[0] if case.wanted else "none"][case.outcome(threshold)] += 1
    none = by_opcode.pop("none", Counter())
    print(f"{'opcode':<10} {'n':>4} {'exact':>6} {'wrong':>6} {'abstained':>9}")
    by_opcode["all"] = sum(by_opcode.values(), Counter())
    for opcode, counts in by_opcode.items():
        n = counts.total()
        shares = [counts[outcome] / n for outcome in ("exact", "wrong", "abstained")]
        print(f"{opcode:<10} {n:>4} {shares[0]:>6.1%} {shares[1]:>6.1%} {shares[2]:>9.1%}")
    print(f"nothing asked of the news: {none.total()}, left alone {none['left alone'] / max(1, none.total()):.1%}")


def print_risk(cases: Sequence[Case]) -> None:
    """What is wrong among the surest, questions that ask nothing included: to answer these is wrong."""
    surest = sorted((case for case in cases if case.got is not None), key=lambda case: -case.parsed.confidence)
    print(f"\n{'coverage':>8} {'wrong':>6} {'confidence >=':>13}")
    asked = sum(case.wanted is not None for case in cases)
    for coverage in COVERAGES:
        part = surest[: round(coverage * asked)]
        wrong = sum(case.got != case.wanted for case in part)
        short = "" if len(part) == round(coverage * asked) else f"  (only {len(part) / asked:.1%} are read at all)"
        print(f"{coverage:>8.0%} {wrong / len(part):>6.1%} {part[-1].parsed.confidence:>13.3f}{short}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("questions", type=Path, nargs="?", default=BLIND[0])
    parser.add_argument("--model", type=Path, default=Settings().instructions_model)
    parser.add_argument(
        "--errors", action="store_true", help="show what is wrong or abstained from; not of the blind test"
    )
    arguments = parser.parse_args()
    if arguments.errors and arguments.questions.resolve() in BLIND:
        parser.error("--errors is not for the blind test; give benchmarks/chat/live_dev.jsonl or questions of your own")
    cases, threshold, each_ms = cases_of(arguments.questions, arguments.model)
    print(f"{arguments.model}, threshold {threshold:.2f}, {each_ms:.1f} ms a question alone, linking included\n")
    print_shares(cases, threshold)
    print_risk(cases)
    for case in cases if arguments.errors else ():
        if case.outcome(threshold) not in ("exact", "left alone"):
            print(f"\n{case.question}\n  wanted {case.wanted}\n  got    {case.got}  {case.parsed.confidence:.2f}")


if __name__ == "__main__":
    main()
