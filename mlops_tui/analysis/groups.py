"""Decisions counted for all groups in one pass, and every rate of every group read off the counts."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Bools, Counts, Floats, binary, finite
from mlops_tui.analysis.confusion import Confusion, decision_rule

Codes = npt.NDArray[np.int64]

NARROW = 1 << 20  # span of whole numbers up to which they are their own codes, without a sort


@dataclass(frozen=True)
class Grouped:
    """The four cells of each of g groups, (4, g): true and false positives, false and true negatives; and their names.

    Groups without rows are not there.
    """

    names: npt.NDArray[np.generic]
    cells: Counts

    @property
    def rows(self) -> Counts:
        return np.asarray(self.cells.sum(axis=0))

    @property
    def positives(self) -> Counts:
        return np.asarray(self.cells[0] + self.cells[2])

    def rate(self, metric: str) -> Floats:
        """A metric of `confusion.DECISIONS` or `confusion.RATES` in each group, (g,), NaN where it is undefined there.

        KeyError for another one.
        """
        return decision_rule(metric).value(self.cells.astype(np.float64))

    def confusion(self, group: int) -> Confusion:
        """The confusion matrix of the group of that number."""
        return Confusion(*(int(count) for count in self.cells[:, group]))


def coded(names: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.generic], Codes]:
    """The distinct values of (n,) texts, whole numbers or booleans, rising, and the number of each row's (n,).

    As numpy.unique with its inverse, without sorting the rows: whole numbers of a narrow span are their own codes, and
    texts are numbered by a 64-bit hash, which is then compared with the texts themselves, so it is never wrong.
    """
    if names.dtype.kind in "iu" and names.size and (span := int(names.max()) - int(names.min())) < NARROW:
        return _narrow(names, span)
    if names.dtype.kind == "U" and names.size:
        found = _hashed(np.ascontiguousarray(names))
        if found is not None:
            return found
    distinct, codes = np.unique(names, return_inverse=True)
    return distinct, codes.astype(np.int64).ravel()


def _narrow(names: npt.NDArray[np.generic], span: int) -> tuple[npt.NDArray[np.generic], Codes]:
    least = names.min()
    offset = (names - least).astype(np.int64)
    present = np.bincount(offset, minlength=span + 1) > 0
    return (np.flatnonzero(present) + least).astype(names.dtype), (np.cumsum(present) - 1)[offset]


def _hashed(names: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.generic], Codes] | None:
    """Texts numbered by hash; None where two of them share one."""
    hashed = _hash(names.view(np.uint32).reshape(names.size, -1))
    keys = np.sort(np.unique(hashed))
    codes = np.searchsorted(keys, hashed)
    first = np.full(keys.size, names.size, np.int64)
    first[codes[::-1]] = np.arange(names.size)[::-1]
    distinct = names[first]
    if not np.array_equal(distinct[codes], names):
        return None
    order = np.argsort(distinct)
    rank = np.empty(order.size, np.int64)
    rank[order] = np.arange(order.size)
    return distinct[order], rank[codes]


def _hash(letters: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint64]:
    """A 64-bit hash of (n, length) code points, (n,)."""
    hashed = np.zeros(len(letters), np.uint64)
    for column in range(letters.shape[1]):
        hashed = hashed * np.uint64(0x9E3779B97F4A7C15) + letters[:, column]
        hashed ^= hashed >> np.uint64(29)
    return hashed


def counted(labels: Bools, flagged: Bools, codes: Codes, groups: int) -> Counts:
    """Rows by cell and group, (4, groups), of labels, decisions and codes from 0, (n,), in one pass."""
    cell = codes * 4
    cell += labels
    cell += labels
    cell += flagged
    by_cell = np.bincount(cell, minlength=4 * groups).reshape(groups, 4)
    return np.ascontiguousarray(by_cell[:, [3, 1, 2, 0]].T)


def by_group(
    labels: npt.ArrayLike, scores: npt.ArrayLike, names: npt.ArrayLike, threshold: float = 0.5
) -> Grouped:
    """Decisions `score ≥ threshold` of labels 0/1, counted in each group of `names`, all (n,), groups in rising order.

    ValueError for NaN scores, other labels, unequal lengths, or no rows.
    """
    y, s, groups = binary(labels), finite(scores), np.asarray(names)
    if not y.size == s.size == groups.size or y.size == 0:
        raise ValueError(f"{y.size} labels, {s.size} scores and {groups.size} groups")
    distinct, codes = coded(groups)
    return Grouped(distinct, counted(y, s >= threshold, codes, distinct.size))
