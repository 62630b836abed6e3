"""How fast it is, beside others, on this machine: every part in a process of its own, then the report.

    python -m benchmarks.speed --out DIR              # a quarter of an hour on two cores; the machine has to be quiet
    python -m benchmarks.speed --out DIR --smoke      # that all of it runs, and gives equal outputs; no figures
    python -m benchmarks.speed --out DIR --only soak  # one part; the others' results in DIR stay
    python -m benchmarks.speed --out DIR --tell       # the report anew, of what is in DIR; lines of another machine's
                                                      # results.jsonl may have been added, as those of the part gpu

DIR gets results.jsonl, what each part printed in PART.log, RESULTS.md and its pictures (or --report, --images).
Exit codes: 0; 1 a part failed, or was left out and GRETCHEN_FORBID_SKIPS is set (the others ran); 2 wrong usage, a busy
machine; 130 Ctrl-C.
"""

import argparse
import importlib.util
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple, get_args

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks.speed import machine, report
from benchmarks.speed.part import encode_path
from benchmarks.speed.results import DATA, Curve, Figure, Part, Plan, Ran, append, read
from models.cores import cpus


class Stage(NamedTuple):
    """A part, how long it takes about, and what it can't do without that is not installed everywhere."""

    part: Part
    expected_s: float
    smoke_s: float = 10.0
    needs: tuple[str, ...] = ()
    module: str = ""  # benchmarks.speed.PART unless given


STAGES = (
    Stage("limit", 20, 5, ("onnx",)),
    Stage("engine", 180, 25, ("torch", "transformers", "openvino", "nncf")),
    Stage("profile", 40, 5),
    Stage("reader", 60, 8, ("torch", "transformers")),
    Stage("stream", 200, 25, ("torch", "transformers", "confluent_kafka", "quixstreams")),
    Stage("costs", 60, 15),
    Stage("latency", 160, 15),
    Stage("overload", 110, 10),
    Stage("scaling", 80, 10),
    Stage("start", 30, 10),
    Stage("gpu", 90, 10, ("torch", "transformers")),  # seconds where there is none
    Stage("soak", 900, 15),
)
BY_REQUEST = ("soak",)
SLACK = 4.0  # of the time that a part takes about: after that it is ended
LEAST_LIMIT_S = 240.0
BUSY_LOAD = 0.5  # a core, over the last minute
QUIET_WAIT_S = 120.0  # an installation just before has its load still in the average
ENDS_S = 20.0  # a part that is interrupted puts away its Kafka and its workers
LAST_LINES = 12


def main(arguments: Sequence[str] | None = None) -> int:
    args = parse(arguments)
    console = Console(stderr=True)
    results = args.out / "results.jsonl"
    if args.tell:
        return tell(results, args, console)
    stages = [stage for stage in STAGES if (stage.part in args.only if args.only else stage.part not in BY_REQUEST)]
    if not args.smoke and not args.force and not quiet(console):
        return 2
    args.out.mkdir(parents=True, exist_ok=True)
    plan = Plan(smoke=args.smoke, data=args.data, **({"rounds": args.rounds} if args.rounds else {}))
    clear(results, {stage.part for stage in stages})
    append(results, machine.look())
    try:
        ended = list(run_all(stages, plan, args.out, console))
    except KeyboardInterrupt:
        console.print(f"interrupted: what was measured so far is in {results}; --tell reports it", highlight=False)
        return 130
    tell(results, args, console)
    failed = [one for one in ended if one.error]
    for one in failed:
        log = args.out / f"{one.part}.log"
        console.print(f"[red]{one.part} failed;[/] the end of {log}:", highlight=False)
        console.print("\n".join(lines_of(log)[-LAST_LINES:]), highlight=False, markup=False)
    forbidden = os.environ.get("GRETCHEN_FORBID_SKIPS", "") not in ("", "0")
    skipped = [one.part for one in ended if one.lacks and forbidden]
    if skipped:
        console.print("[red]left out, and GRETCHEN_FORBID_SKIPS is set:[/]", ", ".join(skipped))
    return 1 if failed or skipped else 0


def tell(results: Path, args: argparse.Namespace, console: Console) -> int:
    """Write the report of all that is known."""
    told_in, drawn_in = args.report or args.out / "RESULTS.md", args.images or args.out / "images"
    try:
        known = read(results)
    except (OSError, msgspec.DecodeError) as error:
        console.print(f"[red]{results}:[/] {error}; wanted what a run has measured", highlight=False)
        return 2
    written = report.write(known, told_in, drawn_in, args.readme)
    console.print("written:", ", ".join(map(str, written)), highlight=False)
    return 0


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = [part for part in get_args(Part) if part != "machine"]
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--smoke", action="store_true", help="tiny counts: does it run, are outputs equal")
    parser.add_argument("--only", nargs="+", choices=parts, default=[], metavar="PART", help=", ".join(parts))
    parser.add_argument("--tell", action="store_true", help="measure nothing")
    parser.add_argument("--rounds", type=int, metavar="N", help=f"of each measurement; {Plan().rounds} unless given")
    parser.add_argument("--data", type=Path, default=DATA, help="the folder with sentfin; where missing, the sample")
    parser.add_argument("--force", action="store_true", help="measure on a busy machine; the report says so")
    parser.add_argument("--report", type=Path, metavar="FILE", help="DIR/RESULTS.md unless given")
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="DIR/images unless given")
    parser.add_argument("--readme", type=Path, metavar="FILE", help="whose place for the speed is filled")
    args = parser.parse_args(arguments)
    if args.rounds is not None and args.rounds < 1:
        parser.error(f"--rounds: got {args.rounds}, wanted 1 or more")
    return args


