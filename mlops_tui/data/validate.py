"""Rows of a file held against a data contract: how many break which rule, and which ones."""

from pathlib import Path

import click
import duckdb

from mlops_tui.capability import LocalPath, TargetPath, local_path, measure
from mlops_tui.data._batch import Batch, Judged, alone, opened
from mlops_tui.data._verdict import advice, bad_rows, evolution, finding, rules_table, summary, verdict
from mlops_tui.declarations import declare
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import NotDeclared, NotFound, nearest
from mlops_tui.oversight.watching import monitor_of
from mlops_tui.quality.rowrules import Rule
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Part, Status, Table, Text, View
from store.files import reading
from store.written import copied, written_form

FIRST = 5  # bad rows that are shown


@measure
@click.argument("contract")
@click.argument("file", type=LocalPath())
@click.option("--good", type=TargetPath(rows=True), help="Write the good rows here, as they are in FILE.")
@click.option("--quarantine", type=TargetPath(rows=True), help="Write the bad rows here, with the rules they broke.")
def validate(session: Session, contract: str, file: Path, good: Path | None, quarantine: Path | None) -> View:
    """Hold every row of FILE against CONTRACT: a declared dataset, or an ODCS file.

    \b
    Example: mlops-tui validate datasets/flights.yaml 2013-06-01.parquet --quarantine bad.parquet
    """
    declared, where, name = _contract(session, contract, file)
    batch = opened(session, declared, where, [file], _cursor(session))
    judged = batch.judged(_makes_bad)
    if good is not None:
        with reading(batch.paths):
            copied(good, batch.good_as_read(judged), batch.cursor)
    if quarantine is not None:
        with reading(batch.paths):
            copied(quarantine, batch.quarantine(judged, as_text=written_form(quarantine) == "csv"), batch.cursor)
    watching, monitor = monitor_of(session, "validate", name)
    status, title = verdict(batch, judged, monitor), summary(batch, judged, file.name)
    if name:
        session.ledger.append(finding(session, "validate", name, status, batch, judged, title=title, monitor=watching))
    sets_aside = declared.on_violation == "quarantine" and not judged.failed
    takes = name if status is not Status.FAIL or sets_aside else ""
    return View(title, status, tuple(_parts(batch, judged)), _next(contract, file, quarantine, judged, takes))


def _makes_bad(rule: Rule) -> bool:
    return not rule.warns


def _contract(session: Session, text: str, file: Path) -> tuple[Contract, Path, str]:
    """The contract, where it is written, and the dataset it declares (empty for a file of its own)."""
    path = Path(text)
    if path.is_file() and path.suffix.lower() in (".yaml", ".yml"):
        return declare.read(Contract, local_path(session, text)), path, ""
    project = session.project
    if project is not None and not project.datasets:
        raise NotDeclared(f"No dataset '{text}': nothing is declared yet.", where=str(project.root / "datasets"),
                          next=f"Try: mlops-tui init --from {file}")
    if project is not None:
        name = project.subject(text, "dataset").name
        return project.dataset(name), project.path_of("dataset", name), name
    known = [each.name for each in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    raise NotFound(f"No contract file '{text}'.", where=str(Path.cwd()),
                   next=nearest(path.name, known) or "Name an ODCS file; a dataset's name needs a project.")


def _cursor(session: Session) -> duckdb.DuckDBPyConnection:
    return session.data().connect() if session.project else alone()


def _parts(batch: Batch, judged: Judged) -> list[Part]:
    facts: dict[str, Cell] = {"rows": judged.rows, "good_rows": judged.good_rows, "bad_rows": judged.bad_rows,
                              "warned_rows": judged.warned_rows}
    bad = [_first_bad_rows(batch, judged)] if judged.bad_rows else []
    notes = [*evolution(batch), *advice(batch, judged), *(f"Not checked: {each}" for each in batch.rules.unchecked)]
    return [Facts(facts), rules_table(batch, judged), *bad, *map(Text, notes)]


def _first_bad_rows(batch: Batch, judged: Judged) -> Table:
    few = f"The first {FIRST} of {judged.bad_rows:,} bad rows" if judged.bad_rows > FIRST else "Bad rows"
    return bad_rows(batch.rows_of(f"{batch.quarantine(judged)} LIMIT {FIRST}"), f"{few}, counted from 0")


def _next(contract: str, file: Path, quarantine: Path | None, judged: Judged, takes: str) -> tuple[Action, ...]:
    """Bad rows are looked at, all of them where they were written to a file; `takes` is who takes in the good ones."""
    found = []
    if judged.bad_rows and quarantine is None:
        to = f"{file.name.partition('.')[0]}-bad.csv"
        found.append(Action("All bad rows, in a file", ("validate", contract, str(file), "--quarantine", to)))
    if judged.bad_rows and quarantine is not None:
        found.append(Action("What is in the bad rows", ("profile", str(quarantine))))
    if takes:
        label = "Take the good rows in, set the bad ones aside" if judged.bad_rows else "Take it in"
        found.append(Action(label, ("ingest", takes, "--file", str(file))))
    return (*found, *(() if found else (Action("What is in it", ("profile", str(file))),)))
