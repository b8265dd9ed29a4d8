"""Which parts of the rows carry the cost, or the wrong answers, that the scores did not foresee."""

from dataclasses import dataclass

import numpy as np

from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.cost import Costs
from mlops_tui.analysis.interval import student_quantile
from mlops_tui.analysis.shiftkinds import Signals
from mlops_tui.errors import BadInput
from mlops_tui.models.worth import money
from mlops_tui.monitoring._why_rows import Compared, Side
from mlops_tui.view import Row

FEWEST = 30  # rows of a value, on either side


@dataclass(frozen=True)
class Segments:
    """A row for each value of each slice, the largest excess first; the first row is of all rows."""

    rows: tuple[Row, ...]
    unit: str


def segments(case: Compared, then: Signals, now: Signals) -> Segments:
    """Excess a day: what decisions cost beyond what the scores foresaw, less what they did so beforehand.

    A decision at probability p foresees p times the cost of a yes and 1 − p times that of a no. Means over days of
    both sides, Welch's t, at 5 % for all values together (Bonferroni). Where nothing says what a mistake is worth,
    each counts one.
    """
    try:
        costs, unit = money(case.model)
    except BadInput:
        costs, unit = Costs(1.0, 1.0), "mistakes"
    beyond = _beyond(case.now, now, case.model.threshold, costs), _beyond(case.then, then, case.model.threshold, costs)
    values = [("", "all rows", np.ones(case.now.label.size, dtype=bool), np.ones(case.then.label.size, dtype=bool))]
    for column, there in case.now.slices.items():
        if column in case.then.slices:
            before = case.then.slices[column]
            values += [(column, str(value), there == value, before == value) for value in np.unique(there)]
    values = [each for each in values if min(each[2].sum(), each[3].sum()) >= FEWEST]
    level = 1 - 0.05 / max(1, len(values) - 1)
    rows = [_row(column, value, (beyond[0] * mine, beyond[1] * theirs), (mine, theirs), case,
                 0.95 if not column else level) for column, value, mine, theirs in values]
    rows[1:] = sorted(rows[1:], key=lambda row: -abs(float(str(row["excess"]))))
    return Segments(tuple(rows), unit)


def _beyond(side: Side, expected: Signals, threshold: float, costs: Costs) -> Floats:
    """What each decision cost, less what its score foresaw."""
    flagged, late, p = side.score >= threshold, side.label.astype(bool), expected.probability
    yes = np.where(flagged, costs.true_positive, costs.false_negative)
    no = np.where(flagged, costs.false_positive, costs.true_negative)
    return np.asarray(np.where(late, yes, no) - p * yes - (1 - p) * no, dtype=np.float64)


def _row(column: str, value: str, beyond: tuple[Floats, Floats], chosen: tuple[Floats, Floats], case: Compared,
         level: float) -> Row:
    """The excess a day of some rows: their mean now less that of then, times how many a day there are now."""
    means, variances, groups, a_day = [], [], [], 0.0
    for side, values, mine in zip((case.now, case.then), beyond, chosen, strict=True):
        days, place = np.unique(side.day, return_inverse=True)
        total, count = np.bincount(place, values), np.bincount(place, mine)
        mean = float(total.sum() / count.sum())
        pull = (total - mean * count) / count.sum()
        means.append(mean)
        variances.append(float(pull @ pull) * days.size / (days.size - 1))
        groups.append(days.size)
        a_day = a_day or float(count.sum() / days.size)
    df = sum(variances) ** 2 / sum(each**2 / (n - 1) for each, n in zip(variances, groups, strict=True))
    half = student_quantile(df, level) * sum(variances) ** 0.5 * a_day
    excess = (means[0] - means[1]) * a_day
    return {"slice": f"{column}={value}" if column else value, "excess": excess, "low": excess - half,
            "high": excess + half, "rows_a_day": a_day, "sure": bool(abs(excess) > half)}
