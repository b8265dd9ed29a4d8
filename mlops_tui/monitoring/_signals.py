"""What the traffic of each endpoint says: its volume, its errors and its latency, each held against what is usual."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import latency, season
from mlops_tui.analysis.interval import wilson
from mlops_tui.analysis.season import HOUR, WEEK, Clock, Judged, Rule, Usual
from mlops_tui.logs.hourly import Requests
from mlops_tui.view import Status, counted, finite

SHARE = 0.5      # errors and slow answers count as odd from so much above the usual
USUAL_DAYS = 28  # of latencies, whose p99 is the usual one
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Signal:
    """One thing watched at one endpoint, and how it stands; `at` is the begin of the hour it speaks of."""

    endpoint: str
    name: str
    status: Status
    said: str
    value: float | None = None
    low: float | None = None
    high: float | None = None
    limit: float | None = None
    unit: str = ""
    n: int | None = None
    p: float | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Asked:
    """Hours [start, end) that are judged, the limits that are declared, and why some hours are left out."""

    start: int
    end: int
    limits: Mapping[str, float] = field(default_factory=dict)
    known: Mapping[int, str] = field(default_factory=dict)

    @property
    def hours(self) -> int:
        return self.end - self.start


@dataclass(frozen=True)
class Seen:
    """The volume of each endpoint (h, e), NaN before its first request and where an anomaly is known, as judged."""

    volume: Floats
    judged: Judged
    rule: Rule
    signals: tuple[Signal, ...]

    def band(self, endpoint: int, start: int, end: int) -> tuple[list[float | None], list[float | None]]:
        """Between which counts chance leaves each hour; None where that is not known."""
        mean, error = (each[start:end, endpoint] for each in (self.judged.usual.mean, self.judged.usual.error))
        alpha = self.judged.dispersion[1][start:end, endpoint]
        known = np.isfinite(mean) & np.isfinite(alpha)
        bounds = np.full((2, end - start), np.nan)
        if known.any():
            bounds[:, known] = season.band(mean[known], alpha[known] + error[known] / mean[known]**2, self.rule.p)
        low, high = ([finite(each) for each in side] for side in bounds.tolist())
        return low, high


def seen(requests: Requests, asked: Asked) -> Seen:
    """Each signal of each endpoint, worst first."""
    looks = 1 + bool(requests.named.status) + bool(requests.named.latency)
    rule = Rule(asked.limits.get("false_alarms", 1.0), looks=looks)
    volume = _from_the_first(requests.by_endpoint(requests.n))
    volume[list(asked.known)] = np.nan
    found = season.judged(volume, requests.clock, rule)
    signals = [*_volumes(requests, volume, found, rule, asked), *_errors(requests, rule, asked),
               *_latencies(requests, rule, asked)]
    return Seen(volume, found, rule, tuple(sorted(signals, key=lambda each: URGENT.index(each.status))))


URGENT = (Status.FAIL, Status.UNKNOWN, Status.WARN, Status.PASS, Status.DONE)


def _from_the_first(counts: Floats) -> Floats:
    """Hours before the first request of an endpoint are not known; those after it are zero where nothing came."""
    begun = np.cumsum(np.nan_to_num(counts), axis=0) > 0
    return np.where(begun, counts, np.nan)


def _local(requests: Requests, place: int) -> str:
    return requests.clock.at(place).astimezone(requests.zone).strftime("%a %-d %b %H:%M")


# -- volume ---------------------------------------------------------------------------------------------------------


def _volumes(requests: Requests, volume: Floats, found: Judged, rule: Rule, asked: Asked) -> Iterator[Signal]:
    for place, endpoint in enumerate(requests.endpoints):
        part = slice(asked.start, asked.end)
        n = int(np.nansum(volume[part, place]))
        odd = np.flatnonzero(found.side[part, place]) + asked.start
        if odd.size:
            worst = int(odd[np.argmin(found.p[odd, place])])
            yield _odd(requests, volume, found, rule, asked, (place, worst), n)
        elif why := _unjudged(volume, found, rule, asked, place):
            yield Signal(endpoint, "volume", Status.UNKNOWN, why, n=n, unit="requests")
        else:
            mean = float(np.nansum(np.where(np.isfinite(volume[part, place]), found.usual.mean[part, place], 0.0)))
            yield Signal(endpoint, "volume", Status.PASS, f"{counted(n, 'request')}, about {mean:,.0f} are usual",
                         value=float(n), n=n, unit="requests")


def _odd(requests: Requests, volume: Floats, found: Judged, rule: Rule, asked: Asked, at: tuple[int, int],
         n: int) -> Signal:
    """An endpoint with too few or too many requests: in which hours, how many, how many are usual."""
    place, worst = at
    span = int(found.span[worst, place])
    hours = slice(max(worst + 1 - span, 0), worst + 1)
    there = np.isfinite(volume[hours, place])
    came, mean, error = (float(np.where(there, each[hours, place], 0.0).sum()) for each in
                         (volume, found.usual.mean, found.usual.error))
    alpha = float(found.dispersion[span][worst, place]) + error / mean**2
    low, high = (float(each[0]) for each in season.band(np.array([mean]), np.array([alpha]), rule.p))
    endpoint, since = requests.endpoints[place], _silent_since(volume[:asked.end, place])
    if since is not None and found.side[worst, place] < 0 and asked.end - since >= 1:
        usual = f"about {mean / span:,.0f} requests an hour are usual"
        said = f"{endpoint} is silent since {_local(requests, since)}; {usual}"
    else:
        when = _local(requests, worst) if span == 1 else f"the {span} h to {_local(requests, worst + 1)}"
        many = counted(int(came), "request") if came else "No request"
        said = f"{many} of {endpoint} in {when}; {low:,.0f} to {high:,.0f} are usual"
    return Signal(endpoint, "volume", Status.FAIL, said, came, low, high, low if found.side[worst, place] < 0 else high,
                  "requests", n, float(found.p[worst, place]), requests.clock.at(worst))


def _silent_since(counts: Floats) -> int | None:
    """The hour since which nothing came, up to the end; None where the last hour had requests."""
    there = np.flatnonzero(np.nan_to_num(counts) > 0)
    last = int(there[-1]) + 1 if there.size else counts.size
    return last if last < counts.size else None


def _unjudged(volume: Floats, found: Judged, rule: Rule, asked: Asked, place: int) -> str:
    """Why nothing can be said of an endpoint's volume; empty where something can."""
    if asked.hours < 1:
        return "No hour is over yet."
    part = slice(asked.start, asked.end)
    if not found.known[part, place].any():
        said = {asked.known[hour] for hour in range(asked.start, asked.end) if hour in asked.known}
        if said:
            return "; ".join(sorted(said))
        days = np.isfinite(volume[:, place]).sum() / 24
        return f"{days:.0f} d of requests are known; what is usual at an hour of the week takes three weeks"
    last = int(np.flatnonzero(found.known[part, place])[-1]) + asked.start
    means = np.nan_to_num(found.usual.mean[max(last - 23, 0):last + 1, place])
    if season.silence(means.tolist(), float(found.dispersion[1][last, place]), rule.p) is None:
        return f"About {means.sum():,.1f} requests a day: a day without any would be no surprise"
    return ""


