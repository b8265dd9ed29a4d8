"""CPU seconds and memory of features: joined as known, rolled by entity, read online; beside polars, pandas and SQLite.

PEERS names a virtual environment that has polars and pandas; without it only our own figures are taken.
"""

import json
import os
import sqlite3
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from mlops_tui.opening import open_project
from store.online import Online, SqliteShelf

LABELS, ROWS, ENTITIES = (int(float(text)) for text in os.environ.get("SIZES", "1e6,5e6,5e4").split(","))
VIEWS = {"a": 7, "b": 7, "c": 6}
MICROS = 31_536_000_000_000  # of a year
HEAD = "kind: DataContract\napiVersion: v3.1.0\nversion: 1.0.0\nstatus: active\n"
TURNS = 1500
NEWEST = int(datetime(2014, 1, 1, tzinfo=UTC).timestamp() * 1e6)

POLARS_JOIN = """
import polars as pl, sys
folder, how = sys.argv[1:]
out = pl.scan_parquet(f"{folder}/labels.parquet").sort("entity", "ts") if how != "time" else \\
    pl.scan_parquet(f"{folder}/labels.parquet").sort("ts")
for name in "abc":
    view = pl.scan_parquet(f"{folder}/{name}.{how}.parquet")
    out = out.join_asof(view, on="ts", by="entity", strategy="backward", check_sortedness=False)
out.collect().write_parquet(f"{folder}/out.parquet", compression="zstd")
"""
PANDAS_JOIN = """
import pandas as pd, sys
folder, how = sys.argv[1:]
out = pd.read_parquet(f"{folder}/labels.parquet").sort_values("ts")
for name in "abc":
    out = pd.merge_asof(out, pd.read_parquet(f"{folder}/{name}.{how}.parquet"), on="ts", by="entity")
out.to_parquet(f"{folder}/out.parquet", compression="zstd")
"""
POLARS_ROLL = """
import polars as pl, sys
x, e = pl.col("x"), "entity"
roll = lambda how, size: getattr(x, how)("ts", window_size=size, closed="left").over(e)
pl.scan_parquet(f"{sys.argv[1]}/roll.parquet").with_columns(
    x_lag_1=x.shift(1).over(e), x_lag_7=x.shift(7).over(e), x_mean_7d=roll("rolling_mean_by", "7d"),
    x_sum_7d=roll("rolling_sum_by", "7d"), x_mean_30d=roll("rolling_mean_by", "30d"),
    x_sum_30d=roll("rolling_sum_by", "30d"), x_mean_all=(x.cum_sum().shift(1) / x.cum_count().shift(1)).over(e),
    x_sum_all=x.cum_sum().shift(1).over(e),
).collect().write_parquet(f"{sys.argv[1]}/out.parquet", compression="zstd")
"""
ROLLED = ("x_lag_1", "x_lag_7", "x_mean_7d", "x_sum_7d", "x_mean_30d", "x_sum_30d", "x_mean_all",
          "x_sum_all")


def measured(argv: list[str], folder: Path) -> tuple[float, float]:
    """CPU seconds and peak MB of a process of its own, start and imports included."""
    with subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return round(used.ru_utime + used.ru_stime, 2), round(used.ru_maxrss / 1024)


def tool(*argv: str) -> list[str]:
    return [sys.executable, "-m", "mlops_tui", *argv]


def peer(code: str, folder: Path, *argv: str) -> tuple[float, float] | None:
    """What the peer takes; pandas comes with our own libraries, and with it pyarrow."""
    named = sys.executable if "import pandas" in code else f"{os.environ.get('PEERS', '')}/bin/python"
    python = Path(named)
    return measured([str(python), "-c", code, str(folder), *argv], folder) if python.exists() else None


def shown(name: str, found: tuple[float, float] | None, ours: tuple[float, float]) -> dict[str, object]:
    if found is None:
        return {name: "peer not installed"}
    return {f"{name}_cpu_s": found[0], f"{name}_mb": found[1], f"times_{name}": round(ours[0] / found[0], 2),
            f"times_{name}_memory": round(ours[1] / found[1], 2)}


