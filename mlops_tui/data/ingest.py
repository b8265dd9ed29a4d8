"""New data of a dataset: good rows into the lake, bad ones aside with every rule they broke."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import click

from mlops_tui.capability import LocalPath, measure
from mlops_tui.data import _catalogued as catalogued
from mlops_tui.data._aside import KEY, batch_of, quarantine_of
from mlops_tui.data._batch import Batch, Judged, opened
from mlops_tui.data._landing import Landed, land
from mlops_tui.data._regrouped import Regrouped, regrouped
from mlops_tui.data._verdict import advice, evolution, finding, rules_table, summary, verdict
from mlops_tui.data._whole import kept_whole
from mlops_tui.errors import Misfit, Refusal, Unreadable
from mlops_tui.logs.logguard import guard_of
from mlops_tui.oversight.watching import monitor_of
from mlops_tui.session import Session
from mlops_tui.tracing.ancestry import source_of
from mlops_tui.view import Action, Cell, Facts, Part, Row, Status, Table, Text, View, counted
from store.facts import Finding
from store.lake import Manifest, sha256_of
from store.quoting import literal
from store.written import written_form


@measure
@click.argument("dataset")
@click.option("--file", "files", type=LocalPath(), multiple=True, required=True, help="A Parquet, CSV or JSON file; "
              "several make one batch.")
def ingest(session: Session, dataset: str, files: tuple[Path, ...]) -> View:
    """Take rows into DATASET as its contract wants them; a partition that was there is replaced by its new rows.

    A dataset whose contract has no partitionBy is one partition: FILE replaces all of its rows. Where partitionBy was
    changed, the rows that are there are put into the new partitions first.

    A Parquet file of 16 MiB or more that has the contract's columns, types and order, and is one partition, is kept as
    it is, with a mask for its bad rows: then the snapshot depends on the file's bytes. Otherwise good rows are written
    anew, and the snapshot depends on the rows alone. A file that cannot be read, or lacks a column of the contract, is
    refused, and its monitor fails.

    \b
    Example: mlops-tui ingest flights --file 2013-06-01.parquet
    """
    project = session.declared()
    name = project.subject(dataset, "dataset").name
    contract = project.dataset(name)
    where = project.path_of("dataset", name)
    watching, monitor = monitor_of(session, "ingest", name)
    for path in files:
        written_form(path)
    try:
        batch = opened(session, contract, where, files, session.data().connect())
    except (Misfit, Unreadable) as problem:
        if all(path.is_file() for path in files):  # what came is broken: whoever watches must hear of it
            session.ledger.append(_refused(session, name, files, problem, watching))
        raise
    policy, ordered = contract.on_violation, batch.rules.sort if contract.ordered else ()
    digests = [sha256_of(path) for path in files]
    judged = batch.judged(lambda rule: rule.hard or (policy != "warn" and not rule.warns))
    status, title = verdict(batch, judged, monitor), summary(batch, judged, _named(files))
    limit = monitor.limits.get("bad_share", 0.0) if monitor is not None else 0.0
    record = partial(finding, session, "ingest", name, status, batch, judged, title=title, monitor=watching,
                     limit=limit, digests=digests)
    failed = policy != "warn" and any(not rule.warns for rule in judged.failed)
    refused = failed or (policy == "reject" and judged.bad_rows > 0)
    if refused or not judged.rows:
        session.ledger.append(record())
        landed, moved = list[Landed](), None
    else:
        moved = regrouped(session.data(), session.current(name), batch.rules, where) if judged.good_rows else None
        source = source_of(zip((path.name for path in files), digests, strict=True))
        landed = land(session, _written(session, name, batch, judged, source, digests, ordered), source,
                      lambda states: record(data=[each.after.id for each in states]), moved)
    catalogued.ping(session, name)
    there = session.current(name)
    return _view(name, title, status, batch, judged, landed, moved, there.rows if there is not None else 0)


def _refused(session: Session, name: str, files: Sequence[Path], problem: Refusal, watching: str) -> Finding:
    """That nothing of the files could be taken in, and why."""
    return Finding(check="ingest", subject=name, status=Status.FAIL.value, unit="bad rows",
                   title=f"Nothing was taken in: {problem.what}", monitor=watching,
                   declaration=session.declaration("dataset", name),
                   detail={"files": [path.name for path in files], "refused": problem.code, "next": problem.next})


def _named(files: Sequence[Path]) -> str:
    return files[0].name if len(files) == 1 else f"{files[0].name} … {files[-1].name}"


def _written(session: Session, name: str, batch: Batch, judged: Judged, source: str, digests: Sequence[str],
             ordered: Sequence[str]) -> list[Manifest]:
    """Both halves as files of the lake. A source that brings bad rows has a partition of its own in the quarantine."""
    lake, rules, made = session.data(), batch.rules, []
    guard, cursor = guard_of(session, name, known=rules.partition), batch.cursor
    if judged.good_rows:
        whole = kept_whole(lake, name, batch, judged, digests, sorted_by=ordered) \
            if not guard and not batch.left_out else None
        made.append(whole or lake.write(name, guard.query(cursor, batch.good(judged)), sort=rules.sort,
                                        partition_by=rules.partition, connection=cursor))
    if judged.bad_rows:
        more = (f"{batch.name_of_file()} AS _file", f"{literal(batch_of(source))} AS {KEY}")
        made.append(lake.write(quarantine_of(name), guard.query(cursor, batch.quarantine(judged, more=more)),
                               sort=("_file", "_row") if guard else (), partition_by=(KEY,), connection=cursor))
    return made


def _view(name: str, title: str, status: Status, batch: Batch, judged: Judged, landed: Sequence[Landed],
          moved: Regrouped | None, there: int) -> View:
    good = next((each for each in landed if each.written.dataset == name), None)
    aside = next((each for each in landed if each.written.dataset != name), None)
    parts = good.partitions() if good else []
    facts: dict[str, Cell] = {
        "rows": judged.rows, "good_rows": judged.good_rows, "bad_rows": judged.bad_rows,
        "warned_rows": judged.warned_rows,
        "taken_in": good.written.rows if good and good.changed else 0, "dataset": name,
        "rows_before": (good.before.rows if good.before else 0) if good else there,
        "rows_now": good.after.rows if good else there,
        "snapshot": good.after.id if good else None, "quarantine": aside.after.id if aside else None}
    rows: list[Row] = [{"partition": part, "change": change, "rows_before": before, "rows": now}
                       for part, change, before, now in parts]
    table = Table.of("partitions", rows, "partition", "change", "rows_before", "rows")
    notes = [*([str(moved)] if moved else []), *_notes(name, batch, judged, good, aside)]
    body = [Text(note) for note in notes]
    shown: list[Part] = [Facts(facts), *body, table, rules_table(batch, judged)]
    actions = [Action("What came in", ("snapshot", "log", name))] if good else []
    actions += [Action("What was set aside", ("quarantine", "show", name, aside.written.files[0].partition[KEY]))
                ] if aside else []
    return View(f"{name}: {title}{_replacing(good)}", status, tuple(shown), tuple(actions))


def _replacing(good: Landed | None) -> str:
    """What became of a dataset that is one partition: nothing of it stays."""
    if good is None or good.before is None or not good.changed or good.written.partitioned_by != ((),):
        return ""
    return f"; {good.after.rows:,} rows replace all {good.before.rows:,} that were there"


def _notes(name: str, batch: Batch, judged: Judged, good: Landed | None, aside: Landed | None) -> Iterator[str]:
    """What a person should know before the tables."""
    if not judged.rows:
        yield f"{name} stays as it was."
    elif good is None and aside is None:
        yield f"Nothing was taken in: {name} stays as it was, and so does the file."
    elif not any(each.changed for each in (good, aside) if each):
        yield "Already there: nothing was appended."
    for part, change, before, now in good.partitions() if good else []:
        if change == "replaced":
            yield f"{part}: {before:,} rows were replaced by {now:,}; `snapshot restore` brings them back."
    if aside and aside.changed:
        yield f"{aside.written.rows:,} rows were set aside in {aside.written.dataset}."
    if batch.left_out:
        yield f"{counted(batch.left_out, 'row was', 'rows were')} left out, and kept nowhere: their people opted out."
    if batch.rules.ignored:
        yield f"Left out, since the contract does not name them: {', '.join(batch.rules.ignored)}."
    yield from evolution(batch)
    yield from advice(batch, judged)
    for each in batch.rules.unchecked:
        yield f"Not checked: {each}."
