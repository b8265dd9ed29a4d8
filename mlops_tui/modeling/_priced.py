"""What thresholds cost on labelled rows: the present one, the one of theory, the cheapest, and which to take."""

import math
from dataclasses import dataclass

import numpy as np

from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.analysis.capacity import at_capacity
from mlops_tui.analysis.interval import Resampling, mean_interval
from mlops_tui.analysis.threshold import (
    Cheapest,
    RowCosts,
    Saving,
    cheapest,
    cost_line,
    held_out_decisions,
    saving,
)
from mlops_tui.view import Cell, Column, Row, Series, Table, Text

PER = 1000
NAMES = {"now": "now", "theory": "in theory", "best": "chosen here, judged on other rows",
         "each": "its own for each row", "always": "one answer for all", "capacity": "at capacity"}


@dataclass(frozen=True)
class Case:
    """Labelled rows with scores, costs and the threshold in use; `probable`: the scores are probabilities."""

    labels: Bools
    scores: Floats
    costs: RowCosts
    now: float | None
    probable: bool
    unit: str
    varying: bool = False
    capacity: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Choice:
    """One way to decide: its threshold, its decisions, their costs, and what it saves beside the present threshold."""

    id: str
    threshold: float | None
    decided: Bools
    beside_now: Saving | None
    low: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Priced:
    """Every way to decide, and the one to take; `sure`: it is surely cheaper than the present threshold."""

    choices: tuple[Choice, ...]
    chosen: Choice
    best: Cheapest
    sure: bool

    def of(self, id: str) -> Choice | None:
        return next((each for each in self.choices if each.id == id), None)


def priced(case: Case) -> Priced:
    """Price the thresholds. That of theory is taken unless the one that these rows choose is surely cheaper on rows
    which did not choose it: a rule that was not fitted needs no proof. The present one stays where the other is surely
    dearer. A capacity cuts off what it cannot hold.
    """
    before = case.scores >= case.now if case.now is not None else None

    def choice(id: str, threshold: float | None, decided: Bools, **more: object) -> Choice:
        beside = saving(case.costs, before, decided) if before is not None and id != "now" else None
        return Choice(id, threshold, decided, beside, **more)  # type: ignore[arg-type]

    choices = [choice("now", case.now, before)] if before is not None else []
    best = cheapest(case.scores, case.costs, Resampling(seed=case.seed))
    found = choice("best", best.threshold, held_out_decisions(case.scores, case.costs, case.seed), low=best.low,
                   high=best.high,
                   note="other rows chose the threshold that decides a row, so it need not be the cheapest here")
    taken = found
    if case.costs.always:
        yes = case.costs.always == "yes"
        taken = choice("always", 0.0 if yes else math.inf, np.full(case.labels.size, yes),
                       note=f"{case.costs.always} is best whatever the score")
        choices.append(taken)
    elif case.probable:
        each = case.costs.threshold
        theory = float(np.median(each))
        choices.append(choice("theory", theory, case.scores >= theory,
                              note="of the median row" if case.varying else "Elkan 2001, for calibrated scores"))
        if not saving(case.costs, choices[-1].decided, found.decided).sure:
            taken = choices[-1]
        if case.varying:
            choices.append(choice("each", None, case.scores >= each, note="needs the amounts when it decides"))
    choices.append(found)
    if before is not None and taken.beside_now is not None and taken.beside_now.dearer:
        taken = choices[0]
    if case.capacity is not None and int(taken.decided.sum()) > case.capacity:
        cut = at_capacity(case.labels, case.scores, case.capacity).threshold
        taken = choice("capacity", cut, case.scores >= cut, note=f"{case.capacity:,} rows can be acted on")
        choices.append(taken)
    return Priced(tuple(choices), taken, best, taken.beside_now is not None and taken.beside_now.sure)


def table_of(case: Case, found: Priced) -> Table:
    """Each way to decide with its cost and what it saves, per 1,000 rows."""
    return Table.of("thresholds", [_row(case, each, found) for each in found.choices], "which",
                    Column("threshold", digits=3), Column("flagged", "yes", share=True), Column("cost", digits=1),
                    Column("saves", digits=1), Column("saves_low", "at least", digits=1),
                    Column("saves_high", "at most", digits=1),
                    title=f"Thresholds: a score at or above is a yes; {case.unit} per 1,000 rows")


def notes_of(found: Priced) -> Text:
    """What each way rests on."""
    return Text(" ".join(f"{NAMES[each.id].capitalize()}: {each.note}." for each in found.choices if each.note))


def _row(case: Case, each: Choice, found: Priced) -> Row:
    costs = case.costs.of(each.decided)
    bounds, beside = mean_interval(costs), each.beside_now
    saved = beside.saved if beside else None
    finite = each.threshold is not None and math.isfinite(each.threshold)
    nothing = "says no to all; " if each.threshold is not None and not finite else ""
    row: dict[str, Cell] = {
        "which": NAMES[each.id], "id": each.id, "threshold": each.threshold if finite else None,
        "threshold_low": _finite(each.low), "threshold_high": _finite(each.high),
        "flagged": float(each.decided.mean()), "cost": PER * float(costs.mean()),
        "cost_low": PER * bounds.low if bounds else None, "cost_high": PER * bounds.high if bounds else None,
        "saves": _per(saved.value if saved else None), "saves_low": _per(saved.low if saved else None),
        "saves_high": _per(saved.high if saved else None), "changed": beside.changed if beside else None,
        "taken": each is found.chosen, "note": nothing + each.note, "reason": saved.reason if saved else ""}
    return row


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _per(value: float | None) -> float | None:
    return None if value is None else PER * value


def picture_of(case: Case, found: Priced) -> list[Series]:
    """Cost by threshold with its band, thresholds marked; and the costs of the ways to decide, side by side."""
    line = cost_line(case.scores, case.costs)
    ends = np.isfinite(line.threshold)
    marks = tuple((NAMES[each.id], each.threshold) for each in found.choices
                  if each.threshold is not None and math.isfinite(each.threshold))
    curve = Series("cost", "band", tuple(line.threshold[ends].tolist()), tuple((PER * line.cost[ends]).tolist()),
                   tuple((PER * line.low[ends]).tolist()), tuple((PER * line.high[ends]).tolist()),
                   names=(f"cost of 1,000 rows, {case.unit}",), title="Cost by threshold", x_label="threshold",
                   y_label=f"{case.unit} per 1,000 rows", marks=marks)
    rows = [_row(case, each, found) for each in found.choices]
    forest = Series("choices", "interval", tuple(row["which"] for row in rows), tuple(row["cost"] for row in rows),
                    tuple(row["cost_low"] for row in rows), tuple(row["cost_high"] for row in rows),
                    title=f"Cost of 1,000 rows, {case.unit}")
    return [curve, forest]
