"""benchmarks/speed: what the command does with parts, and what the report makes of their figures."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.speed import __main__ as command
from benchmarks.speed.aims import AIMS, ALONE, DOWNSTREAM, FIRST_SCORED, judged
from benchmarks.speed.machine import Busy, look
from benchmarks.speed.report import SECTIONS, render, write
from benchmarks.speed.results import Curve, Figure, Machine, Part, Plan, Ran, Result, append, read
from benchmarks.speed.tables import find, number, ratio


def figure(part: Part, contender: str, name: str, unit: str, *rounds: float, **conditions: str) -> Figure:
    return Figure(
        part=part, contender=contender, figure=name, unit=unit, rounds=list(rounds), conditions=conditions
    )  # fmt: skip


def ended(part: Part, *, others: float = 0.0, error: str = "", lacks: str = "", smoke: bool = False) -> Ran:
    return Ran(
        part=part, seconds=60.0, smoke=smoke, commit="abc", at="2026-03-02T08:00:00+00:00", others=others, error=error,
        lacks=lacks,
    )  # fmt: skip


def report_of(*results: Result) -> str:
    return render(find(results), {})


def verdict(beginning: str, *results: Result) -> tuple[str, str]:
    (aim,) = (each for each in AIMS if each.what.startswith(beginning))
    return judged(aim, find(results))


ENGINES = (
    figure("engine", "OpenVINO int8", "texts/s", "/s", 1400, 1500, 1600, batch="32"),
    figure("engine", "gretchen", "texts/s", "/s", 2800, 3000, 3200, threads="2"),
    figure("engine", "BERT-base pipeline", "texts/s", "/s", 29, 30, 31),
)


def test_without_any_result_every_part_and_aim_is_said_not_to_be_measured() -> None:
    text = report_of()
    assert text.count("| not measured |") == len(AIMS)
    assert text.count("python -m benchmarks.speed --only") == len(command.STAGES)


def test_contenders_stand_by_median_with_their_spread_and_how_many_times_better_ours_is() -> None:
    rows = [line for line in report_of(*ENGINES).splitlines() if line.startswith(("| **gretchen", "| OpenVINO"))]
    assert rows == [
        "| **gretchen** | 3,000 | 2,800–3,200 |  | threads 2 |",
        "| OpenVINO int8 | 1,500 | 1,400–1,600 | 2× | batch 32 |",
    ]


def test_a_ratio_is_that_of_the_rounds_so_a_machine_that_slows_down_does_not_change_it() -> None:
    ours, other = figure("engine", "ours", "x", "/s", 100, 50, 10), figure("engine", "x", "x", "/s", 50, 25, 1)
    assert ratio(ours, other) == 2


def test_where_less_is_better_the_ratio_turns_round_and_shares_have_none() -> None:
    assert ratio(figure("start", "ours", "x", "s", 2), figure("start", "y", "x", "s", 6)) == 3
    assert ratio(figure("start", "ours", "x", "%", 2), figure("start", "y", "x", "%", 6)) is None


def test_rounds_written_one_by_one_are_one_figure_and_other_conditions_another() -> None:
    one, two = figure("engine", "x", "f", "/s", 1, a="1"), figure("engine", "x", "f", "/s", 2, a="1")
    assert [each.rounds for each in find([one, two, figure("engine", "x", "f", "/s", 3, a="2")]).figures] == [
        [1, 2],
        [3],
    ]


@pytest.mark.parametrize(("ours", "said"), [(3000, "reached"), (2999, "missed")])
def test_an_aim_is_reached_from_its_bound_on(ours: float, said: str) -> None:
    engines = (ENGINES[2], figure("engine", "gretchen", "texts/s", "/s", ours * 29 / 30, ours, ours * 31 / 30))
    assert verdict("engine against a BERT", *engines)[1] == said


def test_half_load_is_judged_by_records_at_random_in_times_of_a_batch() -> None:
    def at(pace: str, p99: float) -> Iterator[Figure]:
        for name, value in (("p50", 15.0), ("p99", p99), ("time of a batch", 10.0)):
            yield figure("latency", "ours", name, "ms", value, load="50%", pace=pace)

    assert verdict("latency at half load", *at("even", 90.0), *at("poisson", 49.0))[1] == "reached"
    assert verdict("latency at half load", *at("even", 20.0), *at("poisson", 50.0))[1] == "missed"
    assert verdict("latency at half load", *at("even", 20.0)) == ("not measured", "")


def test_a_soak_that_was_cut_short_is_told_but_decides_nothing() -> None:
    def soak(records: str) -> tuple[str, str]:
        early = figure("soak", "ours", "resident memory after 50,000 records", "MiB", 400)
        return verdict("soak", early, figure("soak", "ours", "resident memory at the end", "MiB", 404, records=records))

    assert soak("1000000") == ("1.010× after 1,000,000 records", "reached")
    assert soak("100000")[1] == "see below"


def test_overload_is_missed_when_the_rate_falls_though_memory_is_flat() -> None:
    def overload(under: float) -> str:
        found = {"resident memory when buffers are full": 500, "resident memory at most": 510}
        rates = {"capacity before": 1000, "rate under overload": under, "rate after it": 990}
        return verdict(
            "overload",
            *(figure("overload", "ours", name, "", value) for name, value in (found | rates).items()),
        )[1]

    assert (overload(980), overload(700)) == ("reached", "missed")


def test_what_failed_or_lacks_something_is_not_measured_and_says_why() -> None:
    text = report_of(ended("reader", error="exit 1, boom"), ended("engine", lacks="torch"))
    assert "- The reader: failed after 60 s, exit 1, boom" in text
    assert "- The engine alone: left out, torch not installed." in text


def test_columns_without_a_word_and_notes_said_before_are_left_out() -> None:
    def repeats(of: str, value: float) -> Figure:
        return Figure(part="profile", contender=of, figure="repeated", unit="%", rounds=[value], note="Of a cache.")

    text = report_of(repeats("headlines", 0.6), repeats("tweets", 11))
    assert "| of | median |\n|---|---|\n| headlines | 0.6 |\n| tweets | 11.0 |" in text
    assert "- headlines, tweets: Of a cache." in text


def test_a_smoke_run_and_a_busy_machine_are_told_at_the_top() -> None:
    top = report_of(ended("engine", others=0.3, smoke=True), ended("reader", others=0.01)).partition("## ")[0]
    assert "A smoke run" in top
    assert "engine (30%)" in top
    assert "reader" not in top


def test_figures_under_several_conditions_stand_side_by_side() -> None:
    text = report_of(
        *(figure("latency", "ours", name, "ms", 1.0, load=load) for load in ("10%", "50%") for name in ("p50", "p99"))
    )
    assert "| with | p50, ms | p99, ms |" in text
    assert "| load 50% | 1 | 1 |" in text


@pytest.mark.parametrize(
    ("value", "text"), [(123456.7, "123,457"), (12.345, "12.3"), (1.2345, "1.23"), (0.001234, "0.00123"), (0.0, "0")]
)
def test_numbers_have_three_digits_or_all_before_the_point(value: float, text: str) -> None:
    assert number(value) == text


def test_pictures_are_small_the_same_each_time_and_linked_from_the_report(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    percentiles = [0.0, 50.0, 90.0, 99.0, 99.9, 100.0]
    curve = Curve(
        part="latency", contender="ours", x=percentiles, y=[1, 2, 3, 9, 20, 30], x_label="percentile", y_label="ms"
    )
    memory = Curve(
        part="overload", contender="ours", x=[0, 1], y=[400, 401], x_label="s", y_label="resident memory, MiB"
    )
    latency = figure("latency", "ours", "p50", "ms", 1)
    loads = [
        figure("latency", "ours", name, "records/s", value, load=load, pace=pace)
        for load, value in (("10%", 50.0), ("80%", 400.0))
        for pace in ("even", "poisson")
        for name in ("offered load", "throughput")
    ]
    overload = [
        figure("overload", "ours", name, "records/s", value, load="3x")
        for name, value in (("capacity before", 500), ("rate under overload", 490))
    ]
    results = [*ENGINES, curve, memory, latency, *loads, *overload]
    report, images = tmp_path / "benchmarks" / "RESULTS.md", tmp_path / "docs" / "images"
    (images / "bench-gone.png").parent.mkdir(parents=True)
    (images / "bench-gone.png").write_bytes(b"of an earlier run")
    written = write(results, report, images)
    first = {path.name: path.read_bytes() for path in images.iterdir()}
    assert first.keys() == {f"bench-{name}.png" for name in ("throughput", "latency", "load", "memory")}
    assert all(content.startswith(b"\x89PNG") and len(content) < 40_000 for content in first.values())
    assert {path.name for path in written} == {"RESULTS.md", *first}
    assert "(../docs/images/bench-latency.png)" in report.read_text()
    write(results, report, images)
    assert {path.name: path.read_bytes() for path in images.iterdir()} == first


def test_the_readme_gets_ours_beside_the_others_between_its_markers(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    readme = tmp_path / "README.md"
    readme.write_text("Before.\n<!-- filled:speed -->\nold\n<!-- /filled -->\nAfter.\n")
    write(ENGINES, tmp_path / "RESULTS.md", tmp_path / "images", readme)
    lines = readme.read_text().splitlines()
    assert lines[:2] + lines[-2:] == ["Before.", "<!-- filled:speed -->", "<!-- /filled -->", "After."]
    row = "| headlines/s, the engine alone | 3,000 | BERT-base pipeline 30.0, 100×; OpenVINO int8 1,500, 2× |"
    assert row in lines


def test_measuring_a_part_anew_keeps_the_others(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    kept = figure("reader", "ours", "x", "/s", 1)
    for each in (Machine({}), ENGINES[0], kept, ended("engine"), ended("reader")):
        append(path, each)
    command.clear(path, {"engine"})
    assert read(path) == [kept, ended("reader")]


def test_another_machine_s_figures_can_be_added_and_told(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    assert command.main(["--out", str(tmp_path), "--tell"]) == 2
    rates = {"gretchen": 90, "MiniLM pipeline": 20}
    gpus = [figure("gpu", name, "texts/s", "/s", rate, on="H9") for name, rate in rates.items()]
    for each in (Machine({"processor": "ours"}), *ENGINES, Machine({"processor": "another"}), *gpus):
        append(tmp_path / "results.jsonl", each)
    assert command.main(["--out", str(tmp_path), "--tell"]) == 0
    text = (tmp_path / "RESULTS.md").read_text()
    assert "| processor | ours |" in text
    assert "| GPU: against transformers in bf16 on the same one | ≥ 3× | 4.5× | reached |" in text


def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **bodies: str) -> list[command.Stage]:
    """A stage for each body, which is what its `run(plan, write)` does."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    names: tuple[Part, ...] = ("engine", "limit", "reader")
    for name, body in bodies.items():
        (tmp_path / f"{name}_part.py").write_text(
            "import sys, time\nfrom pathlib import Path\nfrom benchmarks.speed.results import Figure\n"
            f"def run(plan, write):\n    {body}\n"
        )
    return [
        command.Stage(part, 1, 1, module=f"{name}_part")
        for part, name in zip(names, bodies, strict=False)
    ]  # fmt: skip


