"""A task of pairs, on a tiny random BERT: every verb end to end, and what is told of a pair that is none.

Both texts of an example hold a good word and a bad one between them, and the label is that of the second: whoever does
not know which is which can only guess.
"""

import ast
import csv
import json
import random
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("onnx", reason="exporting wants the [train] extra")

from tokenizers import Tokenizer

from models.artifact import load_artifact
from models.data.corpus import Corpus, Example, Target, add_source, identity, load_corpus
from models.data.leaks import leaks
from models.engines import Request
from models.engines.batches import Item, collate, cut_pair, shares, token_types, tokenize
from models.engines.onnx import OnnxEngine
from models.errors import ArtifactError, InputError
from models.few_shot.trunk import of_artifact
from models.metrics import softmax
from models.tasks.task import Task, load_task, parse_task
from models.training.finetune import check_joins, judge, run_batch
from models.training.network import SpanClassifier
from models.training.network import load as load_network
from streams.commands.models import command as models_command
from streams.engines import check_heads

TASK = """
name = "grading"
pair = true
max_tokens = 24
text_pooling = "mean"

[heads.grade]
on = "text"
labels = ["wrong", "right"]
metric = "accuracy"

[[sources]]
name = "answers"
reader = "csv"
license = "made up"
use = "train"
files = { train = "answers.csv", test = "answers_test.csv" }
text = "question"
second = "answer"
label = "grade"
head = "grade"
dev_share = 0.2

[training]
epochs = 8
batch_size = 16
learning_rate = 2e-3
head_learning_rate = 5e-3
seed = 3
"""
GOOD, BAD = ("rise", "profit", "wins"), ("fall", "loss", "warns")
WORDS = ["acme", "shares", "rise", "fall", "zz", "❤"]


def answers(count: int, seed: int) -> list[tuple[str, str, str]]:
    rng = random.Random(seed)

    def text(words: tuple[str, ...]) -> str:
        filler = [
            " ".join(rng.choices(["shares", "flat", "today", "deal", "quark"], k=rng.randint(0, 3))) for _ in "ab"
        ]
        return f"{filler[0]} {rng.choice(words)} {filler[1]}".strip()

    return [
        (text(BAD), text(GOOD), "right") if n % 2 else (text(GOOD), text(BAD), "wrong") for n in range(count)
    ]  # fmt: skip


def write(path: Path, rows: list[tuple[str, ...]], header: tuple[str, ...] = ("question", "answer", "grade")) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


def verb(*arguments: str | Path) -> Result:
    return CliRunner().invoke(models_command, [str(each) for each in arguments])


def done(*arguments: str | Path) -> Result:
    result = verb(*arguments)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result


class Made:
    """The task in a folder with its data; a base with few pieces, a run, an artifact in float32 and one in int8."""

    def __init__(self, base: Path, where: Path) -> None:
        self.data, self.base = where / "data", where / "base"
        self.run, self.plain, self.path = where / "run", where / "plain", where / "grading"
        self.data.mkdir()
        write(self.data / "answers.csv", answers(400, 1))
        write(self.data / "answers_test.csv", answers(80, 2))
        self.toml = self.data / "grading.toml"
        self.toml.write_text(TASK)
        self.task: Task = load_task(str(self.toml))
        self.corpus = load_corpus(self.task, self.data)
        size = ("--size", "70", "--data", self.data, "--out", self.base)
        self.pruned = done("prune-vocabulary", self.toml, "--base", base, *size)
        self.finetune(self.run, self.base)
        options = ("--task", self.toml, "--data", self.data, "--base-name", "tiny")
        done("export", self.run, *options, "--out", self.path)
        done("export", self.run, *options, "--out", self.plain, "--precision", "float32", "--no-report")

    def finetune(self, run: Path, base: Path, *options: str) -> Result:
        return done("finetune", self.toml, "--base", base, "--data", self.data, "--out", run, *options)


@pytest.fixture(scope="module")
def made(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tiny_base, tmp_path_factory.mktemp("pairs"))


