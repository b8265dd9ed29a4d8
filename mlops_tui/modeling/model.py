"""Models and their versions: how each was made, how good it is, and which one serves."""

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

import click

from mlops_tui import folds, health
from mlops_tui.capability import look, noun
from mlops_tui.declarations.limits import LESS_IS_BETTER
from mlops_tui.errors import NotFound
from mlops_tui.folds import ModelState
from mlops_tui.models import looks
from mlops_tui.project import Subject
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, counted
from store.facts import Promotion, Trained
from store.ledger import Entry

model = noun("model", __doc__ or "", bare="list", subject="show")
SEEN = ("trained", "promotion", "finding")
MEASURED = (Column("value", digits=3), Column("low", digits=3), Column("high", digits=3))
TESTED = Column("tested_on", "tested on")  # other days are other rows, on which values do not compare


@look(of=model, fold=True)
def list_(session: Session) -> View:
    """Every version of every model, the newest first.

    \b
    Example: mlops-tui model list
    """
    project = session.declared()
    entries = session.ledger.entries(*SEEN)
    standing = {str(row["model"]): row["status"] for row in
                health.models(health.Declared.of(project), entries, session.now()).rows}
    rows: list[Row] = []
    for name in project.models:
        state = folds.model_state(entries, name)
        made = [_row(state, version, project.zone)
                | {"status": standing.get(name) if version == state.champion else None}
                for version in reversed(tuple(state.versions))]
        bare: Row = {"model": name, "version": None, "role": "not trained", "argv": ("model", "show", name)}
        rows += made or [bare]
    serving = sum(row["role"] == "champion" for row in rows)
    table = Table.of("versions", rows, "model", "version", "role", "candidate",
                     Column("trained_at", "trained", worth=-1), "metric", *MEASURED, TESTED)
    title = f"{counted(len(project.models), 'model')}, {serving} of them serving"
    return View(title, Status.DONE, (table, *_beside(rows)),
                tuple(Action(f"Look at {name}", ("model", "show", name)) for name in list(project.models)[:3]))


def _beside(rows: Sequence[Row]) -> list[Text]:
    """A warning where values that stand in one column were measured on different rows."""
    other = [f"{row['model']}@{row['version']}" for row in rows if row.get("other_days")]
    named = f"{', '.join(other[:3])}{f' and {len(other) - 3} more' if len(other) > 3 else ''}"
    return [Text(f"Tested on other days than the champion: {named}. Their values do not stand beside its own; "
                 "`compare` takes rows that both have answered.")] if other else []


def _row(state: ModelState, version: str, zone: tzinfo) -> dict[str, Cell]:
    """A version: its candidate, its main metric on the test rows, and its role."""
    entry = state.versions[version]
    fact = entry.fact
    assert isinstance(fact, Trained)
    metric = str(fact.detail.get("metric", "roc_auc"))
    measured: Mapping[str, Any] = fact.metrics.get(metric) or {}
    days, serves = _tested(fact, zone), state.trained("champion")
    return {"model": state.name, "version": version, "role": _role(state, version), "candidate": fact.candidate,
            "trained_at": entry.recorded_at, "metric": metric, "value": measured.get("value"),
            "low": measured.get("low"), "high": measured.get("high"), "n": measured.get("n"),
            "tested_on": days, "other_days": serves is not None and _tested(serves, zone) != days,
            "from": fact.window[0] or None, "to": fact.window[1] or None,
            "beats_baseline": fact.detail.get("beats_baseline"), "argv": ("model", "show", f"{state.name}@{version}")}


def _tested(fact: Trained, zone: tzinfo) -> str | None:
    """The first and last day of the test rows, where people are."""
    found = looks.holdout_of(fact)
    return None if found is None else f"{found.first.astimezone(zone):%Y-%m-%d} – {found.last.astimezone(zone):%m-%d}"


def _role(state: ModelState, version: str) -> str:
    if version == state.champion:
        return "champion"
    if version in state.taken_back:
        return "taken back"
    if version == state.challenger:
        return "challenger"
    return "was champion" if version in state.champions else ""


@look(of=model, fold=True)
@click.argument("model")
def show(session: Session, model: str) -> View:
    """All there is to know of MODEL[@VERSION]: the champion, or the newest version where none serves.

    \b
    Example: mlops-tui model show flights-delay
    Example: mlops-tui model show flights-delay@challenger
    """
    subject = session.declared().subject(model, "model")
    entries = session.ledger.entries(*SEEN)
    state = folds.model_state(entries, subject.name)
    if not state.versions:
        return View(f"{subject.name} was never trained", Status.UNKNOWN,
                    actions=(Action("Train its candidates", ("train", subject.name)),))
    version, fact = _chosen(state, subject)
    row = _row(state, version, session.declared().zone)
    shown = ("version", "role", "candidate", "trained_at", "from", "to", "beats_baseline")
    facts: dict[str, Cell] = {key: row[key] for key in shown if row[key] not in (None, "")}
    facts |= {"champion": state.champion or None, "champion_since": state.champion_since, "run_id": fact.run_id,
              "training": fact.training[:12], "seed": fact.seed}
    return View(_title(row), _standing(session, entries, subject.name) if version == state.champion else Status.DONE,
                (Facts(facts), _metrics(fact, str(row["metric"])), _comparisons(fact), *_prepared(fact),
                 _versions(state, session.declared().zone), _history(entries, subject.name)), _actions(state, version))


