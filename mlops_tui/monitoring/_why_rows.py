"""The two sets of rows that a change lies between: what a version answered in a window, and what it is held against."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_tui import folds
from mlops_tui.alerts.causes import causes
from mlops_tui.analysis.shiftkinds import Sample
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import BadInput, NotFound
from mlops_tui.inputs.moments import moment, span
from mlops_tui.logs import outcomes
from mlops_tui.models import matured, rivals, slices
from mlops_tui.session import Session
from store.facts import Finding, Trained

USUAL = timedelta(days=7)
SERVED = timedelta(days=28)   # of service before the window: what is compared with where no test rows are kept
HISTORY = timedelta(days=42)  # looked back for when it began
_ID = re.compile(r"(AL|INC)-\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """What is to be explained: a model in a window, and in words where these are from."""

    model: str
    bounds: tuple[datetime, datetime]
    origin: str


@dataclass(frozen=True)
class Side:
    """Rows with outcome and score, in order of time or key: the local day of each, and the value of each slice."""

    label: npt.NDArray[Any]
    score: npt.NDArray[np.float64]
    day: npt.NDArray[Any]
    slices: Mapping[str, npt.NDArray[np.str_]] = field(default_factory=dict)

    @property
    def sample(self) -> Sample:
        return Sample(self.label, self.score, self.day)


@dataclass(frozen=True)
class Compared:
    """The rows of a version in the window, those they are held against, and what it served since some weeks before."""

    asked: Asked
    model: Model
    version: str
    trained: Trained | None
    now: Side
    then: Side
    then_span: tuple[datetime, datetime]
    then_words: str
    history: Side
    total: int
    waiting: int
    others: int  # predictions of other versions in the window, which are left out


def asked(session: Session, subject: str, length: str | None, to: str | None) -> Asked:
    """SUBJECT as a model with a window, or as the alert or incident that names both. BadInput, NotFound."""
    if _ID.fullmatch(subject):
        if length or to:
            raise BadInput(f"{subject} has a window of its own.", next="Drop --window and --to.")
        return _of_event(session, subject.upper())
    found = session.declared().subject(subject, "model")
    if found.version:
        raise BadInput("Why explains what was served.", next=f"Try: mlops-tui why {found.name}")
    end = moment(to, session.declared().zone, session.now()) if to else session.now()
    if end > session.now():
        raise BadInput(f"{to} is yet to come.", next="Drop --to.")
    return Asked(found.name, (end - (span(length) if length else USUAL), end), "")


def _of_event(session: Session, id: str) -> Asked:
    """The model and window of the finding that an alert, or the first alert of an incident, was fired by."""
    entries = session.ledger.entries("alert", "incident", "finding")
    about, alert, words = "", id, id
    start = ""
    if id.startswith("INC-"):
        incident = folds.known(folds.incidents(entries), id, "incident")
        about, start, alert = incident.about, incident.window[0], next(iter(incident.alerts), "")
        words = f"{id}: {incident.title}"
    if alert:
        fired = folds.known(folds.alerts(entries), alert, "alert")
        about = about or fired.about
        cause = next((each.fact for each in causes(entries).get(alert, ())), None)  # a refired one has moved on
        words = words if id.startswith("INC-") else f"{id}: {fired.title}"
        if isinstance(cause, Finding) and all(cause.window):
            ends = datetime.fromisoformat(cause.window[0]), datetime.fromisoformat(cause.window[1])
            return Asked(_model(session, about, id), ends, words)
    end = min(session.now(), datetime.fromisoformat(start) + USUAL) if start else session.now()
    return Asked(_model(session, about, id), (end - USUAL, end), words)


def _model(session: Session, about: str, id: str) -> str:
    name = about.partition("@")[0]
    if name not in session.declared().models:
        raise BadInput(f"{id} is about {about or 'no model'}; why explains what happened to a model.",
                       next=f"Try: mlops-tui {'incident' if id.startswith('INC') else 'alert'} show {id}")
    return name


def compared(session: Session, asked: Asked) -> Compared:
    """Read the rows; NotFound where nothing was predicted in the window."""
    model = session.declared().model(asked.model)
    contract = session.declared().dataset(model.label.dataset)
    known = {each.name for each in contract.properties}
    beside = tuple(each for each in model.slices if each in known)
    start = asked.bounds[0] - HISTORY
    served = matured.arrivals(session, asked.model, (start, asked.bounds[1]), beside=beside)
    inside = served.within(asked.bounds)
    if not inside.at.size:
        raise NotFound(f"'{asked.model}' predicted nothing from {asked.bounds[0]:%Y-%m-%d} to "
                       f"{asked.bounds[1]:%Y-%m-%d}.", next="Name another time with --to DAY, or widen --window.")
    names, counts = np.unique(inside.version, return_counts=True)
    version = str(names[counts.argmax()])
    mine = served.of(version)
    state = folds.model_state(session.ledger.entries("trained", "promotion"), asked.model)
    trained = state.trained(version)
    seen = mine.seen(session.now(), asked.bounds)
    before = asked.bounds[0] - SERVED, asked.bounds[0]
    then, period, words = _tested(session, model, trained, beside) or (
        _side(mine, session.now(), before, beside), before, f"what version {version} served in the 28 days before")
    return Compared(asked, model, version, trained, _side(mine, session.now(), asked.bounds, beside), then, period,
                    words, _side(mine, session.now(), (start, asked.bounds[1]), ()), seen.total, seen.waiting,
                    int(inside.at.size - counts.max()))


def _side(rows: matured.Arrivals, now: datetime, bounds: tuple[datetime, datetime], beside: Sequence[str]) -> Side:
    part = rows.within(bounds)
    known = part.known <= matured.micros(now)
    columns = {name: np.asarray(part.rows[outcomes.BESIDE + name].data[known], dtype=np.str_) for name in beside}
    return Side(np.asarray(part.rows["label"].data[known]), part.score[known], part.day[known], columns)


def _tested(session: Session, model: Model, trained: Trained | None,
            beside: Sequence[str]) -> tuple[Side, tuple[datetime, datetime], str] | None:
    """The version's own test rows, on which it was not fitted; None where they are not kept."""
    if trained is None or model.task != "binary":
        return None
    scores, _ = rivals.scores_of(session, model, trained)
    test_from = str(trained.detail.get("test_from", ""))
    if scores is None or not test_from:
        return None
    answers = rivals.answers(session, model, trained, scores)
    columns = {}
    for name in beside:
        try:
            columns[name] = slices.values(session, model, trained, scores, name)
        except NotFound:  # erased, or not among its training rows: that slice is not held against anything
            continue
    zone = session.declared().zone
    period = moment(test_from, zone), moment(str(trained.detail.get("test_to") or trained.window[1]), zone)
    day = answers.together if answers.together is not None else np.zeros(answers.n)
    side = Side(answers.label, answers.given, day, columns)
    return side, period, f"its test, {period[0].astimezone(zone):%-d %b} to {period[1].astimezone(zone):%-d %b %Y}"
