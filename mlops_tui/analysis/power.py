"""How large a change must be before a rule sees it, and how often and how soon it does."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import tails
from mlops_tui.analysis.arrays import Floats
from mlops_tui.analysis.interval import Interval, wilson
from mlops_tui.analysis.verdict import Limits

POINTS = 20_000  # values that stand for a column
HALVINGS = 40


def distance_of(values: Floats, shift: float) -> float:
    """The KS distance of sorted values from the same values moved by `shift`."""
    at = np.concatenate([values, values + shift])
    here = np.searchsorted(values, at, side="right") / values.size
    there = np.searchsorted(values, at - shift, side="right") / values.size
    return float(np.abs(here - there).max())


def shift_for(values: Floats, distance: float) -> float | None:
    """The smallest shift upwards that moves the values (k,) by at least that KS distance; None where none does."""
    ordered = np.sort(values)
    if ordered.size > POINTS:
        ordered = ordered[np.linspace(0, ordered.size - 1, POINTS).astype(np.int64)]
    span = float(ordered[-1] - ordered[0]) if ordered.size else 0.0
    if not 0 < distance <= 1 or span <= 0 or not math.isfinite(span):
        return None
    low, high = 0.0, 2 * span
    if distance_of(ordered, high) < distance:
        return None
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if distance_of(ordered, middle) >= distance else (middle, high)
    return high


@dataclass(frozen=True)
class Column:
    """A column's values (k,) with the day of each (k,), how many days a window has, and what must be exceeded."""

    values: Floats
    day: npt.NDArray[np.int64]
    days: int
    tests: int
    limits: Limits
    least: float


def seen_share(column: Column, shift: float, draws: int, seed: int) -> Interval:
    """How often windows of whole days, drawn from the column's own and moved by `shift`, are seen to differ from it.

    Days are drawn with replacement, so that rows of one day stay together; a window is seen where its KS distance from
    all rows passes the critical value at alpha/tests and `least`. The value lies inside Wilson's bounds.
    """
    random, ordered = np.random.default_rng(seed), np.sort(column.values)
    parts = [column.values[column.day == day] for day in np.unique(column.day)]
    hits = 0
    for _ in range(draws):
        chosen = random.integers(0, len(parts), column.days)
        now = np.sort(np.concatenate([parts[each] for each in chosen])) + shift
        n, m = ordered.size, now.size
        wanted = max(_critical(column.limits.alpha / column.tests) / math.sqrt(n * m / (n + m)), column.least)
        hits += _ks(ordered, now) >= wanted
    return wilson(hits, draws)


@cache
def _critical(alpha: float) -> float:
    return tails.kolmogorov_isf(alpha)


def _ks(one: Floats, other: Floats) -> float:
    """Of sorted values."""
    at = np.concatenate([one, other])
    here = np.searchsorted(one, at, side="right") / one.size
    there = np.searchsorted(other, at, side="right") / other.size
    return float(np.abs(here - there).max())


def value_seen(limit: float, half: float, power: float, *, below: bool) -> float:
    """The true value beyond a limit at which a 95 % interval of half-width `half` lies wholly beyond it with that
    probability: half plus z_power standard errors away (a normal estimate, whose error is half / 1.96)."""
    away = half * (1 + tails.normal_isf(1 - power) / tails.normal_isf(0.025))
    return limit - away if below else limit + away


def looks_until(p: float, k: int, n: int) -> float:
    """The expected number of looks until k of the last n saw it, when each sees it with probability p on its own.

    Infinite where p is 0. Windows that overlap see alike, so that it may take longer.
    """
    if p <= 0:
        return math.inf
    states = [tuple(bool(number >> place & 1) for place in range(n - 1)) for number in range(2 ** (n - 1))]
    open_ = [state for state in states if sum(state) < k]
    at = {state: number for number, state in enumerate(open_)}
    steps = np.eye(len(open_))
    for state, row in at.items():
        for hit, chance in ((True, p), (False, 1 - p)):
            window = (*state, hit)
            following = window[1:] if n > 1 else ()
            if sum(window) < k and following in at:
                steps[row, at[following]] -= chance
    start = at[(False,) * (n - 1)]
    return float(np.linalg.solve(steps, np.ones(len(open_)))[start])


def days_wanted(half: float, distance: float, days: float) -> float:
    """How many days a window needs for an interval of half-width `half` over `days` to be as narrow as `distance`."""
    return days * (half / distance) ** 2


def median(values: Sequence[float]) -> float | None:
    """None of nothing."""
    return float(np.median(values)) if values else None
