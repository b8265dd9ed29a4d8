"""How well a model does on the outcomes that are known by now, with the share of labels that are in."""

from collections.abc import Mapping
from dataclasses import replace

import click
import numpy as np

from mlops_tui import folds, kinds
from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.criteria import Criterion, Verdict, judge
from mlops_tui.analysis.interval import Estimate, wilson
from mlops_tui.analysis.metrics import METRICS, estimate, metrics_of
from mlops_tui.capability import measure
from mlops_tui.errors import BadInput, nearest
from mlops_tui.kinds import Model, Monitor
from mlops_tui.matured import Matured, judged_rows, window
from mlops_tui.moments import told
from mlops_tui.project import Subject
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Series, Status, Table, View, worst
from mlops_tui.watching import limits_from, watching
from store.facts import Finding

SHOWN = ("roc_auc", "average_precision", "brier", "log_loss")
STATUS = {Verdict.MET: Status.PASS, Verdict.NOT_MET: Status.FAIL, Verdict.UNDECIDED: Status.UNKNOWN,
          Verdict.TOO_FEW: Status.UNKNOWN}


@measure
@click.argument("model")
@click.option("--window", "length", default=None, help="How far back, such as 7d; the monitor's own by default.")
@click.option("--monitor", default=None, help="Judge as this declared monitor does.")
def performance(session: Session, model: str, length: str | None, monitor: str | None) -> View:
    """Judge MODEL on the predictions whose outcome is known by now.

    \b
    Example: mlops-tui performance flights-delay --window 7d
    """
    project = session.declared()
    subject = project.subject(model, "model")
    declared = watching(session, "performance", subject.name, monitor, length)
    seen = judged_rows(session, subject.name, window(session.now(), declared.window), subject.version)
    declaring = project.model(subject.name)
    criteria = {each.metric: each for each in asked(declared, declaring)}
    wanted = list(criteria) if monitor else list(dict.fromkeys([*criteria, *SHOWN]))
    measured = measures(seen, wanted or list(SHOWN), declaring.threshold)
    rows = [judged(name, value, criteria.get(name)) for name, value in measured.items()]
    rows += [] if declared.limits else [sliced(each) for each in declaring.criteria if each.slice]
    status = worst([Status(str(row["status"])) for row in rows if row["limit"] is not None])
    judge_as = "" if length else _declaration(session, subject, monitor)  # an ad-hoc window is evidence of nothing
    finding = _finding(session, subject, seen, measured, rows, status, judge_as)
    finding = replace(finding, monitor=monitor or "")
    session.ledger.append(finding)
    origin = limits_from(session, declared, monitor, f"models/{subject.name}.yaml, criteria")
    return _view(finding, seen, rows, status, origin if any(row["limit"] is not None for row in rows) else None)


def asked(declared: Monitor, model: Model) -> list[Criterion]:
    """What the metrics must keep: the monitor's limits, or else the model's own criteria on all rows."""
    if not declared.limits:
        return [Criterion(each.metric, each.at_least, each.at_most, each.min_rows)
                for each in model.criteria if not each.slice]
    return [Criterion(name, at_least=limit if METRICS[name].higher_is_better else None,
                      at_most=None if METRICS[name].higher_is_better else limit, min_rows=declared.min_rows)
            for name, limit in declared.limits.items() if known(name)]


def known(name: str) -> bool:
    """True for a metric we have; BadInput with the nearest name otherwise."""
    binary = metrics_of(Task.BINARY)
    if name not in binary:
        raise BadInput(f"No metric '{name}'.", next=nearest(name, binary) or f"Metrics: {', '.join(binary)}.")
    return True


def sliced(criterion: kinds.Criterion) -> Row:
    """A criterion on part of the rows, which is not measured in service yet: unknown, never passed over."""
    limit = criterion.at_least if criterion.at_least is not None else criterion.at_most
    return {"metric": f"{criterion.metric}:{criterion.slice}", "value": None, "low": None, "high": None, "n": None,
            "limit": limit, "status": Status.UNKNOWN, "reason": "slices are not measured in service yet", "method": ""}


def _declaration(session: Session, subject: Subject, monitor: str | None) -> str:
    return session.declaration("monitor", monitor) if monitor else session.declaration("model", subject.name)


