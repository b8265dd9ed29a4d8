"""Whether people who are alike are decided alike, whatever group they belong to."""

import math

import numpy as np

from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.interval import Estimate, student_quantile

NEIGHBOURS = 5
BLOCK = 500  # rows whose distances to all others are held at once


def consistency(near: Floats, decided: Floats, neighbours: int = NEIGHBOURS, most: int = 2000, seed: int = 0,
                level: float = 0.95) -> Estimate:
    """1 − mean |ŷᵢ − mean ŷ of the k rows nearest to row i|, itself among them (Zemel et al. 2013, ICML, §4; as
    AIF360's, with Euclidean distances in the columns as they are).

    Columns (n, p) and decisions 0/1 (n,). Of more than `most` rows so many are drawn. The interval is that of a mean of
    (n,) rows with their neighbours as they are. Equally near rows count in their order.
    """
    if len(decided) < neighbours:
        return Estimate("consistency", None, None, None, len(decided), reason=f"fewer than {neighbours} rows")
    if len(decided) > most:
        chosen = np.sort(np.random.default_rng(seed).choice(len(decided), most, replace=False))
        near, decided = near[chosen], decided[chosen]
    near = near - near.mean(axis=0)  # of large numbers that differ little the squares below would leave nothing
    squares = np.square(near).sum(axis=1)
    apart = np.empty(len(decided))
    for start in range(0, len(decided), BLOCK):
        rows = slice(start, start + BLOCK)
        distance = squares[rows, None] + squares[None] - 2 * near[rows] @ near.T
        nearest = np.argsort(distance, axis=1, kind="stable")[:, :neighbours]
        apart[rows] = np.abs(decided[rows] - decided[nearest].mean(axis=1))
    value, n = 1 - float(apart.mean()), apart.size
    half = student_quantile(n - 1, level) * float(apart.std(ddof=1)) / math.sqrt(n)
    return Estimate("consistency", value, max(value - half, 0.0), min(value + half, 1.0), n,
                    "t, neighbours as they are")
