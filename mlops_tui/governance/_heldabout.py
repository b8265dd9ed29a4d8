"""What is held about one person (GDPR Art. 15), and what was erased on request (Art. 17). Who it is is kept nowhere."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from mlops_tui import folds
from mlops_tui.errors import BadInput
from mlops_tui.governance import _drafted as drafted
from mlops_tui.governance import _reach as reach
from mlops_tui.governance._drafted import Draft
from mlops_tui.governance._erasing import flagged
from mlops_tui.governance.optout import request_of
from mlops_tui.privacy.requests import Request, requests
from mlops_tui.provenance.graph import Graph, reached
from mlops_tui.session import Session
from mlops_tui.tracing.ancestry import Node
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, counted
from store.erasing import Held
from store.written import whole

WHERE = "mlops.yaml, organisation.processing"


def access(session: Session, graph: Graph, person: str, rows_to: Path | None) -> View:
    """GDPR Art. 15: what is held of the person where, what for, who gets it, how long, where it came from, and the
    logic of the models that answer about them; with the rows as a file where one is asked for."""
    if not reach.of_people(session):
        raise BadInput("No contract says whose its rows are, so nothing can be found of anybody.",
                       next="Name the column: customProperties: [{property: dataSubject, value: …}]")
    project, draft = session.declared(), Draft()
    found = reach.found(session, reach.whole(session).connect(), [person])
    held = {name: sum(len(each.rows) for each in files) for name, files in found.held.items()}
    now = {name: there for name, files in found.held.items() if (there := _now(session, name, files))}
    draft.parts.append(drafted.answering(draft, project.settings.organisation))
    rows: list[Row] = [{"dataset": name, "rows_now": len(now.get(name, ())), "rows": count,
                        "sources": _sources(graph, session, name)} for name, count in held.items()]
    draft.parts.append(Table.of("held", rows, "dataset", Column("rows_now", "rows today"),
                                Column("rows", "in all files kept"), Column("sources", "came from", cut=50),
                                title="What is held (Art. 15(1)(b), (3))"))
    models, datasets = drafted.chosen(project, "")
    touched = [name for name in datasets if name in held]
    purposes: list[Row] = []
    for each in drafted.purposes(project, models, touched):
        of = drafted.about(each)
        fields = {"purpose": each.purpose, "recipients": each.recipients, "transfers": each.transfers,
                  "retention": each.retention}
        purposes.append({name: draft.said(f"{name} of: {of}", value, WHERE) for name, value in fields.items()})
    draft.parts.append(Table.of("purposes", purposes, "purpose", "recipients", Column("transfers", "third countries"),
                                Column("retention", "kept for"), title="What for, who gets it, how long"))
    draft.parts.append(_logic(session))
    authority = draft.said("supervisory authority", project.settings.organisation.authority,
                           "mlops.yaml, organisation.authority")
    draft.parts.append(Text("Rectification, erasure, restriction and objection can be asked for (Art. 15(1)(e)); "
                            f"complaints go to: {authority} (Art. 15(1)(f))."))
    trained = flagged(session, found)
    today = sum(map(len, now.values()))
    facts: dict[str, Cell] = {"datasets": len(held), "rows_now": today, "rows": sum(held.values()),
                              "models_trained_on": tuple(trained)}
    draft.parts.insert(0, Facts(facts))
    if rows_to is not None:
        _write(rows_to, now)
    title = f"{counted(today, 'row')} of the person in {counted(len(now), 'dataset')} today" if now else \
        "Nothing is held of the person today"
    return draft.view(title, "GDPR Art. 15")


def _now(session: Session, dataset: str, held: Sequence[Held]) -> list[dict[str, Any]]:
    """The rows that are part of the current state. Who sees only some columns or partitions is not let in here."""
    state, lake = session.current(dataset), session.data()
    places = {each.path: each.rows for each in held}
    found: list[dict[str, Any]] = []
    for file in state.files if state is not None else ():
        masked = set(pq.read_table(lake.mask_of(file)).column("row").to_pylist()) if file.mask else set()
        numbers = [each for each in places.get(lake.place_of(file), ()) if each not in masked]
        found += pq.read_table(lake.place_of(file), partitioning=None).take(numbers).to_pylist() if numbers else []
    return found


def _write(path: Path, now: Mapping[str, list[dict[str, Any]]]) -> None:
    with whole(path) as staged:
        staged.touch(mode=0o600)
        staged.write_text(json.dumps(now, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")


def _sources(graph: Graph, session: Session, dataset: str) -> str:
    state = session.current(dataset)
    node = Node("state", dataset, state.id) if state is not None else None
    files = [each for each in reached(graph.parents, [node]) if each.kind == "file"] if node is not None else []
    if not files:
        return drafted.UNKNOWN
    last = max(files, key=lambda each: (str(graph.made_at(each) or ""), each.name))
    return f"{counted(len(files), 'file')}, the last {last.name}"


def _logic(session: Session) -> Table:
    """The logic of each model that serves: what it says, from which columns, how it was made (Art. 15(1)(h))."""
    rows: list[Row] = []
    entries = session.ledger.entries("trained", "promotion")
    for name, model in session.declared().models.items():
        state = folds.model_state(entries, name)
        fact = state.trained(state.champion or state.challenger)
        read = tuple(str(each["name"]) for each in fact.detail.get("inputs", ())) if fact is not None else ()
        rows.append({"model": name, "says": model.description or f"{model.label.column} of {model.label.dataset}",
                     "kind": f"{fact.candidate} ({model.task})" if fact is not None else model.task,
                     "reads": read or None, "threshold": model.threshold})
    return Table.of("logic", rows, "model", Column("says", cut=60), "kind", Column("reads", cut=60), "threshold",
                    title="The logic involved (Art. 15(1)(h))")


# -- what was erased --------------------------------------------------------------------------------------------------


def erased(session: Session, request: str) -> View:
    """GDPR Art. 17: what was asked to be erased, when, and what was done: rows by dataset, models, what is left."""
    every = requests(session.ledger.entries("optout"), session.declared().zone)
    asked = [request_of(session, request)] if request else [each for each in every.values() if each.right == "erasure"]
    if not asked:
        return View("Nobody has asked to be erased yet", Status.DONE, (Facts({"law": "GDPR Art. 17", "requests": 0}),))
    rows: list[Row] = [_erased(each) for each in asked]
    counts: dict[str, int] = {}
    for each in asked:
        for dataset, count in dict(each.detail.get("rows", {})).items():
            counts[dataset] = counts.get(dataset, 0) + int(count)
    models = tuple(dict.fromkeys(str(name) for each in asked for name in each.detail.get("models", ())))
    by_hand = tuple(dict.fromkeys(str(path).rpartition("/")[2] for each in asked
                                  for path in each.detail.get("by_hand", ())))
    done = sum(each.state in ("actioned", "attested") for each in asked)
    facts: dict[str, Cell] = {"law": "GDPR Art. 17", "requests": len(asked), "done": done, "rows": sum(counts.values()),
                              "models_trained_on_them": models, "to_do_by_hand": by_hand}
    parts = (Facts(facts), Table.of("requests", rows, "request", "status", "state", "received", "due", "ended"),
             Table.of("rows", [{"dataset": name, "rows": count} for name, count in counts.items()], "dataset", "rows",
                      title="Rows, in every file that had them"))
    late = any(each.overdue(session.now().astimezone(session.declared().zone).date()) for each in asked)
    status = Status.FAIL if late else Status.DONE if done == len(asked) else Status.RUNNING
    return View(f"{done} of {counted(len(asked), 'request')} to be erased {'is' if len(asked) == 1 else 'are'} done",
                status, parts, (Action("Requests", ("optout", "list")),))


def _erased(each: Request) -> Row:
    return {"request": each.id, "state": each.state, "received": each.received_at, "due": f"{each.due}",
            "status": Status.DONE if each.state in ("actioned", "attested") else Status.RUNNING,
            "ended": each.history[-1].effective_at if not each.open else None}
