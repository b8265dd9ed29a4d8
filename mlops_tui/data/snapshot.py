"""The states a dataset has had: listed, compared, checked, named, brought back."""

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mlops_tui import folds
from mlops_tui.capability import Plan, act, decide, look, noun
from mlops_tui.data import _collecting as collecting
from mlops_tui.data import _retention as retention
from mlops_tui.errors import BadInput, Conflict, Forbidden, NotFound, Refusal, nearest
from mlops_tui.inputs.moments import span
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View, counted
from store.facts import Fact, Hold, Snapshot
from store.lake import DIFFERS, MISSING, FileRef, Manifest

if TYPE_CHECKING:
    from store.ledger import Entry

snapshot = noun("snapshot", __doc__ or "", bare="log", subject="log", package=__package__)


@look(of=snapshot, fold=True)
@click.argument("dataset", required=False)
@click.option("--limit", default=40, show_default=True, help="How many of the newest.")
def log(session: Session, dataset: str | None, limit: int) -> View:
    """The snapshots of DATASET, newest first; without one, the current snapshot of each dataset.

    \b
    Example: mlops-tui snapshot log flights
    """
    session.declared()
    entries = session.ledger.entries("snapshot", "collected")
    if dataset is None:
        newest = {entry.subject: entry for entry in entries if entry.kind == "snapshot" and not _fact(entry).tag}
        table = _listed(list(newest.values()), entries, Column("dataset"))
        return View(counted(len(newest), "dataset has data", "datasets have data"), parts=(table,))
    name = dataset.rpartition("/")[2].partition("@")[0]
    mine = [entry for entry in _of(session, entries, name) if not _fact(entry).tag]
    shown = mine[::-1][:max(limit, 0)]
    erased = _erased(session, name, [_fact(entry).snapshot for entry in shown])
    return View(f"{name} has had {counted(len(mine), 'state')}",
                parts=(_listed(shown, entries, total=len(mine)), *([erased] if erased.rows else [])),
                actions=(Action("Check the files", ("snapshot", "verify", name)),))


def _erased(session: Session, name: str, snapshots: Sequence[str]) -> Table:
    """What was taken out of states because people asked for it: they read what is left."""
    rows: list[Row] = []
    for snapshot in snapshots:
        with suppress(Refusal):
            state = session.data().manifest(name, snapshot)
            rows += [{"snapshot": snapshot, "erased_rows": each["rows"], "at": each["at"], "now": state.id,
                      "requests": ", ".join(each["requests"][:3]) + (f" and {len(each['requests']) - 3} more"
                                                                     if len(each["requests"]) > 3 else "")}
                     for each in state.erased]
    return Table.of("erased", rows, Column("snapshot", cut=12), Column("erased_rows", "rows erased"), "at",
                    Column("requests", "on request"), Column("now", "reads now", cut=12), title="Erased since")


def _fact(entry: "Entry") -> Snapshot:
    assert isinstance(entry.fact, Snapshot)
    return entry.fact


def _of(session: Session, entries: "Sequence[Entry]", name: str) -> "list[Entry]":
    """The snapshot entries of a dataset; NotFound or NotDeclared where there are none."""
    mine = [entry for entry in entries if entry.subject == name and entry.kind == "snapshot"]
    if not mine:
        known = {entry.subject for entry in entries if entry.kind == "snapshot"}
        if name not in session.declared().datasets and nearest(name, known):
            raise NotFound(f"No dataset '{name}' has data.", next=nearest(name, known))
        session.declared().dataset(name)
        raise NotFound(f"'{name}' has no data yet.", next=f"Try: mlops-tui ingest {name} --file FILE")
    return mine


