"""Sentences of annual reports and of Wikinews: what `distil news --unlabelled` may be given.

Out of TAT-QA's passages and QAMR's Wikinews (both may teach models that are shipped). Tables of numbers, headings and
scraps are left out: a sentence has 6 to 60 words and ends as one.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from models.errors import InputError

TATQA = ("tatqa/tatqa_dataset_dev.json", "tatqa/tatqa_dataset_test_gold.json")
QAMR = "qamr/wiki-sentences.tsv"
END = re.compile(r"(?<=[.!?])\s+(?=[A-Z“\"])")
WORDS = range(6, 61)


def sentences_in(data: Path) -> list[str]:
    """Each once, in the order of the sets. Raises InputError for a set that is not there."""
    try:
        return list(dict.fromkeys(one for passage in passages(data) for one in sentences(passage)))
    except OSError as error:
        raise InputError(f"{error.filename}: {error.strerror}; wanted the sets tatqa and qamr in --data") from None


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
