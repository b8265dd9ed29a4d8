"""CPU seconds of `snapshot take` on 1.1 GB in 60 Parquet files that stay where they are, beside `dvc add`."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

FILES, ROWS, NUMBERS, RUNS = 60, 135_000, 16, 3
GOAL_FIRST, GOAL_UNCHANGED = 0.5, 0.3
SETTLED = 2.5  # seconds: a younger file is not trusted to be unchanged
HEAD = """\
kind: DataContract
apiVersion: v3.1.0
id: readings
version: 1.0.0
status: active
servers: [{server: lake, type: local, format: parquet, path: data}]
schema:
  - name: readings
    properties:
"""


def contract(*, strict: bool) -> str:
    """Types and an id that is always there; `strict`: an id that is there once, and a range for every number."""
    key = "{name: id, logicalType: integer, primaryKey: true}" if strict else \
        "{name: id, logicalType: integer, required: true}"
    bounds = ", logicalTypeOptions: {minimum: 0, maximum: 1}" if strict else ""
    numbers = [f"{{name: x{place}, logicalType: number{bounds}}}" for place in range(NUMBERS)]
    return HEAD + "".join(f"      - {each}\n" for each in (key, *numbers))


def write(folder: Path, number: int, seed: int) -> None:
    """One file of 18 MB that does not compress; it appears whole."""
    draw = np.random.default_rng([seed, number])
    columns = {"id": np.arange(number * ROWS, (number + 1) * ROWS)}
    columns |= {f"x{place}": draw.random(ROWS) for place in range(NUMBERS)}
    folder.mkdir(parents=True, exist_ok=True)
    staged = folder / f".{number}"
    pq.write_table(pa.table(columns), staged, compression="zstd", use_dictionary=False)
    staged.replace(folder / f"{number:03}.parquet")


def written(folder: Path) -> int:
    """All files, by a process that ends: its memory is not ours. How many bytes they have."""
    for number in range(FILES):
        write(folder, number, 1)
    return sum(path.stat().st_size for path in folder.iterdir())


def measured(argv: list[str], folder: Path) -> tuple[float, float]:
    """CPU seconds and peak MB of a process of its own, and of those it waits for."""
    with tempfile.TemporaryFile() as said, subprocess.Popen(argv, cwd=folder, stdout=said, stderr=said) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(argv)} ended with {process.returncode}: {said.read().decode()[-2000:]}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def project(folder: Path, *, strict: bool) -> list[str]:
    """A project that declares the data of the folder, and the command that takes them."""
    (folder / "datasets").mkdir(exist_ok=True)
    (folder / "mlops.yaml").write_text("project: bench\n")
    (folder / "datasets/readings.yaml").write_text(contract(strict=strict))
    return [sys.executable, "-P", "-m", "mlops_tui", "--project", str(folder), "--json", "snapshot", "take", "readings"]


def once(folder: Path, data: Path, tools: dict[str, list[str]]) -> dict[str, dict[str, tuple[float, float]]]:
    """First, unchanged and one file changed, each tool in turn on its own copy-on-nothing view of the same files."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for tool, argv in tools.items():
        found[tool] = {"first": measured(argv, folder)}
    for what in ("unchanged", "one changed", "unchanged again"):
        if what == "one changed":
            write(data, 7, time.time_ns())
        time.sleep(SETTLED)
        for tool, argv in tools.items():
            found[tool][what] = measured(argv, folder)
    return found


def cleared(folder: Path) -> None:
    """Everything that a tool remembers, gone; the data stay."""
    for name in (".mlops", ".dvc", ".dvcignore", "data.dvc", ".gitignore"):
        subprocess.run(["rm", "-rf", str(folder / name)], check=True)


def main() -> None:
    peers = os.environ.get("PEERS", "")
    dvc = Path(peers, "bin", "dvc") if peers else None
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled once, like its peer
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        with ProcessPoolExecutor(1, get_context("spawn")) as writer:
            size = writer.submit(written, data).result()
        runs = []
        for _ in range(RUNS):
            cleared(folder)
            tools = {"ours": project(folder, strict=False)}
            if dvc is not None and dvc.exists():
                measured([str(dvc), "init", "--no-scm", "-q"], folder)
                tools["dvc"] = [str(dvc), "add", "-q", "data"]
            time.sleep(SETTLED)
            runs.append(once(folder, data, tools))
        cleared(folder)
        strict = measured([*project(folder, strict=True)], folder)
        start = measured([*project(folder, strict=True)[:-3], "snapshot", "log"], folder)
    whats = list(runs[0]["ours"])
    cpu = {tool: {what: round(statistics.median(run[tool][what][0] for run in runs), 2) for what in whats}
           for tool in runs[0]}
    result = {"what": "snapshot", "unit": "CPU seconds of whole processes, median", "runs": RUNS, "files": FILES,
              "gigabytes": round(size / 1e9, 2), "rows": FILES * ROWS, "python": sys.version.split()[0],
              "cpu_seconds": cpu, "start_alone": round(start[0], 2),
              "first_with_unique_key_and_ranges": round(strict[0], 2),
              "peak_mb": {tool: round(max(run[tool][what][1] for run in runs for what in whats)) for tool in runs[0]}}
    if "dvc" in cpu:
        ratios = {what: round(statistics.median(run["ours"][what][0] / run["dvc"][what][0] for run in runs), 2)
                  for what in whats}
        met = ratios["first"] <= GOAL_FIRST and ratios["unchanged"] <= GOAL_UNCHANGED
        result |= {"ratio": ratios, "goals": {"first": GOAL_FIRST, "unchanged": GOAL_UNCHANGED}, "met": met}
    else:
        result["peer"] = "not installed: set PEERS to a folder with bin/dvc"
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
