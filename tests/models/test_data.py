from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.corpus import (
    OUT_OF_SCOPE,
    OUTLIER,
    Corpus,
    Example,
    Target,
    add_source,
    find_span,
    hash_share,
    load_corpus,
    normalize,
    pairs,
)
from models.data.leaks import leaks
from models.errors import InputError
from models.tasks.task import Head, Source, Task, Training, load_task

HEADS = {
    "mood": Head("mood", "text", ("bad", "good"), "accuracy"),
    "named": Head("named", "span", ("bad", "good"), "accuracy"),
}


def source(**changes: Any) -> Source:
    given = {
        "name": "set",
        "reader": "csv",
        "license": "made up",
        "use": "train",
        "files": {"train": "a.csv"},
        "head": "mood",
    }
    return Source(**{**given, **changes})


def read(root: Path, of: Source) -> Corpus:
    corpus = Corpus()
    add_source(corpus, of, HEADS, root)
    return corpus


def write(root: Path, name: str, content: str | bytes) -> None:
    (root / name).write_bytes(content.encode() if isinstance(content, str) else content)


def test_every_row_is_an_example_or_counted(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "text,label\nAcme wins,good\nAcme loses,bad\n  ,good\nShared row,bad\n")
    write(tmp_path, "b.csv", "text,label\nshared ROW!,bad\nOther,good\n")
    corpus = read(tmp_path, source(files={"train": "a.csv", "test": "b.csv"}))
    assert [e.text for e in corpus.examples["train"]] == ["Acme wins", "Acme loses"]
    assert len(corpus.examples["test"]) == 2
    assert corpus.skipped == {("set", "empty text"): 1, ("set", "also in test"): 1}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,mood\na,good\n", r"a\.csv: no column label; it has text, mood"),
        ("text,label\na,good\nb,sad\n", r"a\.csv:3: unknown label 'sad'; wanted one of bad, good"),
        ("text,label\na,good\nb\n", r"a\.csv:3: fewer columns"),
        (b"text,label\na,good\n\xff\xfe,bad\n", r"a\.csv:3: byte 0xff is not utf-8"),
        ("text,label\na,good\nb,good\n", r"a\.csv:2: only 'good' in all 2 rows of set"),
        ("text,label\n", r"a\.csv: no row"),
        ("", r"a\.csv: no column label, text; it has nothing"),
        ("label,text\ngood,Acme wins, again\n", r"a\.csv:2: more columns .* in quotes"),
        ('text,label\na,good\n"b,bad\nc,bad\n', r"a\.csv:3: not CSV: .*quote that is not closed"),
        (f"text,label\na,good\n{'b' * 200_000},bad\n", r"a\.csv:3: not CSV: field larger"),
        ("text,text,label\na,b,good\n", r"a\.csv: two columns text"),
    ],
)
def test_a_bad_csv_is_named_with_its_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    write(tmp_path, "a.csv", content)
    with pytest.raises(InputError, match=message):
        read(tmp_path, source())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"text": "a", "label": "good"}\n{"text": "b"\n', r"a\.jsonl:2: not JSON"),
        ('{"text": "a", "mood": "good"}\n', r"a\.jsonl:1: no field 'label'; it has text, mood"),
        ('{"text": "a", "label": "good"}\n\n["b", "bad"]\n', r"a\.jsonl:3: wanted an object"),
        ('{"text": 3, "label": "good"}\n', r"a\.jsonl:1: wanted an object with text as 'text'"),
        ('{"text": "\\ud800", "label": "good"}\n', r"a\.jsonl:1: wanted an object with text"),
        ('{"text": "a", "label": null}\n', r"a\.jsonl:1: the label is None; wanted text or a number"),
        ('{"text": "a", "label": "good"}\n{"text": "b", "label": 3}\n', r"a\.jsonl:2: unknown label '3'"),
    ],
)
def test_a_bad_jsonl_is_named_with_its_line(tmp_path: Path, content: str, message: str) -> None:
    write(tmp_path, "a.jsonl", content)
    with pytest.raises(InputError, match=message):
        read(tmp_path, source(reader="jsonl", files={"train": "a.jsonl"}))


