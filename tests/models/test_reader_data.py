"""Questions as they lie there: what is read, mended, skipped and counted; who lies on which side; windows and spans."""

import csv
import json
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.questions import Question, Questions, find_answer, load_questions
from models.engines.windows import NOTHING, Candidate, Shape, Specials, apart, arrays, candidates, tokens_of, windows_of
from models.errors import InputError
from models.evaluation.reading import Read, exact_match, f1, normalize_answer, report
from models.tasks.task import Task, load_task, parse_task

SPECIALS = Specials(2, 3, 0)
SHARED = Path(os.environ.get("GRETCHEN_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


def task_of(*sources: dict[str, Any], **more: Any) -> Task:
    said = [{"name": "set", "license": "made up", "use": "train", "reader": "squad"} | source for source in sources]
    return parse_task({"name": "tiny", "kind": "reader", "max_tokens": 128, "sources": said} | more, "tiny.toml")


def squad(path: Path, *paragraphs: tuple[str, list[dict[str, Any]]]) -> None:
    data = [{"title": "t", "paragraphs": [{"context": context, "qas": qas} for context, qas in paragraphs]}]
    path.write_text(json.dumps({"data": data}), encoding="utf-8")


def asked(question: str, *answers: tuple[str, int], **more: Any) -> dict[str, Any]:
    told = [{"text": text, "answer_start": start} for text, start in answers]
    return {"id": question, "question": question, "answers": told} | more


def load_one(tmp_path: Path, *qas: dict[str, Any], context: str = "Ann met Bo. Bo met Cy.") -> Questions:
    squad(tmp_path / "set.json", (context, list(qas)))
    return load_questions(task_of({"files": {"train": "set.json"}}), tmp_path)


def test_answers_are_checked_against_the_passage_and_what_does_not_fit_is_counted(tmp_path: Path) -> None:
    questions = load_one(
        tmp_path,
        asked("who?", ("Ann", 0), (" Bo", 7)),
        asked("who met Cy?", ("Bo", 2)),  # said to stand where it does not
        asked("who met Di?", ("Eve", 0)),
        asked("why?", is_impossible=True),
        asked("  ", ("Ann", 0)),
        asked("Who", ("Ann", 0)),
    )
    found = {question.id: question for question in questions.examples["train"]}
    assert found["who?"].answer_texts == ("Ann", "Bo") and found["who?"].answers == ((0, 3), (8, 10))
    assert found["who met Cy?"].answers == ((8, 10),) and found["why?"].answers == ()
    assert questions.noticed == {("set", "an answer that stands elsewhere than said"): 1}
    assert questions.skipped == {
        ("set", "an answer that is not in the passage"): 1,
        ("set", "no answer in the passage"): 1,
        ("set", "empty question or passage"): 1,
        ("set", "asked twice of the same passage"): 1,
    }


@given(st.text("ab ", max_size=12), st.text("ab ", max_size=3), st.integers(0, 12))
def test_an_answer_is_found_where_its_text_stands_or_not_at_all(passage: str, text: str, start: int) -> None:
    span = find_answer(passage, text, start)
    assert (span is None) == (not text.strip() or text.strip() not in passage)
    assert span is None or passage[slice(*span)] == text.strip()


def test_a_passage_lies_on_one_side_only_and_one_held_out_by_another_set_is_not_trained_on(tmp_path: Path) -> None:
    paragraphs = [(f"Ann has {n} hats.", [asked(f"what has {n}?", ("Ann", 0)), asked("who?", ("Ann", 0))])
                  for n in range(80)]  # fmt: skip
    squad(tmp_path / "a.json", *paragraphs)
    squad(tmp_path / "b.json", *paragraphs[:40])
    split = {"name": "a", "files": {"all": "a.json"}, "test_share": 0.3, "dev_share": 0.2}
    task = task_of(split, {"name": "b", "files": {"test": "b.json"}, "use": "measure"})
    questions = load_questions(task, tmp_path)
    sides = [{question.passage for question in questions.examples[split]} for split in ("train", "dev", "test")]
    assert all(sides) and not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
    measured = load_questions(task, tmp_path, use="measure")
    tested = {question.passage for question in measured.examples["test"]}
    assert len(tested) == 40 and not tested & sides[0] and questions.skipped["a", "passage held out"] > 0
    assert len(questions.passages["a"]) == 80


def test_a_set_that_is_only_measured_never_trains_whatever_its_split(tmp_path: Path) -> None:
    squad(tmp_path / "set.json", ("Ann met Bo.", [asked("who?", ("Ann", 0))]))
    task = task_of({"files": {"train": "set.json"}, "use": "measure"})
    measured = load_questions(task, tmp_path, use="measure")
    assert [len(measured.examples[split]) for split in ("train", "dev", "test")] == [0, 0, 1]
    assert load_questions(task, tmp_path).examples["train"] == []


def test_a_question_is_asked_again_of_a_near_passage_without_its_answer(tmp_path: Path) -> None:
    pytest.importorskip("bm25s", reason="unanswerable questions are made by BM25, of the [train] extra")
    names = ["Ann", "Bob", "Cyd", "Dan", "Eve", "Fay", "Gus", "Hal"]
    squad(tmp_path / "set.json", *(
        (f"{name} sells {thing} in town.", [asked(f"who sells {thing}?", (name, 0))])
        for name, thing in zip(names, ["hats", "hats and shoes", "shoes", "cars", "fish", "bread", "milk", "tea"],
                               strict=True)
    ))  # fmt: skip
    task = task_of({"files": {"train": "set.json"}, "unanswerable": 1.0})
    questions = load_questions(task, tmp_path).examples["train"]
    made = [question for question in questions if not question.answers]
    assert len(questions) == 16 and len(made) == 8 and all(q.id.endswith("-unanswerable") for q in made)
    right = {question.text: question.answer_texts[0] for question in questions if question.answers}
    assert all(right[question.text] not in question.passage for question in made)
    assert load_questions(task, tmp_path).examples["train"] == questions


def test_a_table_is_read_by_the_columns_the_task_names(tmp_path: Path) -> None:
    with (tmp_path / "set.csv").open("w", newline="", encoding="utf-8") as file:
        header = ["text", "question", "answer", "answer_start"]
        csv.writer(file).writerows([header, ["Bo met Bo.", "who?", "Bo", "7"], ["Bo met Bo.", "why?", "", ""]])
    task = task_of({"reader": "csv", "files": {"train": "set.csv"}, "columns": {"context": "text"}})
    who, why = load_questions(task, tmp_path).examples["train"]
    assert who.answers == ((7, 9),) and why.answers == ()
    with pytest.raises(InputError, match=r"set\.csv: no column context; it has text, question, answer, answer_start"):
        load_questions(task_of({"reader": "csv", "files": {"train": "set.csv"}}), tmp_path)


def test_parquet_as_the_hub_lays_squad_out_is_read(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="Parquet wants the [train] extra")
    import pyarrow.parquet as pq

    answers = [{"text": ["Bo", "met"], "answer_start": [7, 3]}, {"text": [], "answer_start": []}]
    table = {"id": ["1", "2"], "context": ["Bo met Bo."] * 2, "question": ["who?", "why?"], "answers": answers}
    pq.write_table(pa.table(table), tmp_path / "set.parquet")
    who, why = load_questions(task_of({"reader": "parquet", "files": {"train": "set.parquet"}}), tmp_path).examples[
        "train"
    ]
    assert who.answers == ((7, 9), (3, 6)) and why.answers == ()


def test_qamr_answers_are_the_characters_of_their_tokens_and_words_here_and_there_are_no_span(tmp_path: Path) -> None:
    (tmp_path / "sentences.tsv").write_text("W:1\tAnn -LRB- of Rome -RRB- sings .\n")
    rows = ["W:1\t1\t7\t0\t1\tWho sings?\t0\t8:0 1 2 3 4\t9:0 5", "W:1\t1\t7\t0\t1\tWhere?\t3\t8:3\t9:Invalid"]
    (tmp_path / "qamr.tsv").write_text("\n".join(rows) + "\n")
    source = {"reader": "qamr", "files": {"train": "qamr.tsv"}, "sentences": "sentences.tsv"}
    who, where = load_questions(task_of(source), tmp_path).examples["train"]
    assert who.passage == "Ann ( of Rome ) sings ." and who.answer_texts == ("Ann", "Ann ( of Rome )")
    assert where.answer_texts == ("Rome", "Rome")
    (tmp_path / "qamr.tsv").write_text("W:2\tx\n")
    with pytest.raises(InputError, match=r"qamr\.tsv:1: 2 columns, sentence 'W:2'; wanted QAMR's 9"):
        load_questions(task_of(source), tmp_path)


def test_tatqa_gives_the_spans_of_its_text_alone(tmp_path: Path) -> None:
    def question(uid: str, kind: str, where: str, answer: Any) -> dict[str, Any]:
        return {"uid": uid, "question": f"{uid}?", "answer": answer, "answer_type": kind, "answer_from": where}

    part = {"paragraphs": [{"text": "Sales rose."}, {"text": "Costs fell."}],
            "questions": [question("a", "span", "text", ["fell"]), question("b", "span", "table", ["1"]),
                          question("c", "count", "text", 2)]}  # fmt: skip
    (tmp_path / "t.json").write_text(json.dumps([part]))
    (only,) = load_questions(task_of({"reader": "tatqa", "files": {"test": "t.json"}}), tmp_path).examples["test"]
    assert only.id == "a" and only.passage == "Sales rose.\nCosts fell." and only.answer_texts == ("fell",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"data": [', r"set\.json:1: not JSON"),
        ('{"rows": []}', r"set\.json: not SQuAD's layout .*KeyError\('data'\)"),
        ('{"data": []}', r"no question of set can be used \(it is empty\)"),
        (b'{"data": "\xff"}', r"set\.json:1: byte 0xff is not utf-8"),
    ],
)
def test_a_file_that_can_not_be_used_is_named(tmp_path: Path, content: Any, message: str) -> None:
    (tmp_path / "set.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message):
        load_questions(task_of({"files": {"train": "set.json"}}), tmp_path)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"kind": "poet"}, r"tiny\.toml: kind is 'poet'; wanted one of classifier, reader, encoder"),
        ({"heads": {}}, r"a task of kind reader has no \[heads\]; see models/tasks/reader\.toml"),
        ({"reader": {"stride": 200}}, r"max_tokens 128 leaves 77 tokens .* more than \[reader\] stride, 200"),
        ({"reader": {"pace": 1}}, r"unexpected keyword argument 'pace'; see models/tasks/reader\.toml"),
        ({"kind": "encoder", "encoder": {"temperature": 0}}, r"temperature is 0; wanted more than 0"),
    ],
)
def test_a_task_that_contradicts_itself_is_refused(more: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        task_of({"files": {}}, **more)


@given(st.integers(0, 90), st.integers(0, 12), st.integers(0, 8))
def test_windows_cover_a_passage_without_a_hole_and_share_their_stride(tokens: int, question: int, stride: int) -> None:
    offsets = [(2 * n, 2 * n + 1) for n in range(tokens)]
    passage = [100 + n for n in range(tokens)]
    windows = windows_of(range(50, 50 + question), passage, offsets, SPECIALS, Shape(24, stride, 8))
    assert all(len(window.ids) <= 24 and window.ids[-1] == 3 and window.ids[0] == 2 for window in windows)
    assert list(dict.fromkeys(o for window in windows for o in window.offsets)) == offsets
    for window in windows:
        assert window.first == min(question, 8) + 2 and len(window.ids) == window.first + len(window.offsets) + 1
        assert all(window.ids[window.first + k] == 100 + o[0] // 2 for k, o in enumerate(window.offsets))
    for one, following in pairwise(windows):
        assert len(set(one.offsets) & set(following.offsets)) == stride


def test_an_answer_has_its_tokens_in_the_windows_that_hold_all_of_it() -> None:
    windows = windows_of([9], [5, 6, 7, 8], [(0, 3), (4, 6), (6, 9), (10, 12)], SPECIALS, Shape(6, 1, 4))
    assert [tokens_of(window, 4, 9) for window in windows] == [None, (3, 4), None]
    ids, lengths, types = arrays([windows[0], windows_of([9], [5], [(0, 3)], SPECIALS, Shape(6, 1, 4))[0]], 0)
    assert ids.tolist() == [[2, 9, 3, 5, 6, 3], [2, 9, 3, 5, 3, 0]] and lengths.tolist() == [6, 5]
    assert types.tolist() == [[0, 0, 0, 1, 1, 1], [0, 0, 0, 1, 1, 0]]


@given(st.integers(1, 12), st.integers(1, 5), st.integers(1, 6), st.integers(0, 99))
def test_the_best_spans_are_those_of_trying_every_one(tokens: int, longest: int, count: int, seed: int) -> None:
    offsets = [(n, n + 1) for n in range(tokens)]
    (window,) = windows_of([9], [5] * tokens, offsets, SPECIALS, Shape(40, 0, 4))
    start, end = np.random.default_rng(seed).normal(size=(2, 40)).astype(np.float32)
    tried = sorted((float(start[window.first + a] + end[window.first + b] - start[0] - end[0])
                    for a in range(tokens) for b in range(a, min(tokens, a + longest))), reverse=True)  # fmt: skip
    found = list(candidates(window, start, end, longest, count))
    np.testing.assert_allclose([one.margin for one in found], tried[:count], atol=1e-5)
    assert all(0 < one.end - one.start <= longest for one in found)
    assert NOTHING == (0, 0)


def test_of_overlapping_spans_only_the_best_is_kept() -> None:
    found = [Candidate(0, 4, 1.0), Candidate(2, 6, 3.0), Candidate(8, 9, 2.0), Candidate(6, 8, 0.5)]
    assert [one.margin for one in apart(found, 3)] == [3.0, 2.0, 0.5]
    assert [one.margin for one in apart(found, 1)] == [3.0]


def test_the_measures_are_squads() -> None:
    assert normalize_answer(" The  Cat, a hat!") == "cat hat"
    assert exact_match("the Cat.", ["dog", "cat"]) == 1 and exact_match("cats", ["cat"]) == 0
    assert f1("two black cats", ["black cats here"]) == pytest.approx(2 / 3)
    assert f1("", ["cat"]) == 0 and f1("the", ["a"]) == 1


def test_a_report_counts_the_answerable_and_how_well_no_answer_is_told_apart() -> None:
    def question(*answers: tuple[int, int]) -> Question:
        return Question("q", "who?", "Ann met Bo.", answers, "set")

    questions = [question((0, 3)), question((8, 10)), question(), question()]
    reads = [Read("Ann", 4.0), Read("met Bo", 2.0), Read("Ann", 3.0), Read("met", 1.0)]
    told = report(questions, reads, threshold=2.5)
    assert (told["n"], told["unanswerable"], told["em"], told["f1"]) == (2, 2, 0.5, 0.8333)
    assert told["no_answer_auroc"] == 0.75 and told["f1_interval"][0] <= told["f1"] <= told["f1_interval"][1]
    assert (told["answered"], told["answered_f1"], told["withheld"]) == (0.5, 1.0, 0.5)
    assert "no_answer_auroc" not in report(questions[:2], reads[:2])


@pytest.mark.shared_data
@pytest.mark.skipif(
    not (SHARED / "squadshifts").is_dir(), reason=f"{SHARED} is not there; GRETCHEN_SHARED_DATA names the folder"
)
def test_the_shipped_tasks_sets_are_read_and_no_passage_is_on_two_sides() -> None:
    pytest.importorskip("bm25s", reason="unanswerable questions are made by BM25, of the [train] extra")
    task = load_task("reader")
    learned, measured = (load_questions(task, SHARED, use=use) for use in ("train", "measure"))
    sides = [{question.passage for question in learned.examples[split]} for split in ("train", "dev", "test")]
    assert not sides[0] & sides[1] and not sides[0] & sides[2] and not sides[1] & sides[2]
    assert len(learned.passages["new_wiki"]) == 1581 and len(learned.of("test", "new_wiki")) > 1000
    assert {question.source for question in learned.examples["train"]} == {"new_wiki", "reddit", "amazon", "qamr"}
    assert not measured.examples["train"] and {q.source for q in measured.examples["test"]} == {"tatqa"}
    for question in learned.examples["test"][:500]:
        assert all(text and text == text.strip() for text in question.answer_texts)
