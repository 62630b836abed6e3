"""A real Alertmanager takes our configuration, and what its comments propose."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.expressions import DEPLOY

CONFIG = DEPLOY / "alertmanager" / "alertmanager.yml"
pytestmark = [
    pytest.mark.alertmanager,
    pytest.mark.skipif(shutil.which("amtool") is None, reason="no amtool in PATH (Debian: prometheus-alertmanager)"),
]


def accepted(config: Path) -> str:
    done = subprocess.run(["amtool", "check-config", config], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_as_it_is_it_tells_nobody() -> None:
    assert " - 1 receivers" in accepted(CONFIG)
    assert "_configs" not in re.sub("#.*", "", CONFIG.read_text())


def test_with_its_examples_uncommented_it_is_accepted_too(tmp_path: Path) -> None:
    config = tmp_path / "alertmanager.yml"
    config.write_text(re.sub(r"(?m)^  # (?!To tell|it as)", "  ", CONFIG.read_text()))
    assert "https://desk.example" in re.sub("#.*", "", config.read_text())
    assert "receiver: desk" in re.sub("#.*", "", config.read_text())
    assert " - 2 receivers" in accepted(config)