# -- errors and latency ---------------------------------------------------------------------------------------------


def _errors(requests: Requests, rule: Rule, asked: Asked) -> Iterator[Signal]:
    """A burst of errors that are ours, among the requests whose status is known; and the declared limit."""
    if not requests.named.status:
        if "error_rate" in asked.limits:
            yield from (Signal(endpoint, "errors", Status.UNKNOWN, "The log has no status: errors are not known.",
                               limit=asked.limits["error_rate"]) for endpoint in requests.endpoints)
        return
    part, whole = requests.by_endpoint(requests.ours), requests.by_endpoint(requests.n - requests.unsaid)
    for place, endpoint in enumerate(requests.endpoints):
        bad, of = (each[:, place].copy() for each in (part, whole))
        hours = slice(asked.start, asked.end)
        k, n = int(bad[hours].sum()), int(of[hours].sum())
        burst = _burst(requests, (bad, of), rule, asked)
        if n == 0:
            yield Signal(endpoint, "errors", Status.UNKNOWN, "No request with a status in these hours.", n=0)
            continue
        bounds = wilson(k, n)
        limit = asked.limits.get("error_rate")
        status, said = _held(k / n, (bounds.low, bounds.high), limit)
        words = f"{k / n:.2%} of {n:,} requests failed by our fault{said}"
        if burst is not None:
            at, span, share, usual = burst
            status = Status.FAIL
            words = (f"{share:.1%} of the requests of {endpoint} failed in the {span} h to {_local(requests, at + 1)}; "
                     f"{usual:.2%} is usual")
        yield Signal(endpoint, "errors", status, words, k / n, bounds.low, bounds.high, limit, "", n,
                     at=requests.clock.at(burst[0]) if burst is not None else None)


