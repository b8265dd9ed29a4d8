"""How well a model does on the outcomes that are known by now, with the share of labels that are in."""

from collections.abc import Mapping
from dataclasses import replace

import click
import numpy as np

from mlops_tui import folds
from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.interval import Estimate, mean_interval, wilson
from mlops_tui.capability import measure
from mlops_tui.declarations import kinds
from mlops_tui.declarations.limits import USUAL
from mlops_tui.inputs.moments import told
from mlops_tui.models.matured import Matured, judged_rows, window
from mlops_tui.monitoring._expected import estimates
from mlops_tui.monitoring._waiting import outlook, served, waiting
from mlops_tui.oversight.losing import lost_a_day
from mlops_tui.oversight.standing import asked, judged, measures
from mlops_tui.oversight.watching import limits_from, watching
from mlops_tui.project import Subject
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Facts, Row, Series, Status, Table, View, finite, worst
from store.facts import Finding

NEWEST = 10  # days that may still wait


@measure(looks="preview")
@click.argument("model")
@click.option("--window", "length", default=None, help="How far back, such as 7d; the monitor's own by default.")
@click.option("--monitor", default=None, help="Judge as this declared monitor does.")
@click.option("--preview", is_flag=True, help="Only look; nothing is recorded.")
def performance(session: Session, model: str, length: str | None, monitor: str | None, preview: bool) -> View:
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
    usual = USUAL[declaring.task]
    wanted = list(criteria) if monitor else list(dict.fromkeys([*criteria, *usual]))
    found = measures(seen, wanted or list(usual), declaring.threshold, declared.confidence)
    rows = [judged(name, value, criteria.get(name)) for name, value in found.items()]
    rows += [] if declared.limits else [sliced(each) for each in declaring.criteria if each.slice]
    status = worst([Status(str(row["status"])) for row in rows if row["limit"] is not None])
    judge_as = "" if length else _declaration(session, subject, monitor)  # an ad-hoc window is evidence of nothing
    finding = _finding(session, subject, seen, found, rows, status, judge_as)
    lost = lost_a_day(session, subject.name, seen) if status is Status.FAIL else None
    more = {"confidence": declared.confidence} | ({"loss_a_day": lost} if lost is not None else {})
    finding = replace(finding, monitor=monitor or "", detail={**finding.detail, **more})
    if not preview:
        session.ledger.append(finding)
    origin = limits_from(session, declared, monitor, f"models/{subject.name}.yaml, criteria")
    made = _view(finding, seen, rows, status, origin if any(row["limit"] is not None for row in rows) else None)
    return made if monitor or subject.version or not seen.waiting else _with_expected(session, subject.name, made)


def _with_expected(session: Session, name: str, view: View) -> View:
    """What is expected of the newest days, for a person who looks; a monitor judges outcomes alone."""
    found = waiting(served(session, name), session.now(), NEWEST)
    expects = estimates(outlook(found, session.declared().model(name)))
    return replace(view, parts=(*view.parts, *expects),
                   actions=(*view.actions, Action("When are the rest in?", ("maturity", name))))


def sliced(criterion: kinds.Criterion) -> Row:
    """A criterion on part of the rows, which is not measured in service yet: unknown, never passed over."""
    limit = criterion.at_least if criterion.at_least is not None else criterion.at_most
    return {"metric": f"{criterion.metric}:{criterion.slice}", "value": None, "low": None, "high": None, "n": None,
            "limit": limit, "status": Status.UNKNOWN, "reason": "slices are not measured in service yet", "method": ""}


def _declaration(session: Session, subject: Subject, monitor: str | None) -> str:
    return session.declaration("monitor", monitor) if monitor else session.declaration("model", subject.name)