def run(stages: list[command.Stage], out: Path) -> list[Ran]:
    return list(command.run_all(stages, Plan(smoke=True), out, Console(quiet=True)))


WRITES = "write(Figure(part='limit', contender='ours', figure='x', unit='/s', rounds=[plan.seconds]))"


def test_a_part_that_fails_is_told_with_its_error_and_the_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages = parts(tmp_path, monkeypatch, fails="raise ValueError('of another shape')", works=WRITES)
    first, second = run(stages, tmp_path)
    assert first.error == "exit 1, ValueError: of another shape"
    assert second.error == ""
    results = read(tmp_path / "results.jsonl")
    assert [each.part for each in results if isinstance(each, Figure)] == ["limit"]
    assert [each for each in results if isinstance(each, Ran)] == [first, second]


def test_what_a_part_lacks_leaves_it_out_before_it_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (stage,) = parts(tmp_path, monkeypatch, works=WRITES)
    (told,) = run([stage._replace(needs=("json", "no_such_package"))], tmp_path)
    assert (told.lacks, told.error) == ("no_such_package", "")
    assert not [each for each in read(tmp_path / "results.jsonl") if isinstance(each, Figure)]


def test_a_part_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "LEAST_LIMIT_S", 0.0)
    monkeypatch.setattr(command, "SLACK", 1.0)
    (told,) = run(parts(tmp_path, monkeypatch, hangs="time.sleep(600)"), tmp_path)
    assert told.error == "not done after 1 s"