def test_an_unknown_encoding_is_named_and_the_right_one_is_read(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "text,label\né,good\nb,bad\n".encode("utf-16"))
    with pytest.raises(InputError, match=r"a\.csv:1: byte 0xff is not utf-8; .*--encoding"):
        read(tmp_path, source())
    with pytest.raises(InputError, match=r"a\.csv: encoding 'utf-61' is not known"):
        read(tmp_path, source(encoding="utf-61"))
    assert [e.text for e in read(tmp_path, source(encoding="utf-16")).examples["train"]] == ["é", "b"]


def test_a_mark_of_byte_order_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "text,label\na,good\nb,bad\n".encode("utf-8-sig"))
    assert len(read(tmp_path, source()).examples["train"]) == 2


def test_a_row_ends_where_its_line_ends_and_at_no_other_separator(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", 'text,label\none\u2028two\x85three,good\n"four\nfive",bad\nsix,sad\n')
    with pytest.raises(InputError, match=r"a\.csv:5: unknown label 'sad'"):
        read(tmp_path, source())
    assert [e.text for e in read(tmp_path, source(map={"sad": "bad"})).examples["train"]] == [
        "one\u2028two\x85three", "four\nfive", "six",
    ]  # fmt: skip


def test_what_was_skipped_and_what_is_odd_is_told_with_its_places(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "text,label\nx,good\nX!,good\nx.,bad\n ,good\nshared,bad\nin dev,bad\n")
    write(tmp_path, "b.csv", "text,label\nShared,bad\n")
    write(tmp_path, "c.csv", "text,label\nIn Dev,bad\n")
    corpus = read(tmp_path, source(files={"train": "a.csv", "test": "b.csv", "dev": "c.csv"}))
    at = str(tmp_path / "a.csv")
    assert corpus.notes() == [
        f"set: 1 skipped, also in dev ({at}:7 is {tmp_path / 'c.csv'}:2, 'in dev')",
        f"set: 1 skipped, also in test ({at}:6 is {tmp_path / 'b.csv'}:2, 'shared')",
        f"set: 1 skipped, empty text ({at}:5)",
        f"set: 1 repeated ({at}:3 is {at}:2)",
        f"set: 1 repeated with another label ({at}:4 is {at}:2)",
    ]
    assert len(corpus.examples["train"]) == 3  # what is repeated is kept


@given(st.lists(st.sampled_from(["x", "y,", "", "z"]), min_size=1, max_size=9))
def test_no_row_is_ever_lost_unsaid(texts: list[str]) -> None:
    import tempfile

    rows = [*texts, "one", "two"]
    with tempfile.TemporaryDirectory() as name:
        lines = [f'"{text}",{"good" if n % 2 else "bad"}' for n, text in enumerate(rows)]
        write(Path(name), "a.csv", "text,label\n" + "\n".join(lines) + "\n")
        corpus = read(Path(name), source(files={"all": "a.csv"}, test_share=0.3, dev_share=0.3))
    assert sum(map(len, corpus.examples.values())) + sum(corpus.skipped.values()) == len(rows)


TASK = Task("tiny", 24, "mean", {"mood": Head("mood", "text", ("bad", "good", "odd"), "accuracy")}, (), Training())


def test_one_label_in_all_of_training_is_refused_though_the_test_has_two(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "text,label\nx,good\ny,good\nz,bad\n")
    write(tmp_path, "b.csv", "text,label\nz,bad\n")
    task = replace(TASK, sources=(source(files={"train": "a.csv", "test": "b.csv"}),))
    with pytest.raises(InputError, match="head mood of task tiny: every training text is 'good'"):
        load_corpus(task, tmp_path)


def test_a_label_that_no_training_text_has_and_a_head_without_dev_are_told(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "text,label\nx,good\ny,bad\n")
    corpus = load_corpus(replace(TASK, sources=(source(),)), tmp_path)
    assert corpus.notes() == [
        "head mood: 1 labels without a training text ('odd')",
        "head mood: 1 without a dev text to choose by (task tiny)",
    ]


def test_a_leak_between_sets_is_told_with_count_and_example_for_the_same_head_only(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "text,label\nAcme wins,good\nAcme loses,bad\nNo more,bad\n")
    write(tmp_path, "b.csv", "text,label\nACME wins!,good\nacme loses,bad\nother,bad\n")
    learned = read(tmp_path, source(name="one"))
    measured, elsewhere = Corpus(), Corpus()
    add_source(measured, source(name="two", files={"test": "b.csv"}), HEADS, tmp_path)
    add_source(elsewhere, source(name="three", files={"test": "b.csv"}, head="named"), HEADS, tmp_path)
    (leak,) = leaks(learned, measured, elsewhere)
    assert leak == ("one", "two", "mood", 2, "ACME wins!")
    assert str(leak).startswith("leak: 2 test texts of two are among the training texts of one")
    assert leaks(learned, elsewhere) == []


def test_a_label_mapped_out_of_scope_makes_an_outlier(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "text,label\nx,good\ny,bad\nz,oos\n")
    corpus = read(tmp_path, source(map={"oos": OUT_OF_SCOPE}))
    assert [e.targets[0].label for e in corpus.examples["train"]] == [1, 0, OUTLIER]


def test_a_missing_file_says_which_option_names_its_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.csv: No such file.*--data"):
        read(tmp_path, source())


def test_label_maps_and_class_files_give_the_heads_labels(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", "text,label\nx,0\ny,1\n")
    corpus = read(tmp_path, source(map={"0": "good", "1": "bad"}))
    assert [e.targets[0].label for e in corpus.examples["train"]] == [1, 0]


def test_parquet_labels_are_lines_of_the_classes_file(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="reading Parquet wants the [train] extra")
    import pyarrow.parquet as pq

    write(tmp_path, "classes.txt", "good\nbad\n")
    of = source(reader="parquet", files={"train": "a.parquet"}, classes="classes.txt")
    pq.write_table(pa.table({"text": ["x", "y"], "label": [0, 1]}), tmp_path / "a.parquet")
    assert [e.targets[0].label for e in read(tmp_path, of).examples["train"]] == [1, 0]
    pq.write_table(pa.table({"text": ["x", "y"], "label": [0, 2]}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet:2: label 2 is not a line of classes\.txt \(0 to 1\)"):
        read(tmp_path, of)
    write(tmp_path, "a.parquet", "no parquet")
    with pytest.raises(InputError, match="not a Parquet file"):
        read(tmp_path, of)


ENTITIES = """text,label
Acme up and Dr Quark's Labs down,"{'Acme': 'good', 'Dr Quark's Labs': 'bad'}"
"Bajaj Holdings wins, again",{'Bajaj neutralings': 'good'}
Nobody named,{'Globex': 'bad'}
"""


def test_entities_are_found_whatever_their_apostrophes_and_overwritten_words(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", ENTITIES)
    corpus = read(tmp_path, source(reader="entities", head="named"))
    found = [[(e.text[slice(*t.span)], t.label) for t in e.targets if t.span] for e in corpus.examples["train"]]
    assert found == [[("Acme", 1), ("Dr Quark's Labs", 0)], [("Bajaj Holdings", 1)]]
    assert corpus.skipped == {("set", "entity not in the text"): 1, ("set", "no entity"): 1}


def test_agreeing_entities_lend_their_verdict_to_the_text_at_their_weight(tmp_path: Path) -> None:
    write(tmp_path, "a.csv", ENTITIES)
    corpus = read(tmp_path, source(reader="entities", head="named", agreeing={"head": "mood", "weight": 0.3}))
    of_text = [[t for t in e.targets if t.span is None] for e in corpus.examples["train"]]
    assert of_text[0] == [] and [(t.head, t.label, t.weight) for t in of_text[1]] == [("mood", 1, 0.3)]


def test_outliers_never_come_from_excluded_intents(tmp_path: Path) -> None:
    write(tmp_path, "domains.json", '{"banking": ["pay"], "home": ["music"]}')
    write(
        tmp_path, "full.json",
        '{"train": [["pay it", "pay"], ["play it", "music"], ["fly", "jet"]], "val": [], "oos_train": [["odd", "oos"]],'
        ' "oos_val": [["odder", "oos"]], "oos_test": [["oddest", "oos"]]}',
    )  # fmt: skip
    of = source(
        reader="clinc", files={"all": "full.json"}, domains="domains.json", outlier=True, exclude=("jet",),
        exclude_domains=("banking",),
    )  # fmt: skip
    corpus = read(tmp_path, of)
    assert {split: [e.text for e in got] for split, got in corpus.examples.items()} == {
        "train": ["play it", "odd"], "dev": ["odder"], "test": ["oddest"],
    }  # fmt: skip
    assert {t.label for got in corpus.examples.values() for e in got for t in e.targets} == {OUTLIER}


def test_clinc_alone_is_a_task_with_a_test_of_both(tmp_path: Path) -> None:
    write(
        tmp_path, "full.json",
        '{"train": [["go", "good"]], "val": [["bid", "bad"]], "test": [["got", "good"]], "oos_train": [["odd", "oos"]],'
        ' "oos_val": [["odder", "oos"]], "oos_test": [["oddest", "oos"]]}',
    )  # fmt: skip
    corpus = read(tmp_path, source(reader="clinc", files={"all": "full.json"}, map={"oos": OUT_OF_SCOPE}))
    said = {split: [(e.text, e.targets[0].label) for e in got] for split, got in corpus.examples.items()}
    assert said == {
        "train": [("go", 1), ("odd", OUTLIER)], "dev": [("bid", 0), ("odder", OUTLIER)],
        "test": [("got", 1), ("oddest", OUTLIER)],
    }  # fmt: skip


def test_a_line_of_several_heads_has_verdicts_on_the_entities_in_it(tmp_path: Path) -> None:
    write(
        tmp_path, "a.jsonl",
        '{"text": "Acme up, Globex down", "label": {}, "entities": {"Acme": "good", "Globex": "bad"}}\n'
        '{"text": "Acme up", "label": {"mood": "good"}, "entities": {"Initech": "good"}}\n',
    )  # fmt: skip
    of = source(reader="heads", files={"train": "a.jsonl"}, head="named")
    corpus = read(tmp_path, of)
    first, second = corpus.examples["train"]
    assert [(first.text[slice(*t.span)], t.head, t.label) for t in first.targets if t.span] == [
        ("Acme", "named", 1), ("Globex", "named", 0),
    ]  # fmt: skip
    assert second.targets == (Target("mood", 1),) and corpus.skipped == {("set", "entity not in the text"): 1}
    with pytest.raises(InputError, match=r"a\.jsonl:1: entities, but head mood of set is on whole texts"):
        read(tmp_path, replace(of, head="mood"))


def test_our_own_writing_lies_in_the_package(tmp_path: Path) -> None:
    task = load_task("news")
    ours = [one for one in task.sources if one.ours]
    corpus = Corpus()
    for one in ours:
        add_source(corpus, one, task.heads, tmp_path)
    assert {e.source for e in corpus.examples["train"]} == {"company_reports", "event_headlines", "differing_fates"}
    assert {e.source for e in corpus.examples["test"]} == {"wire"} and not corpus.skipped


def test_shares_of_a_single_file_keep_repeated_texts_on_one_side(tmp_path: Path) -> None:
    rows = [f"headline number {n % 500}{'!' * (n // 500)},{'good' if n % 2 else 'bad'}" for n in range(1000)]
    write(tmp_path, "a.csv", "text,label\n" + "\n".join(rows) + "\n")
    corpus = read(tmp_path, source(files={"all": "a.csv"}, test_share=0.2, dev_share=0.1))
    sides = {split: {normalize(e.text) for e in got} for split, got in corpus.examples.items()}
    assert not sides["train"] & sides["test"] and not sides["dev"] & sides["test"] and not sides["train"] & sides["dev"]
    assert 140 < len(corpus.examples["test"]) < 260 and sum(map(len, corpus.examples.values())) == 1000


@given(st.text())
def test_a_texts_share_lies_in_zero_to_one_and_stays(text: str) -> None:
    assert 0 <= hash_share(text) < 1 and hash_share(text) == hash_share(text)


@given(
    st.text(alphabet="ab .&'()$", min_size=1),
    st.text(alphabet="ab .&'()$", max_size=8),
    st.text(alphabet="ab .", max_size=8),
)
def test_a_name_in_the_text_is_found_in_any_case(name: str, before: str, after: str) -> None:
    text = before + name.upper() + after
    span = find_span(text, name)
    assert span is not None and text[slice(*span)].lower() == name.lower()


def test_a_whole_word_comes_before_a_part_of_one() -> None:
    assert find_span("Indian oil, says India", "India") == (17, 22)


def test_the_tiny_task_reads_its_own_data(tiny_data: Path) -> None:
    task = load_task(str(tiny_data / "tiny.toml"))
    corpus = load_corpus(task, tiny_data)
    assert all(len(corpus.of(split, "entities")) > 10 for split in ("train", "dev", "test"))


def test_paired_texts_keep_each_span_on_its_own_words_and_each_label() -> None:
    one = Example("Acme rises", (Target("named", 1, 1.0, (0, 4)), Target("mood", 1)), "set")
    two = Example("loss at Globex", (Target("named", 0, 1.0, (8, 14)),), "set")
    made = pairs([one, two], 4.0)
    assert len(made) == 8 and made == pairs([one, two], 4.0)
    for example in made:
        said = {example.text[slice(*target.span)]: target.label for target in example.targets if target.span}
        assert said == {"Acme": 1, "Globex": 0} and len(example.targets) == 2


def test_a_text_teaches_the_heads_that_it_has_a_label_for(tmp_path: Path) -> None:
    heads = {**HEADS, "size": Head("size", "text", ("small", "large"), "accuracy")}
    lines = (
        '{"text": "one", "labels": {"mood": "good", "size": "large"}}\n{"text": "two", "labels": {"size": "small"}}\n'
    )
    write(tmp_path, "a.jsonl", lines)
    corpus = Corpus()
    add_source(corpus, source(reader="heads", label="labels", files={"train": "a.jsonl"}), heads, tmp_path)
    one, two = corpus.examples["train"]
    assert one.targets == (Target("mood", 1), Target("size", 1)) and two.targets == (Target("size", 0),)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ('{"named": "good"}', "a label for named; wanted only heads on text: mood"),
        ('{"mood": "fair"}', "unknown label 'fair'"),
        ('"good"', "wanted an object of head and label"),
        ('{"mood": 1}', "wanted an object of head and label"),
    ],
)
def test_labels_of_heads_that_are_not_there_are_refused_by_line(tmp_path: Path, labels: str, said: str) -> None:
    write(tmp_path, "a.jsonl", '{"text": "one", "labels": ' + labels + "}\n")
    with pytest.raises(InputError, match=f"a.jsonl:1: .*{said}"):
        read(tmp_path, source(reader="heads", label="labels", files={"train": "a.jsonl"}))
