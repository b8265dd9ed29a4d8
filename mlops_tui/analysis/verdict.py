"""Whether a column has moved: significant among all columns, more than matters, and enough rows to have seen it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from mlops_tui.analysis import distance, multiplicity, tails

DISTANCES = {"psi": math.inf, "hellinger": 1.0, "jensen_shannon": 1.0, "wasserstein": math.inf}  # and their largest

SAID = {"psi": "PSI", "hellinger": "Hellinger", "jensen_shannon": "Jensen-Shannon", "wasserstein": "Wasserstein"}


@dataclass(frozen=True)
class Limits:
    """What counts as moved: the smallest effect that matters for each test, and the error rates that are accepted.

    `ks`, `v` and `missing` are shares between 0 and 1; `alpha` is the expected share of false alarms among all alarms,
    `power` the probability with which an effect of the detectable size is seen. Limits on `psi`, `hellinger`,
    `jensen_shannon` and `wasserstein` (in the column's unit) are there only where somebody set them.
    """

    ks: float = 0.02
    v: float = 0.05
    missing: float = 0.05
    alpha: float = 0.05
    power: float = 0.8
    psi: float | None = None
    hellinger: float | None = None
    jensen_shannon: float | None = None
    wasserstein: float | None = None

    def __post_init__(self) -> None:
        for name in ("ks", "v", "missing", "alpha", "power"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"the limit '{name}' lies between 0 and 1, not {getattr(self, name)}")
        for name, most in DISTANCES.items():
            if (limit := getattr(self, name)) is not None and not 0 < limit < most:
                raise ValueError(f"the limit '{name}' lies between 0 and {most:g}, not {limit}")

    @property
    def of_distances(self) -> dict[str, float]:
        """The limits that were set on other distances, by name."""
        return {name: limit for name in DISTANCES if (limit := getattr(self, name)) is not None}


@dataclass(frozen=True)
class Evidence:
    """One column's test: statistic, p-value and effect as bounds, `detectable` effect and the effect that matters.

    `missing` are the rows without a value and all rows, reference then current. `usual` is how far parts of the
    reference (weeks) lie from each other, where that is known. `declared` is the limit that was set, `limit` the larger
    of both, and `needed` how many rows on each side would see it. Without a test, `reason` says why, and `same` whether
    that alone proves that nothing moved.
    """

    column: str
    test: str | None = None
    statistic: distance.Bounds | None = None
    p_value: distance.Bounds | None = None
    effect: distance.Bounds | None = None
    detectable: float | None = None
    limit: float = math.nan
    missing: tuple[int, int, int, int] = (0, 0, 0, 0)
    reason: str = ""
    same: bool = False
    usual: float | None = None
    declared: float = math.nan
    needed: int | None = None


@dataclass(frozen=True)
class Verdict:
    """True, False, or None where the data cannot say; `open` where bounds are too wide to decide."""

    drifted: bool | None
    p_adjusted: float | None
    reason: str
    open: bool = False


def detectable_ks(n: int, m: int, tests: int, limits: Limits) -> float:
    """The KS distance that samples of n and m values detect with the given power, as one of `tests` columns.

    A distance D at one point is seen as D·√(nm/(n+m)) with a standard deviation of at most ½, and must pass the
    critical value at α/tests, the hardest that Benjamini–Hochberg asks: D = (K + z/2)/√(nm/(n+m)), an upper bound
    (after Massey 1951, JASA 46:68). May exceed 1: then these samples detect nothing.
    """
    critical, z = _critical_ks(limits.alpha / tests), tails.normal_isf(1 - limits.power)
    return (critical + z / 2) / math.sqrt(n * m / (n + m))


def detectable_v(n: int, m: int, df: int, tests: int, limits: Limits) -> float:
    """The Cramér's V (both samples weighted alike) that a χ² test with `df` detects with the given power.

    λ = 4·nm/(n+m)·V² is the noncentrality of the test (Cohen 1988, ch. 7) at α/tests.
    """
    return math.sqrt(_shift(limits.alpha / tests, df, limits.power) / (4 * n * m / (n + m)))


def rows_needed(n: int, m: int, detectable: float, limit: float) -> int:
    """How many rows on each side detect an effect as small as the limit, where n and m detect `detectable`.

    Both detectable effects fall with the root of nm/(n+m), which is N/2 for N rows on each side.
    """
    return math.ceil(2 * n * m / (n + m) * (detectable / limit) ** 2)


def rounded_up(rows: int) -> int:
    """To two figures: nobody needs to know the last row.

    >>> [rounded_up(rows) for rows in (7, 21_661, 100, 101)]
    [7, 22000, 100, 110]
    """
    step = int(10 ** max(len(str(rows)) - 2, 0))
    return -(-rows // step) * step


@cache
def _critical_ks(alpha: float) -> float:
    return tails.kolmogorov_isf(alpha)


@cache
def _shift(alpha: float, df: int, power: float) -> float:
    return tails.noncentral_shift(tails.chi2_isf(alpha, df), df, power)


def judge(columns: Sequence[Evidence], limits: Limits) -> list[Verdict]:
    """The verdict on each column, corrected for how many are tested (Benjamini–Hochberg).

    Drifted: adjusted p ≤ α and effect ≥ its limit. Not: the effect that matters would have been seen. None: neither, or
    no test. A column is `open` while its bounds allow two answers. A change of the missing share beyond its limit, at
    α/columns, is drift of its own: values that are no longer there cannot be compared.
    """
    tested = [each for each in columns if each.p_value is not None]
    least = _adjusted(tested, [each.p_value.high for each in tested if each.p_value])
    most = _adjusted(tested, [each.p_value.low for each in tested if each.p_value])
    verdicts = []
    for column in columns:
        gone = _missing_moved(column, limits, len(columns))
        if column.column not in least or column.effect is None:
            verdicts.append(Verdict(True if gone else False if column.same else None, None, gone or column.reason))
            continue
        surely = _tested(column, least[column.column], column.effect.low, limits)
        perhaps = _tested(column, most[column.column], column.effect.high, limits)
        also = f"{surely.reason}; {gone}" if surely.drifted else gone
        verdicts.append(replace(surely, drifted=True, reason=also) if gone else
                        replace(surely, open=surely.drifted is not perhaps.drifted))
    return verdicts


def beyond(verdict: Verdict, bounds: Mapping[str, distance.Bounds], limits: Limits) -> Verdict:
    """The verdict where limits were set on other distances, each between its bounds: a significant shift that surely
    reaches one has drifted as well; one that may reach it is left open, since only the rows decide."""
    if verdict.drifted or verdict.p_adjusted is None or verdict.p_adjusted > limits.alpha:
        return verdict
    for name, limit in limits.of_distances.items():
        found, said = bounds.get(name), SAID[name]
        if found is not None and found.low >= limit:
            return replace(verdict, drifted=True, reason=f"{said} {found.low:.3g}, limit {limit:g}")
        if found is not None and found.high >= limit:
            words = f"{said} between {found.low:.4g} and {found.high:.4g}, limit {limit:g}"
            verdict = replace(verdict, drifted=None, reason=words)
    return verdict


def _adjusted(tested: Sequence[Evidence], p_values: Sequence[float]) -> dict[str, float]:
    adjusted = multiplicity.benjamini_hochberg(p_values).tolist() if tested else []
    return {each.column: value for each, value in zip(tested, adjusted, strict=True)}


def _tested(column: Evidence, p: float, effect: float, limits: Limits) -> Verdict:
    """The verdict if this were the adjusted p-value and this the effect."""
    name = "KS" if column.test == "ks" else "V"
    detectable = math.inf if column.detectable is None else column.detectable
    if p <= limits.alpha and effect >= column.limit:
        sure = "p < 1e-300" if p < 1e-300 else f"p = {p:.2g}"
        return Verdict(True, p, f"{name} {effect:.3f}, {sure}")
    if p <= limits.alpha:
        within = column.usual is not None and column.usual >= column.limit
        return Verdict(False, p, "significant, but no more than usual" if within else
                       "significant, but smaller than matters")
    if detectable > column.limit:
        sees = f"a {name} of {detectable:.3f}" if detectable <= 1 else "nothing"
        wanted = f"; {rounded_up(column.needed):,} rows on each side see {column.limit:.3g}" if column.needed else ""
        return Verdict(None, p, f"not enough data: this size sees {sees}{wanted}")
    return Verdict(False, p, "no shift seen")


def _missing_moved(column: Evidence, limits: Limits, columns: int) -> str:
    """The words for a missing share that changed by more than its limit, or nothing."""
    gone_r, rows_r, gone_c, rows_c = column.missing
    if not (rows_r and rows_c):
        return ""
    before, after = gone_r / rows_r, gone_c / rows_c
    share = (gone_r + gone_c) / (rows_r + rows_c)
    variance = share * (1 - share) * (1 / rows_r + 1 / rows_c)
    if abs(after - before) < limits.missing or variance <= 0:
        return ""
    p = math.erfc(abs(after - before) / math.sqrt(2 * variance))
    return f"missing in {before:.1%} of the reference, in {after:.1%} now" if p <= limits.alpha / columns else ""
