"""A search as a picture: the scores as they came, and the score over each option that was searched."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.evaluation.report_pictures import BLUE, GRAY, ORANGE
from models.tasks.search_space import Choice, Space
from models.training.search import Tried

COLUMNS = 3


def draw_search(trials: Sequence[Tried], space: Space, title: str, path: Path) -> None:
    """Write search.png. Pruned trials are drawn with the best score they had come to."""
    scored = [trial for trial in trials if trial.score is not None]
    rows = -(-(1 + len(space)) // COLUMNS)
    figure = Figure(figsize=(4.2 * COLUMNS, 3.4 * rows), layout="constrained")
    figure.suptitle(title, fontsize=11)
    every = list(figure.subplots(rows, COLUMNS, squeeze=False).flat)
    by_trial(every[0], scored)
    for axes, (key, of) in zip(every[1:], space.items(), strict=False):
        by_option(axes, scored, key, of)
    for axes in every[1 + len(space) :]:
        axes.set_axis_off()
    figure.savefig(path, dpi=120, metadata={"Software": None})


def by_trial(axes: Axes, trials: Sequence[Tried]) -> None:
    best: list[float] = []
    for trial in trials:
        whole = trial.score if trial.state == "whole" and trial.score is not None else float("-inf")
        best.append(max(whole, best[-1] if best else float("-inf")))
    for state, style in STYLES.items():
        of_state = [trial for trial in trials if trial.state == state]
        if of_state:
            axes.scatter([t.number for t in of_state], [t.score or 0.0 for t in of_state], label=state, **style)
    axes.plot([t.number for t in trials], best, color=GRAY, drawstyle="steps-post", label="best so far")
    axes.set(xlabel="trial", ylabel="score on dev")
    axes.legend(loc="best", fontsize=8)


def by_option(axes: Axes, trials: Sequence[Tried], key: str, of: Any) -> None:
    names = [str(value) for value in of.values] if isinstance(of, Choice) else []
    for state, style in STYLES.items():
        of_state = [trial for trial in trials if trial.state == state and key in trial.options]
        places = [names.index(str(t.options[key])) if names else t.options[key] for t in of_state]
        axes.scatter(places, [t.score or 0.0 for t in of_state], **style)
    if names:
        axes.set_xticks(range(len(names)), names)
        axes.set_xlim(-0.5, len(names) - 0.5)
    elif of.log:
        axes.set_xscale("log")
        axes.minorticks_off()  # a range of a decade has names for all of them, one over another
        ticks = np.geomspace(of.low, of.high, 4)
        axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
    axes.set(xlabel=key, ylabel="score on dev")


STYLES: Mapping[str, dict[str, Any]] = {
    "whole": {"color": BLUE, "marker": "o"},
    "pruned": {"color": ORANGE, "marker": "x"},
}
