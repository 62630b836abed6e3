"""The mean of fine-tuned models' weights: one model that is often a little better than each (Wortsman et al. 2022).

The models must have gone on from one another: weights of runs that began apart do not lie in one valley.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from models.errors import InputError

BESIDE = ("config.json", "tokenizer.json")


def average(models: Sequence[Path], run: Path) -> None:
    """Write RUN/best from directories as RUN/best is one. Raises InputError unless all are of one shape."""
    try:
        weights = [load_file(path / "model.safetensors") for path in models]
        beside = [[(path / name).read_bytes() for name in BESIDE] for path in models]
    except OSError as error:
        raise InputError(f"no fine-tuned model to average: {error}") from None
    shapes = [{name: value.shape for name, value in one.items()} for one in weights]
    for path, shape, files in zip(models, shapes, beside, strict=True):
        if shape != shapes[0] or files != beside[0]:
            raise InputError(f"{path} is of another shape or has another tokenizer than {models[0]}; average one's own")
    part = run / "best.part"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    mean = {name: np.mean([one[name] for one in weights], axis=0).astype(np.float32) for name in weights[0]}
    save_file(mean, part / "model.safetensors")
    for name in BESIDE:
        shutil.copyfile(models[0] / name, part / name)
    shutil.rmtree(run / "best", ignore_errors=True)
    part.rename(run / "best")
