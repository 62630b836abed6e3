"""Pictures of a report by matplotlib: confusion matrix, reliability diagram, risk against coverage.

Colors are cividis and Okabe-Ito's, which color-blind eyes can tell apart. Drawn by Agg, so no display is needed.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from models.evaluation.report_page import slug

BLUE, ORANGE, GRAY = "#0072B2", "#D55E00", "#666666"
MOST_NUMBERED = 25  # labels: beyond, the numbers in the cells can't be read


def draw(told: Mapping[str, Any], into: Path) -> dict[str, list[str]]:
    """Write the pictures of every set of report.json into a folder; "SET.head" -> their file names."""
    made = {}
    for name, of in told["sets"].items():
        title = f"{told['artifact']} on {name}"
        figures = {"confusion": confusion_matrix(of, title), "reliability": reliability_diagram(of, title),
                   "risk": risk_curve(of, title)}  # fmt: skip
        made[name] = [f"{slug(name)}-{kind}.png" for kind in figures]
        for file, figure in zip(made[name], figures.values(), strict=True):
            figure.savefig(into / file, dpi=120, metadata={"Software": None})
    return made


def confusion_matrix(of: Mapping[str, Any], title: str) -> Figure:
    """Cell color: the share of the true label's texts; number: the texts."""
    names, counts = list(of["labels"]), of["confusion"]
    side = max(4.5, 2.5 + 0.36 * len(names)) if len(names) <= MOST_NUMBERED else 4 + 0.17 * len(names)
    figure, axes = canvas(side + 1, side, title)
    shares = [[n / max(sum(row), 1) for n in row] for row in counts]
    image = axes.imshow(shares, cmap="cividis", vmin=0, vmax=1)
    size = 9 if len(names) <= MOST_NUMBERED else 6
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=size)
    axes.set_yticks(range(len(names)), names, fontsize=size)
    axes.set_xlabel("label said")
    axes.set_ylabel("true label")
    if len(names) <= MOST_NUMBERED:
        for i, row in enumerate(counts):
            for j, n in enumerate(row):
                if n:
                    axes.text(j, i, str(n), ha="center", va="center", fontsize=8 if len(names) > 8 else 10,
                              color="black" if shares[i][j] > 0.5 else "white")  # fmt: skip
    figure.colorbar(image, ax=axes, label="share of the true label's texts", shrink=0.8)
    return figure


def reliability_diagram(of: Mapping[str, Any], title: str) -> Figure:
    """Accuracy by confidence, and below how many texts have it."""
    figure = Figure(figsize=(5.2, 5.6), layout="constrained")
    figure.suptitle(title, fontsize=11)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    bins = of["reliability"]
    confidence, accuracy = [b["confidence"] for b in bins], [b["accuracy"] for b in bins]
    upper.plot([0, 1], [0, 1], color=GRAY, linestyle="--", label="calibrated")
    upper.plot(confidence, accuracy, color=BLUE, marker="o", label=f"served (calibration error {of['ece']:.3f})")
    upper.set(ylabel="share right", xlim=(0, 1), ylim=(0, 1.02))
    upper.legend(loc="upper left")
    lower.bar(confidence, [b["n"] for b in bins], width=0.04, color=ORANGE)
    lower.set(xlabel="confidence (greatest probability)", ylabel="texts")
    return figure


def risk_curve(of: Mapping[str, Any], title: str) -> Figure:
    figure, axes = canvas(5.2, 4.2, title)
    curve = of["risk_coverage"]
    axes.plot(curve["coverage"], curve["risk"], color=BLUE, label=f"served (area {curve['area']:.3f})")
    axes.axhline(1 - of["accuracy"], color=GRAY, linestyle="--", label="all answered")
    axes.set(xlabel="coverage (share answered, the surest first)", ylabel="risk (share of these wrong)", xlim=(0, 1))
    axes.set_ylim(bottom=0)
    axes.legend(loc="best")
    return figure


def canvas(width: float, height: float, title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, fontsize=11)
    return figure, axes
