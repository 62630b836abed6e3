import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from models.errors import InputError
from models.training.prune_vocabulary import pieces_to_keep, prune_vocabulary

pytest.importorskip("safetensors", reason="pruning wants the [train] extra")
VOCABULARY = {
    piece: n for n, piece in enumerate(["[PAD]", "[UNK]", "[unused0]", "a", "##b", "the", "of", "acme", "##me"])
}


@given(st.sets(st.sampled_from(sorted(VOCABULARY))), st.integers(0, 12))
def test_specials_single_characters_and_used_pieces_always_stay(used: set[str], size: int) -> None:
    kept = pieces_to_keep(VOCABULARY, used, {"[PAD]", "[UNK]"}, size)
    assert {"[PAD]", "[UNK]", "a", "##b"} | used <= set(kept)
    assert kept == sorted(kept, key=VOCABULARY.__getitem__) and len(kept) == len(set(kept))
    assert len(kept) <= max(size, len({"[PAD]", "[UNK]", "a", "##b"} | used))


def test_the_most_frequent_of_the_rest_fill_up_and_placeholders_never_do() -> None:
    assert pieces_to_keep(VOCABULARY, {"acme"}, {"[PAD]", "[UNK]"}, 6) == ["[PAD]", "[UNK]", "a", "##b", "the", "acme"]
    assert "[unused0]" not in pieces_to_keep(VOCABULARY, set(), {"[PAD]", "[UNK]"}, 99)


def test_single_characters_of_other_scripts_can_go_unless_they_are_used() -> None:
    vocabulary = {**VOCABULARY, "ж": 90, "##ж": 91, "é": 92}
    kept = pieces_to_keep(vocabulary, {"é"}, {"[PAD]", "[UNK]"}, 0, ascii_only=True)
    assert {"a", "##b", "é"} <= set(kept) and not {"ж", "##ж"} & set(kept)
    assert {"ж", "##ж"} <= set(pieces_to_keep(vocabulary, set(), {"[PAD]", "[UNK]"}, 0))


def test_a_pruned_base_reads_known_texts_alike_and_never_says_unknown_more_often(
    tiny_base: Path, tmp_path: Path
) -> None:
    from safetensors.numpy import load_file

    texts = ["Acme shares rise", "Globex warns, today", "Ünknown ≠ sign"]
    told = prune_vocabulary(tiny_base, tmp_path / "base", texts, 60, 16)
    before, after = (Tokenizer.from_file(str(path / "tokenizer.json")) for path in (tiny_base, tmp_path / "base"))
    assert told.after == after.get_vocab_size() < told.before
    assert told.unknown_after == told.unknown_before > 0
    for text in texts:
        assert after.encode(text).tokens == before.encode(text).tokens
    assert "zebra" in before.encode("a zebra").tokens and "zebra" not in after.encode("a zebra").tokens
    assert "[UNK]" not in after.encode("a zebra").tokens
    old, new = (load_file(path / "model.safetensors") for path in (tiny_base, tmp_path / "base"))
    words = "embeddings.word_embeddings.weight"
    for piece, n in after.get_vocab().items():
        assert (new[words][n] == old[words][before.token_to_id(piece)]).all()
    assert new["embeddings.position_embeddings.weight"].shape[0] == 16
    config = json.loads((tmp_path / "base" / "config.json").read_text())
    assert (config["vocab_size"], config["max_position_embeddings"]) == (told.after, 16)


def test_the_first_layers_stay_as_they_were_and_the_others_go(tiny_base: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    prune_vocabulary(tiny_base, tmp_path / "base", ["acme"], 60, 16, layers=1)
    old, new = (load_file(path / "model.safetensors") for path in (tiny_base, tmp_path / "base"))
    of_layers = {name for name in old if ".layer." in name}
    kept = {name for name in of_layers if ".layer.0." in name}
    assert kept and kept < of_layers and {name for name in new if ".layer." in name} == kept
    assert all((new[name] == old[name]).all() for name in kept)
    assert json.loads((tmp_path / "base" / "config.json").read_text())["num_hidden_layers"] == 1
    with pytest.raises(InputError, match="has 2 layers, 3 shall stay; wanted 1 to 2"):
        prune_vocabulary(tiny_base, tmp_path / "more", ["acme"], 60, 16, layers=3)


def test_urls_and_escapes_are_no_tokens_and_offsets_still_point_into_the_text(tiny_base: Path, tmp_path: Path) -> None:
    prune_vocabulary(tiny_base, tmp_path / "base", ["acme"], 80, 16)
    text = "Acme &amp; globex https://t.co/aBc12 rise"
    encoding = Tokenizer.from_file(str(tmp_path / "base" / "tokenizer.json")).encode(text)
    assert encoding.tokens == ["[CLS]", "acme", "&", "globex", "rise", "[SEP]"]
    assert [text[slice(*encoding.offsets[n])] for n in (1, 3, 4)] == ["Acme", "globex", "rise"]


def test_a_folder_without_a_model_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a model directory"):
        prune_vocabulary(tmp_path, tmp_path / "out", [], 10, 10)
    assert not (tmp_path / "out").exists()
