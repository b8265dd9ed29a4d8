"""CPU seconds of taking in a day, and of a chain of 100 SQL steps."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from mlops_tui.opening import open_project

ROWS, DAYS, STEPS = 5_000_000, 30, 100
HEAD = "kind: DataContract\napiVersion: v3.1.0\nversion: 1.0.0\nstatus: active\n"
VALID = "quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [a, b, c, d]}}]"
CONTRACT = HEAD + f"""id: wide
schema:
  - name: wide
    properties:
      - {{name: id, logicalType: integer, required: true, unique: true, logicalTypeOptions: {{minimum: 0}}}}
      - {{name: code, required: true, logicalTypeOptions: {{pattern: '^K[0-9]{{6}}$', minLength: 7, maxLength: 7}}}}
      - {{name: age, logicalType: integer, required: true, logicalTypeOptions: {{minimum: 0, maximum: 120}}}}
      - {{name: amount, logicalType: number, required: true, logicalTypeOptions: {{minimum: 0, maximum: 1000000}}}}
      - {{name: status, required: true, {VALID}}}
      - {{name: at, logicalType: timestamp, required: true, logicalTypeOptions: {{timezone: true}}}}
      - {{name: customer, logicalType: integer, required: true, logicalTypeOptions: {{maximum: 5000}}}}
      - {{name: email, required: true, logicalTypeOptions: {{pattern: '^[^@]+@[^@]+$'}}}}
      - {{name: p, logicalType: number, logicalTypeOptions: {{minimum: 0, maximum: 1}}}}
      - {{name: flag, logicalType: boolean, required: true}}
      - {{name: born, logicalType: date, required: true}}
      - {{name: note, logicalTypeOptions: {{maxLength: 100}}}}
      - {{name: q, logicalType: integer, logicalTypeOptions: {{minimum: 0}}}}
"""
# every thousandth row is bad, in one of five ways
WIDE = f"""
SELECT CASE kind WHEN 0 THEN i - 1 ELSE i END AS id,
  CASE kind WHEN 1 THEN 'x' ELSE 'K' || lpad(CAST(i % 100000 AS VARCHAR), 6, '0') END AS code,
  CASE kind WHEN 2 THEN 500 ELSE CAST(hash(i) % 100 AS BIGINT) END AS age, (hash(i * 3) % 1000000) / 100.0 AS amount,
  CASE kind WHEN 3 THEN NULL ELSE ['a', 'b', 'c', 'd'][CAST(1 + hash(i * 5) % 4 AS INTEGER)] END AS status,
  TIMESTAMPTZ '2013-01-01' + to_seconds(i % 31536000) AS at, CAST(hash(i * 7) % 5000 AS BIGINT) AS customer,
  'user' || hash(i * 11) % 1000 || '@x.com' AS email,
  CASE kind WHEN 4 THEN 7 ELSE (hash(i * 13) % 1000) / 1000.0 END AS p,
  hash(i) % 2 = 0 AS flag, DATE '2013-01-01' + CAST(hash(i * 17) % 365 AS INTEGER) AS born,
  'some text ' || hash(i * 19) % 50 AS note, CAST(hash(i * 23) % 1000 AS BIGINT) AS q
FROM (SELECT i, CASE WHEN i % 1000 = 7 THEN i // 1000 % 5 END AS kind FROM range({ROWS}) t(i))
"""


def measured(argv: list[str], folder: Path) -> tuple[float, float, str]:
    """CPU seconds, peak MB and output of a process of its own."""
    with subprocess.Popen(argv, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        _, _, used = os.wait4(process.pid, 0)
        process.returncode = 0
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, said


def tool(*argv: str) -> list[str]:
    return [sys.executable, "-m", "mlops_tui", *argv]


def project(folder: Path) -> Path:
    for name in ("datasets", "pipelines"):
        (folder / name).mkdir(parents=True)
    (folder / "mlops.yaml").write_text("project: bench\n")
    return folder


def day(folder: Path) -> dict[str, object]:
    """900 rows a day into one session, one day after the other."""
    root = project(folder / "days")
    more = "customProperties: [{property: eventTime, value: at}, {property: partitionBy, value: day}]\n"
    (root / "datasets/wide.yaml").write_text(CONTRACT + more)
    files = []
    for number in range(DAYS):
        files.append(root / f"{number}.parquet")
        rows = WIDE.replace(f"range({ROWS})", f"range({number * 1000 + 10}, {number * 1000 + 910})")
        moved = f'* REPLACE (TIMESTAMPTZ \'2013-01-01 12:00+00\' + to_days({number}) AS "at")'
        duckdb.connect().execute(f"COPY (SELECT {moved} FROM ({rows})) TO '{files[-1]}'")
    session = open_project(root, source="terminal")
    walls, cpus = [], []
    for file in files:
        wall, cpu = time.perf_counter(), time.process_time()
        outcome = session.perform(["ingest", "wide", "--file", str(file)])
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
        assert outcome.error is None, outcome.error
    middle = {"median_ms": walls, "median_cpu_ms": cpus}
    return {name: round(sorted(each)[DAYS // 2] * 1000, 1) for name, each in middle.items()}


def chain(folder: Path) -> dict[str, object]:
    """100 SQL steps, each reading the one before: first, and with nothing changed."""
    root = project(folder / "chain")
    (root / "datasets/src.yaml").write_text(HEAD + "id: src\nschema: [{name: src, properties: [{name: id, "
                                            "logicalType: integer, primaryKey: true}]}]\n")
    (root / "src.csv").write_text("id\n" + "\n".join(map(str, range(1000))) + "\n")
    steps = []
    for number in range(STEPS):
        before = f"s{number - 1}" if number else "src"
        (root / f"pipelines/s{number}.sql").write_text(f"SELECT id, {number} AS n FROM {before}\n")
        steps.append(f"  - {{name: s{number}, sql: s{number}.sql, inputs: [{before}], key: [id]}}")
    (root / "pipelines/chain.yaml").write_text("\n".join(["steps:", *steps]) + "\n")
    measured(tool("ingest", "src", "--file", "src.csv"), root)
    start, _, _ = measured(tool("pipeline"), root)
    first, _, said = measured(tool("pipeline", "run", "chain", "--json"), root)
    again, _, same = measured(tool("pipeline", "run", "chain", "--json"), root)
    assert (json.loads(said)["facts"]["steps_run"], json.loads(same)["facts"]["steps_same"]) == (STEPS, STEPS)
    return {"first_cpu_s": round(first, 2), "unchanged_cpu_s": round(again, 2), "start_cpu_s": round(start, 2)}


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = {"day": day(folder), "steps": chain(folder)}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
