"""Feature views, declared once: kept for training, joined as known at each row's time, and served online."""

import math
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import click

from mlops_tui.capability import look, measure, noun
from mlops_tui.errors import BadInput, NotDeclared, Refusal, nearest
from mlops_tui.features import _online, _parity
from mlops_tui.features._built import Bounds, Plan, last_built, plan_of
from mlops_tui.features._built import build as build_rows
from mlops_tui.features._request import on_request, parsed_row
from mlops_tui.inputs.moments import moment
from mlops_tui.models.shelf import shelf_of
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, counted
from store.facts import Finding
from store.online import Online, Standing
from store.quoting import quote

feature = noun("feature", __doc__ or "", bare="list", subject="show", package=__package__)


# -- looking --------------------------------------------------------------------------------------------------------


@look(of=feature, fold=True)
def list_(session: Session) -> View:
    """Every feature view: what it is of, whether its rows are built and online, and which models use it.

    \b
    Example: mlops-tui feature list
    """
    project = session.declared()
    online, away = _standing(session)
    rows = [_listed(session, name, online) for name in sorted(project.features)]
    table = Table.of("features", rows, "status", "feature", "entity", "rows", "built", "online", "models")
    notes = (Text(away),) if away else ()
    status = Status.UNKNOWN if not rows else Status.WARN if any(row["status"] is Status.FAIL for row in rows) else \
        Status.DONE
    return View(counted(len(rows), "feature view"), status, (table, *notes),
                (Action("Build what changed", ("feature", "build", "--all")),))


def _standing(session: Session) -> tuple[Mapping[str, Standing] | None, str]:
    """What is online, or why that cannot be said: a server that is away hides nothing of what is offline."""
    if session.as_of is not None:
        return None, "What is online is known as of now only."
    try:
        return shelf_of(session).standing(), ""
    except Refusal as problem:
        return {}, str(problem)


def _listed(session: Session, name: str, online: Mapping[str, Standing] | None) -> Row:
    view = session.declared().features[name]
    row: dict[str, Cell] = {"feature": name, "entity": view.entity, "time": view.time, "ttl": _span(view.ttl),
                            "available_after": _span(view.available_after), "description": view.description,
                            "models": _models(session, name)}
    last = last_built(session, name)
    try:
        plan = plan_of(session, name)
        current, own = last is not None and last.key == f"{plan.version}/{plan.key}", on_request(plan)
    except Refusal as problem:
        return row | {"status": Status.UNKNOWN if last is None else Status.WARN, "built": str(problem.what),
                      "rows": last.rows if last else None, "online": _shown(online, name, None)}
    built = "never" if last is None else "current" if current else "behind"
    return row | {"status": Status.PASS if current else Status.WARN if last else Status.UNKNOWN, "built": built,
                  "rows": last.rows if last else None,
                  "online": "from the request's row" if own else _shown(online, name, plan)}


def _shown(online: Mapping[str, Standing] | None, name: str, plan: Plan | None) -> str | None:
    if online is None:
        return None
    standing = online.get(name)
    if standing is None:
        return "no"
    as_of = f"{_online.instant(standing.as_of):%Y-%m-%d %H:%M} UTC"
    return f"{as_of}, old SQL" if plan is not None and standing.version != plan.version else as_of


def _models(session: Session, name: str) -> tuple[str, ...]:
    return tuple(model for model, declared in sorted(session.declared().models.items()) if name in declared.features)


def _span(span: timedelta | None) -> str | None:
    return None if span is None else str(span)


@look(of=feature, fold=True)
@click.argument("view")
def show(session: Session, view: str) -> View:
    """VIEW with its columns, how fresh its rows are, what of it is online and who uses it.

    \b
    Example: mlops-tui feature show airport_delays
    """
    project = session.declared()
    name = project.subject(view, "feature").name
    declared, online = project.features[name], _standing(session)
    row, last, plan = _listed(session, name, online[0]), last_built(session, name), plan_of(session, name)
    newest = _newest(session, plan, last.snapshot) if last else None
    standing = online[0].get(name) if online[0] is not None else None
    facts: dict[str, Cell] = {
        "description": declared.description, "entity": declared.entity, "time": declared.time,
        "available_after": _span(declared.available_after), "ttl": _span(declared.ttl) or "until the next row",
        "lookback": _span(declared.lookback) or "all history", "reads": tuple(plan.sources), "models": row["models"],
        "version": plan.version[:12], "rows": row["rows"], "built": row["built"], "newest": newest,
        "online": row["online"], "online_entities": standing.entities if standing else None}
    rows: list[Row] = [{"column": column, "type": kind, "role": "entity" if column in declared.entity else
                        "time" if column == declared.time else "feature"} for column, kind in plan.columns.items()]
    notes = (Text(online[1]),) if online[1] else ()
    return View(f"Feature view {name}", Status(str(row["status"])),
                (Facts(facts), Table.of("columns", rows, "column", "type", "role"), *notes),
                (Action("Build it", ("feature", "build", name)),
                 Action("Put it online", ("feature", "materialize", name)),
                 Action("Look for leaks", ("windows", name, "--check-leaks", "20"))))


