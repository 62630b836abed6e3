"""A search of hyper-parameters by Optuna: what the study holds is in OUT/study.db, so a search goes on where it ended.

OUT/study.db    every trial, by SQLite; OUT/trial-0007/ the best one's run, of the others the log alone is kept
OUT/trials.csv  a row a trial; OUT/search.png  the same as a picture
"""

import csv
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from models.errors import InputError, TrainingFailed
from models.tasks.search_space import Choice, Range, Space, inside
from models.tasks.training import Training
from models.training.loop import Surroundings

UNPRUNED_TRIALS, UNPRUNED_EPOCHS = 4, 1  # before the median is believed
Train = Callable[[Training, Path, Surroundings], dict[str, Any]]
"""Fine-tunes with these options into a run; returns the log's best line."""


class Pruned(Exception):
    """Ends a run that is worse than the median of the others at the same epoch."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A trial as the table has it; `score` is the best epoch's on dev, None of one that failed."""

    number: int
    state: str
    score: float | None
    epoch: float | None
    seconds: float
    options: Mapping[str, Any]


def search(space: Space, training: Training, out: Path, count: int, train: Train, around: Surroundings) -> list[Tried]:
    """Go on until `count` trials are done, in all; the first is `training` as far as it lies in the space.

    A trial that was cut short is begun again. Raises InputError for a study of another space, TrainingStopped; a trial
    whose training fails (a NaN) counts as failed.
    """
    study = open_study(out, space, training)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.enqueue_trial(trial.params)
        study.tell(trial.number, state=TrialState.FAIL)
        shutil.rmtree(run_of(out, trial.number), ignore_errors=True)
    if not study.trials:
        study.enqueue_trial(inside(space, training))
    while (done := len(finished(study))) < count:
        study.sampler = optuna.samplers.TPESampler(seed=training.seed + len(study.trials))
        trial = study.ask(distributions_of(space, training))
        around.say(f"trial {done + 1} of {count}: {told_options(trial.params)}")
        _try(study, trial, training, out, train, around)
        _keep_best_only(study, out)
        write_table(out / "trials.csv", tried(study))
    return tried(study)


def open_study(out: Path, space: Space, training: Training) -> optuna.Study:
    """The study of OUT/study.db, begun if it is not there. Raises InputError."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    out.mkdir(parents=True, exist_ok=True)
    try:
        study = optuna.create_study(
            storage=f"sqlite:///{out / 'study.db'}", study_name="search", direction="maximize", load_if_exists=True,
            pruner=optuna.pruners.MedianPruner(UNPRUNED_TRIALS, 0),
        )  # fmt: skip
    except (SQLAlchemyError, optuna.exceptions.OptunaError) as error:
        raise InputError(f"{out / 'study.db'}: no study can be kept here: {error}; give another --out") from None
    declared = json.loads(json.dumps({"space": {key: repr(of) for key, of in sorted(space.items())},
                                      "training": repr(training)}))  # fmt: skip
    before = study.user_attrs.get("declared", declared)
    if before != declared:
        differing = [key for key in declared if before.get(key) != declared[key]]
        raise InputError(
            f"{out / 'study.db'} is of another {' and '.join(differing)}; give another --out, or the task and options"
            " that it was begun with"
        )
    study.set_user_attr("declared", declared)
    return study


def _try(
    study: optuna.Study, trial: Trial, training: Training, out: Path, train: Train, around: Surroundings
) -> None:  # fmt: skip
    chosen = replace(training, **trial.params)
    scores: list[float] = []

    def judged(line: Mapping[str, Any]) -> None:
        around.judged(dict(line))
        if not scores or line["score"] > max(scores):
            trial.set_user_attr("epoch", line["epoch"])
        scores.append(line["score"])
        trial.set_user_attr("seconds", line["seconds"])
        # a run of other epochs has another rate at this one: only like is compared with like
        trial.report(line["score"], round(chosen.epochs * 10) * 1000 + len(scores))
        if len(scores) > UNPRUNED_EPOCHS and trial.should_prune():
            raise Pruned

    try:
        best = train(chosen, run_of(out, trial.number), replace(around, judged=judged))
    except Pruned:
        trial.set_user_attr("score", max(scores))
        study.tell(trial, state=TrialState.PRUNED)
    except TrainingFailed as error:
        around.say(f"trial {trial.number} failed: {error}")
        trial.set_user_attr("failed", str(error))
        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, best["score"])


def distributions_of(space: Space, training: Training) -> dict[str, BaseDistribution]:
    return {key: _distribution(of, whole=isinstance(getattr(training, key), int)) for key, of in space.items()}


def _distribution(of: Range | Choice, *, whole: bool) -> BaseDistribution:
    if isinstance(of, Choice):
        return CategoricalDistribution(of.values)
    if whole:
        return IntDistribution(int(of.low), int(of.high), log=of.log, step=int(of.step or 1))
    return FloatDistribution(of.low, of.high, log=of.log, step=of.step)


def finished(study: optuna.Study) -> list[FrozenTrial]:
    """Trials that were not cut short: whole, pruned, or failed by themselves."""
    return [t for t in study.get_trials(deepcopy=False) if t.state.is_finished() and not _is_cut(t)]


def _is_cut(trial: FrozenTrial) -> bool:
    return trial.state == TrialState.FAIL and "failed" not in trial.user_attrs


def tried(study: optuna.Study) -> list[Tried]:
    return [
        Tried(t.number, "whole" if t.state == TrialState.COMPLETE else t.state.name.lower(),
              t.value if t.state == TrialState.COMPLETE else t.user_attrs.get("score"),
              t.user_attrs.get("epoch"), t.user_attrs.get("seconds", 0.0), t.params)
        for t in finished(study)
    ]  # fmt: skip


def best_of(trials: Sequence[Tried]) -> Tried:
    """The best whole trial, the first of equals. Raises InputError if none came to its end."""
    whole = [trial for trial in trials if trial.state == "whole" and trial.score is not None]
    if not whole:
        raise InputError(
            f"none of {len(trials)} trials came to its end; look at their errors, narrow [search] or lower the rates"
        )
    return max(whole, key=lambda trial: trial.score or 0.0)


def _keep_best_only(study: optuna.Study, out: Path) -> None:
    whole = [trial for trial in tried(study) if trial.state == "whole"]
    kept = best_of(whole).number if whole else None
    for trial in finished(study):
        for part in ("best", "last") if trial.number != kept else ("last",):
            shutil.rmtree(run_of(out, trial.number) / part, ignore_errors=True)


def run_of(out: Path, number: int) -> Path:
    return out / f"trial-{number:04}"


def told_options(options: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value:.3g}" if isinstance(value, float) else f"{key} {value}" for key, value in
                     options.items())  # fmt: skip


def write_table(path: Path, trials: Sequence[Tried]) -> None:
    names = list(dict.fromkeys(name for trial in trials for name in trial.options))
    part = path.with_name(path.name + ".part")
    with part.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["trial", "state", "score", "epoch", "seconds", *names])
        for trial in trials:
            said = [trial.number, trial.state, trial.score, trial.epoch, trial.seconds]
            rows.writerow([*said, *(trial.options.get(name) for name in names)])
    part.replace(path)
