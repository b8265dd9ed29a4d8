"""What a model's wrong answers cost a day more than they did before."""

import math
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.cost import Costs
from mlops_tui.analysis.interval import mean_interval, student_quantile
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import BadInput
from mlops_tui.models.matured import Matured, arrivals
from mlops_tui.models.worth import money
from mlops_tui.session import Session

Floats = npt.NDArray[np.float64]
BEFORE = timedelta(days=28)
FEWEST = 3  # days on either side


def lost_a_day(session: Session, name: str, seen: Matured) -> dict[str, object] | None:
    """Cost a day of the window's decisions over that of the 28 days before, with a 95 % interval over days.

    By cost per prediction, at the window's number of predictions a day: busier days are no loss. Where fewer than three
    days before are known, over answers that are all right. None where the model declares neither costs nor value.
    """
    model = session.declared().model(name)
    try:
        costs, unit = money(model)
    except BadInput:
        return None
    if model.task != "binary" or seen.n == 0:
        return None
    now = _per_row(seen, model, costs)
    if now.size < FEWEST:
        return None
    start = seen.bounds[0]
    before = _per_row(arrivals(session, name, (start - BEFORE, start)).seen(session.now(), (start - BEFORE, start)),
                      model, costs)
    a_day = seen.n / now.size
    value, half = _excess(now, before) if before.size >= FEWEST else _above_none(seen, now, model, costs)
    return {"value": value * a_day, "low": (value - half) * a_day, "high": (value + half) * a_day, "unit": unit,
            "than": "the 28 days before" if before.size >= FEWEST else "answers that are all right"}


def _per_row(seen: Matured, model: Model, costs: Costs) -> Floats:
    """The mean cost of a day's predictions, (days,)."""
    if seen.n == 0:
        return np.zeros(0)
    day = np.unique(seen.day, return_inverse=True)[1]
    return np.asarray(np.bincount(day, _each(seen, model, costs)) / np.bincount(day))


def _each(seen: Matured, model: Model, costs: Costs) -> Floats:
    yes, late = seen.score >= model.threshold, seen.label == 1
    return np.where(yes, np.where(late, costs.true_positive, costs.false_positive),
                    np.where(late, costs.false_negative, costs.true_negative)).astype(np.float64)


def _excess(now: Floats, before: Floats) -> tuple[float, float]:
    """The difference of two means of days and half of its interval (Welch 1947, Biometrika 34:28)."""
    parts = np.array([now.var(ddof=1) / now.size, before.var(ddof=1) / before.size])
    if not parts.sum() > 0:
        return float(now.mean() - before.mean()), 0.0
    df = float(parts.sum() ** 2 / (parts[0] ** 2 / (now.size - 1) + parts[1] ** 2 / (before.size - 1)))
    return float(now.mean() - before.mean()), student_quantile(df, 0.95) * math.sqrt(float(parts.sum()))


def _above_none(seen: Matured, now: Floats, model: Model, costs: Costs) -> tuple[float, float]:
    """The mean cost of a day over that of right answers, and half of its interval."""
    right = float(np.where(seen.label == 1, costs.true_positive, costs.true_negative).mean())
    found = mean_interval(now)
    return float(now.mean()) - right, (found.high - found.low) / 2 if found is not None else 0.0
