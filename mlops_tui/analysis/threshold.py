"""Which threshold to decide at: what each answer costs, the cheapest threshold, and what another one saves."""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.analysis.interval import CELLS_PER_BATCH, Estimate, Interval, Resampling, student_quantile
from mlops_tui.analysis.proportions import paired_change

EXACT = 20_000   # rows above which resamples are drawn from the normal limit of sums in bins
BINS = 2048
FOLDS = 5
FEW = 10         # rows that two thresholds decide differently, below which nothing is said of the difference


@dataclass(frozen=True)
class RowCosts:
    """What saying yes and saying no costs for each row, (n,), in one currency; a gain is a negative cost.

    `harm` is what a yes costs more than a no where the label is no, `miss` what a no costs more than a yes where it is
    yes: (n,), whatever the label of the row.
    """

    yes: Floats
    no: Floats
    harm: Floats
    miss: Floats

    def weighted(self, weight: Floats) -> "RowCosts":
        """The same costs of rows that count so much each, (n,); what a mean row costs stays in its currency."""
        share = weight / weight.mean()
        return RowCosts(self.yes * share, self.no * share, self.harm, self.miss)

    def of(self, decided: Bools) -> Floats:
        """The cost of each row under these decisions, (n,)."""
        found: Floats = np.where(decided, self.yes, self.no)
        return found

    @property
    def always(self) -> str:
        """`yes` or `no` where that is the best answer to every row whatever its score, else empty."""
        if bool(np.all(self.harm <= 0)):
            return "yes"
        return "no" if bool(np.all(self.miss <= 0)) else ""

    @property
    def threshold(self) -> Floats:
        """The threshold of least expected cost for the calibrated score of each row, (n,) (Elkan 2001, IJCAI, eq. 2;
        with costs of its own for each row: Zadrozny & Elkan 2001, KDD, §2). 0 where yes is always best, ∞ where no is.
        """
        found = np.divide(self.harm, self.harm + self.miss, out=np.zeros_like(self.harm),
                          where=(self.harm > 0) & (self.miss > 0))
        return np.where(self.harm <= 0, 0.0, np.where(self.miss <= 0, np.inf, found))


def row_costs(labels: Bools, false_positive: npt.ArrayLike, false_negative: npt.ArrayLike,
              true_positive: npt.ArrayLike = 0.0, true_negative: npt.ArrayLike = 0.0) -> RowCosts:
    """Costs of each outcome, one for all rows or (n,), by what is decided. ValueError names the first row (from 0) for
    which a wrong answer costs less than the right one in both ways, as where signs are turned round, or nothing more.
    """
    fp, fn, tp, tn = (np.broadcast_to(np.asarray(each, dtype=np.float64), labels.shape)
                      for each in (false_positive, false_negative, true_positive, true_negative))
    harm, miss = fp - tn, fn - tp
    turned = (harm <= 0) & (miss <= 0)
    if turned.any():
        first = int(np.argmax(turned))
        raise ValueError(f"row {first}: a wrong answer must cost more than the right one, here {harm[first]:g} and "
                         f"{miss[first]:g} more")
    return RowCosts(np.where(labels, tp, fp), np.where(labels, fn, tn), harm, miss)


@dataclass(frozen=True)
class CostLine:
    """Mean cost per row of saying yes from each threshold up, at rising thresholds (k,), with bounds at each alone."""

    threshold: Floats
    cost: Floats
    low: Floats
    high: Floats


def cost_line(scores: Floats, costs: RowCosts, points: int = 200, level: float = 0.95) -> CostLine:
    """The cost at every distinct score, or at `points` of them where there are more; the last, ∞, says no to all."""
    order, ends = _steps(scores)
    threshold, mean, square = _by_threshold(scores, costs, order, ends)
    n = scores.size
    spread = np.sqrt(np.maximum(square - mean**2, 0) / max(n - 1, 1))
    half = (student_quantile(n - 1, level) if n > 1 else math.inf) * spread
    kept = np.unique(np.linspace(0, threshold.size - 1, min(points, threshold.size)).round().astype(np.int64))
    return CostLine(threshold[kept], mean[kept], (mean - half)[kept], (mean + half)[kept])


@dataclass(frozen=True)
class Cheapest:
    """The threshold of least cost on these rows and percentile bounds of it; ∞ says no to all."""

    threshold: float
    low: float
    high: float
    cost: float


