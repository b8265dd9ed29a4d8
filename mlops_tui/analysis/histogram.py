"""Labelled scores as counts by score bin: batches, windows and groups are added up, and every metric is read off."""

import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache, reduce

import numpy as np
import numpy.typing as npt
from scipy import special

from mlops_tui.analysis.arrays import Bools, Counts, Floats, labelled
from mlops_tui.analysis.calibration import ReliabilityBin
from mlops_tui.analysis.confusion import Confusion, DecisionMetric
from mlops_tui.analysis.interval import Interval, Resampling, auc_interval, poisson_bootstrap, wilson_bounds
from mlops_tui.analysis.ranking import resampled_auc, resampled_average_precision

UNIT = 1 << 32   # of a score's sum: integers add up the same in any order
DIAGRAMS = (2, 5, 10, 15, 20, 25, 50, 100)  # bins
PIECE = 1 << 16  # rows looked at together: their arrays stay in the processor's cache
Statistic = Callable[[Floats], Floats]


@cache
def probability_edges() -> Floats:
    """About 4,000 lower edges for scores in [0, 1] that suit a stream whose scores are not known beforehand.

    Every multiple of 1/1000, so that it is exact as a threshold; what lies just above the ends of the bins of the usual
    reliability diagrams (DIAGRAMS), which are closed on the right, so that these are exact; and 2,800 steps of equal
    log odds from 1e-7 to 1 − 1e-7, which resolve rare classes.
    """
    odds = special.expit(np.linspace(special.logit(1e-7), -special.logit(1e-7), 2800))
    ends = [np.nextafter(np.linspace(0, 1, bins + 1)[1:-1], 2) for bins in DIAGRAMS]
    return np.unique(np.concatenate([np.arange(1001) / 1000, odds, *ends]))


@dataclass(frozen=True)
class Bounds:
    """A value read from bins, and between which the value of the unbinned rows certainly lies."""

    value: float
    low: float
    high: float

    @property
    def error(self) -> float:
        return max(self.high - self.value, self.value - self.low)


@dataclass(frozen=True)
class Cut:
    """The decisions of a threshold, exact if it is an edge; else rows of its bin may be flagged or not."""

    fewest: Confusion
    most: Confusion

    @property
    def exact(self) -> bool:
        return self.fewest == self.most


@dataclass(frozen=True)
class Histogram:
    """Rows by class (negatives, positives) and score bin, (2, bins), and the sums of their scores in units of 2⁻³².

    Bin i holds edges[i] ≤ score < edges[i + 1], the first also what is below, the last all above. Every field is an
    integer sum over rows: added in any order, of any batches, it is the same to the last bit.
    """

    edges: Floats
    counts: Counts
    sums: Counts

    @property
    def n(self) -> int:
        return int(self.counts.sum())

    @property
    def positives(self) -> int:
        return int(self.counts[1].sum())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and all(np.array_equal(a, b) for a, b in (
            (self.edges, other.edges), (self.counts, other.counts), (self.sums, other.sums)))

    def __hash__(self) -> int:
        return hash(self.to_bytes())

    def __add__(self, other: "Histogram") -> "Histogram":
        """The histogram of both sets of rows; ValueError where their edges differ."""
        if not np.array_equal(self.edges, other.edges):
            raise ValueError("histograms of different edges cannot be added")
        return Histogram(self.edges, self.counts + other.counts, self.sums + other.sums)

    def to_bytes(self) -> bytes:
        """The histogram as bytes; equal ones give equal bytes."""
        head = json.dumps({"format": 1, "bins": self.edges.size}).encode()
        body = b"".join(each.astype(kind).tobytes() for each, kind in
                        ((self.edges, "<f8"), (self.counts, "<i8"), (self.sums, "<i8")))
        return head + b"\n" + zlib.compress(body, 6)

    @classmethod
    def from_bytes(cls, stored: bytes) -> "Histogram":
        """What `to_bytes` wrote; ValueError where the bytes are damaged or of a later format."""
        first, _, rest = stored.partition(b"\n")
        try:
            head, body = json.loads(first), zlib.decompress(rest)
            bins = int(head["bins"])
            if head["format"] != 1 or len(body) != bins * 40:
                raise ValueError("of another format or length")
            edges = np.frombuffer(body, "<f8", bins).astype(np.float64)
            counts, sums = np.frombuffer(body, "<i8", 4 * bins, 8 * bins).astype(np.int64).reshape(2, 2, bins)
        except (KeyError, TypeError, ValueError, zlib.error) as problem:
            raise ValueError(f"these bytes are no histogram: {problem}") from problem
        return cls(edges, counts, sums)


