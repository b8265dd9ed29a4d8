"""CPU seconds of writing a million rows as a thousand partitions, beside the same rows sorted into one file."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.bench.data import measured

ROWS, TENANTS, DAYS = 1_000_000, 50, 20
WRITE = f"""
import sys
from pathlib import Path
from store.lake import Lake
query = ("SELECT i AS id, 'tenant-' || hash(i) % {TENANTS} AS tenant, '2013-' || lpad(CAST(1 + hash(i * 3) % {DAYS} AS "
         "VARCHAR), 2, '0') AS day, i * 0.25 AS v, 'name' || i % 1000 AS name FROM range({ROWS}) t(i)")
made = Lake(Path(sys.argv[1])).write("d", query, sort=("tenant", "day", "id"), partition_by=tuple(sys.argv[2:]))
print(len(made.files))
"""


def main() -> None:
    found: dict[str, object] = {"load": subprocess.check_output(["cat", "/proc/loadavg"], text=True).split()[0]}
    for name, by in (("one_file", []), ("thousand_partitions", ["tenant", "day"])):
        with tempfile.TemporaryDirectory() as folder:
            cpu, mb, said = measured([sys.executable, "-c", WRITE, folder, *by], Path(__file__).parents[2])
            found[name] = {"cpu_s": round(cpu, 2), "mb": round(mb), "files": int(said)}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