def quiet(console: Console, sleep: Callable[[float], None] = time.sleep) -> bool:
    """Wait for the load of others to fall; whether it did."""
    most = BUSY_LOAD * cpus()
    until = time.monotonic() + QUIET_WAIT_S
    while (load := os.getloadavg()[0]) > most:
        if time.monotonic() > until:
            console.print(
                f"[red]the machine is busy:[/] load average {load:.1f}, wanted at most {most:.1f} (half a core's worth "
                "a core): timings would mean nothing. End what else runs, or measure all the same with --force"
            )
            return False
        console.print(f"waiting for the machine to become quiet: load average {load:.1f}, wanted {most:.1f}")
        sleep(10.0)
    return True


def clear(results: Path, parts: set[Part]) -> None:
    """Leave out what is measured anew, and the machine, which is looked at anew."""
    if results.exists():
        kept = [one for one in read(results) if getattr(one, "part", "machine") not in {*parts, "machine"}]
        results.unlink()
        for one in kept:
            append(results, one)


def run_all(stages: Sequence[Stage], plan: Plan, out: Path, console: Console) -> Iterator[Ran]:
    """Each part in turn; how it ended is in the results, too."""
    with progress(stages, plan.smoke, console) as show:
        for stage in stages:
            before, began_s = machine.busy(), time.monotonic()
            error, lacks = "", ", ".join(name for name in stage.needs if importlib.util.find_spec(name) is None)
            if not lacks:
                error = run_stage(stage, plan, out, partial(show, stage))
            seconds = time.monotonic() - began_s
            after = machine.busy()
            ran = Ran(
                part=stage.part,
                seconds=round(seconds, 1),
                smoke=plan.smoke,
                commit=machine.commit(),
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                others=round(after.others_since(before, seconds), 3) if before and after else None,
                error=error,
                lacks=lacks,
            )
            append(out / "results.jsonl", ran)
            told = f"left out: {lacks} not installed" if lacks else f"failed: {error}" if error else "done"
            console.print(f"{stage.part:9} {told}, {seconds:.0f} s", highlight=False, markup=False)
            yield ran


def run_stage(stage: Stage, plan: Plan, out: Path, show: Callable[[float, str], None]) -> str:
    """Why it failed, or nothing. Raises KeyboardInterrupt once the part has put its things away."""
    results, log = out / "results.jsonl", out / f"{stage.part}.log"
    described = msgspec.json.encode(plan, enc_hook=encode_path).decode()
    module = stage.module or f"benchmarks.speed.{stage.part}"
    command = [sys.executable, "-m", "benchmarks.speed.part", module, described, str(results.resolve())]
    expected_s = stage.smoke_s if plan.smoke else stage.expected_s
    limit_s, began_s = max(LEAST_LIMIT_S, SLACK * expected_s), time.monotonic()
    with log.open("wb") as said:
        # a session of its own: the terminal's Ctrl-C is told to the part by us, and to nobody that it has started
        child = subprocess.Popen(command, stdout=said, stderr=said, cwd=machine.ROOT, start_new_session=True)
        try:
            while child.poll() is None:
                took_s = time.monotonic() - began_s
                if took_s > limit_s:
                    return f"not done after {limit_s:.0f} s"
                show(took_s, last_told(results, stage.part))
                with suppress(subprocess.TimeoutExpired):
                    child.wait(0.25)
        finally:
            end(child)
    return "" if child.returncode == 0 else why(log, child.returncode)


def end(child: "subprocess.Popen[bytes]") -> None:
    """Interrupt it if it still runs; then end whatever is left of its group."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(ENDS_S)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def last_told(results: Path, part: Part) -> str:
    """What was measured last, to be shown while the part goes on."""
    with suppress(OSError, msgspec.DecodeError):  # a line may be half written
        last = read(results)[-1]
        if isinstance(last, Figure | Curve) and last.part == part:
            return f"{last.contender}: {last.figure if isinstance(last, Figure) else last.y_label}"
    return ""


def why(log: Path, code: int) -> str:
    """The last line that a part printed: of a traceback the error."""
    lines = lines_of(log)
    return f"exit {code}, {lines[-1].strip()[:300] if lines else 'without a word'}"


def lines_of(log: Path) -> list[str]:
    return [line for line in log.read_text(errors="replace").splitlines() if line.strip()]


@contextmanager
def progress(stages: Sequence[Stage], smoke: bool, console: Console) -> Iterator[Callable[[Stage, float, str], None]]:
    """A bar over all parts with what is measured and about how long is left; on no terminal, nothing."""
    takes_s = {stage.part: stage.smoke_s if smoke else stage.expected_s for stage in stages}
    bar = Progress(
        TextColumn("{task.fields[part]:9}"),
        BarColumn(30),
        TextColumn("{task.fields[left]}"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[word]}"),
        console=console,
        disable=not console.is_terminal,
    )
    task = bar.add_task("", total=sum(takes_s.values()), part="", left="", word="")

    def show(stage: Stage, took_s: float, word: str) -> None:
        before_s = sum(takes_s[each.part] for each in stages[: stages.index(stage)])
        done_s = before_s + min(took_s, takes_s[stage.part])
        left = f"about {clock(sum(takes_s.values()) - done_s)} left"
        bar.update(task, completed=done_s, part=stage.part, left=left, word=word)

    with bar:
        yield show


def clock(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    sys.exit(main())
