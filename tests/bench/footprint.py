"""What it costs to watch a program: a tree that shares 400 MiB, beside a loop of psutil that reads the same numbers.

The program holds 400 MiB and forks three children that compute for some seconds each. The peer is what people
write: ten times a second, the PSS of the process and all its children by psutil. A share is the watcher's CPU by wall.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from mlops_tui.running.measuring import measured

MIB, HELD, SECONDS = 2**20, 400, 4
GOAL_SHARE, GOAL_ERROR = 0.01, 0.10
PROGRAM = f"""
import os, time
x = bytearray({HELD * MIB})
for i in range(0, len(x), 4096): x[i] = 1
for _ in range(3):
    if os.fork() == 0:
        began = time.process_time()
        while time.process_time() - began < {SECONDS}: pass
        os._exit(0)
for _ in range(3): os.wait()
"""
PEER = """
import sys, time, psutil
root, peak, began = psutil.Popen([sys.executable, "-c", sys.argv[1]]), 0, time.monotonic()
before = time.process_time()
while root.poll() is None:
    held = 0
    for each in [root, *root.children(recursive=True)]:
        try:
            held += each.memory_full_info().pss
        except psutil.Error:
            pass
    peak = max(peak, held)
    time.sleep(0.1)
print(peak, (time.process_time() - before) / (time.monotonic() - began))
"""


def main() -> None:
    """Measure both and print the figures."""
    with tempfile.TemporaryDirectory() as folder:
        ours = measured([sys.executable, "-c", PROGRAM], Path(folder))
    peer = subprocess.run([sys.executable, "-c", PEER, PROGRAM], capture_output=True, text=True, check=True).stdout
    peak, share = map(float, peer.split())
    error = ours.peak_bytes / (HELD * MIB) - 1
    found = {"held_mib": HELD, "peak_mib": round(ours.peak_bytes / MIB, 1), "error": round(error, 4),
             "sampling_share": round(ours.sampling_share or 0.0, 5), "peer_peak_mib": round(peak / MIB, 1),
             "peer_share": round(share, 4), "cpu_seconds": round(ours.cpu_seconds, 2), "burnt_seconds": 3 * SECONDS,
             "met": abs(error) <= GOAL_ERROR and (ours.sampling_share or 0.0) < GOAL_SHARE}
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
