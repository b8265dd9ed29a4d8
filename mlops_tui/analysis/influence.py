"""Metrics as smooth functions of weighted rows: value, each row's influence on it, and the interval that follows."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from mlops_tui.analysis import tails
from mlops_tui.analysis.answers import Answers
from mlops_tui.analysis.arrays import Floats, kish
from mlops_tui.analysis.interval import Interval, student_quantile, wilson_bounds

FEWEST = 10.0  # effective rows; the variance of weights that uneven is itself not known
HALF = 0.5     # of all weight in one row: the estimate is that row


class Scale(StrEnum):
    """Where an estimate's error is nearest to normal; the interval is made there and turned back."""

    PLAIN = "plain"
    LOSS = "loss"        # plain, not below 0
    LOG = "log"          # above 0
    LOGIT = "logit"      # between 0 and 1
    FISHER = "fisher"    # between −1 and 1, by atanh
    BELOW_ONE = "below"  # up to 1: log(1 − value)


@dataclass(frozen=True)
class Linear:
    """A metric's value and how fast it grows with each row's share of all weight, (n,), whose weighted mean is 0.

    The metric of other rows of the same kind is value + Σ (share' − share)·influence to first order (von Mises; Hampel
    et al. 1986, §2.1), so the variance is Σ share²·influence², and of two models on the same rows that of the
    difference of their influences.
    """

    value: float
    influence: Floats
    scale: Scale = Scale.PLAIN


def shares(answers: Answers) -> Floats:
    """The share of all weight that each row has, (n,); they add up to 1."""
    if answers.weight is None:
        return np.full(answers.n, 1 / answers.n)
    scaled = answers.weight / answers.weight.max()
    share: Floats = scaled / scaled.sum()
    return share


def weighted_mean(values: Floats, share: Floats) -> float:
    """Σ share·values, exact where all rows count the same: eight of ten rows are 0.8."""
    return float(values.mean() if np.ptp(share) == 0 else share @ values)


def checked(answers: Answers) -> Answers:
    """The rows that count, without weights where all count the same; ValueError for weights that are none.

    A row of weight 0 is left out. 10¹² on every row is no weight at all.
    """
    weight = answers.weight
    if weight is None:
        return answers
    usable = np.isfinite(weight) & (weight >= 0)
    if not usable.all():
        row = int(np.argmin(usable))
        raise ValueError(f"a weight is a number that is not negative, not {weight[row]:g} in row {row}")
    counts = weight > 0
    if not counts.any():
        raise ValueError("all weights are 0")
    if counts.all() and weight.min() == weight.max():
        return replace(answers, weight=None)
    kept = answers.of(counts)
    return replace(kept, weight=None) if np.ptp(weight[counts]) == 0 else kept


def too_uneven(share: Floats) -> str:
    """Why these shares of weight leave no interval: one row outweighs all others, or few effective rows are left."""
    if np.ptp(share) == 0:
        return ""
    largest, effective = float(share.max() / share.sum()), kish(share)
    if largest > HALF:
        return f"one row holds {largest:.1%} of the weight"
    return f"the weights leave an effective n of {effective:.1f}, below {FEWEST:g}" if effective < FEWEST else ""


def variance(influence: Floats, share: Floats) -> float:
    """Variance of a linearised metric, Σ share²·influence²·n/(n − 1); without weights that of a mean. None below 2."""
    n = influence.size
    return float(np.square(share * influence).sum()) * n / (n - 1) if n > 1 else 0.0


def variance_of_sums(sums: Floats) -> float:
    """Variance of a linearised metric of groups of rows, Σ sums²·G/(G − 1), from what each of G groups moves it.

    Liang & Zeger 1986, Biometrika 73:13. At least two groups.
    """
    return float(np.square(sums).sum()) * sums.size / (sums.size - 1)


def interval(value: float, spread: float, df: float, scale: Scale, level: float = 0.95) -> Interval | None:
    """The interval of a value with that variance by Student's t on its scale; None where nothing varies.

    Delta method: the standard error is divided by the slope of the scale at the value.
    """
    if not spread > 0 or df <= 0:
        return None
    half = student_quantile(df, level) * math.sqrt(spread)
    if scale in (Scale.PLAIN, Scale.LOSS):
        low = value - half
        return Interval(max(low, 0.0) if scale is Scale.LOSS else low, value + half, "t", level)
    if scale is Scale.LOG:
        factor = math.exp(half / value) if value > 0 else math.inf
        return Interval(value / factor, value * factor, "t-log", level) if math.isfinite(factor) else None
    if scale is Scale.BELOW_ONE:
        rest = 1 - value
        factor = math.exp(half / rest) if rest > 0 and half / rest < 50 else math.inf
        return Interval(1 - rest * factor, 1 - rest / factor, "t-log", level) if math.isfinite(factor) else None
    if scale is Scale.LOGIT:
        if not 0 < value < 1:
            return None
        centre, reach = math.log(value / (1 - value)), half / (value * (1 - value))
        return Interval(float(tails.expit(centre - reach)), float(tails.expit(centre + reach)), "t-logit", level)
    if not -1 < value < 1:
        return None
    centre, reach = math.atanh(value), half / (1 - value**2)
    return Interval(math.tanh(centre - reach), math.tanh(centre + reach), "fisher-z", level)


def proportion(right: Floats, share: Floats, level: float = 0.95) -> tuple[float, Interval]:
    """A weighted share of rows that hold, with Wilson's interval at the effective number of rows.

    That number is p(1 − p)/variance, the rows that would give the linearised variance (Korn & Graubard 1998, Survey
    Methodol. 24:193), at most n, and Kish's where all rows agree. Without weights it is n, and the interval Wilson's.
    """
    value, effective = min(weighted_mean(right, share), 1.0), 1 / float(np.square(share).sum())
    spread = float(np.square(share * (right - value)).sum())
    rows = min(value * (1 - value) / spread, float(right.size)) if spread > 0 else effective
    rows = float(right.size) if np.ptp(share) == 0 else rows
    low, high = wilson_bounds(np.array([value * rows]), np.array([rows]), level)
    return value, Interval(float(low[0]), float(high[0]), "wilson", level)