def test_which_text_is_which_is_learned_and_kept_in_int8(made: Made) -> None:
    manifest = load_artifact(made.path).raw
    assert manifest["metrics"]["test"]["answers.grade"]["accuracy"] > 0.9
    (loss,) = manifest["quantization"]["losses"]
    assert loss["head"] == "grade" and loss["before"] - loss["after"] <= 0.005
    engine = OnnxEngine(load_artifact(made.path))
    one, other = engine.infer(engine.encode([Request("loss", second="profit"), Request("profit", second="loss")]))
    assert one["grade"].argmax() == 1 and other["grade"].argmax() == 0


def test_the_card_says_that_two_texts_are_read(made: Made) -> None:
    card = (made.path / "README.md").read_text()
    assert "`grade` (pair of texts): wrong, right" in card and "cut, the longer one first, at 24 tokens" in card
    assert "pairs of texts are cut at 24 tokens" in done("show", made.path).stdout


def test_a_vocabulary_keeps_the_pieces_of_both_texts(made: Made) -> None:
    kept = Tokenizer.from_file(str(made.base / "tokenizer.json")).get_vocab()
    assert {*GOOD, *BAD} <= kept.keys() and "zebra" not in kept
    rows = len(made.corpus.examples["train"])
    assert f"used by {2 * rows} texts; unknown pieces 0 -> 0" in made.pruned.output


def test_what_is_served_is_what_was_trained(made: Made) -> None:
    """Float32 to rounding; int8 by less than a tenth of probability."""
    examples = made.corpus.examples["test"]
    tokenizer = Tokenizer.from_file(str(made.run / "best" / "tokenizer.json"))
    network = load_network(made.run / "best", made.task.heads)
    batch = collate(tokenize(examples, tokenizer, made.task.max_tokens), 0, "mean")
    assert batch.token_types.any()
    logits = run_batch(network, batch)["grade"][:, 0].detach().numpy()
    for path, near in ((made.plain, 1e-4), (made.path, 0.1)):
        artifact = load_artifact(path)
        engine, temperature = OnnxEngine(artifact), artifact.config.heads["grade"].temperature
        said = engine.infer(engine.encode([Request(e.text, second=e.second) for e in examples]))
        served = np.array([each["grade"] for each in said])
        assert np.abs(served - softmax(logits, temperature)).max() < near


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.lists(st.sampled_from(WORDS), max_size=20)] * 2), min_size=1, max_size=9))
def test_pairs_come_back_in_the_order_given_and_alone_as_in_a_batch(
    made: Made, texts: list[tuple[list[str], list[str]]]
) -> None:
    engine = OnnxEngine(load_artifact(made.path), threads=2)
    requests = [Request(" ".join(first), second=" ".join(second)) for first, second in texts]
    for request, said in zip(requests, engine.infer(engine.encode(requests)), strict=True):
        (alone,) = engine.infer(engine.encode([request]))
        np.testing.assert_allclose(said["grade"], alone["grade"], atol=5e-3)
        assert said["grade"].shape == (2,) and said["grade"].sum() == pytest.approx(1)


@given(st.integers(0, 60), st.integers(0, 60), st.integers(2, 40))
def test_the_longer_text_is_cut_first_and_all_room_is_used(first: int, second: int, room: int) -> None:
    kept = shares(first, second, room)
    assert sum(kept) == min(room, first + second) and kept[0] <= first and kept[1] <= second
    assert kept[0] == first or kept[0] >= kept[1]  # what was cut is no shorter than what is beside it
    assert kept[1] == second or kept[1] >= kept[0] - 1


