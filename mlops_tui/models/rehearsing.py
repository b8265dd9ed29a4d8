"""Whether a version would answer if it served: loaded anew, it gives stored rows the answers that were recorded."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from mlops_tui.analysis.answers import Task
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import NotFound, Refusal, Unreadable
from mlops_tui.models import rivals
from mlops_tui.models.predicting import answered
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from mlops_tui.view import Status, counted
from store.facts import Finding, Trained
from store.quoting import literal, quote

CHECK = "rehearsed"
ROWS = 32  # enough to tell another model, few enough to be asked before every promotion
NEAR = 1e-9  # another machine's arithmetic may round the last digits otherwise
BROKEN = (Unreadable, NotFound, ValueError, TypeError, AttributeError, KeyError, IndexError, RuntimeError)


@dataclass(frozen=True)
class Rehearsal:
    """What came of asking a version: `pass`, `fail` or `unknown`, why, on how many rows, and which these were.

    `away`: it could not be asked because the registry does not answer.
    """

    status: Status
    said: str
    n: int = 0
    largest: float | None = None
    data: tuple[str, ...] = ()
    away: bool = False


def rehearsal(session: Session, trained: Trained) -> Rehearsal:
    """Load a version and ask it for rows whose answers are recorded, twice: both must be equal, and be those.

    The rows are some of its test, or else of the prediction log. What cannot be loaded or raises fails; where no rows
    are kept nothing is known.
    """
    model, name = session.declared().model(trained.subject), f"{trained.subject}@{trained.version}"
    rows, data, where = _stored(session, model, trained)
    if rows is None:
        return Rehearsal(Status.UNKNOWN, f"{name} was not asked: {where}")
    recorded = [column for column in rows.column_names if column.startswith("recorded:")]
    try:
        first, second = (answered(session, trained, rows.drop_columns(recorded)) for _ in range(2))
        gaps = [_gap(first[column.removeprefix("recorded:")], rows[column]) for column in recorded]
        same = all(one.equals(second[column]) for column, one in first.items())
    except BROKEN as problem:
        return Rehearsal(Status.FAIL, f"{name} does not answer: {_words(problem)}", rows.num_rows, data=data)
    except Refusal as problem:
        return Rehearsal(Status.UNKNOWN, f"{name} could not be asked: {_words(problem)}", data=data, away=True)
    n, largest = rows.num_rows, max(gaps, default=0.0)
    if not same:
        return Rehearsal(Status.FAIL, f"{name} answers {counted(n, 'row')} otherwise when it is asked twice", n,
                         data=data)
    if not largest <= NEAR:
        return Rehearsal(Status.FAIL, f"{name} answers {counted(n, 'row')} of {where} otherwise than recorded, by up "
                         f"to {largest:.3g}", n, largest, data)
    return Rehearsal(Status.PASS, f"{name} answers {counted(n, 'row')} of {where} as recorded", n, largest, data)


def finding(session: Session, trained: Trained, found: Rehearsal) -> Finding:
    """A rehearsal as it enters the history."""
    return Finding(check=CHECK, subject=trained.subject, version=trained.version, status=found.status.value,
                   title=found.said, value=found.largest, limit=NEAR, n=found.n, data=found.data,
                   declaration=session.declaration("model", trained.subject), detail={"artifact": trained.artifact})


def _words(problem: Exception) -> str:
    return problem.what.rstrip(".") if isinstance(problem, Refusal) else f"{type(problem).__name__}: {problem}"


def _gap(given: pa.Array, recorded: pa.ChunkedArray) -> float:
    """The largest difference; infinite where a class, or what is not known, differs."""
    if pa.types.is_string(given.type):
        return 0.0 if given.to_pylist() == recorded.to_pylist() else float("inf")
    one, other = (np.asarray(each.to_pylist(), dtype=np.float64) for each in (given, recorded))
    if not np.array_equal(np.isnan(one), np.isnan(other)):
        return float("inf")
    gaps = np.abs(one - other) / np.maximum(1.0, np.abs(other))
    return float(np.nanmax(gaps, initial=0.0))


def _stored(session: Session, model: Model, trained: Trained) -> tuple[pa.Table | None, tuple[str, ...], str]:
    """Rows with their features and the recorded answers as `recorded:COLUMN`, their snapshots, and where they are from;
    no rows, and why not."""
    if not trained.detail.get("inputs"):
        return None, (), "it is not kept which features it reads"
    found, why = _tested(session, model, trained)
    if found is not None:
        return found
    return _logged(session, model, trained) or (None, (), why)


Stored = tuple[pa.Table, tuple[str, ...], str]


def _tested(session: Session, model: Model, trained: Trained) -> tuple[Stored | None, str]:
    """Some of its test rows, evenly spread over the order of their key."""
    scores, why = rivals.scores_of(session, model, trained)
    training = rivals.kept(session, f"{trained.subject}.training", trained.training)
    if scores is None or training is None:
        return None, why or "its training rows were erased"
    given = {"score": quote(trained.candidate)}
    if rivals.task_of(trained) is Task.MULTICLASS:
        classes = [str(each) for each in trained.detail.get("classes", ())]
        columns = [name for name in classes if f"{trained.candidate}:{name}" in scores.columns]
        given = {f"answer:{name}": quote(f"{trained.candidate}:{name}") for name in columns} or \
            {"answer": quote(trained.candidate)}
    lake, key = session.data(), _key(session, model)
    asked = (f"SELECT {key}, {_recorded(given)} FROM {lake.scan(scores)} "
             f"QUALIFY row_number() OVER (ORDER BY {key}) % greatest(1, {scores.rows // ROWS}) = 1 "
             f"OR {scores.rows} < {2 * ROWS} ORDER BY {key} LIMIT {ROWS}")
    rows = _joined(session, trained, asked, lake.scan(training), key)
    if not rows.num_rows:
        return None, "none of its test rows is kept with its features"
    return (rows, (scores.id, training.id), "its test"), ""


def _logged(session: Session, model: Model, trained: Trained) -> Stored | None:
    """The newest rows that it answered in service, where their features are kept."""
    log, features = (session.current(f"{trained.subject}.{part}") for part in ("predictions", "features"))
    if log is None or features is None:
        return None
    lake, key, time = session.data(), _key(session, model), quote(model.split.time)
    given = {name: quote(name) for name in log.columns if name in ("score", "answer") or name.startswith("answer:")}
    asked = (f"SELECT {key}, {_recorded(given)} FROM {lake.scan(log)} WHERE version = {literal(trained.version)} "
             f"ORDER BY {time} DESC, {key} LIMIT {ROWS}")
    rows = _joined(session, trained, asked, lake.scan(features), key)
    return (rows, (log.id, features.id), "the prediction log") if rows.num_rows else None


def _joined(session: Session, trained: Trained, asked: str, features: str, key: str) -> pa.Table:
    read = ", ".join(f"f.{quote(str(each['name']))}" for each in trained.detail["inputs"])
    query = f"SELECT {read}, a.* EXCLUDE ({key}) FROM ({asked}) a JOIN {features} f USING ({key}) ORDER BY {key}"
    return session.data().connect().sql(query).to_arrow_table()


def _recorded(given: dict[str, str]) -> str:
    return ", ".join(f"{column} AS {quote(f'recorded:{name}')}" for name, column in given.items())


def _key(session: Session, model: Model) -> str:
    key = pointintime.key_columns(model, session.declared().dataset(model.label.dataset))
    return ", ".join(map(quote, key))
