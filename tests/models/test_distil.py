"""Distillation on a tiny random BERT: a student learns from teachers alone, and an interruption changes nothing."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

torch = pytest.importorskip("torch", reason="training wants the [train] extra")
transformers = pytest.importorskip("transformers", reason="training wants the [train] extra")

from safetensors.numpy import load_file  # noqa: E402

from models.data.corpus import Corpus, Example, Target, load_corpus  # noqa: E402
from models.data.unlabelled import read_unlabelled  # noqa: E402
from models.errors import InputError  # noqa: E402
from models.export.classifier import export  # noqa: E402
from models.tasks.task import Task, load_task  # noqa: E402
from models.training import network, teachers  # noqa: E402
from models.training.distil import Softness, distil, kept_layers, soft_loss, student_of  # noqa: E402
from models.training.finetune import finetune, judge  # noqa: E402
from models.training.loop import Surroundings  # noqa: E402
from streams.commands.models import command  # noqa: E402


class Made:
    """The tiny task, two teachers of different seeds, and one of them as an artifact."""

    def __init__(self, base: Path, data: Path, out: Path) -> None:
        self.base, self.data = base, data
        self.task: Task = load_task(str(data / "tiny.toml"))
        self.corpus = load_corpus(self.task, data)
        self.runs = [out / "first", out / "second"]
        for seed, run in enumerate(self.runs):
            finetune(self.task, self.corpus, base, run, replace(self.task.training, seed=seed, epochs=4))
        self.models = [run / "best" for run in self.runs]
        self.artifact = out / "tiny"
        export(
            self.task, self.corpus, load_corpus(self.task, data, use="measure"), self.models[0], self.artifact,
            version="1", base="tiny", commands=[], force=True,
        )  # fmt: skip

    def distil(self, run: Path, texts: tuple[str, ...] = (), **options: Any) -> dict[str, Any]:
        given: dict[str, Any] = {
            "corpus": self.corpus, "models": self.models[:1], "base": self.models[0], "layers": 1,
            "training": replace(self.task.training, epochs=1), "softness": Softness(), "around": Surroundings(),
            "resume": False,
        } | options  # fmt: skip
        return distil(
            self.task, given["corpus"], texts, given["models"], given["base"], given["layers"], run,
            given["training"], given["softness"], given["around"], resume=given["resume"],
        )  # fmt: skip


@pytest.fixture(scope="module")
def made(tiny_base: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tiny_base, tiny_data, tmp_path_factory.mktemp("distil"))


def test_layers_kept_are_even_and_the_last_is_among_them() -> None:
    assert kept_layers(12, 6) == [1, 3, 5, 7, 9, 11] and kept_layers(6, 3) == [1, 3, 5]
    assert kept_layers(12, 3) == [3, 7, 11] and kept_layers(6, 4) == [0, 2, 3, 5] and kept_layers(3, 3) == [0, 1, 2]


def test_the_student_begins_as_the_teachers_layers_and_heads(made: Made) -> None:
    teacher, student = network.load(made.models[0], made.task.heads), student_of(made.models[0], made.task, 0.1, 1)
    assert student.encoder.config.num_hidden_layers == 1
    for mine, its in (
        (student.encoder.encoder.layer[0], teacher.encoder.encoder.layer[1]),
        (student.heads, teacher.heads),
    ):
        for one, other in zip(mine.parameters(), its.parameters(), strict=True):
            assert torch.equal(one, other)


def test_a_student_learns_from_its_teachers_alone(made: Made, tmp_path: Path) -> None:
    """Every label of the training texts is wrong, and counts for nothing: what is right came from the teacher."""
    wrong = Corpus(examples=dict(made.corpus.examples))
    wrong.examples["train"] = [
        replace(e, targets=tuple(t._replace(label=1 - t.label) for t in e.targets))
        for e in made.corpus.examples["train"]
    ]
    training = replace(made.task.training, epochs=3)
    best = made.distil(
        tmp_path / "run", corpus=wrong, base=made.base, softness=Softness(1.0, 1.0), training=training
    )  # fmt: skip
    taught = judge(made.models[0], made.task, made.corpus.examples["dev"])
    assert best["dev"]["mood"]["accuracy"] > taught["mood"]["accuracy"] - 0.1 > 0.7
    assert json.loads((tmp_path / "run" / "best" / "config.json").read_text())["num_hidden_layers"] == 1


def test_a_distillation_killed_and_resumed_gives_the_weights_of_one_that_was_not(made: Made, tmp_path: Path) -> None:
    def kill(done: int, total: int, word: str) -> None:
        if word.startswith("loss") and done == total // 2 + 2:
            raise RuntimeError("killed")

    texts = ("zebra shares rise", "quark deal warns today")
    made.distil(tmp_path / "whole", texts)
    with pytest.raises(RuntimeError, match="killed"):
        made.distil(tmp_path / "cut", texts, around=Surroundings(progress=kill, checkpoint_s=0))
    said: list[str] = []
    made.distil(tmp_path / "cut", texts, around=Surroundings(say=said.append), resume=True)
    made.distil(tmp_path / "cut-before", texts, around=Surroundings(say=said.append))
    assert sum("asking" in line for line in said) == 1  # by the second run, the first one's answers were kept
    made.distil(tmp_path / "cut-before", texts, around=Surroundings(say=said.append))  # begun again in its place
    assert sum("asking" in line for line in said) == 1
    made.distil(tmp_path / "cut-before", texts[:1], around=Surroundings(say=said.append))
    assert sum("asking" in line for line in said) == 2
    whole, cut = (load_file(tmp_path / run / "last" / "model.safetensors") for run in ("whole", "cut"))
    for name, weights in whole.items():
        np.testing.assert_allclose(cut[name], weights, atol=1e-6, err_msg=name)


def test_answers_kept_of_other_teachers_or_texts_are_asked_for_again(made: Made) -> None:
    asked, counts = teachers.questions([Example("acme shares rise", (), "x")], made.task.heads)
    keys = {
        teachers.key_of(made.models[:1], asked, 2.0), teachers.key_of(made.models, asked, 2.0),
        teachers.key_of(made.models[:1], asked, 3.0), teachers.key_of(made.models[:1], asked * 2, 2.0),
    }  # fmt: skip
    assert len(keys) == 4 and counts == {"mood": 1, "named": 0}


def test_several_teachers_are_meaned_and_an_artifact_says_what_its_run_does(made: Made) -> None:
    examples = [e for e in made.corpus.examples["train"] if any(t.span for t in e.targets)][:20]
    asked, counts = teachers.questions(examples, made.task.heads)
    first, second, both, served = (
        teachers.answers(models, made.task, asked, counts, 2.0)
        for models in (made.models[:1], made.models[1:], made.models, [made.artifact])
    )
    for head in ("mood", "named"):
        assert len(both[head]) == counts[head] and (both[head].sum(-1) > 0.99).all()
        np.testing.assert_allclose(both[head], (first[head] + second[head]) / 2, atol=1e-6)
        assert np.abs(served[head].argmax(-1) - first[head].argmax(-1)).mean() < 0.1
    assert counts["named"] > counts["mood"] == 20


def test_teachers_may_be_asked_only_about_what_has_a_label_or_none_at_all(made: Made) -> None:
    mood, named, bare = Target("mood", 0, 1.0), Target("named", 1, 1.0, (0, 4)), ()
    examples = [Example("acme rises", targets, "x") for targets in ((mood,), (named,), bare)]
    asked, counts = teachers.questions(examples, made.task.heads, labelled=True)
    assert [[target.head for target in each.targets] for each in asked] == [["mood"], ["named"], ["mood"]]
    assert counts == {"mood": 2, "named": 1}
    assert teachers.questions(examples, made.task.heads)[1] == {"mood": 3, "named": 1}


def test_a_teacher_of_another_architecture_and_of_one_head_is_asked_about_that_head(made: Made, tmp_path: Path) -> None:
    config = transformers.MPNetConfig(
        vocab_size=120, hidden_size=32, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=48, pad_token_id=0,
    )  # fmt: skip
    base = tmp_path / "mpnet"
    transformers.MPNetModel(config, add_pooling_layer=False).save_pretrained(base)
    shutil.copyfile(made.base / "tokenizer.json", base / "tokenizer.json")
    alone = replace(made.task, heads={"named": made.task.heads["named"]}, sources=made.task.sources[1:])
    run = tmp_path / "teacher"
    finetune(alone, load_corpus(alone, made.data), base, run, replace(alone.training, epochs=1))
    with pytest.raises(InputError, match=r"a mpnet, the exported graph is BERT's"):
        export(alone, made.corpus, Corpus(), run / "best", tmp_path / "out", version="1", base="tiny", commands=[])

    asked, counts = teachers.questions(made.corpus.examples["train"][-30:], made.task.heads)
    said = teachers.answers([run / "best"], made.task, asked, counts, 2.0)
    assert said["named"].sum(-1) == pytest.approx(np.ones(counts["named"])) and not said["mood"].any()
    with pytest.raises(InputError, match="know none of mood"):
        made.distil(tmp_path / "one", models=[run / "best"], softness=Softness(heads=("mood",)))
    told: list[str] = []
    made.distil(tmp_path / "one", models=[run / "best"], around=Surroundings(say=told.append))
    assert "no teacher knows head mood: it learns from the labels alone" in told
    made.distil(
        tmp_path / "one", models=[run / "best"], softness=Softness(heads=("named",)),
        around=Surroundings(say=told.append),
    )  # fmt: skip
    assert len([line for line in told if "no teacher" in line]) == 1


def test_a_span_that_no_teacher_answered_counts_for_nothing(made: Made) -> None:
    long = "deal " * 30 + "acme"
    asked, counts = teachers.questions([Example(long, (Target("named", 0, 1.0, (150, 154)),), "x")], made.task.heads)
    said = teachers.answers(made.models[:1], made.task, asked, counts, 1.0)
    assert said["named"].sum() == 0 and said["mood"].sum() == pytest.approx(1)
    tables = {head: torch.from_numpy(table) for head, table in said.items()}
    logits = {head: torch.randn(1, 2, 2) for head in said}
    loss, count = soft_loss(logits, {"named": [(0, 1, 0, 1.0)]}, tables, 2.0)
    assert (loss.item(), count) == (0.0, 0.0)


def test_the_soft_loss_is_zero_for_what_the_teacher_says_and_more_elsewhere() -> None:
    logits = torch.tensor([[[2.0, 0.0, -1.0]]])
    tables = {"mood": torch.softmax(logits[0] / 3, -1)}
    rows = {"mood": [(0, 0, 0, 1.0)]}
    assert soft_loss({"mood": logits}, rows, tables, 3.0)[0].item() == pytest.approx(0, abs=1e-5)
    other = torch.tensor([[[0.0, 2.0, -1.0]]])
    said = torch.log_softmax(other[0, 0] / 3, -1)
    wanted = 9 * (tables["mood"][0] * (tables["mood"][0].log() - said)).sum()
    loss, count = soft_loss({"mood": other}, rows, tables, 3.0)
    assert loss.item() == pytest.approx(wanted.item(), rel=1e-5) and count == 1


def test_more_layers_than_there_are_and_what_is_no_teacher_are_refused(made: Made, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has 2 layers, the student shall have 3; wanted 1 to 2"):
        made.distil(tmp_path / "run", layers=3)
    with pytest.raises(InputError, match="no teacher; wanted a run"):
        teachers.model_of(tmp_path)
    assert teachers.model_of(made.runs[0]) == made.models[0] and teachers.model_of(made.artifact) == made.artifact


def test_unlabelled_text_is_read_from_every_kind_and_what_is_tested_on_is_skipped(made: Made, tmp_path: Path) -> None:
    test = made.corpus.of("test", "moods")[0].text
    (tmp_path / "a.jsonl").write_text(
        f'{{"text": "a zebra"}}\n{{"text": {json.dumps(test.upper())}}}\n{{"text": ""}}\n'
    )
    (tmp_path / "b.csv").write_text('id,text\n1,"a quark, and more"\n2,A ZEBRA!\n')
    (tmp_path / "c.txt").write_text("flat today\n\nflat tomorrow\n")
    found = read_unlabelled(
        [tmp_path / "a.jsonl", tmp_path / "b.csv", tmp_path / "c.txt"], "text", "utf-8", [made.corpus]
    )
    assert found.texts == ["a zebra", "a quark, and more", "flat today", "flat tomorrow"]
    assert found.skipped == {("a.jsonl", "also in test"): 1, ("a.jsonl", "empty text"): 1,
                             ("b.csv", "also in what came before"): 1}  # fmt: skip
    assert "a.jsonl:2" in found.notes()[0]
    with pytest.raises(InputError, match=r"b\.csv: no column body"):
        read_unlabelled([tmp_path / "b.csv"], "body", "utf-8")
    (tmp_path / "d.txt").write_bytes(b"fine\n\xff\n")
    with pytest.raises(InputError, match=r"d\.txt:2: byte 0xff is not utf-8"):
        read_unlabelled([tmp_path / "d.txt"], "text", "utf-8")


def run(made: Made, *arguments: str) -> Result:
    fixed = ["distil", str(made.data / "tiny.toml"), "--data", str(made.data), "--threads", "1"]
    return CliRunner().invoke(command, [*fixed, *arguments])


def test_the_verb_writes_a_run_that_is_exported_as_any_other(made: Made, tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("zebra shares rise\nquark warns\n")
    done = run(
        made, "--teacher", str(made.runs[0]), "--teacher", str(made.artifact), "--layers", "1", "--epochs", "0.5",
        "--unlabelled", str(tmp_path / "more.txt"), "--out", str(tmp_path / "run"),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert {path.name for path in (tmp_path / "run").iterdir()} == {"best", "last", "log.jsonl", "soft.safetensors"}
    again = run(made, "--teacher", str(made.runs[0]), "--epochs", "0.1", "--out", str(tmp_path / "run"))
    assert again.exit_code == 0, again.output  # a run may take an earlier one's place
    out = tmp_path / "artifact"
    export(
        made.task, made.corpus, load_corpus(made.task, made.data, use="measure"), tmp_path / "run" / "best", out,
        version="1", base="tiny", commands=[], force=True,
    )  # fmt: skip
    assert (out / "model.onnx").exists()


def test_an_artifact_alone_wants_a_base(made: Made, tmp_path: Path) -> None:
    done = run(made, "--teacher", str(made.artifact), "--out", str(tmp_path / "run"))
    assert done.exit_code == 2 and "--base" in done.output and not (tmp_path / "run").exists()
