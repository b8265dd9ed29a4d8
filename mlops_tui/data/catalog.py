"""The catalogue of the data: what each field means, whose it is, what is known of it, and who reads it."""

from collections.abc import Mapping
from datetime import datetime

import click

from mlops_tui import folds
from mlops_tui.capability import decide, look, measure, noun
from mlops_tui.data import _catalogued as catalogued
from mlops_tui.data._aside import quarantine_of
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput
from mlops_tui.oversight.watching import watching
from mlops_tui.quality.contracttext import written
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, counted, worst
from store.facts import Finding, SignOff
from store.lake import Manifest

catalog = noun("catalog", __doc__ or "", bare="list", subject="show", package=__package__)
BAD = (Status.FAIL, Status.WARN)
JUDGES = ("ingest", "validate", "health")


@look(of=catalog, fold=True)
def list_(session: Session) -> View:
    """Every dataset: its domain, owner and steward, how far it is described, and how its data stand.

    \b
    Example: mlops-tui catalog
    """
    project = session.declared()
    rows = [line(session, name, contract) for name, contract in project.datasets.items()]
    open_ = sum(int(str(row["undocumented"])) for row in rows)
    said = counted(len(rows), "dataset") + (f", {counted(open_, 'field')} undocumented" if open_ else "")
    table = Table.of("datasets", rows, "quality", "dataset", "domain", "owner", "steward", Column("rows", digits=0),
                     "newest", Column("documented", share=True), Column("personal", digits=0), Column("signed"))
    actions = [Action(f"More of {row['dataset']}", ("catalog", "show", str(row["dataset"]))) for row in rows[:3]]
    return View(said if rows else "No dataset is declared", Status.WARN if open_ else Status.DONE, (table,),
                (*actions, *([Action("What nobody has described", ("catalog", "undocumented"))] if open_ else [])))


def line(session: Session, name: str, contract: Contract) -> Row:
    """What there is to say of a dataset in one line."""
    state, came = session.current(name), catalogued.unnamed(session, name)
    fields, gaps = len(contract.properties) + len(came), catalogued.gaps(contract, came)
    open_ = sum(gap.undocumented for gap in gaps)
    return {"dataset": name, "domain": contract.domain or None, "owner": catalogued.people(contract, "owner"),
            "steward": catalogued.people(contract, "steward"), "rows": state.rows if state else None,
            "newest": _newest(session, contract, state), "documented": (fields - open_) / fields if fields else None,
            "undocumented": open_, "incomplete": sum(not gap.undocumented for gap in gaps),
            "personal": sum(map(catalogued.personal, contract.properties)), **_quality(session, name),
            "signed": catalogued.said_of(catalogued.signed(session, name)), "fields": fields}


def _quality(session: Session, name: str) -> Row:
    """The worst of what the newest look of each kind said of the data: `reason`, by which look, and rows that wait."""
    entries = session.ledger.entries("finding", subject=name)
    found = [entry.fact for check in JUDGES
             if (entry := folds.latest_finding(entries, check, name)) is not None and isinstance(entry.fact, Finding)]
    quality, waiting = worst([Status(each.status) for each in found]), session.current(quarantine_of(name))
    said = next((each for each in found if quality is Status(each.status)), None) if quality in BAD else None
    return {"quality": quality, "reason": said.title if said else None, "looked": said.check if said else None,
            "waiting": waiting.rows if waiting else 0}


def why(name: str, row: Row) -> tuple[Action, ...]:
    """What leads to the reason, where the data do not stand well."""
    if row["quality"] not in BAD:
        return ()
    argv = ("quarantine", "list", name) if row["waiting"] else \
        ("health", name, "--preview") if row["looked"] == "health" else ("contract", "show", name)
    return (Action("Why it fails" if row["quality"] is Status.FAIL else "Why it warns", argv),)


def _newest(session: Session, contract: Contract, state: Manifest | None) -> datetime | str | None:
    """The newest day, or when it last changed where it has none."""
    if state is None:
        return None
    days = [file.partition["day"] for file in state.files if "day" in file.partition]
    entries = session.ledger.entries("snapshot", subject=state.dataset)
    return max(days, default="") or (entries[-1].effective_at if entries else None)


def purpose(contract: Contract) -> str:
    """What the data are for; empty where nobody said."""
    described = contract.description
    said = described.get("purpose", "") if isinstance(described, Mapping) else described
    return str(said or contract.schema[0].description).strip()


