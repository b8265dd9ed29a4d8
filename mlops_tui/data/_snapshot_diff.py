"""What changed from one state of a dataset to another."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import click
from duckdb import DuckDBPyConnection

from mlops_tui.capability import hidden_columns, local_path, look
from mlops_tui.data._diff import Side, columns_between, rows_between
from mlops_tui.data.snapshot import partition_changes, snapshot
from mlops_tui.errors import BadInput, nearest
from mlops_tui.session import Session
from mlops_tui.view import Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted
from store.lake import Lake, Manifest
from store.scan import engine, scan_file
from store.written import names_file

CLASSIFIED = "(classified)"


@look(of=snapshot)
@click.option("--key", default=None, help="Columns that tell rows apart, by commas.  [default: the primary key]")
@click.option("--examples", type=click.IntRange(0, 100), default=5, show_default=True, help="Changed rows to show.")
@click.argument("a")
@click.argument("b")
def diff(session: Session, a: str, b: str, key: str | None, examples: int) -> View:
    """What changed from A to B: rows, columns and their distributions, partitions. Each is a state or a file.

    `dataset` alone is its current state. Rows are compared where files differ, distributions as `drift` does it.

    \b
    Example: mlops-tui snapshot diff flights@3f9a2b1c flights
             mlops-tui snapshot diff may.parquet july.parquet --key id
    """
    names = tuple(name.strip() for name in (key or "").split(",") if name.strip())
    if names_file(a) and names_file(b):
        return _compared(session, *_file_sides(session, a, b), names, examples, {}, [])
    for text in (a, b):
        if names_file(text):
            raise BadInput(f"'{local_path(session, text)}' is a file, and the other side is a state.",
                           next="Name two states, or two files.")
    session.declared()
    old, new = session.snapshot(a), session.snapshot(b)
    if over := [state for state in (old, new) if _replaced(session, state)]:
        return _told_apart(session, old, new, over)
    sides = _sides(session.data(), old, new)
    contract = session.declared().datasets.get(new.dataset)
    names = names or (tuple(item.name for item in contract.properties if item.primaryKey) if contract else ())
    facts: dict[str, Cell] = {"a": old.id, "b": new.id, "same": old.id == new.id,
                              "files_shared": len(_digests_of(old) & _digests_of(new)),
                              "files_read": len(_digests_of(old) ^ _digests_of(new))}
    return _compared(session, session.data().connect(), *sides, names, examples, facts, partition_changes(old, new))


def _replaced(session: Session, state: Manifest) -> bool:
    """Whether it is an earlier state, of which a file that was read where it lay is no more as it was."""
    now = session.current(state.dataset)
    return now is not None and now.id != state.id and bool(session.data().changed(state))


def _told_apart(session: Session, old: Manifest, new: Manifest, over: Sequence[Manifest]) -> View:
    """What is known of two states by their manifests, where rows of one are there no more."""
    table = _changed(partition_changes(old, new))
    lost = {f"{state.dataset}@{state.id[:12]}": session.data().changed(state) for state in over}
    facts = Facts({"a": old.id, "b": new.id, "same": old.id == new.id, "rows_a": old.rows, "rows_b": new.rows,
                   "files_shared": len(_digests_of(old) & _digests_of(new)),
                   "lost": tuple(str(path) for paths in lost.values() for path in paths)})
    said = [Text(f"{name} was read where its files lie, and no copy was kept: {counted(len(paths), 'file')} of it "
                 f"{'is' if len(paths) == 1 else 'are'} no more as {'it was' if len(paths) == 1 else 'they were'}. "
                 "Rows cannot be compared; this is what was recorded of them.") for name, paths in lost.items()]
    return View(f"{counted(len(table.rows), 'partition differs', 'partitions differ')}; the rows of "
                f"{' and '.join(lost)} are there no more", Status.WARN, (facts, *said, table))


def _changed(partitions: Sequence[Row]) -> Table:
    changed = [row for row in partitions if row["change"] != "same"]
    return Table.of("partitions", changed, "partition", "change", Column("rows_a", "rows a"),
                    Column("rows_b", "rows b"), total=len(changed),
                    title=f"{len(changed)} of {len(partitions)} partitions differ")


def _file_sides(session: Session, a: str, b: str) -> tuple[DuckDBPyConnection, Side, Side]:
    connection = engine()
    scans = [scan_file(local_path(session, text), connection) for text in (a, b)]
    old, new = (Side(Path(text).name, {field.name: field.type for field in scan.fields.values()}, scan.rows,
                     scan.relation, scan.relation) for text, scan in zip((a, b), scans, strict=True))
    return connection, old, new


def _sides(lake: Lake, old: Manifest, new: Manifest) -> tuple[Side, Side]:
    """Both states; what only one of them has lies in the files that the other lacks."""
    shared = _digests_of(old) & _digests_of(new)
    own = [replace(state, files=tuple(file for file in state.files if file.digest not in shared))
           for state in (old, new)]
    made = [Side(f"{state.dataset}@{state.id[:8]}", state.columns, state.rows, lake.scan(state), lake.scan(part),
                 tuple(name for keys in state.partitioned_by for name in keys))
            for state, part in zip((old, new), own, strict=True)]
    return made[0], made[1]


def _compared(session: Session, cursor: DuckDBPyConnection, a: Side, b: Side, key: Sequence[str], examples: int,
              facts: Mapping[str, Cell], partitions: Sequence[Row]) -> View:
    for name in key:
        if name not in {*a.columns, *b.columns}:
            raise BadInput(f"No column '{name}' on either side.", where=f"{a.name}, {b.name}",
                           next=nearest(name, {*a.columns, *b.columns}))
    rows = rows_between(cursor, a, b, key, examples)
    columns, pictures = columns_between(cursor, a, b, rows, session.progress)
    hidden = hidden_columns(session, b.name.partition("@")[0], {*a.columns, *b.columns})
    pictures = tuple(each for each in pictures if each.id.removeprefix("bins:") not in hidden)
    shown = [_classified(row, hidden, key) for row in rows.examples]
    counts: dict[str, Cell] = {"rows_a": a.rows, "rows_b": b.rows, "rows_added": rows.added,
                               "rows_removed": rows.removed, "rows_changed": rows.changed,
                               **({"rows_reason": rows.reason} if rows.reason else {})}
    moved = sum(row["drifted"] is True for row in columns.rows)
    other = [row for row in columns.rows if row["change"] != "same"]
    same = not (rows.added or rows.removed or rows.changed or other)
    said = f"{rows.added:,} rows added, {rows.removed:,} removed" + (
        f", {rows.changed:,} changed" if rows.changed is not None else "")
    if rows.changed is not None or not (rows.added and rows.removed):  # other values may be those of rows that came
        other = [row for row in other if row["rows_changed"] or row["change"] != "other values"]
    title = "The same rows" if same else said + (
        f"; {len(other)} of {len(columns.rows)} columns differ" if other else "") + (
        f"; {counted(moved, 'column')} moved more than matters" if moved else "")
    parts: list[Part] = [Facts({**facts, **counts}), columns, *pictures]
    if shown:
        parts.append(Table.of("changed_rows", shown, "key", "column", "before", "after", title="Such as"))
    if facts:
        parts.append(_changed(partitions))
    return View(title, Status.DONE, tuple(parts))


def _classified(row: Row, hidden: Sequence[str], key: Sequence[str]) -> Row:
    """An example without the values that are not shown where others read along."""
    own = ("before", "after") if row["column"] in hidden else ()
    return {**row, **dict.fromkeys((*own, *(("key",) if set(key) & set(hidden) else ())), CLASSIFIED)}


def _digests_of(state: Manifest) -> set[str]:
    return {file.digest for file in state.files}