def _listed(entries: "Sequence[Entry]", all_entries: "Sequence[Entry]", *first: Column,
            total: int | None = None) -> Table:
    tagged = {(entry.subject, _fact(entry).tag): _fact(entry).snapshot for entry in all_entries
              if entry.kind == "snapshot" and _fact(entry).tag}
    gone, tags = retention.collected(all_entries), dict[tuple[str, str], list[str]]()
    for (dataset, name), id in tagged.items():
        tags.setdefault((dataset, id), []).append(name)
    rows: list[Row] = [
        {"snapshot": fact.snapshot, "parent": fact.parent or None, "rows": fact.rows, "bytes": fact.bytes,
         "created_at": entry.recorded_at, "run": fact.run or None, "source": fact.source, "dataset": entry.subject,
         "tags": tuple(tags.get((entry.subject, fact.snapshot), ())), "key": fact.key,
         "gone": gone[entry.subject, fact.snapshot].recorded_at if (entry.subject, fact.snapshot) in gone else None}
        for entry in entries for fact in (_fact(entry),)]
    return Table.of("snapshots", rows, *first, Column("snapshot", cut=12), "rows", "bytes",
                    Column("created_at", "created"), "tags", Column("source", cut=18), "run", Column("parent", cut=12),
                    *([Column("gone", "let go")] if any(row["gone"] for row in rows) else ()), total=total)


# -- checking ---------------------------------------------------------------------------------------------------


@look(of=snapshot)
@click.argument("dataset", required=False)
def verify(session: Session, dataset: str | None) -> View:
    """Read every file of every snapshot again, of DATASET or of all, and name what is damaged.

    \b
    Example: mlops-tui snapshot verify flights
    """
    session.declared()
    entries = session.ledger.entries("snapshot", "collected")
    chosen = _of(session, entries, dataset) if dataset else [entry for entry in entries if entry.kind == "snapshot"]
    gone = retention.collected(entries)
    known = dict.fromkeys((entry.subject, _fact(entry).snapshot) for entry in chosen)
    states = [state for state in known if state not in gone]
    damage, files, unseen = _damage(session, states)
    current = {name: folds.current_snapshot(entries, name) for name, _ in states}
    since = {key: damage.pop(key) for key in list(damage) if _outside(key) and current[key[0]] not in damage[key]}
    checked = len(states) - unseen
    hidden: dict[str, Cell] = {"not_yours": unseen} if unseen else {}
    facts = Facts({"snapshots": checked, "files": len(files), "bytes": sum(file.bytes for file in files),
                   "damaged": len(damage), "changed_since": len(since), "let_go": len(known) - len(states), **hidden})
    tables = [_wrong(id, which) for id, which in (("damaged", damage), ("changed_since", since)) if which]
    more = f"; {counted(unseen, 'other is', 'others are')} not yours to see" if unseen else ""
    if damage:
        whose = sorted({name for name, *_ in damage})
        return View(f"{len(damage)} files of {', '.join(whose)} are damaged{more}", Status.FAIL, (facts, *tables))
    whole = f"{len(files) - len(since)} files of {checked} snapshots are whole"
    if since:
        earlier = counted(len(since), "file of an earlier one was", "files of earlier ones were")
        return View(f"{whole}; {earlier} changed since, outside the lake{more}", Status.WARN, (facts, *tables))
    return View(f"{whole}{more}", Status.PASS if checked or not unseen else Status.UNKNOWN, (facts,))


Damage = dict[tuple[str, str, str], list[str]]  # dataset, file and what is wrong, with the snapshots that hold it


def _wrong(id: str, damage: Damage) -> Table:
    rows: list[Row] = [{"dataset": name, "file": path, "what": what, "snapshots": tuple(each[:12] for each in held)}
                       for (name, path, what), held in damage.items()]
    return Table.of(id, rows, "dataset", "file", "what", "snapshots",
                    title="" if id == "damaged" else "Changed where they lie since: the states went with them")


def _outside(key: tuple[str, str, str]) -> bool:
    """Whether it is a file that lies outside the lake: whoever writes there may change it, and a later take sees it."""
    return Path(key[1]).is_absolute() and key[2] in (MISSING, DIFFERS)


def _damage(session: Session, states: Sequence[tuple[str, str]]) -> tuple[Damage, list[FileRef], int]:
    """What is damaged, which snapshots hold it, and how many are not to be seen; each file is read once."""
    lake = session.data()
    damage: Damage = {}
    unseen = 0
    checked: dict[str, tuple[FileRef, str]] = {}
    for done, (name, id) in enumerate(states):
        session.progress(done, len(states), f"checking {name}")
        try:
            state = lake.stored(name, id)
        except Refusal as problem:
            if isinstance(problem, Forbidden) or not _may_be_named(session, name):
                unseen += 1
            else:
                damage.setdefault((name, problem.where, problem.what), []).append(id)
            continue
        for file in state.files:
            whole = f"{file.base}/{file.path} {file.digest}"
            if whole not in checked:
                checked[whole] = file, lake.damage(file)
            if wrong := checked[whole][1]:
                place = str(lake.place_of(file)) if file.base else file.path
                damage.setdefault((name, place, wrong), []).append(id)
    session.progress(len(states), len(states), "checked")
    return damage, [file for file, _ in checked.values()], unseen


