"""From a float32 artifact to an int8 one: the export once more, from the weights that were kept beside the model."""

import json
import tempfile
from pathlib import Path
from typing import Any

from models.artifact import TOKENIZER, Artifact
from models.data.corpus import Corpus
from models.errors import InputError
from models.export.classifier import KEPT_CONFIG, KEPT_WEIGHTS, Say, export
from models.tasks.task import Task


def quantize_artifact(
    artifact: Artifact, task: Task, corpus: Corpus, measured: Corpus, out: Path, *, version: str, command: str,
    force: bool, report: bool, say: Say,
) -> dict[str, Any]:  # fmt: skip
    """Write the int8 artifact and return its manifest, with the recipe of both. Raises GateRefused, InputError."""
    if lacking := [name for name in (KEPT_WEIGHTS, KEPT_CONFIG) if name not in artifact.manifest.files]:
        raise InputError(
            f"{artifact.path} keeps no float32 weights ({' and '.join(lacking)}); 'gretchen models export RUN"
            " --precision float32' does, and 'gretchen models export RUN' is int8 at once"
        )
    labels = {name: head.labels for name, head in artifact.config.heads.items()}
    if artifact.config.pair != task.pair or labels != {name: head.labels for name, head in task.heads.items()}:
        raise InputError(f"{artifact.path} has other heads or labels than task {task.name}; give the --task it is of")
    recipe = artifact.raw["recipe"]
    with tempfile.TemporaryDirectory(prefix="gretchen-") as name:
        best = Path(name) / "best"
        best.mkdir()
        (best / "model.safetensors").write_bytes(artifact.read(KEPT_WEIGHTS))
        (best / "config.json").write_bytes(artifact.read(KEPT_CONFIG))
        (best / "tokenizer.json").write_bytes(artifact.read(TOKENIZER))
        line = {"training": recipe.get("training", {}), "step": recipe.get("steps")}
        (Path(name) / "log.jsonl").write_text(json.dumps(line) + "\n")
        return export(
            task, corpus, measured, best, out, version=version, base=artifact.raw["base"]["name"],
            commands=[*recipe["commands"], command], force=force, report=report, say=say,
        )  # fmt: skip
