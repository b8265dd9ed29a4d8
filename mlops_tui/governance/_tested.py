"""The test rows of a version of a model, counted by group: what it decided of rows that it had not seen."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui import folds
from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.analysis.fairness import FOUR_FIFTHS, Cells
from mlops_tui.analysis.mitigation import FINE, GroupScores
from mlops_tui.errors import BadInput, NotFound, nearest
from mlops_tui.governance._audited import MOST_GROUPS, Asked, Audited, word
from mlops_tui.models import rivals
from mlops_tui.session import Session
from mlops_tui.view import View
from store.facts import Finding, Trained


@dataclass(frozen=True)
class Tested:
    """A version, and what it decided on its own test rows at the declared threshold."""

    trained: Trained
    asked: Asked
    audited: Audited

    @property
    def name(self) -> str:
        return f"{self.trained.subject}@{self.trained.version}"


def tested(session: Session, what: str, groups: Sequence[str], favourable: str) -> Tested:
    """The version that the words mean (the challenger, else the champion), by groups of its training columns.

    NotFound for what was never trained, was erased, or has no such column; BadInput for a task without yes and no.
    """
    project = session.declared()
    subject = project.subject(what, "model")
    model = project.model(subject.name)
    if model.task != "binary":
        raise BadInput(f"{subject.name} is a {model.task} model: only yes and no are audited here.",
                       where=str(project.path_of("model", subject.name)),
                       next="Audit a file of its answers, with the value that is good: --favourable V")
    if word(favourable) not in ("0", "1"):
        raise BadInput(f"The label of {subject.name} is 0 or 1, never {favourable}.", next="Say --favourable 0, or 1.")
    state = folds.model_state(session.ledger.entries("trained", "promotion"), subject.name)
    trained = state.trained(subject.version or ("challenger" if state.challenger else "champion"))
    if trained is None:
        known = ", ".join(state.versions)
        raise NotFound(f"'{subject.name}' has no {f'version {subject.version}' if known else 'version yet'}.",
                       where=f"versions: {known or 'none'}", next=f"Try: mlops-tui train {subject.name}")
    scores, reason = rivals.scores_of(session, model, trained)
    training = rivals.kept(session, f"{subject.name}.training", trained.training)
    if scores is None or training is None:
        raise NotFound(f"{subject.name}@{trained.version} cannot be audited on its test rows: "
                       f"{reason or 'its training rows were erased, and with them its groups'}.",
                       next=f"Try: mlops-tui train {subject.name}")
    for name in groups:
        if name not in training.columns:
            raise NotFound(f"The training rows of {subject.name}@{trained.version} have no column '{name}'.",
                           where=f"{training.dataset}@{training.id[:12]}",
                           next=nearest(name, training.columns) or f"Columns: {', '.join(training.columns)}.")
    label, score = rivals.held_out(session, model, trained, scores)
    columns = [rivals.groups(session, model, scores, training, name) for name in groups]
    asked = Asked(model.label.column, tuple(groups), favourable, score=trained.candidate, threshold=model.threshold)
    return Tested(trained, asked, _counted(label == 1, score, columns, asked))


def _counted(label: Bools, score: Floats, columns: Sequence[npt.NDArray[np.str_]], asked: Asked) -> Audited:
    numbers = [np.unique(column, return_inverse=True) for column in columns]
    place, names = numbers[0][1], [str(name) for name in numbers[0][0]]
    for values, own in numbers[1:]:
        place = place * values.size + own
        names = [f"{one} · {other}" for one in names for other in values]
    used, place = np.unique(place, return_inverse=True)
    if used.size > MOST_GROUPS:
        raise BadInput(f"'{asked.group}' has more than {MOST_GROUPS} values.", next="Name a column with few values.")
    good = word(asked.favourable) == "1"
    decided = score >= (0.5 if asked.threshold is None else asked.threshold)
    cell = (place * 2 + (label == good)) * 2 + (decided == good)
    counts = np.bincount(cell, minlength=used.size * 4).reshape(-1, 2, 2)
    scores = _binned(label, score, place, used.size) if score.min() >= 0 and score.max() <= 1 else ()
    note = "" if asked.favourable == "0" else \
        f"Favourable is taken to be {asked.label} = {asked.favourable}; --favourable 0 turns all round."
    return Audited(Cells(tuple(names[at] for at in used), counts), None, scores, 0, note)


def _binned(label: Bools, score: Floats, place: npt.NDArray[np.intp], groups: int) -> tuple[GroupScores, ...]:
    at = place * FINE + np.minimum((score * FINE).astype(np.int64), FINE - 1)
    size = groups * FINE
    n, total, yes = (np.bincount(at, weights, size).reshape(groups, FINE)
                     for weights in (None, score, label.astype(np.float64)))
    squares = np.bincount(place, (label - score) ** 2, groups)
    return tuple(GroupScores(n[group].astype(np.int64), total[group], yes[group], float(squares[group]))
                 for group in range(groups))


def kept(session: Session, found: Tested, view: View) -> Finding:
    """What enters the history: the ratio of the group that is favoured least beside the reference."""
    trained, rows = found.trained, view.table("four_fifths").rows if len(found.audited.cells.names) > 1 else ()
    first = rows[0] if rows else {}
    value, low, high = (each if isinstance(each := first.get(id), float) else None for id in ("ratio", "low", "high"))
    return Finding(check="bias", subject=trained.subject, status=view.status.value, title=view.title, value=value,
                   low=low, high=high, limit=FOUR_FIFTHS, n=int(found.audited.cells.n.sum()),
                   data=tuple(each for each in (trained.scores, trained.training) if each), version=trained.version,
                   declaration=session.declaration("model", trained.subject),
                   detail={"group": found.asked.group, "favourable": found.asked.favourable,
                           "threshold": found.asked.threshold, "candidate": trained.candidate,
                           "groups": {str(row["group"]): {"ratio": row["ratio"], "low": row["low"],
                                                          "high": row["high"], "verdict": row["verdict"]}
                                      for row in rows}})
