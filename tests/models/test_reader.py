"""A reader from questions to a served artifact, on a tiny random BERT. Needs the [train] extra."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch", reason="training wants the [train] extra")
pytest.importorskip("transformers", reason="training wants the [train] extra")

from safetensors.numpy import load_file  # noqa: E402

from models import graph  # noqa: E402
from models.artifact import Artifact, load_artifact  # noqa: E402
from models.data.questions import Questions, load_questions  # noqa: E402
from models.engines.batches import read_tokenizer  # noqa: E402
from models.engines.encoder import Encoder  # noqa: E402
from models.engines.onnx import OnnxEngine  # noqa: E402
from models.engines.reader import Reader  # noqa: E402
from models.engines.windows import Specials, arrays  # noqa: E402
from models.errors import ArtifactError, GateRefused, InputError  # noqa: E402
from models.evaluation import reading  # noqa: E402
from models.export import quantize  # noqa: E402
from models.export.reader import cheapest, export_reader, feeds, renamed, sample  # noqa: E402
from models.tasks.task import Task, load_task  # noqa: E402
from models.training import span_reader  # noqa: E402
from models.training.distil import Softness  # noqa: E402
from models.training.distil_reader import distil_reader, ids_in, soft_loss  # noqa: E402
from models.training.finetune_reader import finetune_reader, items_of, logits_of, loss_of  # noqa: E402
from models.training.loop import Surroundings  # noqa: E402
from tests.support.spoiled import spoil  # noqa: E402

TASK = """
name = "tiny-reader"
kind = "reader"
max_tokens = 24

[reader]
stride = 4
max_question_tokens = 4
max_answer_tokens = 3

[[sources]]
name = "companies"
reader = "squad"
license = "made up"
use = "train"
files = { all = "companies.json" }
test_share = 0.2
dev_share = 0.2

[training]
epochs = 6
batch_size = 16
learning_rate = 2e-3
head_learning_rate = 5e-3
seed = 3
"""
FILLERS = ["shares", "flat", "today", "deal", "zebra", "quark", "rise", "fall"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Who: the company that a passage names, of two words or of one; some passages name none, some need two windows."""
    path = tmp_path_factory.mktemp("reading")
    rng = random.Random(2)
    paragraphs = []
    for n in range(260):
        before, after = (" ".join(rng.choices(FILLERS, k=rng.randint(1, 10))) for _ in range(2))
        name = "" if n % 4 == 0 else rng.choice(["acme", "globex profit"])
        start = len(before) + 1
        answers = [{"text": name, "answer_start": start}] * 2 if name else []
        asked = {"id": str(n), "question": "and deal", "answers": answers, "is_impossible": not name}
        paragraphs.append({"context": f"{before} {name} {after}", "qas": [asked]})
    (path / "companies.json").write_text(json.dumps({"data": [{"title": "t", "paragraphs": paragraphs}]}))
    (path / "tiny.toml").write_text(TASK)
    return path


@pytest.fixture(scope="module")
def task(data: Path) -> Task:
    return load_task(str(data / "tiny.toml"))


@pytest.fixture(scope="module")
def questions(task: Task, data: Path) -> Questions:
    return load_questions(task, data)


class Killed(Exception):
    pass


