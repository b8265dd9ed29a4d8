"""How far predicted numbers lie from what came: errors, bias, the share of variance explained, the order."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from mlops_tui.analysis.answers import Answers
from mlops_tui.analysis.arrays import Floats, finite
from mlops_tui.analysis.influence import Linear, Scale, shares, weighted_mean
from mlops_tui.analysis.interval import Interval, z_score

Measure = Callable[[Floats, Floats, Floats], Linear | str]  # label, predicted, share → value and influence, or why not


@dataclass(frozen=True)
class ErrorMetric:
    """A metric of labels and predicted numbers, and what it says in words."""

    measure: Measure
    higher_is_better: bool = False


def numbers(answers: Answers) -> tuple[Floats, Floats, Floats]:
    """Label, predicted and share of weight of each row, (n,) each; ValueError for NaN or no rows."""
    if answers.n == 0:
        raise ValueError("no rows")
    return finite(answers.label), finite(answers.given), shares(answers)


def _mean(values: Floats, share: Floats, scale: Scale) -> Linear:
    mean = weighted_mean(values, share)
    return Linear(mean, values - mean, scale)


def mae(y: Floats, p: Floats, share: Floats) -> Linear:
    """Mean absolute error, Σ share·|p − y|."""
    return _mean(np.abs(p - y), share, Scale.LOSS)


def bias(y: Floats, p: Floats, share: Floats) -> Linear:
    """Mean error, Σ share·(p − y): above 0 where predictions are too high."""
    return _mean(p - y, share, Scale.PLAIN)


def rmse(y: Floats, p: Floats, share: Floats) -> Linear:
    """Root mean squared error; influence (e² − mse)/(2·rmse)."""
    squared = np.square(p - y)
    root = float(np.sqrt(share @ squared))
    return Linear(root, (squared - root**2) / (2 * root) if root > 0 else np.zeros(y.size), Scale.LOG)


def mape(y: Floats, p: Floats, share: Floats) -> Linear | str:
    """Mean of |p − y|/|y|; undefined where a label is 0 (Hyndman & Koehler 2006, Int. J. Forecast. 22:679)."""
    if zeros := int((y == 0).sum()):
        return f"{zeros} labels are 0, and no error is a share of 0"
    return _mean(np.abs((p - y) / y), share, Scale.LOSS)


def pinball(quantile: float) -> Measure:
    """Quantile loss: q·(y − p) where y ≥ p, else (1 − q)·(p − y) (Koenker & Bassett 1978, Econometrica 46:33)."""
    def measure(y: Floats, p: Floats, share: Floats) -> Linear:
        short = y - p
        return _mean(np.maximum(quantile * short, (quantile - 1) * short), share, Scale.LOSS)

    return measure


def r2(y: Floats, p: Floats, share: Floats) -> Linear | str:
    """1 − Σ share·e²/Σ share·(y − ȳ)²: the share of the squared error of the mean that is gone; undefined where all
    labels are equal. Influence: that of a ratio of two means, (ratio·((y − ȳ)² − s²) − (e² − mse))/s²."""
    centred = np.square(y - float(share @ y))
    return _explained(centred, np.square(p - y), share)


def explained_variance(y: Floats, p: Floats, share: Floats) -> Linear | str:
    """1 − variance of the errors / variance of the labels: R² of the predictions without their bias."""
    error = p - y
    return _explained(np.square(y - float(share @ y)), np.square(error - float(share @ error)), share)


def _explained(total: Floats, left: Floats, share: Floats) -> Linear | str:
    spread, rest = float(share @ total), float(share @ left)
    if np.ptp(total) == 0 and spread <= np.finfo(float).eps:
        return "all labels are equal"
    ratio = rest / spread
    return Linear(1 - ratio, (ratio * (total - spread) - (left - rest)) / spread, Scale.BELOW_ONE)


def median_ae(y: Floats, p: Floats, share: Floats) -> Linear:
    """The weighted median of |p − y|.

    Influence (½ − [|e| ≤ m])/f, centred, with the density f at m by the width of one standard error about it.
    """
    error, ordered, reached = _sorted_errors(y, p, share)
    middle, reach = _at(ordered, reached, 0.5), 1 / (2 * math.sqrt(1 / float(np.square(share).sum())))
    width = _at(ordered, reached, min(0.5 + reach, 1.0)) - _at(ordered, reached, max(0.5 - reach, 0.0))
    above = np.where(error > middle, 1.0, 0.0)
    return Linear(middle, (above - float(share @ above)) * (width / (2 * reach)), Scale.LOSS)


def median_bounds(y: Floats, p: Floats, share: Floats, level: float = 0.95) -> Interval | None:
    """Bounds of the median absolute error that assume no distribution: the errors at ½ ± z/(2√n) of the weight.

    Without weights these are order statistics by the binomial; with them Woodruff's (1952, JASA 47:635), n the
    effective number of rows. None where the bounds would be beyond the rows there are, or are equal.
    """
    effective = 1 / float(np.square(share).sum())
    reach = z_score(level) / (2 * math.sqrt(effective))
    if reach >= 0.5:
        return None
    _, ordered, reached = _sorted_errors(y, p, share)
    low, high = (int(np.searchsorted(reached, 0.5 + sign * reach)) for sign in (-1, 1))
    high = min(high, ordered.size - 1)
    if ordered[low] == ordered[high]:
        return None
    return Interval(float(ordered[low]), float(ordered[high]), "order-statistics", level)


def _sorted_errors(y: Floats, p: Floats, share: Floats) -> tuple[Floats, Floats, Floats]:
    """Absolute errors as they come, sorted, and the share of weight up to each of the sorted ones, (n,) each."""
    error = np.abs(p - y)
    order = np.argsort(error, kind="stable")
    reached = np.cumsum(share[order])
    return error, error[order], reached / reached[-1]


def _at(ordered: Floats, reached: Floats, wanted: float) -> float:
    """A weighted quantile: between two values where the weight wanted ends exactly at the first."""
    low, high = (min(int(np.searchsorted(reached, wanted + slack)), ordered.size - 1) for slack in (-1e-12, 1e-12))
    return float(ordered[low] + ordered[high]) / 2


def spearman(y: Floats, p: Floats, share: Floats) -> Linear | str:
    """Pearson's correlation of mid-ranks (Spearman 1904, Am. J. Psychol. 15:72), ranks counted in weight.

    Influence by the functional 4·E[a·b] of a = F(y) − ½ and b = G(p) − ½, mid-distribution functions, whose own
    estimation adds the expectations over the other rows (Borkowf 2002, Comput. Stat. Data Anal. 39:271).
    """
    for values, name in ((y, "labels"), (p, "predictions")):
        if np.ptp(values) == 0:
            return f"all {name} are equal"
    a, above_y = _centred_rank(y, share)
    b, above_p = _centred_rank(p, share)
    joint, of_a, of_b = float(share @ (a * b)), float(share @ (a * a)), float(share @ (b * b))
    moved_joint = a * b + above_y(b) + above_p(a) - 3 * joint
    moved_a = a * a + 2 * above_y(a) - 3 * of_a
    moved_b = b * b + 2 * above_p(b) - 3 * of_b
    root = np.sqrt(of_a * of_b)
    value = float(np.clip(joint / root, -1, 1))
    return Linear(value, moved_joint / root - value / 2 * (moved_a / of_a + moved_b / of_b), Scale.FISHER)


def _centred_rank(values: Floats, share: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
    """Mid-distribution less ½ of each row, (n,); and of any f the half difference of its weight above and below."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    size = np.diff(np.append(first, values.size))

    def spread(per_group: Floats) -> Floats:
        found = np.empty(values.size)
        found[order] = np.repeat(per_group, size)
        return found

    def above(f: Floats) -> Floats:
        mass = np.add.reduceat((share * f)[order], first)
        reached = np.cumsum(mass) - mass / 2
        return spread(mass.sum() / 2 - reached)

    mass = np.add.reduceat(share[order], first)
    return spread(np.cumsum(mass) - mass / 2 - mass.sum() / 2), above


