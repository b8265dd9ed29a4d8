"""What kind of change lies between two samples of scored and labelled rows: label shift, feature drift, concept drift.

Of score s and outcome y, label shift leaves P(s|y) as it was and multiplies the odds of y by one factor at every score
(Saerens, Latinne & Decaestecker 2002, Neural Comput. 14:21; Lipton, Wang & Smola 2018, ICML, §3); feature drift
(covariate shift; Shimodaira 2000, J. Stat. Plan. Inference 90:227) leaves P(y|s) as it was, where the score tells all
that the features do; a change of how outcomes follow the score that one factor does not describe is neither, and is
called concept drift (Moreno-Torres et al. 2012, Pattern Recognit. 45:521). Three contrasts tell them apart:

    odds    the log factor by which the odds of yes at a given score have grown: 0 but for label shift, and for concept
            drift, which it is where the share of yes did not move alike
    slope   how much steeper the log odds rise with the score, 1 being as before: 0 but for concept drift
    within  P(a score of now is above one of then | same outcome) − ½, mean of both outcomes: 0 but for feature drift
            (and for concept drift, beside which the scores of all rows must have moved as well to say so)

Rows of a day vary together, so days are counted: leave-one-day-out (Bell & McCaffrey 2002, Surv. Methodol. 28:169;
MacKinnon, Nielsen & Webb 2023, J. Appl. Econom. 38:671), Student's t with Satterthwaite's degrees of freedom, at 5 %
for the three together (Bonferroni).

What it cannot tell: a factor on the odds of all rows alike is called label shift though features may not have moved at
all, since the same correction mends it; a feature that drifts and that the model reads wrongly looks like either of the
other two. Days that are like the day before count as independent: simulated, 30 days and 7 or 28 without a change are
given a name in 1 to 6 % of windows where they are not alike, in 16 to 22 % where they are by 0.5, in 40 to 49 % by 0.8.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import tails
from mlops_tui.analysis.arrays import Bools, Counts, Floats, probabilities
from mlops_tui.analysis.calibration import logit
from mlops_tui.analysis.interval import student_quantile
from mlops_tui.analysis.logistic import NoOptimum, logistic

FEWEST_DAYS, FEWEST_OUTCOMES = 5, 20
LEVEL = 1 - 0.05 / 3  # of each of three contrasts
MOST_ROWS, MOST_BLOCKS = 200_000, 40
Kind = Literal["label shift", "feature drift", "concept drift"]


@dataclass(frozen=True)
class Limits:
    """The smallest change of each contrast that matters: of log odds, of slope, of P(above)."""

    odds: float = 0.25
    slope: float = 0.25
    within: float = 0.05


@dataclass(frozen=True)
class Sample:
    """Labels 0/1, scores in [0, 1] and the day of each row, (n,)."""

    labels: npt.NDArray[np.generic]
    scores: Floats
    days: npt.NDArray[np.generic]


@dataclass(frozen=True)
class Change:
    """An estimate with its interval; `limit` is the smallest that matters, None where none is set."""

    estimate: float
    low: float
    high: float
    limit: float | None = None

    @property
    def state(self) -> Literal["moved", "stable", "unclear"]:
        """Moved: surely not 0, and by the limit or more. Stable: surely within the limit."""
        limit = self.limit or 0.0
        if (self.low > 0 or self.high < 0) and abs(self.estimate) >= limit:
            return "moved"
        return "stable" if -limit <= self.low and self.high <= limit else "unclear"


@dataclass(frozen=True)
class Kinds:
    """What changed between reference and current rows, or the `reason` why that cannot be said.

    `share` is the change of the share of yes; it is the sum of `foreseen`, what the scores said of it by the curve of
    the reference, and `rest` (Kitagawa 1955, JASA 50:1168). `auc` is the ROC AUC now, `expected_auc` what it would be
    were outcomes to follow these scores as they did, and `auc_gap` their difference: an AUC also falls where cases have
    become more alike. `prior_if_label` is the share of yes that the scores alone say there is, if it is label shift
    (Lipton et al. 2018: the mean score lies between those of either outcome).
    """

    kinds: tuple[Kind, ...] = ()
    reason: str = ""
    odds: Change | None = None
    slope: Change | None = None
    within: Change | None = None
    scores: Change | None = None
    share: Change | None = None
    foreseen: Change | None = None
    rest: Change | None = None
    auc: float | None = None
    expected_auc: float | None = None
    auc_gap: Change | None = None
    prior_if_label: float | None = None
    days: tuple[int, int] = (0, 0)
    rows: tuple[int, int] = (0, 0)

    @property
    def unclear(self) -> tuple[str, ...]:
        """The contrasts of which it is not known whether they moved."""
        named = (("odds", self.odds), ("slope", self.slope), ("within", self.within))
        return tuple(name for name, each in named if each is not None and each.state == "unclear")

    @property
    def settled(self) -> bool:
        """Whether there is an answer: a kind, or that nothing changed that matters."""
        return not self.reason and (bool(self.kinds) or not self.unclear)


def kinds(reference: Sample, current: Sample, limits: Limits | None = None) -> Kinds:
    """Tell label shift, feature drift and concept drift apart; at least 5 days and 20 outcomes of each kind per side.

    Of more than 200,000 rows a side, every k-th is used; of more than 40 days, neighbours are counted as one.
    ValueError as `probabilities`.
    """
    sides = _Side.of(reference), _Side.of(current)
    counted = Kinds(days=(sides[0].groups, sides[1].groups), rows=(sides[0].y.size, sides[1].y.size))
    for side, where in zip(sides, ("to compare with", "now"), strict=True):
        if reason := side.lacks(where):
            return Kinds(reason=reason, days=counted.days, rows=counted.rows)
    try:
        return _told(*sides, limits or Limits())
    except NoOptimum as problem:
        return Kinds(reason=f"outcomes do not follow the score in any way that can be fitted: {problem}",
                     days=counted.days, rows=counted.rows)


@dataclass(frozen=True)
class _Side:
    """One sample: outcomes, scores, number of each row's day, and the columns of a calibration curve (n, 3)."""

    y: Bools
    s: Floats
    day: Counts
    columns: Floats
    groups: int

    @classmethod
    def of(cls, sample: Sample, every: int = 0) -> "_Side":
        every = every or -(-len(sample.scores) // MOST_ROWS) or 1
        y, s = (np.empty(0, dtype=np.bool_), np.empty(0)) if not len(sample.scores) else \
            probabilities(sample.labels[::every], sample.scores[::every])
        names, day = np.unique(np.asarray(sample.days)[::every], return_inverse=True)
        groups = min(names.size, MOST_BLOCKS)
        inside = np.clip(s, 1e-6, 1 - 1e-6)
        columns = np.column_stack([np.ones(s.size), np.log(inside), -np.log1p(-inside)])
        return cls(y, s, day.astype(np.int64) * groups // max(names.size, 1), columns, groups)

    def lacks(self, where: str) -> str:
        if self.groups < FEWEST_DAYS:
            return f"outcomes of {self.groups} days {where} are known, {FEWEST_DAYS} are needed"
        rare = int(min(self.y.sum(), self.y.size - self.y.sum()))
        if rare < FEWEST_OUTCOMES:
            return f"{rare} rows {where} have the rarer outcome, {FEWEST_OUTCOMES} are needed"
        return ""


@dataclass(frozen=True)
class Signals:
    """What each row says of each contrast, (n,), given what is expected of it by the reference: means of 0 beforehand.

    `probability` is that of yes by the reference's curve.
    """

    probability: Floats
    odds: Floats
    slope: Floats
    within: Floats


def signals(reference: Sample, rows: Sample) -> Signals:
    """Row by row what `kinds` counts, for a look at when it began. ValueError and NoOptimum as there."""
    then, now = _Side.of(reference), _Side.of(rows, every=1)
    line = now.columns @ _Curve(then).beta
    p = tails.expit(line)
    place = np.zeros(now.s.size)
    for outcome in (False, True):
        place[now.y == outcome] = _placed(now.s[now.y == outcome], then.s[then.y == outcome]) - 0.5
    return Signals(p, now.y - p, (now.y - p) * (line - line.mean()), place)


def _told(then: _Side, now: _Side, limits: Limits) -> Kinds:
    curve = _Curve(then)
    order = np.argsort(now.s, kind="stable")
    ends = np.unique(now.s[order], return_index=True)[1]
    every = np.ones(now.y.size, dtype=np.bool_)

    def figures(beta: Floats, before: float, kept: Bools, start: Floats) -> Floats:
        """Odds, slope, share, foreseen, rest, AUC gap of the kept current rows by a curve of the reference."""
        line = now.columns @ beta
        p, y = tails.expit(line), now.y
        weight = kept.astype(np.float64)
        odds, slope = _line(line[kept], y[kept].astype(np.float64), start)
        seen, said = float(y[kept].mean()), float(p[kept].mean())
        gap = _auc(order, ends, weight * y, weight * ~y) - _auc(order, ends, weight * p, weight * (1 - p))
        return np.array([odds, slope, seen - before, said - before, seen - said, gap])

    start = np.zeros(2)
    whole = figures(curve.beta, float(then.y.mean()), every, start)
    without = np.array([figures(beta, before, every, start) for beta, before in curve.without])
    left = np.array([figures(curve.beta, float(then.y.mean()), now.day != day, start) for day in range(now.groups)])
    bounds = _jackknife(whole, without, left)
    odds, slope = bounds(0, limits.odds, LEVEL), bounds(1, limits.slope, LEVEL)
    within = _placement(then, now, (False, True), limits.within)
    scores = _placement(then, now, (None,), limits.within)
    found: list[Kind] = []
    if slope.state == "moved":
        found.append("concept drift")
    elif odds.state == "moved":
        found.append("label shift" if _by_share(odds.estimate, float(then.y.mean()), float(now.y.mean())) else
                     "concept drift")
    if within.state == "moved" and (found != ["concept drift"] or scores.state == "moved"):
        found.append("feature drift")
    means = [float(then.s[then.y == outcome].mean()) for outcome in (False, True)]
    prior = (float(now.s.mean()) - means[0]) / (means[1] - means[0]) if means[1] > means[0] else None
    expected = _auc(order, ends, *((p := tails.expit(now.columns @ curve.beta)), 1 - p))
    return Kinds(tuple(found), "", odds, slope, within, scores, bounds(2), bounds(3), bounds(4),
                 float(expected + whole[5]), float(expected), bounds(5),
                 None if prior is None else min(max(prior, 0.0), 1.0), (then.groups, now.groups),
                 (then.y.size, now.y.size))


def _by_share(odds: float, before: float, share: float) -> bool:
    """Whether the share of yes moved the same way, and by half as much or more: else no prior corrects it."""
    moved = float(np.diff(logit(np.array([before, share])))[0])
    return moved * odds > 0 and abs(moved) >= abs(odds) / 2


class _Curve:
    """The reference's calibration curve, logit P(y|s) = a + b·log s − c·log(1 − s), and that without each day."""

    def __init__(self, side: _Side) -> None:
        columns, y = side.columns, side.y.astype(np.float64)
        try:
            self.beta = logistic(columns, y).coefficients
        except NoOptimum:  # such as scores of two values: a straight line in the logit then
            line = np.column_stack([np.ones(y.size), logit(side.s)])
            a, b = logistic(line, y).coefficients
            self.beta = np.array([a, b, b])
        p = tails.expit(columns @ self.beta)
        groups = side.groups
        pull = np.stack([np.bincount(side.day, column * (y - p), groups) for column in columns.T], axis=1)
        spread = np.stack([np.stack([np.bincount(side.day, a * b * p * (1 - p), groups) for a in columns.T], axis=1)
                           for b in columns.T], axis=1)
        total, yes, rows = spread.sum(axis=0), np.bincount(side.day, y, groups), np.bincount(side.day, minlength=groups)
        self.without = [(self.beta + np.linalg.pinv(total - spread[day]) @ (pull.sum(axis=0) - pull[day]),
                         float((yes.sum() - yes[day]) / (rows.sum() - rows[day]))) for day in range(groups)]


def _line(line: Floats, y: Floats, start: Floats) -> tuple[float, float]:
    """By what the log odds of rows differ from `line`: at its mean, and by how much they are steeper."""
    centred = line - line.mean()
    columns = np.column_stack([np.ones(line.size), centred])
    beta = logistic(columns, y, offset=line).coefficients
    return float(beta[0]), float(beta[1])


def _auc(order: npt.NDArray[np.intp], ends: npt.NDArray[np.intp], yes: Floats, no: Floats) -> float:
    """ROC AUC of weighted rows in rising `order` of their scores, equal scores beginning at `ends`."""
    above, below = np.add.reduceat(yes[order], ends), np.add.reduceat(no[order], ends)
    total = above.sum() * below.sum()
    return float((above * (np.cumsum(below) - below / 2)).sum() / total) if total > 0 else 0.5


def _placement(then: _Side, now: _Side, outcomes: "tuple[bool | None, ...]", limit: float) -> Change:
    """The placement of current scores among the reference's, less ½: mean over the outcomes, None being all rows.

    Variance by days (Obuchowski 1997, Biometrics 53:567).
    """
    pull, estimate = [np.zeros(then.groups), np.zeros(now.groups)], 0.0
    for outcome in outcomes:
        one, other = (np.full(side.y.size, outcome is None) | (side.y == outcome) for side in (then, now))
        place = _placed(now.s[other], then.s[one])
        against = 1 - _placed(then.s[one], now.s[other])
        estimate += float(place.mean())
        for side, mine, values in ((0, then.day[one], against), (1, now.day[other], place)):
            pull[side] += np.bincount(mine, (values - values.mean()) / values.size, pull[side].size)
    parts = [float(each @ each) / len(outcomes) ** 2 * each.size / (each.size - 1) for each in pull]
    return _change(estimate / len(outcomes) - 0.5, parts, (then.groups, now.groups), limit, LEVEL)


def _placed(values: Floats, among: Floats) -> Floats:
    """The share of `among` below each value, equal ones counting half."""
    rising = np.sort(among)
    return np.asarray((np.searchsorted(rising, values, "left") + np.searchsorted(rising, values, "right"))
                      / (2 * among.size))


def _jackknife(whole: Floats, *sides: Floats) -> Callable[..., Change]:
    """Intervals of figures (k,) from what they are without each day of either side, (days, k)."""
    groups = [side.shape[0] for side in sides]
    parts = [np.square(side - side.mean(axis=0)).sum(axis=0) * (side.shape[0] - 1) / side.shape[0] for side in sides]

    def change(place: int, limit: float | None = None, level: float = 0.95) -> Change:
        return _change(float(whole[place]), [float(part[place]) for part in parts], groups, limit, level)

    return change


def _change(estimate: float, variances: list[float], groups: "tuple[int, int] | list[int]", limit: float | None,
            level: float) -> Change:
    """Student's t interval of a difference whose two parts have these variances, each of so many groups."""
    total = sum(variances)
    if total <= 0:
        return Change(estimate, estimate, estimate, limit)
    df = total**2 / sum(each**2 / (count - 1) for each, count in zip(variances, groups, strict=True))
    half = student_quantile(df, level) * total**0.5
    return Change(estimate, estimate - half, estimate + half, limit)