@pytest.fixture(scope="module")
def run(task: Task, questions: Questions, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("reader") / "run"
    finetune_reader(task, questions, tiny_base, path, task.training)
    return path


def test_it_learns_to_read_and_to_say_that_no_passage_answers(run: Path) -> None:
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    best = max(log, key=lambda line: float(line["score"]))
    told = best["dev"]["companies"]
    assert len(log) == 6 and told["f1"] > 0.85 and told["em"] > 0.75 and told["no_answer_auroc"] > 0.9
    assert {path.name for path in (run / "best").iterdir()} == {"config.json", "model.safetensors", "tokenizer.json"}


def test_what_is_saved_is_hugging_faces_question_answering_model(run: Path, tiny_base: Path) -> None:
    from transformers import AutoModelForQuestionAnswering, BertForQuestionAnswering

    model = AutoModelForQuestionAnswering.from_pretrained(run / "best").eval()
    assert isinstance(model, BertForQuestionAnswering)
    ours = span_reader.from_base(run / "best", 0.0, 24).eval()
    ids = torch.randint(4, 60, (2, 12))
    types = (torch.arange(12) > 4).long().expand(2, 12)
    mask = torch.ones_like(ids)
    with torch.no_grad():
        start, end = ours(ids, mask, types)
        theirs = model(input_ids=ids, attention_mask=mask, token_type_ids=types)
    torch.testing.assert_close(start, theirs.start_logits)
    torch.testing.assert_close(end, theirs.end_logits)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_reader_killed_and_resumed_is_one_that_was_not(
    method: str, task: Task, questions: Questions, tiny_base: Path, tmp_path: Path
) -> None:
    training = replace(task.training, epochs=2, method=method)

    def kill(done: int, total: int, word: str) -> None:
        if done == total // 2 + 2:
            raise Killed

    finetune_reader(task, questions, tiny_base, tmp_path / "whole", training)
    with pytest.raises(Killed):
        around = Surroundings(progress=kill, checkpoint_s=0)
        finetune_reader(task, questions, tiny_base, tmp_path / "cut", training, around)
    finetune_reader(task, questions, tiny_base, tmp_path / "cut", training, resume=True)
    whole, cut = (load_file(tmp_path / run / "last" / "model.safetensors") for run in ("whole", "cut"))
    for name, weights in whole.items():
        np.testing.assert_allclose(cut[name], weights, atol=1e-6, err_msg=name)


@pytest.fixture(scope="module")
def mpnet_run(task: Task, questions: Questions, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A teacher of another architecture, with the same pieces in another order and its own special tokens."""
    import transformers

    path = tmp_path_factory.mktemp("mpnet")
    tokenizer = (tiny_base / "tokenizer.json").read_text()
    for ours, theirs in (("[CLS]", "<s>"), ("[PAD]", "<pad>"), ("[SEP]", "</s>")):
        tokenizer = tokenizer.replace(json.dumps(ours), json.dumps(theirs))
    raw = json.loads(tokenizer)
    pieces = ["<s>", "<pad>", "</s>", *sorted(set(raw["model"]["vocab"]) - {"<s>", "<pad>", "</s>"}, reverse=True)]
    raw["model"]["vocab"] = {piece: n for n, piece in enumerate(pieces)}
    for token in raw["added_tokens"]:
        token["id"] = pieces.index(token["content"])
    for name, special in raw["post_processor"]["special_tokens"].items():
        special["ids"] = [pieces.index(name)]
    (path / "tokenizer.json").write_text(json.dumps(raw))
    torch.manual_seed(0)
    config = transformers.MPNetConfig(
        vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=48,
    )  # fmt: skip
    transformers.MPNetModel(config, add_pooling_layer=False).save_pretrained(path)
    run = tmp_path_factory.mktemp("teacher") / "run"
    finetune_reader(task, questions, path, run, replace(task.training, epochs=8))
    return run


def test_a_student_learns_from_a_teacher_of_another_architecture_alone(
    task: Task, questions: Questions, tiny_base: Path, mpnet_run: Path, tmp_path: Path
) -> None:
    training = replace(task.training, epochs=6)
    best = distil_reader(
        task, questions, [mpnet_run / "best"], tiny_base, 1, tmp_path / "run", training, Softness(1.0, 1.0)
    )
    assert json.loads((tmp_path / "run/best/config.json").read_text())["num_hidden_layers"] == 1
    assert best["dev"]["companies"]["f1"] > 0.8, best["dev"]


def test_a_students_pieces_are_a_teachers_by_name(tiny_base: Path, mpnet_run: Path, tmp_path: Path) -> None:
    student, teacher = read_tokenizer(tiny_base), read_tokenizer(mpnet_run / "best")
    ids = ids_in(student, teacher, mpnet_run)
    assert ids[student.token_to_id("zebra")] == teacher.token_to_id("zebra") != student.token_to_id("zebra")
    assert ids[student.token_to_id("[SEP]")] == teacher.token_to_id("</s>")
    raw = json.loads((tiny_base / "tokenizer.json").read_text())
    raw["model"]["vocab"]["grail"] = len(raw["model"]["vocab"])
    (tmp_path / "tokenizer.json").write_text(json.dumps(raw))
    with pytest.raises(InputError, match=r"lacks 1 of the student's \d+ pieces \(grail\)"):
        ids_in(read_tokenizer(tmp_path), teacher, mpnet_run)


def test_what_a_teacher_says_itself_costs_a_student_nothing() -> None:
    logits = torch.randn(2, 2, 5)
    logits[1, :, 3:] = float("-inf")
    chances = list(torch.softmax(logits / 2, -1))
    start, end = logits.unbind(1)
    other = torch.where(torch.isinf(logits), logits, logits + torch.randn_like(logits)).requires_grad_()
    assert float(soft_loss(start, end, chances, 2.0)) == pytest.approx(0, abs=1e-5)
    loss = soft_loss(*other.unbind(1), chances, 2.0)
    loss.backward()
    assert loss.item() > 0.1 and torch.isfinite(other.grad).all()


def test_a_teacher_of_another_architecture_is_no_artifact(
    task: Task, questions: Questions, mpnet_run: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"a mpnet, the exported graph is BERT's"):
        export_reader(
            task, questions, Questions(), mpnet_run / "best", tmp_path / "out", version="1", base="b", commands=[]
        )


def test_unusable_bases_options_and_data_are_refused(
    task: Task, questions: Questions, tiny_base: Path, tmp_path: Path
) -> None:
    def attempt(base: Path = tiny_base, asked: Questions = questions, of: Task = task, **options: Any) -> None:
        finetune_reader(of, asked, base, tmp_path / "run", replace(task.training, **options))

    with pytest.raises(InputError, match="no encoder can be loaded"):
        attempt(base=tmp_path)
    with pytest.raises(InputError, match="reads 48 tokens, the task wants 64; lower its max_tokens"):
        attempt(of=replace(task, max_tokens=64))
    with pytest.raises(InputError, match="'prefix', which no reader's graph knows; use full, lora, adalora"):
        attempt(method="prefix")
    with pytest.raises(InputError, match="focal_gamma are for classifiers; a reader has no labels"):
        attempt(focal_gamma=2.0)
    with pytest.raises(InputError, match="0 windows to train on"):
        attempt(asked=Questions())


def test_the_loss_takes_any_annotators_span_and_falls_with_its_chance() -> None:
    start, end = torch.full((1, 4), -20.0), torch.full((1, 4), -20.0)
    start[0, 1] = end[0, 2] = 0
    assert loss_of(start, end, [[(1, 2, 1.0)]]).item() == pytest.approx(0, abs=1e-4)
    # half of the annotators: -log(1/2) / 2
    assert loss_of(start, end, [[(1, 2, 0.5), (3, 3, 0.5)]]).item() == pytest.approx(0.3466, abs=1e-3)
    assert loss_of(start, end, [[(0, 0, 1.0)]]).item() == pytest.approx(20, abs=1e-3)


def test_every_window_of_a_long_passage_is_learned_from_and_answers_lie_where_they_stand(
    task: Task, questions: Questions, tiny_base: Path
) -> None:
    tokenizer = read_tokenizer(tiny_base)
    asked = questions.examples["train"]
    items = items_of(asked, tokenizer, Specials.of(tokenizer, "tiny"), task)
    assert len(items) > len(asked) and max(len(item.ids) for item in items) <= 24
    for item in items:
        question = asked[item.question]
        for first, last, share in item.spans:
            assert share == 1.0
            if first:
                pieces = item.window.offsets[first - item.window.first : last + 1 - item.window.first]
                assert question.passage[pieces[0][0] : pieces[-1][1]] == question.answer_texts[0]
    answered = {item.question for item in items if item.spans[0][0]}
    assert answered == {n for n, question in enumerate(asked) if question.answers}


def exported(task: Task, questions: Questions, run: Path, out: Path, **more: Any) -> dict[str, Any]:
    return export_reader(
        task, questions, Questions(), run / "best", out, version="1", base="tiny",
        commands=["gretchen models export …"], **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def artifact(task: Task, questions: Questions, run: Path) -> Artifact:
    exported(task, questions, run, run.parent / "tiny-reader")
    return load_artifact(run.parent / "tiny-reader")


def test_the_float32_graph_is_the_network_to_1e_4_and_int8_is_near_it(
    task: Task, questions: Questions, run: Path, tiny_base: Path
) -> None:
    import onnxruntime as ort

    tokenizer = read_tokenizer(tiny_base)
    specials = Specials.of(tokenizer, "tiny")
    items = items_of(questions.examples["dev"], tokenizer, specials, task)[:40]
    network = span_reader.from_base(run / "best", 0.0, 24).eval()
    weights = {renamed(name): value for name, value in load_file(run / "best" / "model.safetensors").items()}
    config = json.loads((run / "best" / "config.json").read_text())
    windows = sample(questions.examples["train"], tokenizer, task, 100)
    ranges = quantize.ranges_over(feeds(windows), graph.Builder.reader, weights, config)
    with torch.no_grad():
        start, end = logits_of(network, items, specials.pad)
    expected = torch.stack([start, end], -1).numpy()
    ids, lengths, types = arrays([item.window for item in items], specials.pad)
    there = np.arange(ids.shape[1])[None] < lengths[:, None]
    apart = {}
    for name, seen in (("float32", None), ("int8", ranges)):
        model = graph.build_of(graph.Builder.reader, weights, config, seen).SerializeToString()
        session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
        (bounds,) = session.run(["bounds"], {"input_ids": ids, "lengths": lengths, "token_types": types})
        apart[name] = float(np.abs(bounds - expected)[there].max())
    assert apart["float32"] < 1e-4 < apart["int8"] < 0.5


def test_what_is_served_reads_as_the_manifest_says_and_marks_the_passages_own_characters(
    artifact: Artifact, questions: Questions
) -> None:
    told = artifact.raw["metrics"]["test"]["companies"]
    reader = Reader(artifact)
    assert told["f1"] > 0.85 and told["no_answer_auroc"] > 0.9 and told["withheld"] > 0.7
    assert reading.measure(reader, questions.examples["test"])["companies"]["f1"] == told["f1"]
    card = (artifact.path / "README.md").read_text()
    assert f"{told['f1']:.3f}" in card and "made up" in card and "Sets: " not in card
    for question in questions.examples["test"][:20]:
        found = reader.read(question.text, [question.passage], n_best=2)
        assert 0 <= found.no_answer <= 1 and len(found.answers) == 2
        for answer in found.answers:
            assert question.passage[answer.start : answer.end] == answer.text != ""
        first, second = found.answers
        assert first.score >= second.score and (first.end <= second.start or first.start >= second.end)


def test_the_best_passage_comes_first_and_no_passage_that_answers_is_told_apart(artifact: Artifact) -> None:
    reader = Reader(artifact)
    found = reader.read("and deal", ["shares flat today", "zebra rise acme fall", "quark deal quark"])
    assert found.answers[0].passage == 1 and found.answers[0].text == "acme"
    assert found.no_answer < 0.5 < reader.read("and deal", ["shares flat today", "quark deal"]).no_answer


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.sampled_from([*FILLERS, "acme", "globex", "zz", "❤"]), max_size=40), min_size=1, max_size=6)
)
def test_a_passage_is_judged_alike_whatever_is_read_beside_it(artifact: Artifact, texts: list[list[str]]) -> None:
    reader = Reader(artifact, threads=2)
    passages = [" ".join(words) for words in texts]
    together = reader.read_many([("and deal", [passage]) for passage in passages])
    for passage, found in zip(passages, together, strict=True):
        alone = reader.read("and deal", [passage])
        # 5e-2 of a margin of several: sums in another order can round one activation to the next of 255 steps
        assert len(alone.answers) == len(found.answers) <= 3
        if alone.answers:
            assert abs(alone.answers[0].margin - found.answers[0].margin) < 5e-2


def test_threads_that_share_a_reader_get_what_one_gets(artifact: Artifact, questions: Questions) -> None:
    reader = Reader(artifact, threads=2)
    passages = [question.passage for question in questions.examples["test"]]
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(lambda passage: reader.read("and deal", [passage]), passages))
    for passage, found in zip(passages, many, strict=True):
        assert found == reader.read("and deal", [passage])


def test_nothing_to_read_is_legal(artifact: Artifact) -> None:
    reader = Reader(artifact)
    assert reader.read_many([]) == []
    for found in (reader.read("who?", []), reader.read("who?", ["", " "])):
        assert found.answers == () and found.no_answer == 1
    assert reader.read("", ["acme"]).answers[0].text == "acme"


def test_an_engine_refuses_an_artifact_of_another_kind(artifact: Artifact) -> None:
    with pytest.raises(ArtifactError, match="is of kind reader, wanted was a classifier"):
        OnnxEngine(artifact)
    with pytest.raises(ArtifactError, match="is of kind reader, wanted was a encoder"):
        Encoder(artifact)


def test_a_spoiled_reader_is_refused_with_its_figures_and_force_is_written_down(
    task: Task, questions: Questions, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, 32, 64)
    with pytest.raises(GateRefused, match=r"int8 lost too much on dev: reader f1 .* -> 0\.\d+; reader em"):
        exported(task, questions, run, tmp_path / "spoiled")
    assert not (tmp_path / "spoiled").exists()
    told = exported(task, questions, run, tmp_path / "spoiled", force=True)["quantization"]
    assert told["forced"] and told["float32"] == [] and "--force" in (tmp_path / "spoiled" / "README.md").read_text()


def test_what_int8_spoils_stays_float32_and_the_manifest_says_so(
    task: Task, questions: Questions, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(monkeypatch, 64)  # the feed-forward's second product alone
    told = exported(task, questions, run, tmp_path / "kept")["quantization"]
    assert told["float32"] == ["0.down", "1.down"] and not told["forced"]
    assert "In float32: 0.down, 1.down." in (tmp_path / "kept" / "README.md").read_text()


def test_a_reader_without_unanswerable_questions_is_not_calibrated_by_guessing(
    task: Task, questions: Questions, run: Path, tmp_path: Path
) -> None:
    only = replace(questions, examples={s: [q for q in of if q.answers] for s, of in questions.examples.items()})
    with pytest.raises(InputError, match=r"no unanswerable questions to calibrate on; say unanswerable = 0\.3"):
        exported(task, only, run, tmp_path / "out")


def test_the_threshold_is_the_cheapest_where_a_wrong_answer_costs_three_hand_overs() -> None:
    chances = np.array([0.9, 0.8, 0.5, 0.4, 0.3])
    right = np.array([True, True, False, True, False])
    answerable = np.array([True, True, False, True, False])
    assert cheapest(chances, right, answerable) == 0.51  # withholding one answer is cheaper than one wrong one
