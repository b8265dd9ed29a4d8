"""What versions of a model scored without having been fitted on it: one on its own test rows, two on the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import NotFound
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from store.columns import NULL
from store.facts import Trained
from store.lake import Manifest
from store.quoting import literal, quote

Floats = npt.NDArray[np.float64]
TEST, LOG = "the champion's own test rows", "the prediction log"


@dataclass(frozen=True)
class Shared:
    """Test rows of a version that a champion answered too: what both answered, and where the latter is from.

    `place` (n,): which of the version's test rows they are, in order of its key, from 0.
    """

    mine: Answers
    theirs: Answers
    source: str = ""
    data: tuple[str, ...] = ()
    place: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def n(self) -> int:
        return self.mine.n

    @property
    def label(self) -> npt.NDArray[Any]:
        return self.mine.label

    @property
    def one_class(self) -> bool:
        """Whether all labels are equal, so that nothing can be told apart."""
        return self.n == 0 or bool((self.mine.label == self.mine.label[0]).all())


def kept(session: Session, dataset: str, snapshot: str) -> Manifest | None:
    """A snapshot whose files are all there; None where it was never kept or was erased."""
    lake = session.data()
    try:
        found = lake.manifest(dataset, snapshot) if snapshot else None
    except NotFound:
        return None
    return found if found and lake.has(found) else None


def scores_of(session: Session, model: Model, trained: Trained) -> tuple[Manifest | None, str]:
    """The scores of every candidate and baseline on a version's test rows; None with the reason where they are not."""
    if not trained.scores:
        return None, "its scores on the test rows were not kept"
    found = kept(session, f"{trained.subject}.scores", trained.scores)
    if found is None:
        return None, "its scores on the test rows were erased"
    lacks = [name for name in (*_key(session, model), model.label.column, trained.candidate)
             if name not in found.columns]
    said = f"its test rows have no column '{lacks[0]}', which is declared since" if lacks else ""
    return (None, said) if lacks else (found, "")


def task_of(trained: Trained) -> Task:
    """What a version answers; versions that do not say so answer yes or no."""
    return Task(str(trained.detail.get("task", Task.BINARY)))


def held_out(session: Session, model: Model, trained: Trained, scores: Manifest) -> tuple[Floats, Floats]:
    """Label 0/1 and score of each test row of a binary model, (n,) each, in order of the key."""
    found = answers(session, model, trained, scores)
    return found.label.astype(np.float64), found.given


def answers(session: Session, model: Model, trained: Trained, scores: Manifest) -> Answers:
    """What a version answered on its test rows, with label, and weight where it was trained with one; in key order."""
    query = f"{_test_rows(session, model, trained, scores)} ORDER BY {_names(session, model)}"
    found = session.data().connect().execute(query).fetchnumpy()
    return _answers(task_of(trained), found, "mine", _classes(trained, scores), _classes(trained, scores))


def groups(session: Session, model: Model, scores: Manifest, training: Manifest,
           column: str) -> npt.NDArray[np.str_]:
    """A column of the training rows as text for each test row, (n,), in order of the key."""
    lake, same = session.data(), _names(session, model)
    query = (f"SELECT coalesce(CAST(t.of_group AS VARCHAR), '{NULL}') AS of_group "
             f"FROM (SELECT {same} FROM {lake.scan(scores)}) s LEFT JOIN (SELECT {same}, {quote(column)} AS of_group "
             f"FROM {lake.scan(training)}) t USING ({same}) ORDER BY {same}")
    return np.asarray(lake.connect().execute(query).fetchnumpy()["of_group"]).astype(np.str_)


