"""Where a base lies: a directory, or a name on the Hugging Face hub, fetched once into its cache."""

from pathlib import Path

from models.errors import InputError

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
