"""The cards of readers and encoders: a README.md written from the manifest, so that card and figures can't differ."""

from collections.abc import Mapping
from typing import Any

from models.evaluation.evaluate import WRONG_ANSWER_PRICE
from models.export.recipe import taught

READER_LIMITS = (
    "English only. It gives the words of a passage, never words of its own: no sums, no yes or no, no list of several"
    " spans.",
    "A passage that talks of the same things without answering is what it takes for an answer most often.",
    "It learned from questions that people wrote with the passage before them; a customer's questions are others.",
    "The chance that it states was fitted on the sets above, with their share of unanswerable questions.",
)
ENCODER_LIMITS = (
    "English only. A text is cut where its tokens end: split long documents into passages first.",
    "Similar is not the same as answering: let the reader judge what it finds.",
    "Names and numbers are where words (BM25) find more: fuse both.",
)


def reader_card(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Markdown. Every figure is from the manifest."""
    reading = config["reading"]
    test = manifest["metrics"]["test"]
    answering = [[name, _share(r["answered"]), _figure(r["answered_f1"]), _share(r["withheld"])]
                 for name, r in test.items() if r.get("withheld") is not None]  # fmt: skip
    figures = [[name, r["n"], _figure(r["f1"]), _between(r["f1_interval"]), _figure(r["em"]),
                _between(r["em_interval"]), _figure(r.get("no_answer_auroc"))]
               for name, r in test.items() if "f1" in r]  # fmt: skip
    return _joined(
        _opening(
            manifest,
            f"Static int8 ONNX, extractive: spans of a passage, or none. Windows of {config['max_tokens']} tokens that"
            f" share {reading['stride']}; answers of at most {reading['max_answer_tokens']} tokens.",
        ),
        _learned_from(manifest),
        "## Measured",
        "The int8 model as served, on passages that no training saw; F1 and exact match as SQuAD counts them, over the"
        " answerable questions, with 95% bootstrap intervals; the last column tells answerable from unanswerable.",
        _table(["set", "n", "F1", "95%", "EM", "95%", "no-answer AUROC"], figures),
        f"Answering from a chance of {reading['threshold']:.2f} on (a wrong answer was taken to cost"
        f" {WRONG_ANSWER_PRICE:g} hand-overs):",
        _table(["set", "answerable answered", "their F1", "unanswerable withheld"], answering),
        _quantization(manifest),
        "## Where it fails",
        "\n".join(f"- {limit}" for limit in READER_LIMITS),
        _reproduce(manifest),
    )


def encoder_card(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Markdown. Every figure is from the manifest."""
    rows = [[name, r["n"], r["passages"], _figure(r["recall@1"]), _between(r["recall@1_interval"]),
             _figure(r["recall@10"]), _figure(r["mrr@10"])]
            for name, r in manifest["metrics"]["test"].items()]  # fmt: skip
    return _joined(
        _opening(
            manifest,
            f"Static int8 ONNX: a text in, a vector of {config['embedding']['dimensions']} numbers and length 1 out."
            f" Mean pooling; texts are cut at {config['max_tokens']} tokens.",
        ),
        _learned_from(manifest),
        "## Measured",
        "The int8 model as served: how often the passage that a question was written about comes first, or among the"
        " first ten, of all the set's passages; the questions' passages were held out of training.",
        _table(["set.way", "questions", "passages", "recall@1", "95%", "recall@10", "MRR@10"], rows),
        _quantization(manifest),
        "## Where it fails",
        "\n".join(f"- {limit}" for limit in ENCODER_LIMITS),
        _reproduce(manifest),
    )


def _opening(manifest: Mapping[str, Any], what: str) -> str:
    return f"# {manifest['name']} {manifest['version']}\n\nMade {manifest['created_at'][:10]}. {what}"


def _learned_from(manifest: Mapping[str, Any]) -> str:
    data, base = manifest["data"], manifest["base"]
    skipped = "; ".join(f"{where}: {n}" for where, n in manifest["skipped"].items()) or "none"
    cited = "; ".join(f"{d['name']}: {d['cite']}" for d in data if d["cite"])
    return _joined(
        "## Learned from",
        _table(["data", "use", "questions", "license"], [[d["name"], d["use"], d["rows"], d["license"]] for d in data]),
        *([f"Sets: {cited}."] if cited else []),
        f"Base: {base['name']} ({base['license']}), a vocabulary of {base['vocabulary']} pieces.",
        *filter(None, [taught(manifest["recipe"]["commands"])]),
        f"Rows skipped: {skipped}.",
    ).rstrip("\n")


def _quantization(manifest: Mapping[str, Any]) -> str:
    told = manifest["quantization"]
    rows = [[loss["metric"], _figure(loss["before"]), _figure(loss["after"])] for loss in told["losses"]]
    kept = f"In float32: {', '.join(told['float32'])}." if told["float32"] else ""
    forced = f"**Written with --force in spite of:** {'; '.join(told['faults'])}." if told["faults"] else ""
    parts = ["## Quantization", f"{told['scheme']}, calibrated on {told['calibration_texts']} training texts. On dev:",
             _table(["metric", "float32", "int8"], rows), kept, forced]  # fmt: skip
    return "\n\n".join(part for part in parts if part)


def _reproduce(manifest: Mapping[str, Any]) -> str:
    return "## Reproduce\n\n```\n" + "\n".join(manifest["recipe"]["commands"]) + "\n```"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _between(interval: tuple[float, float]) -> str:
    return f"{interval[0]:.3f}-{interval[1]:.3f}"


def _joined(*parts: str) -> str:
    return "\n\n".join(parts) + "\n"


def _table(header: list[str], rows: list[list[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