def histogram(labels: npt.ArrayLike, scores: npt.ArrayLike, edges: Floats | None = None) -> Histogram:
    """Count labels 0/1 and scores (n,) in bins with these rising lower edges, `probability_edges` where none are given.

    One class alone is counted as well: the next batch may bring the other. Sums of scores are kept within [0, 1] only
    (beyond, they are of the clipped score). ValueError for NaN, other labels, unequal lengths, edges that do not rise;
    with no edges given also for scores outside [0, 1].
    """
    y, s = labelled(labels, scores)
    return _counted(y, s, None, 1, edges)[0]


def by_group(
    labels: npt.ArrayLike, scores: npt.ArrayLike, codes: npt.NDArray[np.integer], groups: int,
    edges: Floats | None = None,
) -> list[Histogram]:
    """One histogram of each group or window in one pass: `codes` (n,) numbers them from 0. ValueError as `histogram`,
    and for another number of codes."""
    y, s = labelled(labels, scores)
    if codes.shape != y.shape:
        raise ValueError(f"{y.size} labels but codes of shape {codes.shape}")
    return _counted(y, s, codes, groups, edges)


def _counted(
    y: Bools, s: Floats, codes: npt.NDArray[np.integer] | None, groups: int, edges: Floats | None
) -> list[Histogram]:
    lower = probability_edges() if edges is None else np.asarray(edges, dtype=np.float64)
    if lower.size == 0 or not np.all(lower[1:] > lower[:-1]):
        raise ValueError("edges rise, and there is at least one")
    if edges is None and (s.min() < 0 or s.max() > 1):
        raise ValueError("scores outside [0, 1] need edges of their own")
    counts = np.zeros(groups * 2 * lower.size, np.int64)
    sums = np.zeros(counts.size, np.int64)
    for start in range(0, s.size, PIECE):
        rows = slice(start, start + PIECE)
        cell = np.searchsorted(lower[1:], s[rows], side="right") + lower.size * y[rows]
        if codes is not None:
            cell += codes[rows] * (2 * lower.size)
        counts += np.bincount(cell, minlength=counts.size)
        units = np.rint(np.clip(s[rows], 0, 1) * UNIT)  # at most 2³² each, 2¹⁶ of them: a float sum is exact
        sums += np.bincount(cell, weights=units, minlength=counts.size).astype(np.int64)
    return [Histogram(lower, each, total) for each, total in
            zip(counts.reshape(groups, 2, -1), sums.reshape(groups, 2, -1), strict=True)]


def together(parts: Iterable[Histogram]) -> Histogram:
    """The histogram of all parts, whatever their order; ValueError for none, or for different edges."""
    if not (each := list(parts)):
        raise ValueError("no histogram")
    return reduce(Histogram.__add__, each)


def _both(h: Histogram) -> tuple[Floats, Floats]:
    negative, positive = h.counts.astype(np.float64)
    if not negative.any() or not positive.any():
        raise ValueError(f"only one class: all {h.n} labels are {int(h.positives > 0)}")
    return negative, positive


