"""Processes that commit to one dataset at once and are killed again and again: what was acknowledged, what is there."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

ROOT = Path(__file__).parents[1]
PROJECT = {"mlops.yaml": "project: commits\n", "datasets/rows.yaml": """\
kind: DataContract
apiVersion: v3.1.0
id: rows
version: 1.0.0
status: active
schema: [{name: rows, properties: [{name: id, logicalType: integer, primaryKey: true}, {name: part}]}]
customProperties: [{property: partitionBy, value: part}]
"""}

# A commit is 1,000 rows; it is acknowledged when its line is out. `first` is where a killed one goes on.
PRODUCT = """
import sys, time
from pathlib import Path
from mlops_tui.opening import open_project
root, name, first, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
session = open_project(root, source="test")
for number in range(first, count):
    began = time.perf_counter()
    query = f"SELECT i AS id, '{name}-{number:04}' AS part FROM range(1000) t(i)"
    session.commit(session.data().write("rows", query, sort=("id",), partition_by=("part",)), source=name)
    print(number, (time.perf_counter() - began) * 1000, flush=True)
"""

# What the same costs at least: a Parquet file, its SHA-256, and a line in SQLite that names it.
PLAIN = """
import hashlib, os, sqlite3, sys, time
from pathlib import Path
import duckdb
root, name, first, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
ledger = sqlite3.connect(root / "plain.db", timeout=60, isolation_level=None)
ledger.execute("PRAGMA journal_mode=WAL")
ledger.execute("CREATE TABLE IF NOT EXISTS entry (seq INTEGER PRIMARY KEY, part TEXT, digest TEXT)")
engine = duckdb.connect()
for number in range(first, count):
    began = time.perf_counter()
    path = root / f"{name}-{os.getpid()}.parquet"
    engine.execute(f"COPY (SELECT i AS id, '{name}-{number:04}' AS part FROM range(1000) t(i)) TO '{path}' "
                   "(FORMAT parquet, COMPRESSION zstd)")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    path.rename(root / f"{digest}.parquet")
    ledger.execute("BEGIN IMMEDIATE")
    ledger.execute("INSERT INTO entry (part, digest) VALUES (?, ?)", (f"{name}-{number:04}", digest))
    ledger.execute("COMMIT")
    print(number, (time.perf_counter() - began) * 1000, flush=True)
"""


@dataclass
class Told:
    """What a writer acknowledged, how long each took, what it said when it failed, how often it was killed."""

    name: str
    done: set[int]
    milliseconds: list[float]
    errors: list[str]
    killed: int = 0


def laid(root: Path) -> Path:
    """A project with one dataset and nothing in it."""
    for name, text in PROJECT.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def written(root: Path, program: str, names: Sequence[str], count: int, *, kills: int, seed: int = 0) -> list[Told]:
    """Let each name commit `count` times, all at once; each is killed so often somewhere, and goes on."""
    told = [Told(name, set(), [], []) for name in names]
    threads = [Thread(target=_written, args=(root, program, each, count, kills, random.Random(f"{seed} {each.name}")))
               for each in told]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return told


def _written(root: Path, program: str, told: Told, count: int, kills: int, rng: random.Random) -> None:
    while len(told.done) < count and len(told.errors) < 3:
        upto = rng.randint(1, max(count // (kills + 1), 1)) if told.killed < kills else None
        _life(root, program, told, count, upto, rng)


def _life(root: Path, program: str, told: Told, count: int, upto: int | None, rng: random.Random) -> None:
    """One process, until it is done or, some time into its commit after `upto`, killed."""
    first = max(told.done, default=-1) + 1
    with subprocess.Popen([sys.executable, "-c", program, str(root), told.name, str(first), str(count)], cwd=ROOT,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for number, took in _lines(process.stdout):
            told.done.add(number)
            told.milliseconds.append(took)
            if upto is not None and number - first + 1 >= upto and number + 1 < count:
                time.sleep(rng.random() * took / 500)
                process.send_signal(signal.SIGKILL)
                told.killed += 1
                upto = None
        if (said := process.stderr.read()) and "leaked" not in said:
            told.errors.append(said)


def _lines(stream: Iterator[str]) -> Iterator[tuple[int, float]]:
    for line in stream:
        if line.endswith("\n") and len(parts := line.split()) == 2:
            yield int(parts[0]), float(parts[1])
