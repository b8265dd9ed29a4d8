"""One dataset, or one field of it: what it means, whose it is, what is known of it, and who reads it."""

from collections.abc import Iterator, Mapping, Sequence

import click

from mlops_tui.analysis.sketch import Sketch
from mlops_tui.capability import look
from mlops_tui.data import _catalogued as catalogued
from mlops_tui.data._readers import readers
from mlops_tui.data.catalog import BAD, catalog, line, purpose, why
from mlops_tui.declarations import featurelist
from mlops_tui.declarations.odcs import Contract, Property
from mlops_tui.errors import NotFound, Refusal, nearest
from mlops_tui.profiling import profiles
from mlops_tui.quality import anomalies, calendars
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, View, counted
from store.facts import Snapshot


@look(of=catalog, fold=True)
@click.argument("dataset", metavar="DATASET[.COLUMN]")
def show(session: Session, dataset: str) -> View:
    """What DATASET is: its fields with unit and class, its people, its known anomalies, what feeds and reads it.

    \b
    Example: mlops-tui catalog show flights
             mlops-tui catalog show flights.arr_delay
    """
    project = session.declared()
    whole, _, column = dataset.partition(".")
    name = project.subject(whole, "dataset").name
    contract = project.dataset(name)
    if column:
        return _field(session, name, contract, column)
    row = line(session, name, contract)
    facts: dict[str, Cell] = {
        "domain": contract.domain or None, "purpose": purpose(contract), "owner": row["owner"],
        "steward": row["steward"], "rows": row["rows"], "newest": row["newest"],
        "comes": _frequency(contract, str(project.path_of("dataset", name))),
        "documented": f"{row['fields'] - row['undocumented']} of {row['fields']} fields",  # type: ignore[operator]
        "personal_fields": row["personal"], "quality": row["quality"],
        **({"reason": row["reason"], "rows_waiting": row["waiting"]} if row["quality"] in BAD else {}),
        "signed": row["signed"], "fed_by": _fed_by(session, name), "read_by": _read_by(session, name)}
    columns = _newest_columns(session, name)
    used = _used(session, name)
    rows = [_shown(item, columns, used.get(item.name, ())) for item in contract.properties]
    rows += [{"field": each, "status": Status.FAIL, "description": "came, and is not in the contract"}
             for each in catalogued.unnamed(session, name)]
    table = Table.of("fields", rows, "status", "field", Column("description", cut=70), "unit", "class", "features",
                     title="Fields")
    parts: list[Part] = [Facts(facts), table, *_anomalies(contract)]
    status = Status.WARN if row["undocumented"] else Status.DONE
    return View(f"{name}: {purpose(contract) or counted(len(rows), 'field')}", status, tuple(parts),
                (*why(name, row), Action("Sign it off", ("catalog", "sign", name), ("reason",)),
                 Action("What it promises", ("contract", "show", name)),
                 Action("What came in", ("snapshot", "log", name)),
                 Action("What is left open", ("catalog", "undocumented", name))))


def _frequency(contract: Contract, where: str) -> str:
    """When data are to come, in words."""
    try:
        found = calendars.declared(contract, where)
    except Refusal as problem:
        return problem.what
    if found is None:
        return "not declared"
    by = f", due by {found.by}" if found.by else ""
    latency = f", {calendars.hours(found.latency)} h after it begins" if found.latency is not None and not by else ""
    return f"{found.every}{by}{latency}"


def _fed_by(session: Session, name: str) -> tuple[str, ...]:
    """The newest source of its rows: files, or a run of a pipeline."""
    newest = [entry.fact for entry in session.ledger.entries("snapshot", subject=name)
              if isinstance(entry.fact, Snapshot) and entry.fact.source][-1:]
    return tuple(f"{fact.source[:60]}{'…' if len(fact.source) > 60 else ''}" for fact in newest)


def _read_by(session: Session, name: str) -> tuple[str, ...]:
    """The features, models, pipeline steps and contracts that read any of its columns."""
    project = session.declared()
    found = [each for item in project.dataset(name).properties for each in readers(project, name, item.name)]
    return tuple(dict.fromkeys(found))


def _used(session: Session, name: str) -> dict[str, tuple[str, ...]]:
    """The features that each column goes into, by their SQL."""
    found: dict[str, list[str]] = {}
    for each in featurelist.features(session.declared()):
        for dataset, column in each.sources:
            if dataset == name:
                found.setdefault(column, []).append(each.name)
    return {column: tuple(names) for column, names in found.items()}


def _newest_columns(session: Session, name: str) -> Mapping[str, Sketch]:
    """What the newest file holds, column by column."""
    state = session.current(name)
    if state is None or not state.files:
        return {}
    file = max(state.files, key=lambda each: each.partition.get("day", ""))
    return profiles.profile(session.data(), name, file).columns if not session.read_only else {}


def _shown(item: Property, columns: Mapping[str, Sketch], used: Sequence[str]) -> Row:
    found = columns.get(item.name)
    return {"field": item.name, "business_name": item.businessName or None, "type": item.logicalType,
            "description": item.description or None, "unit": catalogued.unit(item) or None,
            "class": item.classification or None, "personal": catalogued.personal(item), "features": tuple(used[:3]),
            "missing": found.missing_share if found else None, "distinct": found.distinct if found else None,
            "mean": found.mean if found else None, "tags": item.tags,
            "status": Status.PASS if item.description else Status.WARN}


def _anomalies(contract: Contract, column: str = "") -> Iterator[Table]:
    rows: list[Row] = [{"column": each.column or "all", "from": str(each.first) if each.first else "always",
                        "to": str(each.last) if each.last else None, "what": each.what}
                       for each in anomalies.anomalies(contract) if not column or each.column in ("", column)]
    if rows:
        yield Table.of("anomalies", rows, "column", "from", "to", "what", title="Known anomalies")


def _field(session: Session, name: str, contract: Contract, column: str) -> View:
    known = {item.name: item for item in contract.properties}
    if column not in known:
        came = catalogued.unnamed(session, name)
        if column in came:
            raise NotFound(f"'{column}' came with {name}, but its contract does not name it.",
                           where=str(session.declared().path_of("dataset", name)), next="Declare it there.")
        hint = nearest(column, known) or f"Fields: {', '.join(known)}."
        raise NotFound(f"'{name}' has no field '{column}'.", where=f"datasets/{name}.yaml", next=hint)
    row = _shown(known[column], _newest_columns(session, name), _used(session, name).get(column, ()))
    facts: dict[str, Cell] = {key: row[key] for key in ("description", "business_name", "type", "unit", "class", "tags")
                              if row[key] not in (None, "", ())}
    facts |= {"owner": catalogued.people(contract, "owner"), "steward": catalogued.people(contract, "steward")}
    facts |= {key: row[key] for key in ("missing", "distinct", "mean") if row[key] is not None}
    facts["read_by"] = readers(session.declared(), name, column)
    lacks = next((gap.lacks for gap in catalogued.gaps(contract) if gap.column == column), ())
    facts |= {"lacks": lacks} if lacks else {}
    used = _used(session, name).get(column, ())
    actions = tuple(Action(f"More of {each}", ("dictionary", "show", each)) for each in used[:3])
    return View(f"{name}.{column}: {row['description'] or 'nobody has said what it is'}",
                Status.DONE if row["description"] else Status.WARN, (Facts(facts), *_anomalies(contract, column)),
                actions)
