"""What is known of a pipeline's runs: what each step made and when, and which run is alive."""

import fcntl
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from mlops_tui import folds
from mlops_tui.data._steps import Ready, inputs_of
from mlops_tui.errors import Refusal
from mlops_tui.running import dag
from mlops_tui.session import Session
from store.facts import Fact, Run, Snapshot
from store.lake import Manifest

if TYPE_CHECKING:
    from store.ledger import Entry

FROZEN = "frozen "


def folder_of(session: Session, run: str) -> Path:
    """Where a run keeps what its steps print, a file for each that was begun."""
    return session.declared().root / ".mlops" / "runs" / run


def frozen_in(fact: Run | None) -> str:
    """The digest of what the step learned; empty where it learned nothing."""
    return fact.detail.removeprefix(FROZEN) if fact is not None and fact.detail.startswith(FROZEN) else ""


def alive(folder: Path) -> bool:
    """Whether the process of the run lives: it holds a lock until it ends, however it ends."""
    try:
        with (folder / "alive").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


@dataclass
class Past:
    """What the history knows of a pipeline's steps. Whatever was made of the same parts is found, whoever made it."""

    session: Session
    name: str
    done: dict[str, tuple[str, Run]] = field(default_factory=dict)
    own: dict[str, Run] = field(default_factory=dict)
    last: dict[str, "Entry"] = field(default_factory=dict)
    runs: "list[Entry]" = field(default_factory=list)
    current: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for entry in self.session.ledger.entries("run", "snapshot"):
            if isinstance(entry.fact, Run):
                self._take(entry, entry.fact)
            elif isinstance(entry.fact, Snapshot) and not entry.fact.tag:
                self.current[entry.subject] = entry.fact.snapshot

    def _take(self, entry: "Entry", fact: Run) -> None:
        if fact.step and fact.status == "done":
            self.done[fact.key] = (f"{entry.subject}.{fact.step}", fact)
        if entry.subject != self.name:
            return
        if not fact.step:
            self.runs.append(entry)
            return
        self.last[fact.step] = entry
        if fact.status == "done":
            self.own[fact.step] = fact

    def result(self, ready: Ready, key: str) -> Manifest | None:
        """What was made of the same parts, as a state of the step's dataset, as long as its files are there."""
        dataset, fact = self.done.get(key, ("", None))
        if fact is None:
            return None
        try:
            state = self.session.data().manifest(dataset, fact.snapshot)
        except Refusal:
            return None
        return replace(state, dataset=ready.dataset) if self.session.data().has(state) else None

    def frozen(self, key: str) -> str:
        """The digest of what the step learned when it was made of these parts; empty where it learned nothing."""
        return frozen_in(self.done[key][1] if key in self.done else None)

    def why(self, ready: Ready, parts: Mapping[str, Any]) -> str:
        """Why the step has to run, compared with the last time it ended well."""
        before = self.own.get(ready.step.name)
        if before is None:
            last = self.last.get(ready.step.name)
            was = last.fact.status if last is not None and isinstance(last.fact, Run) else ""
            return {"failed": "failed the last time", "cancelled": "was stopped the last time"}.get(was, "never run")
        try:
            known = json.loads(self.session.data().object(before.key))
        except (Refusal, ValueError):
            return "what it was made from is no longer known"
        plain = json.loads(dag.document(parts))
        return dag.why(plain, known, ours=ready.is_older(known)) or "its files are gone"

    # -- runs ---------------------------------------------------------------------------------------------------

    @property
    def newest(self) -> Run | None:
        """The newest run, as it was begun or as it ended."""
        fact = self.runs[-1].fact if self.runs else None
        return fact if isinstance(fact, Run) else None

    def state_of(self, run: Run | None) -> str:
        """`done`, `failed`, `cancelled`, `running`; `interrupted` where its process is gone without a word."""
        if run is None:
            return "never run"
        if run.status != "running":
            return run.status
        if self.session.as_of is not None:  # how it went on is not known yet
            return "running"
        return "running" if alive(folder_of(self.session, run.run)) else "interrupted"

    def states(self, steps: Iterable[str]) -> dict[str, str]:
        """How each step stands: as it ended when it was last run; in a run that lives or was killed, as it is there."""
        newest, now = self.newest, self.state_of(self.newest)
        folder = folder_of(self.session, newest.run) if newest is not None else Path()
        found = {}
        for step in steps:
            entry = self.last.get(step)
            fact = entry.fact if entry is not None and isinstance(entry.fact, Run) else None
            mine = fact is not None and newest is not None and fact.run == newest.run
            begun = now in ("running", "interrupted") and (folder / f"{step}.log").exists()
            found[step] = now if begun and not mine else fact.status if fact is not None else "never run"
        return found


@dataclass(frozen=True)
class Foreseen:
    """What would become of a step: `runs` is yes, no, maybe (an earlier step will tell) or cannot; the result that it
    would keep, and the key under which that was found."""

    ready: Ready
    runs: str
    why: str
    state: Manifest | None = None
    key: str = ""


def foreseen(past: Past, steps: Sequence[Ready], inputs: Mapping[str, Manifest]) -> list[Foreseen]:
    """What will become of each step; the code of those that may run is checked."""
    states, found = dict(inputs), list[Foreseen]()
    for ready in steps:
        each = _judged(ready, past, steps, states)
        found.append(each)
        if each.state is not None:
            states[ready.step.name] = each.state
        else:
            ready.checked(past.session.data().connect())
    return found


def _judged(ready: Ready, past: Past, steps: Sequence[Ready], states: Mapping[str, Manifest]) -> Foreseen:
    missing = [name for name in ready.step.inputs if name not in states]
    own = {each.step.name for each in steps}
    empty = [name for name in missing if name not in own]
    if empty:
        return Foreseen(ready, "cannot", f"{empty[0]} has no data yet")
    if missing:
        return Foreseen(ready, "maybe" if ready.step.name in past.own else "yes", f"waits for {', '.join(missing)}")
    parts = ready.depends_on(inputs_of(ready, states))
    key = dag.key_of(parts)
    state = past.result(ready, key)
    if state is not None:
        return Foreseen(ready, "no", "as before", state, key)
    return Foreseen(ready, "yes", past.why(ready, parts))


class Begun:
    """A run, which begins and gets its number when the first step needs it, and lives until it is closed."""

    def __init__(self, session: Session, pipeline: str) -> None:
        self.session, self.pipeline, self.id = session, pipeline, ""
        self._lock: IO[bytes] | None = None

    @property
    def folder(self) -> Path:
        return folder_of(self.session, self.id)

    def begin(self) -> str:
        """The run's number."""
        if not self.id:
            self.session.ledger.transact(self._numbered)
        return self.id

    def _numbered(self, entries: "Sequence[Entry]") -> Iterable[Fact]:
        taken = {entry.fact.run for entry in entries if entry.subject == self.pipeline and isinstance(entry.fact, Run)}
        self.id = folds.next_id(self.pipeline, taken)
        self.folder.mkdir(parents=True, exist_ok=True)
        for left in self.folder.glob("*.log"):  # of a history that was thrown away
            left.unlink()
        self._lock = (self.folder / "alive").open("wb")  # held before anybody can read that the run has begun
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return (Run(subject=self.pipeline, run=self.id),)

    def close(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None
