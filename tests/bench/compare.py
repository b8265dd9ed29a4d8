"""CPU seconds of comparing two models on 1 M rows as a process, and of 1,000 AUC resamples beside scikit-learn."""

import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
from sklearn.metrics import roc_auc_score

from mlops_tui.analysis.interval import Resampling, percentile, poisson_bootstrap
from mlops_tui.analysis.ranking import delong_variance, resampled_auc, roc_auc, score_bins, score_edges

ROWS, RUNS, RESAMPLES, TIMED = 1_000_000, 5, 1000, 8
GOAL_CPU, GOAL_RATIO, GOAL_SE = 3.0, 400, 0.1

READ = "import sys, duckdb; duckdb.connect().execute(f\"SELECT late, a, b FROM '{sys.argv[1]}'\").fetchnumpy()"


def models(rows: int) -> dict[str, np.ndarray]:
    """Labels, 30 % of them positive, and two models that share most of their noise."""
    draw = np.random.default_rng(0)
    late = draw.random(rows) < 0.3
    shared = draw.normal(size=rows)
    a, b = (1 / (1 + np.exp(1 - signal * late - shared - 0.5 * draw.normal(size=rows))) for signal in (1.1, 1.12))
    return {"late": late, "a": a, "b": b}


def process(argv: list[str]) -> tuple[float, float, bytes]:
    """CPU seconds of the whole process, its peak in MB, what it said."""
    with tempfile.TemporaryFile() as said:
        running = subprocess.Popen(argv, stdout=said)
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        assert running.returncode == 0, argv
        return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said.read()


def compared(file: Path) -> dict[str, object]:
    """`compare` in a process of its own, beside one that only reads the three columns."""
    compare = [sys.executable, "-m", "mlops_tui", "compare", str(file), "--label", "late", "--scores", "a,b", "--json"]
    runs = [process(compare) for _ in range(RUNS)]
    reads = [process([sys.executable, "-c", READ, str(file)])[0] for _ in range(RUNS)]
    pair = json.loads(runs[0][2])["tables"]["pairs"]["rows"][0]
    cpu = statistics.median(cpu for cpu, *_ in runs)
    return {"what": f"compare, DeLong of two models, {ROWS} rows, process with start", "runs": RUNS,
            "cpu_s": round(cpu, 2), "peak_mb": round(max(peak for _, peak, _ in runs)), "goal_cpu_s": GOAL_CPU,
            "bare_duckdb_read_cpu_s": round(statistics.median(reads), 2), "met": cpu <= GOAL_CPU,
            "estimate": pair["estimate"], "p_value": pair["p_value"], "verdict": pair["verdict"]}


def resampled(labels: np.ndarray, scores: np.ndarray) -> dict[str, object]:
    """An AUC with 1,000 resamples; scikit-learn's loop is timed over a few resamples and multiplied, which is said."""
    ours = []
    for _ in range(RUNS):
        start = time.process_time()
        value = roc_auc(labels, scores)
        counts = score_bins(labels, scores, score_edges(labels, scores))
        samples = poisson_bootstrap(counts, resampled_auc, Resampling(resamples=RESAMPLES))
        bounds = percentile(samples)
        ours.append(time.process_time() - start)
    draw, theirs = np.random.default_rng(1), []
    for _ in range(TIMED):
        start = time.process_time()
        rows = draw.integers(0, labels.size, labels.size)
        roc_auc_score(labels[rows], scores[rows])
        theirs.append(time.process_time() - start)
    cpu, loop = statistics.median(ours), statistics.mean(theirs) * RESAMPLES
    error = float(samples.std() / math.sqrt(delong_variance(labels, scores)) - 1)
    return {"what": f"AUC with {RESAMPLES} resamples, {labels.size} rows, step", "runs": RUNS, "cpu_s": round(cpu, 3),
            "scikit_learn_cpu_s": round(loop, 1), "scikit_learn_is": f"extrapolated from {TIMED} resamples",
            "ratio": round(loop / cpu), "goal_ratio": GOAL_RATIO, "se_against_delong": round(error, 4),
            "goal_se": GOAL_SE, "met": loop / cpu >= GOAL_RATIO and abs(error) <= GOAL_SE,
            "auc": value, "low": bounds[0], "high": bounds[1]}


def main() -> None:
    columns = models(ROWS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scored.parquet"
        connection = duckdb.connect()
        connection.register("rows", columns)
        connection.execute(f"COPY rows TO '{file}'")
        connection.close()
        found = [compared(file), resampled(columns["late"], columns["a"])]
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
