"""What texts are turned into vectors by: a base, an encoder, or what comes with Gretchen; vectors that are kept."""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import click
import numpy as np
import numpy.typing as npt

from models.artifact import MANIFEST, load_artifact
from models.errors import InputError
from streams.engines import installed
from streams.settings import ZOO, Settings

if TYPE_CHECKING:
    from models.few_shot.trunk import Trunk

CHUNK = 512
ELSEWHERE = Path(__file__).parents[2] / "chat" / "learn" / "elsewhere.txt"

base_option = click.option(
    "--base",
    help="What understands the texts: a BERT's directory or its name on the Hugging Face hub (such as"
    " sentence-transformers/all-MiniLM-L6-v2), or an encoder's artifact. By default GRETCHEN_ENCODER_MODEL, else a part"
    " of the shipped news model, which knows less.",
)


def learn_missing(error: ImportError) -> InputError:
    return InputError(f"{error.name or error} is not installed; learning wants it: pip install 'gretchen[learn]'")


def trunk_of(base: str | None, settings: Settings, texts: Sequence[str], say: Callable[[str], None]) -> "Trunk":
    """`texts` tell what to calibrate a base on. Raises InputError, ArtifactError."""
    try:
        from models.few_shot import trunk
    except ImportError as error:
        raise learn_missing(error) from None
    if base is None and installed(settings, "encoder_model"):
        base = str(settings.encoder_model)
    if base is None:
        say(
            "texts are understood by a part of the shipped news model; an encoder knows more of them: --base"
            " sentence-transformers/all-MiniLM-L6-v2"
        )
        return trunk.of_artifact(load_artifact(ZOO / "news"))
    if (Path(base) / MANIFEST).exists():
        return trunk.of_artifact(load_artifact(Path(base)))
    try:
        from models.training.bases import directory_of

        directory = directory_of(base)
    except ImportError as error:
        raise learn_missing(error) from None
    return trunk.of_base(directory, [*texts[:200], *elsewhere()])


def elsewhere() -> list[str]:
    """Texts on other matters than any bank, shop or office answers."""
    return ELSEWHERE.read_text(encoding="utf-8").split("\n")[:-1]


def kept_vectors(
    trunk: "Trunk", texts: Sequence[str], store: Path, progress: Callable[[int, int], None]
) -> npt.NDArray[np.float32]:
    """Vectors of texts, in their order; what was reckoned is kept in `store`, so that a second call goes on from it.

    Those of another trunk are forgotten.
    """
    mark = hashlib.sha256(trunk.model.SerializeToString() + trunk.tokenizer).hexdigest()
    keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32] for text in texts]
    held = read_store(store, mark)
    missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in held}
    todo, written = list(missing.items()), len(held)
    for start in range(0, len(todo), CHUNK):
        progress(start, len(todo))
        part = todo[start : start + CHUNK]
        held |= dict(zip([key for key, _ in part], trunk.vectors([text for _, text in part]), strict=True))
        if len(held) > 1.2 * written or start + CHUNK >= len(todo):  # all is written anew
            write_store(store, mark, held)
            written = len(held)
    progress(len(todo), len(todo))
    return np.stack([held[key] for key in keys]) if keys else np.zeros((0, trunk.dimensions), np.float32)


def read_store(store: Path, mark: str) -> dict[str, npt.NDArray[np.float32]]:
    """Empty where there is none, half of one, or another trunk's."""
    try:
        with store.open("rb") as file, np.load(file) as saved:
            if str(saved["mark"]) != mark:
                return {}
            return dict(zip(saved["keys"].tolist(), saved["vectors"], strict=True))
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return {}


def write_store(store: Path, mark: str, held: dict[str, npt.NDArray[np.float32]]) -> None:
    store.parent.mkdir(parents=True, exist_ok=True)
    part = store.with_name(store.name + ".part")
    with part.open("wb") as file:
        np.savez(file, mark=np.array(mark), keys=np.array(list(held)), vectors=np.stack(list(held.values())))
    part.replace(store)