def measures(seen: Matured, names: list[str], threshold: float) -> dict[str, Estimate]:
    """The metrics by name, with intervals; unknown metrics are refused with the nearest name."""
    measured = {}
    for name in names:
        known(name)
        if seen.n == 0:
            measured[name] = Estimate(name, None, None, None, 0, reason="no outcome is known yet")
        else:
            measured[name] = estimate(replace(METRICS[name], threshold=threshold), seen.label, seen.score)
    return measured


def judged(name: str, measured: Estimate, criterion: Criterion | None) -> Row:
    """One row of the table: the value, its interval, its limit and how it stands against it."""
    row: dict[str, Cell] = {"metric": name, "value": measured.value, "low": measured.low, "high": measured.high,
                            "n": measured.n, "limit": None, "status": Status.DONE, "reason": measured.reason,
                            "method": measured.method}
    if criterion is not None:
        judgement = judge(criterion, measured)
        row |= {"limit": criterion.at_least if criterion.at_least is not None else criterion.at_most,
                "status": STATUS[judgement.verdict] if measured.value is not None else Status.UNKNOWN,
                "reason": judgement.reason}
    return row


def _finding(session: Session, subject: Subject, seen: Matured, measured: Mapping[str, Estimate], rows: list[Row],
             status: Status, declaration: str) -> Finding:
    limits = {str(row["metric"]): row["limit"] for row in rows if isinstance(row["limit"], float)}
    name = subject.name
    first = next((each for each in limits if each in measured), next(iter(measured)))
    main = measured[first]
    state = folds.model_state(session.ledger.entries("trained", "promotion"), name)
    value = "unknown" if main.value is None else f"{main.value:.3f} [{main.low:.3f}, {main.high:.3f}]" \
        if main.low is not None and main.high is not None else f"{main.value:.3f}"
    limit = f", limit {limits[first]:g}" if first in limits else ""
    detail = {each: {"value": found.value, "low": found.low, "high": found.high} for each, found in measured.items()}
    return Finding(check="performance", subject=name, status=status.value, title=f"{first} of {name} {value}{limit}",
                   value=main.value, low=main.low, high=main.high, limit=limits.get(first), n=seen.n,
                   window=(seen.bounds[0].isoformat(), seen.bounds[1].isoformat()), data=seen.data,
                   declaration=declaration, version=state.resolve(subject.version),
                   detail={"metrics": detail, "metric": first, "total": seen.total, "waiting": seen.waiting,
                           "never": seen.never, "seen": float(seen.label.mean()) if seen.n else None,
                           "predicted": float(seen.score.mean()) if seen.n else None})


def _view(finding: Finding, seen: Matured, rows: list[Row], status: Status, origin: str | None) -> View:
    facts = Facts({"predictions": seen.total, "labels_in": seen.n, "waiting": seen.waiting, "never": seen.never,
                   "mature_share": seen.mature_share, "from": told(finding.window[0]), "to": told(finding.window[1]),
                   "version": finding.version, "limits_from": origin})
    table = Table.of("metrics", rows, "metric", Column("value"), Column("low"), Column("high"), "n", "limit", "status",
                     "reason")
    return View(finding.title, status, (facts, table, *_daily(seen)), (
        Action("Is it calibrated?", ("calibration", finding.subject)),
        Action("What would help?", ("remedy", finding.subject))))


def _daily(seen: Matured) -> tuple[Series, ...]:
    """The share of positives, seen and predicted, by day, with the interval of what was seen."""
    if seen.n == 0:
        return ()
    days, place = np.unique(seen.day, return_inverse=True)
    n = np.bincount(place)
    positive, predicted = np.bincount(place, weights=seen.label), np.bincount(place, weights=seen.score) / n
    bounds = [wilson(int(k), int(m)) for k, m in zip(positive, n, strict=True)]
    return (Series("share_by_day", "band", tuple(map(str, days)), tuple((positive / n).tolist()),
                   tuple(bound.low for bound in bounds), tuple(bound.high for bound in bounds),
                   tuple(predicted.tolist()), ("seen", "predicted"), "Share of positives by day"),)