def _may_be_named(session: Session, dataset: str) -> bool:
    """Whether the actor may know of a state that cannot be read: it says no more to which partitions it belongs."""
    contract = session.declared().datasets.get(dataset)
    return not session.only or (contract is not None and (
        contract.custom("shared") is True or set(session.only) <= set(contract.partition_by)))


# -- letting go -------------------------------------------------------------------------------------------------


@act(of=snapshot)
@click.option("--keep", default="30d", show_default=True, help="What was current, or was judged, in this time stays.")
@click.option("--grace", default="1d", show_default=True, help="Younger files stay: somebody may be at work with them.")
@click.option("--all", "everything", is_flag=True, help="Name each state that goes or stays, with the reasons.")
def gc(session: Session, keep: str, grace: str, everything: bool) -> Plan:
    """Remove the states that nothing needs, and the files that only they had.

    What stays whatever its age: current states, what any version of a model was trained or tested on, what an
    incident's window needs, tagged states, states under legal hold, kept results, and all documents (_objects).

    \b
    Example: mlops-tui snapshot gc --keep 90d
    """
    session.declared()
    kept, least = (span(text, none=True) for text in (keep, grace))
    found = collecting.due(session, kept, least)
    return Plan(collecting.plan_view(session, found, everything), lambda: collecting.collect(session, found, kept))


@decide(of=snapshot)
@click.argument("subject")
def hold(session: Session, subject: str, reason: str) -> View:
    """Keep SUBJECT, a dataset or one state of it (dataset@snapshot), whatever nobody needs: a legal hold.

    \b
    Example: mlops-tui snapshot hold flights --reason "case 4711"
    """
    dataset, id = _held(session, subject)
    session.ledger.append(Hold(subject=dataset, event="held", snapshot=id, reason=reason))
    what = f"{dataset}@{id[:12]}" if id else f"Every state of {dataset}"
    return View(f"{what} is under legal hold", Status.DONE, (Facts({"dataset": dataset, "snapshot": id or None}),))


@decide(of=snapshot)
@click.argument("subject")
def release(session: Session, subject: str, reason: str) -> View:
    """End the legal hold on SUBJECT, named as it was when it was held.

    \b
    Example: mlops-tui snapshot release flights --reason "case 4711 is closed"
    """
    dataset, id = _held(session, subject)
    standing = retention.holds(session.ledger.entries("hold"))
    if (dataset, id) not in standing:
        known = ", ".join(f"{name}@{each[:12]}" if each else name for name, each in standing)
        raise NotFound(f"'{subject}' is under no legal hold.", next=f"There are: {known}." if known else "None is.")
    session.ledger.append(Hold(subject=dataset, event="released", snapshot=id, reason=reason))
    return View(f"{dataset}{f'@{id[:12]}' if id else ''} is under legal hold no more", Status.DONE,
                (Facts({"dataset": dataset, "snapshot": id or None}),))


def _held(session: Session, subject: str) -> tuple[str, str]:
    """The dataset and the snapshot that the words mean; the latter is empty where they name none."""
    session.declared()
    name, _, version = subject.rpartition("/")[2].partition("@")
    _of(session, session.ledger.entries("snapshot"), name)
    return name, session.snapshot(subject).id if version else ""


# -- naming and bringing back -----------------------------------------------------------------------------------


