"""What a gate is judged on: measurements of training, and the version beside the champion on rows neither has seen."""

from collections.abc import Mapping
from typing import Any

from mlops_tui import folds, gates
from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.calibration import ece, reliability
from mlops_tui.analysis.interval import Contrast, Estimate
from mlops_tui.analysis.paired import contrast
from mlops_tui.analysis.significance import turned
from mlops_tui.errors import NotFound
from mlops_tui.folds import ModelState
from mlops_tui.models import looks, rivals
from mlops_tui.models.beside import metric_of
from mlops_tui.models.slices import criteria
from mlops_tui.oversight import boards
from mlops_tui.project import Project
from mlops_tui.session import Session
from store.facts import Trained

BINS = 10


def case_of(session: Session, text: str, board: str = "") -> tuple[gates.Case, ModelState]:
    """The version that the words mean (the challenger where none is named), its declarations read as they are now,
    with those of the board named, or else of the model's own."""
    project = Project(session.declared().root)
    subject = project.subject(text, "model")
    model = project.model(subject.name)
    state = folds.model_state(session.ledger.entries("trained", "promotion"), subject.name)
    version = state.resolve(subject.version or "challenger")
    if version not in state.versions:
        known = ", ".join(state.versions)
        said = f"version {subject.version}" if subject.version else "challenger: its newest version serves already"
        raise NotFound(f"'{subject.name}' has no {said if known else 'version'}.", where=f"versions: {known or 'none'}",
                       next=f"Try: mlops-tui {'model show' if known and subject.version else 'train'} {subject.name}")
    prints = _fingerprints(project, subject.name, model.label.dataset) | boards.prints(project, board or model.board)
    return gates.Case(subject.name, version, model, state.champion, project.checklists.get(model.checklist),
                      prints, session.now().astimezone(project.zone)), state


def _fingerprints(project: Project, name: str, dataset: str) -> dict[str, str]:
    """The fingerprints that a finding about the model may bear: the model's, its dataset's, its monitors'."""
    found = {f"model {name}": project.fingerprint("model", name)}
    if name in project.impact:
        found[f"impact {name}"] = project.fingerprint("impact", name)
    if dataset in project.datasets:
        found[f"dataset {dataset}"] = project.fingerprint("dataset", dataset)
    return found | {f"monitor {each}": project.fingerprint("monitor", each) for each, monitor
                    in project.monitors.items() if monitor.subject in (name, dataset)}


def evidence(session: Session, case: gates.Case, state: ModelState) -> gates.Evidence:
    """What training measured, the calibration on its test rows, and the lead on the champion."""
    trained = state.trained(case.version)
    if trained is None:
        return gates.Evidence()
    reasons: dict[str, str] = {}
    of_slices = criteria(session, case.model, trained, rivals.scores_of(session, case.model, trained)[0])
    reasons |= of_slices.reasons
    measured = {**{name: _estimate(name, each) for name, each in trained.metrics.items()}, **of_slices.estimates}
    error = measured.get("ece")
    if error is None and "calibrated" in case.model.gate:
        error, reasons["ece"] = _calibration(session, case, trained)
    lead, n, ways = None, 0, {}
    if case.champion not in ("", case.version) and "no_worse_than_champion" in case.model.gate:
        lead, n, reasons["lead"], ways["lead"] = _lead(session, case, trained, state.trained(case.champion))
    return gates.Evidence(measured, tuple(trained.detail.get("contrasts", ())), lead, n, error,
                          _looks(session, trained), reasons, ways)


def _looks(session: Session, trained: Trained) -> int:
    """How many questions the version's test days were asked, its own among them."""
    days = looks.holdout_of(trained)
    return 1 if days is None else max(len(looks.looks(session.ledger.entries("trained", "looked"), days)), 1)


def _estimate(name: str, each: Mapping[str, Any]) -> Estimate:
    return Estimate(name, each.get("value"), each.get("low"), each.get("high"), int(each.get("n") or 0),
                    str(each.get("method", "")), str(each.get("reason", "")))


def _calibration(session: Session, case: gates.Case, trained: Trained) -> tuple[Estimate | None, str]:
    scores, reason = rivals.scores_of(session, case.model, trained)
    if scores is None:
        return None, reason
    if rivals.task_of(trained) is not Task.BINARY:
        return None, f"the calibration of a {rivals.task_of(trained)} model is not measured here"
    rows = rivals.answers(session, case.model, trained, scores)
    if not rows.n:
        return None, "there are no test rows"
    if rows.given.min() < 0 or rows.given.max() > 1:
        return None, "its scores are no probabilities"
    bins = reliability(rows.label, rows.given, BINS, weights=rows.weight)
    return Estimate("ece", ece(bins), None, None, rows.n, f"{BINS} equal bins"), ""


def _lead(session: Session, case: gates.Case, trained: Trained,
          champion: Trained | None) -> tuple[Contrast | None, int, str, tuple[str, ...]]:
    """The lead on the champion where both scored the same unseen rows: in its prediction log, or in its own test."""
    scores, reason = rivals.scores_of(session, case.model, trained)
    if champion is None or scores is None:
        return None, 0, reason or "it is not known how the champion was made", ("train", case.name)
    rows = rivals.shared(session, case.model, trained, champion)
    if rows.n < gates.FEWEST or (rows.one_class and rows.mine.task is not Task.REGRESSION):
        said = f"only {rows.n} of its test rows were scored by the champion" if rows.n else \
            "the champion has scored none of its test rows"
        how, way = rivals.way_out(session, case.model, trained, champion)
        return None, rows.n, f"{said}: {how}", way
    metric = metric_of(case.model, trained)
    try:
        found = contrast(metric, rows.mine, rows.theirs)
    except ValueError as problem:
        return None, rows.n, str(problem), ()
    return found if metric.higher_is_better else turned(found), rows.n, found.reason, ()