def shared(session: Session, model: Model, trained: Trained, champion: Trained) -> Shared:
    """The test rows that the champion answered unseen: in its own test or in the prediction log, whichever has more."""
    task, scores = task_of(trained), scores_of(session, model, trained)[0]
    nothing = Answers(task, np.empty(0), np.empty(0))
    if scores is None or task_of(champion) is not task:
        return Shared(nothing, nothing)
    mine, same = _test_rows(session, model, trained, scores), _names(session, model)
    found = []
    for theirs in _unseen(session, model, champion):
        rows = session.data().connect().execute(
            f"SELECT m.* EXCLUDE ({same}), t.* EXCLUDE ({same}) FROM "
            f"(SELECT *, row_number() OVER (ORDER BY {same}) - 1 AS place FROM ({mine})) m "
            f"JOIN ({theirs.query}) t USING ({same}) ORDER BY {same}", theirs.values).fetchnumpy()
        own = _classes(trained, scores)
        classes = (*own, *(each for each in theirs.classes if each not in own))
        found.append(Shared(_answers(task, rows, "mine", own, classes),
                            _answers(task, rows, "theirs", theirs.classes, classes), theirs.source,
                            (scores.id, theirs.snapshot), np.ma.getdata(rows["place"]).astype(np.int64)))
    return max(found, key=lambda each: each.n, default=Shared(nothing, nothing))


@dataclass(frozen=True)
class _Unseen:
    """Where rows are that the champion answered without having been fitted on them."""

    source: str
    snapshot: str
    query: str
    values: list[str]
    classes: tuple[str, ...]


def _unseen(session: Session, model: Model, champion: Trained) -> list[_Unseen]:
    found: list[_Unseen] = []
    scores, _ = scores_of(session, model, champion)
    if scores is not None:
        rows = _test_rows(session, model, champion, scores, "theirs")
        query = f"SELECT * EXCLUDE (label, weight, together) FROM ({rows})"
        found.append(_Unseen(TEST, scores.id, query, [], _classes(champion, scores)))
    log = session.current(f"{champion.subject}.predictions")
    if log is not None:
        unseen = str(champion.detail.get("trained_to") or champion.window[1])
        known = tuple(str(each) for each in champion.detail.get("classes", ()))
        classes = known if all(f"answer:{each}" in log.columns for each in known) else ()
        columns = [f"answer:{each}" for each in classes] or \
            ["answer" if task_of(champion) is Task.MULTICLASS else "score"]
        given = ", ".join(f"{quote(column)} AS theirs_{number}" for number, column in enumerate(columns))
        found.append(_Unseen(LOG, log.id, f"SELECT {_names(session, model)}, {given} FROM {session.data().scan(log)} "
                             f"WHERE version = ? AND {quote(model.split.time)} > CAST(? AS TIMESTAMPTZ)",
                             [champion.version, unseen], classes))
    return found


def way_out(session: Session, model: Model, trained: Trained, champion: Trained) -> tuple[str, tuple[str, ...]]:
    """What makes a version without rows in common with the champion comparable: in words, and the first command."""
    name, fitted = trained.subject, str(champion.detail.get("trained_to") or champion.window[1])
    days = _days(session, model, trained, fitted)
    if not days:
        return (f"the champion was fitted on rows up to {fitted[:10]}; a version that is tested on later days can be "
                "compared"), ("train", name)
    log = session.current(f"{name}.predictions")
    logged = {file.partition.get("day", "") for file in log.files} if log is not None else set()
    free = [day for day in days if day not in logged]
    if free:
        span = free[0] if len(free) == 1 else f"{free[0]} to {free[-1]}"
        said = f"let the champion score its test days that nobody answered yet, {span}"
        return said, ("score", name, "--day", free[0])
    return ("other versions answered on its test days; a version that is tested on days which the champion answered "
            "can be compared"), ("train", name)


def _days(session: Session, model: Model, trained: Trained, after: str) -> list[str]:
    """The local days of a version's test rows that are later than a time."""
    scores, _ = scores_of(session, model, trained)
    if scores is None:
        return []
    time = quote(model.split.time)
    query = (f"SELECT DISTINCT strftime(timezone(?, {time}), '%Y-%m-%d') AS day FROM {session.data().scan(scores)} "
             f"WHERE {time} > CAST(? AS TIMESTAMPTZ) ORDER BY day")
    found = session.data().connect().execute(query, [str(session.declared().zone), after]).fetchall()
    return [str(day) for (day,) in found]


