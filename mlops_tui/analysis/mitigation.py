"""What would make groups be decided alike, and at what price: weights for training, a threshold for each group."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.fairness import Cells
from mlops_tui.analysis.proportions import paired_change

FINE = 1000  # bins of equal width between 0 and 1 in which scores are counted: thresholds are found to 0.001
Constraint = Literal["demographic_parity", "equal_opportunity", "equalized_odds"]
CONSTRAINTS: tuple[Constraint, ...] = ("demographic_parity", "equal_opportunity", "equalized_odds")


@dataclass(frozen=True)
class GroupScores:
    """The scores of one group in 1,000 bins: rows, sums of scores and of yeses, and all rows' squared gap to the label.

    Where rows do not count alike, these are sums of their weights, which are 1 on average; `worth` is then the number
    of rows that count alike which the group tells as much as.
    """

    n: Floats
    scores: Floats
    yes: Floats
    squares: float
    worth: float | None = None

    @property
    def rows(self) -> float:
        return float(self.n.sum()) if self.worth is None else self.worth

    def coarse(self, bins: int) -> tuple[Floats, Floats, Floats]:
        """Rows, scores and yeses in so many bins, which divide 1,000."""
        rows, scores, yes = (each.astype(np.float64).reshape(bins, -1).sum(axis=1)
                             for each in (self.n, self.scores, self.yes))
        return rows, scores, yes

    @property
    def turned(self) -> "GroupScores":
        """The same rows with 1 − score speaking for no."""
        n, yes = self.n[::-1], (self.n - self.yes)[::-1]
        return replace(self, n=n, scores=n - self.scores[::-1], yes=yes)

    def halved(self, draw: np.random.Generator) -> tuple["GroupScores", "GroupScores"]:
        """The rows in two halves by chance: within a bin rows of one label are alike, so it is enough to draw how many.
        """
        yes, no = (np.asarray(each).round().astype(np.int64) for each in (self.yes, self.n - self.yes))
        first = [draw.binomial(each, 0.5).astype(np.float64) for each in (yes, no)]
        other = [yes - first[0], no - first[1]]
        one, two = (GroupScores(said + rest, np.zeros_like(said), said, 0.0) for said, rest in (first, other))
        return one, two


# -- a threshold for each group -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    """How one group is decided: by the threshold `low` in a share of cases, else by `high`; and in the share `ignored`
    of cases by no score at all, with `constant` as the chance of a yes. Thresholds are numbers of bins."""

    low: int
    high: int
    share: float
    ignored: float = 0.0
    constant: float = 0.0

    def chances(self) -> Floats:
        """The chance of a yes in each bin, (1000,)."""
        at = np.arange(FINE)
        by_score = self.share * (at >= self.low) + (1 - self.share) * (at >= self.high)
        found: Floats = self.ignored * self.constant + (1 - self.ignored) * by_score
        return found


@dataclass(frozen=True)
class _Reach:
    """What thresholds reach in a group, (1001,) each: shares said yes to among all, among yes, among no; and what being
    right is worth, a hit 1 − t and a miss avoided t."""

    selection_rate: Floats
    tpr: Floats
    fpr: Floats
    worth: Floats


def _reach(group: GroupScores, t: float) -> _Reach:
    said, hit = (np.append(each[::-1].cumsum()[::-1], 0.0) for each in (group.n, group.yes))
    rows, yes = max(float(said[0]), 1e-300), float(hit[0])
    no = rows - yes
    missed = said - hit
    return _Reach(said / rows, hit / max(yes, 1e-300), missed / max(no, 1e-300),
                  ((1 - t) * hit + t * (no - missed)) / rows)


def own_rules(groups: Sequence[GroupScores], constraint: Constraint, now: int = FINE // 2) -> list[Rule] | str:
    """For each group the rule by which the constraint holds at the least cost, or why there is none.

    Costs are those by which the threshold of today, at bin `now`, is the right one of calibrated scores: t for a wrong
    yes and 1 − t for a wrong no (Elkan 2001, IJCAI, eq. 2), so that a price is one of the constraint and not of another
    taste. At 0.5 it is the share of wrong decisions.

    Randomised thresholds of Hardt, Price & Srebro (2016, NeurIPS 29, §4), as Fairlearn's ThresholdOptimizer without
    flips: on a grid of 1,001 places, each group's upper hull of what thresholds reach is mixed from two of them; for
    equalised odds the lowest of the groups' ROC hulls is taken, and groups above it are partly decided by chance.
    """
    for group in groups:
        yes, rows = float(group.yes.sum()), float(group.n.sum())
        if (constraint != "demographic_parity" and not yes) or (constraint == "equalized_odds" and yes == rows):
            return "a group has labels of one kind only"
    t, sizes = now / FINE, np.array([float(group.n.sum()) for group in groups])
    reached = [_reach(group, t) for group in groups]
    places = np.linspace(0, 1, FINE + 1)
    if constraint == "equalized_odds":
        return _equal_odds(groups, reached, places, t)
    along = [each.selection_rate if constraint == "demographic_parity" else each.tpr for each in reached]
    hulls = [_hull(x, each.worth) for x, each in zip(along, reached, strict=True)]
    worth = sum(size * np.interp(places, x[hull], each.worth[hull])
                for size, x, each, hull in zip(sizes, along, reached, hulls, strict=True))
    best = float(places[int(np.argmax(worth))])
    return [_mixed(x, hull, best) for x, hull in zip(along, hulls, strict=True)]


def _equal_odds(groups: Sequence[GroupScores], reached: Sequence[_Reach], places: Floats, t: float) -> list[Rule]:
    hulls = [_hull(each.fpr, each.tpr) for each in reached]
    tops = np.stack([np.interp(places, each.fpr[hull], each.tpr[hull])
                     for each, hull in zip(reached, hulls, strict=True)])
    lowest = tops.min(axis=0)
    yes = sum(float(group.yes.sum()) for group in groups)
    no = sum(float(group.n.sum()) for group in groups) - yes
    at = int(np.argmax((1 - t) * yes * lowest + t * no * (1 - places)))
    x, y = float(places[at]), float(lowest[at])
    found = []
    for each, hull, top in zip(reached, hulls, tops[:, at].tolist(), strict=True):
        ignored = (top - y) / (top - x) if top > x else 0.0
        found.append(replace(_mixed(each.fpr, hull, x), ignored=ignored, constant=x))
    return found


def _hull(x: Floats, y: Floats) -> list[int]:
    """The places of the upper concave hull of points (n,), in rising order of x (Andrew 1979)."""
    kept: list[int] = []
    for at in np.lexsort((y, x)).tolist():
        if kept and x[kept[-1]] == x[at]:
            kept.pop()
        while len(kept) > 1 and (x[kept[-1]] - x[kept[-2]]) * (y[at] - y[kept[-2]]) >= \
                (y[kept[-1]] - y[kept[-2]]) * (x[at] - x[kept[-2]]):
            kept.pop()
        kept.append(at)
    return kept


def _mixed(x: Floats, hull: Sequence[int], at: float) -> Rule:
    """The two thresholds of the hull between which a place lies, and how often the lower one, which says more yes."""
    above = next((number for number, each in enumerate(hull) if x[each] >= at), len(hull) - 1)
    more, less = hull[above], hull[max(above - 1, 0)]
    span = float(x[more] - x[less])
    return Rule(more, less, (at - float(x[less])) / span if span > 0 else 1.0)


@dataclass(frozen=True)
class Effect:
    """What a rule changes in a group's rows: rates before and after, and how many rows, in the mean of its chances,
    become right or wrong, gain a yes or lose one."""

    rule: Rule
    rows: float
    before: Mapping[str, float]
    after: Mapping[str, float]
    better: float
    worse: float
    gains: float
    loses: float
    cells: tuple[float, float, float, float]  # by how much true and false yeses, false and true noes become more


def effects(groups: Sequence[GroupScores], rules: Sequence[Rule], now: int) -> list[Effect]:
    """What rules change in rows that are decided at the threshold of bin `now` today."""
    found = []
    for group, rule in zip(groups, rules, strict=True):
        then, today = rule.chances(), (np.arange(FINE) >= now).astype(np.float64)
        yes, no = group.yes, group.n - group.yes
        up, down = (1 - today) * then, today * (1 - then)
        found.append(Effect(rule, float(group.n.sum()), _rates(yes, no, today), _rates(yes, no, then),
                            float(yes @ up + no @ down), float(yes @ down + no @ up), float(group.n @ up),
                            float(group.n @ down), (float(yes @ (up - down)), float(no @ (up - down)),
                                                    float(yes @ (down - up)), float(no @ (down - up)))))
    return found


def _rates(yes: Floats, no: Floats, said: Floats) -> dict[str, float]:
    def share(values: Floats) -> float:
        total = float(values.sum())
        return float(values @ said) / total if total else float("nan")

    return {"selection_rate": share(yes + no), "tpr": share(yes), "fpr": share(no)}


OF: Mapping[Constraint, tuple[str, ...]] = {"demographic_parity": ("selection_rate",), "equal_opportunity": ("tpr",),
                                            "equalized_odds": ("tpr", "fpr")}


def width(found: Sequence[Effect], constraint: Constraint, when: Callable[[Effect], Mapping[str, float]]) -> float:
    """The largest difference between groups that the constraint speaks of."""
    return max(float(np.nanmax(rates) - np.nanmin(rates)) for rates in (
        [when(each)[rate] for each in found] for rate in OF[constraint]))


def price(found: Sequence[Effect]) -> tuple[float, float, float]:
    """By how much the share of right decisions changes, with its interval."""
    rows = round(sum(each.rows for each in found))
    return paired_change(sum(each.better for each in found), sum(each.worse for each in found), rows)


# -- weights --------------------------------------------------------------------------------------------------------


def reweighing(cells: Cells) -> tuple[Floats, float]:
    """Weights (g, 2) of rows by group and label with which label and group are independent: P(g)P(y)/P(g, y) (Kamiran
    & Calders 2012, Knowl. Inf. Syst. 33:1, §3.3), NaN for cells without rows; and the share of rows that they are worth
    (Kish): the price in precision.
    """
    weights = independent(cells.sums.sum(axis=2))
    used, counts = np.nan_to_num(weights), cells.counts.sum(axis=2).astype(np.float64)
    return weights, float((counts * used).sum() ** 2 / (counts * used**2).sum() / counts.sum())


def independent(counts: Floats) -> Floats:
    """P(g)P(y)/P(g, y) of (weighted) counts (g, y), NaN for cells without rows."""
    n = counts.sum()
    expected = counts.sum(axis=1, keepdims=True) * counts.sum(axis=0, keepdims=True) / n
    weights: Floats = np.divide(expected, counts, out=np.full(counts.shape, np.nan), where=counts > 0)
    return weights
