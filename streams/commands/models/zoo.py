"""`gretchen models list` and `verify`: the artifacts in a folder."""

import json
from pathlib import Path

import click

from models.errors import ArtifactError

ZOO = Path(__file__).parents[3] / "models" / "zoo"


@click.command("list")
@click.option(
    "--zoo", type=click.Path(path_type=Path), default=ZOO, help="A folder of artifacts; the shipped by default."
)
def list_(zoo: Path) -> None:
    """The artifacts in a folder, with their figures."""
    for path in sorted(zoo.glob("*/manifest.json")):
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            size = sum(file["bytes"] for file in manifest["files"].values())
            figures = ", ".join(
                f"{name} {told['accuracy']:.3f}"
                for name, told in manifest["metrics"]["test"].items()
                if "labels" in told
            )
            click.echo(
                f"{manifest['name']}/{manifest['version']}  {size / 1e6:.1f} MB  {path.parent}  accuracy: {figures}"
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ArtifactError(
                f"{path}: not a manifest ({error!r}); run 'gretchen models verify {path.parent}'"
            ) from None


@click.command()
@click.argument("artifacts", type=click.Path(path_type=Path), nargs=-1)
def verify(artifacts: tuple[Path, ...]) -> None:
    """Check artifacts against their manifests; the shipped ones if none is given."""
    from models.artifact import load_artifact

    for path in artifacts or sorted(p.parent for p in ZOO.glob("*/manifest.json")):
        loaded = load_artifact(path)
        click.echo(f"{path}: {loaded.version} verified")
