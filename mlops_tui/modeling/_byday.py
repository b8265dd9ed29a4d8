"""What decides about a version, with intervals that count days: its test rows of one day vary together."""

from dataclasses import replace

import numpy as np

from mlops_tui.analysis.clustered import clustered
from mlops_tui.analysis.criteria import Criterion, judge
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.modeling._evaluated import Evaluated
from mlops_tui.modeling._heldout import Version
from mlops_tui.modeling._testrows import days_of
from mlops_tui.session import Session
from mlops_tui.view import Column, Row, Table, finite


def by_day(session: Session, chosen: Version, found: Evaluated) -> list[Table]:
    """Criteria on all rows, and the deciding metric; nothing where all test rows are of one day."""
    days = days_of(session, chosen)
    number = np.unique(days).size
    if number < 2:
        return []
    limits = {each.metric: each for each in chosen.model.criteria if not each.slice and each.metric in METRICS}
    rows: list[Row] = []
    for name in dict.fromkeys([*limits, found.main.metric]):
        value = clustered(replace(METRICS[name], threshold=chosen.model.threshold), found.answers, days)
        limit = limits.get(name)
        judged = judge(Criterion(name, limit.at_least, limit.at_most, limit.min_rows), value) if limit else None
        rows.append({"metric": name, "value": finite(value.value), "low": finite(value.low), "high": finite(value.high),
                     "days": number, "verdict": judged.verdict.value if judged else None, "method": value.method,
                     "reason": value.reason})
    return [Table.of("by_day", rows, "metric", Column("value", digits=4), Column("low", digits=4),
                     Column("high", digits=4), "verdict",
                     title=f"Counted by its {number} days, for rows of a day vary together")]
