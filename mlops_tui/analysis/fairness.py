"""How decisions and their errors differ between groups: rates, their differences and ratios with intervals."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mlops_tui.analysis.arrays import Counts, Floats
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.multiplicity import holm
from mlops_tui.analysis.proportions import difference_bounds, equality_p, fisher, ratio_bounds

FEW_ROWS, FEW_POSITIVES = 30, 5
OVERALL = "(all)"


@dataclass(frozen=True)
class Rate:
    """A share of a group's cells [label favourable?][decision favourable?]: those counted, of those looked at."""

    counted: tuple[tuple[int, int], ...]
    among: tuple[tuple[int, int], ...]
    undefined: str


_FAVOURED, _ALL = ((1, 0), (1, 1)), ((0, 0), (0, 1), (1, 0), (1, 1))
_OTHERS, _DECIDED, _DECLINED = ((0, 0), (0, 1)), ((0, 1), (1, 1)), ((0, 0), (1, 0))
_NO_ROWS, _NONE_FAVOURED = "the group has no rows", "no row of the group has the favourable label"
_NONE_DECIDED = "no row of the group is decided favourably"

RATES: Mapping[str, Rate] = {
    "selection_rate": Rate(_DECIDED, _ALL, _NO_ROWS),
    "tpr": Rate(((1, 1),), _FAVOURED, _NONE_FAVOURED),
    "fpr": Rate(((0, 1),), _OTHERS, "every row of the group has the favourable label"),
    "fnr": Rate(((1, 0),), _FAVOURED, _NONE_FAVOURED),
    "ppv": Rate(((1, 1),), _DECIDED, _NONE_DECIDED),
    "for": Rate(((1, 0),), _DECLINED, "every row of the group is decided favourably"),
    "fdr": Rate(((0, 1),), _DECIDED, _NONE_DECIDED),
    "error_rate": Rate(((0, 1), (1, 0)), _ALL, _NO_ROWS),
    "accuracy": Rate(((0, 0), (1, 1)), _ALL, _NO_ROWS),
    "base_rate": Rate(_FAVOURED, _ALL, _NO_ROWS),
}
COMPARED = ("selection_rate", "tpr", "fpr", "fnr", "ppv", "for", "fdr", "error_rate", "accuracy")
SAME = {"fnr": "tpr", "fdr": "ppv", "accuracy": "error_rate"}  # one is 1 − the other: one question, asked once


class Counted:
    """Rows counted by group and by what came and was said, (g, k, k); where they do not count alike, with weights."""

    counts: Counts
    weights: Floats | None

    @property
    def n(self) -> Counts:
        """The rows of each group, (g,)."""
        found: Counts = self.counts.sum(axis=(1, 2))
        return found

    @property
    def sums(self) -> Floats:
        """What each cell counts, (g, k, k): its rows, or their weights."""
        return self.counts.astype(np.float64) if self.weights is None else self.weights


