"""What the lake can let go of: planned, agreed to, and done so that whoever dies in the middle has broken nothing."""

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_tui.data import _retention as retention
from mlops_tui.errors import Conflict
from mlops_tui.project import Project
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted
from store import garbage
from store.facts import Collected, Fact, Snapshot
from store.garbage import Garbage, State

if TYPE_CHECKING:
    from store.ledger import Entry

BATCH = 500  # files that are removed under one hold of the ledger's write lock
OWN = ("features", "training", "scores", "predictions")  # what a model's datasets are called


@dataclass(frozen=True)
class Due:
    """What may go now, and what stays for which reasons."""

    garbage: Garbage
    needed: dict[str, tuple[retention.Reason, ...]]
    held: frozenset[str]


def made_from(project: Project, name: str) -> Collection[str] | None:
    """The datasets that a model or dataset is made from, its own among them; None where neither is declared."""
    if name in project.models:
        model = project.models[name]
        views = pointintime.declared_views(model, project.features, str(project.path_of("model", name)))
        read = [each.dataset for each in pointintime.readings(model, views, list(project.datasets))]
        return {*read, *(f"{name}.{part}" for part in OWN)}
    return {name, f"{name}.quarantine"} if name in project.datasets else None


def due(session: Session, keep: timedelta, grace: timedelta) -> Due:
    """What may go: nothing that is needed, nothing younger than `grace`."""
    entries = session.ledger.entries()
    needed, held = _needed(session, entries, keep)
    return Due(garbage.found(session.data(), needed, held, grace), needed, held)


def _needed(session: Session, entries: "Sequence[Entry]",
            keep: timedelta) -> tuple[dict[str, tuple[retention.Reason, ...]], frozenset[str]]:
    project = session.declared()
    found = retention.needed(entries, session.now(), keep, lambda name: made_from(project, name))
    return found, frozenset(dataset for dataset, snapshot in retention.holds(entries) if not snapshot)


# -- the plan -----------------------------------------------------------------------------------------------------


def plan_view(session: Session, found: Due, everything: bool) -> View:
    """What would go and what stays, dataset by dataset, and why; `everything`: each state."""
    gone, states = found.garbage, _standing(session.ledger.entries())
    going = set(gone.states)
    facts: dict[str, Cell] = {"states": len(going & states), "parts": len(going - states), "files": len(gone.files),
                              "leftovers": len(gone.staging), "bytes": gone.size,
                              "bytes_kept": _bytes_kept(session, gone), "plan": _digest(gone)}
    rows: list[Row] = [
        {"dataset": name, "states": sum(each[0] == name for each in states),
         "dropped": sum(each[0] == name for each in going & states), "files":
         sum(path.partition("/")[0] == name for path in gone.files), "bytes": gone.bytes.get(name, 0),
         "held": "all of it" if name in found.held else None}
        for name in sorted({dataset for dataset, _ in states} | set(gone.bytes))]
    stays = [(*state, found.needed.get(state[1], YOUNG)) for state in sorted(states - going)]
    kept: list[Row] = [{"dataset": dataset, "snapshot": snapshot, "why": tuple(map(str, why))}
                       for dataset, snapshot, why in stays]
    summed = Counter(why[0].rule for *_, why in stays).most_common()
    parts: list[Part] = [Facts(facts),
             Table.of("datasets", rows, "dataset", "states", Column("dropped", "let go"), "files", "bytes",
                      *(["held"] if found.held else [])),
             Table.of("why", [{"why": why, "states": count} for why, count in summed], "states", "why",
                      title="What stays")]
    if everything:
        dropped: list[Row] = [{"dataset": name, "snapshot": snapshot} for name, snapshot in sorted(going & states)]
        parts += [Table.of("dropped", dropped, "dataset", Column("snapshot", cut=12), title="What goes"),
                  Table.of("kept", kept, "dataset", Column("snapshot", cut=12), "why", title="What stays, one by one")]
    what = f"{counted(len(going & states), 'state')} and {counted(len(gone.files), 'file')} can go"
    title = f"{what}: {gone.size / 1e6:,.1f} MB" if gone.size else "Nothing can go: what is there is needed or young"
    return View(title, Status.CONFIRM, tuple(parts))


