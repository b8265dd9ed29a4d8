"""Nested cross-validation: what choosing and fitting is worth, how much choosing flatters, how stable the choice is."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.interval import Contrast, Estimate
from mlops_tui.analysis.paired import corrected_t

Choices = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Nested:
    """Scores of P points over J outer folds.

    `outer` (P, J): on a fold's test rows, of a fit to all of its training rows; `inner` (P, J): the mean over the inner
    folds within these. `test_share` is n_test/n_train.

    ValueError for other shapes, fewer than two folds, scores that are not finite.
    """

    outer: Floats
    inner: Floats
    test_share: float
    higher_is_better: bool = True

    def __post_init__(self) -> None:
        if self.outer.shape != self.inner.shape or self.outer.ndim != 2 or self.outer.shape[1] < 2:
            raise ValueError(f"needs outer and inner scores of points by at least two folds, not {self.outer.shape} "
                             f"and {self.inner.shape}")
        if not (np.isfinite(self.outer).all() and np.isfinite(self.inner).all()):
            raise ValueError("a score is not finite")

    @property
    def _sign(self) -> int:
        return 1 if self.higher_is_better else -1

    @cached_property
    def chosen(self) -> Choices:
        """The point that the inner folds of each outer fold choose, (J,): the first of equal ones."""
        return np.asarray((self._sign * self.inner).argmax(axis=0))

    @cached_property
    def best(self) -> int:
        """The point for all rows: the best mean over the outer folds, which then serve as plain cross-validation."""
        return int((self._sign * self.outer.mean(axis=1)).argmax())

    @cached_property
    def scores(self) -> Floats:
        """The score of each outer fold, (J,), of the point that was chosen without its test rows."""
        return np.asarray(self.outer[self.chosen, np.arange(self.outer.shape[1])])

    def nested(self, metric: str, level: float = 0.95) -> Estimate:
        """What choosing by cross-validation and then fitting scores on rows that took no part in either.

        The mean over folds with the interval of Nadeau & Bengio (2003), whose variance is corrected for training sets
        that overlap. It is cautious: simulated, one of 95 % covers 98 to 99 %. `n` is the number of folds.
        """
        return corrected_mean(metric, self.scores, self.test_share, level)

    @property
    def non_nested(self) -> float:
        """The score that is usually reported: of the best point, on the very folds on which it was found to be best."""
        return float(self.outer[self.best].mean())

    def optimism(self, level: float = 0.95) -> Contrast:
        """How much better the non-nested score looks than the nested one, on the same test rows; negative: worse.

        Fold by fold, with the corrected resampled t test (`corrected_t`). Both are means over the same outer folds, so
        the difference is that of choosing alone (Cawley & Talbot 2010, JMLR 11:2079), not one of more training rows.
        """
        return corrected_t(self._sign * (self.outer[self.best] - self.scores), self.test_share, level)

    def gain(self, point: int, level: float = 0.95) -> Contrast:
        """How much better choosing is than always taking that point, on rows that took no part in the choice."""
        return corrected_t(self._sign * (self.scores - self.outer[point]), self.test_share, level)

    def agreement(self) -> float:
        """The share of outer folds that chose what most of them chose."""
        return float(np.bincount(self.chosen).max() / self.chosen.size)


def corrected_mean(metric: str, scores: Floats, test_share: float, level: float = 0.95) -> Estimate:
    """The mean of fold scores (J,) with the interval of `corrected_t`; none where all folds score the same."""
    found = corrected_t(scores, test_share, level)
    if found.low == found.high:
        return Estimate(metric, found.estimate, None, None, scores.size, "corrected-t", "all folds score the same")
    return Estimate(metric, found.estimate, found.low, found.high, scores.size, "corrected-t")


def learning_curve(metric: str, scores: Floats, rows: npt.ArrayLike, test_share: float,
                   level: float = 0.95) -> list[tuple[float, Estimate]]:
    """The score against the size of training: mean rows and mean score of each of S sizes, with `corrected_mean`.

    `scores` and `rows` (S, J) by size and fold. `test_share` is n_test/n_train of whole training sets, for every size:
    smaller ones overlap less, so that the band is rather too wide than too narrow. ValueError for other shapes.
    """
    sizes = np.asarray(rows, dtype=np.float64)
    if scores.shape != sizes.shape:
        raise ValueError(f"{scores.shape} scores, {sizes.shape} sizes")
    return [(float(size.mean()), corrected_mean(metric, score, test_share, level))
            for score, size in zip(scores, sizes, strict=True)]


def more_rows(scores: Floats, test_share: float, level: float = 0.95) -> Contrast:
    """What the last step of a learning curve (S, J) adds to the score, fold by fold."""
    return corrected_t(scores[-1] - scores[-2], test_share, level)
