"""`gretchen models doubt` on a tiny random BERT: labels that were swapped are found, and finetune leaves them out."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")

from models.data.corpus import Corpus, Example, Target, load_corpus
from models.data.doubted import Doubt, read_doubted, without_doubted
from models.errors import InputError
from models.tasks.task import load_task
from models.tasks.training import Training
from models.training import doubt
from models.training.doubt import Judged, doubted, judge_labels, numbered
from models.training.loop import ALONE, Surroundings
from streams.commands.models import command

SWAPPED = 12


@pytest.fixture(scope="module")
def noisy(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, set[str]]:
    """The tiny data with some labels of the head on texts swapped, and the texts whose labels those are."""
    path = tmp_path_factory.mktemp("noisy")
    for file in tiny_data.iterdir():
        (path / file.name).write_bytes(file.read_bytes())
    corpus = load_corpus(load_task(str(path / "tiny.toml")), path)
    swapped = {example.text for example in corpus.of("train", "moods")[:SWAPPED]}
    with (path / "moods.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with (path / "moods.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "mood"])
        writer.writeheader()
        other = {"good": "bad", "bad": "good"}
        writer.writerows({**row, "mood": other[row["mood"]] if row["text"] in swapped else row["mood"]} for row in rows)
    return path, swapped


def gretchen(verb: str, data: Path, base: Path, out: Path, *options: str) -> Result:
    fixed = [str(data / "tiny.toml"), "--base", str(base), "--data", str(data), "--out", str(out), "--threads", "1"]
    return CliRunner().invoke(command, [verb, *fixed, *options], catch_exceptions=False)


def test_swapped_labels_are_doubted_and_finetune_leaves_them_out(
    noisy: tuple[Path, set[str]], tiny_base: Path, tmp_path: Path
) -> None:
    data, swapped = noisy
    done = gretchen("doubt", data, tiny_base, tmp_path / "doubt", "--folds", "3", "--epochs", "5")
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in (tmp_path / "doubt" / "doubted.jsonl").read_text().splitlines()]
    moods = [line for line in lines if line["head"] == "mood"]
    found = {line["text"] for line in moods} & swapped
    assert len(found) >= 0.75 * len(swapped) and len(found) >= 0.5 * len(moods)
    assert [line["probability"] for line in moods] == sorted(line["probability"] for line in moods)
    assert all(line["said"] != line["label"] and line["probability"] < line["said_probability"] for line in lines)
    assert not [path for path in (tmp_path / "doubt").iterdir() if path.is_dir() or path.suffix == ".key"]
    file = str(tmp_path / "doubt" / "doubted.jsonl")
    done = gretchen("finetune", data, tiny_base, tmp_path / "run", "--without-doubted", file, "--epochs", "0.2")
    assert done.exit_code == 0 and f"moods: {len(moods)} skipped, doubted label (" in done.stderr


def test_a_cross_validation_cut_short_goes_on_and_says_the_same(
    noisy: tuple[Path, set[str]], tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, _ = noisy
    task = load_task(str(data / "tiny.toml"))
    corpus, training = load_corpus(task, data), replace(task.training, epochs=1)
    whole = judge_labels(task, corpus, tiny_base, tmp_path / "whole", training, 2, ALONE)
    steps = 0

    def kill(done: int, total: int, word: str) -> None:
        nonlocal steps
        steps += 1
        if steps == total + 4:  # in the second fold
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        judge_labels(
            task, corpus, tiny_base, tmp_path / "cut", training, 2, Surroundings(progress=kill, checkpoint_s=0)
        )
    resumed: list[bool] = []
    own = doubt.finetune

    def note(*given: object, resume: bool) -> object:
        resumed.append(resume)
        return own(*given, resume=resume)  # type: ignore[arg-type]

    monkeypatch.setattr(doubt, "finetune", note)
    cut = judge_labels(task, corpus, tiny_base, tmp_path / "cut", training, 2, ALONE)
    assert resumed == [True]  # the first fold was kept
    for head, judged in whole.items():
        np.testing.assert_allclose(cut[head].probabilities, judged.probabilities, atol=1e-6)
        assert cut[head].doubts == judged.doubts and len(judged.doubts) > 100
    other = replace(training, learning_rate=1e-3)  # what was kept is of other options
    judge_labels(task, corpus, tiny_base, tmp_path / "cut", replace(other, epochs=0.1), 2, ALONE)
    assert resumed == [True, False, False]


def test_a_label_is_doubted_where_another_is_as_likely_as_it_is_on_its_own_texts() -> None:
    doubts = [Doubt("s", f"text {n}", "h", "ab"[n % 2], None) for n in range(6)]
    labels = np.array([0, 1, 0, 1, 0, 1])
    said = np.array([[0.9, 0.1], [0.2, 0.8], [0.3, 0.7], [0.8, 0.2], [0.45, 0.55], [0.1, 0.9]], np.float32)
    found = doubted(Judged(doubts, labels, said), ("a", "b"))  # a is 0.55 sure of its own on average, b 0.63
    assert [(one.doubt.text, one.said) for one in found] == [("text 3", "a"), ("text 2", "b")]
    assert found[0].probability == pytest.approx(0.2) and found[0].said_probability == pytest.approx(0.8)
    assert doubted(Judged([], labels[:0], said[:0]), ("a", "b")) == []


def test_every_label_has_its_number_and_outliers_have_none(tiny_data: Path) -> None:
    task = load_task(str(tiny_data / "tiny.toml"))
    examples = [
        Example("x", (Target("mood", -1),), "s"),
        Example("y", (Target("mood", 1), Target("named", 0, 0.3, (0, 1))), "s"),
        Example("z", (Target("mood", 0),), "s"),
    ]
    asked, doubts, labels = numbered(examples, task)
    assert [e.targets for e in asked] == [
        (), (Target("mood", 0), Target("named", 0, 1.0, (0, 1))), (Target("mood", 1),)
    ]  # fmt: skip
    assert labels == {"mood": [1, 0], "named": [0]}
    assert doubts["named"] == [Doubt("s", "y", "named", "bad", (0, 1))] and doubts["mood"][0].label == "good"


def test_one_label_of_a_text_is_left_out_and_pairs_are_made_of_the_rest(tiny_data: Path) -> None:
    task = load_task(str(tiny_data / "tiny.toml"))
    text = "acme and globex"
    entities = [
        Example(text, (Target("named", 0, 1.0, (0, 4)), Target("named", 1, 1.0, (9, 15))), "entities"),
        Example("acme", (Target("named", 1, 1.0, (0, 4)),), "entities"),
        Example("globex", (Target("named", 1, 1.0, (0, 6)),), "entities"),
    ]
    corpus = Corpus(examples={"train": entities, "dev": [], "test": []})
    struck = {
        Doubt("entities", text, "named", "bad", (0, 4)): "d:1",
        Doubt("entities", "acme", "named", "good", (0, 4)): "d:2",
        Doubt("entities", "gone", "named", "good", (0, 4)): "d:3",
    }
    sources = [replace(source, paired=2.0) for source in task.sources if source.name == "entities"]
    without_doubted(corpus, struck, task.heads, sources)
    plain, made = corpus.examples["train"][:2], corpus.examples["train"][2:]
    assert [(e.text, len(e.targets)) for e in plain] == [(text, 1), ("globex", 1)]
    assert len(made) == 4 and all(target.label == 1 for e in made for target in e.targets)
    assert corpus.skipped == {("entities", "doubted label"): 2}
    assert corpus.noticed == {("entities", "doubted label that no training text has"): 1}
    with pytest.raises(InputError, match="none of 1 doubted labels is one of the training labels"):
        without_doubted(corpus, {Doubt("entities", "gone", "named", "good", None): "d:1"}, task.heads, [])


@pytest.mark.parametrize("line", ["no json", '{"text": "x"}', "[]", '{"source": "s", "text": "x", "head": "h", '
                                  '"label": "l", "span": [1]}'])  # fmt: skip
def test_a_line_that_is_no_doubt_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text(f'\n{{"source": "s", "text": "x", "head": "h", "label": "l", "span": null, "said": "m"}}\n{line}\n')
    with pytest.raises(InputError, match=r"d\.jsonl:3: no doubted label"):
        read_doubted(path)


def test_a_base_that_may_have_seen_the_labels_is_refused(
    noisy: tuple[Path, set[str]], tiny_base: Path, tmp_path: Path
) -> None:
    data, _ = noisy
    assert gretchen("finetune", data, tiny_base, tmp_path / "run", "--epochs", "0.1").exit_code == 0
    task = load_task(str(data / "tiny.toml"))
    with pytest.raises(InputError, match="fine-tuned already"):
        judge_labels(task, load_corpus(task, data), tmp_path / "run" / "best", tmp_path / "d", Training(), 2, ALONE)