def test_a_cut_pair_keeps_its_special_tokens_and_says_so(made: Made) -> None:
    tokenizer = Tokenizer.from_file(str(made.base / "tokenizer.json"))
    cls, sep = (tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    for texts in (("rise " * 40, "fall"), ("rise", "fall " * 40), ("rise " * 40, "fall " * 40)):
        ids, first = cut_pair(tokenizer.encode(*texts), 12)
        assert len(ids) == 12 and ids[0] == cls and ids[-1] == sep and ids.count(sep) == 2 and ids[first - 1] == sep
        assert ids[first:-1].count(tokenizer.token_to_id("fall")) == len(ids) - first - 1 > 0
    engine = OnnxEngine(load_artifact(made.path))
    short, long = engine.encode([Request("rise", second="fall"), Request("rise " * 40, second="fall")])
    assert not short.truncated and long.truncated and len(long.ids) == made.task.max_tokens
    types = token_types([short.first, 0], np.array([len(short.ids), 3]), 8)
    assert types.tolist() == [[0, 0, 0, 1, 1, 0, 0, 0], [0] * 8]


@pytest.mark.parametrize("method", ["lora", "adalora", "prefix", "adapter"])
def test_every_method_goes_on_with_pairs(made: Made, tmp_path: Path, method: str) -> None:
    """A tiny random base learns what depends on both texts by `full` only; who lost their order would guess."""
    told = made.finetune(tmp_path / "run", made.run / "best", "--method", method, "--epochs", "1").stdout
    assert json.loads(told[told.index("{") :])["grade"]["accuracy"] > 0.9
    examples = made.corpus.examples["test"]
    assert judge(tmp_path / "run" / "best", made.task, examples)["grade"]["accuracy"] > 0.9


def test_a_student_learns_pairs_and_takes_no_single_texts(made: Made, tmp_path: Path) -> None:
    options = ("--data", made.data, "--layers", "1", "--epochs", "2")
    for teacher in (made.run, made.path):
        base = ("--base", made.base) if teacher == made.path else ()
        out = tmp_path / teacher.name
        told = done("distil", made.toml, "--teacher", teacher, *base, *options, "--out", out).stdout
        assert "epoch" in told and (out / "best" / "model.safetensors").exists()
    (tmp_path / "more.txt").write_text("zebra deal zebra\n")
    more = ("--unlabelled", tmp_path / "more.txt", "--out", tmp_path / "no")
    refused = verb("distil", made.toml, "--teacher", made.run, *options, *more)
    assert isinstance(refused.exception, InputError) and "task grading is of pairs" in str(refused.exception)


def test_float32_is_quantized_to_the_same_model(made: Made, tmp_path: Path) -> None:
    done("quantize", made.plain, "--task", made.toml, "--data", made.data, "--out", tmp_path / "small")
    assert (tmp_path / "small" / "model.onnx").read_bytes() == (made.path / "model.onnx").read_bytes()
    single = tmp_path / "single.toml"
    single.write_text(TASK.replace("pair = true\n", "").replace('second = "answer"\n', ""))
    refused = verb("quantize", made.plain, "--task", single, "--data", made.data, "--out", tmp_path / "other")
    assert isinstance(refused.exception, InputError) and "give the --task it is of" in str(refused.exception)


def test_evaluate_measures_the_tasks_pairs_and_ones_own(made: Made, tmp_path: Path) -> None:
    told = json.loads(done("evaluate", made.path, "--task", made.toml, "--data", made.data, "--json").stdout)
    recorded = load_artifact(made.path).raw["metrics"]["test"]["answers.grade"]["accuracy"]
    assert told["sets"]["answers.grade"]["accuracy"] == recorded and told["speed"]["texts"] == 80
    own = write(tmp_path / "mine.csv", [*answers(40, 5), ("profit", " ", "right")], ("q", "a", "g"))
    columns = ("--text", "q", "--second", "a", "--label", "g")
    result = done("evaluate", made.path, "--data", own, *columns, "--json")
    told = json.loads(result.stdout)
    assert told["sets"]["mine.grade"]["n"] == 40 and told["sets"]["mine.grade"]["accuracy"] > 0.9
    assert "mine: 1 skipped, empty second text (" in result.stderr
    lines = tmp_path / "mine.jsonl"
    lines.write_text("".join(json.dumps({"q": q, "a": a, "g": g}) + "\n" for q, a, g in answers(40, 5)))
    assert json.loads(done("evaluate", made.path, "--data", lines, *columns, "--json").stdout)["sets"]["mine.grade"]


def test_compare_takes_pairs(made: Made, tmp_path: Path) -> None:
    own = write(tmp_path / "mine.csv", answers(40, 5))
    columns = ("--text", "question", "--second", "answer", "--label", "grade")
    told = json.loads(done("compare", made.path, made.plain, "--data", own, *columns, "--json").stdout)
    assert set(told["sets"]["mine.grade"]) == {str(made.path), str(made.plain)}


def test_doubt_names_both_texts_and_finetune_leaves_the_label_out(made: Made, tmp_path: Path) -> None:
    right = next(e for e in made.corpus.examples["train"] if e.targets[0].label == 1)
    wrong = (right.text, right.second)
    write(tmp_path / "answers.csv", [(q, a, "wrong" if (q, a) == wrong else g) for q, a, g in answers(400, 1)])
    write(tmp_path / "answers_test.csv", answers(20, 2))
    options = ("--base", made.base, "--data", tmp_path)
    done("doubt", made.toml, *options, "--folds", "2", "--out", tmp_path / "doubt", "--epochs", "12")
    found = [json.loads(line) for line in (tmp_path / "doubt" / "doubted.jsonl").read_text().splitlines()]
    assert len(found) < 40 and wrong in {(one["text"], one["second"]) for one in found}
    one = tmp_path / "one.jsonl"
    one.write_text(json.dumps(next(line for line in found if (line["text"], line["second"]) == wrong)) + "\n")
    result = done("finetune", made.toml, *options, "--out", tmp_path / "run", "--epochs", "1", "--without-doubted", one)
    assert "answers: 1 skipped, doubted label" in result.stderr


@pytest.mark.parametrize("command", ["evaluate", "compare"])
def test_pairs_and_single_texts_are_not_mistaken_for_each_other(made: Made, tmp_path: Path, command: str) -> None:
    own = write(tmp_path / "mine.csv", answers(10, 5))
    others = (made.plain,) if command == "compare" else ()
    refused = verb(command, made.path, *others, "--data", own, "--text", "question", "--label", "grade")
    assert refused.exit_code == 2 and "is of pairs of texts; name the second column by --second" in refused.output
    refused = verb(
        command, made.path, *others, "--data", own, "--text", "question", "--second", "no", "--label", "grade"
    )
    assert isinstance(refused.exception, InputError) and "no column no; it has question" in str(refused.exception)
    single = tmp_path / "single.toml"
    single.write_text(TASK.replace("pair = true\n", "").replace('second = "answer"\n', ""))
    refused = verb(command, made.path, *others, "--data", made.data, "--task", single)
    assert isinstance(refused.exception, InputError) and "is of pairs of texts, task grading of" in str(
        refused.exception
    )


def test_an_engine_of_pairs_takes_no_single_text(made: Made) -> None:
    engine = OnnxEngine(load_artifact(made.path))
    with pytest.raises(InputError, match=r"grading/1 scores pairs of texts, got a single one"):
        engine.encode([Request("profit")])
    assert engine.infer(engine.encode([Request("", second="")]))[0]["grade"].sum() == pytest.approx(1)


def test_an_engine_of_single_texts_takes_no_pair() -> None:
    engine = OnnxEngine(load_artifact(Path(__file__).parents[2] / "models" / "zoo" / "intents"))
    with pytest.raises(InputError, match=r"scores single texts, got a pair; leave out the second text"):
        engine.encode([Request("where is my card", second="it is lost")])


def test_the_app_and_the_trunk_want_single_texts(made: Made) -> None:
    artifact = load_artifact(made.path)
    with pytest.raises(ArtifactError, match="scores pairs of texts, the app has single ones"):
        check_heads(artifact, {"grade": ("text", None)})
    with pytest.raises(ArtifactError, match="reads pairs of texts, a trunk single ones"):
        of_artifact(artifact)
    refused = verb("import", "somebody/classifier", "--out", made.path.parent / "no", "--task", made.toml)
    assert isinstance(refused.exception, InputError) and "only classifiers of single texts" in str(refused.exception)


@pytest.mark.parametrize("name", ["Roberta", "MPNet", "DistilBert"])
def test_an_encoder_without_token_types_can_teach_pairs(name: str) -> None:
    transformers = pytest.importorskip("transformers")
    config = getattr(transformers, f"{name}Config")(
        vocab_size=50, hidden_size=32, dim=32, num_hidden_layers=1, n_layers=1, num_attention_heads=2, n_heads=2,
        intermediate_size=32, hidden_dim=32, **({"type_vocab_size": 1} if name == "Roberta" else {}),
    )  # fmt: skip
    heads = parse_task(tomllib.loads(TASK), "grading.toml").heads
    network = SpanClassifier(getattr(transformers, f"{name}Model")(config), heads)
    item = Item((2, 7, 3, 8, 3), (), (Target("grade", 1),), 3)
    assert run_batch(network, collate([item], 0, "mean"))["grade"].shape == (1, 1, 2)


DOCS = (Path(__file__).parents[2] / "docs" / "models.md").read_text(encoding="utf-8")


def documented(language: str) -> str:
    section = DOCS.split("## Pairs of texts")[1].split("\n## ")[0]
    return section.split(f"```{language}\n")[1].split("```")[0]


def test_the_documents_example_is_a_task_and_its_lines_score_a_pair(
    made: Made, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = parse_task(tomllib.loads(documented("toml")), "docs/models.md")
    assert task.pair and task.name == "grading"
    monkeypatch.chdir(made.path.parent)
    exec(documented("python"), {})  # our own lines
    said = ast.literal_eval(capsys.readouterr().out)
    assert said.keys() == {"wrong", "right"} and sum(said.values()) == pytest.approx(1)


def without(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda task: task["sources"][0].pop(key)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("second"), "source answers names no second text, in a task of pairs; say second = its column"),
        (lambda t: t.pop("pair"), "source answers has second = 'answer', but the task is not pair = true"),
        (lambda t: t.update(pair="yes"), "pair is 'yes' of kind classifier; wanted true or false"),
        (lambda t: t.update(max_tokens=7), "max_tokens is 7; a pair wants 8 or more"),
        (lambda t: t["heads"]["grade"].update(on="span"), r'\[heads\.grade\] is on spans; heads on pairs want on'),
        (lambda t: t["sources"][0].update(reader="at"), "reader 'at'.*; pairs want one of csv, jsonl, parquet"),
        (lambda t: t["sources"][0].update(second="question"), "text 'question', second 'question'.* two columns"),
        (lambda t: t["sources"][0].update(paired=0.5), "paired 0.5; .* paired left out"),
    ],
)  # fmt: skip
def test_a_task_of_pairs_with_a_fault_is_refused_by_name(change: Callable[[Any], Any], message: str) -> None:
    task = tomllib.loads(TASK)
    change(task)
    with pytest.raises(InputError, match=message):
        parse_task(task, "grading.toml")