def _held(value: float, bounds: tuple[float | None, float | None], limit: float | None) -> tuple[Status, str]:
    """How a value with its interval stands against the most that it may be: undecided is unknown."""
    low, high = bounds
    if limit is None:
        return Status.PASS, ""
    if low is not None and low > limit:
        return Status.FAIL, f", limit {limit:g}"
    if high is not None and high <= limit:
        return Status.PASS, f", limit {limit:g}"
    return Status.UNKNOWN, f": too few to tell on which side of {limit:g} it lies" if value <= limit else \
        f", above {limit:g}, but too few to be sure"


def _burst(requests: Requests, counts: tuple[Floats, Floats], rule: Rule,
           asked: Asked) -> tuple[int, int, float, float] | None:
    """The worst hour with too large a part of the whole: its place, the hours looked at, the share, the usual one."""
    part, whole = (np.where(np.isin(np.arange(each.size), list(asked.known)), np.nan, each)[:, None] for each in counts)
    expected: Usual = season.steady(part, whole, requests.clock)
    more = Rule(rule.false_alarms, (1, 3), (1,), SHARE, rule.looks)
    found = season.judged(np.where(np.isfinite(expected.mean), part, np.nan), requests.clock, more, expected)
    odd = np.flatnonzero(found.side[asked.start:asked.end, 0]) + asked.start
    if not odd.size:
        return None
    worst = int(odd[np.argmin(found.p[odd, 0])])
    span = int(found.span[worst, 0])
    hours = slice(worst + 1 - span, worst + 1)
    came, mean, of = (float(np.nansum(each[hours, 0])) for each in (part, expected.mean, whole))
    return worst, span, came / of, mean / of


def _latencies(requests: Requests, rule: Rule, asked: Asked) -> Iterator[Signal]:
    """Too many answers slower than the usual p99; and the declared limit of p99."""
    if not requests.named.latency:
        if "p99_ms" in asked.limits:
            yield from (Signal(endpoint, "latency", Status.UNKNOWN, "The log has no latency_ms: it is not known.",
                               limit=asked.limits["p99_ms"], unit="ms") for endpoint in requests.endpoints)
        return
    for place, endpoint in enumerate(requests.endpoints):
        of = [number for number, (name, _) in enumerate(requests.series) if name == endpoint]
        p99 = latency.quantile(requests.latencies(of, asked.start, asked.end), 0.99)
        if p99 is None:
            yield Signal(endpoint, "latency", Status.UNKNOWN, "No answer with a latency in these hours.", n=0)
            continue
        n = int(requests.latencies(of, asked.start, asked.end).sum())
        limit = asked.limits.get("p99_ms")
        status, said = _held(p99.value, (p99.low, p99.high), limit)
        words, burst = f"p99 is {p99.value:,.0f} ms{said}", None
        before = latency.quantile(requests.latencies(of, max(asked.start - USUAL_DAYS * 24, 0), asked.start), 0.99)
        if before is not None:
            edge = int(latency.bucket(before.value))
            burst = _burst(requests, requests.slower(place, edge), rule, asked)
        if burst is not None and before is not None:
            at, span, share, _ = burst
            then = latency.quantile(requests.latencies(of, at + 1 - span, at + 1), 0.99)
            status = Status.FAIL
            words = (f"p99 of {endpoint} was {then.value if then else 0:,.0f} ms in the {span} h to "
                     f"{_local(requests, at + 1)}; {before.value:,.0f} ms is usual, and {share:.0%} took longer")
        yield Signal(endpoint, "latency", status, words, p99.value, p99.low, p99.high, limit, "ms", n,
                     at=requests.clock.at(burst[0]) if burst is not None else None)


def first_place(clock: Clock, at: datetime) -> int:
    """The place of the first hour that begins at that time or later."""
    return min(max(int(np.ceil((at - clock.first) / HOUR)), 0), clock.hours)


def usual_week(found: Judged, clock: Clock, place: int) -> Sequence[float | None]:
    """What is expected at each hour of the week (168,), as of the last time that hour came; None where unknown."""
    week: list[float | None] = [None] * WEEK
    start = max(clock.hours - 2 * WEEK, 0)
    for slot, mean in zip(clock.slot[start:].tolist(), found.usual.mean[start:, place].tolist(), strict=True):
        if np.isfinite(mean):
            week[slot] = mean
    return week
