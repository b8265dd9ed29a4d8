"""The card of a version, gathered from the run that made it, the declarations, and the history since."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlops_tui import folds
from mlops_tui.analysis.answers import Task
from mlops_tui.analysis.calibration import ece, reliability
from mlops_tui.analysis.clustered import reckoned
from mlops_tui.analysis.metrics import METRICS
from mlops_tui.assurance import tier
from mlops_tui.assurance.evidence import personal
from mlops_tui.declarations import declare
from mlops_tui.declarations.impacts import Impact
from mlops_tui.declarations.kinds import Model
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import NotFound, Unreadable
from mlops_tui.governance._cardrecord import Card, Data, Figure, Finding, Lead, Standing
from mlops_tui.incidents import suite
from mlops_tui.models import rivals
from mlops_tui.privacy.redaction import SECRET
from mlops_tui.privacy.subjects import column_of
from mlops_tui.project import Project
from mlops_tui.session import Session
from store import facts
from store.facts import Trained
from store.lake import Manifest
from store.ledger import Entry

SEEN = ("trained", "promotion", "finding", "replayed", "hold", "incident", "alert", "proposal", "approval", "vote",
        "assessed", "board")
MOST_SLICES, FEWEST_ROWS, BINS = 12, 100, 10


def made(session: Session, text: str) -> Card:
    """The card of MODEL[@VERSION]: the champion, or the newest version where none serves."""
    project = Project(session.declared().root)
    subject = project.subject(text, "model")
    entries = session.ledger.entries(*SEEN)
    state = folds.model_state(entries, subject.name)
    version = state.resolve(subject.version) or ("" if subject.version else next(reversed(tuple(state.versions)), ""))
    trained = state.trained(version) if version else None
    if trained is None:
        known = ", ".join(state.versions)
        raise NotFound(f"'{subject.name}' has no version {subject.version}." if known else
                       f"'{subject.name}' was never trained.", where=f"versions: {known or 'none'}",
                       next=f"Try: mlops-tui {'model show' if known else 'train'} {subject.name}")
    model, then = project.model(subject.name), _as_trained(session, trained)
    scores = rivals.scores_of(session, model, trained)[0]
    found = tier.of(entries, subject.name)
    return _told(project, trained, model, Card(
        name=subject.name, version=trained.version, task=str(trained.detail.get("task", model.task)),
        created=state.versions[trained.version].recorded_at.isoformat(), candidate=trained.candidate,
        estimator=str(trained.detail.get("descriptions", {}).get(trained.candidate, "")),
        params=_params(then, trained.candidate), seed=trained.seed, window=trained.window, key=trained.key,
        declaration=trained.declaration, artifact=trained.artifact,
        threshold=model.threshold if model.task == "binary" else None,
        inputs=tuple((str(each["name"]), str(each["type"])) for each in trained.detail.get("inputs", ())),
        data=tuple(_data(session, project, trained, model)), metric=str(trained.detail.get("metric", "")),
        metrics=tuple(_metrics(entries, trained)), slices=tuple(_slices(session, project, model, trained, scores)),
        baselines=tuple(_baselines(trained)), calibration=_calibration(session, model, trained, scores),
        fairness=_found(entries, "bias", trained, of_version=True), replays=tuple(_replays(entries, trained)),
        lessons=tuple(_lessons(project, model)), tier=found.words if found else "",
        level=found.level if found else None, eu=(found.eu or "") if found else "",
        decisions=tuple(sorted(project.decisions)), standing=_standing(entries, state, trained)))


def _told(project: Project, trained: Trained, model: Model, card: Card) -> Card:
    """With what people say: of the model's declaration, and of its impact."""
    said = project.impact.get(trained.subject, Impact())
    return replace(card, description=model.description.strip(), owners=(model.owner,) if model.owner else (),
                   licence=model.licence, use=said.use.strip(), users=said.users,
                   limits=(*said.limits, *_limits(project, card)), tradeoffs=said.tradeoffs,
                   ethics=tuple((each.risk, each.measure) for each in said.ethics))


def _limits(project: Project, card: Card) -> Iterator[str]:
    """What the contracts of its data say that these cannot show."""
    for name in dict.fromkeys(each.name for each in card.data):
        described = project.datasets[name].description if name in project.datasets else None
        if isinstance(described, Mapping) and (said := str(described.get("limitations") or "").strip()):
            yield f"{name}: {said}"


def _as_trained(session: Session, trained: Trained) -> Model | None:
    """The declaration as it was when the version was trained; None where it is not kept or does not read any more."""
    try:
        text = session.data().object(trained.declaration).decode("utf-8")
        return declare.parse(Model, text, f"models/{trained.subject}.yaml")
    except (NotFound, Unreadable, UnicodeDecodeError):
        return None


def _params(then: Model | None, candidate: str) -> Mapping[str, Any]:
    declared = then.candidates.get(candidate) if then is not None else None
    return dict(declared.params) if declared is not None else {}