ERRORS: Mapping[str, ErrorMetric] = {
    "mae": ErrorMetric(mae),
    "rmse": ErrorMetric(rmse),
    "median_ae": ErrorMetric(median_ae),
    "r2": ErrorMetric(r2, higher_is_better=True),
    "bias": ErrorMetric(bias),
    "mape": ErrorMetric(mape),
    "explained_variance": ErrorMetric(explained_variance, higher_is_better=True),
    "spearman": ErrorMetric(spearman, higher_is_better=True),
    "pinball_10": ErrorMetric(pinball(0.1)),
    "pinball_90": ErrorMetric(pinball(0.9)),
}


def linear(metric: str, answers: Answers) -> Linear | str:
    """The metric of predicted numbers and each row's influence, or why it is undefined. KeyError: no such one."""
    return ERRORS[metric].measure(*numbers(answers))


# -- for drawing ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bin:
    """Rows of similar predictions: their mean prediction, and mean, 10 % and 90 % quantile of what came."""

    predicted: float
    actual: float
    low: float
    high: float
    n: int


def by_prediction(answers: Answers, bins: int = 10) -> tuple[Bin, ...]:
    """What came of rows of similar predicted numbers, in at most so many bins of about the same weight."""
    given = answers.given
    weight = np.ones(answers.n) if answers.weight is None else answers.weight / answers.weight.max()
    order = np.argsort(given, kind="stable")
    share = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
    of = np.minimum((share * bins).astype(np.int64), bins - 1)
    found = []
    for number in np.unique(of):
        rows = order[of == number]
        if weight[rows].sum() > 0:
            low, high = (_quantile(answers.label[rows], weight[rows], q) for q in (0.1, 0.9))
            found.append(Bin(float(np.average(given[rows], weights=weight[rows])),
                             float(np.average(answers.label[rows], weights=weight[rows])), low, high, rows.size))
    return tuple(found)


def _quantile(values: Floats, weight: Floats, q: float) -> float:
    """The smallest value at or below which at least a share q of the weight lies."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order]) / weight.sum()
    return float(values[order][min(int(np.searchsorted(reached, q - 1e-12)), values.size - 1)])
