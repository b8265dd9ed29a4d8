"""Whether rows of two samples can be told apart by several columns together, though no single one has moved.

A domain classifier (Friedman 2003, SLAC-PUB-10387; Lopez-Paz & Oquab 2017, ICLR): a logistic regression with a ridge
penalty learns which sample a row is of, from each column and from squares and products of columns; it is judged on days
it has not seen. Columns are ranks (mid-ranks of both samples together, as normal scores), so that no outlier and no
unit matters. An AUC of ½ means that nothing tells the samples apart.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import tails
from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.interval import student_quantile
from mlops_tui.analysis.ranks import mid_ranks

FOLDS, FEWEST_DAYS, MOST_BLOCKS = 5, 5, 60
FEWEST_TURNS = 20  # days of both samples: fewer cannot show a p-value of 0.05
MOST_TERMS, LEVELS = 250, 8  # terms of the classifier; values of a text column that have a term of their own
PENALTY = 10.0
LEVEL, ROUNDS = 0.05, 50
Column = npt.NDArray[np.generic]


@dataclass(frozen=True)
class Lean:
    """What the classifier leans on: a column, or two by their product; its share of what tells the samples apart."""

    columns: tuple[str, ...]
    share: float


@dataclass(frozen=True)
class Joint:
    """How well two samples are told apart: AUC on unseen days with interval, and p of as much without drift.

    `alone` is the AUC of the same classifier without squares and products: what single columns tell. `detectable` is
    the AUC that so many days would have shown. None with a `reason` where there are too few days.
    """

    auc: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    alone: float | None = None
    detectable: float | None = None
    leans: tuple[Lean, ...] = ()
    rows: tuple[int, int] = (0, 0)
    days: tuple[int, int] = (0, 0)
    terms: int = 0
    reason: str = ""


def ridge(columns: Floats, targets: Floats, penalty: float = PENALTY) -> Floats:
    """Intercept and coefficients (1 + k,) that minimise Σ log loss + penalty/2·|coefficients|², by Newton's method.

    `columns` (n, k), `targets` (n,) of 0 and 1, of both classes; the intercept is not penalised. It is scikit-learn's
    LogisticRegression with C = 1/penalty.
    """
    rows = np.column_stack([np.ones(targets.size), columns])
    ridge_of = np.full(rows.shape[1], penalty)
    ridge_of[0] = 0.0
    beta = np.zeros(rows.shape[1])
    beta[0] = np.log(targets.mean() / (1 - targets.mean()))
    loss = _loss(rows, targets, beta, ridge_of)
    for _ in range(ROUNDS):
        p = tails.expit(rows @ beta)
        gradient = rows.T @ (targets - p) - ridge_of * beta
        information = (rows * (p * (1 - p))[:, None]).T @ rows + np.diag(ridge_of)
        step = np.linalg.solve(information, gradient)
        if float(gradient @ step) < 1e-8:
            return np.asarray(beta + step)
        for halving in range(30):
            moved = beta + step / 2**halving
            if (now := _loss(rows, targets, moved, ridge_of)) <= loss:
                beta, loss = moved, now
                break
    return beta


def _loss(rows: Floats, targets: Floats, beta: Floats, penalty: Floats) -> float:
    line = rows @ beta
    return float((np.logaddexp(0, line) - targets * line).sum() + (penalty * beta * beta).sum() / 2)


def joint(reference: Mapping[str, Column], current: Mapping[str, Column], days: tuple[Column, Column],
          level: float = 0.95) -> Joint:
    """Tell the rows of two samples apart: the same columns of numbers (NaN missing) or texts, (n,) and (m,).

    `days` (n,) and (m,) are the days of the rows, or blocks of them: whole days are held out, since rows of a day are
    alike without any drift. The interval counts them (Obuchowski 1997, Biometrics 53:567; Student's t with
    Satterthwaite's degrees of freedom) and is rather narrow, since folds share their training days. The p-value does
    not rest on it: the days in their order, closed to a ring, are cut elsewhere, once at each day, and each cut is
    cross-fitted anew by the first Newton step (Harris 2020, arXiv:2012.06862). So days that are like the
    day before stay beside it; days dealt at random called drift in a third of null windows where they are so by 0.5.
    At least 5 days a side and 20 in all. ValueError for no columns in common.
    """
    names = [name for name in reference if name in current]
    if not names:
        raise ValueError("the samples have no column in common")
    numbers = [_blocks(each) for each in days]
    counts = tuple(int(each.max(initial=-1)) + 1 for each in numbers)
    sizes = (numbers[0].size, numbers[1].size)
    if min(counts) < FEWEST_DAYS:
        return Joint(rows=sizes, days=(counts[0], counts[1]), reason=f"{min(counts)} days on one side, {FEWEST_DAYS} "
                     "are needed to hold some out")
    if sum(counts) < FEWEST_TURNS:
        return Joint(rows=sizes, days=(counts[0], counts[1]), reason=f"{sum(counts)} days on both sides, {FEWEST_TURNS} "
                     "are needed to tell drift from days that differ")
    single = [term for name in names for term in _encoded(name, reference[name], current[name])]
    crossed = single + _products(single)
    if not single:
        return Joint(rows=sizes, days=(counts[0], counts[1]), reason="no column varies")
    target = np.repeat([0.0, 1.0], sizes)
    fold = np.concatenate(numbers) % FOLDS
    scores, beta = _unseen(crossed, target, fold)
    alone, _ = _unseen(single, target, fold)
    auc, error, df = _auc(scores, target, numbers, counts)
    half, by_chance = student_quantile(df, level) * error, _Turned(crossed, numbers, counts)
    return Joint(auc, max(0.0, auc - half), min(1.0, auc + half), by_chance.p_value,
                 _auc(alone, target, numbers, counts)[0], by_chance.detectable, _leans(crossed, beta, target), sizes,
                 (counts[0], counts[1]), len(crossed))


@dataclass(frozen=True)
class _Term:
    """A column of the classifier: which columns of the samples it is of, its values, whether it is a number's rank."""

    columns: tuple[str, ...]
    values: Floats
    ranked: bool


def _blocks(days: Column) -> npt.NDArray[np.int64]:
    """Numbers of the days from 0; of more than 60 days, neighbours are one."""
    names, place = np.unique(np.asarray(days), return_inverse=True)
    return np.asarray(place * min(names.size, MOST_BLOCKS) // max(names.size, 1), dtype=np.int64)


def _encoded(name: str, reference: Column, current: Column) -> Iterator[_Term]:
    """A number as the normal score of its rank, missing ones at 0 with a term of their own; texts by frequent value."""
    both = np.concatenate([np.asarray(reference), np.asarray(current)])
    if both.dtype.kind in "biuf":
        values = both.astype(np.float64)
        missing = np.isnan(values)
        if missing.any() and not missing.all():
            yield _Term((name,), _scaled(missing.astype(np.float64)), ranked=False)
        known = values[~missing]
        if known.size and np.ptp(known) > 0:
            score = np.zeros(values.size)
            score[~missing] = _normal((mid_ranks(known) - 0.5) / known.size)
            yield _Term((name,), _scaled(score), ranked=True)
        return
    _, place, counts = np.unique(both.astype(np.str_), return_inverse=True, return_counts=True)
    for level in np.argsort(-counts, kind="stable")[:LEVELS]:
        if counts[level] < both.size:
            yield _Term((name,), _scaled((place == level).astype(np.float64)), ranked=False)


def _normal(shares: Floats) -> Floats:
    """Standard normal quantiles by a rational approximation, error below 5e-4 (Abramowitz & Stegun 1964, 26.2.23)."""
    tail = np.minimum(shares, 1 - shares)
    t = np.sqrt(-2 * np.log(tail))
    z = t - (2.515517 + t * (0.802853 + t * 0.010328)) / (1 + t * (1.432788 + t * (0.189269 + t * 0.001308)))
    return np.asarray(np.where(shares < 0.5, -z, z))


def _scaled(values: Floats) -> Floats:
    spread = values.std()
    return np.asarray((values - values.mean()) / (spread or 1.0))


def _products(single: Sequence[_Term]) -> list[_Term]:
    """Squares of numbers, then products of terms of two columns: of numbers first, as many as there is room for."""
    found = [_Term(each.columns, _scaled(np.square(each.values)), ranked=True) for each in single if each.ranked]
    pairs = [(a, b) for a, b in combinations(single, 2) if a.columns != b.columns]
    pairs.sort(key=lambda pair: -(pair[0].ranked + pair[1].ranked))
    for a, b in pairs[:max(0, MOST_TERMS - len(single) - len(found))]:
        product = a.values * b.values
        if np.ptp(product) > 0:
            found.append(_Term((*a.columns, *b.columns), _scaled(product), ranked=False))
    return found


def _unseen(terms: Sequence[_Term], target: Floats, fold: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """The log odds of each row by a classifier that has not seen its days, and the mean coefficients (k,)."""
    rows, scores, betas = np.column_stack([each.values for each in terms]), np.zeros(target.size), []
    for number in range(FOLDS):
        out = fold == number
        beta = ridge(rows[~out], target[~out])
        scores[out] = rows[out] @ beta[1:]  # without the intercept: folds differ in their shares of either sample
        betas.append(beta[1:])
    return scores, np.mean(betas, axis=0)


class _Turned:
    """The cross-fitted AUC of the first Newton step, and that of the ring of days cut elsewhere."""

    def __init__(self, terms: Sequence[_Term], days: Sequence[npt.NDArray[np.int64]], counts: tuple[int, ...]) -> None:
        self.day = np.concatenate([days[0], days[1] + counts[0]])
        order = np.argsort(self.day, kind="stable")
        self.day, self.total = self.day[order], sum(counts)
        self.rows = np.column_stack([np.ones(order.size), *(each.values[order] for each in terms)])
        self.starts = np.searchsorted(self.day, np.arange(self.total + 1))
        parts = [self.rows[a:b] for a, b in zip(self.starts[:-1], self.starts[1:], strict=True)]
        self.squares, self.sums = np.stack([each.T @ each for each in parts]), np.stack([each.sum(axis=0)
                                                                                        for each in parts])
        self.penalty = np.diag([0.0, *[PENALTY] * len(terms)])
        current = np.arange(self.total) >= counts[0]
        seen = self.auc(current)
        turned = np.sort([self.auc(np.roll(current, turn)) for turn in range(1, self.total)])
        self.p_value = (1 + int((turned >= seen).sum())) / self.total
        self.detectable = float(turned[-int(LEVEL * self.total)])

    def auc(self, current: npt.NDArray[np.bool_]) -> float:
        """Of days (d,) in the current sample, each fold's scored by the others."""
        fold = np.empty(self.total, dtype=np.int64)
        for side in (~current, current):
            fold[side] = np.arange(side.sum()) % FOLDS
        scores = np.empty(self.day.size)
        squares, sums = self.squares.sum(axis=0), self.sums.sum(axis=0)
        for number in range(FOLDS):
            out = np.flatnonzero(fold == number)
            mine, yes = sums - self.sums[out].sum(axis=0), self.sums[current & (fold != number)].sum(axis=0)
            share = yes[0] / mine[0]
            information = share * (1 - share) * (squares - self.squares[out].sum(axis=0)) + self.penalty
            beta = np.linalg.solve(information, yes - share * mine)[1:]
            for day in out:
                part = slice(self.starts[day], self.starts[day + 1])
                scores[part] = self.rows[part, 1:] @ beta
        ranks, yes_rows = mid_ranks(scores), current[self.day]
        m = int(yes_rows.sum())
        return float((ranks[yes_rows].sum() - m * (m + 1) / 2) / (m * (scores.size - m)))


def _auc(scores: Floats, target: Floats, days: Sequence[npt.NDArray[np.int64]],
         counts: tuple[int, ...]) -> tuple[float, float, float]:
    """AUC, its standard error by days of either sample, and degrees of freedom."""
    sides = scores[target == 0], scores[target == 1]
    rising = [np.sort(side) for side in sides]

    def placed(values: Floats, among: Floats) -> Floats:
        return np.asarray((np.searchsorted(among, values, "left") + np.searchsorted(among, values, "right"))
                          / (2 * among.size))

    place = 1 - placed(sides[0], rising[1]), placed(sides[1], rising[0])
    auc = float(place[1].mean())
    parts = []
    for values, of, count in zip(place, days, counts, strict=True):
        pull = np.bincount(of, values - auc, count) / values.size
        parts.append(float(pull @ pull) * count / (count - 1))
    df = sum(parts) ** 2 / sum(each**2 / (count - 1) for each, count in zip(parts, counts, strict=True)) \
        if sum(parts) else 1.0
    return auc, sum(parts) ** 0.5, df


def _leans(terms: Sequence[_Term], beta: Floats, target: Floats) -> tuple[Lean, ...]:
    """The terms by their part of the mean difference of the log odds between the samples; those of a column add up."""
    found: dict[tuple[str, ...], float] = {}
    for each, weight in zip(terms, beta, strict=True):
        apart = float(each.values[target == 1].mean() - each.values[target == 0].mean())
        found[each.columns] = found.get(each.columns, 0.0) + max(0.0, float(weight) * apart)
    total = sum(found.values())
    ranked = sorted(found.items(), key=lambda item: -item[1])
    return tuple(Lean(columns, share / total) for columns, share in ranked[:5] if total > 0)
