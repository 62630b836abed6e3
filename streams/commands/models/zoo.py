"""`gretchen models verify`, and where the shipped artifacts lie."""

from pathlib import Path

import click

ZOO = Path(__file__).parents[3] / "models" / "zoo"


@click.command()
@click.argument("artifacts", type=click.Path(path_type=Path), nargs=-1)
def verify(artifacts: tuple[Path, ...]) -> None:
    """Check artifacts against their manifests; the shipped ones if none is given."""
    from models.artifact import load_artifact

    for path in artifacts or sorted(p.parent for p in ZOO.glob("*/manifest.json")):
        loaded = load_artifact(path)
        click.echo(f"{path}: {loaded.version} verified")
