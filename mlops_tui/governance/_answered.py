"""What a version of a model answered, by group: on its own test rows, or on predictions whose outcome has come."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import numpy.typing as npt

from mlops_tui import folds
from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.analysis.fairness import Cells
from mlops_tui.analysis.mitigation import FINE, GroupScores
from mlops_tui.analysis.oneagainstrest import Classes, counted
from mlops_tui.analysis.parity import Numbers
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import BadInput, NotFound, nearest
from mlops_tui.governance._audited import MOST_GROUPS, Asked, Audited, word
from mlops_tui.logs.outcomes import BESIDE
from mlops_tui.models import rivals
from mlops_tui.models.matured import arrivals, micros, serving, window
from mlops_tui.session import Session
from mlops_tui.view import Cell
from store.facts import Trained

Texts = npt.NDArray[np.str_]


@dataclass(frozen=True)
class Answered:
    """A version's answers with labels, a text per row for each group column, and where the rows are from."""

    subject: str
    model: Model
    version: str
    candidate: str
    answers: Answers
    columns: tuple[Texts, ...]
    data: tuple[str, ...]
    facts: Mapping[str, Cell]
    window: tuple[str, str] = ("", "")

    @property
    def name(self) -> str:
        return f"{self.subject}@{self.version}" if self.version else self.subject

    @property
    def task(self) -> Task:
        return self.answers.task


def tested(session: Session, what: str, groups: Sequence[str]) -> Answered:
    """The version that the words mean (the challenger, else the champion) on its test rows, by columns of its training
    rows or of the label's dataset.

    NotFound for what was never trained, was erased, or has no such column.
    """
    project = session.declared()
    subject = project.subject(what, "model")
    model = project.model(subject.name)
    trained = _trained(session, subject.name, subject.version)
    scores, reason = rivals.scores_of(session, model, trained)
    if scores is None:
        raise NotFound(f"{subject.name}@{trained.version} cannot be audited on its test rows: {reason}.",
                       next=f"Try: mlops-tui train {subject.name}")
    training = rivals.kept(session, f"{subject.name}.training", trained.training)
    labels = session.current(model.label.dataset)
    sources = [each for each in (training, labels) if each is not None]
    columns = []
    for name in groups:
        source = next((each for each in sources if name in each.columns), None)
        if source is None:
            known = sorted({column for each in sources for column in each.columns})
            erased = "" if training is not None else " (its training rows were erased, and with them its groups)"
            raise NotFound(f"Neither the training rows of {subject.name}@{trained.version}{erased} nor "
                           f"{model.label.dataset} have a column '{name}'.",
                           next=nearest(name, known) or f"Columns: {', '.join(known)}.")
        columns.append(rivals.groups(session, model, scores, source, name))
    answers = rivals.answers(session, model, trained, scores)
    return Answered(subject.name, model, trained.version, trained.candidate, answers, tuple(columns),
                    tuple(each for each in (trained.scores, trained.training) if each),
                    {"rows_are": "its own test rows"})


def _trained(session: Session, name: str, version: str) -> Trained:
    state = folds.model_state(session.ledger.entries("trained", "promotion"), name)
    trained = state.trained(version or ("challenger" if state.challenger else "champion"))
    if trained is None:
        known = ", ".join(state.versions)
        raise NotFound(f"'{name}' has no {f'version {version}' if known else 'version yet'}.",
                       where=f"versions: {known or 'none'}", next=f"Try: mlops-tui train {name}")
    return trained


def served(session: Session, what: str, groups: Sequence[str], length: timedelta) -> Answered:
    """What the champion, or the version named, predicted in the window that ends now, where the outcome is known.

    NotFound where nothing was predicted, or the label's dataset has no such column.
    """
    project = session.declared()
    subject = project.subject(what, "model")
    model, name = project.model(subject.name), subject.name
    known = session.snapshot(model.label.dataset).columns
    for column in groups:
        if column not in known:
            raise NotFound(f"'{model.label.dataset}' has no column '{column}' to group predictions by.",
                           next=nearest(column, known) or f"Columns: {', '.join(known)}.")
    version = _trained(session, name, subject.version).version if subject.version else serving(session, name)
    bounds = window(session.now(), length)
    found = arrivals(session, name, bounds, beside=groups)
    part = (found.of(version) if version else found).within(bounds)
    has = part.known <= micros(session.now())
    columns = tuple(np.asarray(part.rows[BESIDE + column].data[has], dtype=np.str_) for column in groups)
    waits = int(part.waits(session.now()).sum())
    return Answered(name, model, version, "", part.answers(has), columns, part.data,
                    {"rows_are": "predictions whose outcome is known", "predictions": int(part.at.size),
                     "waiting": waits}, (bounds[0].isoformat(), bounds[1].isoformat()))


