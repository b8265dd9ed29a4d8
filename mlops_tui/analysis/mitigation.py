"""What would make groups be decided alike, and at what price: weights for training, a threshold for each group."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlops_tui.analysis.arrays import Counts, Floats
from mlops_tui.analysis.fairness import Cells
from mlops_tui.analysis.proportions import paired_change

FINE = 1000  # bins of equal width between 0 and 1 in which scores are counted: thresholds are found to 0.001


@dataclass(frozen=True)
class GroupScores:
    """The scores of one group in 1,000 bins: rows, sums of scores and of yeses, and all rows' squared gap to the label.
    """

    n: Counts
    scores: Floats
    yes: Floats
    squares: float

    def coarse(self, bins: int) -> tuple[Floats, Floats, Floats]:
        """Rows, scores and yeses in so many bins, which divide 1,000."""
        rows, scores, yes = (each.astype(np.float64).reshape(bins, -1).sum(axis=1)
                             for each in (self.n, self.scores, self.yes))
        return rows, scores, yes

    def said_yes(self) -> Floats:
        """The share of rows with a score at or above k/1000, (1001,)."""
        return np.append(self.n[::-1].cumsum()[::-1], 0) / max(int(self.n.sum()), 1)


@dataclass(frozen=True)
class OwnThreshold:
    """A threshold for one group: the share that is said yes to before and after, and what becomes better or worse."""

    threshold: float
    before: float
    after: float
    better: int
    worse: int


def own_thresholds(groups: Sequence[GroupScores], now: float, target: float) -> list[OwnThreshold]:
    """For each group the threshold that says yes to as close to a share `target` as there is (demographic parity after
    training: Hardt, Price & Srebro 2016, NeurIPS, §2, with selection rates in place of error rates)."""
    at_now, found = round(now * FINE), []
    for group in groups:
        shares = group.said_yes()
        at = int(np.argmin(np.abs(shares - target)))
        between = slice(min(at, at_now), max(at, at_now))
        yes = int(group.yes[between].sum())
        no = int(group.n[between].sum()) - yes
        better, worse = (yes, no) if at < at_now else (no, yes)  # a lower threshold says yes to those in between
        found.append(OwnThreshold(at / FINE, float(shares[min(at_now, FINE)]), float(shares[at]), better, worse))
    return found


def price(found: Sequence[OwnThreshold], n: int) -> tuple[float, float, float]:
    """By how much the share of right decisions changes, with its interval."""
    return paired_change(sum(each.better for each in found), sum(each.worse for each in found), n)


def reweighing(cells: Cells) -> tuple[Floats, float]:
    """Weights (g, 2) of rows by group and label with which label and group are independent: P(g)P(y)/P(g, y) (Kamiran
    & Calders 2012, Knowl. Inf. Syst. 33:1, §3.3), NaN for cells without rows; and the share of rows that they are worth
    (Kish): the price in precision.
    """
    counts = cells.counts.sum(axis=2).astype(np.float64)
    n = counts.sum()
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    weights: Floats = np.divide(expected, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    used = np.nan_to_num(weights)
    return weights, float((counts * used).sum() ** 2 / (counts * used**2).sum() / n)
