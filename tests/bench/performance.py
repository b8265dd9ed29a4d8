"""CPU seconds of a performance estimate without outcomes (CBPE), and of ADWIN over a stream of errors.

CBPE: 1 M rows with outcomes to calibrate by and 1 M without, over 56 days; the step alone, and how far the estimate is
from what came. ADWIN: 1 M values with one change in the middle.
RIVER: a Python that has it, which then looks at the same stream.
"""

import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import cbpe
from mlops_tui.analysis.changes import adwin

ROWS, DAYS, RUNS, GOAL = 1_000_000, 28, 5, 1.0
THRESHOLD = 0.5
PEER = """
import sys, time, numpy
from river.drift import ADWIN
values, detector = numpy.load(sys.argv[1]).tolist(), ADWIN()
began = time.process_time()
for value in values:
    detector.update(value)
print(time.process_time() - began, detector.n_detections)
"""

Rows = tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_], npt.NDArray[np.int64]]


def rows() -> Rows:
    """Scores that are too extreme, their outcomes, and the day of each: twice as many days as have outcomes."""
    draw = np.random.default_rng(1)
    odds = draw.normal(-1, 1.2, 2 * ROWS)
    outcome = draw.random(odds.size) < 1 / (1 + np.exp(-odds))
    return 1 / (1 + np.exp(-1.6 * odds + 0.3)), outcome, np.arange(odds.size) * 2 * DAYS // odds.size


def estimate(found: Rows) -> dict[str, float]:
    """What is expected of the days without outcomes, and how far it is from what came of them."""
    score, outcome, day = found
    began = time.process_time()
    days = cbpe.by_day(score, outcome, day < DAYS, day, THRESHOLD)
    plan = cbpe.Plan(DAYS, DAYS, 1, THRESHOLD)
    said = cbpe.estimated(days, plan, 2 * DAYS - 1)
    took = time.process_time() - began
    came = cbpe.realised(cbpe.by_day(score, outcome, day >= 0, day, THRESHOLD), DAYS, 2 * DAYS, THRESHOLD)
    return {"step": took, **{f"{name} off by": abs(each.value - came[name])
                              for name, each in said.items()}}


def stream() -> npt.NDArray[np.float64]:
    """Errors of a model, whose rate moves from 20 % to 23 % in the middle."""
    draw = np.random.default_rng(2)
    return (draw.random(ROWS) < np.repeat([0.20, 0.23], ROWS // 2)).astype(np.float64)


def seen(values: npt.NDArray[np.float64]) -> tuple[float, list[int]]:
    """CPU seconds, and after how many values a change was seen."""
    began = time.process_time()
    found = adwin(values)
    return time.process_time() - began, [each.at for each in found]


def peer(values: npt.NDArray[np.float64]) -> dict[str, float]:
    if "RIVER" not in os.environ:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "values.npy", values)
        said = subprocess.run([os.environ["RIVER"], "-c", PEER, str(Path(folder) / "values.npy")], check=True,
                              capture_output=True, text=True).stdout.split()
    return {"cpu_s": round(float(said[0]), 2), "changes": int(said[1])}


def main() -> None:
    found, values = rows(), stream()
    estimates, looks = [estimate(found) for _ in range(RUNS)], [seen(values) for _ in range(RUNS)]
    step = statistics.median(each["step"] for each in estimates)
    print(json.dumps({
        "what": f"CBPE, {ROWS:,} rows with outcomes and as many without, {2 * DAYS} days", "runs": RUNS,
        "step_cpu_s": round(step, 3), "goal_cpu_s": GOAL, "met": step <= GOAL,
        "off_by": {name.removesuffix(" off by"): round(value, 5) for name, value in estimates[0].items()
                   if name.endswith("off by")}}, indent=2))
    print(json.dumps({
        "what": f"ADWIN, {ROWS:,} values, from 20 % to 23 % after {ROWS // 2:,}", "runs": RUNS,
        "cpu_s": round(statistics.median(took for took, _ in looks), 3), "seen_after": looks[0][1],
        "river": peer(values)}, indent=2))


if __name__ == "__main__":
    main()
