"""What a version answers on the rows of an old incident, judged by the rule that its alert fired upon."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from mlops_tui import folds
from mlops_tui.analysis.interval import Contrast
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.analysis.paired import contrast
from mlops_tui.analysis.significance import Verdict, turned, verdict
from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.kinds import Model, Monitor
from mlops_tui.errors import NotFound, Refusal
from mlops_tui.incidents.suite import FAILS, JUDGED, SURVIVES, TRAINED_ON, UNKNOWN, Case
from mlops_tui.inputs.moments import moment
from mlops_tui.models.matured import Arrivals, Matured, arrivals
from mlops_tui.models.predicting import predicted
from mlops_tui.models.rivals import task_of
from mlops_tui.oversight.standing import LIMITS, asked, calibrated, judged, measures, sure
from mlops_tui.session import Session
from mlops_tui.view import Row, Status, finite
from store.facts import Fact, Replayed, Trained
from store.lake import Manifest
from store.ledger import Entry

EDITION = 1  # of what is done here: another one is another answer
MOST_SEEN = 0.5  # a version that was fitted on more of the rows has learnt them by heart
FIGURES = ("metric", "value", "low", "high", "limit", "n", "status", "reason")


class Gone(Refusal):
    """The rows cannot be answered any more, and why."""


@dataclass(frozen=True)
class Rows:
    """The rows of a case, with the snapshots of inputs and outcomes that they are read from."""

    features: Manifest
    labels: Manifest


def replayed(session: Session, case: Case, trained: Trained) -> tuple[Replayed, bool]:
    """How the version lives through the case, and whether that was computed now; what was answered before is told
    again, once no outcome is waited for any more."""
    model = session.declared().model(case.model)
    rule = rule_of(session, case)
    rows = _rows(session, case, model)
    key = _key(case, rule, model, trained, rows)
    known = folded(session.ledger.entries("replayed"), case.model, key)
    if known is not None and not known.detail.get("waiting"):
        return known, False
    fact = Replayed(subject=case.model, version=trained.version, incident=case.incident, key=key, verdict=UNKNOWN,
                    rows=case.rows, check=rule.check, against=case.champion,
                    window=(case.window[0].isoformat(), case.window[1].isoformat()),
                    data=(rows.features.id, rows.labels.id) if isinstance(rows, Rows) else ())
    try:
        fact = _answered(session, case, trained, rule, fact, rows)
    except Refusal as problem:
        fact = replace(fact, reason=problem.what.rstrip("."))

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        before = folded(entries, case.model, key)
        return [] if before is not None and _said(before) == _said(fact) else [fact]

    session.ledger.transact(decided)
    return fact, True


def _said(fact: Replayed) -> tuple[str, str, int, int]:
    return fact.verdict, fact.reason, fact.n, int(fact.detail.get("waiting", 0))


def folded(entries: Sequence[Entry], model: str, key: str) -> Replayed | None:
    """What was answered under that key."""
    return next((entry.fact for entry in reversed(entries) if isinstance(entry.fact, Replayed)
                 and entry.subject == model and entry.fact.key == key), None)


def rule_of(session: Session, case: Case) -> Monitor:
    """The monitor as it was declared when the alert fired; of a check of data, or where a person saw it, what the
    model's own criteria ask."""
    if case.check not in JUDGED:
        return Monitor(check="performance", subject=case.model)
    if not case.declaration:
        otherwise = Monitor("calibration" if case.check == "calibration" else "performance", case.model)
        return session.declared().monitors.get(case.monitor, otherwise)
    text = session.data().object(case.declaration).decode("utf-8")
    return parse(Monitor, text, f"monitors/{case.monitor}.yaml of {case.incident}")


def _rows(session: Session, case: Case, model: Model) -> Rows | str:
    """The rows of the window as they were known then, and their outcomes as they are known now; or why there are none.
    """
    name, lake = f"{case.model}.features", session.data()
    try:
        found = lake.manifest(name, case.rows)
    except NotFound:
        return f"the rows of {case.incident} are no longer in the lake"
    zone = session.declared().zone
    first, last = (f"{each.astimezone(zone):%Y-%m-%d}" for each in case.window)
    features = found.within(day=(first, last))
    if not features.files:
        return f"no features were kept of {first} to {last}"
    if not lake.has(features):
        return f"files of {name} of that time are missing"
    return Rows(features, session.snapshot(model.label.dataset).within(day=(first, last)))


def _key(case: Case, rule: Monitor, model: Model, trained: Trained, rows: Rows | str) -> str:
    """The digest of all that the answer follows from."""
    asked_of = {"edition": EDITION, "incident": case.incident, "window": [each.isoformat() for each in case.window],
                "version": trained.version, "artifact": trained.artifact, "against": case.champion,
                "pinned": case.rows, "rule": asdict(rule), "criteria": [asdict(each) for each in model.criteria],
                "threshold": model.threshold, "delay": model.label.delay,
                "rows": rows if isinstance(rows, str) else [rows.features.id, rows.labels.id]}
    return hashlib.sha256(json.dumps(asked_of, sort_keys=True, default=str).encode()).hexdigest()


# -- the answer ---------------------------------------------------------------------------------------------------


