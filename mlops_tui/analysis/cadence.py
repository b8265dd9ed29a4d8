"""What it costs, and how old rows are, when events are taken in by the day, by the hour, or as they come."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, expm1, log
from typing import Literal

DAY = 86_400.0
Kind = Literal["bulk", "stream"]
WAYS: tuple[tuple[str, Kind, float, float], ...] = (  # name, kind, seconds between runs, seconds that a run takes
    ("daily bulk", "bulk", DAY, 600.0), ("hourly bulk", "bulk", 3600.0, 120.0),
    ("micro-batch, 1 min", "stream", 60.0, 2.0), ("micro-batch, 5 s", "stream", 5.0, 0.5))


@dataclass(frozen=True)
class Need:
    """What is asked: seconds that a row may be old; events per second; the share of events that come late, and the
    seconds by which half of those are; money for a bulk run, for an hour of a consumer; events per second of one."""

    latency: float
    rate: float
    late: float
    late_by: float
    run_cost: float
    hour_cost: float
    capacity: float


@dataclass(frozen=True)
class Alternative:
    """A way to take events in: latency in seconds, money a day, the share of events that are not there in time."""

    name: str
    kind: Kind
    every: float
    mean_latency: float
    worst_latency: float
    cost: float
    missed: float
    consumers: int

    def meets(self, latency: float) -> bool:
        """Whether the slowest event is there in time."""
        return self.worst_latency <= latency


def alternatives(need: Need) -> list[Alternative]:
    """Each way, by how often it runs, the rarest first.

    An event waits for the end of its interval, evenly spread, and for the run: on average every/2 + run, at worst
    every + run. A late event is missed by the interval it happened in where it comes after that is closed: lateness is
    taken as exponential with the given median, so P(later than t) = 2^(−t/median), and averaged over the interval.
    """
    return [_alternative(need, *way) for way in WAYS]


def _alternative(need: Need, name: str, kind: Kind, every: float, run: float) -> Alternative:
    consumers = max(1, ceil(need.rate / need.capacity)) if kind == "stream" else 0
    cost = consumers * 24 * need.hour_cost if kind == "stream" else DAY / every * need.run_cost
    missed = need.late * still_out(every, need.late_by)
    return Alternative(name, kind, every, every / 2 + run, every + run, cost, missed, consumers)


def still_out(every: float, median: float) -> float:
    """The share of late events that come after the end of the interval in which they happened.

    The mean over u in (0, every) of 2^(−u/median): (1 − 2^(−every/median)) · median / (every · ln 2).

    >>> round(still_out(3600, 3600), 4), round(still_out(1e-9, 3600), 4), still_out(60, 0)
    (0.7213, 1.0, 0.0)
    """
    if median <= 0:
        return 0.0
    ratio = every / median
    return -expm1(-ratio * log(2)) / (ratio * log(2))


def cheapest(found: Sequence[Alternative], latency: float) -> Alternative | None:
    """The cheapest way that is fast enough; of two of one price the one that is faster. None where none is."""
    fit = [each for each in found if each.meets(latency)]
    return min(fit, key=lambda each: (each.cost, each.worst_latency), default=None)


@dataclass(frozen=True)
class Flip:
    """Where the answer would change: so much money for a bulk run, so many seconds of latency, so many events a
    second; None where there is no such value."""

    run_cost: float | None
    latency: float | None
    rate: float


def flips(need: Need, found: Sequence[Alternative]) -> Flip:
    """At which cost of a run the rarest bulk that is fast enough costs as much as the stream; from which latency on
    that bulk is fast enough; at which rate a stream needs one more consumer."""
    streams = [each for each in found if each.kind == "stream"]
    bulk = [each for each in found if each.kind == "bulk"]
    enough = [each for each in bulk if each.meets(need.latency)]
    cost = min(each.cost for each in streams)
    price = cost / (DAY / max(enough, key=lambda each: each.every).every) if enough else None
    cheaper = [each.worst_latency for each in bulk if each.cost < cost]
    return Flip(price, min(cheaper, default=None),
                need.capacity * max(1, ceil(need.rate / need.capacity)))
