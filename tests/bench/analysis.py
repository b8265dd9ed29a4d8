"""CPU seconds of the statistics of one model on 1 M rows: AUC with its interval, groups beside Fairlearn, reports."""

import json
import math
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
from sklearn.metrics import roc_auc_score

from mlops_tui.analysis import histogram as streamed
from mlops_tui.analysis.groups import by_group
from mlops_tui.analysis.interval import Resampling, percentile
from mlops_tui.analysis.ranking import delong_variance
from tests.bench.compare import process

ROWS, RUNS, RESAMPLES, TIMED = 1_000_000, 5, 1000, 8
PEERS = os.environ.get("PEERS")  # the python of an environment that has fairlearn; its part is left out without
RATES = ("accuracy", "precision", "recall", "selection_rate", "false_positive_rate", "false_negative_rate")

FAIRLEARN = """
import sys, time
import fairlearn.metrics as fm, numpy as np, sklearn.metrics as sk
rows = np.load(sys.argv[1])
metrics = {"accuracy": sk.accuracy_score, "precision": sk.precision_score, "recall": sk.recall_score,
           "selection_rate": fm.selection_rate, "false_positive_rate": fm.false_positive_rate,
           "false_negative_rate": fm.false_negative_rate, "count": fm.count}
start = time.process_time()
frame = fm.MetricFrame(metrics=metrics, y_true=rows["late"], y_pred=rows["score"] >= 0.5,
                       sensitive_features=rows["carrier"]).by_group
cpu = time.process_time() - start
print(cpu, *frame["precision"])
"""


def scored(rows: int) -> dict[str, np.ndarray]:
    """Labels, 30 % of them positive, a model's scores, and ten carriers."""
    draw = np.random.default_rng(0)
    late = draw.random(rows) < 0.3
    score = 1 / (1 + np.exp(1 - 1.1 * late - draw.normal(size=rows)))
    return {"late": late, "score": score, "carrier": draw.integers(0, 10, rows)}


def cpu(work: Callable[[], object], runs: int = RUNS) -> float:
    """The median CPU seconds of a step."""
    spent = []
    for _ in range(runs):
        start = time.process_time()
        work()
        spent.append(time.process_time() - start)
    return statistics.median(spent)


def resampled(rows: dict[str, np.ndarray]) -> dict[str, object]:
    """AUC and interval of 1,000 resamples from a streamed histogram; scikit-learn's loop is extrapolated, as said."""
    labels, scores = rows["late"], rows["score"]

    def ours() -> np.ndarray:
        h = streamed.histogram(labels, scores)
        return streamed.bootstrap(h, streamed.RESAMPLED["roc_auc"], Resampling(resamples=RESAMPLES))

    draw, samples = np.random.default_rng(1), ours()

    def theirs() -> None:
        some = draw.integers(0, labels.size, labels.size)
        roc_auc_score(labels[some], scores[some])

    spent, loop = cpu(ours), cpu(theirs, TIMED) * RESAMPLES
    error = float(samples.std() / math.sqrt(delong_variance(labels, scores)) - 1)
    h = streamed.histogram(labels, scores)
    found = streamed.roc_auc(h)
    return {"what": f"AUC with {RESAMPLES} resamples, {ROWS} rows, step", "cpu_s": round(spent, 3),
            "scikit_learn_cpu_s": round(loop, 1), "scikit_learn_is": f"extrapolated from {TIMED} resamples",
            "ratio": round(loop / spent), "goal_ratio": 400, "se_against_delong": round(error, 4), "goal_se": 0.1,
            "met": loop / spent >= 400 and abs(error) <= 0.1, "auc": found.value, "bound": found.error,
            "off": abs(found.value - roc_auc_score(labels, scores)), "interval": percentile(samples)}


def steps(rows: dict[str, np.ndarray]) -> list[dict[str, object]]:
    """DeLong on the rows, and what a histogram of them costs and gives."""
    labels, scores = rows["late"], rows["score"]
    h = streamed.histogram(labels, scores)
    exact = cpu(lambda: delong_variance(labels, scores))
    return [
        {"what": f"DeLong, {ROWS} rows, step", "cpu_s": round(exact, 3), "goal_cpu_s": 0.5, "met": exact <= 0.5},
        {"what": f"{ROWS} rows into a histogram, step",
         "cpu_s": round(cpu(lambda: streamed.histogram(labels, scores)), 3), "bytes": len(h.to_bytes()),
         "read_ms": {name: round(1000 * cpu(lambda read=read: read(h)), 2) for name, read in (  # type: ignore[misc]
             ("roc_auc_interval", streamed.roc_auc_interval), ("average_precision", streamed.average_precision),
             ("confusion", streamed.confusion), ("reliability", streamed.reliability))}},
    ]


def grouped(rows: dict[str, np.ndarray], file: Path) -> dict[str, object]:
    """Seven rates of ten groups by number and by name, beside Fairlearn where PEERS has it."""
    names = np.array([f"carrier {number}" for number in range(10)])[rows["carrier"]]

    def ours(of: np.ndarray) -> list[np.ndarray]:
        found = by_group(rows["late"], rows["score"], of)
        return [found.rows, *(found.rate(name) for name in RATES)]

    spent, named = cpu(lambda: ours(rows["carrier"])), cpu(lambda: ours(names))
    said: dict[str, object] = {"what": f"7 rates by 10 groups, {ROWS} rows, step", "cpu_s": round(spent, 4),
                               "groups_as_text_cpu_s": round(named, 4), "goal_ratio": 200}
    if PEERS is None:
        return {**said, "fairlearn": "not measured: set PEERS to a python that has it"}
    np.savez(file, **rows)
    theirs, *precision = map(float, process([PEERS, "-c", FAIRLEARN, str(file)])[2].split())
    assert np.allclose(precision, ours(rows["carrier"])[2], atol=1e-12)
    return {**said, "fairlearn_cpu_s": round(theirs, 2), "ratio": round(theirs / spent),
            "ratio_of_text": round(theirs / named), "met": theirs / named >= 200}


def reports(file: Path) -> list[dict[str, object]]:
    """The commands on a file, as processes with their start, and the same on 1,000 of its rows."""
    few, found = file.with_name("few.parquet"), []
    duckdb.execute(f"COPY (FROM '{file}' LIMIT 1000) TO '{few}'")
    for noun, options, goal in (("evaluate", [], 3.0), ("evaluate", ["--group", "carrier"], 3.0),
                                ("calibration", [], 1.0)):
        argv = [sys.executable, "-m", "mlops_tui", noun, "--label", "late", "--score", "score", *options, "--json"]
        runs, starts = ([process([*argv, str(each)]) for _ in range(RUNS)] for each in (file, few))
        spent = statistics.median(run[0] for run in runs)
        found.append({"what": " ".join([noun, *options, f"of {ROWS} rows, process with start"]),
                      "cpu_s": round(spent, 2), "goal_cpu_s": goal, "met": spent <= goal,
                      "of_1000_rows_cpu_s": round(statistics.median(run[0] for run in starts), 2),
                      "peak_mb": round(max(run[1] for run in runs))})
    return found


def main() -> None:
    rows = scored(ROWS)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scored.parquet"
        connection = duckdb.connect()
        connection.register("rows", rows)
        connection.execute(f"COPY rows TO '{file}'")
        connection.close()
        print(json.dumps([resampled(rows), *steps(rows), grouped(rows, Path(folder) / "rows.npz"), *reports(file)],
                         indent=2))


if __name__ == "__main__":
    main()
