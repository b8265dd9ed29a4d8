"""CPU seconds and memory of `mlops-tui drift` on two files of 1 M rows × 20 columns, beside a bare scan of both.

The same against a saved profile, and the profile itself. FROUROS and EVIDENTLY: a Python that has the peer, which is
then measured on the same files.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

ROWS, RUNS = 1_000_000, 3
GOAL_RATIO, GOAL_MB = 3.0, 350
GOAL_SAVED, GOAL_PROFILE = 1.1, 1.6
DRIFTED = {"n02", "n06", "n10", "c2"}
LEVELS = (3, 12, 50, 500, 20_000)

SCAN = """
import sys, duckdb
for file in sys.argv[1:]:
    columns = duckdb.sql(f"SELECT * FROM '{file}'")
    sums = [f'sum(strlen("{name}"))' if str(kind) == "VARCHAR" else f'sum("{name}")'
            for name, kind in zip(columns.columns, columns.types)]
    duckdb.sql(f"SELECT {', '.join(sums)} FROM '{file}'").fetchall()
"""


FROUROS = """
import sys, numpy, pyarrow.parquet as pq
from frouros.detectors.data_drift import KSTest, PSI
from scipy.stats import chi2_contingency
sides = [pq.read_table(path) for path in sys.argv[1:]]
for name in sides[0].column_names:
    columns = [side.column(name).drop_null() for side in sides]
    if str(columns[0].type) == "string":
        counts = [dict(zip(*(each.to_pylist() for each in column.value_counts().flatten())))
                  for column in columns]
        levels = sorted(set(counts[0]) | set(counts[1]))
        chi2_contingency([[count.get(level, 0) for level in levels] for count in counts])
        continue
    values = [column.to_numpy().astype(float) for column in columns]
    for detector in (KSTest(), PSI()):
        detector.fit(X=values[0])
        detector.compare(X=values[1])
