"""Classifiers of other make, saved by transformers, become artifacts that are loaded, measured and compared."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch", reason="importing wants the [train] extra")
transformers = pytest.importorskip("transformers", reason="importing wants the [train] extra")

from tokenizers import Tokenizer  # noqa: E402

from models.artifact import load_artifact  # noqa: E402
from models.engines import Request  # noqa: E402
from models.engines.onnx import OnnxEngine  # noqa: E402
from models.errors import ArtifactError, GateRefused, InputError  # noqa: E402
from models.export import import_classifier as importing  # noqa: E402
from models.export.foreign import load_foreign, renamed  # noqa: E402
from models.metrics import softmax  # noqa: E402
from streams.commands.models import command as models_command  # noqa: E402
from streams.engines import load_intents  # noqa: E402
from streams.settings import Settings  # noqa: E402

WORDS = ("acme", "globex", "rise", "fall", "profit", "loss", "zebra", "quark")
TEXTS = ["acme wins", "", "globex warns and shares fall " * 4, "flat", "deal today & profit"]
SIZES = {"num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "hidden_size": 32}


def save_classifier(base: Path, out: Path, kind: str, **options: Any) -> Path:
    """A random classifier of three labels with the tiny tokenizer."""
    torch.manual_seed(7)
    out.mkdir()
    shutil.copy(base / "tokenizer.json", out)
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    (out / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **special}))
    pieces = len(json.loads((base / "tokenizer.json").read_text())["model"]["vocab"])
    labels = {0: "Positive", 1: "Negative", 2: "Neutral"}
    common = {"vocab_size": pieces, "max_position_embeddings": 48, "pad_token_id": 0, "id2label": labels,
              "label2id": {label: n for n, label in labels.items()}, **SIZES, **options}  # fmt: skip
    config = getattr(transformers, f"{kind}Config")(**common)
    model = getattr(transformers, f"{kind}ForSequenceClassification")(config).eval()
    tell_apart(model, Tokenizer.from_file(str(base / "tokenizer.json")))
    model.save_pretrained(out)
    return out


def tell_apart(model: Any, tokenizer: Tokenizer) -> None:
    """Random weights say the same of every text: center the logits over some, and spread them."""
    last = getattr(model.classifier, "out_proj", model.classifier)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() == 2:
                weight.mul_(6)
        ids = [torch.tensor([tokenizer.encode(f"{word} today").ids]) for word in WORDS]
        logits = torch.cat([model(one).logits for one in ids])
        scale = 2 / logits.std(0)
        last.weight.mul_(scale[:, None])
        last.bias.copy_((last.bias - logits.mean(0)) * scale)


@pytest.fixture(scope="module")
def bert(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_classifier(tiny_base, tmp_path_factory.mktemp("foreign") / "bert", "Bert")


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(models_command, ["import", *map(str, arguments)], catch_exceptions=False)


NAMES = ("--labels", "Positive=good", "--labels", "Negative=bad", "--labels", "Neutral=flat")


def check_served_like_the_original(artifact: Path, original: Path, order: list[int]) -> None:
    """All texts in one call, and the label the original gives."""
    engine = OnnxEngine(load_artifact(artifact))
    model = transformers.AutoModelForSequenceClassification.from_pretrained(original).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(original)
    served = engine.infer(engine.encode([Request(text, ((0, 1),) if text else ()) for text in TEXTS]))
    for text, said in zip(TEXTS, served, strict=True):
        with torch.no_grad():
            ids = tokenizer(text, return_tensors="pt", truncation=True, max_length=40)["input_ids"]
            logits = model(ids).logits[0].numpy()
        (head,) = said.values()
        np.testing.assert_allclose(head, softmax(logits[order]), atol=1e-4)
    assert len({said.argmax() for one in served for said in one.values()}) > 1  # it does tell texts apart


def test_a_bert_is_served_as_it_was_and_its_card_says_where_it_is_from(bert: Path, tmp_path: Path) -> None:
    (bert / "README.md").write_text("---\nlicense: apache-2.0\ntags:\n- x\n---\n# A model\n")
    done = run(bert, "--out", tmp_path / "out", "--max-tokens", "40", *NAMES)
    assert "float32" in done.stdout and "our own graph" in done.stderr
    check_served_like_the_original(tmp_path / "out", bert, [0, 1, 2])
    artifact = load_artifact(tmp_path / "out")
    assert artifact.config.heads["label"].labels == ("good", "bad", "flat")
    assert artifact.raw["base"]["license"] == "apache-2.0" and artifact.raw["base"]["parity"] < 1e-4
    card = (tmp_path / "out" / "README.md").read_text()
    assert "BertForSequenceClassification" in card and "Not measured" in card and "Not quantized" in card


def test_a_roberta_goes_through_the_stock_export_and_is_served_as_it_was(tiny_base: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="the stock export wants the [train] extra")
    original = save_classifier(tiny_base, tmp_path / "roberta", "Roberta", pad_token_id=0)
    done = run(original, "--out", tmp_path / "out", "--max-tokens", "40")
    assert "a stock export of torch" in done.stderr
    check_served_like_the_original(tmp_path / "out", original, [0, 1, 2])
    assert "int8 is made by our own graph" in (tmp_path / "out" / "README.md").read_text()


@pytest.fixture(scope="module")
def task(tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A task of the three labels in another order than the model's, and its data, labelled by the model itself."""
    folder = tmp_path_factory.mktemp("task")
    (folder / "moods.toml").write_text(
        'name = "moods"\nmax_tokens = 40\ntext_pooling = "mean"\n'
        '[heads.mood]\non = "text"\nmetric = "accuracy"\nlabels = ["bad", "flat", "good"]\n'
        '[[sources]]\nname = "moods"\nreader = "csv"\nlicense = "made up"\nuse = "train"\nhead = "mood"\n'
        'files = { all = "moods.csv" }\ntest_share = 0.3\ndev_share = 0.3\n'
    )
    return folder / "moods.toml", tiny_data / "moods.csv"