def test_a_tokenizer_that_does_not_part_two_texts_is_refused(made: Made) -> None:
    spec = json.loads((made.base / "tokenizer.json").read_text())
    spec["post_processor"]["pair"] = spec["post_processor"]["single"] + [{"Sequence": {"id": "B", "type_id": 1}}]
    with pytest.raises(InputError, match="no special token between two texts"):
        check_joins(Tokenizer.from_str(json.dumps(spec)), made.base)


def loaded(folder: Path, rows: list[tuple[str, ...]], **of_source: Any) -> Corpus:
    raw = tomllib.loads(TASK)
    files = {"files": {"all": "rows.csv"}, "dev_share": 0.3, "test_share": 0.3}
    raw["sources"][0] |= files | of_source
    write(folder / "rows.csv", rows)
    task = parse_task(raw, "grading.toml")
    corpus = Corpus()
    add_source(corpus, task.sources[0], task.heads, folder)
    return corpus


def test_a_pair_is_split_by_both_texts_and_the_same_pair_lies_on_one_side(tmp_path: Path) -> None:
    rows = [("one question", f"answer {n}", ("right", "wrong")[n % 2]) for n in range(60)]
    corpus = loaded(tmp_path, [*rows, *((q, f" {a.upper()}!", g) for q, a, g in rows)])
    splits = {split: {identity(e) for e in examples} for split, examples in corpus.examples.items()}
    assert all(splits.values()) and sum(map(len, splits.values())) == 60  # no pair on two sides
    assert corpus.noticed["answers", "repeated"] == 60


