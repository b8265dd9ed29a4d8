"""The arrays that the statistics take, checked once: labels are true or false, scores are finite numbers."""

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]


def binary(labels: npt.ArrayLike) -> Bools:
    """Labels (n,) as booleans; ValueError says which values were seen where they are not 0 and 1."""
    values = np.asarray(labels)
    if values.ndim != 1:
        raise ValueError(f"labels must be one column, not of shape {values.shape}")
    if values.dtype == np.bool_:
        return values
    if values.dtype.kind not in "iuf":
        raise ValueError(f"labels must be 0 or 1, seen: {_seen(values)}")
    positive: Bools = values == 1
    if not bool(np.all(positive | (values == 0))):
        raise ValueError(f"labels must be 0 or 1, seen: {_seen(values)}")
    return positive


def finite(scores: npt.ArrayLike) -> Floats:
    """Scores (n,) as float64; ValueError names the first row (from 0) that is not a finite number."""
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"scores must be one column, not of shape {values.shape}")
    usable = np.isfinite(values)
    if not usable.all():
        first = int(np.argmin(usable))
        raise ValueError(f"{int(values.size - usable.sum())} scores are not finite, the first in row {first}")
    return values


def labelled(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Bools, Floats]:
    """Labels and scores of the same rows, at least one; ValueError otherwise."""
    y, s = binary(labels), finite(scores)
    if y.size != s.size:
        raise ValueError(f"{y.size} labels but {s.size} scores")
    if y.size == 0:
        raise ValueError("no rows")
    return y, s


def two_classes(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Bools, Floats]:
    """As `labelled`, with rows of both classes; ValueError says which one is missing."""
    y, s = labelled(labels, scores)
    positives = int(y.sum())
    if positives in {0, y.size}:
        raise ValueError(f"only one class: all {y.size} labels are {int(y[0])}")
    return y, s


def probabilities(labels: npt.ArrayLike, scores: npt.ArrayLike) -> tuple[Bools, Floats]:
    """As `labelled`, with scores in [0, 1]; ValueError names the first row (from 0) outside."""
    y, p = labelled(labels, scores)
    outside = (p < 0) | (p > 1)
    if outside.any():
        first = int(np.argmax(outside))
        raise ValueError(f"{int(outside.sum())} scores lie outside [0, 1], the first in row {first}: {p[first]:g}")
    return y, p


def shares(weights: npt.ArrayLike, rows: int) -> Floats:
    """Each row's share of the whole weight, (n,) to (n,), adding up to 1; the unit of the weights does not matter.

    ValueError names the first row (from 0) with a weight that is negative or not finite; also for another number of
    weights than rows, and where no weight is positive.
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != (rows,):
        raise ValueError(f"{rows} rows but weights of shape {w.shape}")
    usable = np.isfinite(w) & (w >= 0)
    if not usable.all():
        first = int(np.argmin(usable))
        raise ValueError(f"weights are finite and not negative, in row {first}: {w[first]:g}")
    largest = w.max(initial=0.0)
    if largest == 0:
        raise ValueError("no row has a positive weight")
    scaled = w / largest  # a sum of weights near the largest float would be infinite
    return np.asarray(scaled / scaled.sum())


def kish(share: Floats) -> float:
    """Kish's effective number of rows of shares of weight, (Σw)²/Σw² (Kish 1965, Survey Sampling, §11.7)."""
    return float(share.sum() ** 2 / np.square(share).sum())


def _seen(values: npt.NDArray[np.generic], most: int = 5) -> str:
    """A few of the distinct values, for a message; NaN and None are counted as values."""
    distinct = list(dict.fromkeys(repr(v) for v in values[:10_000].tolist()))
    return ", ".join(distinct[:most]) + (", …" if len(distinct) > most else "")