def roc_auc(h: Histogram) -> Bounds:
    """ROC AUC, within ½ Σ posᵢ·negᵢ/(P·N) of that of the rows: only pairs inside a bin are unknown. ValueError for one
    class."""
    negative, positive = _both(h)
    pairs = float(negative.sum() * positive.sum())
    value = float(positive @ (np.cumsum(negative) - negative / 2)) / pairs
    half = float(positive @ negative) / (2 * pairs)
    return Bounds(value, value - half, value + half)


def roc_auc_interval(h: Histogram, level: float = 0.95) -> Interval:
    """DeLong's interval on the logit scale, of scores rounded to their bin: as `metrics.estimate` up to the binning."""
    negative, positive = _both(h)
    positives, negatives = float(positive.sum()), float(negative.sum())
    below = (np.cumsum(negative) - negative / 2) / negatives
    above = 1 - (np.cumsum(positive) - positive / 2) / positives
    auc = float(positive @ below) / positives
    variance = None
    if min(positives, negatives) > 1:
        variance = (float(positive @ np.square(below - auc)) / (positives * (positives - 1))
                    + float(negative @ np.square(above - auc)) / (negatives * (negatives - 1)))
    return auc_interval(auc, variance, positives, negatives, level)


def average_precision(h: Histogram) -> Bounds:
    """Average precision of scores rounded to their bin, and of any order inside the bins at best and at worst.

    At best the positives of a bin are tied above its negatives, at worst they follow them one by one:
    p − (F + q − R)·(ψ(F + q + p + 1) − ψ(F + q + 1)) with F rows and R positives above, p and q in the bin.
    ValueError for one class.
    """
    negative, positive = (each[::-1] for each in _both(h))
    filled = positive > 0
    reached, rows = np.cumsum(positive), np.cumsum(positive + negative)
    p, q, r, f = (each[filled] for each in (positive, negative, reached - positive, rows - positive - negative))
    tied, best = p * (r + p) / (f + p + q), p * (r + p) / (f + p)
    worst = p - (f + q - r) * (special.digamma(f + q + p + 1) - special.digamma(f + q + 1))
    value, low, high = (float(each.sum() / p.sum()) for each in (tied, worst, best))
    return Bounds(value, min(low, value), high)  # the digammas of many rows cancel: 1e-12 may be lost


def confusion(h: Histogram, threshold: float = 0.5) -> Cut:
    """The four counts of `score ≥ threshold`: exact where the threshold is an edge, or its bin is empty."""
    at = int(np.searchsorted(h.edges, threshold))
    sure = _cells(h, at)
    if at < h.edges.size and h.edges[at] == threshold:
        return Cut(sure, sure)
    return Cut(sure, _cells(h, max(at - 1, 0)))


def _cells(h: Histogram, first: int) -> Confusion:
    passed, flagged = h.counts[:, :first].sum(axis=1), h.counts[:, first:].sum(axis=1)
    return Confusion(tp=int(flagged[1]), fp=int(flagged[0]), fn=int(passed[1]), tn=int(passed[0]))


def decision(h: Histogram, rule: DecisionMetric, threshold: float = 0.5) -> Bounds | None:
    """A decision metric at a threshold; None where it is undefined for some of the rows' possible decisions.

    Its bounds are those of the corners (fewest or most true positives, fewest or most false ones): right for metrics
    that rise with the one and fall with the other, as all in `confusion.DECISIONS` do. The value is that of the fewest.
    """
    cut = confusion(h, threshold)
    few, most = cut.fewest, cut.most
    corners = np.array([[tp, fp, h.positives - tp, h.n - h.positives - fp]
                        for tp in (few.tp, most.tp) for fp in (few.fp, most.fp)], dtype=np.float64).T
    found = rule.value(corners)
    return None if np.isnan(found).any() else Bounds(float(found[0]), float(found.min()), float(found.max()))


