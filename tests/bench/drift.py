"""CPU seconds and memory of `mlops-tui drift` on two files of 1 M rows × 20 columns, beside a bare scan of both."""

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

ROWS, RUNS = 1_000_000, 5
GOAL_RATIO, GOAL_MB = 3.0, 350
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
    if child.returncode not in (0, 1):
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
        ours = [sys.executable, "-m", "mlops_tui", "drift", "--reference", reference, "--current", current, "--json"]
        scan = [sys.executable, "-c", SCAN, reference, current]
        taken = [(run(scan), run(ours)) for _ in range(RUNS)]  # in turn: a busy machine is unfair to both alike
    found = json.loads(taken[0][1][2])["tables"]["columns"]["rows"]
    cpu = {name: statistics.median(each[place][0] for each in taken) for place, name in enumerate(("scan", "drift"))}
    ratio = statistics.median(ours[0] / scan[0] for scan, ours in taken)
    peak = max(ours[1] for _, ours in taken)
    drifted = {row["column"] for row in found if row["drifted"]}
    print(json.dumps({
        "what": "drift", "unit": "CPU seconds, median", "runs": RUNS, "rows": rows, "columns": len(found),
        "python": sys.version.split()[0], "cpu_seconds": {name: round(value, 2) for name, value in cpu.items()},
        "ratio": round(ratio, 2), "goal_ratio": GOAL_RATIO, "peak_mb": round(peak), "goal_mb": GOAL_MB,
        "missed": sorted(DRIFTED - drifted), "false_alarms": sorted(drifted - DRIFTED),
        "met": ratio <= GOAL_RATIO and peak <= GOAL_MB and drifted == DRIFTED}, indent=2))


if __name__ == "__main__":
    main()
