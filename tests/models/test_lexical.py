"""BM25 beside a GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("bm25s", reason="BM25 wants the [train] extra")

JAX = """
import os
def top_k(*given):
    print("jax may use", os.environ.get("JAX_PLATFORMS"))
"""


def test_jax_where_it_is_installed_leaves_the_gpu_to_the_training(tmp_path: Path) -> None:
    (tmp_path / "jax").mkdir()
    (tmp_path / "jax/__init__.py").touch()
    (tmp_path / "jax/lax.py").write_text(JAX)
    environment = {name: value for name, value in os.environ.items() if name != "JAX_PLATFORMS"}
    told = subprocess.run(
        [sys.executable, "-c", "import models.data.lexical"], capture_output=True, text=True, check=True, timeout=60,
        env={**environment, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])},
    )  # fmt: skip
    assert told.stdout == "jax may use cpu\n"
