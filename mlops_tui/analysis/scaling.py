"""Which scale suits a column of numbers, and how far one wild value can move it."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlops_tui.analysis.arrays import Floats

Method = Literal["none", "standard", "robust", "winsorised", "uniform", "normal"]
FEWEST = 50    # values below which tail and share say nothing
FAR = 3.0      # interquartile ranges beyond a quartile: Tukey's outer fence, "far out"
REACH = 10.0   # interquartile ranges from the median, within which mean and deviation are left alone
FEW_FAR = 0.001
MANY_FAR = 0.05
LOPSIDED = 0.3
HEAVY = 2.0    # below this tail index there is no variance


@dataclass(frozen=True)
class Evidence:
    """What a column of n finite values looks like; shares are of 1, `tail` is None where it cannot be told."""

    n: int
    median: float
    iqr: float
    far_share: float
    reach: float
    skew: float | None
    tail: float | None
    tail_low: float | None
    tail_high: float | None


def evidence(n: int, quartiles: tuple[float, float, float], far: int, extremes: Floats, largest: float) -> Evidence:
    """The evidence from a column's quartiles, its number of values beyond Tukey's outer fences, its k + 1 largest
    distances from the median (k + 1,) in falling order, and the largest of them.

    Skew is Bowley's (q1 + q3 − 2m)/(q3 − q1) in [−1, 1] (Bowley 1901, Elements of Statistics); `reach` is the largest
    distance in interquartile ranges. Without an interquartile range there is no skew, and reach is infinite.
    """
    low, median, high = quartiles
    iqr = high - low
    tail = hill(extremes)
    return Evidence(n, median, iqr, far / n if n else 0.0, largest / iqr if iqr > 0 else math.inf,
                    (low + high - 2 * median) / iqr if iqr > 0 else None, *tail)


def hill(largest: Floats) -> tuple[float | None, float | None, float | None]:
    """The tail index α with its 95 % interval from the k + 1 largest absolute values (k + 1,), in falling order.

    Hill's 1975 estimator (Ann. Stat. 3:1163): 1/α = mean of ln(x_i/x_(k+1)), with standard error α/√k (Hall 1982,
    J. R. Stat. Soc. B 44:37). α < 2 means that the variance does not exist. (None, None, None) below k = 10, where the
    (k + 1)th value is 0, or where all are equal.

    >>> tuple(round(each, 2) for each in hill(1000 / np.arange(1, 102.0)) if each is not None)
    (1.03, 0.83, 1.23)
    """
    k = largest.size - 1
    if k < 10 or not largest[-1] > 0:
        return None, None, None
    mean = float(np.mean(np.log(largest[:-1] / largest[-1])))
    if not mean > 0:
        return None, None, None
    alpha = 1 / mean
    return alpha, alpha * (1 - 1.96 / math.sqrt(k)), alpha * (1 + 1.96 / math.sqrt(k))


def chosen(found: Evidence) -> tuple[Method, str]:
    """The scale for a column and why, by the first rule that holds:

    1. no interquartile range: none, because most values are equal; 2. under 50 values: robust; 3. the tail index lies
    below 2 with its whole interval, or over 5 % are far out: normal quantiles; 4. over 0.1 % are far out: winsorised
    (3 and 4 only if more than 3 values are far out: one value decides nothing);
    5. |quartile skew| over 0.3, or a value over 10 interquartile ranges from the median: robust; 6. else standard.
    The limits are conventions, not theorems.
    """
    if not found.iqr > 0:
        return "none", "the interquartile range is 0"
    if found.n < FEWEST:
        return "robust", f"only {found.n} values"
    several = found.far_share > max(FEW_FAR, 3.5 / found.n)
    if several and found.tail_high is not None and found.tail_high < HEAVY:
        return "normal", f"heavy tail: index {found.tail:.2f}, below 2 with its interval"
    if found.far_share > MANY_FAR:
        return "normal", f"{found.far_share:.1%} are far out"
    if several:
        return "winsorised", f"{found.far_share:.2%} are far out"
    if found.skew is not None and abs(found.skew) > LOPSIDED:
        return "robust", f"quartile skew {found.skew:+.2f}"
    if found.reach > REACH:
        return "robust", f"a value lies {found.reach:.3g} interquartile ranges out"
    return "standard", "no outlier to speak of"


@dataclass(frozen=True)
class Influence:
    """Replacing one value by any other moves a scaled value z of another row by at most `base` + `slope`·|z|."""

    base: float
    slope: float

    def at(self, z: float) -> float:
        return self.base + self.slope * abs(z)


def robust_influence(iqr: float, gaps: tuple[float, float, float]) -> Influence | None:
    """The bound for (x − median)/IQR, from the largest distances between each quartile and the quantiles one rank up
    and one rank down: (of q1, of the median, of q3), in the column's unit.

    Replacing one of n values moves each order statistic by at most one rank, so the quartiles by at most their gaps g1,
    gm, g3: |z' − z| ≤ (gm + |z|·(g1 + g3))/(IQR − g1 − g3). None where the gaps are as wide as the IQR: no bound.

    >>> robust_influence(2.0, (0.1, 0.05, 0.1)).at(1.0) <= 0.1389
    True
    """
    first, middle, third = gaps
    rest = iqr - first - third
    return Influence(middle / rest, (first + third) / rest) if rest > 0 else None


def winsor_influence(n: int, tails: float, limits: tuple[float, float], gaps: tuple[float, float],
                     deviation: float) -> Influence | None:
    """The bound for (clip(x) − mean)/deviation of n clipped values, from the limits and their gaps one rank away.

    Only values beyond a limit move with it, at most a share s = 2(tails + 2/n) and by at most g = max(gaps); the
    replaced one moves by at most W, the clipped range and both gaps. So the mean moves by ≤ s·g + W/n =: m, and the
    deviation, a norm, by ≤ √(s·g² + W²/n) =: t. Hence |z' − z| ≤ (g + m + |z|·t)/(deviation − t). None where t is as
    large as the deviation.
    """
    g, width, share = max(gaps), limits[1] - limits[0] + sum(gaps), min(1.0, 2 * (tails + 2 / n))
    of_mean, of_deviation = share * g + width / n, math.sqrt(share * g * g + width * width / n)
    rest = deviation - of_deviation
    return Influence((g + of_mean) / rest, of_deviation / rest) if rest > 0 else None


def rank_influence(references: int) -> Influence | None:
    """The bound for a value's place in [0, 1] among q quantiles of n ≥ q values: 2/(q − 1).

    Each quantile moves by at most one rank, 1/(n − 1) ≤ 1/(q − 1), so a value's place lies within one step of where its
    neighbours stood. For the normal scale the bound is on the place before it. None below two references.
    """
    return Influence(2 / (references - 1), 0.0) if references > 1 else None
