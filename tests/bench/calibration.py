"""CPU seconds of judging the calibration of 1 M scores as a process, beside one that only reads the two columns.

Both kinds of scores: too extreme ones (four recalibrations fitted on five folds) and calibrated ones. Beside them one
fit of scikit-learn's isotonic regression and of its logistic regression on the same rows; five folds need five of each.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from tests.bench.compare import process

ROWS, RUNS, GOAL = 1_000_000, 5, 1.0
READ = "import sys, duckdb; duckdb.connect().execute(f\"SELECT late, extreme FROM '{sys.argv[1]}'\").fetchnumpy()"


def scores(rows: int) -> dict[str, np.ndarray]:
    """Outcomes, 31 % of them positive, their true probabilities, and the same made too extreme."""
    draw = np.random.default_rng(0)
    odds = draw.normal(-1, 1.2, rows)
    late = draw.random(rows) < 1 / (1 + np.exp(-odds))
    return {"late": late, "honest": 1 / (1 + np.exp(-odds)), "extreme": 1 / (1 + np.exp(-1.6 * odds + 0.3))}


def judged(file: Path, score: str) -> dict[str, object]:
    """`calibration` in a process of its own."""
    argv = [sys.executable, "-m", "mlops_tui", "calibration", str(file), "--label", "late", "--score", score, "--json"]
    runs = [process(argv) for _ in range(RUNS)]
    facts = json.loads(runs[0][2])["facts"]
    cpu = statistics.median(cpu for cpu, *_ in runs)
    return {"what": f"calibration of {ROWS} {score} scores, four recalibrations on five folds, process with start",
            "runs": RUNS, "cpu_s": round(cpu, 2), "peak_mb": round(max(peak for _, peak, _ in runs)),
            "goal_cpu_s": GOAL, "met": cpu <= GOAL, "ece": facts["ece"], "slope": facts["slope"]}


def beside(file: Path, rows: dict[str, np.ndarray]) -> dict[str, object]:
    """What reading alone costs, and one fit of each peer."""
    reads = statistics.median(process([sys.executable, "-c", READ, str(file)])[0] for _ in range(RUNS))
    began = time.process_time()
    IsotonicRegression().fit(rows["extreme"], rows["late"])
    isotonic = time.process_time() - began
    odds = np.log(rows["extreme"] / (1 - rows["extreme"]))[:, None]
    began = time.process_time()
    LogisticRegression(C=1e10).fit(odds, rows["late"])
    logistic = time.process_time() - began
    return {"what": "beside it", "bare_duckdb_read_cpu_s": round(reads, 2),
            "one_isotonic_fit_cpu_s": round(isotonic, 2), "one_logistic_fit_cpu_s": round(logistic, 2)}


def main() -> None:
    rows = scores(ROWS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scores.parquet"
        connection = duckdb.connect()
        connection.register("rows", rows)
        connection.execute(f"COPY rows TO '{file}'")
        for found in (judged(file, "extreme"), judged(file, "honest"), beside(file, rows)):
            sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
