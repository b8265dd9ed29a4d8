"""A model's calibration in service: on its logged predictions whose outcome is known by now."""

from dataclasses import replace

from mlops_tui import folds
from mlops_tui.analysis.calibration import reliability
from mlops_tui.errors import BadInput, nearest
from mlops_tui.inputs.moments import told
from mlops_tui.modeling._pictures import reliability_diagram
from mlops_tui.models.matured import Matured, judged_rows, window
from mlops_tui.oversight.losing import lost_a_day
from mlops_tui.oversight.standing import KNOWN, LIMITS, calibrated, sure
from mlops_tui.oversight.watching import limits_from, watching
from mlops_tui.project import Subject
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View, worst
from store.facts import Finding


def live_calibration(session: Session, text: str, length: str | None, monitor: str | None, *,
                     preview: bool = False) -> View:
    """Judge the calibration of MODEL as its monitor does: `ece`, and `in_the_large` (log odds) on either side."""
    subject = session.declared().subject(text, "model")
    declared = watching(session, "calibration", subject.name, monitor, length)
    limits = declared.limits or LIMITS
    for name in limits:
        if name not in KNOWN:
            raise BadInput(f"No calibration limit '{name}'.", next=nearest(name, KNOWN) or "Limits: ece, in_the_large.")
    seen = sure(judged_rows(session, subject.name, window(session.now(), declared.window), subject.version),
                subject.name)
    rows = calibrated(seen, limits, declared.min_rows, declared.confidence)
    status = worst([Status(str(row["status"])) for row in rows])
    finding = _finding(session, subject, monitor, seen, rows, status, adhoc=length is not None)
    finding = replace(finding, detail={**finding.detail, "confidence": declared.confidence})
    lost = lost_a_day(session, subject.name, seen) if status is Status.FAIL else None
    finding = replace(finding, detail={**finding.detail, "loss_a_day": lost}) if lost is not None else finding
    if not preview:
        session.ledger.append(finding)
    return _view(finding, seen, rows, limits_from(session, declared, monitor, "the default"))


def _finding(session: Session, subject: Subject, monitor: str | None, seen: Matured, rows: list[Row],
             status: Status, *, adhoc: bool) -> Finding:
    name = subject.name
    predicted, share = (float(seen.score.mean()), float(seen.label.mean())) if seen.n else (None, None)
    said = "too few outcomes are known" if predicted is None or share is None else \
        f"predicts {predicted:.1%}, {share:.1%} were seen"
    main = next((row for row in rows if row["status"] is Status.FAIL), rows[0])
    value, low, high, limit = (each if isinstance(each := main[key], float) else None
                               for key in ("value", "low", "high", "limit"))
    kind, declared = ("monitor", monitor) if monitor else ("model", name)
    state = folds.model_state(session.ledger.entries("trained", "promotion"), name)
    return Finding(check="calibration", subject=name, status=status.value, title=f"{name} {said}",
                   value=value, low=low, high=high, limit=limit, n=seen.n,
                   window=(seen.bounds[0].isoformat(), seen.bounds[1].isoformat()), data=seen.data,
                   declaration="" if adhoc else session.declaration(kind, declared), monitor=monitor or "",
                   version=state.resolve(subject.version),
                   detail={"predicted": predicted, "seen": share, "total": seen.total, "waiting": seen.waiting,
                           "never": seen.never, "measures": {str(row["measure"]): row["value"] for row in rows},
                           "bounds": {str(row["measure"]): [row["low"], row["high"]] for row in rows}})


def _view(finding: Finding, seen: Matured, rows: list[Row], origin: str) -> View:
    facts: dict[str, Cell] = {"outcomes_known": seen.n, "waiting": seen.waiting, "mature_share": seen.mature_share,
                              "predicted": finding.detail["predicted"], "seen": finding.detail["seen"],
                              "from": told(finding.window[0]), "to": told(finding.window[1]), "limits_from": origin,
                              "confidence": finding.detail["confidence"]}
    table = Table.of("measures", rows, "measure", *(Column(name, digits=3) for name in ("value", "low", "high",
                                                                                            "limit")), "unit",
                     "status", "reason")
    picture = (reliability_diagram(reliability(seen.label, seen.score)),) if seen.n > 1 else ()
    return View(finding.title, Status(finding.status), (*picture, Facts(facts), table),
                (Action("How well?", ("performance", finding.subject)), Action("Why?", ("why", finding.subject)),
                 Action("What would help?", ("remedy", finding.subject))))
