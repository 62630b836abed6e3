"""A tiny random BERT with a WordPiece tokenizer, and a made-up task with data: what the model line is tested on."""

import csv
import json
import random
from pathlib import Path

import pytest

WORDS = ["acme", "globex", "shares", "rise", "fall", "profit", "loss", "wins", "warns", "flat", "today", "deal", "and"]
TASK = """
name = "tiny"
max_tokens = 24
text_pooling = "mean"
{abstain}
[heads.mood]
on = "text"
labels = ["bad", "good"]
metric = "accuracy"

[heads.named]
on = "span"
labels = ["bad", "good"]
metric = "accuracy"

[[sources]]
name = "moods"
reader = "csv"
license = "made up"
use = "train"
files = {{ train = "moods.csv", test = "moods_test.csv" }}
text = "text"
label = "mood"
head = "mood"
dev_share = 0.2

[[sources]]
name = "entities"
reader = "entities"
license = "made up"
use = "train"
files = {{ all = "entities.csv" }}
text = "Title"
label = "Decisions"
head = "named"
test_share = 0.2
dev_share = 0.2

[training]
epochs = 6
batch_size = 16
learning_rate = 2e-3
head_learning_rate = 5e-3
seed = 3
"""


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Hugging Face directory: 2 layers, hidden 32, random weights, the vocabulary of WORDS and single letters."""
    torch = pytest.importorskip("torch", reason="training wants the [train] extra")
    transformers = pytest.importorskip("transformers", reason="training wants the [train] extra")
    path = tmp_path_factory.mktemp("base")
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        *letters,
        *(f"##{c}" for c in letters),
        "&",
        ".",
        *WORDS,
        "zebra",
        "quark",
    ]
    vocabulary = {piece: n for n, piece in enumerate(pieces)}
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [
            {"id": n, "content": pieces[n], "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": True}
            for n in range(4)
        ],
        "normalizer": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                       "strip_accents": None, "lowercase": True},
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                       {"SpecialToken": {"id": "[SEP]", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                     {"SpecialToken": {"id": "[SEP]", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}},
                     {"SpecialToken": {"id": "[SEP]", "type_id": 1}}],
            "special_tokens": {
                name: {"id": name, "ids": [n], "tokens": [name]} for n, name in ((2, "[CLS]"), (3, "[SEP]"))
            },
        },
        "decoder": {"type": "WordPiece", "prefix": "##", "cleanup": True},
        "model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                  "max_input_chars_per_word": 100, "vocab": vocabulary},
    }  # fmt: skip
    (path / "tokenizer.json").write_text(json.dumps(tokenizer))
    torch.set_num_threads(1)  # a tiny model gains nothing by two, and they wait for each other on a busy machine
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(pieces), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=48, hidden_dropout_prob=0.1,
    )  # fmt: skip
    transformers.BertModel(config, add_pooling_layer=False).save_pretrained(path)
    return path


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two made-up sets that can be learned: good words and bad words, of a text and of the company before them."""
    path = tmp_path_factory.mktemp("data")
    rng = random.Random(1)
    good, bad = ("rise", "profit", "wins"), ("fall", "loss", "warns")

    def some(words: tuple[str, ...]) -> str:
        return rng.choice(words)

    def filler() -> str:
        return " ".join(rng.choices(["shares", "flat", "today", "deal", "zebra", "quark"], k=rng.randint(1, 6)))

    for name, count in (("moods.csv", 240), ("moods_test.csv", 60)):
        rows = [
            (f"{filler()} {some(good if n % 2 else bad)} {filler()}", "good" if n % 2 else "bad") for n in range(count)
        ]
        _write(path / name, ["text", "mood"], rows)
    rows = []
    for n in range(240):
        first, second = ("good", "bad") if n % 2 else ("bad", "good")
        # the verdict's word is part of the name: what 2 random layers can learn in seconds
        acme, globex = f"Acme {some(good if n % 2 else bad)}", f"Globex {some(bad if n % 2 else good)}"
        rows.append((f"{acme} {filler()} and {globex}", str({acme: first, globex: second})))
    _write(path / "entities.csv", ["Title", "Decisions"], rows)
    (path / "tiny.toml").write_text(TASK.format(abstain=""))
    return path


def _write(path: Path, header: list[str], rows: list[tuple[str, str]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