_LABEL = {Task.BINARY: "CAST({} AS TINYINT)", Task.MULTICLASS: "CAST({} AS VARCHAR)",
          Task.REGRESSION: "CAST({} AS DOUBLE)"}


def _test_rows(session: Session, model: Model, trained: Trained, scores: Manifest, name: str = "mine") -> str:
    """SQL: one row for each test row of a version: key, label, weight, the number of the span whose rows vary together,
    and the columns NAME_0 … of its answer."""
    candidate, classes = trained.candidate, _classes(trained, scores)
    columns = [f"{candidate}:{each}" for each in classes] or [candidate]
    given = ", ".join(f"{quote(column)} AS {name}_{number}" for number, column in enumerate(columns))
    weight = "CAST(weight AS DOUBLE)" if trained.detail.get("weight") and "weight" in scores.columns else "NULL"
    label = _LABEL[task_of(trained)].format(quote(model.label.column))
    zone = session.declared().zone
    return (f"SELECT {_names(session, model)}, {label} AS label, {weight} AS weight, "
            f"{_span(model, str(zone))} AS together, {given} FROM {session.data().scan(scores)}")


def _span(model: Model, zone: str) -> str:
    """SQL: the number of the local span of time whose rows vary together; NULL where rows are independent."""
    length = model.split.together // timedelta(microseconds=1)
    local = f"timezone({literal(zone)}, CAST({quote(model.split.time)} AS TIMESTAMPTZ))"
    return f"epoch_us({local}) // {length}" if length else "NULL"


def _classes(trained: Trained, scores: Manifest) -> tuple[str, ...]:
    """The classes that a version gives probabilities of, in the order of their columns."""
    known = tuple(str(each) for each in trained.detail.get("classes", ()))
    return known if all(f"{trained.candidate}:{each}" in scores.columns for each in known) else ()


def _answers(task: Task, rows: dict[str, npt.NDArray[Any]], name: str, own: tuple[str, ...],
             classes: tuple[str, ...]) -> Answers:
    """The rows of a query as answers; a class that a version does not know has its probability 0."""
    weight = np.ma.getdata(rows["weight"]).astype(np.float64)
    weights = None if np.ma.getmaskarray(rows["weight"]).all() else weight
    spans = None if np.ma.getmaskarray(rows["together"]).all() else np.ma.getdata(rows["together"]).astype(np.int64)
    label, given = np.ma.getdata(rows["label"]), np.ma.getdata(rows[f"{name}_0"])
    if task is not Task.MULTICLASS:
        made = label == 1 if task is Task.BINARY else label.astype(np.float64)
        return Answers(task, made, given.astype(np.float64), weight=weights, together=spans)
    texts = label.astype(np.str_)
    seen = texts if own else np.concatenate([texts, given.astype(np.str_)])
    names = (*classes, *(each for each in np.unique(seen).tolist() if each not in classes))
    if not own:
        return Answers(task, numbers_of(texts, names), numbers_of(given.astype(np.str_), names), names, weights, spans)
    probabilities = np.zeros((label.size, len(names)))
    for place, each in enumerate(own):
        probabilities[:, names.index(each)] = np.ma.getdata(rows[f"{name}_{place}"])
    return Answers(task, numbers_of(texts, names), probabilities, names, weights, spans)


def numbers_of(texts: npt.NDArray[np.str_], names: Sequence[str]) -> npt.NDArray[np.int64]:
    """The number of each text among the names, all of which occur, (n,)."""
    order = np.argsort(np.asarray(names))
    return np.asarray(order[np.searchsorted(np.asarray(names)[order], texts)], dtype=np.int64)


def _key(session: Session, model: Model) -> tuple[str, ...]:
    return tuple(pointintime.key_columns(model, session.declared().dataset(model.label.dataset)))


def _names(session: Session, model: Model) -> str:
    return ", ".join(map(quote, _key(session, model)))
