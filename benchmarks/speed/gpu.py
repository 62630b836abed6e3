"""The engine on a GPU beside a transformers pipeline, where there is a GPU."""

import torch

from benchmarks.speed.results import Plan, Write

NO_DEVICE = "no CUDA device: nothing is measured"


def run(plan: Plan, write: Write) -> None:
    """Raises GretchenError for a pipeline whose labels are others than ours."""
    if not torch.cuda.is_available():
        print(NO_DEVICE)
        return
    from benchmarks.speed.gpu_contenders import measure  # and with it transformers, seconds for nothing elsewhere

    measure(plan, write, "cuda")