def cheapest(scores: Floats, costs: RowCosts, how: Resampling | None = None) -> Cheapest:
    """The threshold of least mean cost (of equal ones the highest), chosen anew in each resample of the rows.

    Resamples weigh rows by Poisson(1); above 20,000 rows their sums in 2,048 bins of scores are drawn from their normal
    limit, which has the same mean and variance. Percentiles of a minimiser are not proved to cover: simulated, 95 %
    bounds of 300 rows held the true threshold in 92 % of samples.
    """
    resampling = how or Resampling()
    order, ends = _steps(scores)
    threshold, mean, _ = _by_threshold(scores, costs, order, ends)
    best = _last_least(mean)
    edges = np.append(threshold[:-1][::-1], np.inf)  # from the highest score down: what saying yes from there up adds
    gain = (costs.yes - costs.no)[order]
    generator = np.random.default_rng(resampling.seed)
    if scores.size > EXACT:
        chosen = _chosen_in_bins(gain, ends, edges, generator, resampling.resamples)
    else:
        chosen = _chosen_by_row(gain, ends, edges, generator, resampling.resamples)
    tail = (1 - resampling.level) / 2
    low, high = np.quantile(chosen, [tail, 1 - tail], method="inverted_cdf")
    return Cheapest(float(threshold[best]), float(low), float(high), float(mean[best]))


@dataclass(frozen=True)
class Saving:
    """What deciding in another way saves per row, with its interval, and how many rows it decides differently."""

    saved: Estimate
    changed: int

    @property
    def sure(self) -> bool:
        return self.saved.low is not None and self.saved.low > 0

    @property
    def dearer(self) -> bool:
        return self.saved.high is not None and self.saved.high < 0


def saving(costs: RowCosts, before: Bools, after: Bools, level: float = 0.95) -> Saving:
    """Mean of each row's cost before minus after, with Student's t interval; none where fewer than 10 rows change."""
    changed, n = int((before != after).sum()), before.size
    each = costs.of(before) - costs.of(after)
    mean = float(each.mean())
    if not changed:
        return Saving(Estimate("saving", 0.0, 0.0, 0.0, n, "the same decisions"), 0)
    if changed < FEW:
        said = f"only {changed} rows are decided differently"
        return Saving(Estimate("saving", mean, None, None, n, reason=said), changed)
    half = student_quantile(n - 1, level) * float(each.std(ddof=1)) / math.sqrt(n)
    return Saving(Estimate("saving", mean, mean - half, mean + half, n, "t"), changed)


def held_out_decisions(scores: Floats, costs: RowCosts, seed: int = 0) -> Bools:
    """What the cheapest threshold of the other four fifths of the rows decides of each fifth, (n,): an honest account
    of choosing a threshold, which the rows that chose it cannot give."""
    fold = np.random.default_rng(seed).permutation(scores.size) % FOLDS
    decided = np.zeros(scores.size, dtype=np.bool_)
    for number in range(min(FOLDS, scores.size)):
        own, rest = fold == number, fold != number
        part = RowCosts(costs.yes[rest], costs.no[rest], costs.harm[rest], costs.miss[rest])
        order, ends = _steps(scores[rest])
        threshold, mean, _ = _by_threshold(scores[rest], part, order, ends)
        decided[own] = scores[own] >= threshold[_last_least(mean)]
    return decided


# -- metrics that costs imply ---------------------------------------------------------------------------------------


def beta_of(harm: float, miss: float) -> float:
    """The β of F-β in which errors weigh as they cost: β² = miss/harm, since F-β = (1 + β²)TP/((1 + β²)TP + β²FN + FP)
    counts one miss as β² false alarms (van Rijsbergen 1979, ch. 7, in counts). ValueError unless both are above 0.

    >>> round(beta_of(1, 5), 3)  # German credit
    2.236
    """
    if not (harm > 0 and miss > 0):
        raise ValueError("both errors must cost something")
    return math.sqrt(miss / harm)


