"""What a bad column got into: features, versions of models, monitors, endpoints, predictions."""

import click

from mlops_tui import folds
from mlops_tui.capability import look
from mlops_tui.errors import BadInput
from mlops_tui.governance.provenance import provenance
from mlops_tui.logs.predictionlog import log_of
from mlops_tui.provenance.reach import Reached, reach
from mlops_tui.provenance.subjects import column_of
from mlops_tui.session import Session
from mlops_tui.tracing.lineage import WHOLE
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Series, Status, Table, View, counted
from store.facts import Trained

KINDS = ("step", "feature", "model", "version", "monitor", "endpoint", "prediction")


@look(of=provenance)
@click.argument("column")
def impact(session: Session, column: str) -> View:
    """What COLUMN (DATASET.COLUMN) gets into, down to predictions that were answered.

    \b
    Example: mlops-tui provenance impact flights.dep_delay
    """
    project = session.declared()
    origin = column_of(session, column)
    if origin is None:
        raise BadInput(f"'{column}' names no column of a declared dataset.",
                       next=f"Say DATASET.COLUMN; datasets: {', '.join(project.datasets) or 'none'}.")
    found = reach(project, origin)
    models = list(dict.fromkeys(each.name for each in found if each.kind == "model"))
    versions = [row for name in models for row in _versions(session, name, found)]
    answers = {name: log.manifest.rows for name in models if (log := log_of(session, name)) is not None}
    count = {kind: len({each.name for each in found if each.kind == kind}) for kind in KINDS}
    count |= {"version": len(versions), "prediction": sum(answers.values())}
    facts: dict[str, Cell] = {"column": column, **{f"{kind}s": number for kind, number in count.items()}}
    parts: list[Part] = [Facts(facts), *_picture(column, found, answers)]
    shown: list[Row] = [{"kind": each.kind, "name": each.name, "how": each.how, "from": each.by} for each in found]
    shown += versions
    shown += [{"kind": "prediction", "name": f"{number:,} of {name}", "how": "answered", "from": name}
              for name, number in answers.items()]
    if shown:
        parts.append(Table.of("reached", shown, "kind", "name", Column("how", cut=40), Column("from", cut=30)))
    actions = tuple(Action(f"Versions of {name}", ("model", "list", name)) for name in models[:1])
    return View(_title(column, count), Status.DONE, tuple(parts), actions)


def _title(column: str, count: dict[str, int]) -> str:
    told = [counted(count[kind], kind) for kind in ("feature", "model", "monitor", "endpoint", "prediction")
            if count[kind]]
    return f"{column} gets into {', '.join(told[:-1])}{' and ' if told[1:] else ''}{told[-1]}" if told else \
        f"{column} gets into no feature and no model"


def _versions(session: Session, model: str, found: list[Reached]) -> list[Row]:
    """The versions that read what it gets into; all of them where it is the label, or decides which rows there are."""
    names = {each.by.rpartition(".")[2] for each in found if each.kind == "model" and each.name == model}
    whole = any(each.kind == "model" and each.name == model and not each.how.startswith(("reads", "input"))
                for each in found)
    rows: list[Row] = []
    for version, entry in folds.model_state(session.ledger.entries("trained", "promotion"), model).versions.items():
        assert isinstance(entry.fact, Trained)
        read = {str(each["name"]) for each in entry.fact.detail.get("inputs", ())}
        if whole or not read or names & read or WHOLE in names:
            which = sorted(names & read)
            rows.append({"kind": "version", "name": f"{model}@{version}", "from": model,
                         "how": f"reads {counted(len(which), 'of them', 'of them')}" if which else "learned from it"})
    return rows


def _picture(column: str, found: list[Reached], answers: dict[str, int]) -> list[Part]:
    edges: dict[tuple[str, str], None] = {}
    views = {each.name: each.name.rpartition(".")[0] for each in found if each.kind == "feature"}
    for each in found:
        if each.kind == "feature":
            edges[each.by, views[each.name]] = None
        elif each.kind == "step":
            edges[each.by, each.name] = None
        elif each.kind == "model":
            edges[views.get(each.by, each.by), each.name] = None
        elif each.kind == "endpoint":
            edges[each.by.partition("@")[0], f"endpoint {each.name}"] = None
    edges |= dict.fromkeys((name, f"{number:,} predictions") for name, number in answers.items())
    kept = [(start, end) for start, end in edges if start != end]
    return [Series("reach", "graph", tuple(start for start, _ in kept), tuple(end for _, end in kept),
                   title="What it gets into")] if kept else []
