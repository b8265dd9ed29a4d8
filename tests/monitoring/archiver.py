"""Archives a version in processes that are killed one step later each time, and looks what became of it.

`python -m tests.monitoring.archiver PROJECT SCRATCH` prints a line of JSON for each.
"""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

from mlops_tui.commands import perform
from mlops_tui.opening import open_project
from store.facts import Archived
from store.tracking import digest_of

TOUCHES = ("os.rename", "os.mkdir", "os.rmdir", "os.remove", "shutil.rmtree", "os.truncate")
WORDS = {"take": ("archive", "take", "flights-delay@1"), "restore": ("archive", "restore", "flights-delay@1")}
MOST = 80


def act(root: Path, verb: str) -> int:
    session = open_project(root, person="ana")
    plan = perform(session, WORDS[verb])
    return perform(session, WORDS[verb], consent=plan.plan).exit if plan.plan else plan.exit


def killed_at(step: int, root: Path, verb: str) -> bool:
    """Whether the child was killed: at the step-th time that it touches what lies on the disk of the project."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.WIFSIGNALED(status)
    left = step

    def watch(event: str, given: tuple[object, ...]) -> None:
        nonlocal left
        writes = event == "open" and isinstance(given[1], str) and given[1] not in ("r", "rb")
        if (event in TOUCHES or writes) and ".mlops/a" in str(given[0]):
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    os._exit(act(root, verb))


def main(project: Path, scratch: Path) -> None:
    [place] = (project / ".mlops/artifacts").glob("*/models/*/artifacts")
    before, archived = digest_of(place), scratch / "archived"
    act(shutil.copytree(project, archived), "take")
    for verb, start in {"take": project, "restore": archived}.items():
        for step in range(MOST):
            root = shutil.copytree(start, scratch / f"{verb}-{step}")
            folder = root / place.relative_to(project)
            killed = killed_at(step, root, verb)
            whole = not folder.exists() or digest_of(folder) == before
            events = [entry.fact.event for entry in open_project(root, person="ana").ledger.entries("archive")
                      if isinstance(entry.fact, Archived)]
            taken = act(root, "take") if verb == "take" and killed else 0
            restored = act(root, "restore")
            print(json.dumps({"verb": verb, "step": step, "killed": killed, "whole": whole, "events": events,  # noqa: T201
                              "taken": taken, "restored": restored,
                              "same": folder.exists() and digest_of(folder) == before,
                              "left": sorted(path.name for path in (root / ".mlops/archive").glob("going/*"))}))
            shutil.rmtree(root)
            if not killed:
                break


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
