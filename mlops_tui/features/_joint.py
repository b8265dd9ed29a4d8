"""Whether two columns together foretell more than each beside the other, on rows that nothing was fitted on."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from threadpoolctl import threadpool_limits

from mlops_tui.analysis import joint
from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.errors import BadInput

MOST_LEVELS = 200  # of a category; rarer ones share one
RESAMPLES, REPEATS = 2000, 3
Pair = tuple[str, str]


@dataclass(frozen=True)
class Examples:
    """Rows to learn from and rows to be judged on: `features` (n, k), outcome (n,), which rows are held out (n,)."""

    features: pd.DataFrame
    outcome: npt.NDArray[Any]
    held_out: Bools
    task: str

    @property
    def categories(self) -> list[bool]:
        return [isinstance(each, pd.CategoricalDtype) for each in self.features.dtypes]


@dataclass(frozen=True)
class Judgement:
    """What a pair tells: `beyond` is the permutation importance of both together beyond the sum of the parts, in units
    of squared error, with bootstrap interval and one-sided p; beside it the importances of each alone and of both."""

    pair: Pair
    beyond: float
    low: float
    high: float
    p_value: float
    alone: tuple[float, float]
    both: float
    partners: tuple[str, ...]


@dataclass(frozen=True)
class How:
    """Trees of the model, seed, level of the interval, and the |rank correlation| from which columns go together."""

    trees: int = 100
    seed: int = 0
    level: float = 0.95
    rho: float = 0.8


Progress = Callable[[int, int, str], None]


def judged(rows: Examples, pairs: Sequence[Pair], how: How, progress: Progress) -> list[Judgement]:
    """Each pair, on held-out rows, by what it adds to a model in which no two columns meet.

    Boosted trees without interactions give every column its own part. What they leave over in the training rows is laid
    out in a table of the pair's bins, less all that its rows and columns explain: K, the pair's own term (`analysis.
    joint`). On held-out rows with residual r, permuting the pair in the model with K costs 2·E[K·r] more than in the
    model without: the joint importance beyond the parts. Its interval comes from a bootstrap over rows. Were the truth
    additive, r would hold nothing that K could know.

    Columns whose |rank correlation| with one of a pair reaches `rho` are permuted together with it.
    """
    with threadpool_limits(1):  # waiting for a second thread costs more than so few rows on a busy machine
        return list(_each(rows, pairs, how, progress))


def _each(rows: Examples, pairs: Sequence[Pair], how: How, progress: Progress) -> Iterator[Judgement]:
    additive = _fit(rows, how)
    left = _residuals(rows.task, additive, rows.features, rows.outcome)
    seen, ties = rows.features[rows.held_out], correlated(rows.features[~rows.held_out], how.rho)
    draw = np.random.default_rng(how.seed)
    for done, pair in enumerate(pairs):
        progress(done, len(pairs), f"interactions: {pair[0]} and {pair[1]}")
        term = _term(rows, pair, left)
        beyond = 2 * (term[rows.held_out] * left[rows.held_out]).sum(axis=1)
        low, high, p_value = _bootstrap(beyond, draw, how.level)
        sides = _sides(pair, ties)
        moved = [_importance(rows, additive, seen, names, draw)
                 for names in (sides[0], sides[1])]
        both = _importance(rows, additive, seen, [*sides[0], *sides[1]], draw)
        partners = tuple(name for side in sides for name in side if name not in pair)
        more = float(beyond.mean())
        yield Judgement(pair, more, low, high, p_value, (moved[0], moved[1]), both + more, partners)
    progress(len(pairs), len(pairs), "interactions: done")


def _term(rows: Examples, pair: Pair, left: Floats) -> Floats:
    """The pair's own term (n, c) for every row, from what is left over in the training rows."""
    fitting = ~rows.held_out
    bins = joint.bins_for(int(fitting.sum()))
    codes = [_codes(rows.features[name], fitting, bins) for name in pair]
    return np.stack([joint.term(codes[0], codes[1], left[:, each], fitting) for each in range(left.shape[1])], axis=1)


