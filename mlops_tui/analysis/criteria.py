"""Whether a measured value meets a criterion, judged on its confidence bound rather than on the point."""

from dataclasses import dataclass
from enum import StrEnum

from mlops_tui.analysis.interval import Estimate


class Verdict(StrEnum):
    """How a value stands against its limits."""

    MET = "met"
    NOT_MET = "not met"
    UNDECIDED = "undecided"
    TOO_FEW = "too few rows"


@dataclass(frozen=True)
class Criterion:
    """A metric and the limits it must keep, of at least `min_rows` rows."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    min_rows: int = 0


@dataclass(frozen=True)
class Judgement:
    """A verdict with the reason in words."""

    verdict: Verdict
    reason: str


def judge(criterion: Criterion, measured: Estimate) -> Judgement:
    """Met where the whole interval keeps every limit, not met where all of it breaks one, else undecided.

    Fewer rows than `min_rows` is its own verdict, before any value is looked at. A missing value or interval is
    undecided, never met. ValueError where the criterion has no limit, or its limits contradict each other.

    >>> judge(Criterion("roc_auc", at_least=0.70), Estimate("roc_auc", 0.74, 0.71, 0.77, 5000)).verdict
    <Verdict.MET: 'met'>
    """
    least, most = criterion.at_least, criterion.at_most
    if least is None and most is None:
        raise ValueError(f"the criterion on {criterion.metric} has neither at_least nor at_most")
    if least is not None and most is not None and least > most:
        raise ValueError(f"the criterion on {criterion.metric} asks for at least {least} and at most {most}")
    if measured.n < criterion.min_rows:
        return Judgement(Verdict.TOO_FEW, f"{measured.n} rows, needs {criterion.min_rows}")
    if measured.value is None or measured.low is None or measured.high is None:
        return Judgement(Verdict.UNDECIDED, measured.reason or "no interval")
    bounds = f"{measured.value:.4g} [{measured.low:.4g}, {measured.high:.4g}]"
    if least is not None and measured.high < least:
        return Judgement(Verdict.NOT_MET, f"{bounds} is below {least:g}")
    if most is not None and measured.low > most:
        return Judgement(Verdict.NOT_MET, f"{bounds} is above {most:g}")
    if (least is None or measured.low >= least) and (most is None or measured.high <= most):
        return Judgement(Verdict.MET, f"{bounds} keeps {_limits(least, most)}")
    return Judgement(Verdict.UNDECIDED, f"{bounds} crosses {_limits(least, most)}")


def _limits(least: float | None, most: float | None) -> str:
    limits = (("≥", least), ("≤", most))
    return " and ".join(f"{sign} {limit:g}" for sign, limit in limits if limit is not None)
