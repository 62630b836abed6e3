"""A report on disk: report.json, report.md and its pictures, each there whole or not at all."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.errors import InputError
from models.evaluation.report_page import page


def report_files(told: Mapping[str, Any]) -> dict[str, bytes]:
    """Name -> content of report.json, report.md and the pictures."""
    from models.evaluation.report_pictures import draw

    with tempfile.TemporaryDirectory(prefix="gretchen-") as name:
        pictures = draw(told, Path(name))
        drawn = {file: (Path(name) / file).read_bytes() for files in pictures.values() for file in files}
    return {
        # on one line: a confusion matrix of 77 labels would be 6,000
        "report.json": (json.dumps(told, ensure_ascii=False) + "\n").encode(),
        "report.md": page(told, pictures).encode(),
        **drawn,
    }


def write_report(told: Mapping[str, Any], directory: Path) -> list[Path]:
    """The paths written; a report that was there is replaced. Raises InputError for a place that can't be written."""
    contents = report_files(told)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".part-") as name:
            for file, content in contents.items():
                (Path(name) / file).write_bytes(content)
            return [(Path(name) / file).replace(directory / file) for file in contents]
    except OSError as error:
        raise InputError(f"{directory}: {error.strerror}; give --report a folder that can be written") from None