def _codes(column: "pd.Series[Any]", fitting: Bools, bins: int) -> npt.NDArray[np.int64]:
    """The bin of each value (n,): the most frequent levels and one for the others, or quantiles; one for no value."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        often = column[fitting].value_counts().index[:bins - 1]
        place = {level: number for number, level in enumerate(often)}
        return np.array([bins if isinstance(each, float) else place.get(each, bins - 1) for each in column],
                        dtype=np.int64)
    return joint.quantile_bins(column.to_numpy(dtype=np.float64), fitting, bins)


def _importance(rows: Examples, additive: Any, seen: pd.DataFrame, names: Sequence[str],
                draw: np.random.Generator) -> float:
    """How much more squared error the additive parts of some columns cost once these are taken from other rows."""
    outcome, losses = rows.outcome[rows.held_out], []
    before = (_residuals(rows.task, additive, seen, outcome) ** 2).sum(axis=1).mean()
    for _ in range(REPEATS):
        moved, order = seen.copy(), draw.permutation(len(seen))
        for name in names:
            moved[name] = seen[name].take(order).array
        losses.append((_residuals(rows.task, additive, moved, outcome) ** 2).sum(axis=1).mean() - before)
    return float(np.mean(losses))


def _sides(pair: Pair, ties: Mapping[str, set[str]]) -> tuple[list[str], list[str]]:
    """Each of the two with its partners; a column that is tied to both goes to neither."""
    a, b = pair
    return ([a, *sorted(ties.get(a, set()) - ties.get(b, set()) - {a, b})],
            [b, *sorted(ties.get(b, set()) - ties.get(a, set()) - {a, b})])


def correlated(features: pd.DataFrame, rho: float) -> dict[str, set[str]]:
    """Of each numeric column, the others whose |Spearman correlation| with it is `rho` or more."""
    numbers = features.select_dtypes("number")
    ranks = numbers.rank().to_numpy()
    found: dict[str, set[str]] = {name: set() for name in features}
    for i, a in enumerate(numbers):
        for j, b in enumerate(numbers):
            both = np.isfinite(ranks[:, i]) & np.isfinite(ranks[:, j])
            x, y = ranks[both, i], ranks[both, j]
            if i < j and both.sum() > 2 and x.std() > 0 and y.std() > 0 and abs(np.corrcoef(x, y)[0, 1]) >= rho:
                found[str(a)].add(str(b))
                found[str(b)].add(str(a))
    return found


def _fit(rows: Examples, how: How) -> Any:
    """Boosted trees without interactions on the rows that are not held out."""
    cls = HistGradientBoostingRegressor if rows.task == "regression" else HistGradientBoostingClassifier
    model = cls(max_iter=how.trees, random_state=how.seed, early_stopping=False, interaction_cst="no_interactions",
                categorical_features=rows.categories, min_samples_leaf=20, max_leaf_nodes=15)
    return model.fit(rows.features[~rows.held_out], rows.outcome[~rows.held_out])


def _residuals(task: str, model: Any, features: pd.DataFrame, outcome: npt.NDArray[Any]) -> Floats:
    """Outcome less prediction (n, 1); of classes, 0 or 1 less the probability of each (n, c), of two the second's."""
    if task == "regression":
        return np.asarray(outcome - model.predict(features), dtype=np.float64)[:, None]
    shares = np.asarray(model.predict_proba(features), dtype=np.float64)
    found: Floats = (model.classes_[None, :] == outcome[:, None]) - shares
    return found[:, 1:] if found.shape[1] == 2 else found


def _bootstrap(values: Floats, draw: np.random.Generator, level: float) -> tuple[float, float, float]:
    """Percentile interval of the mean of (n,) values, and P(mean ≤ 0), from 2,000 resamples of rows.

    Efron & Tibshirani 1993, An Introduction to the Bootstrap, §13: p = (1 + #{mean ≤ 0})/(1 + 2,000); where none is
    ≤ 0, the normal tail beyond mean/se where that is less, or Holm could never accept among many pairs.
    """
    n = values.size
    means = np.concatenate([values[draw.integers(0, n, (block, n))].mean(axis=1) for block in _blocks(n)])
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    below = int((means <= 0).sum())
    p_value = (1 + below) / (1 + means.size)
    if not below and means.std() > 0:
        p_value = min(p_value, math.erfc(float(values.mean() / means.std()) / math.sqrt(2)) / 2)
    return float(low), float(high), p_value


def _blocks(n: int) -> Iterator[int]:
    """Resamples at a time, so that no more than 2²¹ draws are held."""
    left, size = RESAMPLES, max(1, (1 << 21) // n)
    while left:
        yield min(size, left)
        left -= min(size, left)


def as_features(table: pd.DataFrame) -> pd.DataFrame:
    """Columns as the trees read them: numbers as float64, anything else as a category of at most 200 levels."""
    made = {}
    for name in table:
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            made[name] = column.astype("float64").replace([np.inf, -np.inf], np.nan)
        else:
            often = column.value_counts().index[:MOST_LEVELS]
            texts = column.where(column.isin(often) | column.isna(), "(other)")
            made[name] = texts.astype("category")
    if not made:
        raise BadInput("No column is left to look at.", next="Name some with --columns.")
    return pd.DataFrame(made)


def ranked(rows: Examples, how: How) -> list[str]:
    """The columns by permutation importance on the held-out rows, in a model where they may meet."""
    cls = HistGradientBoostingRegressor if rows.task == "regression" else HistGradientBoostingClassifier
    model = cls(max_iter=how.trees, random_state=how.seed, early_stopping=False, categorical_features=rows.categories)
    model.fit(rows.features[~rows.held_out], rows.outcome[~rows.held_out])
    draw, seen = np.random.default_rng(how.seed), rows.features[rows.held_out]
    lost = {str(name): _importance(rows, model, seen, [str(name)], draw) for name in rows.features}
    return sorted(lost, key=lambda name: (-lost[name], name))
