"""Sentences of annual reports and of Wikinews, a line each: what `distil news --unlabelled` may be given.

    python benchmarks/sentences.py --data FOLDER --out FILE

Out of TAT-QA's passages and QAMR's Wikinews (both may teach models that are shipped). Tables of numbers, headings and
scraps are left out: a sentence has 6 to 60 words and ends as one. Needs nothing installed.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

TATQA = ("tatqa/tatqa_dataset_dev.json", "tatqa/tatqa_dataset_test_gold.json")
QAMR = "qamr/wiki-sentences.tsv"
END = re.compile(r"(?<=[.!?])\s+(?=[A-Z“\"])")
WORDS = range(6, 61)


def passages(data: Path) -> Iterator[str]:
    for name in TATQA:
        for document in json.loads((data / name).read_text(encoding="utf-8")):
            for paragraph in document["paragraphs"]:
                yield paragraph["text"]
    for line in (data / QAMR).read_text(encoding="utf-8").splitlines():
        place, _, sentence = line.partition("\t")
        if ":wikinews:" in place:
            yield sentence


def sentences(passage: str) -> Iterator[str]:
    for sentence in END.split(" ".join(passage.split())):
        if len(sentence.split()) in WORDS and sentence.endswith((".", "!", "?")):
            yield sentence


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--data", "--out"):
        parser.add_argument(name, type=Path, required=True)
    given = parser.parse_args()
    found = dict.fromkeys(one for passage in passages(given.data) for one in sentences(passage))
    given.out.write_text("".join(f"{sentence}\n" for sentence in found), encoding="utf-8")
    print(f"{given.out}: {len(found)} sentences")


if __name__ == "__main__":
    main()
