"""CPU seconds of taking 100,000 events from a Redis stream, beside a bare consumer that writes Parquet and checks
nothing, in the same run."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.services.redis_server import redis_server
from tests.services.test_stream import project

EVENTS, BATCH = 100_000, 10_000
BARE = """
import json, sys, uuid
import pyarrow as pa, pyarrow.parquet as pq, redis
client, taken = redis.Redis.from_url(sys.argv[1]), 0
client.xgroup_create("flights", "bare", id="0")
while entries := client.xreadgroup("bare", "one", {"flights": ">"}, count=10000):
    rows = [json.loads(fields[b"event"]) for _, fields in entries[0][1]]
    pq.write_table(pa.Table.from_pylist(rows), f"{uuid.uuid4()}.parquet", compression="zstd")
    client.xack("flights", "bare", *(place for place, _ in entries[0][1]))
    taken += len(rows)
assert taken == 100000
"""


def measured(argv: list[str], folder: Path) -> tuple[float, float]:
    """CPU seconds and peak MB of a process of its own."""
    with subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, argv
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as where, redis_server(Path(where) / "redis", keeping=False) as server:
        folder = project(Path(where) / "project", server.url, batch=BATCH)
        with server.client() as client:
            for first in range(0, EVENTS, BATCH):
                pipe = client.pipeline()
                for number in range(first, first + BATCH):
                    at = f"2013-06-{1 + number * 28 // EVENTS:02d}T12:00:00+00:00"
                    pipe.xadd("flights", {"event": json.dumps({"id": number, "sched_dep": at, "delay": 1.5})})
                pipe.execute()
        ours = measured([sys.executable, "-m", "mlops_tui", "stream", "run", "flights", "--once", "--json"], folder)
        bare = measured([sys.executable, "-c", BARE, server.url], folder)
        print(json.dumps({"events": EVENTS, "ours_cpu_s": round(ours[0], 2), "ours_mb": round(ours[1]),
                          "bare_cpu_s": round(bare[0], 2), "bare_mb": round(bare[1]),
                          "ratio": round(ours[0] / bare[0], 2), "events_per_cpu_s": round(EVENTS / ours[0])}))


if __name__ == "__main__":
    main()