"""
EVIDENTLY = """
import sys, pandas
from evidently import Report
from evidently.presets import DataDriftPreset
reference, current = map(pandas.read_parquet, sys.argv[1:])
Report([DataDriftPreset()]).run(current, reference)
"""


def workload(rows: int, seed: int, *, drifted: bool) -> pa.Table:
    """Fifteen numeric columns with 1 % nulls, five categories; `drifted` moves four of them, and one irrelevantly."""
    draw = np.random.default_rng([seed, drifted])
    numbers: dict[str, npt.NDArray[np.generic]] = {
        "n00": draw.normal(size=rows), "n01": draw.normal(1e6, 1, rows), "n02": draw.normal(0.1 * drifted, 1, rows),
        "n03": np.where(draw.random(rows) < 0.3, draw.normal(4, 0.5, rows), draw.normal(size=rows)),
        "n04": draw.normal(0.003 * drifted, 1, rows), "n05": draw.lognormal(0, 1, rows),
        "n06": draw.lognormal(0, 0.5 + 0.1 * drifted, rows), "n07": draw.exponential(2, rows),
        "n08": draw.uniform(0, 100, rows), "n09": draw.poisson(20, rows), "n10": draw.poisson(4 + 0.4 * drifted, rows),
        "n11": draw.geometric(0.1, rows), "n12": draw.integers(0, 100_000, rows), "n13": draw.standard_t(2, rows),
        "n14": draw.standard_cauchy(rows)}
    columns = {name: pa.array(values, mask=draw.random(rows) < 0.01) for name, values in numbers.items()}
    for place, levels in enumerate(LEVELS):
        shares = np.arange(1, levels + 1) ** -1.1
        shares /= shares.sum()
        if drifted and f"c{place}" in DRIFTED:
            shares = shares * 0.9 + 0.1 * (np.arange(levels) == levels - 1)
        names = pa.array([f"c{place}_{level}" for level in range(levels)])
        codes = pa.array(draw.choice(levels, rows, p=shares).astype(np.int32))
        columns[f"c{place}"] = pa.DictionaryArray.from_arrays(codes, names).cast(pa.string())
    return pa.table(columns)


def write(folder: Path, rows: int, seed: int) -> tuple[Path, Path]:
    """Reference and current as Parquet files."""
    paths = folder / "reference.parquet", folder / "current.parquet"
    for path, drifted in zip(paths, (False, True), strict=True):
        pq.write_table(workload(rows, seed, drifted=drifted), path, compression="zstd")
    return paths


def run(argv: list[str]) -> tuple[float, float, bytes]:
    """CPU seconds and peak MB of one child from start to end, imports included, and what it printed."""
    quiet, here = subprocess.DEVNULL, tempfile.gettempdir()
    with tempfile.TemporaryFile() as printed, subprocess.Popen(argv, stdout=printed, stderr=quiet, cwd=here) as child:
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        printed.seek(0)
        text = printed.read()
    if child.returncode not in ((0, 1) if "mlops_tui" in argv else (0,)):  # ours ends with 1 where it found drift
        raise SystemExit(f"{' '.join(argv)} ended with {child.returncode}: {text.decode()}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, text


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled once, like its peer
    with tempfile.TemporaryDirectory() as folder:
        # Written by a child: a process counts the memory of the one it was forked from as its own peak.
        with ProcessPoolExecutor(1, get_context("spawn")) as writer:
            reference, current = map(str, writer.submit(write, Path(folder), rows, 1).result())
        saved, program = f"{folder}/reference.profile", [sys.executable, "-m", "mlops_tui"]
        tasks = {"scan": [sys.executable, "-c", SCAN, reference, current],
                 "drift": [*program, "drift", "--reference", reference, "--current", current, "--json"],
                 "profile": [*program, "profile", current, "--json"],
                 "drift, saved reference": [*program, "drift", "--reference", saved, "--current", current, "--json"]}
        run([*program, "profile", reference, "--save", saved, "--json"])
        runs = [{name: run(argv) for name, argv in tasks.items()} for _ in range(RUNS)]  # in turn
        scripts = {"FROUROS": FROUROS, "EVIDENTLY": EVIDENTLY}
        peers = {name.lower(): run([os.environ[name], "-c", script, reference, current])
                 for name, script in scripts.items() if name in os.environ}
    cpu = {name: statistics.median(each[name][0] for each in runs) for name in tasks}
    peak = {name: max(each[name][1] for each in runs) for name in tasks}
    ratio = statistics.median(each["drift"][0] / each["scan"][0] for each in runs)
    wrong = {}
    for name in ("drift", "drift, saved reference"):
        found = json.loads(runs[0][name][2])["tables"]["columns"]["rows"]
        drifted = {row["column"] for row in found if row["drifted"]}
        wrong[name] = sorted(DRIFTED ^ drifted)
    print(json.dumps({
        "what": "drift", "unit": "CPU seconds, median", "runs": RUNS, "rows": rows, "columns": 20,
        "python": sys.version.split()[0],
        "cpu_seconds": {name: round(value, 2) for name, value in cpu.items()},
        "peak_mb": {name: round(value) for name, value in peak.items()}, "ratio": round(ratio, 2),
        "goals": {"ratio": GOAL_RATIO, "mb": GOAL_MB, "saved": GOAL_SAVED, "profile": GOAL_PROFILE},
        "peers": {name: {"cpu_seconds": round(each[0], 1), "peak_mb": round(each[1])} for name, each in peers.items()},
        "wrong": wrong,
        "met": {
            "ratio": ratio <= GOAL_RATIO, "memory": peak["drift"] <= GOAL_MB, "verdicts": not any(wrong.values()),
            "saved": cpu["drift, saved reference"] <= GOAL_SAVED, "profile": cpu["profile"] <= GOAL_PROFILE},
    }, indent=2))


if __name__ == "__main__":
    main()
