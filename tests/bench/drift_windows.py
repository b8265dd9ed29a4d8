"""Milliseconds of any window over a year of daily profiles of 20 columns, once the process has started."""

import json
import random
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa

from mlops_tui.analysis.verdict import Limits
from mlops_tui.opening import open_project
from mlops_tui.profiling import shifts, windowed, windowprofiles
from mlops_tui.project import Subject
from tests.bench.drift import workload

ROWS, DAYS, GOAL_MS = 1_000_000, 365, 100
START = datetime.fromisoformat("2013-01-01T00:00+00:00")
CONTRACT = """\
kind: DataContract
apiVersion: v3.1.0
id: traffic
version: 1.0.0
status: active
schema: [{name: traffic, properties: [{name: id, logicalType: integer, primaryKey: true}, {name: day}]}]
customProperties: [{property: partitionBy, value: day}, {property: eventTime, value: at}]
"""


def written(root: Path, rows: int) -> None:
    """A project with a year of traffic, a file a day."""
    (root / "datasets").mkdir()
    (root / "mlops.yaml").write_text("project: windows\n")
    (root / "datasets" / "traffic.yaml").write_text(CONTRACT)
    session = open_project(root, source="test")
    connection = session.data().connect()
    table: pa.Table = workload(rows, 1, drifted=False)
    connection.register("traffic", table)
    at = f"TIMESTAMPTZ '2013-01-01 00:00:00Z' + to_microseconds(id * {DAYS * 86_400_000_000 // rows})"
    query = (f"SELECT *, strftime({at}, '%Y-%m-%d') AS day, {at} AS at "
             "FROM (SELECT row_number() OVER () - 1 AS id, * FROM traffic)")
    session.commit(session.data().write("traffic", query, sort=("id",), partition_by=("day",), connection=connection))


def milliseconds(root: Path) -> dict[str, float]:
    """What the first need costs, then windows in this process, each for the first time."""
    session = open_project(root, source="test")
    source = windowed.source(session, Subject("dataset", "traffic", ""))
    names = tuple(name for name in source.columns if name != "id")
    took: dict[str, float] = {}

    def timed(what: str, *spans: windowed.Span) -> None:
        began = time.perf_counter(), time.process_time()
        windowprofiles.over(session, source, names, spans)
        took[what] = round(1000 * (time.perf_counter() - began[0]), 1)
        took[f"{what}, cpu"] = round(1000 * (time.process_time() - began[1]), 1)

    six, year = timedelta(hours=6), START + timedelta(days=DAYS)
    timed("the whole year", (START, year))
    timed("the year less a day at each end, cut at six", (START + six, year - timedelta(days=1) + six))
    draw = random.Random(1)
    for number in range(5):
        first, last = sorted(draw.sample(range(DAYS), 2))
        timed(f"random window {number}", (START + timedelta(days=first), START + timedelta(days=last)))
    now = year - timedelta(days=3) + six
    week = (now - timedelta(days=7), now)
    began = time.perf_counter(), time.process_time()
    sides = [windowprofiles.side(session, source, names, spans)
             for spans in ([(week[0] - timedelta(days=7 * back), week[1] - timedelta(days=7 * back))
                            for back in range(1, 5)], [week])]
    shifts.compare(sides[0], sides[1], Limits())
    took["seven days against four weeks, judged"] = round(1000 * (time.perf_counter() - began[0]), 1)
    took["seven days against four weeks, judged, cpu"] = round(1000 * (time.process_time() - began[1]), 1)
    return took


def main() -> None:
    if len(sys.argv) > 2:
        print(json.dumps(milliseconds(Path(sys.argv[2]))))
        return
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        written(Path(folder), rows)
        found = [json.loads(subprocess.run([sys.executable, "-m", "tests.bench.drift_windows", "0", folder], check=True,
                                           capture_output=True, text=True).stdout) for _ in range(4)]
        kept = sum(path.stat().st_size for path in Path(folder).glob(".mlops/lake/traffic/_profiles/**/*.profile"))
        data = sum(path.stat().st_size for path in Path(folder).glob(".mlops/lake/traffic/day=*/*.parquet"))
    least = {what: min(each[what] for each in found[1:]) for what in found[0]}
    slowest = max(value for what, value in least.items() if what.endswith("cpu"))
    print(json.dumps({
        "what": "windows over daily profiles", "rows": rows, "days": DAYS, "columns": 20,
        "unit": "ms, best of 3 processes",
        "first_need": found[0], "then": least, "profiles_mb": round(kept / 1e6, 1), "data_mb": round(data / 1e6, 1),
        "goal_ms": GOAL_MS, "met": slowest <= GOAL_MS}, indent=2))


if __name__ == "__main__":
    main()
