"""How often drift's verdicts are right: planted shifts in many seeds, and data without any."""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_tui.analysis.verdict import Limits
from mlops_tui.profiling.shifts import Rows, compare
from store.scan import engine, scan_file
from tests.bench.drift import DRIFTED, write

ROWS, SEEDS = 1_000_000, 20
NULL_ROWS, NULL_SETS, NULL_COLUMNS = 2_000, 500, 20
ALLOWED = 0.05


def planted(seeds: range, rows: int) -> dict[str, list[str]]:
    """The columns that were missed, and the false alarms, of the workload in each seed: `seed:column`."""
    found: dict[str, list[str]] = {"missed": [], "false_alarms": []}
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            connection = engine()
            sides = [Rows(scan_file(path, connection)) for path in write(Path(folder), rows, seed)]
            drifted = {shift.column for shift in compare(sides[0], sides[1], Limits()) if shift.verdict.drifted}
        found["missed"] += [f"{seed}:{name}" for name in sorted(DRIFTED - drifted)]
        found["false_alarms"] += [f"{seed}:{name}" for name in sorted(drifted - DRIFTED)]
    return found


def null_set(rows: int, columns: int, seed: int) -> pa.Table:
    """Columns of several shapes without any drift between one table and the next."""
    draw = np.random.default_rng(seed)
    shapes = (lambda: draw.normal(size=rows), lambda: draw.standard_cauchy(rows), lambda: draw.poisson(4, rows),
              lambda: draw.choice(["a", "b", "c", "d"], rows, p=[0.4, 0.3, 0.2, 0.1]))
    return pa.table({f"x{place}": pa.array(shapes[place % len(shapes)]()) for place in range(columns)})


def false_alarms(sets: range, rows: int, columns: int, limits: Limits) -> int:
    """In how many pairs of tables without drift a column is said to have drifted."""
    alarms = 0
    with tempfile.TemporaryDirectory() as folder:
        paths = Path(folder, "reference.parquet"), Path(folder, "current.parquet")
        for number in sets:
            for side, path in enumerate(paths):
                pq.write_table(null_set(rows, columns, 2 * number + side), path)
            connection = engine()
            sides = [Rows(scan_file(path, connection)) for path in paths]
            alarms += any(shift.verdict.drifted for shift in compare(sides[0], sides[1], limits))
    return alarms


def main() -> None:
    seeds, rows = (int(each) for each in (sys.argv[1:3] or (SEEDS, ROWS)))
    truth = planted(range(1, seeds + 1), rows)
    tiny = Limits(ks=1e-6, v=1e-6)  # significance alone decides: the level itself is tried
    alarms = {name: false_alarms(range(NULL_SETS), NULL_ROWS, NULL_COLUMNS, limits)
              for name, limits in (("as delivered", Limits()), ("any effect matters", tiny))}
    rate = {name: count / NULL_SETS for name, count in alarms.items()}
    print(json.dumps({
        "what": "verdicts of drift", "seeds": seeds, "rows": rows, **truth, "null_sets": NULL_SETS,
        "null_rows": NULL_ROWS, "null_columns": NULL_COLUMNS, "false_alarm_rate": rate, "goal": ALLOWED,
        "met": not (truth["missed"] or truth["false_alarms"]) and max(rate.values()) <= ALLOWED}, indent=2))


if __name__ == "__main__":
    main()
