"""What versions of a model scored without having been fitted on it: one on its own test rows, two on the same rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui import pointintime
from mlops_tui.errors import NotFound
from mlops_tui.kinds import Model
from mlops_tui.session import Session
from store.columns import NULL
from store.facts import Trained
from store.lake import Manifest
from store.quoting import quote

Floats = npt.NDArray[np.float64]
TEST, LOG = "the champion's own test rows", "the prediction log"


@dataclass(frozen=True)
class Shared:
    """Test rows of a version that a champion scored too: label 0/1, both scores, all (n,); `source` of the latter."""

    label: Floats
    mine: Floats
    theirs: Floats
    source: str = ""
    data: tuple[str, ...] = ()

    @property
    def n(self) -> int:
        return int(self.label.size)

    @property
    def one_class(self) -> bool:
        return self.n == 0 or bool(self.label.min() == self.label.max())


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


def held_out(session: Session, model: Model, trained: Trained, scores: Manifest) -> tuple[Floats, Floats]:
    """Label 0/1 and score of each test row, (n,) each, in order of the key."""
    label, score = _columns(session, f"{_test_rows(session, model, trained, scores, 'score')} "
                                     f"ORDER BY {_names(session, model)}", [], ("label", "score"))
    return label, score


def groups(session: Session, model: Model, scores: Manifest, training: Manifest,
           column: str) -> npt.NDArray[np.str_]:
    """A column of the training rows as text for each test row, (n,), in order of the key."""
    lake, same = session.data(), _names(session, model)
    query = (f"SELECT coalesce(CAST(t.of_group AS VARCHAR), '{NULL}') AS of_group "
             f"FROM (SELECT {same} FROM {lake.scan(scores)}) s LEFT JOIN (SELECT {same}, {quote(column)} AS of_group "
             f"FROM {lake.scan(training)}) t USING ({same}) ORDER BY {same}")
    return np.asarray(lake.connect().execute(query).fetchnumpy()["of_group"]).astype(np.str_)


def shared(session: Session, model: Model, trained: Trained, champion: Trained) -> Shared:
    """The test rows that the champion scored unseen: in its own test or in the prediction log, whichever has more."""
    scores, _ = scores_of(session, model, trained)
    if scores is None:
        return Shared(np.empty(0), np.empty(0), np.empty(0))
    mine, same = _test_rows(session, model, trained, scores, "mine"), _names(session, model)
    found = []
    for source, snapshot, query, values in _unseen(session, model, champion):
        label, ours, theirs = _columns(session, f"SELECT m.label, m.mine, t.theirs FROM ({mine}) m JOIN ({query}) t "
                                                f"USING ({same}) ORDER BY {same}", values, ("label", "mine", "theirs"))
        found.append(Shared(label, ours, theirs, source, (scores.id, snapshot)))
    return max(found, key=lambda each: each.n, default=Shared(np.empty(0), np.empty(0), np.empty(0)))


def _unseen(session: Session, model: Model, champion: Trained) -> list[tuple[str, str, str, list[str]]]:
    """Where rows are that the champion scored without having been fitted on them: source, snapshot, SQL, values."""
    found: list[tuple[str, str, str, list[str]]] = []
    scores, _ = scores_of(session, model, champion)
    if scores is not None:
        found.append((TEST, scores.id, _test_rows(session, model, champion, scores, "theirs"), []))
    log = session.current(f"{champion.subject}.predictions")
    if log is not None:
        unseen = str(champion.detail.get("trained_to") or champion.window[1])
        found.append((LOG, log.id, f"SELECT {_names(session, model)}, score AS theirs FROM {session.data().scan(log)} "
                      f"WHERE version = ? AND {quote(model.split.time)} > CAST(? AS TIMESTAMPTZ)",
                      [champion.version, unseen]))
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


def _test_rows(session: Session, model: Model, trained: Trained, scores: Manifest, name: str) -> str:
    """SQL: one row for each test row of a version, with key, label and its score."""
    return (f"SELECT {_names(session, model)}, CAST({quote(model.label.column)} AS TINYINT) AS label, "
            f"{quote(trained.candidate)} AS {name} FROM {session.data().scan(scores)}")


def _key(session: Session, model: Model) -> tuple[str, ...]:
    return tuple(pointintime.key_columns(model, session.declared().dataset(model.label.dataset)))


def _names(session: Session, model: Model) -> str:
    return ", ".join(map(quote, _key(session, model)))


def _columns(session: Session, query: str, values: Sequence[str], names: Sequence[str]) -> list[Floats]:
    found = session.data().connect().execute(query, list(values)).fetchnumpy()
    return [np.asarray(found[name], dtype=np.float64) for name in names]
