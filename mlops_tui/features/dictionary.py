"""Feature dictionary: each feature's meaning, its way back to the raw columns, who uses it and how it changed."""

from collections.abc import Iterator, Sequence
from difflib import unified_diff
from pathlib import Path

import click

from mlops_tui import folds
from mlops_tui.capability import LocalPath, look, measure, noun
from mlops_tui.declarations import featurelist
from mlops_tui.declarations.declare import text_of
from mlops_tui.declarations.featurelist import Described
from mlops_tui.declarations.kinds import Feature
from mlops_tui.errors import BadInput, NotDeclared, nearest
from mlops_tui.session import Session
from mlops_tui.tracing.lineage import WHOLE, Derived, Lineage, Origin, lineage
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Series, Status, Table, Text, View, counted, worst
from store.facts import Finding
from store.refusal import NotFound

CHECK = "dictionary"
dictionary = noun("dictionary", __doc__ or "", bare="list", subject="show")
SHOWN = (Column("name", "feature"), Column("view"), Column("description", cut=80), Column("made_of", "made of", cut=60))


@look(of=dictionary)
@click.option("--model", default=None, help="Only what this model uses.")
@click.option("--file", "file", type=LocalPath(), default=None, help="The columns of any SELECT in a file.")
def list_(session: Session, model: str | None, file: Path | None) -> View:
    """Every feature of the project: what it is, what it is made of, and who uses it.

    \b
    Example: mlops-tui dictionary --model flights-delay
             mlops-tui dictionary --file query.sql
    """
    if file is not None:
        if model is not None:
            raise BadInput("A file has no model.", next="Drop --model.")
        return _of_file(session, file)
    known = _features(session, model)
    lacking = [each for each in known if not each.description]
    said = f"{counted(len(known), 'feature')}, {len(lacking) or 'none'} without a description" if known else \
        "No features are declared"
    facts: dict[str, Cell] = {"features": len(known), "undocumented": len(lacking),
                              "unknown_sources": sum(bool(each.unknown) for each in known)}
    actions = [Action(f"More of {each.id}", ("dictionary", "show", each.id)) for each in (lacking or known)[:1]]
    return View(said, Status.WARN if lacking else Status.DONE, (Facts(facts), _table(session, known)),
                (*actions, Action("Check them", ("dictionary", "check"))))


def _features(session: Session, model: str | None) -> list[Described]:
    project = session.declared()
    known = featurelist.features(project)
    if model is None:
        return known
    name = project.subject(model, "model").name
    return [each for each in known if name in each.models]


def _table(session: Session, known: Sequence[Described]) -> Table:
    return Table.of("features", [_row(session, each) for each in known], *SHOWN)


def _row(session: Session, each: Described) -> Row:
    stability, psi = _stability(session, each)
    return {"feature": each.id, "name": each.name, "view": each.view, "description": each.description or None,
            "made_of": _sources(each.sources, each.unknown), "models": each.models, "owner": each.owner,
            "expression": each.expression, "unknown": each.unknown,
            "inherited": each.inherited and bool(each.description), "stability": stability, "psi": psi}


def _sources(sources: Sequence[tuple[str, str]], unknown: Sequence[str]) -> tuple[str, ...]:
    named = tuple(map(_named, sources))
    return (*named, "unknown") if unknown else named or ("constant",)


def _named(origin: Origin) -> str:
    return f"rows of {origin[0]}" if origin[1] == WHOLE else ".".join(origin)


def _stability(session: Session, each: Described) -> tuple[str | None, float | None]:
    """What the newest look at the stability of a model that uses it said of it."""
    for model in each.models:
        entry = folds.latest_finding(session.ledger.entries("finding", subject=model), "stability", model)
        if entry is not None and isinstance(entry.fact, Finding):
            found = dict(entry.fact.detail.get("columns", {})).get(each.name)
            if found:
                return str(found["verdict"]), found["psi"]
    return None, None


# -- a file ---------------------------------------------------------------------------------------------------------


