"""Counts by hour against what is usual then: what to expect, how far chance goes, what is odd."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np
import numpy.typing as npt
from scipy import special

from mlops_tui.analysis.arrays import Floats

WEEK, QUARTER = 168, 13 * 168   # hours
WEEKS = 8        # of the same hour that say what is usual
FEWEST = 2       # weeks of the same hour without which nothing is expected; a further one says how far chance goes
RESIDUALS = WEEKS * WEEK
SEEN = WEEK - 24  # hours whose expectation can be held against what came, before chance is known
HELD = 10.0      # requests of a day by which the level of sparse traffic is held to its usual one
FARTHEST = 2.0   # the level moves by so much at most: a dead endpoint is never the new normal
CAP = 5.0        # standard deviations after which a residual counts no further
SKEWED = 2.0     # of α², added: what the cap and eight weeks leave out of a tail, the more the longer it is
TO_SIGMA = 1.4826  # times the median absolute deviation
SERIES = 25      # looked at together: their arrays stay small
HOUR = timedelta(hours=1)
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Clock:
    """The hours of some stretch of time on the wall: `week` (h,) since 1970, from Monday on, and `slot` (h,) in it.

    `back` (h, weeks) are the places of the same hour of the weeks before, −1 where there is none: a day of 23 hours
    leaves one out, and both second o'clocks of a day of 25 are held against the one of other weeks.
    """

    first: datetime
    week: Ints
    slot: Ints
    back: Ints

    @property
    def hours(self) -> int:
        return int(self.week.size)

    def at(self, place: int) -> datetime:
        """When that hour begins."""
        return self.first + place * HOUR


def wall_clock(first: datetime, hours: int, zone: tzinfo, weeks: int = WEEKS) -> Clock:
    """The clock of so many hours from `first` (aware) on; its minutes are dropped."""
    start = first.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    local = [(start + place * HOUR).astimezone(zone) for place in range(hours)]
    number = np.array([each.toordinal() * 24 + each.hour for each in local], dtype=np.int64) - 24  # a Monday is day 1
    week, slot = np.divmod(number, WEEK)
    if not hours:
        return Clock(start, week, slot, np.empty((0, weeks), dtype=np.int64))
    place = np.full((int(week[-1] - week[0]) + 1 + weeks, WEEK), -1, dtype=np.int64)
    later_first = np.arange(hours)[::-1]
    place[week[later_first] - week[0] + weeks, slot[later_first]] = later_first
    back = place[(week - week[0] + weeks)[:, None] - np.arange(1, weeks + 1), slot[:, None]]
    return Clock(start, week, slot, back)


@dataclass(frozen=True)
class Rule:
    """What counts as odd. `false_alarms`: hours that chance alone makes odd, in a quarter of a series at most.

    Sums of 1, 3 and 24 hours are looked at on each of `sides` (−1 fewer, 1 more); each look gets its part of the level
    (Bonferroni), so that looking hour by hour does not add up. `least`: the share by which a sum must be off as well.
    """

    false_alarms: float = 1.0
    spans: tuple[int, ...] = (1, 3, 24)
    sides: tuple[int, ...] = (-1, 1)
    least: float = 0.25
    looks: int = 1

    @property
    def p(self) -> float:
        """Below which p-value a look finds something."""
        return self.false_alarms / (QUARTER * len(self.spans) * len(self.sides) * self.looks)


@dataclass(frozen=True)
class Usual:
    """What to expect: `mean` (h, s), NaN where too little is known; `error` (h, s), the variance of that mean which the
    number of requests it was learnt from leaves; `n` (h, s), of how many weeks or days it is the mean."""

    mean: Floats
    error: Floats
    n: Floats


@dataclass(frozen=True)
class Judged:
    """Each hour of each series (h, s): `side` is −1 or 1 where too few or too many came and 0 elsewhere; `known` says
    where that could be judged; `p` is the smallest p-value of its looks, `span` the hours of that look.

    `dispersion` maps the hours of a look to α (h, s) of its counts, whose variance is mean + α·mean².
    """

    side: npt.NDArray[np.int8]
    known: npt.NDArray[np.bool_]
    p: Floats
    span: npt.NDArray[np.int16]
    usual: Usual
    dispersion: dict[int, Floats] = field(repr=False)


def usual(counts: Floats, clock: Clock) -> Usual:
    """What to expect of each hour, from the hours before it alone.

    The mean of the same hour of the eight weeks before, values pulled in to 3·√median around their median (one step of
    Huber's estimate, 1964, Ann. Math. Statist. 35:73), times the level: the median over seven days of what came by
    what was usual, between a half and two. NaN in `counts` is unknown, and counts for nothing. At least two weeks.
    """
    padded = np.vstack([counts, np.full((1, counts.shape[1]), np.nan)])
    past = np.sort(padded[clock.back], axis=1)     # NaN last
    n = np.isfinite(past).sum(axis=1)
    middle = _median(past, n)
    swing = _median(np.sort(np.abs(past - middle[:, None]), axis=1), n)
    reach = 3 * np.maximum(np.sqrt(np.maximum(middle, 1.0)), TO_SIGMA * swing)
    near = np.clip(past, (middle - reach)[:, None], (middle + reach)[:, None])
    with np.errstate(invalid="ignore", divide="ignore"):
        base = np.where(n >= FEWEST, np.nansum(near, axis=1) / n, np.nan)
        base = np.maximum(base, 0.5 / n)           # none in n weeks: Jeffreys' prior
    level = _level(counts, base)
    mean = base * level
    return Usual(mean, mean * level / np.maximum(n, 1), np.maximum(n, 1).astype(np.float64))


def _median(ordered: Floats, n: Ints) -> Floats:
    """The median of the first n along axis 1; NaN of none."""
    low, high = np.maximum((n - 1) // 2, 0), np.minimum(n // 2, ordered.shape[1] - 1)
    take = np.take_along_axis
    found = (take(ordered, low[:, None], axis=1) + take(ordered, high[:, None], axis=1))[:, 0] / 2
    return np.where(n > 0, found, np.nan)


def _level(counts: Floats, base: Floats) -> Floats:
    """How much of the usual came in the days before: the median of seven."""
    both = np.isfinite(counts) & np.isfinite(base)
    came, expected, hours = (_sums(np.where(both, each, 0.0), 24) for each in (counts, base, np.ones_like(base)))
    ratio = np.where(hours >= 12, (came + HELD) / (expected + HELD), np.nan)
    back = np.arange(len(counts))[:, None] - 1 - 24 * np.arange(7)
    padded = np.vstack([ratio, np.full((1, counts.shape[1]), np.nan)])
    days = np.sort(padded[np.where(back >= 0, back, len(counts))], axis=1)
    n = np.isfinite(days).sum(axis=1)
    return np.clip(np.where(n > 0, _median(days, n), 1.0), 1 / FARTHEST, FARTHEST)


def _sums(values: Floats, span: int) -> Floats:
    """The sum of each hour and the span − 1 before it; what lies before the first hour is 0."""
    if span == 1:
        return values
    total = np.cumsum(values, axis=0)
    total[span:] -= total[:-span].copy()
    return total


def judged(counts: npt.ArrayLike, clock: Clock, rule: Rule, expected: Usual | None = None) -> Judged:
    """Each hour of each series (h, s) held against what was usual before it: as one would have, hour by hour.

    `counts` are requests by hour, NaN where they are not known. `expected` may be given instead of the hours of the
    week (a share of the requests that came). A count is negative binomial: its variance is mean + α·mean² (Cameron &
    Trivedi 2013, §3.3), with α by moments of what the hours of the eight weeks before were off, learnt anew each Monday
    for each span (so hours that move together are), each counting up to 4 standard deviations; and the error of the
    mean itself on top. After Noufaily et al. 2013 (Statist. Med. 32:1206), who judge weekly counts of infections so.
    """
    given = np.asarray(counts, dtype=np.float64)
    if given.ndim != 2 or len(given) != clock.hours:
        raise ValueError(f"counts of shape {given.shape} for {clock.hours} hours")
    parts = [slice(start, start + SERIES) for start in range(0, given.shape[1], SERIES)] or [slice(0, 0)]
    found = [_judged(given[:, part], clock, rule, usual(given[:, part], clock) if expected is None else
                     Usual(expected.mean[:, part], expected.error[:, part], expected.n[:, part])) for part in parts]
    side, known, p, wide = (np.hstack([getattr(each, name) for each in found])
                            for name in ("side", "known", "p", "span"))
    means = Usual(*(np.hstack([getattr(each.usual, name) for each in found]) for name in ("mean", "error", "n")))
    alpha = {span: np.hstack([each.dispersion[span] for each in found]) for span in rule.spans}
    return Judged(side, known, p, wide, means, alpha)


def _judged(counts: Floats, clock: Clock, rule: Rule, expected: Usual) -> Judged:
    shape = counts.shape
    least, side = np.ones(shape), np.zeros(shape, dtype=np.int8)
    known, wide = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=np.int16)
    there = np.isfinite(counts) & np.isfinite(expected.mean)
    now = np.where(there, counts - expected.mean, 0.0)  # what an hour is off by
    dispersions = {}
    for span in rule.spans:
        came, mean, error = (_sums(np.where(there, each, 0.0), span)
                             for each in (counts, expected.mean, expected.error))
        whole = there if span == 1 else _sums(there.astype(np.float64), span) >= min(span, 12)
        whole = whole & there
        alpha = dispersions[span] = _dispersion(came, mean, error, whole, clock)
        able = whole & np.isfinite(alpha)
        known |= able
        for way in rule.sides:
            off = came - mean
            look = able & (way * off > rule.least * mean) & (way * now > 0) & (way * off > 0)
            p = np.ones(shape)
            p[look] = chance(came[look], mean[look], alpha[look], error[look], expected.n[look], way, 10 * rule.p)
            smaller = p < least
            least, wide = np.where(smaller, p, least), np.where(smaller, span, wide).astype(np.int16)
            side = np.where(smaller & (p < rule.p), way, side).astype(np.int8)
    return Judged(side, known, np.where(known, least, np.nan), wide, expected, dispersions)


def _dispersion(came: Floats, mean: Floats, error: Floats, whole: npt.NDArray[np.bool_], clock: Clock) -> Floats:
    """α (h, s) of the hours of each week, from the eight weeks before it; NaN where fewer than six days are known."""
    alpha = np.full(came.shape, np.nan)
    mondays = np.flatnonzero(np.diff(clock.week, prepend=clock.week[:1] - 1))
    for start, end in zip(mondays, np.append(mondays, clock.hours)[1:], strict=True):
        past = slice(max(0, start - RESIDUALS), start)
        use = whole[past]
        enough = use.sum(axis=0) >= SEEN
        if not enough.any():
            continue
        m, v = np.where(use, mean[past], 0.0), np.where(use, mean[past] + error[past], 0.0)
        off, square, found = np.where(use, (came[past] - mean[past])**2, 0.0), m**2, np.full(came.shape[1], np.inf)
        total = np.maximum(square.sum(axis=0), 1e-12)
        for _ in range(4):
            capped = off if np.isinf(found).all() else np.minimum(off, CAP**2 * (v + found * square))
            found = np.maximum((capped - v).sum(axis=0) / total, 0.0)
        alpha[start:end] = np.where(enough, found * (1 + SKEWED * found), np.nan)
    return alpha


def chance(count: Floats, mean: Floats, alpha: Floats, error: Floats, n: Floats, side: int, near: float) -> Floats:
    """The p-values (k,) of counts on one side of their means, each of them known with that error.

    Where one comes near to being odd from above, the mean is drawn from what n observations leave open, gamma with n/α
    degrees of freedom: the counts' tail is as long as that of a ratio (F), not as that of the counts alone.
    """
    p = tail(count, mean, alpha + error / mean**2, side)
    if side < 0 or not (close := (p < near) & (alpha > 0)).any():
        return p
    y, m, a, e, k = (each[close] for each in (count, mean, alpha, error, n))
    own = a / (1 + 1 / k)
    total = np.zeros_like(y)
    for quantile, weight in zip(_QUANTILES, _WEIGHTS, strict=True):
        scale = m * k / own / special.gammaincinv(k / own, quantile)
        total += weight * tail(y, scale, own + e / m**2, 1)
    p[close] = np.maximum(p[close], total)
    return p


_EDGES = np.concatenate([[0.0], np.geomspace(1e-6, 0.1, 16), np.linspace(0.2, 1.0, 9)])
_QUANTILES, _WEIGHTS = (_EDGES[1:] + _EDGES[:-1]) / 2, np.diff(_EDGES)


def tail(count: npt.ArrayLike, mean: npt.ArrayLike, alpha: npt.ArrayLike, side: int) -> Floats:
    """P(Y ≤ count) for side −1, P(Y ≥ count) for side 1, of a negative binomial Y with variance mean + alpha·mean²,
    alpha > 0, by the incomplete beta function (Johnson, Kemp & Kotz 2005, §5.6).

    >>> tail([0, 3], [9.0, 9.0], [0.5, 0.5], -1).round(4).tolist()
    [0.0331, 0.226]
    """
    y, m, r = np.asarray(count, dtype=np.float64), np.asarray(mean, dtype=np.float64), 1 / np.asarray(alpha)
    if side < 0:
        return np.asarray(special.betainc(r, y + 1, r / (r + m)))
    return np.asarray(np.where(y > 0, special.betainc(np.maximum(y, 1e-300), r, m / (r + m)), 1.0))


def band(mean: Floats, alpha: Floats, p: float) -> tuple[Floats, Floats]:
    """The counts (k,) between which chance stays: fewer than `low` or more than `high` come with a chance below p."""
    bounds = []
    for side in (-1, 1):
        inside = np.floor(mean) if side < 0 else np.ceil(mean)
        outside = np.full_like(mean, -1.0) if side < 0 else mean + 10.0
        while side > 0 and (short := tail(outside, mean, alpha, 1) >= p).any():
            outside = np.where(short, 2 * outside, outside)
        for _ in range(64):
            middle = np.floor((inside + outside) / 2)
            odd = (middle >= 0) & (tail(np.maximum(middle, 0), mean, alpha, side) < p)
            inside, outside = np.where(odd, inside, middle), np.where(odd, middle, outside)
            if np.all(np.abs(inside - outside) <= 1):
                break
        bounds.append(np.maximum(inside, 0.0))
    return bounds[0], bounds[1]


def silence(mean: Sequence[float], alpha: float, p: float) -> int | None:
    """After how many hours without one request that is no chance: the hours to come are expected to have `mean`.

    None where even all of them could be silent by chance.
    """
    total = 0.0
    for number, each in enumerate(mean, start=1):
        total += each
        if total > 0 and float(tail(0, total, max(alpha, 1e-9), -1)) < p:
            return number
    return None


def steady(part: Floats, whole: Floats, clock: Clock, days: int = 28) -> Usual:
    """What to expect of `part` (h, s) where `whole` (h, s) came: the share that is usual of the days before.

    Day by day the part is pulled in to 3·√median around the median of the days, so that a bad day does not become
    what is usual; its hours are those that end before the day of the hour in question begins. At least seven days.
    """
    hours, series = part.shape
    day = np.arange(hours) // 24 if not hours else (clock.week * WEEK + clock.slot) // 24
    _, place = np.unique(day, return_inverse=True)
    count = int(place[-1]) + 1 if hours else 0
    there = np.isfinite(part) & np.isfinite(whole)
    sums = [np.zeros((count, series)) for _ in range(2)]
    for total, values in zip(sums, (part, whole), strict=True):
        np.add.at(total, place, np.where(there, values, 0.0))
    share, known = np.full((count, series), np.nan), np.zeros((count, series))
    for number in range(count):
        past = slice(max(0, number - days), number)
        of = sums[1][past]
        enough = (of > 0).sum(axis=0) >= 7
        if not enough.any():
            continue
        rate = np.where(of > 0, sums[0][past] / np.maximum(of, 1), np.nan)
        ordered = np.sort(rate, axis=0)
        n = np.isfinite(ordered).sum(axis=0)
        middle = _median(ordered.T[:, :, None], n[:, None])[:, 0] * of
        reach = 3 * np.sqrt(np.maximum(middle, 1.0))
        total = np.clip(sums[0][past], middle - reach, middle + reach).sum(axis=0)
        known[number] = of.sum(axis=0)
        share[number] = np.where(enough, np.maximum(total, 0.5) / np.maximum(known[number], 1), np.nan)
    mean = share[place] * whole
    error = mean * np.where(known[place] > 0, whole / np.maximum(known[place], 1), 0.0)
    return Usual(np.where(mean > 0, mean, np.nan), error, np.full_like(mean, float(days)))
