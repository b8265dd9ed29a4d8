"""The catalogue of the data: what each field means, whose it is, what is known of it, and who reads it."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches

import click

from mlops_tui import anomalies, featurelist, folds, profiles
from mlops_tui.analysis.sketch import Sketch
from mlops_tui.capability import decide, look, measure, noun
from mlops_tui.contracttext import written
from mlops_tui.data import _catalogued as catalogued
from mlops_tui.data._aside import quarantine_of
from mlops_tui.data._readers import readers
from mlops_tui.errors import BadInput, NotFound, nearest
from mlops_tui.kinds import Contract, Property
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted, worst
from mlops_tui.watching import watching
from store.facts import Finding, SignOff, Snapshot
from store.lake import Manifest

catalog = noun("catalog", __doc__ or "", bare="list", subject="show")
BAD = (Status.FAIL, Status.WARN)
JUDGES = ("ingest", "validate", "health")


@look(of=catalog)
def list_(session: Session) -> View:
    """Every dataset: its domain, owner and steward, how far it is described, and how its data stand.

    \b
    Example: mlops-tui catalog
    """
    project = session.declared()
    rows = [_line(session, name, contract) for name, contract in project.datasets.items()]
    open_ = sum(int(str(row["undocumented"])) for row in rows)
    said = counted(len(rows), "dataset") + (f", {counted(open_, 'field')} undocumented" if open_ else "")
    table = Table.of("datasets", rows, "quality", "dataset", "domain", "owner", "steward", Column("rows", digits=0),
                     "newest", Column("documented", share=True), Column("personal", digits=0), Column("signed"))
    actions = [Action(f"More of {row['dataset']}", ("catalog", "show", str(row["dataset"]))) for row in rows[:3]]
    return View(said if rows else "No dataset is declared", Status.WARN if open_ else Status.DONE, (table,),
                (*actions, *([Action("What nobody has described", ("catalog", "undocumented"))] if open_ else [])))


def _line(session: Session, name: str, contract: Contract) -> Row:
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


def _why(name: str, row: Row) -> tuple[Action, ...]:
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


# -- one dataset, one field -----------------------------------------------------------------------------------------


@look(of=catalog)
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
    row = _line(session, name, contract)
    facts: dict[str, Cell] = {
        "domain": contract.domain or None, "purpose": _purpose(contract), "owner": row["owner"],
        "steward": row["steward"], "rows": row["rows"], "newest": row["newest"],
        "comes": catalogued.frequency(contract, str(project.path_of("dataset", name))),
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
    return View(f"{name}: {_purpose(contract) or counted(len(rows), 'field')}", status, tuple(parts),
                (*_why(name, row), Action("Sign it off", ("catalog", "sign", name), ("reason",)),
                 Action("What it promises", ("contract", "show", name)),
                 Action("What came in", ("snapshot", "log", name)),
                 Action("What is left open", ("catalog", "undocumented", name))))


def _purpose(contract: Contract) -> str:
    described = contract.description
    said = described.get("purpose", "") if isinstance(described, Mapping) else described
    return str(said or contract.schema[0].description).strip()


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


# -- searching ------------------------------------------------------------------------------------------------------


@look(of=catalog)
@click.argument("words", nargs=-1, required=True)
def search(session: Session, words: tuple[str, ...]) -> View:
    """Datasets, fields and features whose name, description, tags or people have all WORDS, the best first.

    \b
    Example: mlops-tui catalog search arrival delay
    """
    asked = [word.casefold() for word in words]
    found = sorted(((score, row) for texts, row in _documents(session) if (score := _score(texts, asked))),
                   key=lambda each: (-each[0], str(each[1]["name"])))
    if not found:
        near = _near(session, asked)
        hint = f" Did you mean '{near}'?" if near else ""
        return View(f"Nothing is called or described by {' '.join(words)}.{hint}", Status.UNKNOWN, (),
                    ((Action(f"Search {near}", ("catalog", "search", *near.split())),) if near else ()))
    rows = [row for _, row in found]
    table = Table.of("found", rows, "kind", "name", Column("description", cut=90))
    return View(f"{counted(len(rows), 'match', 'matches')} for {' '.join(words)}", Status.DONE, (table,),
                tuple(Action(f"More of {row['name']}", _more(row)) for row in rows[:3]))


def _more(row: Row) -> tuple[str, ...]:
    return ("dictionary" if row["kind"] == "feature" else "catalog", "show", str(row["name"]))


Texts = Sequence[tuple[float, str]]  # how much a word in it counts, and the text


def _documents(session: Session) -> Iterator[tuple[Texts, Row]]:
    """Everything that can be found, with its texts."""
    project = session.declared()
    for name, contract in project.datasets.items():
        whole, people = contract.schema[0], " ".join((*catalogued.people(contract, ""),))
        yield ((5, name), (4, f"{contract.name} {whole.businessName}"), (3, " ".join((*contract.tags, *whole.tags))),
               (2, f"{_purpose(contract)} {whole.description} {contract.domain}"), (2, people)), {
            "kind": "dataset", "name": name, "description": _purpose(contract)}
        for item in contract.properties:
            yield ((5, item.name), (4, item.businessName), (3, " ".join(item.tags)), (2, item.description),
                   (1, f"{name} {item.classification}")), {
                "kind": "field", "name": f"{name}.{item.name}", "description": item.description}
    for each in featurelist.features(project):
        if each.view in project.features:
            view = project.features[each.view]
            yield ((5, each.name), (3, each.view), (2, each.description), (1, f"{view.description} {each.owner}")), {
                "kind": "feature", "name": each.id, "description": each.description}


def _score(texts: Texts, asked: Sequence[str]) -> float:
    """What each word counts where it counts most; nothing where a word is nowhere. A beginning counts half."""
    total = 0.0
    for word in asked:
        best = max((_worth(weight, text.casefold(), word) for weight, text in texts), default=0.0)
        if not best:
            return 0.0
        total += best
    return total


def _worth(weight: float, text: str, word: str) -> float:
    words = _words(text)
    if text == word:
        return weight + 1
    return weight if word in words else weight / 2 if any(each.startswith(word) for each in words) else 0.0


def _words(text: str) -> list[str]:
    cut = "".join(letter if letter.isalnum() else " " for letter in text)
    return [*cut.split(), *text.split()]


def _near(session: Session, asked: Sequence[str]) -> str:
    """The words that were meant, as far as there are any like them."""
    known = sorted({word for texts, _ in _documents(session) for _, text in texts for word in _words(text.casefold())})
    meant = [next(iter(get_close_matches(word, known, n=1, cutoff=0.7)), "") for word in asked]
    return " ".join(meant) if all(meant) and list(meant) != list(asked) else ""


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
    rows: list[Row] = []
    for name in names:
        contract = project.dataset(name)
        stewards = catalogued.people(contract, "steward")
        gaps = catalogued.gaps(contract, catalogued.unnamed(session, name))
        rows += [{"status": Status.FAIL if gap.came else Status.WARN if gap.undocumented else Status.UNKNOWN,
                  "field": f"{name}.{gap.column}", "lacks": gap.lacks, "came": gap.came, "steward": stewards,
                  "undocumented": gap.undocumented} for gap in gaps]
    rows.sort(key=lambda row: (not row["came"], not row["undocumented"]))
    open_ = sum(bool(row["undocumented"]) for row in rows)
    title = f"{counted(open_, 'field')} undocumented" if open_ else "Every field is described"
    more = len(rows) - open_
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