def test_ctrl_c_lets_the_part_put_its_things_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    began, ended_at = tmp_path / "began", tmp_path / "ended"
    body = f"Path({str(began)!r}).touch()\n    try: time.sleep(600)\n    finally: Path({str(ended_at)!r}).touch()"
    (stage,) = parts(tmp_path, monkeypatch, waits=body)

    def interrupted(took_s: float, word: str) -> None:
        if began.exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        command.run_stage(stage, Plan(smoke=True), tmp_path, interrupted)
    assert ended_at.exists()


def test_a_busy_machine_is_waited_for_and_then_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "cpus", lambda: 2.0)
    loads = iter([1.4, 1.2, 1.0])
    monkeypatch.setattr(os, "getloadavg", lambda: (next(loads), 0.0, 0.0))
    assert command.quiet(Console(quiet=True), lambda seconds: None)
    monkeypatch.setattr(os, "getloadavg", lambda: (1.1, 0.0, 0.0))
    monkeypatch.setattr(command, "QUIET_WAIT_S", -1.0)
    assert not command.quiet(Console(quiet=True), lambda seconds: None)


def test_the_exit_code_says_whether_a_part_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    for body, code in ((WRITES, 0), ("sys.exit(3)", 1)):
        (stage,) = parts(tmp_path, monkeypatch, one=body)
        monkeypatch.setattr(command, "STAGES", (stage,))
        assert command.main(["--smoke", "--out", str(tmp_path / "out"), "--only", "engine"]) == code
        assert (tmp_path / "out" / "RESULTS.md").exists()


