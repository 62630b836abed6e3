"""SEntFiN split by headline, and by verdict, as its published figures may be: what having seen the headline is worth.

    python benchmarks/shared_headlines.py --base BASE --data FOLDER --out OUT [--epochs 4] [--learning-rate 1.5e-4]
                                          [--seed 13] [--threads 2] [--precision bf16] [--device cuda]

A headline names one entity or several, each with its verdict. Split by headline, all of a headline's verdicts lie on
one side; split by verdict, each is dealt by itself, so a headline of the test may have been learned from, with another
of its entities. The same shares, base and options (the [training] of the task news, but for those given) for both; the
epoch is chosen on each one's dev, the figures are of its test split, by torch in float32. A finished run is not made
again, one that was cut goes on. Prints a Markdown table; OUT/shared_headlines.json has both runs. Needs [train].
"""

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial

from methods import one_run
from runs import Runs, parser_of, training_of

from models.data.corpus import SPLITS, Corpus, Example, hash_share, load_corpus, normalize
from models.tasks.task import Source, Task, load_task
from models.training.bases import directory_of

SET, HEAD = "sentfin", "entity_sentiment"


def sentfin() -> tuple[Task, Source]:
    """The task of this one set and head, and its source: no texts made of two headlines, no verdicts on whole texts."""
    news = load_task("news")
    (source,) = (replace(source, paired=0.0, agreeing={}) for source in news.sources if source.name == SET)
    return replace(news, heads={HEAD: news.heads[HEAD]}, sources=(source,)), source


def by_verdict(corpus: Corpus, source: Source) -> Corpus:
    """The same headlines, each verdict dealt by itself; the shares are the source's."""
    dealt: dict[str, list[Example]] = {split: [] for split in SPLITS}
    for example in (example for split in SPLITS for example in corpus.examples[split]):
        sides = {target: side_of(f"{normalize(example.text)}\n{target.span}", source) for target in example.targets}
        for split in SPLITS:
            if targets := tuple(target for target, side in sides.items() if side == split):
                dealt[split].append(replace(example, targets=targets))
    return Corpus(examples=dealt)


def side_of(text: str, source: Source) -> str:
    share = hash_share(text)
    return "test" if share < source.test_share else "dev" if share < source.test_share + source.dev_share else "train"


def shared(corpus: Corpus) -> float:
    """The share of the test's verdicts whose headline was learned from."""
    learned = {normalize(example.text) for example in corpus.examples["train"]}
    tested = [normalize(example.text) in learned for example in corpus.examples["test"] for _ in example.targets]
    return sum(tested) / len(tested)


def main(arguments: Sequence[str] | None = None) -> None:
    given = parser_of(__doc__).parse_args(arguments)
    task, source = sentfin()
    training = training_of(given, task.training, {HEAD: task.heads[HEAD].labels})
    corpus, base = load_corpus(task, given.data), directory_of(given.base)
    splits = {"by-headline": corpus, "by-verdict": by_verdict(corpus, source)}
    known = Runs(given.out / "shared_headlines.json", list(splits))
    lines = [["split", "verdicts tested", "of a headline learned from", "accuracy", "macro F1"], ["---"] * 5]
    for name, of in splits.items():
        asked = {"base": given.base, "training": asdict(training)}
        make = partial(one_run, task, of, base, given.out / name, training, given.device)
        test = known.once(given.out / name, asked, make)["test"][HEAD]
        lines.append([name, str(test["n"]), f"{shared(of):.1%}", f"{test['accuracy']:.4f}", f"{test['macro_f1']:.4f}"])
    print("\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines))


if __name__ == "__main__":
    main()
