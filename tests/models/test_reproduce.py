"""`gretchen models reproduce`: a recipe is run again into a scratch folder, and nothing that is not ours is run."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from models.errors import GretchenError, InputError
from models.export.recipe import Figure, check_there, compared, differing, parse_recipe, planned, taught
from streams.commands.models import command, reproduce
from streams.commands.models.zoo import ZOO

NEWS = [
    "gretchen models prune-vocabulary news --base bases/mini --data data --size 14000 --out runs/news",
    "gretchen models finetune news --without-pairs --share a=0.35 --base=runs/news --data data --out runs/1",
    "gretchen models average runs/1/best runs/1/last --out runs/mean",
    "gretchen models export runs/mean --task news --data data --out news --base-name 'all MiniLM'",
]


def steps(commands: list[str]) -> Any:
    return parse_recipe(commands, reproduce.valued_options(), "zoo/news")


def test_outputs_go_to_scratch_with_what_reads_them_and_a_task_is_no_path(tmp_path: Path) -> None:
    made = [str(step) for step in planned(steps(NEWS), Path("S"), {"data": "/d", "bases": "/b"})]
    assert made == [
        "gretchen models prune-vocabulary news --base /b/mini --data /d --size 14000 --out S/01-news",
        "gretchen models finetune news --without-pairs --share a=0.35 --base S/01-news --data /d --out S/02-1",
        "gretchen models average S/02-1/best S/02-1/last --out S/03-mean",
        "gretchen models export S/03-mean --task news --data /d --out S/04-news --base-name 'all MiniLM'",
    ]
    same = ["gretchen models finetune news --base b --data d --out news", NEWS[3].replace("runs/mean", "news")]
    assert str(planned(steps(same), Path("S"), {})[1]).startswith("gretchen models export S/01-news --task news ")


def test_a_recipe_of_a_gpu_is_run_without_one_in_float32() -> None:
    run = "gretchen models finetune news --device cuda --precision bf16 --base b --data d --out r"
    (there,), (here,) = planned(steps([run]), Path("S"), {}, "cuda"), planned(steps([run]), Path("S"), {}, "cpu")
    assert str(there) == run.replace("out r", "out S/01-r")
    assert str(here) == "gretchen models finetune news --device cpu --base b --data d --out S/01-r"


@pytest.mark.parametrize(
    "odd",
    [
        "rm -rf /",
        "python benchmarks/x.py --out y",
        "gretchen demo --out x",
        "gretchen models reproduce news --out x",
        "gretchen models show x --out y",
        "gretchen models",
        "gretchen models finetune news --out 'x",
        "gretchen models finetune news --base b --data d",
        "",
    ],
)
def test_what_is_not_our_own_verb_with_an_out_is_refused(odd: str) -> None:
    with pytest.raises(InputError, match="zoo/news: the recipe's"):
        steps([NEWS[0], odd])


@pytest.mark.parametrize("name", [each.name for each in sorted(ZOO.iterdir()) if (each / "manifest.json").exists()])
def test_the_recipe_of_what_is_shipped_can_be_run(name: str) -> None:
    result = CliRunner().invoke(command, ["reproduce", name, "--dry-run"], catch_exceptions=False)
    recorded = json.loads((ZOO / name / "manifest.json").read_text())["recipe"]["commands"]
    made = result.stdout.splitlines()
    assert [line.split()[:3] for line in made] == [line.split()[:3] for line in recorded]
    assert all(line.split()[:2] == ["gretchen", "models"] for line in made)
    for step in planned(steps(recorded), Path("S"), {}):
        reproduce.check_options(step)


def test_sentences_without_labels_are_those_of_reports_and_of_wikinews(tmp_path: Path) -> None:
    report = (
        "Revenue fell by 9% in the third quarter. Total 1 2 3 Cash was $ 2.1 million at the end of June. Was it so?"
    )
    for folder in ("tatqa", "qamr"):
        (tmp_path / folder).mkdir()
    document = [{"paragraphs": [{"text": report}, {"text": report}]}]
    (tmp_path / "tatqa" / "tatqa_dataset_dev.json").write_text(json.dumps(document))
    data, out = ["sentences", "--data", str(tmp_path)], ["--out", str(tmp_path / "runs" / "sentences.txt")]
    lacking = CliRunner().invoke(command, [*data, *out])
    assert "tatqa_dataset_test_gold.json: No such file" in str(lacking.exception)
    (tmp_path / "tatqa" / "tatqa_dataset_test_gold.json").write_text("[]")
    (tmp_path / "qamr" / "wiki-sentences.tsv").write_text(
        "Wiki1k:wikinews:1:0\tThe bank said on Monday that it has closed .\n"
        "Wiki1k:wikipedia:2:0\tIt was a bank in the city of Rome .\n"
    )
    done = CliRunner().invoke(command, [*data, *out], catch_exceptions=False)
    assert done.stdout.endswith("3 sentences\n")
    assert (tmp_path / "runs" / "sentences.txt").read_text().splitlines() == [
        "Revenue fell by 9% in the third quarter.",
        "Total 1 2 3 Cash was $ 2.1 million at the end of June.",
        "The bank said on Monday that it has closed .",
    ]


def test_a_card_names_the_teachers_by_what_they_are_and_their_texts_without_labels() -> None:
    teacher = "gretchen models finetune news --base=bases/big-bert --data d --out runs/t"
    student = "gretchen models distil news --teacher runs/t --teacher elsewhere/u --base b --data d --out runs/s"
    assert taught([]) == taught(NEWS) == taught([teacher]) == ""
    said = taught([teacher, student, NEWS[3]])
    assert said == "Taught by runs/t, a big-bert; elsewhere/u: what they say of a text is learned beside its labels."
    assert "Texts without labels: a.txt, b.csv; under which" in taught(
        [teacher, f"{student} --unlabelled x/a.txt --unlabelled b.csv"]
    )


def test_a_shells_signs_are_arguments_and_refused_as_such() -> None:
    (step,) = planned(steps(["gretchen models finetune news --base b --data d --out x ; touch $(y)"]), Path("S"), {})
    with pytest.raises(InputError, match="this gretchen does not take it"):
        reproduce.check_options(step)
    (step,) = planned(steps(["gretchen models finetune news --out x --help"]), Path("S"), {})
    with pytest.raises(InputError, match="asks for help only"):
        reproduce.check_options(step)


def test_trackers_are_left_out_and_missing_data_is_named_first(tmp_path: Path) -> None:
    (step,) = planned(steps(["gretchen models finetune t --track wandb --base b --data nowhere --out x"]), tmp_path, {})
    assert "wandb" not in str(step)
    with pytest.raises(InputError, match=r"nowhere: not here.*--path nowhere=HERE"):
        check_there([step], tmp_path)
    with pytest.raises(InputError, match="has no recipe"):
        steps([])


def test_figures_are_set_beside_each_other_and_what_else_differs_is_told() -> None:
    recorded = {
        "metrics": {"test": {"a.mood": {"n": 9, "accuracy": 0.9, "macro_f1": 0.8, "labels": {},
                                        "intervals": {"accuracy": [0.85, 0.95]}}}},
        "recipe": {"packages": {"torch": "2.1"}, "training": {"seed": 1}, "machine": "x"},
        "data": [{"name": "a", "rows": "train 5"}],
    }  # fmt: skip
    now = {
        "metrics": {"test": {"a.mood": {"n": 9, "accuracy": 0.84, "ece": 0.1}}},
        "recipe": {"packages": {"torch": "2.2"}, "training": {"seed": 2}, "machine": "y"},
        "data": [{"name": "a", "rows": "train 4"}],
    }
    found = compared(recorded, now)
    assert found == [
        Figure("a.mood accuracy", 0.9, 0.84, (0.85, 0.95)), Figure("a.mood macro_f1", 0.8, None, None),
        Figure("a.mood ece", None, 0.1, None),
    ]  # fmt: skip
    assert found[0].difference == pytest.approx(-0.06) and found[1].difference is None
    assert reproduce.within(found[0]) == "no: 0.8500 to 0.9500" and reproduce.within(found[1]) == ""
    assert differing(recorded, now) == [
        "packages: torch was 2.1, is 2.2", "training: seed was 1, is 2", "machine: was x, is y",
        "data: a had train 5, has train 4",
    ]  # fmt: skip
    assert differing(recorded, recorded) == []


def test_steps_done_are_left_out_and_a_run_begun_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = planned(steps(NEWS[:3]), tmp_path, {})
    ran: list[list[str]] = []
    codes = iter([0, 4, 0, 0])

    def run(arguments: list[str]) -> int:
        ran.append(arguments)
        return next(codes)

    monkeypatch.setattr(reproduce, "run", run)
    with pytest.raises(GretchenError, match=r"finetune.*ended with exit code 4"):
        reproduce.run_all(plan, tmp_path)
    (tmp_path / "02-1" / "last").mkdir(parents=True)
    (tmp_path / "02-1" / "last" / "state.json").write_text("{}")
    reproduce.run_all(plan, tmp_path)
    assert [words[0] for words in ran] == ["prune-vocabulary", "finetune", "finetune", "average"]
    assert ["--resume" in words for words in ran] == [False, False, True, False]
    with pytest.raises(InputError, match="another recipe's work"):
        reproduce.run_all(plan[1:], tmp_path)


def gretchen(*arguments: str) -> Result:
    return CliRunner().invoke(command, list(arguments), catch_exceptions=False)


def test_a_shipped_models_recipe_is_printed_and_nothing_is_run() -> None:
    done = gretchen("reproduce", "intents", "--dry-run", "--data", "/d", "--path", "bases=/b")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].startswith("gretchen models prune-vocabulary intents --base /b/all-MiniLM-L6-v2 --data /d")
    assert all("SCRATCH/" in line for line in lines) and not Path("SCRATCH").exists()
    assert gretchen("reproduce", "intents").exit_code == 2


def test_a_tiny_model_is_reproduced_to_the_digit(
    tiny_base: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The recipe in this process; the command line of a child is tried by the dry run's own words."""
    pytest.importorskip("torch", reason="training wants the [train] extra")
    pytest.importorskip("onnx", reason="exporting wants the [train] extra")
    task, run, out = str(tiny_data / "tiny.toml"), tmp_path / "run", tmp_path / "tiny"
    commands = [
        f"gretchen models finetune {task} --base {tiny_base} --data {tiny_data} --out {run} --epochs 3 --threads 1",
        f"gretchen models export {run} --task {task} --data {tiny_data} --out {out} --base-name t --no-report --force",
    ]
    monkeypatch.setattr("sys.argv", commands[1].split())
    assert gretchen(*commands[0].split()[2:]).exit_code == 0
    assert gretchen(*commands[1].split()[2:], "--recipe", commands[0]).exit_code == 0
    monkeypatch.setattr(reproduce, "run", lambda arguments: gretchen(*arguments).exit_code)
    scratch = tmp_path / "scratch"
    monkeypatch.setattr("sys.argv", ["gretchen", "models", "export"])
    done = gretchen("reproduce", str(out), "--out", str(scratch), "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout.splitlines()[-1])
    assert {figure["difference"] for figure in told["figures"]} == {0.0} and len(told["figures"]) >= 6
    assert told == json.loads((scratch / "reproduction.json").read_text()) and told["differing"] == []
    again = gretchen("reproduce", str(out), "--out", str(scratch))  # all is done: only compared
    assert "the farthest" in again.stdout and "+0.0000" in again.stdout and "done before" in again.stderr


def test_a_child_is_our_own_command_line_and_its_exit_code_comes_back(capfd: pytest.CaptureFixture[str]) -> None:
    assert reproduce.run(["verify", "/nowhere/at/all"]) == 5
    assert "/nowhere/at/all" in capfd.readouterr().err