YOUNG = (retention.Reason("written just now"),)


def _digest(gone: Garbage) -> str:
    """What exactly is consented to: other states or files are another plan."""
    return hashlib.sha256(json.dumps([sorted(gone.states), sorted(gone.files)]).encode()).hexdigest()[:16]


def _standing(entries: "Sequence[Entry]") -> set[State]:
    """The states that were announced and not let go."""
    return {(each.dataset, each.snapshot) for each in retention.spans(entries)} - set(retention.collected(entries))


def _bytes_kept(session: Session, gone: Garbage) -> int:
    lake, going = session.data(), set(gone.files)
    return sum(garbage.size_of(lake.root / path) for path in garbage.data_files(lake) if path not in going)


# -- the doing ----------------------------------------------------------------------------------------------------


def collect(session: Session, found: Due, keep: timedelta) -> View:
    """Say what goes, remove manifests, then files, then say that it is done; done again, it goes on where it was."""
    lake, gone = session.data(), found.garbage
    began = session.ledger.transact(lambda entries: _begin(session, entries, gone, keep))
    mine = _announced(began)
    going = Garbage(tuple(mine), gone.files, gone.staging, gone.bytes, gone.kept, gone.before)

    files = size = 0

    def manifests(entries: "Sequence[Entry]") -> Iterable[Fact]:
        nonlocal size
        again = {(entry.subject, entry.fact.snapshot) for entry in entries
                 if isinstance(entry.fact, Snapshot) and began and entry.seq > began[-1].seq}
        size = garbage.drop_states(lake, going, again)
        return ()

    session.ledger.transact(manifests)
    for place in range(0, len(gone.files), BATCH):
        session.progress(place, len(gone.files), "removing files")
        removed = _batch(session, going, gone.files[place:place + BATCH])
        files, size = files + removed[0], size + removed[1]
    size += garbage.drop_staging(gone.staging) + garbage.drop_profiles(lake, found.held, gone.before)
    session.progress(len(gone.files), len(gone.files), "removed")
    session.ledger.append(Collected(subject="lake", event="ended", files=files, bytes=size))
    facts = Facts({"states": len(mine), "files": files, "bytes": size, "files_used_again": len(gone.files) - files})
    return View(f"{counted(len(mine), 'state')} let go, {counted(files, 'file')} removed: {size / 1e6:,.1f} MB",
                Status.DONE, (facts, Text("The history still says that they were there.")),
                (Action("Is the rest whole?", ("snapshot", "verify")),))


def _batch(session: Session, going: Garbage, files: Sequence[str]) -> tuple[int, int]:
    removed = (0, 0)

    def decide(_: "Sequence[Entry]") -> Iterable[Fact]:
        nonlocal removed
        removed = garbage.drop_files(session.data(), going, files)
        return ()

    session.ledger.transact(decide)
    return removed


def _begin(session: Session, entries: "Sequence[Entry]", gone: Garbage, keep: timedelta) -> Iterable[Fact]:
    """One entry for each dataset whose states go, if they are needed as little as they were when this was planned."""
    needed, held = _needed(session, entries, keep)
    if any(snapshot in needed or dataset in held for dataset, snapshot in gone.states):
        raise Conflict("Something that was to go is needed now.", next="Look at the plan again.")
    mine: dict[str, list[str]] = {}
    for dataset, snapshot in gone.states:
        mine.setdefault(dataset, []).append(snapshot)
    return [Collected(subject=dataset, event="began", snapshots=tuple(each), bytes=gone.bytes.get(dataset, 0))
            for dataset, each in mine.items()]


def _announced(began: "Sequence[Entry]") -> list[State]:
    return [(entry.subject, each) for entry in began if isinstance(entry.fact, Collected)
            for each in entry.fact.snapshots]
