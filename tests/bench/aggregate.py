"""CPU seconds of a private mean by group over 5 M rows, beside plain SQL and OpenDP by hand in the same run."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

ROWS, PERSONS, LIMIT = 5_000_000, 1_000_000, 10
DATA = f"""SELECT CAST(hash(i) % {PERSONS} AS BIGINT) AS person,
  CAST(hash(i * 3) % 66000 AS DOUBLE) / 100 - 60 AS delay,
  'C' || CAST(hash(i * 5) % 20 AS VARCHAR) AS country, 'S' || CAST(hash(i * 7) % 4 AS VARCHAR) AS status
  FROM range({ROWS}) t(i)"""
NOISE = """
import duckdb, sys
from opendp import domains, measurements, metrics, mod
mod.enable_features("contrib")
cursor = duckdb.connect(config={"threads": 2})
rows = cursor.execute(open(sys.argv[1]).read()).fetchall()
space = domains.vector_domain(domains.atom_domain(T="i64")), metrics.l1_distance(T="i64")
sums = measurements.make_laplace(*space, scale=66000 * 10 / 0.5)([int(row[2]) for row in rows])
counts = measurements.make_laplace(*space, scale=10 / 0.5)([row[3] for row in rows])
print(len([a / b for a, b in zip(sums, counts)]))
"""
# what a person writes who trusts the data: clamped values, and nobody's rows limited
PLAIN = """SELECT country, status, sum(CAST(round(least(600, greatest(-60, delay)) * 100) AS BIGINT)), count(*)
  FROM '{path}' GROUP BY ALL"""
# and one who does not: the same, with at most 10 rows of each person, chosen by hash
LIMITED = """SELECT country, status, sum(x), count(*) FROM (
  SELECT country, status, CAST(round(least(600, greatest(-60, delay)) * 100) AS BIGINT) AS x FROM '{path}'
  QUALIFY row_number() OVER (PARTITION BY person ORDER BY hash(person, country, status, delay)) <= 10) GROUP BY ALL"""


def measured(argv: list[str], folder: Path) -> tuple[float, float]:
    """CPU seconds and peak MB of a process of its own."""
    with subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, argv
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as where:
        folder = Path(where)
        path = folder / "rows.parquet"
        duckdb.connect().execute(f"COPY ({DATA}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
        found: dict[str, list[tuple[float, float]]] = {}
        countries, statuses = (f"{name}={','.join(f'{letter}{number}' for number in range(count))}"
                               for name, letter, count in (("country", "C", 20), ("status", "S", 4)))
        ours = [sys.executable, "-m", "mlops_tui", "aggregate", "release", "--file", str(path), "--unit", "person",
                "--contributions", str(LIMIT), "--measure", "mean:delay", "--by", "country,status", "--bounds",
                "delay=-60:600", "--groups", countries, "--groups", statuses, "--epsilon", "1", "--json"]
        for name, sql in (("plain", PLAIN), ("limited", LIMITED)):
            (folder / f"{name}.sql").write_text(sql.format(path=path), encoding="utf-8")
        for _ in range(3):
            found.setdefault("ours", []).append(measured(ours, folder))
            for name in ("plain", "limited"):
                found.setdefault(name, []).append(
                    measured([sys.executable, "-c", NOISE, str(folder / f"{name}.sql")], folder))
        median = {name: sorted(runs)[1] for name, runs in found.items()}
        print(json.dumps({
            "rows": ROWS, "persons": PERSONS, "contributions": LIMIT,
            **{f"{name}_cpu_s": round(cpu, 2) for name, (cpu, _) in median.items()},
            **{f"{name}_mb": round(mb) for name, (_, mb) in median.items()},
            "over_plain": round(median["ours"][0] / median["plain"][0], 2),
            "over_limited": round(median["ours"][0] / median["limited"][0], 2)}))


if __name__ == "__main__":
    main()
