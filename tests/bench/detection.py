"""Which faults the demo's monitors see: seeded faults × sizes × days, with what is missed and what alarms for nothing.

    python tests/bench/detection.py DEMO [--starts 3]

DEMO is a finished `mlops-tui demo`; it is copied, and the copy removed.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import numpy as np

from mlops_tui.analysis.interval import wilson
from mlops_tui.monitoring._faults import FAULTS
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from store.facts import Backtested, Drilled

MODEL, SEED = "flights-delay", 20130101
FIRST, LAST = date(2013, 7, 1), date(2013, 10, 18)  # a fault lasts a week, and four weeks lie before it
SIZES = {"shifted-column": (0.5, 1.0, 2.0), "swapped-units": (0.5, 1.0), "stale-feature": (0.3, 1.0),
         "nulls": (0.1, 0.3, 0.8), "new-category": (0.05, 0.3), "missing-batch": (0.3, 1.0),
         "duplicated-rows": (0.1, 1.0), "schema-change": (1.0,), "label-delay": (0.3, 1.0),
         "concept-change": (0.1, 0.2, 0.3), "constant-prediction": (0.5, 1.0)}


def starts(count: int) -> list[date]:
    """Days to plant faults on, drawn once for all."""
    draws = np.random.default_rng(SEED).choice((LAST - FIRST).days, count, replace=False)
    return sorted(FIRST + timedelta(days=int(each)) for each in draws)


def drilled(session: Session, days: list[date]) -> list[tuple[date, Drilled, float]]:
    found = []
    for fault, sizes in SIZES.items():
        for size in sizes:
            for day in days:
                began = process_time()
                session.perform(("drill", MODEL, "--fault", fault, "--size", str(size), "--day", str(day)))
                facts = [entry.fact for entry in session.ledger.entries("drill") if isinstance(entry.fact, Drilled)]
                found.append((day, facts[-1], process_time() - began))
                sys.stderr.write(f"{fault} {size} {day}: {facts[-1].seen}\n")
    return found


def recall(found: list[tuple[date, Drilled, float]]) -> list[dict[str, object]]:
    """By fault, size and monitor that is meant for it."""
    cells: dict[tuple[str, float, str], list[float | None]] = defaultdict(list)
    anyway: dict[tuple[str, float, str], int] = defaultdict(int)
    for _, fact, _ in found:
        for name, told in fact.detail["monitors"].items():
            key = (fact.fault, float(fact.size or 0), name)
            if told["meant"] and told["word"] == "fails anyway":
                anyway[key] += 1
            elif told["meant"]:
                cells[key].append(fact.seen.get(name))
    rows: list[dict[str, object]] = []
    for (fault, size, name), seconds in cells.items():
        hits = [each / 3600 for each in seconds if each is not None]
        bounds = wilson(len(hits), len(seconds))
        rows.append({"fault": fault, "size": size, "unit": FAULTS[fault].unit, "monitor": name, "seen": len(hits),
                     "of": len(seconds), "low": round(bounds.low, 2), "high": round(bounds.high, 2),
                     "median_hours": round(median(hits), 1) if hits else None,
                     "failed_anyway": anyway[fault, size, name]})
    return rows


def backtested(session: Session) -> list[dict[str, object]]:
    """Alerts a month of every monitor, by what people said of them."""
    rows: list[dict[str, object]] = []
    for name in session.declared().monitors:
        began, at = process_time(), perf_counter()
        outcome = session.perform(("backtest", name))
        facts = [entry.fact for entry in session.ledger.entries("backtest", subject=name)
                 if isinstance(entry.fact, Backtested)]
        if outcome.error is None and facts:
            fact = facts[-1]
            rows.append({"monitor": name, "looks": fact.looks, "judged": fact.judged, "alerts": fact.alerts,
                         "a_month": {key: round(value, 2) for key, value in fact.detail["a_month"].items()},
                         "real": fact.real, "noise": fact.false, "missed": fact.missed,
                         "cpu_s": round(process_time() - began, 2), "wall_s": round(perf_counter() - at, 2)})
    return rows


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("demo", type=Path)
    options.add_argument("--starts", type=int, default=3)
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(given.demo, folder, dirs_exist_ok=True)
        session = open_project(Path(folder), source="demo")
        rules = backtested(session)
        found = drilled(session, starts(given.starts))
        rows = recall(found)
        seconds = sorted(cpu for _, _, cpu in found)
        sys.stdout.write(json.dumps({
            "drills": len(found), "seen": sum(bool(set(fact.seen) & set(fact.meant)) for _, fact, _ in found),
            "cpu_s_a_drill": {"median": round(median(seconds), 2), "most": round(seconds[-1], 2)},
            "starts": [str(day) for day in starts(given.starts)], "rules": rules, "recall": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
