"""Eight writers of one dataset, killed again and again, beside a plain loop of Parquet, SHA-256 and SQLite."""

import json
import os
import resource
import sqlite3
import tempfile
from pathlib import Path
from statistics import median, quantiles

from mlops_tui.opening import open_project
from tests.commits import PLAIN, PRODUCT, Told, laid, written

WRITERS, EACH, KILLS = 8, 125, 5


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def summed(told: list[Told], used: float) -> dict[str, object]:
    """What the writers said; CPU seconds are of all their processes with imports, the killed ones too."""
    times = [each for one in told for each in one.milliseconds]
    return {"acknowledged": sum(len(each.done) for each in told), "kills": sum(each.killed for each in told),
            "failed": sum(len(each.errors) for each in told), "p50_ms": round(median(times), 1),
            "p99_ms": round(quantiles(times, n=100)[98], 1), "cpu_s": round(used, 1)}


def product(root: Path, writers: int, each: int, kills: int) -> dict[str, object]:
    before = cpu()
    told = written(laid(root), PRODUCT, [f"w{number}" for number in range(writers)], each, kills=kills)
    found = summed(told, cpu() - before)
    session = open_project(root, source="test")
    state = session.snapshot("rows")
    there = {file.partition["part"] for file in state.files}
    found["lost"] = sum(f"{one.name}-{number:04}" not in there for one in told for number in one.done)
    found["half"] = len(session.data().damaged(state)) + sum(file.rows != 1000 for file in state.files)
    assert session.ledger.verify() is None
    return found


def plain(root: Path, writers: int, each: int) -> dict[str, object]:
    before = cpu()
    root.mkdir()
    sqlite3.connect(root / "plain.db").executescript(
        "PRAGMA journal_mode=WAL; CREATE TABLE entry (seq INTEGER PRIMARY KEY, part TEXT, digest TEXT)")
    return summed(written(root, PLAIN, [f"w{number}" for number in range(writers)], each, kills=0), cpu() - before)


def main() -> None:
    found: dict[str, object] = {"load": round(os.getloadavg()[0], 1)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found["killed"] = product(folder / "killed", WRITERS, EACH, KILLS)
        for writers in (1, WRITERS):
            ours = product(folder / f"product-{writers}", writers, EACH, 0)
            theirs = plain(folder / f"plain-{writers}", writers, EACH)
            ratio = float(str(ours["p50_ms"])) / float(str(theirs["p50_ms"]))
            found[f"{writers}_writers"] = {"product": ours, "plain": theirs, "p50_ratio": round(ratio, 2)}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