def sums(path: Path, *names: str, parts: int = 1) -> list[float]:
    """The rows and each column's sum; of what has so many parts in one, exactly."""
    summed = "sum(CAST(round({} * {}) AS BIGINT))" if parts > 1 else "sum({})"
    asked = ", ".join(summed.format(name, parts) for name in names)
    return list(duckdb.execute(f"SELECT count(*), {asked} FROM '{path}'").fetchall()[0])


def planted(folder: Path) -> None:
    """The data: three tables of events, labels, and one table to roll over."""
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
    moment = (f"TIMESTAMPTZ '2013-01-01 00:00+00' + "
              f"to_microseconds(CAST(hash(i * 13 + {{}}) % {MICROS} AS BIGINT))")
    for seed, (name, count) in enumerate(VIEWS.items(), start=1):
        values = ", ".join(f"(hash(i * {31 + place} + {seed}) % 1000000) / 1000.0 AS {name}{place}"
                           for place in range(count))
        key = f"CAST(hash(i * 7 + {seed}) % {ENTITIES} AS BIGINT)"
        rows = f"SELECT {key} AS entity, {moment.format(seed)} AS ts, {values} FROM range({ROWS}) t(i)"
        connection.execute(f"CREATE TABLE {name} AS {rows} ORDER BY entity, ts")
        for how, order in (("entity", "entity, ts"), ("time", "ts")):
            connection.execute(f"COPY (FROM {name} ORDER BY {order}) TO '{folder}/{name}.{how}.parquet' "
                               "(FORMAT parquet, COMPRESSION zstd)")
    connection.execute(f"COPY (SELECT CAST(hash(i * 17) % {ENTITIES} AS BIGINT) AS entity, {moment.format(99)} AS ts, "
                       f"i AS id FROM range({LABELS}) t(i)) TO '{folder}/labels.parquet' (FORMAT parquet)")
    connection.execute(f"COPY (SELECT CAST(hash(i * 7) % 20000 AS BIGINT) AS entity, {moment.format(5)} AS ts, "
                       f"(hash(i * 31) % 1000000) / 1000.0 AS x FROM range({ROWS}) t(i) ORDER BY 1, 2) "
                       f"TO '{folder}/roll.parquet' (FORMAT parquet, COMPRESSION zstd)")
    connection.close()
    project(folder)


def project(folder: Path) -> None:
    """A project with the three tables as datasets, and a view of each."""
    root = folder / "project"
    for name in ("datasets", "features"):
        (root / name).mkdir(parents=True)
    (root / "mlops.yaml").write_text("project: bench\n")
    for name in VIEWS:
        (root / f"datasets/{name}.yaml").write_text(
            HEAD + f"id: {name}\nschema: [{{name: {name}, properties: [{{name: entity, logicalType: integer}}]}}]\n")
        (root / f"features/v_{name}.sql").write_text(f"-- entity: entity\n-- time: ts\nSELECT * FROM {name}\n")
    session = open_project(root, source="terminal")
    for name in VIEWS:
        session.commit(session.data().write(name, f"SELECT * FROM '{folder}/{name}.entity.parquet'"))


def join(folder: Path, root: Path) -> dict[str, object]:
    """Labels × three views, which we store sorted by entity and time as lz4.

    Polars by the layout of the views' files: `time` (zstd, as events come), `sorted` (zstd, by entity and time), and
    `stored`: the very files that we read. pandas by time, which it needs.
    """
    building, _ = measured(tool("feature", "build", "--all"), root)
    for name in VIEWS:
        [stored] = (root / f".mlops/lake/v_{name}.view").rglob("*.parquet")
        (folder / f"{name}.stored.parquet").symlink_to(stored)
    views = [f"v_{name}" for name in VIEWS]
    out = f"{folder}/ours.parquet"
    ours = measured(tool("feature", "join", f"{folder}/labels.parquet", *views, "--time", "ts", "--out", out), root)
    named = [f"{name}{place}" for name, count in VIEWS.items() for place in range(count)]
    wanted = sums(folder / "ours.parquet", *named, parts=1000)
    found: dict[str, object] = {"build_cpu_s": building, "cpu_s": ours[0], "mb": ours[1]}
    for name, code, how in (("polars_time", POLARS_JOIN, "time"), ("polars_sorted", POLARS_JOIN, "entity"),
                            ("polars_stored", POLARS_JOIN, "stored"), ("pandas", PANDAS_JOIN, "time")):
        took = peer(code, folder, how)
        assert took is None or sums(folder / "out.parquet", *named, parts=1000) == wanted, name
        found |= shown(name, took, ours)
    return found


