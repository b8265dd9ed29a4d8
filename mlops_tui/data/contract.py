"""What is agreed about the data: contracts listed, explained, checked for mistakes, compared, read off a file."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from mlops_tui.capability import LocalPath, local_path, look, noun
from mlops_tui.data._aside import asides
from mlops_tui.data._batch import alone, opened, stated
from mlops_tui.data._misfits import misfits_of
from mlops_tui.data._places import placed
from mlops_tui.data._readers import readers
from mlops_tui.data._shared import shared_values
from mlops_tui.data.profile import first_contract
from mlops_tui.declarations import declare
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput, NotDeclared, NotFound, Refusal, Unreadable, nearest
from mlops_tui.quality.contracts import compiled
from mlops_tui.quality.evolution import Change, changes, file_changes, no_values
from mlops_tui.quality.partitions import as_it_lies
from mlops_tui.quality.rowrules import Compiled
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Part, Row, Status, Table, Text, View, counted
from store.facts import Finding
from store.scan import engine, scan_file

contract = noun("contract", __doc__ or "", bare="list", subject="show")

JUDGES = ("ingest", "validate")
ENDINGS = (".yaml", ".yml")


# -- what there is ----------------------------------------------------------------------------------------------------


@look(of=contract)
def list_(session: Session) -> View:
    """Every declared contract: its rules, the last verdict on its data, and the rows that wait in quarantine.

    \b
    Example: mlops-tui contract list
    """
    project = session.declared()
    rows: list[Row] = [{"dataset": name, "version": each.version, "columns": len(each.properties),
                        **_standing(session, name)} for name, each in project.datasets.items()]
    table = Table.of("contracts", rows, "status", "dataset", "version", "columns", "rows", "judged_at", "waiting")
    return View(counted(len(rows), "contract"), Status.DONE, (table,), tuple(
        Action(f"What {row['dataset']} promises", ("contract", "show", str(row["dataset"]))) for row in rows[:3]))


def _standing(session: Session, name: str) -> dict[str, Cell]:
    """How a dataset's data stand: the last verdict and when, how many rows it has, how many wait."""
    verdicts = [entry for entry in session.ledger.entries("finding", subject=name)
                if isinstance(entry.fact, Finding) and entry.fact.check in JUDGES]
    state = session.current(name)
    waiting = sum(each.rows for each in asides(name, session.current(f"{name}.quarantine"), ()))
    fact = verdicts[-1].fact if verdicts else None
    status = Status(fact.status) if isinstance(fact, Finding) else Status.UNKNOWN
    return {"status": status, "rows": state.rows if state else None, "waiting": waiting,
            "judged_at": verdicts[-1].effective_at if verdicts else None,
            "verdict": fact.title if isinstance(fact, Finding) else None}


@look(of=contract)
@click.argument("dataset")
def show(session: Session, dataset: str) -> View:
    """What DATASET promises, in words, with the last verdict and the rows that wait in quarantine.

    \b
    Example: mlops-tui contract show flights
    """
    project = session.declared()
    name = project.subject(dataset, "dataset").name
    declared = project.dataset(name)
    rules = _compiled(session, declared, project.path_of("dataset", name))
    standing = _standing(session, name)
    facts: dict[str, Cell] = {
        "dataset": name, "version": declared.version, "columns": len(declared.properties), "rules": len(rules.rules),
        "last_verdict": standing["verdict"], "judged_at": standing["judged_at"], "waiting": standing["waiting"],
        "on_violation": declared.on_violation, "partitioned_by": declared.partition_by or None}
    names = [item.name for item in declared.properties]
    columns: list[Row] = [{
        "column": item.name, "type": item.logicalType, "asks": _asks(rules, item.name),
        "description": item.description or None} for item in declared.properties]
    whole: list[Row] = [{"rule": rule.id, "says": rule.says} for rule in rules.rules if rule.column not in names]
    parts: list[Part] = [Facts(facts), Table.of("columns", columns, "column", "type", "asks")]
    parts += [Table.of("whole", whole, "rule", "says", title="About several columns, or all rows")] if whole else []
    parts += [Text(f"Not checked: {each}.") for each in rules.unchecked]
    actions = (Action("Has it changed since the data came?", ("contract", "diff", name)),
               *([Action("Look at the rows that wait", ("quarantine", "list", name))] if standing["waiting"] else []))
    status = standing["status"]
    return View(f"{name} promises {counted(len(rules.rules), 'thing')}", status if isinstance(status, Status)
                else Status.UNKNOWN, tuple(parts), actions)


