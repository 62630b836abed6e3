"""A base by its directory or its name on the hub."""

from pathlib import Path

import pytest

hub = pytest.importorskip("huggingface_hub", reason="training wants the [train] extra")

from models.errors import InputError  # noqa: E402
from models.training.bases import directory_of  # noqa: E402


def test_a_directory_is_taken_as_it_is_without_asking_anybody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "snapshot_download", None)
    assert directory_of(str(tmp_path)) == tmp_path


def test_a_name_is_fetched_without_pickles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, list[str]] = {}

    def fetch(name: str, allow_patterns: list[str]) -> str:
        asked[name] = allow_patterns
        (tmp_path / "config.json").write_text("{}")
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", fetch)
    with pytest.raises(InputError, match=r"has no tokenizer\.json of it"):
        directory_of("someone/some-bert")
    (tmp_path / "tokenizer.json").write_text("{}")
    assert directory_of("someone/some-bert") == tmp_path
    assert "*.safetensors" in asked["someone/some-bert"]
    assert not any(pattern.endswith((".bin", ".py")) for pattern in asked["someone/some-bert"])


@pytest.mark.parametrize("name", ["someone/never-fetched", "no such/name at/all"])
def test_what_is_neither_is_told_in_one_line(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="neither a directory nor a model on the hub") as told:
        directory_of(name)
    assert "\n" not in str(told.value)
