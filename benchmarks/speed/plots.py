"""The report's pictures, by matplotlib: throughput, latency by load, throughput against load, memory, workers.

Few colors and a palette keep a picture near 10 kB. Colors are Okabe-Ito's, which color-blind eyes can tell apart.
"""

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from benchmarks.speed.results import Curve, Figure
from benchmarks.speed.tables import Found, is_ours, middle, number, told

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
OURS, OTHERS = "#0072B2", "#999999"
DPI, PALETTE = 80, 24
MOST_BYTES = 40_000
NINES = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99)


def draw(found: Found) -> dict[str, bytes]:
    """Name -> PNG, of what there are figures for."""
    pictures = {name: plot(found) for name, plot in PLOTS.items()}
    return {name: png(picture) for name, picture in pictures.items() if picture is not None}


def png(picture: "Picture") -> bytes:
    """The same picture gives the same bytes."""
    from PIL import Image

    raw, small = io.BytesIO(), io.BytesIO()
    picture.savefig(raw, format="png", dpi=DPI, metadata={"Software": None})
    with Image.open(raw) as image:
        image.convert("RGB").quantize(PALETTE, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return small.getvalue()


def canvas(width: float, height: float, columns: int = 1) -> "tuple[Picture, list[Axes]]":
    from matplotlib.figure import Figure as Picture

    picture = Picture(figsize=(width, height), layout="constrained")
    axes = list(picture.subplots(1, columns, squeeze=False)[0])
    for each in axes:
        each.tick_params(labelsize=8)
        each.spines[["top", "right"]].set_visible(False)
    return picture, axes


def throughput(found: Found) -> "Picture | None":
    """Bars from zero, so that lengths are ratios; a panel for the engine and one for the stream."""
    panels = []
    for part, title in (("engine", "engine alone"), ("stream", "through Kafka")):
        rates = [each for each in found.figures if each.part == part and each.unit.endswith("/s")]
        if rates:
            panels.append((title, best_each(rates)))
    if not panels:
        return None
    rows = max(len(rates) for _, rates in panels)
    picture, axes = canvas(9, 0.9 + 0.28 * rows, len(panels))
    for ax, (title, rates) in zip(axes, panels, strict=True):
        names, medians = [each.contender for each in rates], [middle(each) for each in rates]
        around = [
            [m - min(each.rounds) for m, each in zip(medians, rates, strict=True)],
            [max(each.rounds) - m for m, each in zip(medians, rates, strict=True)],
        ]
        colors = [OURS if is_ours(name) else OTHERS for name in names]
        ax.barh(names, medians, color=colors, xerr=around, ecolor="#000000", error_kw={"elinewidth": 0.8})
        for row, (median, each) in enumerate(zip(medians, rates, strict=True)):
            ax.annotate(f" {number(median)}", (max(each.rounds), row), va="center", fontsize=8)
        ax.set_xlim(0, max(max(each.rounds) for each in rates) * 1.15)
        ax.set_title(f"{title}, {rates[0].figure}", fontsize=9)
    return picture


def best_each(rates: Sequence[Figure]) -> list[Figure]:
    """Each contender's best, the slowest first, of the figure that most have."""
    names = [each.figure for each in rates]
    name = max(dict.fromkeys(names), key=names.count)
    best: dict[str, Figure] = {}
    for each in rates:
        if each.figure == name and (each.contender not in best or middle(each) > middle(best[each.contender])):
            best[each.contender] = each
    return sorted(best.values(), key=middle)


def latency(found: Found) -> "Picture | None":
    """Percentiles of each load, as HDR curves: the further right, the rarer."""
    curves = [each for each in found.curves if each.part == "latency" and "percentile" in each.x_label.lower()]
    if not curves:
        return None
    picture, (ax,) = canvas(7, 3.4)
    for color, each in zip(cycled(len(curves)), curves, strict=True):
        shown = [(1 / (1 - x / 100), y) for x, y in zip(each.x, each.y, strict=True) if x < 100]
        ax.plot([x for x, _ in shown], [y for _, y in shown], color=color, linewidth=1.4, label=label(each))
    most = max((x for each in curves for x in each.x if x < 100), default=99.0)
    nines = [nine for nine in NINES if nine <= most + 1e-9]
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xticks([1 / (1 - nine / 100) for nine in nines], [f"{nine:g}%" for nine in nines])
    ax.minorticks_off()
    ax.yaxis.set_major_formatter(lambda value, place: f"{value:g}")
    ax.set_ylabel(curves[0].y_label, fontsize=8)
    ax.set_title("records that took no longer", fontsize=9)
    ax.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    ax.legend(fontsize=7, loc="upper left")
    return picture


def load(found: Found) -> "Picture | None":
    """Throughput against the load that is offered, and where the two would be one."""
    points: dict[str, list[tuple[float, float]]] = {}
    for each in found.figures:
        if each.part == "latency" and each.figure == "throughput":
            offered = found.figure("latency", "ours", "offered load", **each.conditions)
            if offered:
                points.setdefault(each.conditions["pace"], []).append((middle(offered), middle(each)))
    capacity = found.figure("overload", "ours", "capacity before")
    under = found.figure("overload", "ours", "rate under overload")
    if not points or not capacity or not under:
        return None
    times = float(under.conditions["load"].removesuffix("x"))
    points.setdefault("even", []).append((times * middle(capacity), middle(under)))
    picture, (ax,) = canvas(6, 3.0)
    for color, (pace, ones) in zip(cycled(len(points)), points.items(), strict=True):
        ax.plot(*zip(*sorted(ones), strict=True), color=color, linewidth=1.4, marker="o", markersize=4, label=pace)
    most = max(y for ones in points.values() for _, y in ones)
    ax.plot(
        [0, 1.15 * most], [0, 1.15 * most], color=OTHERS, linewidth=0.8, linestyle="--", label="all that is offered"
    )
    ax.set_xlim(0)
    ax.set_ylim(0)
    ax.set_xlabel("offered, records/s", fontsize=8)
    ax.set_ylabel("scored, records/s", fontsize=8)
    ax.legend(fontsize=7, loc="lower right")
    return picture


def memory(found: Found) -> "Picture | None":
    """Resident memory under overload and in the soak, and the lag beside it where it was taken."""
    curves = [each for each in found.curves if each.part in ("overload", "soak")]
    panels = [
        (part, [each for each in curves if each.part == part and ("memory" in each.y_label.lower()) == resident])
        for part in ("overload", "soak")
        for resident in (True, False)
    ]
    return lines([(f"{part}: {shown[0].y_label}", shown) for part, shown in panels if shown])


def scaling(found: Found) -> "Picture | None":
    """Throughput by workers."""
    return lines([("scaling", [each for each in found.curves if each.part == "scaling"])])


def lines(panels: Sequence[tuple[str, Sequence[Curve]]]) -> "Picture | None":
    shown = [(title, curves) for title, curves in panels if curves]
    if not shown:
        return None
    picture, axes = canvas(4.5 * len(shown) if len(shown) < 3 else 11, 2.8, len(shown))
    for ax, (title, curves) in zip(axes, shown, strict=True):
        for color, each in zip(cycled(len(curves)), curves, strict=True):
            ax.plot(each.x, each.y, color=color, linewidth=1.4, label=label(each))
        ax.set_ylim(0, 1.1 * max(max(each.y, default=0.0) for each in curves) or 1.0)
        ax.set_xlabel(curves[0].x_label, fontsize=8)
        ax.set_ylabel(curves[0].y_label, fontsize=8)
        ax.set_title(title, fontsize=9)
        ax.legend(fontsize=7)
    return picture


def cycled(count: int) -> list[str]:
    return [COLORS[n % len(COLORS)] for n in range(count)]


def label(curve: Curve) -> str:
    return ", ".join(part for part in (curve.contender, told(curve.conditions)) if part)


PLOTS: dict[str, "Callable[[Found], Picture | None]"] = {
    "throughput": throughput,
    "latency": latency,
    "load": load,
    "memory": memory,
    "scaling": scaling,
}