@pytest.mark.parametrize(("forbid", "code"), [("", 0), ("1", 1)])
def test_a_part_left_out_is_no_failure_unless_skips_are_forbidden(
    forbid: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    (stage,) = parts(tmp_path, monkeypatch, one=WRITES)
    monkeypatch.setattr(command, "STAGES", (stage._replace(needs=("no_such_package",)),))
    monkeypatch.setenv("GRETCHEN_FORBID_SKIPS", forbid)
    assert command.main(["--smoke", "--out", str(tmp_path / "out")]) == code


def test_the_command_refuses_no_rounds(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as refused:
        command.main(["--out", str(tmp_path), "--rounds", "0"])
    assert refused.value.code == 2
    assert "got 0, wanted 1 or more" in capsys.readouterr().err


def test_every_stage_has_a_section_and_a_module() -> None:
    assert sorted(stage.part for stage in command.STAGES) == sorted(section.part for section in SECTIONS)
    there = {file.stem for file in Path(command.__file__).parent.glob("*.py")}
    assert {stage.part for stage in command.STAGES} <= there


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("engine", ("texts/s", "BERT-base pipeline", "MiniLM pipeline", "OpenVINO int8")),
        ("limit", ("share of the limit",)),
        ("stream", (DOWNSTREAM, ALONE, "records/s")),
        ("latency", ("p50", "p99", "time of a batch", "load", "pace", "poisson", "offered load", "throughput")),
        ("overload", ("resident memory when buffers are full", "resident memory at most", "rate under overload")),
        ("overload", ("capacity before", "rate after it")),
        ("scaling", ("records/s", "workers")),
        ("soak", ("resident memory after {", "resident memory at the end", "records")),
        ("start", (FIRST_SCORED, "imports of the serving code")),
        ("reader", ("questions/s", "dynamic int8")),
        ("costs", ("CPU of the worker for 1,000 news", "CPU of Kafka for 1,000 news", ": bytes for a news")),
        ("costs", (": records for a news", "a busy stream's state", "a state's bytes for each partition of news")),
    ],
)
def test_what_aims_and_the_reckoning_ask_for_is_what_a_part_writes(part: str, names: tuple[str, ...]) -> None:
    """Parts can't be run here: a figure that is renamed would otherwise be said not to be measured, for good."""
    source = (Path(command.__file__).parent / f"{part}.py").read_text()
    assert [name for name in names if name not in source] == []


def test_the_machine_tells_its_processor_its_cores_and_the_versions() -> None:
    facts = look().facts
    assert facts["processor"]
    assert facts["cores"][0].isdigit()
    assert facts["numpy"][0].isdigit()
    assert facts["Python"].startswith(".".join(map(str, sys.version_info[:3])))


def test_others_time_is_what_is_not_ours() -> None:
    cores = os.cpu_count() or 1
    share = Busy(10.0 + 4.0 * cores, 1.0 + 3.0 * cores).others_since(Busy(10.0, 1.0), seconds=4.0)
    assert share == pytest.approx(0.25)
    assert Busy(11.0, 5.0).others_since(Busy(10.0, 1.0), seconds=4.0) == 0.0  # ours ended: their time was spent before
