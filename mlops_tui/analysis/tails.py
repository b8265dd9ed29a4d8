"""Tail probabilities of the tests that run on every column, without the half second that importing scipy costs."""

import math
from collections.abc import Callable


def kolmogorov_sf(x: float) -> float:
    """P(K > x) of Kolmogorov's distribution, the limit of √n·D (Kolmogorov 1933; Marsaglia, Tsang & Wang 2003, J. Stat.
    Softw. 8:18, §1): the alternating series above x = 1.18, below it the theta series, which converges where the other
    does not. Relative error below 1e-13. ValueError for NaN.

    >>> round(kolmogorov_sf(1.3580986), 6)
    0.05
    """
    if math.isnan(x):
        raise ValueError("the statistic is not a number")
    if x <= 0:
        return 1.0
    if x < 1.18:
        terms = sum(math.exp(-((2 * k - 1) * math.pi) ** 2 / (8 * x * x)) for k in range(1, 6))
        return 1.0 - math.sqrt(2 * math.pi) / x * terms
    return 2 * sum(math.copysign(math.exp(-2 * (k * x) ** 2), k % 2 - 0.5) for k in range(1, 6))


def kolmogorov_isf(p: float) -> float:
    """The x with P(K > x) = p, by bisection to the last bits; ValueError outside 0 < p < 1."""
    _in_unit(p)
    low, high = 0.0, 1.0
    while kolmogorov_sf(high) > p:
        high *= 2
    return _bisect(lambda x: kolmogorov_sf(x) > p, low, high)


def normal_isf(p: float) -> float:
    """The z with P(Z > z) = p of the standard normal distribution; ValueError outside 0 < p < 1.

    >>> round(normal_isf(0.025), 6)
    1.959964
    """
    _in_unit(p)
    return _bisect(lambda z: math.erfc(z / math.sqrt(2)) / 2 > p, -40.0, 40.0)


def chi2_sf(x: float, df: float) -> float:
    """P(χ² > x) with `df` > 0 degrees of freedom: the regularised upper incomplete gamma function Q(df/2, x/2), by
    series below its mean and by Lentz's continued fraction above (Press et al., Numerical Recipes, 3rd ed., §6.2).
    Relative error below 1e-9 up to df = 200,000. ValueError for df ≤ 0.

    >>> round(chi2_sf(3.841458820694124, 1), 12)
    0.05
    """
    if not df > 0:
        raise ValueError(f"degrees of freedom must be positive, not {df}")
    if x <= 0:
        return 1.0
    if math.isinf(x):
        return 0.0
    a, half = df / 2, x / 2
    scale = math.exp(a * math.log(half) - half - math.lgamma(a))
    return 1 - scale * _lower_series(a, half) if half < a + 1 else scale * _upper_fraction(a, half)


def _lower_series(a: float, x: float) -> float:
    term = total = 1 / a
    n = a
    while term > total * 1e-17:
        n += 1
        term *= x / n
        total += term
    return total


def _upper_fraction(a: float, x: float) -> float:
    tiny = 1e-300
    b = x + 1 - a
    c, d = 1 / tiny, 1 / b
    value = d
    for i in range(1, 100_000):
        an = -i * (i - a)
        b += 2
        d = 1 / (an * d + b or tiny)
        c = b + an / c or tiny
        value *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return value


def chi2_isf(p: float, df: float) -> float:
    """The x with P(χ² > x) = p with `df` degrees of freedom, by bisection; ValueError outside 0 < p < 1, df > 0."""
    _in_unit(p)
    high = df + 10.0
    while chi2_sf(high, df) > p:
        high *= 2
    return _bisect(lambda x: chi2_sf(x, df) > p, 0.0, high)


def noncentral_chi2_sf(x: float, df: float, shift: float) -> float:
    """P(χ²(df, λ = shift) > x): the Poisson(λ/2) mixture of central tails (Johnson, Kotz & Balakrishnan 1995, ch. 29),
    over the terms within ten standard deviations of its mean. ValueError for df ≤ 0 or a negative shift.
    """
    if shift < 0:
        raise ValueError(f"a shift is not negative: {shift}")
    mean = shift / 2
    spread = 10 * math.sqrt(mean) + 10
    first, last = max(0, int(mean - spread)), int(mean + spread)
    log_mean = math.log(mean) if mean else 0.0
    a, half = df / 2 + first, x / 2
    tail = chi2_sf(x, 2 * a)
    step = math.exp(a * math.log(half) - half - math.lgamma(a + 1)) if x > 0 else 0.0
    total = 0.0
    for j in range(first, last + 1):
        total += (math.exp(j * log_mean - mean - math.lgamma(j + 1)) if mean or not j else 0.0) * tail
        tail, a = min(1.0, tail + step), a + 1   # Q(a + 1, x) = Q(a, x) + xᵃ e⁻ˣ / Γ(a + 1)
        step *= half / a
    return min(1.0, total)


def noncentral_shift(x: float, df: float, power: float) -> float:
    """The λ at which P(χ²(df, λ) > x) = power to 1e-6; 0 where the central tail reaches it already.

    By the secant method with the Illinois step, which keeps the root between its ends (Dowell & Jarratt 1971, BIT 11).
    """
    _in_unit(power)
    if chi2_sf(x, df) >= power:
        return 0.0
    low, below, high = 0.0, chi2_sf(x, df) - power, 4 * math.sqrt(2 * df + 10) + 10
    while (above := noncentral_chi2_sf(x, df, high) - power) < 0:
        low, below, high = high, above, 2 * high
    side = 0
    while True:
        middle = (low * above - high * below) / (above - below)
        off = noncentral_chi2_sf(x, df, middle) - power
        if abs(off) < 1e-6:
            return middle
        if off < 0:
            low, below, above, side = middle, off, above / 2 if side < 0 else above, -1
        else:
            high, above, below, side = middle, off, below / 2 if side > 0 else below, 1


def _in_unit(p: float) -> None:
    if not 0 < p < 1:
        raise ValueError(f"a probability lies between 0 and 1, not {p}")


def _bisect(below: Callable[[float], bool], low: float, high: float) -> float:
    """Where a predicate that holds below a point and not above it changes."""
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if below(middle) else (low, middle)
    return (low + high) / 2
