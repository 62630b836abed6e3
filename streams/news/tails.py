"""The upper tail of the negative binomial distribution: how unlikely a count is.

No scipy here: the serving install goes without it, and the tests compare with it where it is there.
"""

from math import exp, lgamma, log, log1p

STEPS = 400
TERMS = 16
TINY = 1e-300
SMALLEST_DISPERSION = 1e-6  # below, the sums of logarithms lose their digits; it is Poisson's by then


def tail(count: int, mean: float, dispersion: float) -> float:
    """P(Y >= count) for a count Y with `mean` and variance mean + dispersion * mean^2.

    That is I_q(count, 1/dispersion), q = mean / (mean + 1/dispersion), the regularized incomplete beta function
    (Johnson, Kemp and Kotz, Univariate Discrete Distributions, chapter 5).
    """
    if count <= 0:
        return 1.0
    if mean <= 0.0:
        return 0.0
    size = 1.0 / max(dispersion, SMALLEST_DISPERSION)
    return incomplete_beta(float(count), size, mean / (mean + size))


def randomized_tail(count: int, mean: float, dispersion: float, share: float) -> float:
    """P(Y > count) + share P(Y = count): uniform on 0..1 for a `share` uniform on 0..1, as a continuous Y's tail is."""
    size = 1.0 / max(dispersion, SMALLEST_DISPERSION)
    if count <= 0 or mean <= 0.0:
        return tail(count, mean, dispersion)
    exactly = exp(
        lgamma(count + size)
        - lgamma(size)
        - lgamma(count + 1.0)
        + count * log(mean / (mean + size))
        - size * log1p(mean / size)
    )
    return max(0.0, tail(count, mean, dispersion) - (1.0 - share) * exactly)


def is_common(count: int, mean: float, dispersion: float, share: float, p: float) -> bool:
    """Whether `randomized_tail` is at least `p`, as its first terms already add up to that; False may be either.

    Much quicker than the tail, for counts that are no surprise. `count` and `mean` above 0.
    """
    size = 1.0 / max(dispersion, SMALLEST_DISPERSION)
    q = mean / (mean + size)
    term = exp(lgamma(count + size) - lgamma(size) - lgamma(count + 1.0) + count * log(q) - size * log1p(mean / size))
    total = share * term
    for n in range(count, count + TERMS):
        term *= q * (n + size) / (n + 1.0)
        total += term
        if total >= p:
            return True
    return False


def incomplete_beta(a: float, b: float, x: float) -> float:
    """I_x(a, b) by its continued fraction, Lentz's method (Press et al., Numerical Recipes, 3rd ed., 6.4)."""
    if x >= 1.0:
        return 1.0
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1.0) / (a + b + 2.0):
        return min(1.0, front * fraction(a, b, x) / a)
    return max(0.0, 1.0 - front * fraction(b, a, 1.0 - x) / b)


def fraction(a: float, b: float, x: float) -> float:
    c, d = 1.0, guarded(1.0 - (a + b) * x / (a + 1.0))
    h = d = 1.0 / d
    for m in range(1, STEPS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1.0 / guarded(1.0 + term * d), guarded(1.0 + term / c)
            h *= d * c
        if abs(d * c - 1.0) < 1e-9:
            break
    return h


def guarded(value: float) -> float:
    return value if abs(value) > TINY else TINY