def _diagram(h: Histogram, bins: int) -> tuple[Floats, npt.NDArray[np.intp]]:
    """Ends of `bins` equal bins of [0, 1], closed on the right, and the first histogram bin of each (bins,)."""
    if bins < 1:
        raise ValueError(f"needs at least one bin, not {bins}")
    cuts = np.linspace(0, 1, bins + 1)
    wanted = np.nextafter(cuts[1:-1], 2)
    first = np.searchsorted(h.edges, wanted)
    if not np.array_equal(h.edges[np.minimum(first, h.edges.size - 1)], wanted):
        raise ValueError(f"the histogram has no edges for a reliability diagram of {bins} bins")
    return cuts, np.concatenate([[0], first]).astype(np.intp)


def reliability(h: Histogram, bins: int = 10, level: float = 0.95) -> tuple[ReliabilityBin, ...]:
    """The non-empty bins of a reliability diagram, as `calibration.reliability` gives for the rows.

    Counts and shares are exact, mean scores and `covariance` within 2⁻³², and so are `calibration.ece` and its kin of
    them; `spread` lacks that inside the histogram's bins. With `probability_edges` for the numbers of bins in DIAGRAMS,
    and 1. ValueError for others.
    """
    cuts, first = _diagram(h, bins)
    mean = h.sums / UNIT / np.maximum(h.counts, 1)
    squares = np.add.reduceat((h.counts * np.square(mean)).sum(axis=0), first)
    counts, sums = (np.add.reduceat(each, first, axis=1) for each in (h.counts, h.sums))
    filled = np.flatnonzero(counts.sum(axis=0))
    positives, rows = counts[1, filled], counts.sum(axis=0)[filled]
    score, observed = sums.sum(axis=0)[filled] / UNIT / rows, positives / rows
    spread = np.maximum(squares[filled] / rows - np.square(score), 0.0)
    covariance = sums[1, filled] / UNIT / rows - score * observed
    low, high = wilson_bounds(positives, rows, level)
    columns = (score, observed, low, high, rows, rows, spread, covariance)
    return tuple(
        ReliabilityBin(float(cuts[b]), float(cuts[b + 1]), n, *map(float, numbers))
        for b, n, *numbers in zip(filled.tolist(), rows.tolist(), *(each.tolist() for each in columns), strict=True)
    )


def resampled_ece(h: Histogram, bins: int = 10) -> Statistic:
    """The ECE of r weightings of the histogram's bins, (r, 2, bins) to (r,); a bin's rows weigh at their mean score.

    Resampling adds noise to each gap as sampling did, so resampled ECEs lie above that of the rows: good for a
    comparison of two windows, not for an interval of one.
    """
    _, first = _diagram(h, bins)
    mean = h.sums / UNIT / np.maximum(h.counts, 1)

    def statistic(weights: Floats) -> Floats:
        gap = weights[:, 1] * (1 - mean[1]) - weights[:, 0] * mean[0]
        error: Floats = np.abs(np.add.reduceat(gap, first, axis=1)).sum(axis=1) / weights.sum(axis=(1, 2))
        return error

    return statistic


def resampled_decision(h: Histogram, rule: DecisionMetric, threshold: float = 0.5) -> Statistic:
    """A decision metric of r weightings of the bins, (r, 2, bins) to (r,); rows of a bin that the threshold cuts are
    not flagged."""
    first = int(np.searchsorted(h.edges, threshold))

    def statistic(weights: Floats) -> Floats:
        flagged, passed = weights[:, ::-1, first:].sum(axis=2).T, weights[:, ::-1, :first].sum(axis=2).T
        return rule.value(np.concatenate([flagged, passed]))

    return statistic


RESAMPLED: dict[str, Statistic] = {"roc_auc": resampled_auc, "average_precision": resampled_average_precision}


def bootstrap(h: Histogram, statistic: Statistic, resampling: Resampling | None = None) -> Floats:
    """A statistic of the rows under Poisson resamples, (resamples,), at the cost of the occupied bins, not of the rows.

    `statistic` takes weights (r, 2, bins) and is one of RESAMPLED or made by `resampled_ece` or `resampled_decision`.
    ValueError for one class.
    """
    _both(h)
    return poisson_bootstrap(h.counts, statistic, resampling)
