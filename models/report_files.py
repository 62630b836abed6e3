"""A report on disk: report.json, report.md and its pictures, each there whole or not at all."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.errors import InputError
from models.report_page import page


def write_report(told: Mapping[str, Any], directory: Path) -> list[Path]:
    """The paths written; a report that was there is replaced. Raises InputError for a place that can't be written."""
    from models.report_pictures import draw

    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=directory, prefix=".part-") as name:
            part = Path(name)
            pictures = draw(told, part)
            (part / "report.json").write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            (part / "report.md").write_text(page(told, pictures), encoding="utf-8")
            return [file.replace(directory / file.name) for file in sorted(part.iterdir())]
    except OSError as error:
        raise InputError(f"{directory}: {error.strerror}; give --report a folder that can be written") from None
