"""`gretchen models task`: a first task out of a file of the user's own, and what is said of the file."""

import csv
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from models.data.corpus import OUT_OF_SCOPE, load_corpus
from models.data.draft import Labelled, draft, epochs_for, one_spelling, quoted
from models.errors import InputError
from models.tasks.task import load_task
from streams.commands.models import command

LABELS = ("refund", "parcel", "order change")


def rows(counts: dict[str, int]) -> str:
    lines = [f"{label.strip()} number {n},{label}" for label, count in counts.items() for n in range(count)]
    return "text,label\n" + "\n".join(lines) + "\n"


def write(folder: Path, content: str, name: str = "mine.csv") -> Path:
    (folder / name).write_bytes(content.encode())
    return folder / name


def task_of(file: Path, *options: str) -> Result:
    return CliRunner().invoke(command, ["task", str(file), "--out", str(file.parent / "mine.toml"), *options])


def test_the_task_that_is_written_loads_with_the_counts_that_were_told(tmp_path: Path) -> None:
    file = write(tmp_path, rows({**dict.fromkeys(LABELS, 40), "other": 30}))
    done = task_of(file, "--out-of-scope", "other")
    assert done.exit_code == 0, done.output
    assert "150 rows, 150 of them of use" in done.output and done.stderr == ""
    task = load_task(str(tmp_path / "mine.toml"))
    assert task.name == "mine" and task.abstain_on == "intent" and task.sources[0].map == {"other": OUT_OF_SCOPE}
    assert task.heads["intent"].labels == ("order change", "parcel", "refund")
    told = draft(Labelled(file), "mine", "intent", ["other"]).counts
    assert list(told) == ["order change", "parcel", "refund", OUT_OF_SCOPE]
    examples = load_corpus(task, tmp_path).examples
    for split in ("train", "dev", "test"):
        assert len(examples[split]) == sum(by_split[split] for by_split in told.values()) > 0


def test_labels_that_are_alike_are_one_and_that_is_said(tmp_path: Path) -> None:
    file = write(tmp_path, rows({"refund": 30, "Refund": 5, "parcel": 30, "parcel ": 4}))
    made = draft(Labelled(file), "mine", "intent")
    assert list(made.counts) == ["parcel", "refund"]
    assert "'Refund' is taken for 'refund' (map in the task)" in made.notes
    assert one_spelling(["a ", "A", "a ", "b"]) == {"a ": "a", "A": "a", "b": "b"}


def test_few_of_a_label_make_macro_f1_decide_and_labels_weigh_alike(tmp_path: Path) -> None:
    made = draft(Labelled(write(tmp_path, rows({"refund": 90, "parcel": 12}))), "mine", "intent")
    assert made.metric == "macro_f1" and 'class_weights = "balanced"' in made.toml
    made = draft(Labelled(write(tmp_path, rows({"refund": 40, "parcel": 12}))), "mine", "intent")
    assert made.metric == "accuracy" and 'class_weights = "none"' in made.toml


def test_what_is_odd_is_noted_and_kept_out_of_the_counts(tmp_path: Path) -> None:
    odd = " ,parcel\nrefund number 1,refund\nrefund number 2,parcel\nlonely,rare\n"
    file = write(tmp_path, rows({"refund": 40, "parcel": 40}) + odd)
    made = draft(Labelled(file), "mine", "intent")
    notes = "\n".join(made.notes)
    assert "1 skipped, empty text (" in notes and "mine.csv:82" in notes
    assert "1 repeated (" in notes and "1 repeated with another label (" in notes
    assert "rare: no text in " in notes and "the model can't learn when to say nothing" in notes


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("text,label\na,x\nb,\nc,y\nd,\n", [], r"2 rows have no label \(.*mine\.csv:3; .*mine\.csv:5\)"),
        ("text,label\na,x\nb,x\n", [], r"column label has only 'x'; a classifier wants 2"),
        ("text,label\na,x\nb,y\nc,z\n", [], r"3 different labels in 3 rows; is it another column\?"),
        ("text,mood\na,x\n", [], r"no column label; it has text, mood"),
        ("text,label\n", [], r"no row; wanted labelled text"),
        ('text,label\na,x\n"b,y\n', [], r"mine\.csv:3: not CSV"),
        ("text,label\na,x\nb,y\nc,x\nd,y\n", ["--out-of-scope", "z"], r"no row is labelled 'z'; it has x, y"),
    ],
)  # fmt: skip
def test_a_file_of_no_use_is_named_with_its_place_and_nothing_is_written(
    tmp_path: Path, content: str, options: list[str], message: str
) -> None:
    done = task_of(write(tmp_path, content), *options)
    assert isinstance(done.exception, InputError)
    with pytest.raises(InputError, match=message):
        raise done.exception
    assert not (tmp_path / "mine.toml").exists()


def test_a_task_that_somebody_may_have_edited_is_not_overwritten_unasked(tmp_path: Path) -> None:
    file = write(tmp_path, rows({"refund": 30, "parcel": 30}))
    (tmp_path / "mine.toml").write_text("mine own")
    done = task_of(file)
    assert isinstance(done.exception, InputError) and "--overwrite" in str(done.exception)
    assert (tmp_path / "mine.toml").read_text() == "mine own"
    assert task_of(file, "--overwrite").exit_code == 0 and load_task(str(tmp_path / "mine.toml")).name == "mine"


def test_names_with_quotes_and_spaces_and_other_encodings_are_written_so_that_they_are_read(tmp_path: Path) -> None:
    file = tmp_path / 'my "own".csv'
    with file.open("w", encoding="latin-1", newline="") as into:
        labelled = [(f"Anfrage {label} {n}", label) for label in ('a "b"', "für uns") for n in range(30)]
        csv.writer(into).writerows([("the text", "its label"), *labelled])
    options = ("--text", "the text", "--label", "its label", "--encoding", "latin-1", "--head", "topic")
    done = task_of(file, *options)
    assert done.exit_code == 0, (done.output, done.exception)
    task = load_task(str(tmp_path / "mine.toml"))
    assert task.heads["topic"].labels == ('a "b"', "für uns") and len(load_corpus(task, tmp_path).examples["train"])
    assert quoted("a\x7f\n") == '"a\\u007f\\n"'


def test_few_texts_are_gone_over_more_often() -> None:
    assert epochs_for(100) > epochs_for(250) > epochs_for(5_000) == 4
