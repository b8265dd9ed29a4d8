"""CPU seconds and memory of `validate` and `ingest` on 5 M rows × 13 columns, 25 rules, beside Pandera on polars."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb

ROWS, RUNS = 5_000_000, 3
GOAL_CPU, GOAL_MB = 0.6, 0.3
EVERY = 1000  # each thousandth row is bad

# name, type, required, unique, and the further rules: 13 columns; 8 required, 1 unique, 16 others are 25 rules
COLUMNS: tuple[tuple[str, str, bool, bool, dict[str, object]], ...] = (
    ("id", "integer", True, True, {"minimum": 0}), ("code", "string", True, False, {"pattern": "^K[0-9]{6}$"}),
    ("age", "integer", True, False, {"minimum": 0, "maximum": 120}),
    ("amount", "number", True, False, {"minimum": 0, "maximum": 1_000_000}),
    ("status", "string", True, False, {"values": ["a", "b", "c", "d"]}), ("at", "timestamp", True, False, {}),
    ("customer", "integer", True, False, {"minimum": 0, "maximum": 5000}),
    ("email", "string", False, False, {"pattern": "^[^@]+@[^@]+$"}),
    ("p", "number", False, False, {"minimum": 0, "maximum": 1}), ("flag", "boolean", False, False, {}),
    ("born", "date", False, False, {}), ("note", "string", False, False, {"minLength": 1, "maxLength": 100}),
    ("q", "integer", True, False, {"minimum": 0, "maximum": 1000}))

# a bad row is bad in one of six ways, the last in three at once
WIDE = f"""
SELECT CASE kind WHEN 0 THEN i - 1 ELSE i END AS id,
  CASE kind WHEN 1 THEN 'x' ELSE 'K' || lpad(CAST(i % 100000 AS VARCHAR), 6, '0') END AS code,
  CASE WHEN kind IN (2, 5) THEN 500 ELSE CAST(hash(i) % 100 AS BIGINT) END AS age,
  CASE kind WHEN 5 THEN -1 ELSE CAST(hash(i * 3) % 1000000 AS DOUBLE) / 100 END AS amount,
  CASE kind WHEN 3 THEN NULL ELSE ['a', 'b', 'c', 'd'][CAST(1 + hash(i * 5) % 4 AS INTEGER)] END AS status,
  TIMESTAMP '2013-01-01' + to_seconds(i % 31536000) AS at, CAST(hash(i * 7) % 5000 AS BIGINT) AS customer,
  CASE kind WHEN 5 THEN 'nobody' ELSE 'user' || hash(i * 11) % 1000 || '@x.com' END AS email,
  CASE kind WHEN 4 THEN 7 ELSE CAST(hash(i * 13) % 1000 AS DOUBLE) / 1000 END AS p,
  hash(i) % 2 = 0 AS flag, DATE '2013-01-01' + CAST(hash(i * 17) % 365 AS INTEGER) AS born,
  'some text ' || hash(i * 19) % 50 AS note, CAST(hash(i * 23) % 1000 AS BIGINT) AS q
