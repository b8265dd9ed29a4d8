"""kill -9 at every write of a ten-step runbook, and of taking it back: it goes on, and nothing is done twice.

    python tests/bench/runbooks.py [--every N] [--seed S]

A real process works through the runbook and is killed before or after its n-th write to the history, for every n: so
between intent, effect and outcome of each act. A second process goes on, and is killed too, at a write drawn by seed;
a third ends it. Where the history does not know whether an act happened, the process looks at the world, as a person
would, and says so. Then each effect is counted.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from mlops_tui.opening import open_project  # noqa: E402
from store.facts import IncidentEvent, Proposal  # noqa: E402
from tests.conftest import FILES  # noqa: E402

BOOK = """\
---
title: Ten steps
when: [drift]
---
## 1. Is the history whole?
```check
audit verify
```
## 2. What is open?
```query
incident list
```
## 3. Read
## 4. Write
```command
adopt write P-1
undo: none because git has it
```
## 5. Graver
```command
incident severity {incident} critical
undo: incident severity {incident} low
```
## 6. Keep quiet
```command
alert silence --match subject=flights-delay --for 4h --note known
undo: alert unsilence {answer.silence}
```
## 7. With a vote
```approve
incident role {incident} lead bo
quorum: 1
role: approver
undo: incident role {incident} lead ana
```
## 8. Choose
```manual
as: chosen
evidence: one of on | off
```
## 9. Look again
```check
audit verify
when: chosen.value == "on"
```
## 10. Tell
```notify
{incident} is dealt with.
```
"""

DRIVER = '''
import os, signal, sys
from pathlib import Path
from mlops_tui import folds
from mlops_tui.alerts import alertstate
from mlops_tui.opening import open_project
from store.ledger import Ledger
root, mode, deadly, task = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
real, count = Ledger.transact, 0
def mortal(self, decide, *, effective_at=None):
    global count
    count += 1
    if count == deadly and mode == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    entries = real(self, decide, effective_at=effective_at)
    if count == deadly and mode == "after":
        os.kill(os.getpid(), signal.SIGKILL)
    return entries
Ledger.transact = mortal
session, bo = (open_project(root, person=name, source="test") for name in ("ana", "bo"))
SETTLED = ("pass", "warn", "done", "skipped", "diverted")
def do(who, *argv, reason=None):
    outcome = who.perform(argv)
    if outcome.plan:
        outcome = who.perform(argv, consent=outcome.plan)
    elif reason:
        outcome = who.perform(argv, reason=reason)
    return outcome
def events():
    return [entry.fact for entry in session.ledger.entries()]
def happened(step):
    facts = events()
    return {4: any(each.kind == "proposal" and each.event == "adopted" for each in facts),
            5: any(each.kind == "incident" and each.severity == "critical" for each in facts),
            6: any(each.kind == "alert" and each.event == "silence" for each in facts),
            7: any(each.kind == "incident" and each.event == "role" and each.who == "bo" for each in facts)}[step]
def taken_back(step):
    facts = events()
    return {5: any(each.kind == "incident" and each.event == "severity" and each.severity == "low" for each in facts),
            6: any(each.kind == "alert" and each.event == "heard" for each in facts),
            7: any(each.kind == "incident" and each.event == "role" and each.who == "ana" for each in facts)}[step]
def work():
    if not folds.runbook_runs(session.ledger.entries("runbook")):
        do(session, "runbook", "run", "ten", "--incident", "INC-1")
    for _ in range(60):
        run = folds.runbook_runs(session.ledger.entries("runbook"))["RUN-1"]
        if not run.open:
            return
        do(session, "runbook", "resume", "RUN-1")
        run = folds.runbook_runs(session.ledger.entries("runbook"))["RUN-1"]
        number = next((n for n in range(1, 11) if n not in run.steps or run.steps[n].status not in SETTLED), None)
        if number is None:
            continue
        state = run.steps.get(number)
        this = ("runbook", "step", "RUN-1", str(number))
        if number == 7 and state is not None and state.status == "waiting":
            asked = folds.approvals(session.ledger.entries(), session.now())[state.note]
            do(bo, "approve", "vote", asked.id, reason="yes") if asked.state == "open" else do(session, *this)
        elif state is not None and state.status in ("interrupted", "error") and happened(number):
            do(session, *this, "--done", "--note", "I looked")
        elif number in (3, 8):
            do(session, *this, "--note", "on")
        else:
            do(session, *this)
    sys.exit(3)
def back():
    for _ in range(20):
        run = folds.runbook_runs(session.ledger.entries("runbook"))["RUN-1"]
        if run.state == "rolled_back":
            return
        do(session, "runbook", "rollback", "RUN-1")
        run = folds.runbook_runs(session.ledger.entries("runbook"))["RUN-1"]
        for number, state in run.undone.items():
            if state.status == "interrupted":
                said = "--by-hand" if taken_back(number) else "--again"
                do(session, "runbook", "rollback", "RUN-1", said, str(number), "--note", "I looked")
    sys.exit(3)
work() if task == "work" else back()
'''


def pristine(folder: Path) -> Path:
    """The small project of the tests, with the runbook, an incident and a proposal."""
    place = folder / "pristine"
    for name, text in {**FILES, "runbooks/ten.md": BOOK}.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text, encoding="utf-8")
    session = open_project(place, person="ana", source="test")
    session.ledger.append(
        IncidentEvent(subject="INC-1", event="opened", title="t", about="flights-delay", severity="low"),
        Proposal(subject="P-1", event="proposed", path="notes.md", content="adopted\n", why="w", origin="INC-1"))
    session.ledger.close()
    return place


def process(place: Path, mode: str, deadly: int, task: str) -> int:
    return subprocess.run([sys.executable, "-c", DRIVER, str(place), mode, str(deadly), task], cwd=ROOT, check=False,
                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode


def counts(place: Path) -> dict[str, int]:
    """How often each effect happened."""
    session = open_project(place, person="ana", source="test")
    facts = [entry.fact for entry in session.ledger.entries()]
    incidents = [fact for fact in facts if isinstance(fact, IncidentEvent)]
    found = {
        "adopted": sum(isinstance(fact, Proposal) and fact.event == "adopted" for fact in facts),
        "graver": sum(fact.event == "severity" and fact.severity == "critical" for fact in incidents),
        "slighter": sum(fact.event == "severity" and fact.severity == "low" for fact in incidents),
        "silence": sum(fact.kind == "alert" and fact.event == "silence" for fact in facts),  # type: ignore[attr-defined]
        "heard": sum(fact.kind == "alert" and fact.event == "heard" for fact in facts),  # type: ignore[attr-defined]
        "lead bo": sum(fact.event == "role" and fact.who == "bo" for fact in incidents),
        "lead ana": sum(fact.event == "role" and fact.who == "ana" for fact in incidents),
        "told": sum(fact.event == "note" for fact in incidents),
        "broken": int(session.ledger.verify() is not None)}
    session.ledger.close()
    return found


WORKED = {"adopted": 1, "graver": 1, "slighter": 0, "silence": 1, "heard": 0, "lead bo": 1, "lead ana": 0, "told": 1,
          "broken": 0}
BACK = {**WORKED, "slighter": 1, "heard": 1, "lead ana": 1}


def matrix(folder: Path, start: Path, task: str, right: dict[str, int], every: int,
           draw: random.Random) -> dict[str, object]:
    """Killed at every n-th write, before and after it; then killed once more, then ended."""
    killed, again, wrong = 0, 0, list[dict[str, object]]()
    for mode in ("before", "after"):
        for deadly in range(1, 200, every):
            place = folder / f"{task}-{mode}-{deadly}"
            shutil.copytree(start, place)
            if process(place, mode, deadly, task) != -signal.SIGKILL:
                shutil.rmtree(place)
                break
            killed += 1
            second = process(place, draw.choice(["before", "after"]), draw.randint(1, 12), task)
            again += second == -signal.SIGKILL
            last = 0 if second == 0 else process(place, "never", 0, task)
            if last != 0 or (found := counts(place)) != right:
                wrong.append({"mode": mode, "write": deadly, "exit": last, "counts": {} if last else found})
            shutil.rmtree(place)
    return {"task": task, "killed": killed, "killed_again": again, "wrong": wrong}


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--every", type=int, default=1)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    began, draw = time.time(), random.Random(given.seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = pristine(folder)
        worked = matrix(folder, start, "work", WORKED, given.every, draw)
        process(start, "never", 0, "work")
        back = matrix(folder, start, "back", BACK, given.every, draw)
    print(json.dumps({"work": worked, "back": back, "seconds": round(time.time() - began)}, indent=1))
    sys.exit(bool(worked["wrong"] or back["wrong"]))


if __name__ == "__main__":
    main()