# -- data -----------------------------------------------------------------------------------------------------------


def _data(session: Session, project: Project, trained: Trained, model: Model) -> Iterator[Data]:
    """The rows it was fitted on and tested on, then every dataset behind them."""
    detail, whole = trained.detail, rivals.kept(session, f"{trained.subject}.training", trained.training)
    yield Data(f"{trained.subject}.training", "training", trained.training,
               _number(detail.get("train_rows")) or (whole.rows if whole else None), trained.window[0],
               str(detail.get("trained_to") or trained.window[1]), personal=_any_personal(session, project, trained))
    if detail.get("test_rows"):
        yield Data(f"{trained.subject}.scores", "test", trained.scores, _number(detail["test_rows"]),
                   str(detail.get("test_from") or ""), str(detail.get("test_to") or ""))
    used = {dataset for origins in session.made_of(trained.subject).values() for dataset, _ in origins}
    for name in sorted({*used, model.label.dataset}):
        if name in project.datasets:
            label = name == model.label.dataset
            yield _source(project.datasets[name], name, str(detail.get("labels") or "") if label else "",
                          session if label else None)


def _source(contract: Contract, name: str, snapshot: str, session: Session | None) -> Data:
    kept = rivals.kept(session, name, snapshot) if session is not None and snapshot else None
    described = contract.description
    said = described.get("purpose", "") if isinstance(described, Mapping) else described
    team = contract.team.get("members", ()) if isinstance(contract.team, Mapping) else contract.team or ()
    owners = tuple(str(each.get("username") or each.get("name")) for each in team
                   if isinstance(each, Mapping) and "owner" in str(each.get("role", "")).lower())
    classes = tuple(sorted({each.classification for each in contract.properties if each.classification}))
    sensitive = tuple(each.name for each in contract.properties
                      if personal(each) or each.classification.lower() in SECRET)
    return Data(name, "source", snapshot, kept.rows if kept else None, "", "",
                str(said or contract.schema[0].description).strip(),
                str(contract.custom("licence") or contract.custom("license") or ""), owners, classes, sensitive,
                _personal(contract))


def _personal(contract: Contract) -> bool | None:
    """Whether rows are about people; None where a column that is not classed leaves it open."""
    if column_of(contract) or any(personal(each) for each in contract.properties):
        return True
    return False if all(each.classification for each in contract.properties) else None


def _any_personal(session: Session, project: Project, trained: Trained) -> bool | None:
    used = {dataset for origins in session.made_of(trained.subject).values() for dataset, _ in origins}
    said = [_personal(project.datasets[name]) if name in project.datasets else None for name in used]
    return True if True in said else None if not said or None in said else False


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None


# -- figures --------------------------------------------------------------------------------------------------------


def _metrics(entries: Sequence[Entry], trained: Trained) -> Iterator[Figure]:
    """What training measured on the test rows, then what an evaluation of this version measured besides."""
    yield from (_figure(name, each) for name, each in trained.metrics.items())
    found = _newest(entries, "evaluate", trained, of_version=True)
    more = found.fact.detail.get("metrics", {}) if found is not None and isinstance(found.fact, facts.Finding) else {}
    yield from (_figure(name, each) for name, each in more.items() if name not in trained.metrics)


def _figure(name: str, each: Mapping[str, Any], slice: str = "") -> Figure:
    return Figure(name, each.get("value"), each.get("low"), each.get("high"), int(each.get("n") or 0), slice,
                  str(each.get("method") or ""), str(each.get("reason") or ""))


def _slices(session: Session, project: Project, model: Model, trained: Trained,
            scores: Manifest | None) -> Iterator[Figure]:
    """The deciding metric on each part of the test rows that the declaration names, the largest parts first."""
    name = str(trained.detail.get("metric") or "")
    metric = METRICS.get("mae" if name == "mase" else name)
    if scores is None or metric is None:
        why = "its scores on the test rows are not there" if scores is None else "it is not measured by parts"
        yield from (Figure(name or "metric", None, slice=column, reason=why) for column in model.slices)
        return
    if not model.slices:
        return
    metric, answers = replace(metric, threshold=model.threshold), rivals.answers(session, model, trained, scores)
    secret = {item.name for contract in project.datasets.values() for item in contract.properties
              if item.classification.lower() in SECRET}
    sources = [each for each in (rivals.kept(session, f"{trained.subject}.training", trained.training), rivals.kept(
        session, model.label.dataset, str(trained.detail.get("labels") or ""))) if each is not None]
    for column in model.slices:
        source = next((each for each in sources if column in each.columns), None)
        if source is None:
            yield Figure(metric.id, None, slice=column, reason="no rows that are kept have this column")
            continue
        values = rivals.groups(session, model, scores, source, column)
        names, counts = np.unique(values, return_counts=True)
        order = np.argsort(-counts, kind="stable")[:MOST_SLICES]
        for place, at in enumerate(order, start=1):
            shown = f"{column}=({'classified'} {place})" if column in secret else f"{column}={names[at]}"
            yield _of_part(metric, answers, values == names[at], int(counts[at]), shown)