def _answered(session: Session, case: Case, trained: Trained, rule: Monitor, fact: Replayed,
              rows: Rows | str) -> Replayed:
    if isinstance(rows, str):
        raise Gone(rows)
    model = session.declared().model(case.model)
    if task_of(trained) != model.task:
        raise Gone(f"it is a {task_of(trained)} model, and {case.model} is declared as {model.task}")
    mine = _scored(session, case, trained, rows)
    unseen = mine.within((max(case.window[0], _fitted_to(session, trained)), case.window[1]))
    share = unseen.at.size / mine.at.size if mine.at.size else 0.0
    learnt = share < MOST_SEEN
    judging = mine if learnt else unseen
    seen = judging.seen(session.now(), case.window)
    figures = _figures(seen, rule, model, case.model)
    detail: dict[str, Any] = {"figures": figures, "rows": int(judging.at.size), "of": int(mine.at.size),
                              "waiting": seen.waiting, "unseen": share, "monitor": case.monitor}
    then = _then(session, case, trained, rows)
    if then is not None:
        theirs = _beside(then, judging).seen(session.now(), case.window)
        detail |= {"then": _figures(theirs, rule, model, case.model),
                   "lead": _lead(rule, model, seen, theirs, figures)}
    said, reason = _verdict(case, trained, detail)
    if learnt and said != FAILS:
        said, reason = TRAINED_ON, f"{1 - share:.0%} of these rows were in its training"
    return replace(fact, verdict=said, reason=reason, n=seen.n, detail=detail)


def _verdict(case: Case, trained: Trained, detail: Mapping[str, Any]) -> tuple[str, str]:
    """By the limits; where these do not tell, a version that is surely worse than the one that failed fails too, and so
    does that one itself. It failed where its answers were what the alert was about, or where they break the limits."""
    said, reason = verdict_of(detail["figures"])
    if said != UNKNOWN:
        return said, reason
    alerted = bool(case.monitor) and case.check in JUDGED
    if trained.version == case.champion and alerted:
        return FAILS, "it served then: this is its own incident"
    then = verdict_of(detail.get("then", ()))[0]
    failed = then == FAILS or (alerted and then == UNKNOWN)
    if failed and detail.get("lead", {}).get("verdict") == Verdict.WORSE:
        return FAILS, f"it is surely worse than version {case.champion}, which failed"
    return said, reason


def _scored(session: Session, case: Case, trained: Trained, rows: Rows) -> Arrivals:
    """A version's answers to the rows, with the outcomes that are known by now."""
    found = arrivals(session, case.model, case.window, scored=predicted(session, trained, rows.features))
    if not found.at.size:
        raise Gone(f"no row lies in the window of {case.incident}")
    return found


def _fitted_to(session: Session, trained: Trained) -> datetime:
    """From when on a version has not been fitted on any row."""
    return moment(str(trained.detail.get("test_from") or trained.window[1]), session.declared().zone)


def _then(session: Session, case: Case, trained: Trained, rows: Rows) -> Arrivals | None:
    """What the version that served then answers to the same rows; None where it is this one, or is not there."""
    state = folds.model_state(session.ledger.entries("trained", "promotion"), case.model)
    served = state.trained(case.champion) if case.champion else None
    if served is None or served.version == trained.version or task_of(served) != task_of(trained):
        return None
    try:
        return _scored(session, case, served, rows)
    except Refusal:
        return None


def _beside(theirs: Arrivals, mine: Arrivals) -> Arrivals:
    """The same rows of the other: both are in order of time and key, and `mine` may have left out the first ones."""
    return theirs.chosen(slice(theirs.at.size - mine.at.size, None))


def _figures(seen: Matured, rule: Monitor, model: Model, name: str) -> list[dict[str, Any]]:
    """Each figure of the rule beside its limit, as the check itself judges."""
    if rule.check == "calibration":
        rows: Sequence[Row] = [{"metric": row["measure"], **row} for row in calibrated(
            sure(seen, name), rule.limits or LIMITS, rule.min_rows, rule.confidence)]
    else:
        criteria = {each.metric: each for each in asked(rule, model)}
        found = measures(seen, list(criteria), model.threshold, rule.confidence)
        rows = [judged(each, found[each], criteria[each]) for each in criteria]
    return [{key: str(value) if key == "status" else finite(value) if isinstance(value, float) else value
             for key in FIGURES for value in (row.get(key),)} for row in rows]


def verdict_of(figures: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Whether every limit was surely kept, one was not, or nobody knows, and why."""
    if not figures:
        return UNKNOWN, "no limit is declared: neither by a monitor nor by the model's criteria"
    for word, status in ((FAILS, Status.FAIL), (UNKNOWN, Status.UNKNOWN)):
        first = next((each for each in figures if each["status"] == status), None)
        if first is not None:
            return word, f"{first['metric']}: {first['reason']}" if first["reason"] else str(first["metric"])
    return SURVIVES, ""


def _lead(rule: Monitor, model: Model, mine: Matured, theirs: Matured,
          figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """How far the version is ahead of the one that served, larger being better; of calibration by the Brier score."""
    name = "brier" if rule.check == "calibration" else str(figures[0]["metric"]) if figures else ""
    metric = METRICS.get(name)
    if metric is None or mine.n != theirs.n:
        return {"metric": name, "reason": "it cannot be compared"}
    metric = replace(metric, threshold=model.threshold)
    try:
        found: Contrast = contrast(metric, mine.answers, theirs.answers)
    except ValueError as problem:
        return {"metric": name, "reason": str(problem)}
    said = verdict(turned(found), metric.higher_is_better)  # about this version against the one that served
    lead = found if metric.higher_is_better else turned(found)
    return {"metric": name, "estimate": finite(lead.estimate), "low": finite(lead.low), "high": finite(lead.high),
            "verdict": str(said), "reason": lead.reason}


def toothless(fact: Replayed) -> bool:
    """Whether the version that served then lives through the whole case too, so that surviving it proves little."""
    then = fact.detail.get("then", ())
    return bool(then) and verdict_of(then)[0] == SURVIVES


