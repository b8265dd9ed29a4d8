"""A model's calibration in service: on its logged predictions whose outcome is known by now."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mlops_tui import folds
from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.calibration import calibration_line, ece, reliability
from mlops_tui.errors import BadInput, nearest
from mlops_tui.matured import Matured, judged_rows, window
from mlops_tui.modeling._pictures import reliability_diagram
from mlops_tui.moments import told
from mlops_tui.project import Subject
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View, worst
from mlops_tui.watching import limits_from, watching
from store.facts import Finding

LIMITS = {"ece": 0.05}
KNOWN = {"ece": "share", "in_the_large": "log odds"}  # each with its unit
FEWEST = 100  # outcomes; fewer say nothing about ten bins


def live_calibration(session: Session, text: str, length: str | None, monitor: str | None, *,
                     preview: bool = False) -> View:
    """Judge the calibration of MODEL as its monitor does: `ece`, and `in_the_large` (log odds) on either side."""
    subject = session.declared().subject(text, "model")
    declared = watching(session, "calibration", subject.name, monitor, length)
    limits = declared.limits or LIMITS
    for name in limits:
        if name not in KNOWN:
            raise BadInput(f"No calibration limit '{name}'.", next=nearest(name, KNOWN) or "Limits: ece, in_the_large.")
    seen = _sure(judged_rows(session, subject.name, window(session.now(), declared.window), subject.version),
                 subject.name)
    rows = judged(seen, limits, declared.min_rows)
    status = worst([Status(str(row["status"])) for row in rows])
    finding = _finding(session, subject, monitor, seen, rows, status, adhoc=length is not None)
    if not preview:
        session.ledger.append(finding)
    return _view(finding, seen, rows, limits_from(session, declared, monitor, "the default"))


def _sure(seen: Matured, name: str) -> Matured:
    """The rows as scores of yes or no: of several classes, whether the one that was said is right."""
    if seen.answers.task is Task.REGRESSION:
        raise BadInput(f"Calibration is of probabilities; {name} is a regression.",
                       next=f"Try: mlops-tui performance {name}")
    if seen.answers.task is Task.BINARY:
        return seen
    if not np.isfinite(seen.score).all():
        raise BadInput(f"Calibration is of probabilities; {name} says classes without them.",
                       next=f"Try: mlops-tui performance {name}")
    return replace(seen, label=(seen.answers.decided == seen.answers.label).astype(np.int8))


def judged(seen: Matured, limits: Mapping[str, float], min_rows: int) -> list[Row]:
    """Each measure beside its limit; unknown where there are too few outcomes, or of one kind only."""
    needed = max(min_rows, FEWEST)
    if seen.n < needed or seen.label.min() == seen.label.max():
        reason = f"{seen.n} outcomes are known, needs {needed} of both kinds"
        return [{"measure": name, "unit": KNOWN[name], "value": None, "limit": limit, "n": seen.n,
                 "status": Status.UNKNOWN, "reason": reason} for name, limit in limits.items()]
    values = {"ece": ece(reliability(seen.label, seen.score)),
              "in_the_large": calibration_line(seen.label, seen.score).in_the_large}
    rows: list[Row] = []
    for name, limit in limits.items():
        value = values[name]
        status = Status.UNKNOWN if value is None else Status.FAIL if abs(value) > limit else Status.PASS
        rows.append({"measure": name, "unit": KNOWN[name], "value": value, "limit": limit, "n": seen.n,
                     "status": status, "reason": ""})
    return rows


def _finding(session: Session, subject: Subject, monitor: str | None, seen: Matured, rows: list[Row],
             status: Status, *, adhoc: bool) -> Finding:
    name = subject.name
    predicted, share = (float(seen.score.mean()), float(seen.label.mean())) if seen.n else (None, None)
    said = "too few outcomes are known" if predicted is None or share is None else \
        f"predicts {predicted:.1%}, {share:.1%} were seen"
    main = next((row for row in rows if row["status"] is Status.FAIL), rows[0])
    value, limit = main["value"], main["limit"]
    kind, declared = ("monitor", monitor) if monitor else ("model", name)
    state = folds.model_state(session.ledger.entries("trained", "promotion"), name)
    return Finding(check="calibration", subject=name, status=status.value, title=f"{name} {said}",
                   value=value if isinstance(value, float) else None, limit=limit if isinstance(limit, float) else None,
                   n=seen.n, window=(seen.bounds[0].isoformat(), seen.bounds[1].isoformat()), data=seen.data,
                   declaration="" if adhoc else session.declaration(kind, declared), monitor=monitor or "",
                   version=state.resolve(subject.version),
                   detail={"predicted": predicted, "seen": share, "total": seen.total, "waiting": seen.waiting,
                           "never": seen.never, "measures": {str(row["measure"]): row["value"] for row in rows}})


def _view(finding: Finding, seen: Matured, rows: list[Row], origin: str) -> View:
    facts: dict[str, Cell] = {"outcomes_known": seen.n, "waiting": seen.waiting, "mature_share": seen.mature_share,
                              "predicted": finding.detail["predicted"], "seen": finding.detail["seen"],
                              "from": told(finding.window[0]), "to": told(finding.window[1]), "limits_from": origin}
    table = Table.of("measures", rows, "measure", Column("value", digits=3), Column("limit", digits=3), "unit",
                     "status", "reason")
    picture = (reliability_diagram(reliability(seen.label, seen.score)),) if seen.n > 1 else ()
    return View(finding.title, Status(finding.status), (*picture, Facts(facts), table),
                (Action("How well?", ("performance", finding.subject)),
                 Action("What would help?", ("remedy", finding.subject))))
