"""Labels counted by cells of almost equal scores, so that a fit costs as little on a million rows as on a thousand."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Bools, Counts, Floats

EXACT = 20_000     # so many rows are counted by their very scores
PER_LOGIT = 256    # of more, those whose log odds agree to 1/256 share a cell: a log loss moves by less than 1e-6
EDGE = 1e-15       # scores of 0 and 1 have no log odds and lie as far out as this


@dataclass(frozen=True)
class Tally:
    """Rows by fold, outcome and cell.

    `score` (c,) rises: the mean score of a cell. `weight` (f, 2, c): what the rows of a fold and an outcome (0, then 1)
    count together, `squared` the sum of their squared weights; the same without weights. `cell` and `key` (n,): the
    cell of each row, and where it is in an array (f, 2, c) laid flat.
    """

    score: Floats
    weight: Floats
    squared: Floats
    cell: Counts
    key: Counts

    @property
    def total(self) -> Floats:
        """What all folds count together, (2, c)."""
        return np.asarray(self.weight.sum(axis=0))

    @property
    def folds(self) -> int:
        return int(self.weight.shape[0])


def tally(labels: Bools, scores: Floats, fold: npt.NDArray[np.integer] | None = None,
          weights: Floats | None = None) -> Tally:
    """Count rows by score, outcome and fold (numbered from 0, one where none is given), each by its weight."""
    cell, mean = cells(scores)
    place = np.asarray(labels, dtype=np.int64) if fold is None else 2 * np.asarray(fold, dtype=np.int64) + labels
    number = 1 if fold is None else int(fold.max()) + 1
    key = place * mean.size + cell
    shape = (number, 2, mean.size)
    size = number * 2 * mean.size
    weight = np.bincount(key, weights, minlength=size).astype(np.float64).reshape(shape)
    if weights is None:
        return Tally(mean, weight, weight, cell, key)
    return Tally(mean, weight, np.bincount(key, np.square(weights), minlength=size).astype(np.float64).reshape(shape),
                 cell, key)


def cells(scores: Floats) -> tuple[Counts, Floats]:
    """The cell of each score in [0, 1], (n,), and the mean score of each cell, (c,), rising."""
    if scores.size <= EXACT:
        distinct, cell = np.unique(scores, return_inverse=True)
        return np.asarray(cell, dtype=np.int64), distinct
    inside = np.clip(scores, EDGE, 1 - EDGE)
    odds = np.log(inside / (1 - inside))
    place = ((odds + 35) * PER_LOGIT).astype(np.int64)
    n = np.bincount(place)
    filled = n > 0
    mean = np.bincount(place, weights=scores)[filled] / n[filled]
    return (np.cumsum(filled) - 1)[place], np.clip(mean, 0, 1)
