"""Rows of a file held against a data contract: how many break which rule, and which ones."""

from pathlib import Path

import click
import duckdb

from mlops_tui import declare
from mlops_tui.capability import LocalPath, local_path, measure
from mlops_tui.data._batch import Batch, Judged, alone, opened
from mlops_tui.data._verdict import finding, monitor_of, rules_table, summary, verdict
from mlops_tui.errors import NotFound, nearest
from mlops_tui.kinds import Contract
from mlops_tui.rowrules import Rule
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Part, Status, Text, View


@measure
@click.argument("contract")
@click.argument("file", type=LocalPath())
@click.option("--good", type=LocalPath(), help="Write the good rows here, as they are in FILE.")
@click.option("--quarantine", type=LocalPath(), help="Write the bad rows here, with the rules they broke.")
@click.option("--overwrite", is_flag=True, help="Replace what is in the files of --good and --quarantine.")
def validate(session: Session, contract: str, file: Path, good: Path | None, quarantine: Path | None, *,
             overwrite: bool) -> View:
    """Hold every row of FILE against CONTRACT: a declared dataset, or an ODCS file.

    \b
    Example: mlops-tui validate datasets/flights.yaml 2013-06-01.parquet --quarantine bad.parquet
    """
    declared, where, name = _contract(session, contract)
    batch = opened(session, declared, where, [file], _cursor(session))
    for target in (good, quarantine):
        if target is not None:
            batch.check_target(target, overwrite=overwrite)
    judged = batch.judged(_makes_bad)
    if good is not None:
        batch.write(batch.good_as_read(judged), good)
    if quarantine is not None:
        as_text = quarantine.suffix.lower() == ".csv"
        batch.write(batch.quarantine(judged, as_text=as_text), quarantine)
    watching, monitor = monitor_of(session, "validate", name)
    status, title = verdict(batch, judged, monitor), summary(batch, judged, file.name)
    if name:
        session.ledger.append(finding(session, "validate", name, status, batch, judged, title=title, monitor=watching))
    return View(title, status, tuple(_parts(batch, judged)), _next(name, file, status))


def _makes_bad(rule: Rule) -> bool:
    return not rule.warns


def _contract(session: Session, text: str) -> tuple[Contract, Path, str]:
    """The contract, where it is written, and the dataset it declares (empty for a file of its own)."""
    path = Path(text)
    if path.is_file() and path.suffix.lower() in (".yaml", ".yml"):
        return declare.read(Contract, local_path(session, text)), path, ""
    project = session.project
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
    return [Facts(facts), rules_table(batch, judged), *(Text(f"Not checked: {each}") for each in batch.rules.unchecked)]


def _next(name: str, file: Path, status: Status) -> tuple[Action, ...]:
    if not name:
        return ()
    return (Action("Take it in", ("ingest", name, "--file", str(file))),) if status is not Status.FAIL else ()
