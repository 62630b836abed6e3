"""The models that ship, and the head that all contenders compute."""

from pathlib import Path

from models.artifact import Artifact, load_artifact
from models.errors import InputError

ZOO = Path(__file__).resolve().parents[2] / "models" / "zoo"
HEAD = "sentiment"


def shipped(name: str) -> Artifact:
    """Raises ArtifactError."""
    return load_artifact(ZOO / name)


def labels_of(artifact: Artifact) -> tuple[str, ...]:
    """HEAD's, in the order of its logits. Raises InputError."""
    head = artifact.config.heads.get(HEAD)
    if head is None or head.on != "text":
        raise InputError(f"{artifact.path} has no head {HEAD!r} on texts, which the contenders are measured by")
    return head.labels
