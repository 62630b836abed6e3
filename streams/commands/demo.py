"""`gretchen demo`: the main job on this machine, in one command."""

import signal
import sys
from types import FrameType

import click
import msgspec

from models.errors import GretchenError


@click.command()
@click.option("--once", is_flag=True, help="Play as fast as it goes, print one JSON line with the totals, and end.")
@click.option(
    "--rate", type=click.FloatRange(min=0, min_open=True), default=8.0, show_default=True, help="Records a second."
)
@click.option("--page/--no-page", default=None, help="Serve the live page. Default: yes, except with --once.")
@click.option(
    "--timeout", "timeout_s", type=float, default=120.0, show_default=True, help="Seconds to wait for stragglers."
)
def command(once: bool, rate: float, page: bool | None, timeout_s: float) -> None:
    """Play the sample news and chat through Kafka, Faust and the models.

    Starts an embedded Apache Kafka (or uses the cluster that KAFKA_BOOTSTRAP_SERVERS names, on topics of its own that
    are deleted afterwards), a worker and the live page. Ctrl-C stops everything.

    The totals: of `news` records, each was scored or is in dead_letters; each of `questions` has its answer, of which
    `abstained` were handed over to a person; `entities` counts verdicts, `alerts` surges opened. The exit code is 8
    when a record is not accounted for.
    """
    try:
        from streams.demo.run import Options, run_demo
    except ModuleNotFoundError as error:
        raise GretchenError(f"the demo needs {error.name}; run: pip install 'gretchen[demo]'") from None
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    options = Options(
        rate=0.0 if once else rate, stay=not once, page=not once if page is None else page, timeout_s=timeout_s
    )
    try:
        totals = run_demo(options)
    except KeyboardInterrupt:
        click.echo("stopped", err=True)
        sys.exit(130)
    click.echo(msgspec.json.encode(totals))


def interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