def test_of_duplicates_across_splits_only_the_same_pair_is_dropped(tmp_path: Path) -> None:
    write(tmp_path / "test.csv", [("a question", "an answer", "right"), ("a question", "another", "wrong")])
    train = [("A question?", "an answer", "right"), ("a question", "a third", "wrong"), ("b", "an answer", "right")]
    corpus = loaded(tmp_path, train, files={"train": "rows.csv", "test": "test.csv"}, dev_share=0.0)
    assert [(e.text, e.second) for e in corpus.examples["train"]] == [("a question", "a third"), ("b", "an answer")]
    assert corpus.skipped["answers", "also in test"] == 1


def test_a_pair_without_one_of_its_texts_is_skipped_and_counted(tmp_path: Path) -> None:
    rows = [("q", "a", "right"), ("q", "", "wrong"), ("q", " ?!", "wrong"), ("", "a", "right"), ("q", "b", "wrong")]
    corpus = loaded(tmp_path, rows)
    assert sum(map(len, corpus.examples.values())) == 2
    assert corpus.skipped == {("answers", "empty second text"): 2, ("answers", "empty text"): 1}
    assert not corpus.noticed


def test_a_missing_second_column_is_named_for_each_reader(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"rows\.csv: no column reply; it has question, answer, grade;.*--second"):
        loaded(tmp_path, answers(4, 1), second="reply")
    (tmp_path / "rows.jsonl").write_text('{"question": "q", "grade": "right"}\n')
    of_lines = {"reader": "jsonl", "files": {"all": "rows.jsonl"}}
    with pytest.raises(InputError, match=r"rows\.jsonl:1: no field 'answer'; it has question, grade;.*--second"):
        loaded(tmp_path, [], **of_lines)
    (tmp_path / "rows.jsonl").write_text('{"question": "q", "answer": 3, "grade": "right"}\n')
    with pytest.raises(InputError, match=r"rows\.jsonl:1: wanted an object with text as 'question' and 'answer'"):
        loaded(tmp_path, [], **of_lines)
    (tmp_path / "rows.csv").write_text("question,answer,grade\nq,a,right\nq\n")
    with pytest.raises(InputError, match=r"rows\.csv:3: fewer columns"):
        parse_and_read(tmp_path)