def _of_part(metric: Any, answers: Any, inside: Any, n: int, shown: str) -> Figure:
    if n < FEWEST_ROWS:
        return Figure(metric.id, None, n=n, slice=shown, reason=f"{n} rows, {FEWEST_ROWS} are needed")
    try:
        found = reckoned(metric, answers.of(inside))
    except ValueError as problem:
        return Figure(metric.id, None, n=n, slice=shown, reason=str(problem))
    return Figure(metric.id, found.value, found.low, found.high, found.n, shown, found.method, found.reason)


def _baselines(trained: Trained) -> Iterator[Lead]:
    for each in trained.detail.get("contrasts", ()):
        yield Lead(str(each.get("baseline")), str(each.get("metric") or ""), each.get("estimate"), each.get("low"),
                   each.get("high"), str(each.get("verdict") or ""))


def _calibration(session: Session, model: Model, trained: Trained, scores: Manifest | None) -> Figure | None:
    """The expected calibration error on the test rows."""
    if "ece" in trained.metrics:
        return _figure("ece", trained.metrics["ece"])
    if scores is None or rivals.task_of(trained) is not Task.BINARY:
        return None
    rows = rivals.answers(session, model, trained, scores)
    if not rows.n or rows.given.min() < 0 or rows.given.max() > 1:
        return None
    value = ece(reliability(rows.label, rows.given, BINS, weights=rows.weight))
    return Figure("ece", value, n=rows.n, method=f"{BINS} equal bins", reason="no interval is made")


# -- the history ----------------------------------------------------------------------------------------------------


def _newest(entries: Sequence[Entry], check: str, trained: Trained, *, of_version: bool) -> Entry | None:
    found = folds.findings_of(entries, check=check, subject=trained.subject)
    mine = [entry for entry in found if isinstance(entry.fact, facts.Finding)
            and (not of_version or entry.fact.version == trained.version)]
    return mine[-1] if mine else None


def _found(entries: Sequence[Entry], check: str, trained: Trained, *, of_version: bool) -> Finding | None:
    entry = _newest(entries, check, trained, of_version=of_version)
    if entry is None or not isinstance(fact := entry.fact, facts.Finding):
        return None
    return Finding(fact.title, fact.status, entry.seq, entry.effective_at.isoformat(),
                   str(fact.detail.get("group") or ""), fact.value, fact.low, fact.high, fact.n)


def _replays(entries: Sequence[Entry], trained: Trained) -> Iterator[tuple[str, str, str]]:
    answered = suite.results(entries, trained.subject, trained.version)
    for name in suite.cases(entries, trained.subject):
        fact = answered[name].fact if name in answered else None
        yield (name, fact.verdict, fact.reason) if isinstance(fact, facts.Replayed) else (name, "not replayed", "")


def _lessons(project: Project, model: Model) -> Iterator[str]:
    """What incidents taught: the items of its checklist that were born of one."""
    checklist = project.checklists.get(model.checklist)
    for item in checklist.items if checklist is not None else ():
        if item.lesson_of:
            yield f"{item.lesson_of}: {item.title or item.id}"


def _standing(entries: Sequence[Entry], state: folds.ModelState, trained: Trained) -> Standing:
    version = trained.version
    role = "champion" if version == state.champion else "challenger" if version == state.challenger else \
        "was champion" if version in state.champions else "candidate"
    votes = [entry for entry in entries if isinstance(entry.fact, facts.Vote)]
    approved = [entry.fact.approval for entry in entries if isinstance(entry.fact, facts.Promotion)
                and (entry.subject, entry.fact.version) == (trained.subject, version) and entry.fact.approval]
    told = tuple(f"{name}: {entry.fact.choice} by {entry.actor}" for name in approved for entry in votes
                 if entry.subject == name and isinstance(entry.fact, facts.Vote))
    cases = {entry.subject for entry in entries if isinstance(entry.fact, facts.BoardEvent)
             and entry.fact.about == f"{trained.subject}@{version}"}
    told += tuple(f"{entry.subject}: {entry.fact.outcome} by a board" for entry in entries if entry.subject in cases
                  and isinstance(entry.fact, facts.BoardEvent) and entry.fact.event == "closed")
    signed = _found(entries, "signed", trained, of_version=True)
    about = [each for each in folds.incidents(entries).values() if each.about.partition("@")[0] == trained.subject]
    return Standing(role, told, _found(entries, "drift", trained, of_version=False),
                    _found(entries, "performance", trained, of_version=True),
                    f"{signed.status}: {signed.title}" if signed else "",
                    tuple(f"{each.id} ({each.severity}, {'open' if each.open else 'resolved'}): {each.title}"
                          for each in about))
