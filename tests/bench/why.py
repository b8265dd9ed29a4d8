"""How often `why` names the wrong kind of change, and `drift --joint` a drift that is none; prints JSON.

Days of 200 rows are made whose kind of change is known (tests/analysis/worlds.py): 30 in the reference, 7, 14 and 28
now, each day with weather of its own.
"""

import json
import sys
import time
from collections import Counter

import numpy as np

from mlops_tui.analysis.domain import joint
from mlops_tui.analysis.shiftkinds import kinds
from tests.analysis.test_domain import in_a_row, rows, told_of
from tests.analysis.worlds import WORLDS, sample

RUNS, JOINT_RUNS = 400, 200


def named(world: str, days: int, runs: int) -> dict[str, float]:
    """How often each answer is given."""
    counts: Counter[str] = Counter()
    for seed in range(runs):
        found = kinds(sample("none", 30, 2 * seed, 200), sample(world, days, 2 * seed + 1, 200))
        counts[" and ".join(found.kinds) or ("no change" if found.settled else "cannot say")] += 1
    return {name: round(count / runs, 4) for name, count in counts.most_common()}


def told_apart(runs: int, days: int, **now: object) -> dict[str, float]:
    """How often days are told apart at 5 %, and that with an AUC of 0.55 or more."""
    found = []
    for seed in range(runs):
        before, after = rows(2 * seed, 28), rows(2 * seed + 1, days, **now)  # type: ignore[arg-type]
        found.append(joint(before[0], after[0], (before[1], after[1])))
    significant = np.array([(each.p_value or 1) <= 0.05 for each in found])
    large = np.array([(each.auc or 0) >= 0.55 for each in found])
    return {"significant": float(significant.mean()), "called": float((significant & large).mean())}


def alike(runs: int, current: int, rho: float) -> float:
    """How often days without drift are told apart at 5 %, each like the day before by `rho`; 28 in the reference."""
    found = [told_of(in_a_row(seed, 28 + current, rho), current) for seed in range(runs)]
    return float(np.mean([(each.p_value or 1) <= 0.05 for each in found]))


def main() -> None:
    """Both tables; a number of runs may be given."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else RUNS
    began = time.process_time()
    answer = {"kinds": {f"{days} days": {world: named(world, days, runs) for world in WORLDS} for days in (7, 14, 28)},
              "joint": {"no drift": told_apart(min(runs, JOINT_RUNS), 7),
                        "a correlation flips": told_apart(min(runs, JOINT_RUNS), 7, flip=True)},
              "joint, days like the day before": {f"{current} days, {rho:g}": alike(min(runs, JOINT_RUNS), current, rho)
                                                  for current in (7, 28) for rho in (0.0, 0.5, 0.8)}}
    sys.stdout.write(json.dumps({"runs": runs, **answer, "cpu_seconds": round(time.process_time() - began, 1)}) + "\n")


if __name__ == "__main__":
    main()