@act(of=snapshot, confirm=False)
@click.argument("subject")
@click.argument("name")
def tag(session: Session, subject: str, name: str) -> View:
    """Call SUBJECT (dataset[@snapshot]) by NAME; the name moves if another snapshot had it.

    \b
    Example: mlops-tui snapshot tag flights@3f9a2b1c before-storms
    """
    session.declared()
    if not re.fullmatch(r"[A-Za-z][\w.-]*", name) or re.fullmatch(r"[0-9a-f]{8,}", name):
        raise BadInput(f"'{name}' cannot be a tag.", next="Begin with a letter; letters, digits, '.', '_', '-' follow.")
    state = session.snapshot(subject)
    had = folds.tagged_snapshot(session.ledger.entries("snapshot", subject=state.dataset), name)
    if had != state.id:
        session.ledger.append(Snapshot(subject=state.dataset, snapshot=state.id, parent="", rows=state.rows,
                                       bytes=state.bytes, tag=name))
    moved = had if had not in ("", state.id) else None
    return View(f"{state.dataset}@{name} is {state.id[:12]}", Status.DONE,
                (Facts({"dataset": state.dataset, "snapshot": state.id, "tag": name, "moved_from": moved}),))


@act(of=snapshot)
@click.argument("subject")
def restore(session: Session, subject: str) -> Plan:
    """Make an earlier state of a dataset its current one again; the states in between stay in the history.

    \b
    Example: mlops-tui snapshot restore flights@3f9a2b1c
    """
    session.declared()
    if "@" not in subject:
        raise BadInput("Which state?", next=f"Name it: {subject}@SNAPSHOT. Try: mlops-tui snapshot log {subject}")
    old = session.snapshot(subject)
    now = session.snapshot(old.dataset)
    if old.id != now.id and (lost := session.data().changed(old)):
        path = next(iter(lost))
        raise Refusal(f"{old.dataset}@{old.id[:12]} is there no more: '{path.name}' was changed where it lies, and no "
                      "copy was kept.", where=str(path), next=f"Try: mlops-tui snapshot diff {old.dataset}@"
                      f"{old.id[:12]} {old.dataset}")
    damaged = session.data().damaged(old)
    if damaged:
        raise Refusal(f"{old.dataset}@{old.id[:12]} is damaged: {damaged[0][0]} {damaged[0][1]}.",
                      where=str(session.data().root), next=f"Try: mlops-tui snapshot verify {old.dataset}")
    if old.id == now.id:
        raise BadInput(f"{old.dataset}@{old.id[:12]} is the current state.")
    changes = [row for row in partition_changes(now, old) if row["change"] != "same"]
    facts = Facts({"dataset": old.dataset, "from": now.id, "to": old.id, "rows_now": now.rows, "rows_then": old.rows})
    view = View(f"{old.dataset} goes back to {old.id[:12]}", Status.CONFIRM,
                (facts, Table.of("partitions", changes, "partition", "change", "rows_a", "rows_b")))
    return Plan(view, lambda: _restored(session, old, now))


def _restored(session: Session, old: Manifest, now: Manifest) -> View:
    def decide(entries: "Sequence[Entry]") -> Iterable[Fact]:
        if folds.current_snapshot(entries, old.dataset) != now.id:
            raise Conflict(f"{old.dataset} has changed meanwhile.", next="Look at the plan again.")
        session.data().keep(old)
        session.data().require(old)
        yield Snapshot(subject=old.dataset, snapshot=old.id, parent=now.id, rows=old.rows, bytes=old.bytes,
                       source="restore")

    session.ledger.transact(decide)
    return View(f"{old.dataset} is {old.id[:12]} again", Status.DONE,
                (Facts({"dataset": old.dataset, "snapshot": old.id, "rows": old.rows}),),
                (Action("Its states", ("snapshot", "log", old.dataset)),))


def partition_changes(old: Manifest, new: Manifest) -> list[Row]:
    """Each partition of either state, and whether it is the same, other, added or dropped."""
    before, after = old.by_partition(), new.by_partition()
    names = {part: files[0].part_name for part, files in (before | after).items()}
    rows: list[Row] = []
    for part, name in sorted(names.items(), key=lambda each: each[1]):
        was, now = before.get(part, ()), after.get(part, ())
        same = {file.digest for file in was} == {file.digest for file in now}
        change = "added" if not was else "dropped" if not now else "same" if same else "changed"
        rows.append({"partition": name, "change": change, "rows_a": sum(file.rows for file in was),
                     "rows_b": sum(file.rows for file in now)})
    return rows