def _of_file(session: Session, file: Path) -> View:
    known = featurelist.schema(session.project) if session.project is not None else {}
    text = text_of(file)
    read, (_, said) = lineage(text, known, file.stem, str(file)), featurelist.front(text)
    unknown = [each for each in read.columns if each.unknown]
    title = f"{file.name}: {counted(len(read.columns), 'column')}"
    title += f", of {len(unknown)} it cannot be told what they are made of" if unknown else ""
    rows: list[Row] = [_file_row(each, said.get(each.column, "")) for each in read.columns]
    facts: dict[str, Cell] = {"columns": len(rows), "unknown_sources": len(unknown),
                              "rows_decided_by": tuple(map(_named, read.rows))}
    shown = ("column", Column("made_of", "made of", cut=60), Column("expression", cut=60), Column("unknown"))
    table = Table.of("features", rows, *(shown if unknown else shown[:-1]))
    return View(title, Status.WARN if unknown else Status.DONE, (Facts(facts), table, *_graph(read.edges)))


def _file_row(each: Derived, said: str) -> Row:
    return {"column": each.column, "made_of": _sources(each.sources, each.unknown), "expression": each.expression,
            "description": said or each.comment or None, "unknown": each.unknown}


# -- one feature ----------------------------------------------------------------------------------------------------


@look(of=dictionary)
@click.argument("feature")
def show(session: Session, feature: str) -> View:
    """What FEATURE is, its way from the raw columns, its models, its stability and how its SQL changed.

    \b
    Example: mlops-tui dictionary show airport_delays.arr_late_24h
    """
    project = session.declared()
    known = featurelist.features(project)
    if feature in project.features:
        return _of_view(session, project.features[feature], [each for each in known if each.view == feature])
    each = _one(known, feature)
    facts: dict[str, Cell] = {
        "feature": each.id, "description": each.description or None, "owner": each.owner or None,
        "expression": each.expression, "made_of": _sources(each.sources, each.unknown), "models": each.models}
    view = project.features.get(each.view)
    stability, psi = _stability(session, each)
    facts |= {"known_after": _span(view)} if view is not None else {}
    facts |= {"stability": stability, "psi": psi} if stability is not None else {}
    parts: list[Part] = [Facts(facts), _raw(session, each)]
    parts += [Text(f"Unknown: {why}.") for why in each.unknown]
    if view is not None:
        parts += [*_graph(_leading(featurelist.read(project, view), each.id)), *_history(session, view)]
    actions = [Action(f"Stability in {name}", ("stability", name)) for name in each.models[:1]]
    actions += [Action(f"More of {name}", ("catalog", "show", name)) for name in {name for name, _ in each.sources}]
    return View(f"{each.id}: {each.description or 'nobody has said what it is'}",
                Status.DONE if each.description and not each.unknown else Status.WARN, tuple(parts), tuple(actions))


def _one(known: Sequence[Described], text: str) -> Described:
    """The feature of that id, or of that name where only one has it."""
    found = [each for each in known if text in (each.id, each.name)]
    if len(found) > 1:
        raise BadInput(f"'{text}' is a feature of {' and '.join(each.view for each in found)}.",
                       next=f"Say {found[0].id}.")
    if not found:
        hint = nearest(text, [name for each in known for name in (each.id, each.name, each.view)])
        raise NotDeclared(f"No feature '{text}'.", where="features/", next=hint or "Try: mlops-tui dictionary")
    return found[0]


def _span(view: Feature) -> str:
    return f"{view.available_after} after {view.time}" if view.available_after else f"at {view.time}"


def _raw(session: Session, each: Described) -> Table:
    """The raw columns with what their contracts say of them."""
    rows: list[Row] = []
    for origin in each.sources:
        item = featurelist.property_of(session.declared().datasets, origin)
        rows.append({"column": _named(origin), "type": item.logicalType if item else None,
                     "description": item.description if item else None,
                     "class": (item.classification or None) if item else None})
    return Table.of("sources", rows, "column", "type", Column("description", cut=60), "class", title="Raw columns")


def _leading(read: Lineage, feature: str) -> list[tuple[str, str]]:
    """The steps of the graph that lead to the feature."""
    wanted, found = {feature}, list[tuple[str, str]]()
    while grown := [edge for edge in read.edges if edge[1] in wanted and edge not in found]:
        found += grown
        wanted |= {before for before, _ in grown}
    return [edge for edge in read.edges if edge in found]


def _graph(edges: Sequence[tuple[str, str]]) -> Iterator[Series]:
    if edges:
        before, after = (tuple(edge[at].replace(f".{WHOLE}", " (rows)") for edge in edges) for at in (0, 1))
        yield Series("graph", "graph", before, after, title="From raw columns")


