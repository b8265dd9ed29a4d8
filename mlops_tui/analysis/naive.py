"""Forecasts that need no model: the last outcome that was known, and the one a season before."""

import numpy as np

from mlops_tui.analysis.arrays import Bools, Counts, Floats

NONE = -1  # no row was known


def last_known(start: Counts, known: Counts, series: Counts) -> Counts:
    """For each row the newest row of its series whose outcome was known by then, or -1; row numbers, (n,).

    `start` is when a row is asked about and `known` when its outcome is, whole numbers of one unit; a row knows none of
    its own start. Of several with the same start the last in order counts. `series` numbers from 0. O(n log n).
    """
    return _newest(start, np.maximum(known, start + 1), start, series)


def season_before(start: Counts, known: Counts, series: Counts, season: int, clock: Counts | None = None) -> Counts:
    """For each row the row of its series at that time one season ago, or -1 where there is none; row numbers, (n,).

    That is the newest at or before it, by less than a season. Where its outcome was not known yet by the row's start it
    is the one two seasons ago, and so on, at most one season further back than any outcome takes to be known. `clock`
    counts the seasons instead of `start`, such as local time, so that noon stays noon. ValueError: no season.
    """
    if season <= 0:
        raise ValueError(f"a season takes some time, not {season}")
    if start.size == 0:
        return np.empty(0, dtype=np.int64)
    time = start if clock is None else clock
    found = np.full(start.size, NONE, dtype=np.int64)
    for back in range(1, int((known - start).max()) // season + 3):
        asked = time - back * season
        row = _newest(time, time, asked, series)
        fresh = (row != NONE) & (time[row] > asked - season) & (known[row] <= start) & (start[row] < start)
        found = np.where((found == NONE) & fresh, row, found)
    return found


def _newest(start: Counts, since: Counts, asked: Counts, series: Counts) -> Counts:
    """For each time asked the row of that series with the largest start among those with since <= asked, or -1."""
    n = start.size
    order = np.argsort(start, kind="stable")
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(1, n + 1)
    told = np.concatenate([rank, np.zeros(n, dtype=np.int64)])  # what a row tells; a question tells nothing
    of = np.concatenate([series, series]).astype(np.int64)
    at = np.concatenate([since, asked])
    question = np.repeat([0, 1], n)
    sequence = np.lexsort((question, at, of))
    running = np.maximum.accumulate(of[sequence] * (n + 1) + told[sequence]) - of[sequence] * (n + 1)
    newest = np.empty(2 * n, dtype=np.int64)
    newest[sequence] = running
    found = newest[n:]
    return np.where(found > 0, order[np.maximum(found, 1) - 1], NONE)


def forecast(values: Floats, found: Counts, instead: Floats | float) -> Floats:
    """The value of the row found for each row; `instead` where none was, (n,)."""
    return np.where(found == NONE, instead, values[np.maximum(found, 0)])


def mase_scale(values: Floats, found: Counts, rows: Bools, weight: Floats | None = None) -> float | None:
    """The mean absolute error of a naive forecast on its own training rows: what MASE divides by.

    Hyndman & Koehler 2006, Int. J. Forecasting 22:679, with the seasonal forecast where there is a season. None where
    no such row had an earlier one, or none ever differed from it.
    """
    used = rows & (found != NONE)
    if not used.any():
        return None
    errors = np.abs(values[used] - values[found[used]])
    scale = float(np.average(errors, weights=None if weight is None else weight[used]))
    return scale if scale > 0 else None
