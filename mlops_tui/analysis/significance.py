"""The one judgement of a difference between two models: better, worse, equivalent within a margin, or inconclusive."""

import math
from dataclasses import dataclass
from enum import StrEnum

from mlops_tui.analysis.interval import Contrast, z_score

ALPHA = 0.05
POWER = 0.8


class Verdict(StrEnum):
    """How the second model, b, stands against the first, a."""

    BETTER = "better"
    WORSE = "worse"
    EQUIVALENT = "equivalent"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Judgement:
    """A verdict about b, and what it was read from.

    `p_value` is paid for every look; `low` and `high` bound a − b at `level`. `no_worse`: b is surely not worse than a
    by more than the margin; False where it surely is; None where neither is known.
    """

    verdict: Verdict
    no_worse: bool | None
    p_value: float | None
    low: float | None
    high: float | None
    level: float
    looks: int = 1


def judged(contrast: Contrast, higher_is_better: bool, margin: float = 0.0, *, alpha: float = ALPHA, pairs: int = 1,
           looks: int = 1) -> Judgement:
    """How b stands against a, from the difference a − b: the one gate of training, comparison and promotion.

    better or worse: two-sided p ≤ alpha (where a method gives none, its interval at 1 − alpha excludes 0). equivalent:
    both one-sided tests of the margin at alpha, that is the interval at 1 − 2·alpha lies inside ±margin (TOST:
    Schuirmann 1987, J. Pharmacokinet. Biopharm. 15:657); it comes first, as a tiny but certain difference is no reason
    to change models. no worse: one of those two tests. A statement of the verdict is then false with probability at
    most alpha, wherever the truth lies: any that is false for a difference of −margin or 0 needs one tail of alpha, or
    two of alpha/2.

    `contrast.p_value` is the adjusted one where it is one of several `pairs`; `looks` is how many questions were asked
    of the same rows, this one among them: p times that (Bonferroni, which is Holm's first step), and the interval at
    1 − 2·alpha/(pairs·looks). ValueError for a negative margin or fewer than one look.
    """
    if margin < 0:
        raise ValueError(f"the margin is not negative: {margin}")
    if min(pairs, looks) < 1:
        raise ValueError(f"a question that is asked is at least one: {pairs} pairs, {looks} looks")
    level = 1 - 2 * alpha / (pairs * looks)
    bounds, p = contrast.at(level), contrast.p_value
    paid = None if p is None else min(p * looks, 1.0)
    low, high = bounds or (None, None)
    return Judgement(_verdict(contrast, higher_is_better, margin, (bounds, paid, alpha / (pairs * looks), alpha)),
                     _no_worse(bounds, higher_is_better, margin), paid, low, high, level, looks)


def verdict(contrast: Contrast, higher_is_better: bool, margin: float = 0.0, alpha: float = ALPHA, looks: int = 1) -> \
        Verdict:
    """The verdict of `judged` alone."""
    return judged(contrast, higher_is_better, margin, alpha=alpha, looks=looks).verdict


def _verdict(contrast: Contrast, higher_is_better: bool, margin: float,
             read: tuple[tuple[float, float] | None, float | None, float, float]) -> Verdict:
    bounds, p, share, alpha = read
    if bounds is not None and -margin <= bounds[0] and bounds[1] <= margin:
        return Verdict.EQUIVALENT
    if p is not None:
        decided = p <= alpha
    else:
        outer = contrast.at(1 - share)
        decided = outer is not None and (outer[0] > 0 or outer[1] < 0)
    if not decided or contrast.estimate == 0:
        return Verdict.INCONCLUSIVE
    return Verdict.BETTER if (contrast.estimate < 0) == higher_is_better else Verdict.WORSE


def _no_worse(bounds: tuple[float, float] | None, higher_is_better: bool, margin: float) -> bool | None:
    if bounds is None:
        return None
    least, most = (-bounds[1], -bounds[0]) if higher_is_better else bounds  # of b's lead on a
    return True if least >= -margin else False if most < -margin else None


def turned(contrast: Contrast) -> Contrast:
    """The difference b − a of a difference a − b."""
    low, high = (None if bound is None else -bound for bound in (contrast.high, contrast.low))
    statistic = None if contrast.statistic is None else -contrast.statistic
    bounds = contrast.bounds
    return Contrast(-contrast.estimate if contrast.estimate else 0.0, low, high, statistic, contrast.p_value,
                    contrast.method, contrast.reason, contrast.error,
                    None if bounds is None else lambda level: _mirrored(bounds(level)))


def _mirrored(bounds: tuple[float, float]) -> tuple[float, float]:
    return -bounds[1], -bounds[0]


# -- how many rows it takes -----------------------------------------------------------------------------------------


def detectable(contrast: Contrast, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """The difference that so many rows would have shown as significant with that power: (z₁₋α/₂ + z_power)·error."""
    if not contrast.error:
        return None
    return (z_score(1 - alpha) + z_score(2 * power - 1)) * contrast.error


def rows_needed(contrast: Contrast, n: int, margin: float, alpha: float = ALPHA, power: float = POWER) -> int | None:
    """How many rows like these n it takes to show a difference of `margin` as significant with that power.

    The standard error that was found shrinks with √n. None without a margin or where the difference has no error.
    """
    shown = detectable(contrast, alpha, power)
    if shown is None or margin <= 0:
        return None
    return math.ceil(n * (shown / margin) ** 2)
