"""A limit that would have kept a monitor's real alerts and dropped its noise, from what people said of them. Pure."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise

from mlops_tui.alerts.alertstate import Alert
from mlops_tui.alerts.reactions import TOLD, fires
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.limits import LESS_IS_BETTER, LIMITS
from store.facts import Finding

LEAST_REAL, LEAST_NOISE = 3, 2  # verdicts without which no limit is proposed
_UNITS = {"KS": "ks", "V": "v"}


@dataclass(frozen=True)
class Better:
    """A proposed limit on a measure: of so many real alerts all are kept, of the noise so many dropped.

    `fired` and `would_fire` count what the rule did over all of its findings, and would have done.
    """

    measure: str
    now: float
    limit: float
    real: int
    noise: int
    dropped: int
    fired: int
    would_fire: int

    @property
    def said(self) -> str:
        return (f"{self.measure} {self.now:g} → {self.limit:g} would have kept {self.real} of {self.real} real alerts "
                f"and dropped {self.dropped} of {self.noise} noise; {self.would_fire} in place of {self.fired}")


@dataclass(frozen=True)
class TooLittle:
    """Why there is no proposal."""

    why: str


@dataclass(frozen=True)
class Point:
    """A finding as a limit judges it: `strength` is what must lie beyond the limit, None where it did not fail by the
    measure that is to be moved."""

    at: datetime
    status: str
    strength: float | None = None


def better(policy: AlertPolicy, limits: Mapping[str, float], alerts: Sequence[Alert],
           findings: Sequence[tuple[datetime, Finding]]) -> Better | TooLittle:
    """The limit that drops most noise of those that keep every real alert; the one nearest to the present of several.

    Limits are only loosened: what passed stays passed, so that the findings there are can be judged anew. It is
    chosen and counted on the same alerts.
    """
    judged = [each for each in alerts if each.real is not None]
    real, noise = [each for each in judged if each.real], [each for each in judged if not each.real]
    if len(real) < LEAST_REAL or len(noise) < LEAST_NOISE:
        return TooLittle(f"{len(real)} judged real and {len(noise)} noise; a limit is proposed from {LEAST_REAL} and "
                         f"{LEAST_NOISE} on")
    measure = _measure(limits, findings)
    if measure is None:
        return TooLittle("its findings do not say by which of the limits in its file they failed")
    known = LIMITS.get(findings[-1][1].check, {})
    points = [_point(at, fact, measure, limits) for at, fact in findings]
    below = _below(findings[-1][1].check, measure)
    best: Better | None = None
    fired = _times(policy, points)
    for limit in _candidates(points, limits[measure], below=below):
        moved = [_judged(point, limit, below=below) for point in points]
        told = _times(policy, moved)
        dropped = sum(not _heard(each, told) for each in noise)
        if limit in known.get(measure, ()) and all(_heard(each, told) for each in real) \
                and dropped > (best.dropped if best is not None else 0):
            best = Better(measure, limits[measure], limit, len(real), len(noise), dropped, len(fired), len(told))
    return best or TooLittle(f"no limit on {measure} drops noise and keeps all {len(real)} real alerts")


def _heard(alert: Alert, told: Sequence[datetime]) -> bool:
    """Whether the rule fired while the alert lasted."""
    return any(alert.opened_at <= at and (alert.ended_at is None or at <= alert.ended_at) for at in told)


def _times(policy: AlertPolicy, points: Sequence[Point]) -> list[datetime]:
    return [turn.at for turn in fires(policy, [(each.at, each.status) for each in points]) if turn.event in TOLD]


def _judged(point: Point, limit: float, *, below: bool) -> Point:
    if point.strength is None:
        return point
    return replace(point, status="fail" if (point.strength < limit if below else point.strength > limit) else "pass")


def _measure(limits: Mapping[str, float], findings: Sequence[tuple[datetime, Finding]]) -> str | None:
    """The limit that most of the failures broke."""
    found = Counter(name for _, fact in findings if fact.status == "fail"
                    and (name := broken(fact, limits)) is not None)
    return found.most_common(1)[0][0] if found else None


def broken(fact: Finding, limits: Mapping[str, float]) -> str | None:
    """Which of a monitor's limits the value of a finding was held against; None where that cannot be told."""
    measures = fact.detail.get("measures") or {}
    named = [str(fact.detail.get("metric") or ""), _UNITS.get(fact.unit, "")]
    named += [str(name) for name, value in measures.items() if value == fact.value]
    named += [name for name, value in limits.items() if value == fact.limit] if len(limits) == 1 else []
    return next((name for name in named if name in limits), None)


def _below(check: str, measure: str) -> bool:
    """Whether what lies below the limit fails."""
    return check == "performance" and measure not in LESS_IS_BETTER


def _point(at: datetime, fact: Finding, measure: str, limits: Mapping[str, float]) -> Point:
    if fact.status != "fail" or fact.value is None or broken(fact, limits) != measure:
        return Point(at, fact.status)
    below = _below(fact.check, measure)
    bound, limit = fact.high if below else fact.low, limits[measure]
    bounded = fact.check != "calibration" and bound is not None and (bound < limit if below else bound > limit)
    decides = bound if bounded and bound is not None else fact.value
    return Point(at, fact.status, decides if below else abs(decides))


def _candidates(points: Sequence[Point], now: float, *, below: bool) -> Iterator[float]:
    """Round numbers between what was found, from the present limit on outwards."""
    found = sorted({each.strength for each in points if each.strength is not None}, reverse=below)
    beyond = [each for each in found if (each < now if below else each > now)]
    for nearer, farther in pairwise(beyond):
        yield roundest(min(nearer, farther), max(nearer, farther))


def roundest(low: float, high: float) -> float:
    """The number with the fewest digits from `low` up to, and not, `high`; the one nearest to `low` of several.

    >>> roundest(0.4718, 0.5536), roundest(0.4718, 0.4724), roundest(0.7059, 0.7199)
    (0.5, 0.472, 0.71)
    """
    for digits in range(-math.floor(math.log10(max(abs(high), 1e-300))) - 1, 17):
        step = 10.0 ** -digits
        number = round(math.ceil(low / step - 1e-12) * step, max(digits, 0))
        if low <= number < high:
            return number
    return low