# -- counted --------------------------------------------------------------------------------------------------------


def places(columns: Sequence[Texts], called: str) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """The combinations of values that occur, and the place of each row's; BadInput for too many."""
    numbers = [np.unique(column, return_inverse=True) for column in columns]
    place, names = numbers[0][1], [str(name) for name in numbers[0][0]]
    for values, own in numbers[1:]:
        place = place * values.size + own
        names = [f"{one} · {other}" for one in names for other in values]
    used, place = np.unique(place, return_inverse=True)
    if used.size > MOST_GROUPS:
        raise BadInput(f"'{called}' has more than {MOST_GROUPS} values.", next="Name a column with few values.")
    return tuple(names[at] for at in used), place.astype(np.int64)


def decisions(found: Answered, asked: Asked) -> Audited:
    """Yes or no, or one class against the rest, counted by group."""
    answers = found.answers
    if found.task is Task.MULTICLASS:
        if asked.favourable not in answers.classes:
            raise BadInput(f"No class of {found.name} is called {asked.favourable}.",
                           next=nearest(asked.favourable, answers.classes) or
                           f"Classes: {', '.join(answers.classes)}.")
        at = answers.classes.index(asked.favourable)
        return Audited(_cells(found, asked, answers.label == at, answers.decided == at), None, (), 0)
    if word(asked.favourable) not in ("0", "1"):
        raise BadInput(f"The label of {found.subject} is 0 or 1, never {asked.favourable}.",
                       next="Say --favourable 0, or 1.")
    good = word(asked.favourable) == "1"
    label, score = answers.label.astype(np.bool_), answers.given.astype(np.float64)
    decided = score >= (0.5 if asked.threshold is None else asked.threshold)
    cells = _cells(found, asked, label == good, decided == good)
    inside = score.size and score.min() >= 0 and score.max() <= 1
    _, place = places(found.columns, asked.group)
    scores = _binned(label, score, place, answers.weight) if inside else ()
    return Audited(cells, None, scores, 0, turned=not good)


def _cells(found: Answered, asked: Asked, good: Bools, favoured: Bools) -> Cells:
    names, place = places(found.columns, asked.group)
    cell, size = (place * 2 + good) * 2 + favoured, len(names) * 4
    sums: list[Floats] = [] if found.answers.weight is None else [
        np.asarray(np.bincount(cell, values, size).reshape(-1, 2, 2), dtype=np.float64)
        for values in (found.answers.weight, found.answers.weight**2)]
    return Cells(names, np.bincount(cell, minlength=size).reshape(-1, 2, 2), *sums)


def _binned(label: Bools, score: Floats, place: npt.NDArray[np.int64],
            weight: Floats | None) -> tuple[GroupScores, ...]:
    at = place * FINE + np.minimum((score * FINE).astype(np.int64), FINE - 1)
    groups = int(place.max()) + 1
    size, w = groups * FINE, np.ones(score.size) if weight is None else weight * (score.size / weight.sum())
    n, total, yes = (np.bincount(at, values, size).reshape(groups, FINE) for values in (w, w * score, w * label))
    squares = np.bincount(place, w * (label - score) ** 2, groups)
    worth = None if weight is None else np.bincount(place, w, groups) ** 2 / np.bincount(place, w**2, groups)
    return tuple(GroupScores(n[group], total[group], yes[group], float(squares[group]),
                             None if worth is None else float(worth[group])) for group in range(groups))


def numbers(found: Answered, asked: Asked) -> Numbers:
    """Predicted numbers by group."""
    names, place = places(found.columns, asked.group)
    return Numbers(names, found.answers.label.astype(np.float64), found.answers.given.astype(np.float64), place,
                   found.answers.weight)


def classes(found: Answered, asked: Asked) -> Classes:
    """Said classes by group."""
    names, place = places(found.columns, asked.group)
    answers = found.answers
    return counted(names, answers.classes, (place, answers.label.astype(np.int64),
                                            answers.decided.astype(np.int64)), answers.weight)
