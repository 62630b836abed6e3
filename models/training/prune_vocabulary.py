"""A smaller vocabulary for an encoder, before fine-tuning: the file shrinks, no text becomes unknown. And fewer layers.

A WordPiece vocabulary is cut to the special tokens, every single character (so that whatever could be spelled still
can), the pieces that the training texts use, and then the most frequent of the rest (BERT's ids are in the order of
frequency). A text whose pieces are all kept is tokenized exactly as before.

URLs and the commonest HTML escapes are taken out by the tokenizer itself, so training and serving can't differ; offsets
still point into the original text.
"""

import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import InputError

URL_NORMALIZERS = [
    {"type": "Replace", "pattern": {"Regex": r"https?://\S+"}, "content": " "},
    {"type": "Replace", "pattern": {"String": "&amp;"}, "content": "&"},
    {"type": "Replace", "pattern": {"String": "&lt;"}, "content": "<"},
    {"type": "Replace", "pattern": {"String": "&gt;"}, "content": ">"},
]


LAYER = re.compile(r"(?:bert\.)?encoder\.layer\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class Pruned:
    before: int
    after: int
    used: int
    unknown_before: int
    unknown_after: int


def pieces_to_keep(
    vocabulary: dict[str, int], used: set[str], specials: set[str], size: int, *, ascii_only: bool = False
) -> list[str]:
    """The kept pieces in the order of their old ids. More than `size` only if what must stay is more."""
    letters = {
        piece for piece in vocabulary
        if len(piece.removeprefix("##")) == 1 and (piece.isascii() or not ascii_only)
    }  # fmt: skip
    must = letters | {piece for piece in vocabulary if piece in specials or piece in used}
    in_order = sorted(vocabulary, key=vocabulary.__getitem__)
    rest = [piece for piece in in_order if piece not in must and not piece.startswith("[unused")]
    kept = must | set(rest[: max(0, size - len(must))])
    return [piece for piece in in_order if piece in kept]


def prune_vocabulary(
    base: Path, out: Path, texts: Iterable[str], size: int, max_tokens: int, *, seen: int = 1,
    ascii_only: bool = False, layers: int | None = None,
) -> Pruned:  # fmt: skip
    """Write a Hugging Face directory like `base` with `size` pieces and `max_tokens` positions. Raises InputError.

    A piece counts as used if the texts use it `seen` times or more; one that is dropped is spelled with smaller ones.
    With `ascii_only` the single characters of other scripts (1,858 of BERT's pieces) go, unless the texts use them:
    they are unknown then. `layers`: only the first so many stay, which fine-tuning makes up for where a task is easy.
    """
    from safetensors.numpy import load_file, save_file
    from tokenizers import Tokenizer

    try:
        spec = json.loads((base / "tokenizer.json").read_text(encoding="utf-8"))
        config = json.loads((base / "config.json").read_text(encoding="utf-8"))
        weights = load_file(base / "model.safetensors")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{base}: not a model directory with config, tokenizer.json and safetensors: {error}"
        ) from None
    if spec["model"].get("type", "WordPiece") != "WordPiece":
        raise InputError(f"{base}: a {spec['model']['type']} tokenizer; only WordPiece vocabularies can be pruned")
    spec.update(truncation=None, padding=None)
    spec["normalizer"] = {"type": "Sequence", "normalizers": [*URL_NORMALIZERS, spec["normalizer"]]}

    texts = list(texts)
    vocabulary: dict[str, int] = spec["model"]["vocab"]
    unknown = spec["model"]["unk_token"]
    encoded = Tokenizer.from_str(json.dumps(spec)).encode_batch(texts)
    counts = Counter(token for encoding in encoded for token in encoding.tokens)
    used = {token for token, count in counts.items() if count >= seen}
    specials = {token["content"] for token in spec["added_tokens"]}
    kept = pieces_to_keep(vocabulary, used, specials, size, ascii_only=ascii_only)

    spec["model"]["vocab"] = {piece: n for n, piece in enumerate(kept)}
    for token in spec["added_tokens"]:
        token["id"] = spec["model"]["vocab"][token["content"]]
    renumber_specials(spec, spec["model"]["vocab"])
    prefix = "bert." if "bert.embeddings.word_embeddings.weight" in weights else ""
    words, places = (f"{prefix}embeddings.{name}_embeddings.weight" for name in ("word", "position"))
    weights[words] = weights[words][[vocabulary[piece] for piece in kept]]
    weights[places] = weights[places][:max_tokens]
    weights.pop(f"{prefix}embeddings.position_ids", None)
    config.update(vocab_size=len(kept), max_position_embeddings=weights[places].shape[0])
    config["pad_token_id"] = spec["model"]["vocab"]["[PAD]"]

    if layers is not None:
        weights = first_layers(weights, layers, config["num_hidden_layers"], base)
        config["num_hidden_layers"] = layers

    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    (part / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (part / "tokenizer.json").write_text(json.dumps(spec, ensure_ascii=False), encoding="utf-8")
    save_file(weights, part / "model.safetensors", metadata={"format": "pt"})
    after = Tokenizer.from_file(str(part / "tokenizer.json")).encode_batch(texts)
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    return Pruned(
        before=len(vocabulary),
        after=len(kept),
        used=len(used),
        unknown_before=sum(encoding.tokens.count(unknown) for encoding in encoded),
        unknown_after=sum(encoding.tokens.count(unknown) for encoding in after),
    )


def first_layers(weights: dict[str, Any], layers: int, there: int, base: Path) -> dict[str, Any]:
    """The weights without those of the layers above."""
    if not 1 <= layers <= there:
        raise InputError(f"{base} has {there} layers, {layers} shall stay; wanted 1 to {there}")
    found = {name: LAYER.match(name) for name in weights}
    return {name: weights[name] for name, match in found.items() if match is None or int(match[1]) < layers}


def renumber_specials(spec: dict, vocabulary: dict[str, int]) -> None:  # type: ignore[type-arg]
    """Give the post-processor's copies of the special tokens' ids the new numbers."""
    processor = spec["post_processor"]
    if processor["type"] == "TemplateProcessing":
        for token in processor["special_tokens"].values():
            token["ids"] = [vocabulary[name] for name in token["tokens"]]
    else:  # BertProcessing
        for role in ("sep", "cls"):
            processor[role] = [processor[role][0], vocabulary[processor[role][0]]]