@dataclass(frozen=True)
class Cells(Counted):
    """Rows counted by group, label and decision, (g, 2, 2); index 1 is the favourable label, the favourable one.

    Where rows do not count alike, `weights` and `squares` are the sums of their weights and of the squares of these.
    """

    names: tuple[str, ...]
    counts: Counts
    weights: Floats | None = None
    squares: Floats | None = None

    @property
    def effective(self) -> Floats:
        """The rows that each group is worth, (g,): Kish's (Σw)²/Σw² where they are weighted."""
        if self.weights is None or self.squares is None:
            return self.n.astype(np.float64)
        return _divided(self.weights.sum(axis=(1, 2)) ** 2, self.squares.sum(axis=(1, 2)))

    def of(self, rate: str) -> tuple[Floats, Floats]:
        """Numerator and denominator of a rate for every group, (g,) each, as intervals need them.

        They are counts; where rows are weighted, of so many rows that count alike as give the share the variance of its
        linearised ratio (Korn & Graubard 1998, Surv. Methodol. 24:193): p·n and n = p(1 − p)/Σw²(y − p)²·(Σw)².
        """
        rule, (top, bottom) = RATES[rate], self.totals(rate)
        if self.squares is None:
            return top, bottom
        share = np.minimum(_divided(top, bottom), 1.0)
        all_of, of_top = _sum(self.squares, rule.among), _sum(self.squares, rule.counted)
        varied = (1 - share) ** 2 * of_top + share**2 * (all_of - of_top)
        worth = _divided(bottom**2, all_of)
        inside = (share > 0) & (share < 1) & (varied > 0)
        n = np.where(inside, _divided(share * (1 - share) * bottom**2, varied), worth)
        return share * n, n

    def rate(self, rate: str) -> Floats:
        """The rate of every group, (g,); NaN where it is undefined."""
        top, bottom = self.totals(rate)
        return _divided(top, bottom, np.nan)

    def totals(self, rate: str) -> tuple[Floats, Floats]:
        """What is counted by a rate, and what is looked at, for every group, (g,) each: rows or their weights."""
        rule = RATES[rate]
        return _sum(self.sums, rule.counted), _sum(self.sums, rule.among)

    @property
    def few(self) -> tuple[str, ...]:
        """Why a group is too small to be judged, (g,); empty where it is not."""
        share = self.sums[:, :, 1].sum() / max(self.sums.sum(), 1e-300)
        worth = "rows" if self.weights is None else "rows' worth"
        return tuple(f"only {n:.3g} {worth}" if n < FEW_ROWS else
                     f"{n * share:.1f} favourable decisions expected" if n * share < FEW_POSITIVES else ""
                     for n in self.effective.tolist())

    @property
    def most_selected(self) -> int:
        """The group with the highest selection rate among those that are large enough, else among all."""
        rates = np.nan_to_num(self.rate("selection_rate"), nan=-1.0)
        large = np.array([not few for few in self.few])
        return int(np.argmax(np.where(large | ~large.any(), rates, -1.0)))

    @property
    def rest(self) -> "Cells":
        """For every group the cells of all the others."""
        return self.mapped(lambda values: values.sum(axis=0, keepdims=True) - values)

    def mapped(self, made: Callable[[Any], Any]) -> "Cells":
        """The same of counts, weights and squares."""
        return replace(self, counts=made(self.counts), weights=None if self.weights is None else made(self.weights),
                       squares=None if self.squares is None else made(self.squares))


def _sum(values: Floats, cells: Sequence[tuple[int, int]]) -> Floats:
    found = np.zeros(len(values))
    for i, j in cells:
        found += values[:, i, j]
    return found


def _divided(top: Floats, bottom: Floats, otherwise: float = 0.0) -> Floats:
    found: Floats = np.divide(top, bottom, out=np.full(np.shape(bottom), otherwise), where=bottom > 0)
    return found


@dataclass(frozen=True)
class Gap:
    """A rate of one group beside that of the reference: the difference (group − reference) and the ratio to it.

    `p_value` is Fisher's (of weighted rows that of the score test), `p_adjusted` Holm's over all gaps of one call. What
    is undefined is None with the reason.
    """

    rate: str
    group: str
    reference: str
    difference: Estimate
    ratio: Estimate
    p_value: float | None
    p_adjusted: float | None = None


def gaps(cells: Cells, reference: int, level: float = 0.95) -> list[Gap]:
    """Every compared rate of every other group beside the reference group's."""
    others = [place for place in range(len(cells.names)) if place != reference]
    again, made = [reference] * len(others), []
    for rate in COMPARED:
        x, n = cells.of(rate)
        value = cells.rate(rate)
        made.append(_Pairs(rate, [(cells.names[place], cells.names[reference]) for place in others], value[others],
                           value[again], np.stack([x[others], n[others], x[again], n[again]])))
    return _adjusted(_gaps(made, level, exact=cells.squares is None))


def overall_gaps(cells: Cells, level: float = 0.95, rates: Sequence[str] = COMPARED, *,
                 tested: bool = True) -> list[Gap]:
    """Every compared rate of every group beside that of all rows (Fairlearn's `to_overall`); p-values where `tested`.

    A group is part of all rows: p − p_all = (1 − π)(p − p_rest) and p/p_all = 1/(π + (1 − π)p_rest/p) with its share π
    of what the rate looks at, so the bounds follow from those against the rest; π is taken as given.
    """
    made, rest, shares = [], cells.rest, []
    for rate in rates:
        x, n = cells.of(rate)
        y, m = rest.of(rate)
        made.append(_Pairs(rate, [(name, OVERALL) for name in cells.names], cells.rate(rate), rest.rate(rate),
                           np.stack([x, n, y, m])))
        among = cells.totals(rate)[1]
        shares += _divided(among, np.full(among.shape, among.sum())).tolist()
    found = _gaps(made, level, exact=cells.squares is None, tested=tested, part=True)
    return _adjusted([_of_all(gap, share) for gap, share in zip(found, shares, strict=True)])


