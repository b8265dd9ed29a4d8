"""What two columns say together that neither says alone: a table of residuals, less its rows and columns."""

import math

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Bools, Floats

Codes = npt.NDArray[np.int64]
ROUNDS = 100


def bins_for(n: int) -> int:
    """Bins of one column so that a cell of two columns' table holds about 20 of n rows: between 2 and 16.

    >>> [bins_for(n) for n in (100, 2000, 100_000)]
    [2, 10, 16]
    """
    return max(2, min(16, math.isqrt(n // 20)))


def quantile_bins(values: Floats, fitting: Bools, bins: int) -> Codes:
    """The bin of each of (n,) values by quantiles of the rows to fit on; NaN has one of its own, numbered `bins`."""
    known = values[fitting & np.isfinite(values)]
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins)) if known.size else np.empty(0)
    # a value that is an edge belongs to the bin above it, so that a column of 0 and 1 has two bins
    return np.where(np.isnan(values), bins, np.searchsorted(edges, values, side="right")).astype(np.int64)


def term(first: Codes, second: Codes, residuals: Floats, fitting: Bools) -> Floats:
    """The pure interaction K of two binned columns in (n,) residuals, for every row (n,), in their unit.

    Means of the cells in the rows to fit on, less the best additive fit of the two columns (weighted by rows: purified
    as in Lengerich et al. 2020, AISTATS, so that main effects that a model missed do not enter, however the columns
    are correlated), shrunk by empirical Bayes: a cell of n rows keeps τ²/(τ² + σ²/n), with τ² = max(0, weighted mean
    square of the cells − σ²·(cells − rows − columns + 1)/N). A cell without rows gets 0.
    """
    rows, columns = int(first.max()) + 1, int(second.max()) + 1
    cell = first * columns + second
    n = np.bincount(cell[fitting], minlength=rows * columns).reshape(rows, columns).astype(np.float64)
    total = np.bincount(cell[fitting], residuals[fitting], rows * columns).reshape(rows, columns)
    mean = np.divide(total, n, out=np.zeros_like(total), where=n > 0)
    pure = _purified(mean, n)
    every, used = n.sum(), int((n > 0).sum())
    within = residuals[fitting] - mean.ravel()[cell[fitting]]
    spare = max(1.0, every - used)
    noise = float((within ** 2).sum() / spare)
    free = max(0, used - int((n.sum(axis=1) > 0).sum()) - int((n.sum(axis=0) > 0).sum()) + 1)
    signal = max(0.0, float((n * pure ** 2).sum() / every) - noise * free / every)
    if not signal:
        return np.zeros(residuals.size)
    kept = np.divide(signal * n, signal * n + noise, out=np.zeros_like(n), where=n > 0)
    return np.asarray((pure * kept).ravel()[cell], dtype=np.float64)


def _purified(mean: Floats, n: Floats) -> Floats:
    """Cell means less row and column effects (r, c): the residual of the additive fit, by backfitting."""
    left = np.where(n > 0, mean, 0.0)
    for _ in range(ROUNDS):
        before = left.copy()
        for axis in (1, 0):
            weight = n.sum(axis=axis, keepdims=True)
            effect = np.divide((left * n).sum(axis=axis, keepdims=True), weight, out=np.zeros_like(weight),
                               where=weight > 0)
            left = np.where(n > 0, left - effect, 0.0)
        if np.abs(left - before).max() < 1e-12:
            break
    return left
