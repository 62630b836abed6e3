"""The report's pictures by matplotlib: an episode on its series, alerts a day, other sensitivities.

Colors are Okabe-Ito's, which color-blind eyes can tell apart. Drawn by Agg, so no display is needed. Texts of the data
are shown as they are, never as formulas. Times are days since 1970, as matplotlib has them.
"""

import io
import warnings
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from streams.backtest.running import Told
from streams.backtest.sensitivity import Tried
from streams.news.windows import seconds

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GRAY = "#0072B2", "#D55E00", "#009E73", "#666666"
UNITS = {"share": "share of negatives", "turn": "mean tone", "storm": "openings", "volume": "headlines"}
TITLE_CHARS = 80
DAY_S = 86_400.0
MOST_DAYS = 400  # beyond, bars are of a week


def png(figure: "Figure") -> bytes:
    """The picture as a file's content; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a script that the font lacks is drawn as boxes
        figure.savefig(buffer, format="png", dpi=100, metadata={"Software": None})
    return buffer.getvalue()


def canvas(width: float, height: float, title: str) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title if len(title) <= TITLE_CHARS else title[:TITLE_CHARS] + "…", fontsize=10, parse_math=False)
    return figure, axes


def episode(alerts: Sequence[Told]) -> "Figure":
    """What its alerts carry: the last buckets up to each, what was expected and what would have opened."""
    first, last = alerts[0].alert, alerts[-1].alert
    figure, axes = canvas(9, 2.6, f"{first.name} · {first.kind} · {last.severity}")
    width_s, points = series_of(alerts)
    x = [at_s / DAY_S for at_s in points]
    values = [each.value for each in points.values()]
    if first.kind in ("share", "turn"):
        known = [(at, value) for at, value in zip(x, values, strict=True) if value is not None]
        axes.plot([at for at, _ in known], [value for _, value in known], color=BLUE, marker=".")
    else:
        axes.bar(x, [value or 0.0 for value in values], width=width_s / DAY_S, align="edge", color=BLUE)
    axes.step(x, [each.expected for each in points.values()], where="post", color=GREEN, label="expected")
    thresholds = [float("nan") if each.threshold is None else each.threshold for each in points.values()]
    if any(each.threshold is not None for each in points.values()):
        axes.step(x, thresholds, where="post", color=ORANGE, linestyle="--", label="would open")
    axes.axvline(seconds(first.opened_at) / DAY_S, color=GRAY, linestyle=":", label="opened")
    if last.status == "resolved":
        axes.axvline(seconds(last.at) / DAY_S, color=GRAY, linestyle="-.", label="resolved")
    minutes = f"{width_s / 60:.0f} minutes" if width_s < 3600 else "hour"
    axes.set_ylabel(f"{UNITS.get(first.kind, 'negatives')} / {minutes}", fontsize=8)
    axes.legend(fontsize=7, loc="upper left")
    dates(axes)
    return figure


class Point(NamedTuple):
    """One bucket as it is drawn."""

    value: float | None
    expected: float
    threshold: float | None


def series_of(alerts: Sequence[Told]) -> tuple[float, dict[float, Point]]:
    """A bucket's width; its beginning -> what is drawn. Of a bucket that several alerts show the last value holds,
    and the threshold that was told last."""
    points: dict[float, Point] = {}
    width_s, threshold = 300.0, None
    for alert, end_s in alerts:
        if alert.series is None:
            continue
        series, width_s = alert.series, alert.series.bucket_s
        threshold = threshold if series.threshold is None else series.threshold
        begin_s = (end_s - 1) // width_s * width_s - width_s * (len(series.values) - 1)
        for n, value in enumerate(series.values):
            known = points.get(begin_s + n * width_s)
            points[begin_s + n * width_s] = Point(value, series.expected, known.threshold if known else threshold)
    return width_s, dict(sorted(points.items()))


def a_day(opened: Sequence[datetime], first: datetime, last: datetime) -> "Figure":
    """Openings a day in UTC; of a long history, a week."""
    days = int((seconds(last) - seconds(first)) // DAY_S) + 1
    step_d = 1 if days <= MOST_DAYS else 7
    counted = Counter(int(seconds(at) // DAY_S) // step_d for at in opened)
    slots = range(int(seconds(first) // DAY_S) // step_d, int(seconds(last) // DAY_S) // step_d + 1)
    figure, axes = canvas(9, 2.4, "Alerts opened a " + ("day" if step_d == 1 else "week"))
    axes.bar([n * step_d for n in slots], [counted[n] for n in slots], width=0.9 * step_d, align="edge", color=BLUE)
    dates(axes)
    return figure


def sensitivities(rows: Sequence[Tried], days: float) -> "Figure":
    """Alerts a day by the promise, and beside it recall, precision and NAB's share of the best, if there are labels."""
    figure, axes = canvas(9, 2.8, "Alerts a day, were more or fewer false alarms promised")
    factors = [each.factor for each in rows]
    axes.plot(factors, [each.opened / days if days > 0 else 0.0 for each in rows], color=BLUE, marker="o")
    axes.set_xscale("log")
    axes.set_xticks(factors, [f"{each:g}×" for each in factors])
    axes.minorticks_off()
    axes.set_xlabel("false alarms promised")
    axes.set_ylabel("alerts a day", color=BLUE)
    axes.set_ylim(bottom=0)
    labeled = [(each.factor, each.labels) for each in rows if each.labels is not None]
    if labeled:
        right = axes.twinx()
        for name, color, values in (
            ("recall", GREEN, [labels.recall for _, labels in labeled]),
            ("precision", ORANGE, [labels.precision for _, labels in labeled]),
            ("NAB of best", GRAY, [labels.nab / max(labels.windows, 1) for _, labels in labeled]),
        ):
            known = [(factor, value) for (factor, _), value in zip(labeled, values, strict=True) if value is not None]
            right.plot(
                [f for f, _ in known], [v for _, v in known], color=color, linestyle="--", marker=".", label=name
            )
        right.set_ylim(-1 if any(labels.nab < 0 for _, labels in labeled) else 0, 1.05)
        right.legend(fontsize=7, loc="lower right")
    return figure


def dates(axes: "Axes") -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(tz=UTC)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, tz=UTC))  # type: ignore[no-untyped-call]
    axes.tick_params(labelsize=8)