def f_beta(labels: Bools, decided: Bools, beta: float, how: Resampling | None = None,
           weight: Floats | None = None) -> Estimate:
    """F-β with the interval of Dirichlet(counts + ½) draws (Goutte & Gaussier 2005), as F1 has it elsewhere here; of
    weighted rows (n,) the counts are shares of Kish's effective number of rows."""
    resampling = how or Resampling()
    cells = (labels & decided, ~labels & decided, labels & ~decided)
    each_counts = np.ones(labels.size) if weight is None else weight * (weight.sum() / (weight**2).sum())
    counts = np.array([each_counts[cell].sum() for cell in cells])
    square = beta**2

    def value(tp: Floats, fp: Floats, fn: Floats) -> Floats:
        found: Floats = (1 + square) * tp / ((1 + square) * tp + square * fn + fp)
        return found

    if not counts.sum():
        return Estimate("f_beta", None, None, None, labels.size, reason="no row is positive or said yes to")
    draws = np.random.default_rng(resampling.seed).gamma(counts[:, None] + 0.5, size=(3, 4 * resampling.resamples))
    point, drawn = float(value(*counts)), value(*draws)
    tail = (1 - resampling.level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate("f_beta", point, min(float(low), point), max(float(high), point), labels.size, "jeffreys")


def over_majority(labels: Bools, decided: Bools, weight: Floats | None = None,
                  level: float = 0.95) -> tuple[float, Interval]:
    """Accuracy minus that of always giving the more frequent answer, with the adjusted Wald interval of paired
    proportions (Bonett & Price 2012, J. Educ. Behav. Stat. 37:479); of weighted rows (n,) with Student's t."""
    usual = bool(np.average(labels, weights=weight) >= 0.5)
    if weight is not None:
        each = ((decided == labels).astype(np.float64) - (labels == usual)) * (weight / weight.mean())
        error = student_quantile(each.size - 1, level) * float(each.std(ddof=1)) / math.sqrt(each.size)
        mean = float(each.mean())
        return mean, Interval(max(mean - error, -1.0), min(mean + error, 1.0), "t", level)
    differs = decided != usual
    right = decided == labels
    better, worse = int((differs & right).sum()), int((differs & ~right).sum())
    gain, low, high = paired_change(better, worse, labels.size, level)
    return gain, Interval(low, high, "bonett-price", level)


# -- how -------------------------------------------------------------------------------------------------------------


def _steps(scores: Floats) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows from the highest score down, and where each distinct score ends among them."""
    order = np.argsort(-scores, kind="stable")
    falling = scores[order]
    return order, np.flatnonzero(np.append(falling[1:] != falling[:-1], True))


def _by_threshold(scores: Floats, costs: RowCosts, order: npt.NDArray[np.intp],
                  ends: npt.NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
    """Rising thresholds (k + 1,), the mean cost and the mean squared cost at each; the last is ∞."""
    n = scores.size

    def mean(yes: Floats, no: Floats) -> Floats:
        said = np.cumsum((yes - no)[order])[ends]
        found: Floats = np.append(said[::-1], 0.0) / n + float(no.mean())
        return found

    return np.append(scores[order][ends][::-1], np.inf), mean(costs.yes, costs.no), mean(costs.yes**2, costs.no**2)


def _last_least(costs: Floats) -> int:
    """The last of least cost; equal up to rounding counts as equal."""
    least = float(costs.min())
    near = costs <= least + 1e-12 * max(abs(least), 1.0)
    return int(costs.size - 1 - np.argmax(near[::-1]))


def _chosen_by_row(gain: Floats, ends: npt.NDArray[np.intp], edges: Floats, generator: np.random.Generator,
                   resamples: int) -> Floats:
    """The threshold that each resample of the rows would choose, (resamples,)."""
    batch, parts = max(1, CELLS_PER_BATCH // gain.size), []
    for start in range(0, resamples, batch):
        weights = generator.poisson(1.0, size=(min(batch, resamples - start), gain.size))
        parts.append(_first_least(np.cumsum(weights * gain, axis=1)[:, ends], edges))
    return np.concatenate(parts)


def _chosen_in_bins(gain: Floats, ends: npt.NDArray[np.intp], edges: Floats, generator: np.random.Generator,
                    resamples: int) -> Floats:
    kept = np.unique(np.linspace(0, ends.size - 1, min(BINS, ends.size)).round().astype(np.int64))
    cuts = np.append(0, ends[kept][:-1] + 1)
    total, square = np.add.reduceat(gain, cuts), np.add.reduceat(gain**2, cuts)
    drawn = total + np.sqrt(square) * generator.standard_normal((resamples, total.size))
    return _first_least(np.cumsum(drawn, axis=1), np.append(edges[:-1][kept], np.inf))


def _first_least(added: Floats, edges: Floats) -> Floats:
    """The edge (k + 1, the last is ∞) at which what is added (r, k) is least; ∞ where nothing is below 0."""
    place = added.argmin(axis=1)
    least = np.take_along_axis(added, place[:, None], axis=1)[:, 0]
    return np.where(least < 0, edges[place], np.inf)