def labelled_by(model: Path, texts: Path, out: Path) -> None:
    """The artifact's own verdicts as the truth: it is right of all of them."""
    engine = OnnxEngine(load_artifact(model))
    (labels,) = engine.labels.values()
    with texts.open() as file:
        rows = [row["text"] for row in csv.DictReader(file)]
    said = engine.infer(engine.encode([Request(text) for text in rows]))
    with out.open("w", newline="") as file:
        verdicts = [labels[int(next(iter(one.values())).argmax())] for one in said]
        csv.writer(file).writerows([("text", "label"), *zip(rows, verdicts, strict=True)])


def test_with_a_tasks_data_it_is_int8_behind_the_gate_in_the_tasks_order_and_measured(
    bert: Path, task: tuple[Path, Path], tmp_path: Path
) -> None:
    run(bert, "--out", tmp_path / "plain", "--max-tokens", "40", *NAMES)
    labelled_by(tmp_path / "plain", task[1], tmp_path / "moods.csv")
    options = ["--task", task[0], "--data", tmp_path, "--max-tokens", "40", "--force"]
    done = run(bert, "--out", tmp_path / "small", *options, *NAMES)
    assert "static int8" in done.stdout and "accuracy on dev: float32 1.0000" in done.stderr
    small = load_artifact(tmp_path / "small")
    assert small.config.task == "moods" and small.config.heads["mood"].labels == ("bad", "flat", "good")
    assert small.raw["metrics"]["test"]["moods.mood"]["accuracy"] > 0.9
    assert small.raw["quantization"]["losses"][0]["before"] == 1.0
    assert "static int8" in (tmp_path / "small" / "README.md").read_text()
    arguments = [tmp_path / "plain", tmp_path / "small", "--data", tmp_path / "moods.csv", "--head", "mood", "--json"]
    done = CliRunner().invoke(models_command, ["compare", *map(str, arguments)])
    assert done.exit_code == 2 and "--head mood" in done.stderr  # the plain one's head is called label
    run(bert, "--out", tmp_path / "named", "--max-tokens", "40", "--head", "mood", *NAMES)
    arguments[0] = tmp_path / "named"
    told = json.loads(
        CliRunner().invoke(models_command, ["compare", *map(str, arguments)], catch_exceptions=False).stdout
    )
    assert told["sets"]["moods.mood"][str(tmp_path / "named")]["accuracy"] == 1.0


