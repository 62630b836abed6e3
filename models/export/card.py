"""The model card: a README.md written from the manifest, so that card and figures can't differ."""

from collections.abc import Mapping
from typing import Any

from models.evaluation.evaluate import WRONG_ANSWER_PRICE
from models.export.recipe import taught

LIMITS = {
    "news": (
        "English headlines and short posts only; other languages get a confident, meaningless verdict.",
        "The verdict is on what the text says, not on what the price will do.",
        "Weak spots: sarcasm, denied rumors, and headlines whose verdict hangs on the size of a number alone.",
        "Sentiment of the whole text was learned from tweets and Indian headlines. On text of another kind it is worse:"
        " compare the PhraseBank rows, which no training saw.",
        "Neighboring topics (Stock Commentary, General News, Company News) are mixed up the most.",
    ),
    "intents": (
        "English only, one intent a question: of a message with two wishes it sees one.",
        "It knows 77 intents of one bank's app; a question next to them can be taken for its neighbor.",
        "Out of scope was learned from queries to a general assistant: other nonsense may pass the threshold.",
    ),
}


def card(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Markdown. Every figure is from the manifest."""
    parts = [
        f"# {manifest['name']} {manifest['version']}",
        *_summary(manifest, config),
        "## Learned from",
        _table(
            ["data", "use", "rows", "license"],
            [[d["name"], d["use"], d["rows"], d["license"]] for d in manifest["data"]],
        ),
        "Sets: " + "; ".join(f"{d['name']}: {d['cite']}" for d in manifest["data"] if d.get("cite")) + ".",
        f"Base: {manifest['base']['name']} ({manifest['base']['license']}), vocabulary pruned to"
        f" {manifest['base']['vocabulary']} pieces before fine-tuning.",
        *filter(None, [taught(manifest["recipe"]["commands"])]),
        "Rows skipped: " + ("; ".join(f"{where}: {n}" for where, n in manifest["skipped"].items()) or "none") + ".",
        "## Measured",
        f"The {_precision(manifest)} model as served (same tokenizer, engine, batches), on texts never used for"
        " training or any choice.",
        _headline_table(manifest["metrics"]["test"]),
    ]
    told = manifest["metrics"]["test"].get("abstention")
    if told:
        parts += [_abstention(told)]
    for name, full in manifest["metrics"]["test"].items():
        if "labels" in full:
            rows = [[label, s["precision"], s["recall"], s["f1"], s["support"]] for label, s in full["labels"].items()]
            parts += [f"### {name}", _table(["label", "precision", "recall", "F1", "support"], rows)]
    parts += _pictures(manifest.get("report", []))
    parts += ["## Quantization", *_quantization(manifest["quantization"]), "## Where it fails"]
    parts += ["\n".join(f"- {limit}" for limit in LIMITS.get(config["task"], ("Not described yet: see the figures.",)))]
    parts += ["## Reproduce", "```\n" + "\n".join(manifest["recipe"]["commands"]) + "\n```"]
    return "\n\n".join(parts) + "\n"


def imported_card(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Of a classifier of other make. What it learned from, its makers know."""
    base, quantization = manifest["base"], manifest["quantization"]
    revision = f"; revision {base['revision']}" if base["revision"] else ""
    parts = [
        f"# {manifest['name']} {manifest['version']}",
        f"Imported {manifest['created_at'][:10]} from {base['name']} ({base['architecture']}; license:"
        f" {base['license']}{revision}). What it learned from, the card of its makers says."
        f" Texts are cut at {config['max_tokens']} tokens.",
        "\n".join(f"- `{name}`: {', '.join(head['labels'])}" for name, head in config["heads"].items()),
        f"Graph: {base['graph']}. On {base['parity_texts']} texts its float32 logits differ from the original's by"
        f" {base['parity']:.1e} at most.",
        "## Measured",
    ]
    if manifest["data"]:
        parts += [
            _headline_table(manifest["metrics"]["test"]),
            "As served. Whether its makers trained on these texts is not known here: find out before you believe it.",
        ]
    else:
        parts += ["Not measured: 'gretchen models evaluate' does it on data of yours."]
    parts += ["## Quantization"]
    if quantization["losses"]:
        parts += _quantization(quantization)
    else:
        parts += [f"{quantization['scheme']}. {quantization['told']}"]
    parts += ["## Reproduce", "```\n" + "\n".join(manifest["recipe"]["commands"]) + "\n```"]
    return "\n\n".join(parts) + "\n"


def _summary(manifest: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    pair = config.get("pair", False)
    heads = [
        f"- `{name}` ({'pair of texts' if pair else head['on']}): {', '.join(head['labels'])}"
        for name, head in config["heads"].items()
    ]
    cut = "two texts are read as one and cut, the longer one first, at" if pair else "texts are cut at"
    return [
        f"Made {manifest['created_at'][:10]}. {_precision(manifest).capitalize()} ONNX; {cut}"
        f" {config['max_tokens']} tokens.",
        "\n".join(heads),
    ]


def _precision(manifest: Mapping[str, Any]) -> str:
    return "static int8" if manifest["quantization"]["losses"] else "float32"


def _headline_table(test: Mapping[str, Any]) -> str:
    rows = [
        [name, r["n"], _figure(r, "accuracy"), _figure(r, "macro_f1"), r["ece"]]
        for name, r in test.items()
        if "labels" in r
    ]
    return _table(["set.head", "n", "accuracy", "macro F1", "calibration error"], rows)


def _figure(of: Mapping[str, Any], key: str) -> str:
    """With its 95% interval, where one was measured."""
    low, high = of.get("intervals", {}).get(key, (None, None))
    return str(of[key]) if low is None else f"{of[key]} [{low}, {high}]"


def _pictures(names: list[str]) -> list[str]:
    if not names:
        return []
    shown = "\n".join(f"![{name.removesuffix('.png')}]({name})" for name in names)
    whole = "The whole report, with what is taken for what and speed: [report.md](report.md)."
    return [f"{whole} In brackets: 95% bootstrap intervals.", shown]


def _abstention(told: Mapping[str, Any]) -> str:
    return (
        f"Abstaining below {told['threshold']:.2f} (a wrong answer was taken to cost {WRONG_ANSWER_PRICE:g}"
        f" hand-overs): {told['out_of_scope_recall']:.1%} of {told['out_of_scope']}"
        f" out-of-scope queries are handed over, and {told['in_scope_abstained']:.1%} of {told['in_scope']} known"
        f" questions. Accuracy is {told['accuracy_without_abstaining']:.1%} without abstaining,"
        f" {told['accuracy_of_answered']:.1%} of what is answered (AUROC {told['auroc']:.3f})."
    )


def _quantization(told: Mapping[str, Any]) -> list[str]:
    if not told["losses"]:
        return [f"{told['scheme']}; 'gretchen models quantize' makes it int8.".capitalize()]
    rows = [[loss["head"], loss["metric"], loss["before"], loss["after"]] for loss in told["losses"]]
    forced = [f"**Written with --force in spite of:** {'; '.join(told['faults'])}."] if told["faults"] else []
    return [f"{told['scheme']}, calibrated on {told['calibration_texts']} training texts. On dev:",
            _table(["head", "metric", "float32", "int8"], rows), *forced]  # fmt: skip


def _table(header: list[str], rows: list[list[Any]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