def parse_and_read(folder: Path) -> None:
    raw = tomllib.loads(TASK)
    raw["sources"][0]["files"] = {"all": "rows.csv"}
    task = parse_task(raw, "grading.toml")
    add_source(Corpus(), task.sources[0], task.heads, folder)


def test_parquet_gives_pairs_and_counts_what_is_null(tmp_path: Path) -> None:
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    columns = {"question": ["q", "q", "q"], "answer": ["a", None, "b"], "grade": ["right", "right", "wrong"]}
    parquet.write_table(arrow.table(columns), tmp_path / "rows.parquet")
    corpus = loaded(tmp_path, [], reader="parquet", files={"all": "rows.parquet"})
    read = {(e.text, e.second) for examples in corpus.examples.values() for e in examples}
    assert read == {("q", "a"), ("q", "b")} and corpus.skipped["answers", "empty second text"] == 1


def test_a_leak_between_sets_is_one_of_the_pair() -> None:
    learned, other = Corpus(), Corpus()
    target = (Target("grade", 1),)
    learned.examples["train"] = [Example("q", target, "ours", "an answer"), Example("q", target, "ours", "b")]
    other.examples["test"] = [Example("Q", target, "theirs", "an answer!"), Example("q", target, "theirs", "c")]
    (leak,) = leaks(learned, other)
    assert leak.texts == 1 and leak.learned == "ours"