def _of_view(session: Session, view: Feature, known: Sequence[Described]) -> View:
    facts: dict[str, Cell] = {"view": view.name, "entity": view.entity, "known_after": _span(view)}
    return View(f"{view.name}: {view.description or 'nobody has said what it is'}",
                Status.DONE if view.description else Status.WARN,
                (Facts(facts), _table(session, known), *_history(session, view)),
                tuple(Action(each.id, ("dictionary", "show", each.id)) for each in known[:3]))


# -- how it changed -------------------------------------------------------------------------------------------------


def _history(session: Session, view: Feature) -> Iterator[Part]:
    """Each text of the view that a check found, and how the newest differs from the one before."""
    known: list[tuple[str, Row]] = []
    for entry in session.ledger.entries("finding"):
        digest = ""
        if isinstance(entry.fact, Finding) and entry.fact.check == CHECK:
            digest = str(dict(entry.fact.detail.get("views", {})).get(view.name, ""))
        if digest and (not known or known[-1][0] != digest):
            known.append((digest, {"seen": entry.recorded_at, "by": entry.actor, "text": digest[:12]}))
    if not known:
        yield Text("No change is known: dictionary check keeps each text it sees.")
        return
    yield Table.of("history", [row for _, row in reversed(known)], "seen", "by", "text", title="Texts of its SQL")
    texts = [_text(session, digest) for digest, _ in known[-2:]]
    if len(texts) == 2:
        before, now = (text.splitlines(keepends=True) for text in texts)
        yield Text("".join(unified_diff(before, now, "before", "now")), "code")


def _text(session: Session, digest: str) -> str:
    try:
        return session.data().object(digest).decode("utf-8", "replace")
    except NotFound:
        return ""


# -- the check ------------------------------------------------------------------------------------------------------


@measure(of=dictionary)
@click.option("--model", default=None, help="Only what this model uses; its checklist can ask for it.")
def check(session: Session, model: str | None) -> View:
    """Fail where a feature says nothing of itself, and keep the SQL of every view as it stands.

    A feature says what it is in a comment behind its column, or before the query: -- column NAME: what it is. One that
    is a raw column as it stands is what the contract says of that.

    \b
    Example: mlops-tui dictionary check
    """
    known = _features(session, model)
    lacking = [each for each in known if not each.description]
    unknown = [each for each in known if each.unknown]
    status = worst([Status.FAIL] * bool(lacking) + [Status.WARN] * bool(unknown) + [Status.PASS] * bool(known))
    project = session.declared()
    subject = project.subject(model, "model").name if model else project.settings.project
    title = _title(known, lacking, unknown)
    views = {name: session.declaration("feature", name) for name in dict.fromkeys(each.view for each in known)
             if name in project.features}
    session.ledger.append(Finding(
        check=CHECK, subject=subject, status=status.value, title=f"{subject}: {title}", value=float(len(lacking)),
        limit=0.0, unit="features", n=len(known), declaration=session.declaration("model", subject) if model else "",
        detail={"views": views, "undocumented": [each.id for each in lacking],
                "unknown": [each.id for each in unknown]}))
    rows: list[Row] = [{"feature": each.id, "status": Status.FAIL if each in lacking else Status.WARN,
                        "why": "no description" if each in lacking else each.unknown[0],
                        "where": f"features/{each.view}.sql" if each.view in views else f"datasets/{each.view}.yaml"}
                       for each in known if each in lacking or each in unknown]
    facts: dict[str, Cell] = {"features": len(known), "undocumented": len(lacking), "unknown_sources": len(unknown)}
    parts = (Facts(facts), *((Table.of("undocumented", rows, "status", "feature", "why", "where"),) if rows else ()))
    return View(title, status, parts, (Action("All of them", ("dictionary", "list")),))


def _title(known: Sequence[Described], lacking: Sequence[Described], unknown: Sequence[Described]) -> str:
    if not known:
        return "no features are declared"
    if lacking:
        names = ", ".join(each.id for each in lacking[:3]) + (f" and {len(lacking) - 3} more" if lacking[3:] else "")
        return f"{len(lacking)} of {counted(len(known), 'feature')} without a description: {names}"
    if unknown:
        return f"all {len(known)} features are described; of {len(unknown)} it cannot be told what they are made of"
    return f"all {len(known)} features are described"


