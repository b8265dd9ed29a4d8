"""Files of one partition merged into one and masks applied: the same rows in fewer files, proved before announced."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.errors import Conflict, Refusal
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View, counted
from store.facts import Fact, Snapshot
from store.lake import FileRef, Lake, Manifest

if TYPE_CHECKING:
    from store.ledger import Entry

Parts = Sequence[tuple[FileRef, ...]]


def due(state: Manifest) -> list[tuple[FileRef, ...]]:
    """The partitions that are several files, or whose file has a mask."""
    return [tuple(files) for files in state.by_partition().values() if len(files) > 1 or files[0].mask]


def plan_view(state: Manifest, parts: Parts) -> View:
    files = [file for part in parts for file in part]
    facts: dict[str, Cell] = {"dataset": state.dataset, "snapshot": state.id, "partitions": len(parts),
                              "files": len(state.files), "files_after": len(state.files) - len(files) + sum(
                                  any(file.rows for file in part) for part in parts),
                              "masked_files": sum(bool(file.mask) for file in files), "rows": state.rows,
                              "rewritten_bytes": sum(file.bytes for file in files)}
    rows: list[Row] = [{"partition": part[0].part_name, "files": len(part),
                        "masked": sum(bool(file.mask) for file in part), "rows": sum(file.rows for file in part),
                        "bytes": sum(file.bytes for file in part)} for part in parts]
    return View(f"{counted(len(files), 'file')} of {counted(len(parts), 'partition')} of {state.dataset} are rewritten",
                Status.CONFIRM, (Facts(facts), Table.of("partitions", rows, "partition", "files", "masked", "rows",
                                                        Column("bytes", "bytes read"))))


def compacted(session: Session, state: Manifest, parts: Parts) -> View:
    """Write each of the partitions as one file, see that the rows are the same, and make that the current state."""
    lake, dataset = session.data(), state.dataset
    old = [file for part in parts for file in part]
    keys = tuple(old[0].partition)
    contract = session.declared().datasets.get(dataset)
    sort = [name for name in (contract.key if contract else ()) if name in state.columns]
    written = lake.write(dataset, f"SELECT * FROM {lake.scan(replace(state, files=tuple(old)))}", sort=sort,
                         partition_by=keys)
    kept = tuple(file for file in state.files if file not in old)
    new = replace(state, files=tuple(sorted((*kept, *(file for file in written.files if file.rows)),
                                            key=lambda file: file.path)))
    was, now = (rows_digest(lake, replace(state, files=files)) for files in (tuple(old), written.files))
    if was != now:
        raise Refusal(f"The rows of '{dataset}' would not be the same; nothing was changed.",
                      where=f"{was[0]:,} rows were read, {now[0]:,} written", next="Report it, with this message.")
    session.ledger.transact(lambda entries: _announced(entries, session, state, new))
    facts = Facts({"dataset": dataset, "from": state.id, "snapshot": new.id, "rows": new.rows,
                   "files_before": len(state.files), "files": len(new.files), "bytes_before": state.bytes,
                   "bytes": new.bytes, "rows_digest": now[1]})
    return View(f"{dataset}: {len(state.files):,} files are {len(new.files):,} now, with the same {new.rows:,} rows",
                Status.DONE, (facts,), (Action("Back", ("snapshot", "restore", f"{dataset}@{state.id[:12]}")),))


def _announced(entries: "Sequence[Entry]", session: Session, was: Manifest, new: Manifest) -> Iterable[Fact]:
    if folds.current_snapshot(entries, was.dataset) != was.id:
        raise Conflict(f"{was.dataset} has changed meanwhile.", next="Look at the plan again.")
    session.data().require(new)
    session.data().keep(new)
    yield Snapshot(subject=was.dataset, snapshot=new.id, parent=was.id, rows=new.rows, bytes=new.bytes,
                   source="compact")


def rows_digest(lake: Lake, state: Manifest) -> tuple[int, str]:
    """How many rows there are, and a digest of them that neither their order nor their files change."""
    query = f"""SELECT count(*), coalesce(sum(CAST(hash(t) AS HUGEINT)), 0), coalesce(bit_xor(hash(t, 1)), 0)
                FROM {lake.scan(state)} t"""
    [(rows, added, mixed)] = lake.connect().execute(query).fetchall()
    return int(rows), f"{added:x}-{mixed:x}"
