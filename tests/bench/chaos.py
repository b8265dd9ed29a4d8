"""Days of chaos by the thousand, an end at every write of one, and real processes killed at one write or another.

What may go wrong is written down in tests/bots/chaos.py, whose judge looks at the end of each day.

    chaos.py [--runs 1000] [--kills 40] [--first 0]
"""

import argparse
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

HERE = Path(__file__).parents[2]
MORTAL = HERE / "tests" / "mortal"
sys.path.insert(0, str(HERE))

from bots.local.faults import Chaos  # noqa: E402
from bots.local.workspace import LocalSlack  # noqa: E402
from mlops_tui.opening import open_project  # noqa: E402
from mlops_tui.session import Session  # noqa: E402
from store.ledger import Ledger  # noqa: E402
from store.queues import Inbox, Outbox  # noqa: E402
from tests.bots.chaos import Lived, Taken, declared, died, fired, judge, lived  # noqa: E402
from tests.bots.conftest import PEOPLE  # noqa: E402

STEP = 3       # writes between the deaths of two processes
GOALS = {"lost_or_twice": 0}


def days(folder: Path, first: int, runs: int) -> Iterator[tuple[str, Lived]]:
    for seed in range(first, first + runs):
        yield f"seed {seed}", lived(folder / f"s{seed}", seed)
        shutil.rmtree(folder / f"s{seed}")


def places(folder: Path) -> Iterator[tuple[str, Lived]]:
    """Every place at which the process of a quiet day may end, one after the other."""
    for place in range(1, died(folder / "p0", 0).places + 1):
        yield f"place {place}", died(folder / f"p{place}", place)
        shutil.rmtree(folder / f"p{place}")


def killed(folder: Path, kills: int) -> Lived:
    """One office, whose daemons end by SIGKILL, each some writes later than the one before; then one that lives."""
    declared(folder)
    session, taken, calls = open_project(folder, person="ana"), Taken(), 0
    with LocalSlack(PEOPLE) as slack:
        slack.faults.chaos = Chaos(kills, {"lose_answer": 0.05, "limit": 0.03, "duplicate": 0.1}, seconds=0.0)
        for number in range(kills):
            child = daemon(folder, slack, 1 + STEP * number)
            session.ledger.append(fired(f"AL-{number + 2}"))
            for part in range(4):
                text = f"n{number}-{part}"
                taken.notes |= {text} if slack.slash("bo", f"incident note INC-1 {text}").ok else set()
            with suppress(subprocess.TimeoutExpired):
                child.wait(6)
            child.kill()
            child.wait(10)
            slack.until(lambda: slack.sockets == 0, 20)
        slack.faults.clear()
        child = daemon(folder, slack, 0)
        slack.until(lambda: rests(session), 300)
        child.send_signal(signal.SIGTERM)
        child.wait(60)
        calls = len(slack.calls)
        return Lived(judge(slack, session, taken), 0, kills, calls)


def rests(session: Session) -> bool:
    """Whether everything is done, said and shown; looked at twice, since a card may be about to change."""
    assert isinstance(session.ledger, Ledger)
    for _ in range(2):
        counts = Outbox(session.ledger.engine).counts()
        if Inbox(session.ledger.engine).waiting() or counts.get("new") or counts.get("sending"):
            return False
        time.sleep(8)
    return True


def daemon(folder: Path, slack: LocalSlack, at: int) -> subprocess.Popen[bytes]:
    """The product itself, that ends itself at its `at`-th write; 0: that lives."""
    paths = os.pathsep.join([str(MORTAL), str(HERE)])
    child = subprocess.Popen([sys.executable, "-P", "-m", "mlops_tui", "up"], cwd=folder, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
                             env={**os.environ, **slack.environment, "PYTHONPATH": paths, "MORTAL_AT": str(at)})
    with suppress(TimeoutError):  # one that dies young never comes to listen
        slack.until(lambda: slack.sockets or child.poll() is not None, 60)
    return child


def told(found: list[tuple[str, Lived]], since: float) -> dict[str, object]:
    return {"runs": len(found), "deaths": sum(each.deaths for _, each in found),
            "calls": sum(each.calls for _, each in found), "seconds": round(time.monotonic() - since, 1),
            "wrong": [f"{name}: {each.wrong}" for name, each in found if each.wrong]}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--runs", type=int, default=1000)
    asked.add_argument("--kills", type=int, default=40)
    asked.add_argument("--first", type=int, default=0)
    given = asked.parse_args()
    logging.disable(logging.CRITICAL)  # Slack's own client says of each lost answer that it was lost
    made: dict[str, object] = {"goals": GOALS}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for what, run in (("days", lambda: days(folder, given.first, given.runs)), ("places", lambda: places(folder)),
                          ("processes", lambda: [("killed", killed(folder / "k", given.kills))])):
            since = time.monotonic()
            made[what] = told(list(run()), since)
            sys.stderr.write(f"{what}: {json.dumps(made[what])}\n")
    made["lost_or_twice"] = sum(len(each["wrong"]) for each in made.values() if isinstance(each, dict)
                                and "wrong" in each)
    print(json.dumps(made, indent=2))


if __name__ == "__main__":
    main()
