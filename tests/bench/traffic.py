"""Traffic: a year of 100 endpoints back-tested, how often chance alarms, which planted anomalies are found and when.

Run: python -m tests.bench.traffic. Prints JSON; about five CPU minutes.
"""

import json
import resource
import sys
import time

import numpy as np

from mlops_tui.analysis import latency
from mlops_tui.analysis.season import QUARTER, WEEK, Rule, judged, steady
from tests.analysis.planted import (
    NEW_YORK,
    PLANTED,
    a_quarter,
    alike,
    clock_of,
    drawn,
    episodes,
    hourly_flights,
    recall,
    weekly,
)

YEAR, ENDPOINTS = 8760, 100
HOLIDAYS = {"05-26", "05-27", "07-03", "07-04", "07-05", "08-31", "09-01", "09-02", "11-27", "11-28", "11-29",
            "11-30", "12-01", "12-02", *(f"12-{day}" for day in range(22, 32))}


def year() -> dict[str, float]:
    """CPU seconds of a year of hourly counts of 100 endpoints, judged hour by hour on what was known before."""
    began = time.process_time()
    clock, random = clock_of(YEAR), np.random.default_rng(1)
    counts = drawn(weekly(clock)[:, None] * np.geomspace(1, 5000, ENDPOINTS), 0.03, random)
    made = time.process_time()
    found = judged(counts, clock, Rule())
    return {"cpu_s": round(time.process_time() - made, 2), "drawing_cpu_s": round(made - began, 2),
            "hours_judged": int(found.known.sum()),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}


def alarms() -> list[dict[str, float]]:
    """False alarms in a quarter of an endpoint, declared: 1 at most. Hours vary by √α beyond chance; `rho`: each is
    like the one before, and lognormal."""
    clock, rows = clock_of(YEAR), []
    for alpha in (0.001, 0.01, 0.03, 0.1, 0.3, 1.0):
        random = np.random.default_rng(int(alpha * 1000))
        mean = weekly(clock)[:, None] * np.geomspace(1, 5000, ENDPOINTS)
        for rho in (None, 0.0, 0.5, 0.9, 0.98):
            counts = drawn(mean, alpha, random) if rho is None else alike(mean, alpha, rho, random)
            found = judged(counts, clock, Rule())
            rows.append({"alpha": alpha, "rho": rho, "quarters": round(float(found.known.sum() / QUARTER)),
                         "a_quarter": round(a_quarter(found), 2)})
    return rows


def real() -> dict[str, object]:
    """Scheduled flights of a year at three airports: alarms on holidays, and on other days."""
    clock, counts = hourly_flights()
    found = judged(counts, clock, Rule())
    days = [clock.at(int(place)).astimezone(NEW_YORK).strftime("%m-%d")
            for place in np.flatnonzero(np.diff((found.side != 0).any(axis=1).astype(int), prepend=0) > 0)]
    other = sorted({day for day in days if day not in HOLIDAYS})
    quarters = float(found.known.sum() / QUARTER)
    return {"quarters": round(quarters, 1), "alarms": int(episodes(found).sum()), "holidays": len(days) - len(other),
            "other_days": other, "other_a_quarter": round(len(other) / quarters, 2)}


def recalls() -> list[dict[str, object]]:
    """Planted anomalies found until 2 h after their end, and hours from their begin to that."""
    clock, rows = clock_of(19 * WEEK), []
    where = 18 * WEEK + np.array([10, 36, 61, 110])
    for an_hour, alpha in ((20, 0.01), (100, 0.01), (1000, 0.01), (100, 0.05), (1000, 0.05)):
        random = np.random.default_rng(an_hour)
        counts = drawn(np.repeat(weekly(clock)[:, None] * an_hour, 25, axis=1), alpha, random)
        for name in PLANTED:
            found = recall(counts, clock, name, where, seed=2)
            rows.append({"traffic": f"{an_hour} an hour, α {alpha:g}", "planted": name, "n": found.planted,
                         "recall": round(found.found / found.planted, 2), "delay_h": round(found.delay, 1)})
    clock, counts = hourly_flights()
    busy = [place for place in range(160 * 24, 300 * 24) if (counts[place:place + 3] > 8).all()]
    where = np.sort(np.random.default_rng(3).choice(busy, 40, replace=False))
    for name in PLANTED:
        found = recall(counts, clock, name, where, seed=2)
        rows.append({"traffic": "flights of an airport, daytime", "planted": name, "n": found.planted,
                     "recall": round(found.found / found.planted, 2), "delay_h": round(found.delay, 1)})
    return rows


def parts() -> list[dict[str, object]]:
    """Errors 1 % → 5 %, and latencies twice as long, for 2 h; and how often chance alarms of either."""
    clock, rows = clock_of(19 * WEEK), []
    rule = Rule(sides=(1,), spans=(1, 3), least=0.5, looks=3)
    for an_hour in (20, 100, 1000):
        random = np.random.default_rng(an_hour + 1)
        whole = drawn(np.repeat(weekly(clock)[:, None] * an_hour, 100, axis=1), 0.02, random)
        for name, usual, then in (("errors 1 % to 5 % for 2 h", 0.01, 0.05), ("p99 x 2 for 2 h", 0.01, _doubled())):
            share = random.beta(1 / 0.005 * usual, 1 / 0.005 * (1 - usual), whole.shape)
            part = random.binomial(whole.astype(int), share).astype(float)
            calm = judged(part, clock, rule, steady(part, whole, clock))
            start = 18 * WEEK + 36
            part[start:start + 2] = random.binomial(whole[start:start + 2].astype(int), then)
            found = judged(part, clock, rule, steady(part, whole, clock)).side[start:start + 4] == 1
            rows.append({"traffic": f"{an_hour} an hour", "planted": name, "n": 100,
                         "recall": round(float(found.any(axis=0).mean()), 2),
                         "delay_h": round(float((found.argmax(axis=0) + 1)[found.any(axis=0)].mean()), 1)
                         if found.any() else None, "false_a_quarter": round(a_quarter(calm), 2)})
    return rows


def _doubled() -> float:
    """How large a share of lognormal latencies (σ 0.5) lies above their usual p99 once they take twice as long."""
    values = np.random.default_rng(7).lognormal(3, 0.5, 200_000)
    edge = latency.quantile(np.bincount(latency.bucket(values), minlength=latency.BUCKETS), 0.99)
    return float((2 * values > edge.value).mean()) if edge is not None else 0.0


if __name__ == "__main__":
    measures = {"year": year, "alarms": alarms, "real": real, "parts": parts, "recalls": recalls}
    chosen = sys.argv[1:] or list(measures)
    json.dump({name: measures[name]() for name in chosen}, sys.stdout, indent=1)
    sys.stdout.write("\n")
