"""An artifact: a directory with a model, its tokenizer, its config, its card and the manifest that vouches for them.

    config.json     what the engine needs to know: Config
    manifest.json   sha256 of every file, data and licenses, metrics, quantization, recipe: Manifest
    model.onnx (or model.onnx.gz)  tokenizer.json  README.md (the card)

A file that the manifest does not list is refused, so no pickle can ride along; what is loaded is read once and is what
was verified.
"""

import gzip
import hashlib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta

from models.errors import ArtifactError

FORMAT = 1
CONFIG, MANIFEST, MODEL, TOKENIZER = "config.json", "manifest.json", "model.onnx", "tokenizer.json"
ZIPPED_MODEL = f"{MODEL}.gz"

T = TypeVar("T")
Share = Annotated[float, Meta(ge=0, le=1)]


class HeadConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One classifier: on the whole text or on spans; `temperature` divides its logits before the softmax."""

    on: Literal["text", "span"]
    labels: tuple[str, ...]
    temperature: Annotated[float, Meta(gt=0)]


class Abstain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Below `threshold` of the greatest probability nobody should guess."""

    threshold: Share
    score: Literal["max_probability"]


class Reading(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A reader's windows, in tokens, and what its margin means: the chance that a passage answers is
    1 / (1 + exp(-(scale * margin + bias))), and below `threshold` of it nothing should be answered.
    """

    stride: Annotated[int, Meta(ge=0)]
    max_question_tokens: Annotated[int, Meta(ge=1)]
    max_answer_tokens: Annotated[int, Meta(ge=1)]
    scale: Annotated[float, Meta(gt=0)]
    bias: float
    threshold: Share


class Embedding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The length of a vector, and what the encoder was taught to expect before a question and before a passage."""

    dimensions: Annotated[int, Meta(ge=1)]
    query_prefix: str
    passage_prefix: str


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`heads` are a classifier's, and with `pair` on two texts read as one; `reading` is there for a reader only,
    `embedding` for an encoder only.
    """

    format: int
    task: str
    max_tokens: Annotated[int, Meta(ge=3)]
    pad_id: Annotated[int, Meta(ge=0)]
    text_pooling: Literal["mean", "first"]
    heads: dict[str, HeadConfig] = {}
    abstain: Abstain | None = None
    kind: Literal["classifier", "reader", "encoder"] = "classifier"
    reading: Reading | None = None
    embedding: Embedding | None = None
    pair: bool = False

    def __post_init__(self) -> None:
        parts = {"classifier": bool(self.heads), "reader": bool(self.reading), "encoder": bool(self.embedding)}
        if [kind for kind, there in parts.items() if there] != [self.kind]:
            raise ValueError(f"of kind {self.kind}, with the parts of {[k for k, there in parts.items() if there]}")
        if self.pair and (self.kind != "classifier" or any(head.on == "span" for head in self.heads.values())):
            raise ValueError("pairs are for a classifier whose heads are all on text")


class File(msgspec.Struct, frozen=True):
    sha256: str
    bytes: int


class Manifest(msgspec.Struct, frozen=True):
    """Of the manifest, what loading needs; the rest is for people and stands in `raw` of the artifact."""

    name: str
    version: str
    files: dict[str, File]


@dataclass(frozen=True, slots=True)
class Artifact:
    """A verified directory."""

    path: Path
    config: Config
    manifest: Manifest
    raw: dict[str, Any]
    """The whole manifest."""

    @property
    def version(self) -> str:
        """Name and version as records carry them, e.g. 'news/1'."""
        return f"{self.manifest.name}/{self.manifest.version}"

    def read(self, name: str) -> bytes:
        """A listed file's bytes. Raises ArtifactError if they are not those of the manifest."""
        return read_verified(self.path, name, self.manifest.files[name])

    def model(self) -> bytes:
        """The ONNX model. Raises ArtifactError as `read` does, and for what gzip can't read."""
        if MODEL in self.manifest.files:
            return self.read(MODEL)
        try:
            return gzip.decompress(self.read(ZIPPED_MODEL))
        except (OSError, EOFError, zlib.error) as error:
            raise ArtifactError(f"{self.path / ZIPPED_MODEL}: {error}; {remedy(self.path)}") from None


def load_artifact(path: Path) -> Artifact:
    """The artifact in a directory, every file of it verified. Raises ArtifactError for what is not as it was made."""
    raw = decode(path / MANIFEST, read_file(path, MANIFEST), dict[str, Any])
    manifest = decode(path / MANIFEST, msgspec.json.encode(raw), Manifest)
    check_listing(path, manifest)
    contents = {name: read_verified(path, name, file) for name, file in manifest.files.items()}
    config = decode(path / CONFIG, contents[CONFIG], Config)
    if config.format != FORMAT:
        raise ArtifactError(
            f"{path} has format {config.format}, this gretchen reads format {FORMAT}; export it again with"
            " 'gretchen models export', or install the gretchen that made it"
        )
    return Artifact(path, config, manifest, raw)


def check_kind(artifact: Artifact, kind: str) -> None:
    """Raise ArtifactError unless the artifact is a classifier, reader or encoder, as is wanted."""
    if artifact.config.kind != kind:
        raise ArtifactError(
            f"{artifact.path} is of kind {artifact.config.kind}, wanted was a {kind}; export a task of that kind"
        )


def check_listing(path: Path, manifest: Manifest) -> None:
    """Raise ArtifactError unless the directory holds the listed files and the manifest, and nothing else."""
    listed = manifest.files.keys()
    if missing := {CONFIG, MODEL, TOKENIZER} - listed - ({MODEL} if ZIPPED_MODEL in listed else set()):
        raise ArtifactError(f"{path / MANIFEST} lists no {', '.join(sorted(missing))}; {remedy(path)}")
    if strange := sorted(name for name in listed if Path(name).name != name):
        raise ArtifactError(f"{path / MANIFEST} lists {strange[0]!r}, which is no plain file name; {remedy(path)}")
    there = {entry.name for entry in path.iterdir()}
    if missing := listed - there:
        raise ArtifactError(f"{path} lacks {', '.join(sorted(missing))}; {remedy(path)}")
    if extra := there - listed - {MANIFEST}:
        raise ArtifactError(f"{path} holds {', '.join(sorted(extra))}, which its manifest does not list; remove it")


def read_verified(path: Path, name: str, file: File) -> bytes:
    content = read_file(path, name)
    got = hashlib.sha256(content).hexdigest()
    if got != file.sha256:
        raise ArtifactError(
            f"{path / name} has sha256 {got[:12]}…, its manifest says {file.sha256[:12]}…; {remedy(path)}"
        )
    return content


def read_file(path: Path, name: str) -> bytes:
    try:
        return (path / name).read_bytes()
    except OSError as error:
        raise ArtifactError(f"{path / name}: {error.strerror}; {remedy(path)}") from None


def decode(path: Path, content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError as error:
        raise ArtifactError(f"{path}: {error}; {remedy(path.parent)}") from None


def remedy(path: Path) -> str:
    return f"reinstall gretchen, or write {path} again with 'gretchen models export'"
