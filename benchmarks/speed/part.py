"""One part of the benchmark, in this process: `python -m benchmarks.speed.part MODULE PLAN RESULTS`, PLAN as JSON."""

import importlib
import sys
from functools import partial
from pathlib import Path

import msgspec

from benchmarks.speed.results import Plan, append


def decode_path(kind: type, value: str) -> Path:
    return Path(value)


def encode_path(value: object) -> str:
    return str(value)


def main(arguments: list[str]) -> None:
    module, described, results = arguments
    plan = msgspec.json.decode(described, type=Plan, dec_hook=decode_path)
    importlib.import_module(module).run(plan, partial(append, Path(results)))


if __name__ == "__main__":
    main(sys.argv[1:])