def _chosen(state: ModelState, subject: Subject) -> tuple[str, Trained]:
    version = state.resolve(subject.version) or ("" if subject.version else state.challenger)
    fact = state.trained(version) if version else None
    if fact is None:
        raise NotFound(f"'{state.name}' has no version '{subject.version}'.",
                       where=f"versions: {', '.join(state.versions)}",
                       next=f"Try: mlops-tui model show {state.name}@{list(state.versions)[-1]}")
    return version, fact


def _title(row: Row) -> str:
    role = f", the {row['role']}" if row["role"] in ("champion", "challenger") else \
        ", which was taken back" if row["role"] == "taken back" else ""
    value, low, high = row["value"], row["low"], row["high"]
    told = ""
    if isinstance(value, float):
        told = f": {row['metric']} {value:.3f}"
        told += f" [{low:.3f}, {high:.3f}]" if isinstance(low, float) and isinstance(high, float) else ""
    return f"{row['model']} {row['version']}{role}{told}"


def _standing(session: Session, entries: Sequence[Entry], name: str) -> Status:
    """How the model that serves stands; looking is no failure, so nothing here ends with an exit code of 1."""
    rows = health.models(health.Declared.of(session.declared()), entries, session.now()).rows
    status = next(row["status"] for row in rows if row["model"] == name)
    return status if status is Status.PASS else Status.WARN


def _metrics(fact: Trained, main: str) -> Table:
    rows: list[Row] = [{"metric": name, **{key: found.get(key) for key in ("value", "low", "high", "n", "reason")}}
                       for name, found in sorted(fact.metrics.items(), key=lambda item: item[0] != main)]
    return Table.of("metrics", rows, "metric", *MEASURED, "n", title="On test rows it had not seen")


def _comparisons(fact: Trained) -> Table:
    rows: list[Row] = [{key: each.get(key) for key in ("baseline", "estimate", "low", "high", "verdict")}
                       for each in fact.detail.get("contrasts", ())]
    less = ", where below 0 is better" if fact.detail.get("metric") in LESS_IS_BETTER else ""
    return Table.of("comparisons", rows, "baseline", Column("estimate", "lead", digits=3), Column("low", digits=3),
                    Column("high", digits=3), "verdict", title=f"Lead on each baseline{less}")


def _prepared(fact: Trained) -> tuple[Table, ...]:
    """What is done to the features before the estimator reads them, for a version that has such steps."""
    found = fact.detail.get("prepare")
    if not found:
        return ()
    rows: list[Row] = [{"step": each["step"], "columns": tuple(each["columns"]), "makes": tuple(each["makes"]),
                        "digest": found["digest"]} for each in found["steps"]]
    return (Table.of("preparation", rows, "step", "columns", "makes",
                     title=f"Before the estimator, parameters {found['digest'][:12]}"),)


def _versions(state: ModelState, zone: tzinfo) -> Table:
    rows = [_row(state, version, zone) for version in reversed(tuple(state.versions))]
    return Table.of("versions", rows, "version", "role", "candidate", Column("trained_at", "trained", worth=-1),
                    *MEASURED, TESTED, title="Versions")


def _history(entries: Sequence[Entry], name: str) -> Table:
    rows: list[Row] = [{"at": entry.recorded_at, "event": entry.fact.event.replace("_", " "),
                        "version": entry.fact.version, "approval": entry.fact.approval or None, "who": entry.actor}
                       for entry in reversed(entries) if entry.subject == name and isinstance(entry.fact, Promotion)]
    return Table.of("promotions", rows, "at", "event", "version", "approval", "who", title="What served when")


def _actions(state: ModelState, version: str) -> tuple[Action, ...]:
    name, this = state.name, f"{state.name}@{version}"
    found = [Action("Evaluate it", ("evaluate", this))]
    if version != state.champion:
        found += [Action("Compare it with the champion", ("compare", this))] if state.champion else []
        found.append(Action("Promote it", ("promote", this)))
    else:
        fact = state.trained(version)
        task = fact.detail.get("task", "binary") if fact is not None else "binary"
        found += [Action("How well does it do?", ("performance", name)),
                  *([Action("Calibration", ("calibration", name))] if task != "regression" else []),
                  Action("Did its inputs move?", ("drift", name)),
                  *([Action("What would help?", ("remedy", name))] if task == "binary" else [])]
    found.append(Action("Train its candidates", ("train", name)))
    return tuple(found)