# -- what is left open ----------------------------------------------------------------------------------------------


@look(of=catalog)
@click.argument("dataset", required=False)
def undocumented(session: Session, dataset: str | None) -> View:
    """Fields without description, unit or class, and columns that came and are in no contract, with their steward.

    \b
    Example: mlops-tui catalog undocumented flights
    """
    project = session.declared()
    names = [project.subject(dataset, "dataset").name] if dataset else list(project.datasets)
    rows, lacking = list[Row](), list[tuple[str, ...]]()
    for name in names:
        contract = project.dataset(name)
        stewards = catalogued.people(contract, "steward")
        gaps = catalogued.gaps(contract, catalogued.unnamed(session, name))
        lacking += [gap.lacks for gap in gaps]
        rows += [{"status": Status.FAIL if gap.came else Status.WARN if gap.undocumented else Status.UNKNOWN,
                  "field": f"{name}.{gap.column}", "lacks": gap.lacks, "came": gap.came, "steward": stewards,
                  "undocumented": gap.undocumented} for gap in gaps]
    rows.sort(key=lambda row: (not row["came"], not row["undocumented"]))
    open_ = sum(bool(row["undocumented"]) for row in rows)
    title = f"{counted(open_, 'field')} undocumented" if open_ else "Every field is described"
    more = sum(bool({"unit", "class"} & set(gap)) for gap in lacking)
    title += f"; {more} without unit or class" if more else ""
    facts: dict[str, Cell] = {"undocumented": open_, "without_unit_or_class": more,
                              "not_in_contract": sum(bool(row["came"]) for row in rows)}
    return View(title, Status.WARN if rows else Status.PASS,
                (Facts(facts), Table.of("undocumented", rows, "status", "field", "lacks", "steward")),
                tuple(Action(f"Check {name}", ("catalog", "check", name)) for name in names[:3]))


@look(of=catalog)
@click.argument("dataset")
def export(session: Session, dataset: str) -> View:
    """The contract of DATASET as a document of the Open Data Contract Standard, for other catalogues to read.

    \b
    Example: mlops-tui catalog export flights
    """
    name = session.declared().subject(dataset, "dataset").name
    contract = session.declared().dataset(name)
    return View(f"The contract of {name}, {contract.apiVersion}", Status.DONE, (Text(written(contract), "code"),),
                (Action("Check it", ("contract", "lint", name)),))


@measure(of=catalog)
@click.argument("dataset")
@click.option("--monitor", default=None, help="Judge as this declared monitor does; its alert goes to the steward.")
def check(session: Session, dataset: str, monitor: str | None) -> View:
    """Fail where DATASET has fields that nobody has described, or columns came that its contract does not name.

    \b
    Example: mlops-tui catalog check flights
    """
    name = session.declared().subject(dataset, "dataset").name
    if monitor is not None:
        watching(session, "catalog", name, monitor)
    found = catalogued.finding(session, name, monitor or "")
    session.ledger.append(found)
    facts: dict[str, Cell] = {"undocumented": tuple(found.detail["undocumented"]), "fields": found.n,
                              "came": tuple(found.detail["came"]), "steward": tuple(found.detail["stewards"])}
    return View(found.title, Status(found.status), (Facts(facts),),
                (Action("What is left open", ("catalog", "undocumented", name)),))


@decide(of=catalog)
@click.argument("dataset")
def sign(session: Session, dataset: str, reason: str) -> View:
    """Sign for the contract of DATASET as it stands, as its steward; a change of the contract voids it.

    \b
    Example: mlops-tui catalog sign flights --reason "read with the airport team"
    """
    project = session.declared()
    name = project.subject(dataset, "dataset").name
    came = catalogued.unnamed(session, name)
    if came:
        raise BadInput(f"{', '.join(came)} came with {name}, and its contract does not say what that is.",
                       where=str(project.path_of("dataset", name)), next="Declare it first, then sign.")
    digest = session.declaration("dataset", name)
    session.ledger.append(SignOff(subject=name, item=catalogued.ITEM, checklist="", choice="yes", reason=reason,
                                  evidence=digest))
    open_ = [gap.column for gap in catalogued.gaps(project.dataset(name)) if gap.undocumented]
    facts: dict[str, Cell] = {"dataset": name, "contract": digest[:12], "undocumented": tuple(open_)}
    return View(f"The contract of {name} is signed", Status.DONE, (Facts(facts),),
                (Action("Look at it", ("catalog", "show", name)),))
