"""Tail probabilities and quantiles of tests and intervals, without the time that importing scipy costs a command."""

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Floats

erf, erfc = np.vectorize(math.erf, otypes=[float]), np.vectorize(math.erfc, otypes=[float])


def expit(odds: npt.ArrayLike) -> Floats:
    """1/(1 + e⁻ˣ) of log odds of any shape, without overflow."""
    x = np.asarray(odds, dtype=np.float64)
    small = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, small, 1.0) / (1 + small))


def normal_cdf(z: npt.ArrayLike) -> Floats:
    """P(Z ≤ z) of the standard normal distribution, of arrays."""
    below: Floats = erfc(-np.asarray(z, dtype=np.float64) / math.sqrt(2)) / 2
    return below


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


@lru_cache(maxsize=1024)
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


def beta_cdf(a: float, b: float, x: float, rest: float | None = None) -> float:
    """The regularised incomplete beta function Iₓ(a, b); `rest` is 1 − x where that is known more exactly.

    By Lentz's continued fraction (Press et al., Numerical Recipes, 3rd ed., §6.4) times a power term in Loader's saddle
    point form, which does not cancel for many degrees of freedom (2000, Fast and Accurate Computation of Binomial
    Probabilities). Relative error of the smaller tail below 1e-12. ValueError for a, b ≤ 0.
    """
    if not (a > 0 and b > 0):
        raise ValueError(f"both shapes must be positive, not {a} and {b}")
    y = 1 - x if rest is None else rest
    if x <= 0 or y <= 0:
        return float(x > 0)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_part(b, a, y, x)
    return _beta_part(a, b, x, y)


def _beta_part(a: float, b: float, x: float, y: float) -> float:
    n = a + b
    power = (math.exp(_stirling(n) - _stirling(a) - _stirling(b) - _deviance(a, n * x) - _deviance(b, n * y))
             * math.sqrt(b / (2 * math.pi * a * n)))
    tiny = 1e-300
    c, d = 1.0, (a + 1) / ((1 - b + n * y) or tiny)  # the latter is a + 1 − n·x, without its cancellation
    value = d
    for m in range(1, 100_000):
        for step in (m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
                     -(a + m) * (n + m) * x / ((a + 2 * m) * (a + 2 * m + 1))):
            d = 1 / ((1 + step * d) or tiny)
            c = (1 + step / c) or tiny
            value *= d * c
        if abs(d * c - 1) < 1e-16:
            break
    return power * value


def _stirling(n: float) -> float:
    """log Γ(n + 1) less Stirling's formula √(2πn)·(n/e)ⁿ, for n > 0."""
    if n < 15:
        return math.lgamma(n + 1) - (n + 0.5) * math.log(n) + n - 0.5 * math.log(2 * math.pi)
    square = n * n
    return (1 / 12 - (1 / 360 - (1 / 1260 - (1 / 1680 - 1 / 1188 / square) / square) / square) / square) / n


def _deviance(x: float, mean: float) -> float:
    """x·log(x/mean) + mean − x, also where they are nearly equal."""
    if abs(x - mean) > 0.1 * (x + mean):
        return x * math.log(x / mean) + mean - x
    ratio = (x - mean) / (x + mean)
    total, power, j = (x - mean) * ratio, 2 * x * ratio, 1
    while (more := total + (power := power * ratio * ratio) / (2 * j + 1)) != total:
        total, j = more, j + 1
    return total


def student_sf(t: float, df: float) -> float:
    """P(T > t) of Student's distribution with `df` degrees of freedom: the normal one for infinitely many, NaN for 0.

    Above 1,000 by Hill's transformation to a normal value (1970, Commun. ACM 13:617), whose error falls with df⁻⁶.
    """
    if math.isnan(t) or not df > 0:
        return math.nan
    if math.isinf(df) or math.isinf(t):
        return math.erfc(t / math.sqrt(2)) / 2
    square = t * t
    if df > 1000:
        y, b = (df - 0.5) * math.log1p(square / df), 48 * (df - 0.5) ** 2
        further = (((-0.4 * y - 3.3) * y - 24) * y - 85.5) / (0.8 * y * y + 100 + b)
        return math.erfc(math.copysign(((further + y + 3) / b + 1) * math.sqrt(y / 2), t)) / 2
    beyond = beta_cdf(df / 2, 0.5, df / (df + square), square / (df + square)) / 2
    return beyond if t >= 0 else 1 - beyond


@lru_cache(maxsize=1024)
def student_isf(p: float, df: float) -> float:
    """The t with P(T > t) = p, by Newton's steps in its logarithm; ValueError outside 0 < p < 1.

    >>> round(student_isf(0.025, 4), 3)
    2.776
    """
    _in_unit(p)
    if p >= 0.5:
        return -student_isf(1 - p, df) if p > 0.5 else 0.0
    if math.isinf(df) or not df > 0:
        return normal_isf(p) if df > 0 else math.nan
    constant = (math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2) if df < 1e8 else \
        -math.log(2 * math.pi) / 2
    z = normal_isf(p)
    t = z + (z**3 + z) / (4 * df) if df > 3 else z
    for _ in range(100):
        tail = student_sf(t, df)
        density = math.exp(constant - (df + 1) / 2 * math.log1p(t * t / df))
        step = (math.log(tail) - math.log(p)) * tail / density
        t = max(t + step, t / 2)
        if abs(step) <= 1e-10 * t:  # the next one would be its square
            break
    return t


def f_sf(f: float, top: float, bottom: float) -> float:
    """P(F > f) of the F distribution with `top` and `bottom` degrees of freedom; NaN for NaN."""
    if math.isnan(f):
        return math.nan
    if f <= 0 or math.isinf(f):
        return float(f <= 0)
    whole = bottom + top * f
    return beta_cdf(bottom / 2, top / 2, bottom / whole, top * f / whole)


def binomial_cdf(k: int, n: int, p: float) -> float:
    """P(X ≤ k) of n trials with chance p each."""
    return 1.0 if k >= n else beta_cdf(n - k, k + 1, 1 - p, p)


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
