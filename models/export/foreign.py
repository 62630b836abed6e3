"""Somebody's finished sequence classifier, read so that nothing of it can run: safetensors, no code of its own."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from models.errors import InputError

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".ckpt", ".h5", ".msgpack")
CONVERT = (
    "a pickle runs code when it is loaded; ask its makers for model.safetensors, or convert it where harm can't spread,"
    " as at huggingface.co/spaces/safetensors/convert"
)


@dataclass(frozen=True, slots=True)
class Foreign:
    """A loaded classifier: `labels` are its own, in the order of its logits; `tokenizer` neither pads nor cuts."""

    model: Any
    tokenizer: Tokenizer
    labels: tuple[str, ...]
    license: str
    revision: str

    @property
    def architecture(self) -> str:
        return type(self.model).__name__

    @property
    def pad_id(self) -> int:
        return int(self.model.config.pad_token_id or 0)

    @property
    def most_tokens(self) -> int:
        """Positions it has, less those before the first: RoBERTa and its kin count from behind the padding's."""
        positions = getattr(self.model.config, "max_position_embeddings", None) or 1_000_000
        offset = 0 if self.architecture.startswith("Bert") else self.pad_id + 1
        return int(positions) - offset


def load_foreign(source: str, revision: str | None = None) -> Foreign:
    """From a directory, or by name from the Hugging Face hub. Raises InputError."""
    if Path(source).is_dir():
        check_files(Path(source))
    elif source.startswith((".", "/", "~")) or source.count("/") > 1:
        raise InputError(f"{source}: no such folder; give one, or a name on the Hugging Face hub as ProsusAI/finbert")
    options: dict[str, Any] = {"trust_remote_code": False, "revision": revision}
    try:
        config = AutoConfig.from_pretrained(source, **options)
        check_kind(source, config)
        model, told = AutoModelForSequenceClassification.from_pretrained(
            source, config=config, use_safetensors=True, output_loading_info=True, attn_implementation="eager",
            dtype=torch.float32, **options,
        )  # fmt: skip
        tokenizer = AutoTokenizer.from_pretrained(source, **options)
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:
        raise InputError(f"{source}: no classifier can be loaded from here: {reason(error)}") from None
    if missing := sorted(told["missing_keys"]):
        raise InputError(
            f"{source}: no trained classifier: {', '.join(missing[:3])} not in its weights; fine-tune it first:"
            " 'gretchen models finetune'"
        )
    model.eval()
    return Foreign(
        model, plain(source, tokenizer, model), own_labels(config), license_of(source), str(config._commit_hash or "")
    )


def check_files(directory: Path) -> None:
    """Raise InputError unless the weights are there as safetensors."""
    names = sorted(path.name for path in directory.iterdir())
    if any(name.endswith(".safetensors") for name in names):
        return
    if pickles := [name for name in names if name.endswith(PICKLES)]:
        raise InputError(f"{directory} holds its weights as {pickles[0]} only; {CONVERT}")
    raise InputError(f"{directory}: no *.safetensors; wanted what save_pretrained of transformers writes")


def check_kind(source: str, config: Any) -> None:
    """Raise InputError for what is not one label out of several."""
    if config.problem_type in ("regression", "multi_label_classification") or config.num_labels < 2:
        raise InputError(
            f"{source}: {config.problem_type or 'a single output'}, {config.num_labels} labels; wanted one label of two"
            " or more for a text"
        )


def reason(error: Exception) -> str:
    line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return f"{line} ({CONVERT})" if "safetensors" in line else line


def own_labels(config: Any) -> tuple[str, ...]:
    return tuple(str(config.id2label[n]) for n in range(config.num_labels))


def plain(source: str, tokenizer: Any, model: Any) -> Tokenizer:
    """The tokenizer as `tokenizers` runs it. Raises InputError for one of another kind or another model."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise InputError(f"{source}: its tokenizer has no fast form; wanted one that saves as tokenizer.json")
    own = Tokenizer.from_str(backend.to_str())
    own.no_padding()
    own.no_truncation()
    rows, pieces = model.get_input_embeddings().weight.shape[0], own.get_vocab_size()
    if pieces > rows:
        raise InputError(
            f"{source}: the tokenizer has {pieces} pieces, the model embeddings for {rows}: it is of another model"
        )
    return own


def license_of(source: str) -> str:
    """What the front matter of a directory's README.md says; on the hub, what its card says."""
    if not Path(source).is_dir():
        return license_on_hub(source)
    try:
        text = (Path(source) / "README.md").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return "not said"
    front = re.match(r"---\n(.*?)\n---", text, re.S)
    found = re.search(r"^license:\s*(\S+)", front[1], re.M) if front else None
    return found[1].strip("\"'") if found else "not said"


def license_on_hub(name: str) -> str:
    from huggingface_hub import ModelCard

    try:
        return str(ModelCard.load(name).data.license or "not said")
    except (OSError, ValueError, RuntimeError):  # no card, no network: the rest of the import may still be cached
        return "not said"


def renamed(labels: tuple[str, ...], names: Mapping[str, str]) -> tuple[str, ...]:
    """The labels by our names, in their order. Raises InputError."""
    if unknown := sorted(names.keys() - set(labels)):
        raise InputError(f"--labels: the model has no label {unknown[0]!r}; it has {', '.join(labels)}")
    ours = tuple(names.get(label, label) for label in labels)
    if len(set(ours)) < len(ours):
        raise InputError(
            f"--labels: two labels of the model get one name: {json.dumps(dict(zip(labels, ours, strict=True)))}"
        )
    return ours