def roll(folder: Path) -> dict[str, object]:
    """Eight outputs over the table's rows, which lie sorted by entity and time; the same eight on both sides."""
    argv = tool("windows", "--file", f"{folder}/roll.parquet", "--entity", "entity", "--time", "ts", "--column", "x",
                "--lag", "1,7", "--rolling", "7d,30d", "--aggregate", "mean,sum", "--expanding", "--out",
                f"{folder}/ours.parquet")
    ours = measured(argv, folder)
    took = peer(POLARS_ROLL, folder)
    if took is not None:
        pairs = zip(sums(folder / "ours.parquet", *ROLLED), sums(folder / "out.parquet", *ROLLED), strict=True)
        assert all(abs(a - b) <= 1e-9 * abs(b) for a, b in pairs)
    return {"outputs": len(ROLLED), "cpu_s": ours[0], "mb": ours[1], **shown("polars", took, ours)}


def online(root: Path) -> dict[str, object]:
    """100 entities × 20 features of three views, beside one blob per entity in a bare SQLite.

    The first hundred reads find nothing cached; the others are a process that has served for a while.
    """
    measured(tool("feature", "materialize", "--all"), root)
    shelf = SqliteShelf(root / ".mlops/online.db")
    reader, views = Online(shelf), [f"v_{name}" for name in VIEWS]
    with sqlite3.connect(root / "bare.db") as bare:
        bare.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, blob BLOB)")
        bare.executemany("INSERT INTO rows VALUES (?, ?)",
                         [(number, struct.pack("<20d", *range(20))) for number in range(ENTITIES)])
    spent: dict[str, list[float]] = {"ours": [], "bare": []}
    for turn in range(TURNS):
        ids = [(turn * 7919 + place * 101) % ENTITIES for place in range(100)]
        began = time.process_time()
        found = reader.read(views, [{"entity": id} for id in ids], NEWEST)
        spent["ours"].append(time.process_time() - began)
        assert sum(len(each.values or ()) for rows in found.values() for each in rows) == 2000
        began = time.process_time()
        marks = ",".join("?" * len(ids))
        rows = dict(bare.execute(f"SELECT id, blob FROM rows WHERE id IN ({marks})", ids))
        assert len([struct.unpack("<20d", rows[id]) for id in ids]) == 100
        spent["bare"].append(time.process_time() - began)
    bare.close()
    shelf.close()
    middle = {name: round(statistics.median(each[TURNS // 2:]) * 1000, 3) for name, each in spent.items()}
    return {"cpu_ms": middle["ours"], "bare_blob_cpu_ms": middle["bare"],
            "first_cpu_ms": round(statistics.median(spent["ours"][:100]) * 1000, 3),
            "times_bare": round(middle["ours"] / middle["bare"], 2)}


def main() -> None:
    if sys.argv[1:2] == ["--plant"]:
        planted(Path(sys.argv[2]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # in a process of its own: a child's peak memory counts what its parent had
        subprocess.run([sys.executable, __file__, "--plant", name], check=True)
        root = folder / "project"
        print(json.dumps({"labels": LABELS, "rows": ROWS, "join": join(folder, root), "online": online(root),
                          "roll": roll(folder)}, indent=1))


if __name__ == "__main__":
    main()
