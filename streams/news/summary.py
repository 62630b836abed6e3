"""What the desk sees of a stream's state: a Summary."""

from math import sqrt

from streams.news.duplicates import WITHIN_S
from streams.news.windows import BUCKET_S, NEGATIVE, PER_HOUR, WindowState, counting, moment
from streams.records import Summary, Transition

WINDOW_S = 3600.0


def summarize(state: WindowState, transition: Transition | None = None, window_s: float = WINDOW_S) -> Summary:
    """The id is the same however often the same state is told.

    A record that still waits for its second opinion is shown as if it were believed.
    """
    view = counting(state, state.ahead[:1])
    expected, z = unusual(view, window_s)
    index = mean(view.index_sum, view.index_weight)
    return Summary(
        id=f"{state.entity}:{state.applied}" + (f":{transition.kind}:{transition.status}" if transition else ""),
        entity=state.entity,
        name=state.name,
        scope=state.scope,
        at=moment(view.clock_s or 0.0),
        applied=state.applied,
        negatives=view.window(window_s, 0),
        neutrals=view.window(window_s, 1),
        positives=view.window(window_s, 2),
        window_s=window_s,
        index=index,
        trend=index - mean(view.slow_sum, view.slow_weight),
        expected=expected,
        z=z,
        sources=sum(at_s >= (view.clock_s or 0.0) - WITHIN_S for at_s in view.sources.values()),
        transition=transition,
    )


def mean(total: float, weight: float) -> float:
    return total / weight if weight > 0 else 0.0


def unusual(state: WindowState, window_s: float) -> tuple[float, float]:
    """Negatives expected in the window, and by how many standard deviations there are more."""
    detector = state.detectors.get("negatives")
    if detector is None:
        return 0.0, 0.0
    end_s = (state.head + 1) * BUCKET_S
    expected = detector.baseline.expected(end_s - window_s, end_s)
    dispersion = detector.baseline.dispersion(state.head // PER_HOUR)
    z = (state.window(window_s, NEGATIVE) - expected) / sqrt(expected + dispersion * expected * expected)
    return round(expected, 4), round(z, 3)