def _asks(rules: Compiled, column: str) -> tuple[str, ...]:
    """What is asked of a column, in words; that a value has the declared type goes without saying."""
    return tuple(f"{rule.says}{' (warns)' if rule.warns else ''}" for rule in rules.rules
                 if rule.column == column and rule.name != "type")


def _compiled(session: Session, declared: Contract, where: Path) -> Compiled:
    """The contract against columns as it declares them: what it says of itself."""
    known = session.declared().datasets if session.project is not None else {}

    def columns(dataset: str) -> Sequence[str]:
        if dataset not in known:
            raise NotDeclared(f"No dataset '{dataset}' in datasets/.", where=str(where),
                              next=nearest(dataset, known) or f"Declared: {', '.join(known) or 'nothing'}.")
        return [item.name for item in known[dataset].properties]

    return compiled(declared, stated(declared), place=placed(where), known=columns if session.project else None,
                    zone=str(session.project.zone) if session.project else "", file="The contract")


# -- mistakes ---------------------------------------------------------------------------------------------------------


@look(of=contract)
@click.argument("subject")
def lint(session: Session, subject: str) -> View:
    """Every mistake in the contract of SUBJECT, a dataset or an ODCS file: file and line, and the nearest right word.

    \b
    Example: mlops-tui contract lint datasets/flights.yaml
    """
    path, _ = _file(session, subject)
    rules: Compiled | None = None
    try:
        declared = declare.read(Contract, path)
        rules = _compiled(session, declared, path)
        wrong = list(_do_not_run(session, declared, path))
    except Refusal as problem:
        wrong = [problem, *(problem.also if isinstance(problem, Unreadable) else ())]
    rows: list[Row] = [{"where": each.where, "line": _line(each.where), "what": each.what, "next": each.next or None}
                       for each in wrong]
    unchecked: list[Row] = [{"what": each} for each in (rules.unchecked if rules is not None else ())]
    facts = Facts({"file": str(path), "mistakes": len(rows), "unchecked": len(unchecked),
                   "rules": len(rules.rules) if rules is not None else None})
    parts: list[Part] = [facts]
    parts += [Table.of("mistakes", rows, "line", "what", "next")] if rows else []
    parts += [Table.of("unchecked", unchecked, "what", title="Said, but not checked")] if unchecked else []
    if rows:
        return View(f"{path.name} has {counted(len(rows), 'mistake')}", Status.FAIL, tuple(parts))
    also = f"; {counted(len(unchecked), 'thing is', 'things are')} not checked" if unchecked else ""
    return View(f"{path.name} has no mistakes{also}", Status.WARN if unchecked else Status.PASS, tuple(parts))


def _line(where: str) -> int | None:
    """The number after the last colon of a place."""
    number = where.rpartition(":")[2]
    return int(number) if number.isdigit() else None


def _do_not_run(session: Session, declared: Contract, path: Path) -> Iterator[Refusal]:
    """The rules whose SQL DuckDB does not take."""
    batch = opened(session, declared, path, [], session.data().connect() if session.project else alone())
    for rule in batch.rules.row_rules:
        try:
            batch.attempt(rule)
        except Refusal as problem:
            yield problem