def _of_all(gap: Gap, share: float) -> Gap:
    """A gap against the rest as one against all, of which the group has that share."""
    def part(value: float | None) -> float | None:
        return None if value is None else (1 - share) * value

    def ratio(value: float | None) -> float | None:
        return None if value is None else 0.0 if value == 0 else 1 / (share + (1 - share) / value)

    return replace(gap, difference=replace(gap.difference, value=part(gap.difference.value),
                                           low=part(gap.difference.low), high=part(gap.difference.high)),
                   ratio=replace(gap.ratio, value=ratio(gap.ratio.value), low=ratio(gap.ratio.low),
                                 high=ratio(gap.ratio.high)))


@dataclass(frozen=True)
class _Pairs:
    """A rate of k pairs: names, both values (k,), and successes and rows of both sides, (4, k)."""

    rate: str
    names: Sequence[tuple[str, str]]
    first: Floats
    second: Floats
    counted: Floats


def _gaps(made: Sequence[_Pairs], level: float, *, exact: bool, tested: bool = True, part: bool = False) -> list[Gap]:
    """The gaps of all pairs of all rates, whose bounds are found together; `part`: the first is part of the second, so
    that it has a ratio to it even where the others have no rate."""
    x, n, y, m = np.concatenate([each.counted for each in made], axis=1)
    bounds = zip(*(each.tolist() for each in (*difference_bounds(x, n, y, m, level),
                                              *ratio_bounds(x, n, y, m, level))), strict=True)
    known: dict[tuple[str, str], float | None] = {}
    found = []
    for pairs in made:
        for at, names in enumerate(pairs.names):
            asked, counted = (SAME.get(pairs.rate, pairs.rate), names[0]), pairs.counted[:, at]
            if asked not in known:
                known[asked] = _p(*counted.tolist(), exact=exact) if tested else None
            values = float(pairs.first[at]), float(pairs.second[at])
            found.append(_gap(pairs.rate, names, (*values, *counted.tolist()), next(bounds), known[asked], exact=exact,
                              part=part))
    return found


def _p(a: float, n_a: float, b: float, n_b: float, *, exact: bool) -> float | None:
    if not (n_a and n_b):
        return None
    return fisher(int(a), int(n_a), int(b), int(n_b)) if exact else equality_p(a, n_a, b, n_b)


def _gap(rate: str, names: tuple[str, str], counted: tuple[float, ...], bounds: tuple[float, ...], p: float | None, *,
         exact: bool, part: bool = False) -> Gap:
    (one, other, a, n_a, b, n_b), (low, high, least, most) = counted, bounds
    n, worth = int(n_a + n_b), "" if exact else ", effective rows"
    if not (n_a and n_b):
        reason = RATES[rate].undefined.replace("the group", names[0] if not n_a else names[1])
        none = Estimate(rate, None, None, None, n, reason=reason)
        return Gap(rate, *names, none, none, None)
    difference, said = Estimate(rate, one - other, low, high, n, f"newcombe{worth}"), f"miettinen-nurminen{worth}"
    ratio = Estimate(rate, one / other, least, most, n, said) if a and b else \
        Estimate(rate, 0.0, 0.0, most, n, said) if b else \
        Estimate(rate, math.inf, least, most, n, said) if a and part else \
        Estimate(rate, None, None, None, n, reason=f"the rate of {names[1]} is 0")
    return Gap(rate, *names, difference, ratio, p)


def _adjusted(found: list[Gap]) -> list[Gap]:
    """Holm over all gaps; a rate that is 1 − another is the same question, which is asked once."""
    asked = [gap for gap in found if gap.p_value is not None and gap.rate not in SAME]
    p = dict(zip([(gap.rate, gap.group) for gap in asked], holm([gap.p_value or 0.0 for gap in asked]).tolist(),
                 strict=True)) if asked else {}
    return [replace(gap, p_adjusted=p.get((SAME.get(gap.rate, gap.rate), gap.group))) for gap in found]
