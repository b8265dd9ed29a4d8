"""How the other projects stand: as each was seen last, then a cheap look at whether that still holds."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

from textual.message import Message

from mlops_tui import jobs
from mlops_tui.declarations import known
from mlops_tui.declarations.marker import MARKER
from mlops_tui.errors import Refusal
from mlops_tui.project import Project
from mlops_tui.tui import cache
from mlops_tui.tui.feed import Feed
from mlops_tui.view import Row, Status, View

THREADS = 2       # one project that does not answer keeps the others waiting only half
HOLDS = 600.0     # seconds for which a picture counts where nothing was recorded since: time itself makes work


@dataclass(frozen=True)
class Neighbour:
    """A project on the list: how it looks, or why it cannot be seen. `running`: None before it was looked at."""

    name: str
    root: Path
    view: View | None = None
    problem: str = ""
    running: int | None = None
    taken: float = 0.0  # when the view was made, in seconds since 1970

    @property
    def looked(self) -> bool:
        """Whether this is how it stands now."""
        return self.running is not None or bool(self.problem)

    @property
    def status(self) -> Status | None:
        """How it stands; None where nobody has seen it yet."""
        return Status.ERROR if self.problem else self.view.status if self.view is not None else None

    @property
    def needs(self) -> Sequence[Row]:
        """What needs somebody there, the most urgent first."""
        return self.view.rows("needs") if self.view is not None else ()

    @property
    def row(self) -> Row:
        """The project as a row of the table."""
        facts = self.view.facts() if self.view is not None else {}
        models, needs = self.view.rows("models") if self.view is not None else (), self.needs
        return {"name": self.name, "environment": facts.get("environment") or "", "place": self._place,
                "status": self.status, "models": len(models),
                "worst": sum(row.get("status") is self.status for row in models), "needs": len(needs),
                "first": f"{needs[0]['label']} {needs[0]['title']}" if needs else "", "problem": self.problem,
                "running": self.running, "looked": self.looked, "folder": str(self.root),
                "at": facts.get("now"), "zone": facts.get("zone"), "argv": ("open", f"{self.name}:")}

    @property
    def _place(self) -> str:
        """What `@` finds it by."""
        return f"{self.name} {self.view.facts().get('environment') or '' if self.view is not None else ''}".strip()

    @property
    def waiting(self) -> list[Row]:
        """What needs somebody there, as rows that lead there."""
        found: list[Row] = []
        for number, need in enumerate(self.needs):
            argv = need.get("argv")
            if isinstance(argv, tuple) and argv:
                found.append({**need, "key": f"{self.name} {number} {need['id']}", "project": self.name,
                              "place": self._place, "leads": argv,
                              "argv": ("open", f"{self.name}:{argv[0]}", *argv[1:])})
        return found


class Listed(Message):
    """The projects on the list, as each was seen last; `problem` where there is no list that can be read."""

    def __init__(self, found: Sequence[Neighbour], problem: str = "") -> None:
        super().__init__()
        self.found, self.problem = found, problem


class Looked(Message):
    """How a project stands now."""

    def __init__(self, found: Neighbour) -> None:
        super().__init__()
        self.found = found


class Lookout:
    """Looks at projects in threads that nobody waits for, and only ever tells."""

    def __init__(self, person: str, tell: Callable[[Message], Any]) -> None:
        self._person, self._tell = person, tell
        self._asked: Queue[Callable[[], None] | None] = Queue()
        self._seen: dict[str, Neighbour] = {}
        self._awaited: set[str] = set()  # those whose look has not come back
        self._threads = [Thread(target=self._work, name=f"lookout {number}", daemon=True) for number in range(THREADS)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def look(self) -> None:
        """Tell what is on the list and how each stood last; then look at each, and tell of it when it is seen."""
        self._asked.put(self._list)

    def close(self) -> None:
        """Look no more; nobody waits for a look that goes on."""
        for _ in self._threads:
            self._asked.put(None)

    def _work(self) -> None:
        while (work := self._asked.get()) is not None:
            work()

    def _list(self) -> None:
        try:
            listed = known.projects()
        except Refusal as problem:
            self._tell(Listed((), f"{problem.what} {problem.where}"))
            return
        found = [self._before(name, root) for name, root in listed.items()]
        self._tell(Listed(found))
        for each in found:
            if each.name not in self._awaited:
                self._awaited.add(each.name)
                self._asked.put(partial(self._look, each))

    def _before(self, name: str, root: Path) -> Neighbour:
        """The project as it was seen last, here or in a dashboard of its own."""
        seen = self._seen.get(name)
        if seen is not None and seen.root == root:
            return seen
        person = as_whom(root, self._person)
        try:
            return Neighbour(name, root, cache.last(root, person), taken=cache.path_of(root, person).stat().st_mtime)
        except OSError:
            return Neighbour(name, root)

    def _look(self, before: Neighbour) -> None:
        found = self._seen[before.name] = looked(before, self._person)
        self._awaited.discard(before.name)
        self._tell(Looked(found))


def looked(seen: Neighbour, person: str) -> Neighbour:
    """The project as it stands now: as it was seen last, where nothing has been recorded since."""
    root = seen.root
    try:
        if not (root / MARKER).is_file():
            where = "There is no project in it any more." if root.is_dir() else "Its folder is gone."
            return replace(seen, problem=where, view=None)
        feed = Feed(root, as_whom(root, person), read_only=True, sealed=True)  # it refuses from whom something is kept
        head, running = feed.session.ledger.head_seq(), len(jobs.running(feed.session))
        holds = time.time() - seen.taken < HOLDS
        if seen.view is not None and holds and seen.view.facts().get("entries") == head:
            return replace(seen, running=running, problem="")
        return replace(seen, view=feed.home(head), running=running, problem="", taken=time.time())
    except Refusal as problem:
        return replace(seen, problem=" ".join(filter(None, (problem.what, problem.where))), view=None)
    except OSError as problem:
        return replace(seen, problem=f"It cannot be looked into: {problem.strerror or problem}.", view=None)
    except Exception as problem:  # of many projects one that breaks us is a row that says so
        return replace(seen, problem=f"{type(problem).__name__}: {problem}", view=None)


def as_whom(root: Path, person: str) -> str:
    """As whom one looks at another project: as the same person where it has one of that name, else as oneself."""
    try:
        return person if person and person in Project(root).team.people else ""
    except Refusal:
        return ""