def _file(session: Session, subject: str) -> tuple[Path, str]:
    """Where a contract is written, and the dataset it declares (empty for a file of its own)."""
    path = Path(subject)
    if path.suffix.lower() in ENDINGS and path.is_file():
        return local_path(session, subject), ""
    if session.project is not None:
        name = subject.removeprefix("dataset/").partition("@")[0]
        place = session.project.path_of("dataset", name)
        if place.is_file():  # a file with mistakes is no declared dataset, and yet the one that is meant
            return place, name
        name = session.project.subject(subject, "dataset").name
        return session.project.path_of("dataset", name), name
    known = [each.name for each in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
    raise NotFound(f"No contract file '{subject}'.", where=str(session.directory),
                   next=nearest(path.name, known) or "Name an ODCS file; a dataset's name needs a project.")


# -- changes ----------------------------------------------------------------------------------------------------------


@look(of=contract)
@click.argument("a")
@click.argument("b", required=False)
def diff(session: Session, a: str, b: str | None) -> View:
    """What changed from contract A to contract B, and who that breaks; A and B are ODCS files or datasets.

    A dataset alone: from the contract by which its newest data came to the one that is declared now.

    \b
    Example: mlops-tui contract diff flights
             mlops-tui contract diff datasets/flights.yaml flights-v2.yaml
    """
    path, name = _file(session, a)
    if b is not None:
        other, dataset = _file(session, b)
        found = changes(declare.read(Contract, path), declare.read(Contract, other))
        return _changed(session, found, name or dataset, f"from {path.name} to {other.name}")
    if not name:
        raise BadInput("With what?", next=f"Name a second file: mlops-tui contract diff {a} OTHER.yaml")
    old = _judged_by(session, name)
    if old is None:
        raise NotFound(f"No data came into '{name}' yet.", next=f"Try: mlops-tui ingest {name} --file FILE")
    found = changes(old, session.declared().dataset(name))
    return _changed(session, found, name, f"in {name} since its newest data came")


def _judged_by(session: Session, name: str) -> Contract | None:
    """The contract by which the newest data of a dataset came in."""
    for entry in reversed(session.ledger.entries("finding", subject=name)):
        if isinstance(entry.fact, Finding) and entry.fact.check in ("ingest", "replay") and entry.fact.declaration:
            text = session.data().object(entry.fact.declaration).decode()
            read = declare.parse(Contract, text, f"{name}, as of {entry.effective_at:%Y-%m-%d %H:%M}")
            return as_it_lies(read, session.declared().root)
    return None


@look(of=contract)
@click.argument("dataset")
@click.option("--file", type=LocalPath(), required=True, help="A Parquet, CSV or JSON file of new data.")
def check(session: Session, dataset: str, file: Path) -> View:
    """How the columns of a FILE differ from what DATASET's contract wants, before it is ingested.

    A column of another type breaks nothing where each of its values can be read as the declared one: `validate` agrees.

    \b
    Example: mlops-tui contract check flights --file 2013-06-01.parquet
    """
    project = session.declared()
    name = project.subject(dataset, "dataset").name
    side = scan_file(file, engine())
    columns = {each.name: each.type for each in side.fields.values()}
    state = session.current(name)
    overlap = shared_values(session.data(), state, side) if state is not None else no_values
    found = file_changes(project.dataset(name), columns, overlap, misfits_of(project.dataset(name), file, engine()))
    return _changed(session, found, name, f"in {file.name} against {name}",
                    Action("Hold its rows against the contract", ("validate", name, str(file))))


def _changed(session: Session, found: Sequence[Change], dataset: str, where: str, *more: Action) -> View:
    """The changes with those who read what breaks."""
    rows: list[Row] = [{
        "verdict": each.verdict, "change": _told(each), "kind": each.kind,
        "guess": each.guess, "column": each.column or None, "was": each.was or None, "now": each.now or None,
        "why": each.why, "readers": _readers(session, dataset, each)} for each in found]
    breaking, unknown = (sum(each.verdict == kind for each in found) for kind in ("breaking", "unknown"))
    facts = Facts({"changes": len(found), "breaking": breaking, "unknown": unknown})
    beside = "readers" if any(row["readers"] for row in rows) else "why"
    table = Table.of("changes", rows, "verdict", "column", "change", beside)
    if not found:
        return View(f"Nothing changed {where}", Status.PASS, (facts,), more)
    said = [f"{breaking} breaking"] * bool(breaking) + [f"{unknown} that cannot be told"] * bool(unknown)
    title = f"{counted(len(found), 'change')} {where}: {', '.join(said) or 'readers keep working'}"
    status = Status.FAIL if breaking else Status.WARN if unknown else Status.PASS
    return View(title, status, (facts, table), more)


def _told(change: Change) -> str:
    """The change in words: widened, integer → number."""
    if change.kind == "renamed":
        return f"renamed to {change.now} (a guess)"
    step = " → ".join(each for each in (change.was, change.now) if each)
    return f"{change.kind}, {step}" if step else change.kind


def _readers(session: Session, dataset: str, change: Change) -> tuple[str, ...]:
    if session.project is None or not dataset or not change.column or change.kind == "added":
        return ()
    return readers(session.project, dataset, change.column)


# -- a first one ------------------------------------------------------------------------------------------------------


@look(of=contract)
@click.argument("file", type=LocalPath())
def infer(session: Session, file: Path) -> View:
    """A first contract that FILE keeps, to be looked over line by line; `init --from FILE` writes it.

    \b
    Example: mlops-tui contract infer customers.csv
    """
    return first_contract(session, str(file))