def _finding(session: Session, subject: Subject, seen: Matured, measured: Mapping[str, Estimate], rows: list[Row],
             status: Status, declaration: str) -> Finding:
    limits = {str(row["metric"]): row["limit"] for row in rows if isinstance(row["limit"], float)}
    name = subject.name
    first = next((each for each in limits if each in measured), next(iter(measured)))
    main = measured[first]
    state = folds.model_state(session.ledger.entries("trained", "promotion"), name)
    value = "unknown" if main.value is None else f"{main.value:.3f} [{main.low:.3f}, {main.high:.3f}]" \
        if main.low is not None and main.high is not None else f"{main.value:.3f}"
    stands = next((str(row["status"]) for row in rows if row["metric"] == first), "")
    limit = _beside(main, limits[first], stands) if first in limits else ""
    detail = {each: {"value": found.value, "low": found.low, "high": found.high, "n": found.n}
              for each, found in measured.items()}
    return Finding(check="performance", subject=name, status=status.value, title=f"{first} of {name} {value}{limit}",
                   value=main.value, low=main.low, high=main.high, limit=limits.get(first), n=seen.n,
                   window=(seen.bounds[0].isoformat(), seen.bounds[1].isoformat()), data=seen.data,
                   declaration=declaration, version=state.resolve(subject.version),
                   detail={"metrics": detail, "metric": first, "total": seen.total, "waiting": seen.waiting,
                           "never": seen.never, **_shares(seen)})


def _beside(main: Estimate, limit: float, stands: str) -> str:
    """How a value stands by its limit, in words where that cannot be said."""
    if main.value is None or stands != Status.UNKNOWN:
        return f", limit {limit:g}"
    inside = main.low is not None and main.high is not None and main.low <= limit <= main.high
    return f" cannot be told from the limit {limit:g}" if inside else f" is not judged yet, limit {limit:g}"


def _shares(seen: Matured) -> dict[str, float | None]:
    """The share of yes, seen and predicted; of numbers their means; of classes how often one was right, and was said
    to be."""
    task = seen.answers.task
    names = ("mean_seen", "mean_predicted") if task is Task.REGRESSION else \
        ("right", "said_right") if task is Task.MULTICLASS else ("seen", "predicted")
    happened = seen.answers.decided == seen.answers.label if task is Task.MULTICLASS else seen.label
    return {name: finite(float(values.mean())) if seen.n else None for name, values in zip(
        names, (happened, seen.score), strict=True)}


def _view(finding: Finding, seen: Matured, rows: list[Row], status: Status, origin: str | None) -> View:
    facts = Facts({"predictions": seen.total, "labels_in": seen.n, "waiting": seen.waiting, "never": seen.never,
                   "mature_share": seen.mature_share, "from": told(finding.window[0]), "to": told(finding.window[1]),
                   "version": finding.version, "limits_from": origin,
                   "confidence": finding.detail["confidence"]})
    table = Table.of("metrics", rows, "metric", Column("value"), Column("low"), Column("high"), "n", "limit", "status",
                     "reason")
    binary = seen.answers.task is Task.BINARY
    return View(finding.title, status, (facts, table, *_daily(seen)), (
        Action("Is it calibrated?", ("calibration", finding.subject)),
        Action("Why?", ("why", finding.subject)),
        Action("What would help?", ("remedy", finding.subject))) if binary else ())


def _daily(seen: Matured) -> tuple[Series, ...]:
    """What was seen and predicted by day, with the interval of what was seen: share of yes, of right answers, mean."""
    if seen.n == 0:
        return ()
    days, place = np.unique(seen.day, return_inverse=True)
    n = np.bincount(place)
    task = seen.answers.task
    happened = np.asarray(seen.answers.decided == seen.answers.label if task is Task.MULTICLASS else seen.label,
                          dtype=np.float64)
    total, predicted = np.bincount(place, weights=happened), np.bincount(place, weights=seen.score) / n
    if task is Task.REGRESSION:
        found = [mean_interval(happened[place == number]) for number in range(days.size)]
    else:
        found = [wilson(int(k), int(m)) for k, m in zip(total, n, strict=True)]
    bounds = [(each.low, each.high) if each is not None else (None, None) for each in found]
    title = {Task.BINARY: "Share of positives by day", Task.REGRESSION: "Mean by day",
             Task.MULTICLASS: "Share of right answers by day"}[task]
    return (Series("share_by_day" if task is not Task.REGRESSION else "mean_by_day", "band", tuple(map(str, days)),
                   tuple((total / n).tolist()), tuple(low for low, _ in bounds), tuple(high for _, high in bounds),
                   tuple(finite(each) for each in predicted.tolist()), ("seen", "predicted"), title),)
