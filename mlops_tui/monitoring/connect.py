"""The models you have already: an MLflow server and a table of predictions, read as they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from mlops_tui.capability import Function, LocalPath, look, noun
from mlops_tui.monitoring._connected import Asked, Found, find
from mlops_tui.monitoring._firstlook import Look
from mlops_tui.monitoring._guessed import NAMES
from mlops_tui.monitoring._readiness import score
from mlops_tui.monitoring.drift import counts, pictures, row, verdict
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, View, counted, worst
from store.registry import Known

connect = noun("connect", __doc__ or "", bare="show", package="mlops_tui.monitoring")
MOST_COLUMNS = 8  # of a table that moved least


def asking(function: Function) -> Function:
    """The options by which every verb of connect is told where to look."""
    added: list[Callable[[Any], Any]] = [
        click.option("--mlflow", "uri", required=True, help="The MLflow server (http://…), or its SQLite file."),
        click.option("--predictions", type=LocalPath(), default=None, help="Its predictions: Parquet, CSV or JSON."),
        click.option("--labels", type=LocalPath(), default=None, help="Outcomes by id, in a file of their own."),
        click.option("--model", default="", help="Whose predictions they are."),
        *(click.option(f"--{part}", default=None, help=f"The column that is the {part}.") for part in NAMES)]
    for option in reversed(added):
        function = option(function)
    return function


def asked(uri: str, predictions: Path | None, labels: Path | None, model: str, given: dict[str, str | None]) -> Asked:
    """What the options say."""
    return Asked(uri, predictions, labels, model, {part: name for part, name in given.items() if name})


@look(of=connect)
@asking
def show(session: Session, uri: str, predictions: Path | None, labels: Path | None, model: str,
         **given: str | None) -> View:
    """Which models there are, how ready each is to be watched, and what its predictions say.

    Nothing is written: not to MLflow, not to the data, not here. No model is loaded. With a table of predictions the
    last 7 days are compared with the weeks before them; what each column is, is guessed from its name, and said.
    MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, log in.

    \b
    Example: mlops-tui connect --mlflow http://127.0.0.1:5000
             mlops-tui connect --mlflow http://127.0.0.1:5000 --model churn --predictions scored.parquet
    """
    request = asked(uri, predictions, labels, model, given)
    return shown(find(session, request), request)


def shown(found: Found, request: Asked) -> View:
    """The answer: what must be looked at first, then its evidence, then what to do."""
    status, title = _title(found)
    parts: list[Part] = [Facts(_facts(found)), *(_seen(found.look) if found.look is not None else [])]
    if found.chosen is not None:
        parts += [_readiness(found, found.chosen), _one(found.chosen, found.shown)]
    else:
        parts.append(_inventory(found))
    if found.look is not None:
        parts += pictures([each for each in found.look.shifts if each.verdict.drifted])
    return View(title, status, tuple(parts), _next(found, request))


def _title(found: Found) -> tuple[Status, str]:
    models = counted(len(found.models), "model")
    if not found.models:
        return Status.UNKNOWN, "MLflow has no registered model"
    if found.chosen is None:
        ready = sum(all(each.status is Status.PASS for each in found.ready[one.model.name]) for one in found.models)
        status = Status.PASS if ready == len(found.models) else Status.WARN
        return status, f"{models}, {ready} of them ready to be watched"
    name, checks = found.chosen.model.name, found.ready[found.chosen.model.name]
    said = f"{name} is ready in {score(checks)}"
    state = Status.PASS if all(each.status is Status.PASS for each in checks) else Status.WARN
    if found.look is None:
        return state, said
    drifted, words = verdict(found.look.shifts) if found.look.shifts else (Status.UNKNOWN, "nothing to compare")
    worse = [f"{each['metric']} {_short(each['before'])} → {_short(each['now'])}" for each in found.look.worse]
    states = [drifted, Status.FAIL if worse else Status.UNKNOWN if found.look.unmeasured else Status.PASS]
    return worst([*states, state]), "; ".join([f"{name}: {worse[0]}" if worse else said, words])


def _short(value: Cell) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "–"


def _facts(found: Found) -> dict[str, Cell]:
    if found.look is None or found.columns is None:
        return {"mlflow": found.shown, "models": len(found.models),
                "versions": sum(len(each.model.versions) for each in found.models)}
    look, window = found.look, found.look.parted.window
    methods = {str(each["method"]) for each in look.metrics}
    return {
        "predictions": look.parted.rows, "outcomes": look.parted.labelled, "compared": look.parted.words,
        "from": window[0] if window else None, "to": window[1] if window else None,
        "columns": found.columns.said(), "features": len(found.columns.features),
        **({"intervals_count": "days" if any("days" in each for each in methods) else "rows: too few days"}
           if look.metrics else {}),
        **({"duplicate_outcomes": look.parted.duplicates} if look.parted.duplicates else {})}


def _one(model: Known, shown: str) -> Facts:
    """What is known of the model in question."""
    found, run, card = model.model.serving, model.run, model.card
    return Facts({
        "mlflow": shown, "model": model.model.name, "version": _serving(model),
        "registered": found.created if found else None,
        "owner": model.owner or None, "trained_by": model.user or None,
        "trained_on": run.data if run is not None and run.data else None,
        "flavour": card.flavour or None, "bytes": card.bytes,
        "inputs": tuple(f"{name} {kind}" for name, kind in card.inputs.items()) or None,
        "output": card.outputs or None})


def _serving(model: Known) -> str | None:
    found = model.model.serving
    if found is None:
        return None
    return f"{found.number} {', '.join(found.called)}".strip() if model.model.named else f"{found.number} (the newest)"


def _readiness(found: Found, model: Known) -> Table:
    rows: list[Row] = [{"status": each.status, "check": each.check, "why": each.why, "next": each.next or None}
                       for each in found.ready[model.model.name]]
    return Table.of("readiness", rows, "status", "check", Column("why", "what is there"),
                    Column("next", "what would make it green"), title="Ready to be watched?")


def _seen(look: Look) -> list[Part]:
    """Performance first, since it is what matters; then what moved."""
    parts: list[Part] = []
    if look.metrics:
        numbers = [Column(name, digits=3) for name in ("now", "low", "high", "before")]
        parts.append(Table.of("metrics", look.metrics, "status", "metric", *numbers, "n", Column("reason", "verdict"),
                              title="How well does it do?"))
    else:
        parts.append(Facts({"performance": look.unmeasured}))
    ranked = sorted(look.shifts, key=lambda each: (each.verdict.drifted is not True, -each.severity))
    rows = [row(each) for each in ranked]
    parts.append(Table.of("columns", rows[:MOST_COLUMNS], "column", "drifted", Column("effect", "moved by", digits=3),
                          Column("declared_limit", "limit", digits=2), Column("reason", "evidence"),
                          title="Have its inputs and answers moved?", total=len(rows)))
    parts.append(Facts(counts(look.shifts, look.before, look.now)))
    return parts


def _inventory(found: Found) -> Table:
    rows: list[Row] = []
    for each in found.models:
        run, checks = each.run, found.ready[each.model.name]
        metric = next(iter(run.metrics.items()), None) if run is not None else None
        rows.append({
            "ready": score(checks), "model": each.model.name, "version": _serving(each),
            "versions": len(each.model.versions), "owner": each.owner or each.user or None,
            "trained": (run.ended if run is not None else None) or (each.model.serving.created if each.model.serving
                                                                    else None),
            "evaluation": f"{metric[0]} {metric[1]:.3g}" if metric else None, "flavour": each.card.flavour or None,
            "inputs": len(each.card.inputs) or None, "bytes": each.card.bytes, "problem": each.card.problem or None})
    return Table.of("models", rows, "ready", "model", "version", Column("versions", worth=-2),
                    Column("owner", worth=-1), Column("trained", worth=-1), "evaluation", Column("flavour", worth=-3),
                    title="Registered models")


def _next(found: Found, request: Asked) -> tuple[Action, ...]:
    base = ("connect", "--mlflow", found.shown)
    if found.chosen is None:
        return tuple(Action(f"How ready is {each.model.name}?", (*base, "--model", each.model.name))
                     for each in found.models[:3])
    one = (*base, "--model", found.chosen.model.name)
    if request.predictions is None:
        return (Action("Have its inputs moved?", (*one, "--predictions", "FILE")),)
    return ()
