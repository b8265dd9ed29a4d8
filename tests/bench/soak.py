"""A day of the dashboard in minutes: does it grow?

The looks of 24 hours, one every two seconds, are asked for as fast as they are answered, while the project goes on: an
entry every ten seconds of that day, on a clock that leaps, so every fifth look finds something new.
Every hour each mode is shown, rows are walked through and a detail opened. Memory is told as of the first hour, when
everything was shown once, and as of the last. An argument is the number of hours.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from textual.pilot import Pilot

from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock
from mlops_tui.tui.app import EVERY, Dashboard
from store.facts import Finding, Note
from tests.bench.dashboard import size_of

HOURS = 24
GOAL = 10.0            # megabytes more than after the first hour
LOOKS = round(3600 / EVERY)  # of an hour
WRITTEN = 10           # seconds of the day between two entries


def written(number: int) -> Finding | Note:
    """What happens ten seconds after the last thing did."""
    if number % 9:
        return Note(subject="replay", text=f"entry {number}")
    return Finding(check="drift", subject=f"model-{number % 6}", status="pass", title="nothing moved")


async def settle(app: Dashboard, pilot: Pilot[None]) -> None:
    while app.busy:
        await asyncio.sleep(0.001)
    await pilot.pause()


async def walk(app: Dashboard, pilot: Pilot[None]) -> None:
    """Every mode, a few rows of each, and a detail."""
    for digit in "23456781":
        await pilot.press(digit)
        await settle(app, pilot)
        await pilot.press("down", "down", "pagedown", "home")
        await settle(app, pilot)
    await pilot.press("colon", *"status", "enter")
    await pilot.pause(0.1)
    await settle(app, pilot)
    await pilot.press("escape")
    await settle(app, pilot)


async def day(folder: Path, hours: int) -> list[float]:
    """Resident megabytes after each hour."""
    clock = ReplayClock(datetime(2013, 11, 1, tzinfo=UTC))
    ledger = open_project(folder, clock=clock).ledger
    app, sizes = Dashboard(folder), []
    async with app.run_test(size=(120, 40)) as pilot:
        await settle(app, pilot)
        for look in range(1, hours * LOOKS + 1):
            clock.advance(clock.moment + timedelta(seconds=EVERY))
            if look % round(WRITTEN / EVERY) == 0:
                ledger.append(written(look))
            app._ticks = -1  # the next look is due
            app._poll()
            while app.busy:
                await asyncio.sleep(0.001)
            if look % LOOKS == 0:
                await walk(app, pilot)
                sizes.append(size_of(os.getpid()))
                print(f"hour {look // LOOKS}: {sizes[-1]:.1f} MB", file=sys.stderr)
    app.desk.close(10)
    return sizes


def main(hours: int) -> None:
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-c", "from tests.bench.dashboard import project\nfrom pathlib import Path\n"
                        f"project(Path({folder!r}))"], check=True)
        sizes = asyncio.run(day(Path(folder), hours))
    grown = round(sizes[-1] - sizes[0], 1)
    print(json.dumps({"what": "dashboard, a day of it", "unit": "resident megabytes", "hours": hours,
                      "looks": hours * LOOKS,
                      "entries": hours * 3600 // WRITTEN, "after_an_hour": round(sizes[0], 1),
                      "after_a_day": round(sizes[-1], 1), "grown": grown, "goal": GOAL, "met": grown <= GOAL,
                      "cpu_seconds": round(time.process_time() - began, 1)}, indent=2))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else HOURS)
