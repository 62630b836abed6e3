"""Where a base lies: a directory, or a name on the Hugging Face hub, fetched once into its cache. And what it holds."""

from pathlib import Path
from typing import Any, TypeVar

from models.errors import InputError

Model = TypeVar("Model")

FILES = ("config.json", "tokenizer.json", "tokenizer_config.json", "*.safetensors")  # no pickle, nobody else's code


def directory_of(base: str) -> Path:
    """Raises InputError for what is neither, or can't be fetched. HF_HUB_OFFLINE=1 asks the cache only."""
    path = Path(base)
    if path.is_dir():
        return path
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        found = Path(snapshot_download(base, allow_patterns=list(FILES)))
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{base}: neither a directory nor a model on the hub that can be fetched: {reason}") from None
    if lacking := [name for name in ("config.json", "tokenizer.json") if not (found / name).exists()]:
        raise InputError(f"{base}: the hub has no {' and no '.join(lacking)} of it; give a base with both")
    return found


def loaded(auto: Any, base: str | Path, **options: Any) -> Any:
    """What `auto` (a class of transformers' AutoModel family) loads from a base, of whatever architecture.

    Attention dropout is off: it costs the fast kernel and gained nothing. Raises InputError.
    """
    from transformers.utils import logging

    logging.set_verbosity_error()  # that a head is fresh and the pooler unused is no news
    logging.disable_progress_bar()  # of loading, beside our own
    try:
        return auto.from_pretrained(base, attention_probs_dropout_prob=0.0, **options)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{base}: no encoder can be loaded from here: {error}") from None


def pretrained(auto: Any, wanted: type[Model], base: str | Path, max_tokens: int = 0, **options: Any) -> Model:
    """What `loaded` gives, if it is of the class wanted. Raises InputError for another architecture, or one that reads
    fewer than `max_tokens`."""
    model = loaded(auto, base, **options)
    if not isinstance(model, wanted):
        raise InputError(f"{base}: a {type(model).__name__}; the exported graph is BERT's, give a BERT-like base")
    reads: int = model.config.max_position_embeddings  # type: ignore[attr-defined]  # every model of transformers has it
    if reads < max_tokens:
        raise InputError(f"{base} reads {reads} tokens, the task wants {max_tokens}; lower its max_tokens")
    return model
