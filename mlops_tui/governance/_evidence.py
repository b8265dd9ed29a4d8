"""What a gate is judged on: measurements of training, and the version beside the champion on rows neither has seen."""

from collections.abc import Mapping
from typing import Any

from mlops_tui import folds, gates, rivals
from mlops_tui.analysis.calibration import ece, reliability
from mlops_tui.analysis.interval import Contrast, Estimate
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.analysis.paired import paired_bootstrap
from mlops_tui.analysis.ranking import delong_test
from mlops_tui.errors import NotFound
from mlops_tui.folds import ModelState
from mlops_tui.project import Project
from mlops_tui.session import Session
from store.facts import Trained

BINS = 10


def case_of(session: Session, text: str) -> tuple[gates.Case, ModelState]:
    """The version that the words mean (the challenger where none is named), its declarations read as they are now."""
    project = Project(session.declared().root)
    subject = project.subject(text, "model")
    model = project.model(subject.name)
    state = folds.model_state(session.ledger.entries("trained", "promotion"), subject.name)
    version = state.resolve(subject.version or "challenger")
    if version not in state.versions:
        known = ", ".join(state.versions)
        said = f"version {subject.version}" if subject.version else "challenger: its newest version serves already"
        raise NotFound(f"'{subject.name}' has no {said if known else 'version'}.", where=f"versions: {known or 'none'}",
                       next=f"Try: mlops-tui train {subject.name}")
    return gates.Case(subject.name, version, model, state.champion, project.checklists.get(model.checklist),
                      _fingerprints(project, subject.name, model.label.dataset), session.now()), state


def _fingerprints(project: Project, name: str, dataset: str) -> dict[str, str]:
    """The fingerprints that a finding about the model may bear: the model's, its dataset's, its monitors'."""
    found = {f"model {name}": project.fingerprint("model", name)}
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
    measured = {name: _estimate(name, each) for name, each in trained.metrics.items()}
    error = measured.get("ece")
    if error is None and "calibrated" in case.model.gate:
        error, reasons["ece"] = _calibration(session, case, trained)
    lead, n, ways = None, 0, {}
    if case.champion not in ("", case.version) and "no_worse_than_champion" in case.model.gate:
        lead, n, reasons["lead"], ways["lead"] = _lead(session, case, trained, state.trained(case.champion))
    return gates.Evidence(measured, tuple(trained.detail.get("contrasts", ())), lead, n, error, reasons, ways)


def _estimate(name: str, each: Mapping[str, Any]) -> Estimate:
    return Estimate(name, each.get("value"), each.get("low"), each.get("high"), int(each.get("n") or 0),
                    str(each.get("method", "")), str(each.get("reason", "")))


def _calibration(session: Session, case: gates.Case, trained: Trained) -> tuple[Estimate | None, str]:
    scores, reason = rivals.scores_of(session, case.model, trained)
    if scores is None:
        return None, reason
    label, score = rivals.held_out(session, case.model, trained, scores)
    if not label.size:
        return None, "there are no test rows"
    if score.min() < 0 or score.max() > 1:
        return None, "its scores are no probabilities"
    return Estimate("ece", ece(reliability(label, score, BINS)), None, None, label.size, f"{BINS} equal bins"), ""


def _lead(session: Session, case: gates.Case, trained: Trained,
          champion: Trained | None) -> tuple[Contrast | None, int, str, tuple[str, ...]]:
    """The lead on the champion where both scored the same unseen rows: in its prediction log, or in its own test."""
    scores, reason = rivals.scores_of(session, case.model, trained)
    if champion is None or scores is None:
        return None, 0, reason or "it is not known how the champion was made", ("train", case.name)
    rows = rivals.shared(session, case.model, trained, champion)
    if rows.n < gates.FEWEST or rows.one_class:
        said = f"only {rows.n} of its test rows were scored by the champion" if rows.n else \
            "the champion has scored none of its test rows"
        how, way = rivals.way_out(session, case.model, trained, champion)
        return None, rows.n, f"{said}: {how}", way
    metric = METRICS.get(str(trained.detail.get("metric", "roc_auc")), METRICS["roc_auc"])
    found = delong_test(rows.label, rows.mine.given, rows.theirs.given) if metric.id == "roc_auc" else \
        paired_bootstrap(metric, rows.label, rows.mine.given, rows.theirs.given)
    return found if metric.higher_is_better else _turned(found), rows.n, found.reason, ()


def _turned(found: Contrast) -> Contrast:
    """The contrast of a loss as a lead: smaller is better, so the sign turns."""
    low, high = (-bound if bound is not None else None for bound in (found.high, found.low))
    return Contrast(-found.estimate, low, high, found.statistic, found.p_value, found.method, found.reason)
