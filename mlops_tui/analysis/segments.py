"""Parts of the rows on which one model is worse than another, told from chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.clustered import reckoned
from mlops_tui.analysis.groups import coded
from mlops_tui.analysis.interval import Contrast, Estimate
from mlops_tui.analysis.metrics import Metric
from mlops_tui.analysis.multiplicity import holm
from mlops_tui.analysis.paired import linear_t
from mlops_tui.analysis.significance import ALPHA, Verdict, turned
from mlops_tui.analysis.slices import FEWEST, FEWEST_OF_CLASS, MOST

UNSURE = Verdict.INCONCLUSIVE


@dataclass(frozen=True)
class Segment:
    """The rows with one value of a column: the metric of both models on them, and the second one's lead.

    `lead` is above 0 where the second is better, whatever the metric. `p_adjusted` is Holm's over all segments that
    were tested. Without a test `reason` says why: too few rows, or what is undefined on them.
    """

    column: str
    name: str
    n: int
    before: Estimate | None = None
    after: Estimate | None = None
    lead: Contrast | None = None
    p_adjusted: float | None = None
    verdict: Verdict = UNSURE
    reason: str = ""

    @property
    def tested(self) -> bool:
        return self.p_adjusted is not None


def segments(metric: Metric, before: Answers, after: Answers, columns: Mapping[str, npt.NDArray[np.str_]],
             alpha: float = ALPHA) -> tuple[Segment, ...]:
    """Two models' answers on the same rows, compared on each value of each column: the worst first, the untested last.

    The lead is `linear_t`'s on the rows of the segment alone: for a mean over rows the paired t test, else to first
    order; by groups where rows vary together. Worse or better where Holm's p over all segments tested is at most
    alpha. A segment is tested where it has 30 (effective) rows, and 10 of each class where labels are yes or no; of a
    column of more than 100 values the largest 100. Columns as text, (n,). ValueError for other rows of the two.
    """
    if not np.array_equal(before.label, after.label):
        raise ValueError("the models answered on different rows")
    found = []
    for column, texts in columns.items():
        names, of = coded(texts)
        largest = np.argsort(-np.bincount(of), kind="stable")[:MOST]
        found += [_segment(metric, (before, after), column, str(names[number]), of == number) for number in largest]
    p_values = [each.lead.p_value for each in found if each.lead is not None and each.lead.p_value is not None]
    adjusted = iter(holm(p_values).tolist() if p_values else [])
    judged = [_judged(each, each.lead, next(adjusted), alpha)
              if each.lead is not None and each.lead.p_value is not None else each for each in found]
    return tuple(sorted(judged, key=_rank))


def _segment(metric: Metric, models: tuple[Answers, Answers], column: str, name: str,
             inside: npt.NDArray[np.bool_]) -> Segment:
    before, after = (each.of(inside) for each in models)
    made = Segment(column, name, before.n)
    if why := too_few(before):
        return replace(made, reason=why)
    try:
        found = linear_t(metric, before, after, cluster=before.clusters)
        made = replace(made, before=reckoned(metric, before), after=reckoned(metric, after))
    except ValueError as problem:
        return replace(made, reason=str(problem))
    return replace(made, lead=turned(found) if metric.higher_is_better else found, reason=found.reason)


def too_few(rows: Answers) -> str:
    """Why nothing is tested on so few rows; empty where they are enough."""
    effective = rows.effective if rows.n else 0.0
    if effective < FEWEST:
        return f"{effective:.0f} rows, {FEWEST} are needed"
    if rows.task is Task.BINARY:
        rare = int(min(rows.label.sum(), rows.n - rows.label.sum()))
        if rare < FEWEST_OF_CLASS:
            return f"{rare} rows of one class, {FEWEST_OF_CLASS} are needed"
    return ""


def _judged(each: Segment, lead: Contrast, adjusted: float, alpha: float) -> Segment:
    said = UNSURE if adjusted > alpha or lead.estimate == 0 else \
        Verdict.WORSE if lead.estimate < 0 else Verdict.BETTER
    return replace(each, p_adjusted=adjusted, verdict=said)


def _rank(each: Segment) -> tuple[bool, bool, float, int, str, str]:
    lead = each.lead.estimate if each.lead is not None else 0.0
    return not each.tested, each.verdict is not Verdict.WORSE, lead, -each.n, each.column, each.name


def worse(found: Sequence[Segment]) -> tuple[Segment, ...]:
    """Those on which the second model is surely worse."""
    return tuple(each for each in found if each.verdict is Verdict.WORSE)
