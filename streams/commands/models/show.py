"""`gretchen models list` and `show`: what artifacts there are, and all that one says of itself."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from models.errors import ArtifactError
from streams.commands.models.reports import table_of, wide
from streams.commands.models.zoo import ZOO

if TYPE_CHECKING:
    from models.artifact import Artifact

FIGURES_SHOWN, LABELS_SHOWN = 3, 8
NO_FIGURES = ("n", "ece", "threshold", "in_scope", "out_of_scope")


@click.command("list")
@click.option(
    "--zoo", type=click.Path(path_type=Path), default=ZOO, help="A folder of artifacts; the shipped by default."
)
@click.option("--json", "as_json", is_flag=True, help="An object a line on stdout.")
def list_(zoo: Path, as_json: bool) -> None:
    """The artifacts in a folder, with their size, heads and figures. 'verify' checks them."""
    rows, broken = [], []
    for path in sorted(zoo.glob("*/manifest.json")):
        try:
            rows.append(listed(path))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            broken.append((path, error))
    if as_json:
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
    elif rows:
        header = ("artifact", "made", "MB", "heads", "measured on", "figures", "in")
        wide().print(table_of(header, [line for row in rows for line in lines_of(row)]))
    elif not broken:
        click.echo(f"{zoo}: no artifact; 'gretchen models export' or 'import' writes one", err=True)
    if broken:
        path, fault = broken[0]
        others = f" (and {len(broken) - 1} more)" if len(broken) > 1 else ""
        raise ArtifactError(f"{path}: not a manifest ({fault!r}){others}; run 'gretchen models verify {path.parent}'")


def listed(path: Path) -> dict[str, Any]:
    """What a manifest says in a line, unverified: listing a large zoo reads no model."""
    manifest = json.loads(path.read_text(encoding="utf-8"))
    config = json.loads((path.parent / "config.json").read_text(encoding="utf-8"))
    return {
        "artifact": f"{manifest['name']}/{manifest['version']}",
        "made": str(manifest.get("created_at", ""))[:10],
        "bytes": sum(file["bytes"] for file in manifest["files"].values()),
        "heads": {name: len(head["labels"]) for name, head in config.get("heads", {}).items()},
        "figures": {name: figures_of(of) for name, of in measured_in(manifest).items()},
        "path": str(path.parent),
    }


def lines_of(row: Mapping[str, Any]) -> Iterable[list[str]]:
    """Table lines of one artifact: a line a set, the first with what is of the whole."""
    heads = ", ".join(f"{name} ({labels})" for name, labels in row["heads"].items())
    first = [row["artifact"], row["made"], f"{row['bytes'] / 1e6:.1f}", heads]
    for n, (name, figures) in enumerate(row["figures"].items() or [("not measured", {})]):
        said = ", ".join(f"{key} {value:.3f}" for key, value in figures.items())
        yield [*(first if n == 0 else [""] * 4), name, said, row["path"] if n == 0 else ""]


def measured_in(manifest: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Set.head -> its figures on test, as the manifest has them."""
    found: dict[str, Mapping[str, Any]] = manifest.get("metrics", {}).get("test", {})
    return found


def figures_of(of: Mapping[str, Any]) -> dict[str, float]:
    told = {key: value for key, value in of.items() if isinstance(value, float) and key not in NO_FIGURES}
    return dict(list(told.items())[:FIGURES_SHOWN])


@click.command()
@click.argument("artifact", type=click.Path(path_type=Path))
@click.option("--card", is_flag=True, help="The model card (markdown) instead.")
@click.option("--json", "as_json", is_flag=True, help="Config and manifest as JSON instead.")
def show(artifact: Path, card: bool, as_json: bool) -> None:
    """All that ARTIFACT says of itself, once it is verified: heads, data and licenses, figures, size, recipe."""
    from models.artifact import load_artifact

    loaded = load_artifact(artifact)
    if as_json:
        config = json.loads(loaded.read("config.json"))
        click.echo(json.dumps({"config": config, "manifest": loaded.raw}, ensure_ascii=False))
    elif card:
        if "README.md" not in loaded.manifest.files:
            raise ArtifactError(f"{artifact} has no card; leave out --card")
        click.echo(loaded.read("README.md").decode(), nl=False)
    else:
        print_artifact(loaded)


def print_artifact(artifact: "Artifact") -> None:
    console, raw, config = wide(), artifact.raw, artifact.config
    console.print(f"[bold]{escape(artifact.version)}[/bold] in {escape(str(artifact.path))}, verified", highlight=False)
    for line in facts(raw, config.max_tokens, config.pair):
        click.echo(line)
    heads = [[name, head.on, f"{head.temperature:g}", some(head.labels)] for name, head in config.heads.items()]
    console.print(table_of(("head", "on", "temperature", "labels"), heads))
    data = [[*(str(of.get(key, "")) for key in ("name", "use", "license", "rows"))] for of in raw.get("data", [])]
    if data:
        console.print(table_of(("data", "use", "license", "rows"), data))
    for split in ("test", "dev"):
        rows = [
            [name, str(of.get("n", "")), ", ".join(f"{key} {value:.4f}" for key, value in figures_of(of).items())]
            for name, of in raw.get("metrics", {}).get(split, {}).items()
        ]
        if rows:
            console.print(table_of((f"set.head, {split}", "n", "figures"), rows))
    files = [[name, f"{file.bytes / 1e6:.2f}", file.sha256[:12]] for name, file in artifact.manifest.files.items()]
    console.print(table_of(("file", "MB", "sha256"), files))
    for command in raw.get("recipe", {}).get("commands", []):
        click.echo(f"$ {command}")


def some(labels: tuple[str, ...]) -> str:
    return ", ".join(labels[:LABELS_SHOWN]) + (f" and {len(labels) - LABELS_SHOWN} more" * (len(labels) > LABELS_SHOWN))


def facts(raw: Mapping[str, Any], max_tokens: int, pair: bool = False) -> list[str]:
    """A line for each: when, what from, how quantized. What the manifest does not say is left out."""
    base, quantization = raw.get("base", {}), raw.get("quantization", {})
    size = sum(file["bytes"] for file in raw["files"].values())
    lines = [f"{size / 1e6:.1f} MB; {'pairs of texts' if pair else 'texts'} are cut at {max_tokens} tokens"]
    if raw.get("created_at"):
        lines.append(f"made {raw['created_at'][:10]}")
    if base.get("name"):
        lines.append(f"base {base['name']} ({base.get('license', 'license not said')})")
    if quantization.get("scheme"):
        losses = "; ".join(
            f"{of['head']} {of['metric']} {of['before']:.4f} -> {of['after']:.4f}"
            for of in quantization.get("losses", [])
        )
        lines.append(quantization["scheme"] + (f"; on dev {losses}" if losses else ""))
    if quantization.get("faults"):
        lines.append(f"written with --force in spite of: {'; '.join(quantization['faults'])}")
    return lines