def test_a_spoiled_int8_is_refused_behind_the_gate(
    bert: Path, task: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(bert, "--out", tmp_path / "plain", "--max-tokens", "40", *NAMES)
    labelled_by(tmp_path / "plain", task[1], tmp_path / "moods.csv")
    true = importing.quantize.measure_ranges
    monkeypatch.setattr(
        importing.quantize,
        "measure_ranges",
        lambda *a: {name: seen._replace(low=seen.low / 1e3, high=seen.high / 1e3) for name, seen in true(*a).items()},
    )
    with pytest.raises(GateRefused, match=r"int8 lost too much on dev: mood accuracy 1\.0000 -> 0"):
        run(bert, "--out", tmp_path / "small", "--task", task[0], "--data", tmp_path, "--max-tokens", "40", *NAMES)
    assert not (tmp_path / "small").exists()


def test_calibrated_on_lines_it_is_int8_and_says_that_nothing_judged_it(bert: Path, tmp_path: Path) -> None:
    (tmp_path / "texts.txt").write_text("\n".join([*TEXTS, "acme and globex"]) + "\n")
    run(bert, "--out", tmp_path / "out", "--calibrate", tmp_path / "texts.txt", "--max-tokens", "40")
    artifact = load_artifact(tmp_path / "out")
    assert artifact.raw["quantization"]["calibration_texts"] == 5 and artifact.raw["quantization"]["agreement"] > 0.5
    assert "Not gated" in (tmp_path / "out" / "README.md").read_text()
    plain = artifact.manifest.files["model.onnx"].bytes
    run(bert, "--out", tmp_path / "plain", "--max-tokens", "40")
    assert plain < 0.6 * load_artifact(tmp_path / "plain").manifest.files["model.onnx"].bytes


def test_the_worker_takes_an_imported_intent_classifier_that_knows_when_to_abstain(bert: Path, tmp_path: Path) -> None:
    options = ["--head", "intent", "--max-tokens", "40"]
    run(bert, "--out", tmp_path / "sure", *options)
    run(bert, "--out", tmp_path / "out", *options, "--abstain-below", "0.4")
    with pytest.raises(ArtifactError, match="has no threshold to abstain below"):
        load_intents(Settings(intents_model=tmp_path / "sure"))
    intents = load_intents(Settings(intents_model=tmp_path / "out"))
    assert intents.threshold == 0.4 and intents.engine.labels["intent"] == ("Positive", "Negative", "Neutral")


def test_the_threshold_of_a_task_that_abstains_is_chosen_on_dev(
    bert: Path, task: tuple[Path, Path], tmp_path: Path
) -> None:
    run(bert, "--out", tmp_path / "plain", "--max-tokens", "40", *NAMES)
    labelled_by(tmp_path / "plain", task[1], tmp_path / "moods.csv")
    (tmp_path / "moods.toml").write_text('abstain_on = "mood"\n' + task[0].read_text())
    options = ["--task", tmp_path / "moods.toml", "--data", tmp_path, "--max-tokens", "40", "--force"]
    run(bert, "--out", tmp_path / "out", *options, *NAMES)
    abstain = load_artifact(tmp_path / "out").config.abstain
    assert abstain is not None and 0 < abstain.threshold < 1


def test_a_folder_that_is_not_there_is_not_sought_on_the_hub(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: no such folder"):
        load_foreign(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("pickle", ["pytorch_model.bin", "model.pt"])
def test_weights_as_a_pickle_only_are_refused_with_the_remedy(bert: Path, tmp_path: Path, pickle: str) -> None:
    copy = shutil.copytree(bert, tmp_path / "copy")
    (copy / "model.safetensors").rename(copy / pickle)
    with pytest.raises(InputError, match=rf"holds its weights as {pickle} only; .*runs code.*safetensors/convert"):
        load_foreign(str(copy))


def test_a_pickle_beside_safetensors_is_never_opened(bert: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bert, tmp_path / "copy")
    (copy / "pytorch_model.bin").write_bytes(b"\x80\x04not a pickle that loads")
    assert load_foreign(str(copy)).labels == ("Positive", "Negative", "Neutral")


def test_weights_that_are_cut_off_are_refused(bert: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bert, tmp_path / "copy")
    (copy / "model.safetensors").write_bytes((copy / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(InputError, match="no classifier can be loaded from here"):
        load_foreign(str(copy))


def test_a_base_without_a_classifier_is_refused(tiny_base: Path) -> None:
    with pytest.raises(InputError, match=r"no trained classifier: .*classifier\.bias.*finetune"):
        load_foreign(str(tiny_base))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"problem_type": "multi_label_classification"},
            "multi_label_classification, 3 labels; wanted one label of two",
        ),
        ({"id2label": {"0": "score"}, "label2id": {"score": 0}}, "a single output, 1 labels"),
        ({"model_type": "no such"}, "no classifier can be loaded from here"),
    ],
)
def test_a_model_that_is_no_classifier_of_one_label_is_refused(
    bert: Path, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    copy = shutil.copytree(bert, tmp_path / "copy")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(InputError, match=message):
        load_foreign(str(copy))


def test_a_tokenizer_of_another_model_is_refused(bert: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(bert, tmp_path / "copy")
    tokenizer = json.loads((copy / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"] |= {f"more{n}": 500 + n for n in range(500)}
    (copy / "tokenizer.json").write_text(json.dumps(tokenizer))
    with pytest.raises(InputError, match=r"pieces, the model embeddings for \d+: it is of another model"):
        load_foreign(str(copy))


def test_label_names_that_do_not_fit_are_refused(bert: Path, task: tuple[Path, Path], tmp_path: Path) -> None:
    labels = ("Positive", "Negative")
    assert renamed(labels, {"Positive": "good"}) == ("good", "Negative")
    with pytest.raises(InputError, match="the model has no label 'positive'; it has Positive, Negative"):
        renamed(labels, {"positive": "good"})
    with pytest.raises(InputError, match="two labels of the model get one name"):
        renamed(labels, {"Positive": "x", "Negative": "x"})
    with pytest.raises(
        InputError, match="the model has the labels Positive, Negative, Neutral, head mood of task moods"
    ):
        run(bert, "--out", tmp_path / "out", "--task", task[0], "--max-tokens", "40")


def test_what_does_not_go_together_is_wrong_usage(bert: Path, tmp_path: Path) -> None:
    assert "--data wants --task" in run(bert, "--out", tmp_path / "out", "--data", tmp_path).stderr
    assert "task news has sentiment, topic on texts" in run(bert, "--out", tmp_path / "out", "--task", "news").stderr
    with pytest.raises(InputError, match=r"--max-tokens 128: .* reads 48 at most"):
        run(bert, "--out", tmp_path / "out")
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(InputError, match=r"empty\.txt: no text"):
        run(bert, "--out", tmp_path / "out", "--calibrate", tmp_path / "empty.txt", "--max-tokens", "40")
    assert not (tmp_path / "out").exists()
