"""How well several questions in one message are told apart, and how often one is taken for several.

    python benchmarks/parts.py --data ../shared/data [--seed 13]

- banking77's messages have one intent each: splitting one is wrong, though some do ask twice about the same.
- nlupp's labels are what an intent is made of ("how", "change", "pin"), so that a message with several mostly is one
  question all the same: both shares are printed, and --show prints the messages to be judged by eye.
- Two of banking77's single sentences of different intents, joined as people do: each should be split in these two.

Prints a Markdown table.
"""

import argparse
import csv
import json
import random
import re
from pathlib import Path

from streams.chat.parts import split

JOINS = ("{0}? {1}?", "{0} and {1}?", "{0}? Also, {1}?", "{0}, and {1}", "{0}?\n{1}?")


def banking77(folder: Path, name: str) -> list[tuple[str, str]]:
    with (folder / "banking77" / name).open(encoding="utf-8", newline="") as file:
        return [(row["text"].strip(), row["category"]) for row in csv.DictReader(file)]


def nlupp(folder: Path) -> list[tuple[str, int]]:
    files = sorted((folder / "nlupp" / "nlupp_data_banking").glob("fold*.json"))
    rows = [row for path in files for row in json.loads(path.read_text(encoding="utf-8"))]
    return [(row["text"], len(row.get("intents") or [])) for row in rows]


def share(n: int, of: int) -> str:
    return f"{n:,} of {of:,} ({n / of:.2%})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=13)
    parser.add_argument("--show", action="store_true", help="print what was split of banking77 and nlupp")
    args = parser.parse_args()
    print("| messages | split |\n|---|---|")
    shown = []
    for name in ("train.csv", "test.csv"):
        texts = [text for text, _ in banking77(args.data, name)]
        wrong = [text for text in texts if len(split(text)) > 1]
        shown += wrong
        print(f"| banking77 {name}, one intent each | {share(len(wrong), len(texts))} |")
    messages = nlupp(args.data)
    for label, few in (("at most one label", True), ("several labels", False)):
        texts = [text for text, labels in messages if (labels < 2) == few]
        several = [text for text in texts if len(split(text)) > 1]
        shown += several
        print(f"| nlupp, {label} | {share(len(several), len(texts))} |")
    asked = [each for each in banking77(args.data, "test.csv") if re.fullmatch(r"(?!.*\?.)[^.!\n]{12,}\?", each[0])]
    rng = random.Random(args.seed)
    for join in JOINS:
        pairs = [(a, b) for a, b in (rng.sample(asked, 2) for _ in range(1000)) if a[1] != b[1]]
        right = 0
        for (first, _), (second, _) in pairs:
            told = split(join.format(first.rstrip("?"), second.rstrip("?")))
            right += [each.rstrip("?") for each in told] == [first.rstrip("?"), second.rstrip("?")]
        joined = join.replace("\n", "\\n").format("A", "B")
        print(f"| two questions as `{joined}`, split in exactly these | {share(right, len(pairs))} |")
    if args.show:
        print("\n".join(["", *(" ‖ ".join(split(text)) for text in shown)]))


if __name__ == "__main__":
    main()
