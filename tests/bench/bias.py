"""CPU seconds of bias, metric and agreement on 1 M rows as processes; metrics by group beside Fairlearn's."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
from fairlearn import metrics as fl

from mlops_tui.analysis.disparities import widest
from mlops_tui.analysis.fairness import RATES as RATES_OF_OURS
from mlops_tui.analysis.fairness import Cells, gaps
from mlops_tui.analysis.inequality import inequality

ROWS, RUNS, GOAL, TIMES = 1_000_000, 5, 3.0, 200
READ = "import sys, duckdb; duckdb.connect().execute(f\"SELECT team, y, d, p FROM '{sys.argv[1]}'\").fetchnumpy()"
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "false_negative_rate")


def rows(count: int) -> dict[str, np.ndarray]:
    """Ten groups, a label, a score and a decision; and 250,000 cases of four deciders."""
    draw = np.random.default_rng(0)
    score = draw.beta(1, 3, count)
    truth = np.repeat(draw.integers(3, size=count // 4), 4)
    return {"team": draw.integers(10, size=count), "y": draw.random(count) < score, "p": score, "d": score >= 0.3,
            "case_id": np.arange(count) // 4, "decider": np.arange(count) % 4,
            "said": np.where(draw.random(count) < 0.7, truth, draw.integers(3, size=count)), "truth": truth,
            "weight": draw.exponential(size=count), "paid": score * 100 + draw.normal(0, 10, count),
            "told": score * 100}


def cpu(argv: list[str]) -> float:
    """CPU seconds of the whole process."""
    with tempfile.TemporaryFile() as said:
        running = subprocess.Popen(argv, stdout=said)
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
        assert running.returncode in (0, 1), argv
        return used.ru_utime + used.ru_stime


def fairlearn(made: dict[str, np.ndarray]) -> float:
    start = time.process_time()
    frame = fl.MetricFrame(metrics={name: getattr(fl, name) for name in RATES}, y_true=made["y"], y_pred=made["d"],
                           sensitive_features=made["team"])
    assert frame.by_group.shape == (10, 4)
    return time.process_time() - start


def counted(made: dict[str, np.ndarray]) -> Cells:
    counts = np.bincount(made["team"] * 4 + made["y"] * 2 + made["d"], minlength=40).reshape(10, 2, 2)
    return Cells(tuple("abcdefghij"), counts)


def metrics(made: dict[str, np.ndarray]) -> float:
    """As `fairlearn`, and more: ten rates of ten groups."""
    start = time.process_time()
    cells = counted(made)
    assert all(np.isfinite(cells.rate(rate)).all() for rate in RATES_OF_OURS)
    return time.process_time() - start


def ours(made: dict[str, np.ndarray]) -> float:
    """The audit: differences and ratios with intervals and tests, aggregates, inequality by bootstrap."""
    start = time.process_time()
    cells = counted(made)
    gaps(cells, cells.most_selected)
    widest(cells, ("tpr", "fpr"))
    inequality(cells)
    return time.process_time() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        made, path = rows(ROWS), str(Path(folder) / "rows.parquet")
        connection = duckdb.connect()
        connection.register("made", made)
        connection.execute(f"COPY made TO '{path}'")
        program = [sys.executable, "-m", "mlops_tui"]
        of_bias = ["--label", "y", "--group", "team", "--favourable", "1"]
        calls = {"read": [sys.executable, "-c", READ, path],
                 "bias": [*program, "bias", path, *of_bias, "--prediction", "d"],
                 "bias_score": [*program, "bias", path, *of_bias, "--score", "p", "--threshold", "0.3"],
                 "bias_weight": [*program, "bias", path, *of_bias, "--prediction", "d", "--weight", "weight"],
                 "bias_overall": [*program, "bias", path, *of_bias, "--prediction", "d", "--method", "to_overall"],
                 "bias_regression": [*program, "bias", path, "--task", "regression", "--label", "paid", "--prediction",
                                     "told", "--group", "team"],
                 "bias_multiclass": [*program, "bias", path, "--task", "multiclass", "--label", "truth",
                                     "--prediction", "said", "--group", "team"],
                 "metric": [*program, "metric", path, "--label", "y", "--score", "p", "--false-positive", "1",
                            "--false-negative", "5"],
                 "agreement": [*program, "agreement", path, "--case", "case_id", "--decision", "said"]}
        spent = {name: round(statistics.median(cpu(argv) for _ in range(RUNS)), 2) for name, argv in calls.items()}
        audit, step, peer = (statistics.median(each(made) for _ in range(3)) for each in (ours, metrics, fairlearn))
    print(json.dumps({
        "rows": ROWS, "cpu_s": spent, "goal_s": GOAL,
        "kept": all(value <= GOAL for name, value in spent.items() if name.startswith("bias")),
        "audit_step_s": round(audit, 3), "metrics_step_s": round(step, 4), "metric_frame_s": round(peer, 2),
        "times": round(peer / step), "times_goal": TIMES, "times_kept": peer / step >= TIMES}, indent=2))


if __name__ == "__main__":
    main()
