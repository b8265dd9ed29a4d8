"""The states a dataset has had: listed, compared, checked, named, brought back."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import click

from mlops_tui import folds
from mlops_tui.capability import Plan, act, look, measure, noun
from mlops_tui.data._taking import taken
from mlops_tui.errors import BadInput, Conflict, NotFound, Refusal, nearest
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View, counted
from store.facts import Fact, Snapshot
from store.lake import FileRef, Lake, Manifest
from store.quoting import quote

if TYPE_CHECKING:
    from store.ledger import Entry

snapshot = noun("snapshot", __doc__ or "", bare="log", subject="log")


@look(of=snapshot, fold=True)
@click.argument("dataset", required=False)
@click.option("--limit", default=40, show_default=True, help="How many of the newest.")
def log(session: Session, dataset: str | None, limit: int) -> View:
    """The snapshots of DATASET, newest first; without one, the current snapshot of each dataset.

    \b
    Example: mlops-tui snapshot log flights
    """
    session.declared()
    entries = session.ledger.entries("snapshot")
    if dataset is None:
        newest = {entry.subject: entry for entry in entries if not _fact(entry).tag}
        table = _listed(list(newest.values()), entries, Column("dataset"))
        return View(counted(len(newest), "dataset has data", "datasets have data"), parts=(table,))
    name = dataset.rpartition("/")[2].partition("@")[0]
    mine = [entry for entry in _of(session, entries, name) if not _fact(entry).tag]
    shown = mine[::-1][:max(limit, 0)]
    return View(f"{name} has had {counted(len(mine), 'state')}", parts=(_listed(shown, entries, total=len(mine)),),
                actions=(Action("Check the files", ("snapshot", "verify", name)),))


def _fact(entry: "Entry") -> Snapshot:
    assert isinstance(entry.fact, Snapshot)
    return entry.fact


def _of(session: Session, entries: "Sequence[Entry]", name: str) -> "list[Entry]":
    """The snapshot entries of a dataset; NotFound or NotDeclared where there are none."""
    mine = [entry for entry in entries if entry.subject == name]
    if not mine:
        known = {entry.subject for entry in entries}
        if name not in session.declared().datasets and nearest(name, known):
            raise NotFound(f"No dataset '{name}' has data.", next=nearest(name, known))
        session.declared().dataset(name)
        raise NotFound(f"'{name}' has no data yet.", next=f"Try: mlops-tui ingest {name} --file FILE")
    return mine


def _listed(entries: "Sequence[Entry]", all_entries: "Sequence[Entry]", *first: Column,
            total: int | None = None) -> Table:
    tagged = {(entry.subject, _fact(entry).tag): _fact(entry).snapshot for entry in all_entries if _fact(entry).tag}
    tags: dict[tuple[str, str], list[str]] = {}
    for (dataset, name), id in tagged.items():
        tags.setdefault((dataset, id), []).append(name)
    rows: list[Row] = [
        {"snapshot": fact.snapshot, "parent": fact.parent or None, "rows": fact.rows, "bytes": fact.bytes,
         "created_at": entry.recorded_at, "run": fact.run or None, "source": fact.source, "dataset": entry.subject,
         "tags": tuple(tags.get((entry.subject, fact.snapshot), ())), "key": fact.key}
        for entry in entries for fact in (_fact(entry),)]
    return Table.of("snapshots", rows, *first, Column("snapshot", cut=12), Column("parent", cut=12), "rows", "bytes",
                    Column("created_at", "created"), "run", "tags", total=total)


# -- taking -----------------------------------------------------------------------------------------------------


@measure(of=snapshot)
@click.argument("dataset")
def take(session: Session, dataset: str) -> View:
    """Look where DATASET's data already are (`servers` of its contract) and make their present state a snapshot.

    Parquet files, Delta and Iceberg tables are read where they are and never copied; CSV, JSON and tables of a database
    are read into the lake. Rows that break the contract are set aside, as `ingest` does.

    \b
    Example: mlops-tui snapshot take flights
    """
    return taken(session, dataset)


# -- checking ---------------------------------------------------------------------------------------------------


@look(of=snapshot)
@click.argument("dataset", required=False)
def verify(session: Session, dataset: str | None) -> View:
    """Read every file of every snapshot again, of DATASET or of all, and name what is damaged.

    \b
    Example: mlops-tui snapshot verify flights
    """
    session.declared()
    entries = session.ledger.entries("snapshot")
    chosen = _of(session, entries, dataset) if dataset else entries
    states = list(dict.fromkeys((entry.subject, _fact(entry).snapshot) for entry in chosen))
    damage, files = _damage(session, states)
    rows: list[Row] = [{"dataset": name, "file": path, "what": what, "snapshots": tuple(each[:12] for each in held)}
                       for (name, path, what), held in damage.items()]
    facts = Facts({"snapshots": len(states), "files": len(files), "bytes": sum(file.bytes for file in files),
                   "damaged": len(damage)})
    if not rows:
        return View(f"{len(files)} files of {len(states)} snapshots are whole", Status.PASS, (facts,))
    table = Table.of("damaged", rows, "dataset", "file", "what", "snapshots")
    whose = {row["dataset"] for row in rows}
    return View(f"{len(rows)} files of {', '.join(sorted(map(str, whose)))} are damaged", Status.FAIL, (facts, table))


def _damage(session: Session, states: Sequence[tuple[str, str]]) -> tuple[
        dict[tuple[str, str, str], list[str]], list[FileRef]]:
    """What is damaged and which snapshots hold it; each file is read once."""
    lake = session.data()
    damage: dict[tuple[str, str, str], list[str]] = {}
    checked: dict[str, tuple[FileRef, str]] = {}
    for done, (name, id) in enumerate(states):
        session.progress(done, len(states), f"checking {name}")
        try:
            state = lake.stored(name, id)
        except Refusal as problem:
            damage.setdefault((name, problem.where, problem.what), []).append(id)
            continue
        for file in state.files:
            whole = f"{file.base}/{file.path} {file.mask}"
            if whole not in checked:
                checked[whole] = file, lake.damage(file)
            if wrong := checked[whole][1]:
                place = str(lake.place_of(file)) if file.base else file.path
                damage.setdefault((name, place, wrong), []).append(id)
    session.progress(len(states), len(states), "checked")
    return damage, [file for file, _ in checked.values()]


# -- comparing --------------------------------------------------------------------------------------------------


@look(of=snapshot)
@click.argument("a")
@click.argument("b")
def diff(session: Session, a: str, b: str) -> View:
    """What changed from snapshot A to snapshot B: columns, partitions, rows. `dataset` alone is its current state.

    \b
    Example: mlops-tui snapshot diff flights@3f9a2b1c flights
    """
    session.declared()
    old, new = session.snapshot(a), session.snapshot(b)
    lake = session.data()
    facts: dict[str, Cell] = {"a": old.id, "b": new.id, "same": old.id == new.id, "rows_a": old.rows,
                              "rows_b": new.rows, "files_shared": len(_digests_of(old) & _digests_of(new))}
    if old.id != new.id:
        facts |= _row_changes(lake, old, new)
    partitions = partition_changes(old, new)
    changed = [row for row in partitions if row["change"] != "same"]
    parts = (Facts(facts), _columns(lake, old, new),
             Table.of("partitions", changed, "partition", "change", "rows_a", "rows_b", total=len(changed)))
    title = "The snapshots are the same" if old.id == new.id else \
        f"{len(changed)} of {len(partitions)} partitions differ"
    return View(title, Status.DONE, parts)


def _digests_of(state: Manifest) -> set[str]:
    return {file.digest for file in state.files}


def _named(partition: Mapping[str, str]) -> str:
    return ", ".join(partition.values()) or "all rows"


def partition_changes(old: Manifest, new: Manifest) -> list[Row]:
    """Each partition of either state, and whether it is the same, other, added or dropped."""
    before, after = _by_partition(old), _by_partition(new)
    rows: list[Row] = []
    for name in sorted({*before, *after}):
        was, now = before.get(name, []), after.get(name, [])
        same = sorted(file.digest for file in was) == sorted(file.digest for file in now)
        change = "added" if not was else "dropped" if not now else "same" if same else "changed"
        rows.append({"partition": name, "change": change, "rows_a": sum(file.rows for file in was),
                     "rows_b": sum(file.rows for file in now)})
    return rows


def _by_partition(state: Manifest) -> dict[str, list[FileRef]]:
    """The files of each partition: data that lie elsewhere have as many as they like."""
    found: dict[str, list[FileRef]] = {}
    for file in state.files:
        found.setdefault(_named(file.partition), []).append(file)
    return found


def _row_changes(lake: Lake, old: Manifest, new: Manifest) -> dict[str, Cell]:
    """How many rows are in one state only; only files that differ are read, and only columns that both have."""
    shared = _digests_of(old) & _digests_of(new)
    columns = ", ".join(quote(name) for name in new.columns if name in old.columns)
    if not columns:
        return {"rows_added": new.rows, "rows_removed": old.rows}
    before, after = (Manifest(state.dataset, state.columns, tuple(f for f in state.files if f.digest not in shared))
                     for state in (old, new))

    def only(these: Manifest, those: Manifest) -> int:
        query = f"SELECT {columns} FROM {lake.scan(these)} EXCEPT ALL SELECT {columns} FROM {lake.scan(those)}"
        return int(lake.connect().execute(f"SELECT count(*) FROM ({query})").fetchall()[0][0])

    return {"rows_added": only(after, before), "rows_removed": only(before, after)}


def _columns(lake: Lake, old: Manifest, new: Manifest) -> Table:
    was, now = _digests(lake, old), _digests(lake, new)
    rows: list[Row] = []
    for name in dict.fromkeys((*old.columns, *new.columns)):
        types = old.columns.get(name), new.columns.get(name)
        change = ("added" if types[0] is None else "dropped" if types[1] is None else "other type"
                  if types[0] != types[1] else "same" if was[name] == now[name] else "other values")
        rows.append({"column": name, "change": change, "type_a": types[0], "type_b": types[1],
                     "nulls_a": was.get(name, (None, None))[0], "nulls_b": now.get(name, (None, None))[0],
                     "digest_a": was.get(name, (None, None))[1], "digest_b": now.get(name, (None, None))[1]})
    return Table.of("columns", rows, "column", "change", "type_a", "type_b", "nulls_a", "nulls_b")


def _digests(lake: Lake, state: Manifest) -> dict[str, tuple[int, str]]:
    """For each column its nulls, and a digest of its values that does not depend on the order of the rows."""
    asked = ", ".join(f"count(*) - count({quote(name)}), coalesce(sum(CAST(hash({quote(name)}) AS HUGEINT)), 0)"
                      for name in state.columns)
    found = lake.connect().execute(f"SELECT {asked} FROM {lake.scan(state)}").fetchall()[0]
    return {name: (int(found[2 * place]), f"{found[2 * place + 1]:x}") for place, name in enumerate(state.columns)}


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
        mine = [entry for entry in entries if entry.kind == "snapshot" and entry.subject == old.dataset]
        if folds.current_snapshot(mine) != now.id:
            raise Conflict(f"{old.dataset} has changed meanwhile.", next="Look at the plan again.")
        yield Snapshot(subject=old.dataset, snapshot=old.id, parent=now.id, rows=old.rows, bytes=old.bytes,
                       source="restore")

    session.ledger.transact(decide)
    return View(f"{old.dataset} is {old.id[:12]} again", Status.DONE,
                (Facts({"dataset": old.dataset, "snapshot": old.id, "rows": old.rows}),),
                (Action("Its states", ("snapshot", "log", old.dataset)),))
