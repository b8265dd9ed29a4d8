"""CPU seconds and memory of `mlops-tui encode` on 5 M rows, two columns and five folds, beside scikit-learn's encoder.

The peer is scikit-learn's TargetEncoder (`fit_transform`, cv=5) on the same file, which DuckDB reads into pandas and
writes back, in the interpreter of the virtual environment named by PEERS.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

ROWS, RUNS = 5_000_000, 3
GOAL_RATIO = 0.4
TABLE = """
COPY (SELECT i AS id, 'k' || CAST(floor(20000 * pow(hash(i) % 1000003 / 1000003.0, 2)) AS INTEGER) AS tail,
             'd' || hash(i * 3) % 100 AS dest, CAST(hash(i * 7) % 100 < 15 + hash(i * 3) % 100 / 4 AS INTEGER) AS late
      FROM range({rows}) t(i)) TO '{file}' (FORMAT parquet, COMPRESSION zstd)
"""
PEER = """
import sys, duckdb
from sklearn.preprocessing import TargetEncoder
duckdb.execute("SET enable_progress_bar = false")
encoded_rows = duckdb.sql(f"FROM '{sys.argv[1]}'").df()
encoded = TargetEncoder(cv=5, random_state=0).fit_transform(encoded_rows[["tail", "dest"]], encoded_rows["late"])
encoded_rows["tail_encoded"], encoded_rows["dest_encoded"] = encoded[:, 0], encoded[:, 1]
duckdb.execute(f"COPY encoded_rows TO '{sys.argv[2]}' (FORMAT parquet, COMPRESSION zstd)")
"""
CHECK = """
SELECT max(abs(a.tail_encoded - b.tail_encoded)), max(abs(a.dest_encoded - b.dest_encoded)),
       corr(a.tail_encoded, b.tail_encoded), corr(a.dest_encoded, b.dest_encoded)
FROM '{ours}' a JOIN '{peer}' b USING (id)
"""


def run(argv: list[str]) -> tuple[float, float]:
    """CPU seconds and peak MB of one process from start to end, imports included."""
    with subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=tempfile.gettempdir()) as child:
        said = child.stderr.read() if child.stderr else b""
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{argv[0]} ended with {child.returncode}: {said.decode()[-500:]}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled once, like its peer
    duckdb.execute("SET enable_progress_bar = false")
    peer = Path(os.environ["PEERS"], "bin", "python") if os.environ.get("PEERS") else None
    with tempfile.TemporaryDirectory() as folder:
        file, ours, theirs = (str(Path(folder, name)) for name in ("rows.parquet", "ours.parquet", "peer.parquet"))
        made = "import sys, duckdb; duckdb.execute('SET enable_progress_bar = false'); duckdb.execute(sys.argv[1])"
        subprocess.run([sys.executable, "-c", made, TABLE.format(rows=rows, file=file)], check=True)
        command = [sys.executable, "-m", "mlops_tui", "encode", "--file", file, "--target", "late", "--columns",
                   "tail,dest", "--key", "id", "--out", ours, "--json"]
        taken = [(run(command), run([str(peer), "-c", PEER, file, theirs]) if peer else None) for _ in range(RUNS)]
        agree = duckdb.execute(CHECK.format(ours=ours, peer=theirs)).fetchall()[0] if peer else None
    cpu, memory = (statistics.median(each[0][place] for each in taken) for place in (0, 1))
    found = {"what": "target encoding, out of fold", "unit": "CPU seconds, median", "runs": RUNS, "rows": rows,
             "cpu_seconds": round(cpu, 2), "peak_mb": round(memory), "python": sys.version.split()[0]}
    if peer is None or agree is None:
        print(json.dumps({**found, "peer": "peer not installed: name its virtual environment in PEERS"}, indent=2))
        return
    others = [each[1] for each in taken if each[1] is not None]
    theirs_cpu, theirs_mb = (statistics.median(each[place] for each in others) for place in (0, 1))
    ratio = statistics.median(mine[0] / other[0] for mine, other in taken if other)
    print(json.dumps({**found, "peer": "scikit-learn TargetEncoder", "peer_cpu_seconds": round(theirs_cpu, 2),
                      "peer_peak_mb": round(theirs_mb), "ratio": round(ratio, 2), "goal_ratio": GOAL_RATIO,
                      "memory_ratio": round(memory / theirs_mb, 2), "largest_difference": agree[:2],
                      "correlation": agree[2:], "met": ratio <= GOAL_RATIO}, indent=2))


if __name__ == "__main__":
    main()