FROM (SELECT i, CASE WHEN i % {EVERY} = 7 THEN i // {EVERY} % 6 END AS kind FROM range({ROWS}) t(i))
"""
PLANTED = (("id:unique",), ("code:pattern",), ("age:maximum",), ("status:required",), ("p:maximum",),
           ("age:maximum", "amount:minimum", "email:pattern"))

PEER = """
import json, sys
import pandera.polars as pa
import polars as pl
columns, source, target, good = json.loads(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]
kinds = {"integer": pl.Int64, "string": pl.String, "number": pl.Float64, "timestamp": pl.Datetime("us"),
         "boolean": pl.Boolean, "date": pl.Date}
made = {"minimum": pa.Check.ge, "maximum": pa.Check.le, "pattern": pa.Check.str_matches, "values": pa.Check.isin}
def checks(rules):
    lengths = {"min_value": rules.pop("minLength", None), "max_value": rules.pop("maxLength", None)}
    length = [pa.Check.str_length(**lengths)] if lengths["max_value"] else []
    return [made[name](value) for name, value in rules.items()] + length
schema = pa.DataFrameSchema({name: pa.Column(kinds[kind], checks(rules), nullable=not required, unique=unique)
                             for name, kind, required, unique, rules in columns})
rows = pl.read_parquet(source)
try:
    schema.validate(rows, lazy=True)
    raise SystemExit("every row is good")
except pa.errors.SchemaErrors as found:
    cases = found.failure_cases.select("index", rule=pl.concat_str("column", "check", separator=":"))
broken = cases.group_by("index").agg(pl.col("rule")).with_columns(pl.col("index").cast(pl.UInt32))
numbered = rows.with_row_index("_row")
numbered.join(broken, left_on="_row", right_on="index").sort("_row").write_parquet(target)
if good:
    numbered.join(broken, left_on="_row", right_on="index", how="anti").drop("_row").write_parquet(good[0])
"""


def contract() -> str:
    """The columns as an ODCS contract."""
    properties = []
    for name, kind, required, unique, rules in COLUMNS:
        options = {key: value for key, value in rules.items() if key != "values"}
        made: dict[str, object] = {"name": name, "logicalType": kind, "required": required, "unique": unique,
                                   "logicalTypeOptions": options}
        if "values" in rules:
            made["quality"] = [{"metric": "invalidValues", "mustBe": 0, "arguments": {"validValues": rules["values"]}}]
        properties.append(made)
    return json.dumps({"kind": "DataContract", "apiVersion": "v3.1.0", "id": "wide", "version": "1.0.0",
                       "status": "active", "schema": [{"name": "wide", "properties": properties}]})


def measured(argv: list[str], folder: Path) -> tuple[float, float]:
    """CPU seconds and peak MB of a process of its own."""
    with subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 1), argv[:4]  # 1: the contract is broken, as planted
    return round(used.ru_utime + used.ru_stime, 2), round(used.ru_maxrss / 1024, 1)


def exactly_the_planted(folder: Path) -> None:
    """Every planted row is set aside with every rule it broke, and no other."""
    rows = duckdb.sql(f"SELECT _row, _rules FROM '{folder / 'bad.parquet'}' ORDER BY _row").fetchall()
    wanted = [(number, list(PLANTED[number // EVERY % len(PLANTED)])) for number in range(7, ROWS, EVERY)]
    assert rows == wanted, "exactly the planted rows, with all the rules each broke"


def figures(runs: list[tuple[float, float]]) -> dict[str, float]:
    return {"cpu_s": statistics.median(cpu for cpu, _ in runs), "mb": max(mb for _, mb in runs)}


def main() -> None:
    peers = os.environ.get("PEERS", "")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        duckdb.connect().execute(f"COPY ({WIDE}) TO '{folder / 'wide.parquet'}' (FORMAT parquet, COMPRESSION zstd)")
        (folder / "wide.yaml").write_text(contract())
        ours = [sys.executable, "-m", "mlops_tui", "validate", "wide.yaml", "wide.parquet", "--overwrite",
                "--quarantine", "bad.parquet"]
        theirs = [f"{peers}/bin/python", "-c", PEER, json.dumps(COLUMNS), "wide.parquet", "theirs.parquet"]
        found: dict[str, object] = {"rows": ROWS, "rules": 25, "bad_rows": len(range(7, ROWS, EVERY))}
        for label, more in (("quarantine", []), ("quarantine_and_good", ["good.parquet"])):
            own, other = [], []
            for _ in range(RUNS):  # in turn, so that both see the same machine
                own.append(measured([*ours, *(["--good", *more] if more else [])], folder))
                other += [measured([*theirs, *more], folder)] if peers else []
            exactly_the_planted(folder)
            found[label] = compared(figures(own), figures(other) if other else None, folder)
        found["ingest"] = taken_in(folder)
        print(json.dumps(found, indent=1))


def taken_in(folder: Path) -> dict[str, object]:
    """The same file into a dataset: kept as it is with a mask for its bad rows, beside a bare copy of its good rows."""
    root = folder / "project"
    (root / "datasets").mkdir(parents=True)
    (root / "mlops.yaml").write_text("project: bench\n")
    (root / "datasets/wide.yaml").write_text(contract())
    ours = measured([sys.executable, "-m", "mlops_tui", "--project", str(root), "ingest", "wide", "--file",
                     "wide.parquet"], folder)
    copy = "COPY (SELECT * FROM 'wide.parquet' WHERE id % 1000 <> 7) TO 'copy.parquet' (COMPRESSION zstd)"
    bare = measured([sys.executable, "-c", f"import duckdb; duckdb.execute({copy!r})"], folder)
    return {"ours": figures([ours]), "bare_copy": figures([bare]), "cpu_ratio": round(ours[0] / bare[0], 2)}


def compared(ours: dict[str, float], theirs: dict[str, float] | None, folder: Path) -> dict[str, object]:
    if theirs is None:
        return {"ours": ours, "pandera": "peer not installed: set PEERS to an environment that has it"}
    rows = duckdb.sql(f"SELECT count(*) FROM '{folder / 'theirs.parquet'}'").fetchall()[0][0]
    return {"ours": ours, "pandera": {**theirs, "bad_rows": rows},
            "cpu_ratio": round(ours["cpu_s"] / theirs["cpu_s"], 2), "mb_ratio": round(ours["mb"] / theirs["mb"], 2),
            "goals": {"cpu_ratio": GOAL_CPU, "mb_ratio": GOAL_MB}}


if __name__ == "__main__":
    main()
