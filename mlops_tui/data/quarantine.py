"""Rows that broke their contract and were set aside: looked at, mended, taken in after all, or given up."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from string import hexdigits
from typing import TYPE_CHECKING

import click

from mlops_tui.capability import LocalPath, TargetPath, decide, hidden_columns, look, measure, noun
from mlops_tui.data._aside import KEY, Aside, asides, found_aside, only, quarantine_of, state_of, without
from mlops_tui.data._replay import Replay, Replayed
from mlops_tui.data._verdict import bad_rows
from mlops_tui.errors import BadInput, Conflict
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted
from store.facts import Fact, Quarantined, Snapshot
from store.files import reading
from store.lake import Manifest
from store.written import copied, written_form

if TYPE_CHECKING:
    from store.ledger import Entry

quarantine = noun("quarantine", __doc__ or "", bare="list", subject="list")

SHORT = 8  # characters of a batch's name that are shown


@look(of=quarantine, fold=True)
@click.argument("dataset", required=False)
def list_(session: Session, dataset: str | None) -> View:
    """The batches of rows that DATASET, or every dataset, has set aside: open ones first.

    \b
    Example: mlops-tui quarantine list flights
    """
    project = session.declared()
    names = [project.subject(dataset, "dataset").name] if dataset else list(project.datasets)
    entries = session.ledger.entries("snapshot", "quarantine")
    known = [(each, counted_rules) for name in names for state in (session.current(quarantine_of(name)),)
             for counts in (_counts(session, state),) for each in asides(name, state, entries, session.data())
             for counted_rules in (each.rules if each.rules is not None else counts.get(each.batch, {}),)]
    known.sort(key=lambda pair: pair[0].status != "open")
    rows: list[Row] = [
        {"dataset": each.dataset, "batch": each.batch, "status": each.status, "rows": each.rows,
         "replayed": each.replayed, "since": each.since, "source": each.source, "files": each.files,
         "rules": tuple(rules), "reason": each.reason or None} for each, rules in known]
    waiting = [each for each, _ in known if each.status == "open"]
    total = sum(each.rows for each in waiting)
    title = (f"{counted(total, 'row waits', 'rows wait')} in {counted(len(waiting), 'batch', 'batches')}" if waiting
             else "No rows wait in quarantine")
    facts = Facts({"open_batches": len(waiting), "open_rows": total})
    cut = SHORT if all(set(each.batch) <= set(hexdigits) for each, _ in known) else None
    shown: list[Column | str] = [*([] if dataset else ["dataset"]), Column("batch", cut=cut), "status", "rows",
                                 "since", "source", "rules"]
    actions = tuple(Action(f"Look at {each.batch[:SHORT]} of {each.dataset}", ("quarantine", "show", each.dataset,
                                                                             each.batch)) for each in waiting[:3])
    return View(title, Status.WARN if waiting else Status.DONE, (facts, Table.of("batches", rows, *shown)), actions)


def _counts(session: Session, state: Manifest | None) -> dict[str, dict[str, int]]:
    """How many open rows of each batch break which rule."""
    found: dict[str, dict[str, int]] = {}
    if state is None or not state.files:
        return found
    lake = session.data()
    query = (f"SELECT {KEY}, rule, count(*) FROM (SELECT {KEY}, unnest(_rules) AS rule FROM {lake.scan(state)}) "
             "GROUP BY ALL ORDER BY 1, 3 DESC, 2")
    for batch, rule, count in lake.connect().execute(query).fetchall():
        found.setdefault(batch, {})[rule] = count
    return found


@look(of=quarantine)
@click.argument("dataset")
@click.argument("batch", default="")
@click.option("--limit", default=20, show_default=True, help="How many rows to show.")
def show(session: Session, dataset: str, batch: str, limit: int) -> View:
    """The rows of a BATCH that DATASET has set aside, with the rules each broke and what stands there.

    A batch is named by the beginning of its name; the only open one need not be named.

    \b
    Example: mlops-tui quarantine show flights 3f9a2b1c
    """
    name = session.declared().subject(dataset, "dataset").name
    aside = found_aside(session, name, batch)
    facts = Facts(_facts(aside))
    if aside.status != "open":
        return View(f"Batch {aside.batch[:SHORT]} of {name} was {aside.status}", Status.DONE, (
            facts, *([Text(aside.reason)] if aside.reason else [])))
    state = session.snapshot(quarantine_of(name))
    counts = _counts(session, only(state, aside.batch))[aside.batch]
    rules: list[Row] = [{"rule": rule, "rows": count} for rule, count in counts.items()]
    hidden = hidden_columns(session, name, state.columns)
    found = [{**row, **dict.fromkeys(hidden, "(classified)")}
             for row in _rows(session, state, aside.batch, max(limit, 0))]
    few = f"The first {len(found)} of {aside.rows:,} bad rows" if len(found) < aside.rows else "Bad rows"
    came = aside.source if aside.files else _came_from(session, only(state, aside.batch)) or aside.source
    title = f"{counted(aside.rows, 'row')} of {came} broke the contract of {name}"
    shown = bad_rows(found, f"{few}, counted from 0{' in each file' if len(aside.files) > 1 else ''}")
    return View(title, Status.WARN, (facts, Table.of("rules", rules, "rule", "rows"), shown), _next(aside))


def _facts(aside: Aside) -> dict[str, Cell]:
    return {"dataset": aside.dataset, "batch": aside.batch, "status": aside.status, "rows": aside.rows,
            "replayed": aside.replayed, "since": aside.since, "source": aside.source}


def _next(aside: Aside) -> tuple[Action, ...]:
    named = (aside.dataset, aside.batch)
    return (Action("Mend the rows by hand", ("quarantine", "export", *named, "--out", f"{aside.dataset}-bad.csv")),
            Action("Judge them again, by the contract as it is now", ("quarantine", "replay", *named)),
            Action("Give them up", ("quarantine", "discard", *named), asks=("reason",)))


def _came_from(session: Session, state: Manifest) -> str:
    """The files that the rows themselves say they are of."""
    lake = session.data()
    found = lake.connect().execute(f"SELECT DISTINCT CAST(_file AS VARCHAR) FROM {lake.scan(state)} "
                                   "WHERE _file IS NOT NULL ORDER BY 1").fetchall()
    return f"{found[0][0]} … {found[-1][0]}" if len(found) > 1 else str(found[0][0]) if found else ""


def _rows(session: Session, state: Manifest, batch: str, limit: int) -> list[dict[str, object]]:
    lake = session.data()
    found = lake.connect().execute(f"SELECT * FROM {lake.scan(only(state, batch))} ORDER BY _file, _row LIMIT {limit}")
    names = [str(column[0]) for column in found.description or ()]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@look(of=quarantine)
@click.argument("dataset")
@click.argument("batch", default="")
@click.option("--out", type=TargetPath(rows=True), required=True, help="A CSV, Parquet or JSON file for the rows.")
def export(session: Session, dataset: str, batch: str, out: Path) -> View:
    """Write the open rows of a BATCH of DATASET to a file, to be mended there and replayed.

    Each row is as it was in its file; `_file` and `_row` say where, `_rules` which rules it broke.

    \b
    Example: mlops-tui quarantine export flights 3f9a2b1c --out bad.csv
    """
    name = session.declared().subject(dataset, "dataset").name
    aside = _open(session, name, batch)
    lake, state = session.data(), only(session.snapshot(quarantine_of(name)), aside.batch)
    rules = "to_json(_rules) AS _rules" if written_form(out) == "csv" else "_rules"
    query = f"SELECT * EXCLUDE ({KEY}) REPLACE ({rules}) FROM {lake.scan(state)} ORDER BY _file, _row"
    with reading([lake.bytes_of(file) for file in state.files]):
        copied(out, query, lake.connect())
    return View(f"{counted(aside.rows, 'row')} of {name} in {out.name}", Status.DONE, (Facts(_facts(aside)), Text(
        "Mend the values; keep _row and _file. Rows that you take out of the file stay in quarantine.")), (
        Action("Take the mended rows in", ("quarantine", "replay", name, aside.batch, "--file", str(out))),))


def _open(session: Session, name: str, batch: str) -> Aside:
    """The open batch of that name; BadInput where it was dealt with."""
    aside = found_aside(session, name, batch)
    if aside.status != "open":
        said = f": {aside.reason}" if aside.reason else ""
        raise BadInput(f"Batch {aside.batch[:SHORT]} of '{name}' was {aside.status}{said}.",
                       next=f"Try: mlops-tui quarantine list {name}")
    return aside


@measure(of=quarantine)
@click.argument("dataset")
@click.argument("batch", default="")
@click.option("--file", "mended", type=LocalPath(), help="The rows as they were exported and mended since.")
def replay(session: Session, dataset: str, batch: str, mended: Path | None) -> View:
    """Judge the rows of a BATCH again; what is good now goes to the other rows of its partition in DATASET.

    Without --file the rows are as they came, and the contract is the one that is declared now. Rows that are bad still
    stay; a row whose key DATASET has already is refused. The source ingested once more would be taken in as it is,
    without what was mended.

    \b
    Example: mlops-tui quarantine replay flights 3f9a2b1c --file mended.csv
    """
    name = session.declared().subject(dataset, "dataset").name
    aside = found_aside(session, name, batch)
    if aside.status == "replayed":
        return View(f"Batch {aside.batch[:SHORT]} of {name} was replayed already", Status.DONE, (Facts(_facts(aside)),))
    return _replay_view(_open(session, name, aside.batch), Replay(session, aside, mended).run())


def _replay_view(aside: Aside, done: Replayed) -> View:
    title = f"{aside.dataset}: {done.taken:,} of {counted(aside.rows, 'row')} taken in"
    title += f", {counted(done.left, 'stays', 'stay')} in quarantine" if done.left else ""
    facts: dict[str, Cell] = {"taken_in": done.taken, "left": done.left, "refused": len(done.clashes),
                              "passed_over": done.again, "dataset": aside.dataset, "batch": aside.batch,
                              "snapshot": done.snapshot or None}
    parts: list[Part] = [Facts(facts)]
    if done.again:
        parts.append(Text(f"{counted(done.again, 'row')} of the file left the quarantine before: passed over."))
    parts += [Text(f"Row {clash.row} breaks {clash.rule}: {aside.dataset} has {clash.key} already.")
              for clash in done.clashes[:5]]
    if len(done.clashes) > 5:
        parts.append(Text(f"{len(done.clashes) - 5:,} more have a key that is there already."))
    if done.partitions:
        rows: list[Row] = [{"partition": part, "rows_before": before, "rows": now}
                           for part, before, now in done.partitions]
        parts.append(Table.of("partitions", rows, "partition", "rows_before", "rows"))
    if done.still_bad:
        found = [{**row, "_row": row["place"]} for row in done.still_bad]
        few = f"The first {len(found)} of {done.judged.bad_rows:,} rows that are bad still" \
            if len(found) < done.judged.bad_rows else "Bad still"
        parts.append(bad_rows(found, f"{few}, counted from 0 in the source"))
    parts += [Text(f"Not checked: {each}.") for each in done.unchecked]
    status = Status.PASS if not done.left else Status.FAIL
    return View(title, status, tuple(parts), _next(aside) if done.left else (
        Action("What came in", ("snapshot", "log", aside.dataset)),))


@decide(of=quarantine)
@click.argument("dataset")
@click.argument("batch", default="")
def discard(session: Session, dataset: str, batch: str, reason: str) -> View:
    """Give up the open rows of a BATCH of DATASET; the history keeps them, and why.

    \b
    Example: mlops-tui quarantine discard flights 3f9a2b1c --reason "the sensor was broken"
    """
    name = session.declared().subject(dataset, "dataset").name
    aside = _open(session, name, batch)
    held = only(session.snapshot(quarantine_of(name)), aside.batch)
    rules = _counts(session, held)[aside.batch]

    def decided(entries: "Sequence[Entry]") -> Iterable[Fact]:
        now = state_of(session, quarantine_of(name), entries)
        if now is None or only(now, aside.batch).files != held.files:
            raise Conflict(f"Batch {aside.batch[:SHORT]} of '{name}' has changed meanwhile.", next="Look at it again.")
        left = without(now, aside.batch)
        session.data().keep(left)
        yield Snapshot(subject=left.dataset, snapshot=left.id, parent=now.id, rows=left.rows, bytes=left.bytes,
                       source=f"discard of batch {aside.batch}")
        yield Quarantined(subject=name, event="discarded", batch=aside.batch, rows=aside.rows, left=0, reason=reason,
                          rules=rules)

    session.ledger.transact(decided)
    return View(f"{counted(aside.rows, 'row')} of {name} given up", Status.DONE, (
        Facts({**_facts(aside), "status": "discarded"}),), (
        Action("What is left", ("quarantine", "list", name)),))
