from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data import (
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
from models.errors import InputError
from models.tasks import Head, Source, load_task

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
        ("text,label\na,good\nb,good\n", "1 label in all of set"),
    ],
)
def test_a_bad_csv_is_named_with_its_line(tmp_path: Path, content: str | bytes, message: str) -> None:
    write(tmp_path, "a.csv", content)
    with pytest.raises(InputError, match=message):
        read(tmp_path, source())


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