def _newest(session: Session, plan: Plan, snapshot: str) -> datetime | None:
    lake = session.data()
    scan = lake.scan(lake.manifest(plan.dataset, snapshot))
    found = lake.connect().execute(f"SELECT max(CAST({quote(plan.view.time)} AS TIMESTAMPTZ)) FROM {scan}").fetchall()
    return found[0][0]  # type: ignore[no-any-return]


def views_named(session: Session, names: Sequence[str], *, every: bool) -> list[str]:
    """The declared views that are meant: those named, or every one."""
    project = session.declared()
    if every == bool(names):
        raise BadInput("Which feature views?", next="Name some, or give --all.")
    if not every:
        return list(dict.fromkeys(project.subject(name, "feature").name for name in names))
    if not project.features:
        raise NotDeclared("No feature view is declared.", where=str(project.root / "features"),
                          next="Write features/NAME.sql.")
    return sorted(project.features)


# -- building -------------------------------------------------------------------------------------------------------


@measure(of=feature)
@click.argument("views", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every declared view.")
@click.option("--from", "start", default=None, help="Compute only the months from this day on (backfill).")
@click.option("--to", "end", default=None, help="And only those before this day.")
@click.option("--at", default="", help="Read the datasets as they are tagged so.")
def build(session: Session, views: tuple[str, ...], every: bool, start: str | None, end: str | None, at: str) -> View:
    """Compute the rows of VIEWS and keep them, sorted by entity and time, as the dataset VIEW.view.

    What was computed before from the same SQL and the same files is not computed again. A view with a lookback is kept
    by month, so that late data rebuild only the months that they reach. Of several rows of one entity and time, the
    greatest by the other columns counts, null above all; a row without entity or time is left out.

    \b
    Example: mlops-tui feature build airport_delays
             mlops-tui feature build --all
             mlops-tui feature build weather --from 2013-03-01 --to 2013-06-01
    """
    zone = session.declared().zone
    between: Bounds = (moment(start, zone) if start else None, moment(end, zone) if end else None)
    rows: list[Row] = []
    for name in views_named(session, views, every=every):
        made = build_rows(session, plan_of(session, name, at), between)
        rows.append({"feature": name, "dataset": made.plan.dataset, "rows": made.manifest.rows,
                     "bytes": made.manifest.bytes, "parts": made.stretches, "parts_built": made.fresh,
                     "snapshot": made.manifest.id, "changed": made.changed})
    table = Table.of("built", rows, "feature", "rows", "bytes", "parts", Column("parts_built", "built now"),
                     Column("snapshot", cut=12))
    fresh = sum(int(str(row["parts_built"])) for row in rows)
    title = f"{counted(len(rows), 'view is', 'views are')} built" + ("" if fresh else "; nothing had changed")
    return View(title, Status.DONE, (Facts({"views": len(rows), "parts_built": fresh}), table),
                (Action("Put them online", ("feature", "materialize", *([] if every else views),
                                            *(["--all"] if every else []))),))


# -- online ---------------------------------------------------------------------------------------------------------


@measure(of=feature)
@click.argument("views", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every declared view.")
def materialize(session: Session, views: tuple[str, ...], every: bool) -> View:
    """Put the newest values of VIEWS online, in SQLite or in the Redis of mlops.yaml (stores.online).

    Readers see all of a view's new values or all of the old ones. A value that becomes known later is there already,
    and served from then on. Views of the request's own row are computed when asked for.

    \b
    Example: mlops-tui feature materialize airport_delays
             mlops-tui feature materialize --all
    """
    names, shelf = views_named(session, views, every=every), shelf_of(session)
    rows: list[Row] = []
    for name in names:
        plan = plan_of(session, name)
        if on_request(plan):
            rows.append({"feature": name, "status": Status.DONE, "what": "computed from the request's row"})
            continue
        made = build_rows(session, plan)
        session.progress(0, 0, f"putting {name} online")
        standing, swapped = _online.materialized(session, shelf, plan, made.manifest)
        rows.append({"feature": name, "status": Status.DONE if swapped else Status.WARN, "entities": standing.entities,
                     "rows": made.manifest.rows, "snapshot": made.manifest.id, "version": plan.version,
                     "what": "online" if swapped else "later values are online already"})
    put = [row for row in rows if row.get("entities") is not None]
    facts = Facts({"views": len(put), "entities": sum(int(str(row["entities"])) for row in put),
                   "as_of": session.now(), "store": _kind(session)})
    return View(f"{counted(len(put), 'view is', 'views are')} online as of {session.now():%Y-%m-%d %H:%M} UTC",
                worst_of(rows), (facts, Table.of("online", rows, "status", "feature", "entities", "what",
                                                 Column("version", cut=12))),
                tuple(Action(f"Prove {name}", ("feature", "parity", name)) for name in names[:1]))


def worst_of(rows: Sequence[Row]) -> Status:
    return Status.WARN if any(row["status"] is Status.WARN for row in rows) else Status.DONE


def _kind(session: Session) -> str:
    """Which store it is, without the password that its URL may have."""
    url = session.declared().settings.stores.online
    return url.partition(":")[0] if "@" in url else url


@look(of=feature)
@click.argument("subject")
@click.option("--entity", multiple=True, help="Whose values: k=v, or k=v,k=v for several columns.")
@click.option("--row", default=None, help="The request's row as JSON: entities, and columns that features are made of.")
def get(session: Session, subject: str, entity: tuple[str, ...], row: str | None) -> View:
    """The values that SUBJECT, a model or a feature view, has online for an entity: how old, fresh, stale or missing.

    \b
    Example: mlops-tui feature get airport_delays --entity origin=JFK
             mlops-tui feature get flights-delay --row '{"origin": "JFK", "carrier": "B6", "dest": "SFO"}'
    """
    plans = _views_of(session, subject)
    given = parsed_row(row) if row is not None else None
    asked = [_entity(text) for text in entity] or ([{}] if given is not None else [])
    if not asked:
        raise BadInput("Whose values?", next="Add: --entity origin=JFK")
    now, rows, states = session.now(), list[Row](), list[Row]()
    for each in asked:
        whole = {**(given or {}), **each}
        _complete(plans, whole)
        for (plan, _), answer in zip(plans, _online.answers(session, plans, whole, given), strict=True):
            named = ", ".join(f"{column}={whole[column]}" for column in plan.view.entity if column in whole)
            age = None if answer.time is None else (now - answer.time - plan.view.available_after).total_seconds()
            status = _SAID[answer.state]
            states.append({"status": status, "feature": plan.view.name, "entity": named, "state": answer.state,
                           "time": answer.time, "age_seconds": age})
            rows += [{"feature": plan.view.name, "entity": named, "column": column, "value": _cell(value),
                      "state": answer.state} for column, value in answer.values.items()]
    bad = [state for state in states if state["status"] is not Status.PASS]
    title = f"{counted(len(states), 'answer')}, all usable" if not bad else \
        f"{bad[0]['feature']} of {bad[0]['entity'] or 'this request'} is {bad[0]['state']}"
    status = Status.UNKNOWN if any(state["status"] is Status.UNKNOWN for state in states) else \
        Status.WARN if bad else Status.PASS
    return View(title, status, (
        Table.of("answers", states, "status", "feature", "entity", "state", "time", Column("age_seconds", "age", "s")),
        Table.of("values", rows, "feature", "column", "value", title="Values")),
        (Action("Put them online", ("feature", "materialize", "--all")),) if bad else ())


_SAID = {"fresh": Status.PASS, "computed": Status.PASS, "stale": Status.WARN, "missing": Status.WARN,
         "not online": Status.UNKNOWN, "no row given": Status.UNKNOWN}


def _cell(value: Any) -> Cell:
    """A value as it can be shown; numbers that are none are named."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, bool | int | float | str) else value.isoformat() \
        if hasattr(value, "isoformat") else str(value)


def _views_of(session: Session, text: str) -> list[tuple[Plan, bool]]:
    """The views of a model, or the one named; and of each whether it is computed from the request's row."""
    project = session.declared()
    subject = project.subject(text, "model", "feature")
    names = (subject.name,) if subject.kind == "feature" else project.model(subject.name).features
    if not names:
        raise BadInput(f"'{subject.name}' has no features.", where=str(project.path_of("model", subject.name)))
    plans = [plan_of(session, name) for name in names]
    return [(plan, on_request(plan)) for plan in plans]


def _entity(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    if any(not sign or not name.strip() for name, sign, _ in pairs):
        raise BadInput(f"'{text}' is no entity.", next="Write --entity origin=JFK,carrier=B6")
    return {name.strip(): value for name, _, value in pairs}


def _complete(plans: Sequence[tuple[Plan, bool]], given: Mapping[str, Any]) -> None:
    """BadInput where an entity lacks a column that a view is asked by."""
    for plan, own in plans:
        for column in () if own else plan.view.entity:
            if column not in given:
                raise BadInput(f"Feature '{plan.view.name}' is asked for by '{column}', which is not given.",
                               where=plan.view.path, next=nearest(column, given) or
                               f"Add: --entity {','.join(f'{each}=…' for each in plan.view.entity)}")


@measure(of=feature)
@click.argument("subject")
@click.option("--sample", type=click.IntRange(1, 100_000), default=100, show_default=True, help="So many entities.")
def parity(session: Session, subject: str, sample: int) -> View:
    """Prove that SUBJECT, a model or a feature view, has online what the point-in-time join gives, to the last bit.

    \b
    Example: mlops-tui feature parity airport_delays --sample 200
    """
    plans, shelf = _views_of(session, subject), shelf_of(session)
    there, lake, online = shelf.standing(), session.data(), Online(shelf)
    rows: list[Row] = []
    differing: list[Row] = []
    for plan, own in plans:
        name = plan.view.name
        if own or name not in there:
            rows.append({"feature": name, "status": Status.PASS if own else Status.UNKNOWN,
                         "what": "computed from the request's row by the same SQL" if own else "not online"})
            continue
        manifest = lake.manifest(plan.dataset, there[name].snapshot)
        found = _parity.compared(lake, online, plan.view, there[name], manifest, session.now(), sample)
        differing += found.differing
        old = "" if there[name].version == plan.version else "; of an earlier SQL"
        rows.append({"feature": name, "entities": found.entities, "moments": found.moments, "values": found.values,
                     "differing": len(found.differing), "snapshot": manifest.id,
                     "status": Status.FAIL if found.differing else Status.PASS if found.values else Status.UNKNOWN,
                     "what": ("differs" if found.differing else "the same") + old})
    return _proved(session, subject, plans, rows, differing)


def _proved(session: Session, text: str, plans: Sequence[tuple[Plan, bool]], rows: Sequence[Row],
            differing: Sequence[Row]) -> View:
    """The finding, and what it says."""
    subject = session.declared().subject(text, "model", "feature")
    values = sum(int(str(row["values"])) for row in rows if row.get("values"))
    statuses = [row["status"] for row in rows]
    status = Status.FAIL if differing else Status.UNKNOWN if Status.UNKNOWN in statuses else Status.PASS
    away = [str(row["feature"]) for row in rows if row["status"] is Status.UNKNOWN]
    title = f"{len(differing):,} of {values:,} values online differ from the point-in-time join" if differing else \
        f"Nothing to compare: {', '.join(away)} not online" if away else \
        f"All {values:,} values online are those of the point-in-time join" if values else \
        f"{subject.name} is computed from the request's row, by the SQL that it was trained with"
    data = tuple(str(row["snapshot"]) for row in rows if row.get("snapshot"))
    session.ledger.append(Finding(
        subject=subject.name, check="parity", status=status.value, title=title, value=float(len(differing)), n=values,
        limit=0.0, data=data, declaration=session.declaration(subject.kind, subject.name),
        detail={"views": [str(plan.view.name) for plan, _ in plans], "differing": [dict(row) | {"at": str(row["at"])}
                for row in differing[:20]]}))
    shown = Table.of("differing", differing[:100], "view", "entity", "column", "offline", "online", "at",
                     title="Differing", total=len(differing))
    return View(title, status, (Table.of("views", rows, "status", "feature", "entities", "moments", "values",
                                         "differing", "what"), *((shown,) if differing else ())),
                (Action("Put them online again", ("feature", "materialize", "--all")),) if status is not Status.PASS
                else ())
