"""The rows a model is trained on: features as they were known, outcomes that are known by now, split in time."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlops_tui.analysis.split import Fold, Spans, holdout, overlap_count
from mlops_tui.declarations.kinds import Candidate, Model
from mlops_tui.errors import BadInput, NotFound, Refusal, nearest
from mlops_tui.inputs.moments import moment
from mlops_tui.modeling._recent import Recent, recent
from mlops_tui.modeling._reweighing import grouped, reweighed
from mlops_tui.models import preparing, rivals
from mlops_tui.privacy.requests import TRAINING, suppressed
from mlops_tui.privacy.subjects import column_of, suppressing
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from store.facts import Snapshot
from store.lake import Manifest, sha256_of
from store.quoting import quote

OUTCOME, WEIGHT = "outcome_known_at", "row_weight"
MOST_CLASSES = 50
FEWEST = 10  # rows to fit on or to test on
LIBRARIES = ("scikit-learn", "numpy", "scipy", "pandas", "skops")
PREPARING_EDITION = 1  # counts up when the same steps give other values
LADDER_EDITION = 2  # counts up when baselines or verdicts on them change, so that models are judged anew


@dataclass(frozen=True)
class Job:
    """A model to be trained, and the local days of its rows: first, and the one after the last."""

    name: str
    model: Model
    days: tuple[date, date]
    keys: tuple[str, ...]

    @property
    def dataset(self) -> str:
        return f"{self.name}.training"

    @property
    def within(self) -> tuple[str, str]:
        return self.days[0].isoformat(), (self.days[1] - timedelta(days=1)).isoformat()


@dataclass(frozen=True)
class Rows:
    """Training rows in the lake, the snapshots of features and outcomes they were made from, and how many rows were
    left out, of people who opted out."""

    rows: Manifest
    features: Manifest
    labels: Manifest
    left_out: int = 0

    def columns(self, job: Job) -> list[str]:
        """The features, in order."""
        own = {*job.keys, job.model.split.time, job.model.label.column, OUTCOME, WEIGHT}
        return [column for column in self.rows.columns if column not in own]


@dataclass(frozen=True)
class Parts:
    """The split as files, and what is to be said of it; the classes in order, and what a regression knew of late."""

    train: Path
    test: Path
    detail: Mapping[str, Any]
    classes: tuple[str, ...] = ()
    recent: Recent | None = None


def job_of(session: Session, text: str, window: tuple[str | None, str | None] = (None, None)) -> Job:
    """The model of that name, and the days asked for, else those it declares, else all up to now."""
    project = session.declared()
    name = project.subject(text, "model").name
    model = project.model(name)
    declared = model.train or (None, None)
    start, end = (given or usual for given, usual in zip(window, declared, strict=True))
    first = moment(start, project.zone).date() if start else _first_day(session, model.label.dataset)
    last = moment(end, project.zone).date() if end else session.now().astimezone(project.zone).date()
    if first >= last:
        raise BadInput(f"There are no rows from {first} to {last}.", next="Give --from DAY and a later --to DAY.")
    keys = pointintime.key_columns(model, project.dataset(model.label.dataset))
    return Job(name, model, (first, last), tuple(keys))


def _first_day(session: Session, dataset: str) -> date:
    days = [file.partition["day"] for file in session.snapshot(dataset).files if "day" in file.partition]
    if not days:
        raise BadInput(f"'{dataset}' is not kept by day.", next="Give --from DAY and --to DAY.")
    return date.fromisoformat(min(days))


def rows(session: Session, job: Job) -> Rows:
    """Features joined to the outcomes known at the session's time; made once for the same inputs."""
    label, lake, weight = job.model.label, session.data(), job.model.weight
    built = session.perform(("windows", job.name, "--from", str(job.days[0]), "--to", str(job.days[1])))
    if built.error is not None:
        raise Refusal(built.error["what"], where=built.error["where"], next=built.error["next"])
    features = session.snapshot(f"{job.name}.features").within(day=job.within)
    if label.column in features.columns:
        raise BadInput(f"The label '{label.column}' is among the features of {job.name}.",
                       where=str(session.declared().path_of("model", job.name)), next="Take it out of `columns`.")
    labels = session.snapshot(label.dataset)
    check_columns(job, labels, str(session.declared().path_of("model", job.name)))
    if "day" in session.declared().dataset(label.dataset).partition_by:
        labels = labels.within(day=job.within)
    known = _known(job.model)
    has = f"l.{quote(label.column)} IS NOT NULL AND {known} <= {pointintime.moment(session.now())}"
    name, number = f"l.{quote(label.column)}", labels.columns[label.column] != "BOOLEAN"
    odd = f"{name} NOT IN (0, 1)" if job.model.task == "binary" and number else "false"
    outcomes, wrong, seen = lake.connect().execute(
        f"SELECT count(*), count(*) FILTER ({odd}), any_value({name}) FILTER ({odd}) FROM {lake.scan(labels)} l "
        f"WHERE {has}").fetchall()[0]
    if wrong:
        raise BadInput(f"The label '{label.column}' is neither 0 nor 1 in {wrong} rows, such as {seen}.",
                       where=label.dataset, next="Declare task: regression or multiclass, or mend these rows.")
    column = column_of(session.declared().dataset(label.dataset))
    people = suppressed(session.ledger.entries("optout"), TRAINING) if column in labels.columns else ()
    key = _digest([features.id, labels.id, known, label.column, outcomes,
                   *([job.model.task] if job.model.task != "binary" else ()), *([weight] if weight else ()), *people])
    found, cursor = _made_before(session, job, key), lake.connect()
    out = suppressing(session, cursor, f"l.{quote(str(column))}", people)
    if found is None:
        query = _join(session, job, features, labels, f"{has} AND NOT {out}")
        found = lake.write(job.dataset, query, sort=(job.model.split.time, *job.keys), connection=cursor)
        if not found.rows:
            raise BadInput(f"No outcome of {job.name} from {job.days[0]} to {job.days[1]} is known yet.",
                           next=f"Try: mlops-tui snapshot log {label.dataset}")
        session.commit(found, source=f"train {job.name}", key=key)
    left_out = cursor.execute(f"SELECT count(*) FROM {lake.scan(labels)} l WHERE {has} AND {out}").fetchall()[0][0] \
        if people else 0
    return Rows(found, features, labels, int(left_out))


def _made_before(session: Session, job: Job, key: str) -> Manifest | None:
    for entry in reversed(session.ledger.entries("snapshot", subject=job.dataset)):
        if isinstance(entry.fact, Snapshot) and entry.fact.key == key:
            found = rivals.kept(session, job.dataset, entry.fact.snapshot)
            if found is not None:
                session.data().renew(found)
            return found
    return None


def _known(model: Model) -> str:
    """The SQL of the moment at which a row's outcome is known."""
    return f"l.{quote(model.label.known_at or model.split.time)} + {pointintime.interval(model.label.delay)}"


def _join(session: Session, job: Job, features: Manifest, labels: Manifest, has: str) -> str:
    """One row is one row whose outcome is known: key, time, features, label, and when that was known."""
    lake, label = session.data(), job.model.label
    same = " AND ".join(f"f.{quote(column)} = l.{quote(column)}" for column in job.keys)
    weight = f", CAST(l.{quote(job.model.weight)} AS DOUBLE) AS {WEIGHT}" if job.model.weight else ""
    value = pointintime.outcome(f"l.{quote(label.column)}", labels.columns[label.column], job.model.task)
    return (f"SELECT f.* EXCLUDE (day), {value} AS {quote(label.column)}, "
            f"{_known(job.model)} AS {OUTCOME}{weight} FROM {lake.scan(features)} f JOIN {lake.scan(labels)} l "
            f"ON {same} WHERE {has}")


def check_columns(job: Job, labels: Manifest, where: str) -> None:
    """Refuse an outcome or a weight that is not there, or not of the type that the task needs."""
    columns, label, task = labels.columns, job.model.label.column, job.model.task
    for name in (label, *([job.model.weight] if job.model.weight else [])):
        if name not in columns:
            raise NotFound(f"'{labels.dataset}' has no column '{name}'.", where=where,
                           next=nearest(name, columns) or f"Columns: {', '.join(columns)}.")
    type = columns[label]
    if task != "multiclass" and not numeric(type):
        said = "a regression predicts numbers" if task == "regression" else "a binary model predicts 0 or 1"
        raise BadInput(f"The label '{label}' is {type}; {said}.", where=where,
                       next="Declare task: multiclass, or make numbers of it.")
    if job.model.weight and not numeric(columns[job.model.weight]):
        raise BadInput(f"The weight '{job.model.weight}' is {columns[job.model.weight]}, no number.", where=where)


def numeric(type: str) -> bool:
    """Whether a column of that type holds numbers, or yes and no."""
    return type.startswith("DECIMAL") or type in ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT",
                                                  "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "FLOAT", "DOUBLE")


def split(session: Session, job: Job, made: Rows, folder: Path) -> Parts:
    """Write the last `split.test` of time as test, and what knows nothing of it as training rows."""
    lake, time = session.data(), quote(job.model.split.time)
    order = ", ".join(map(quote, (job.model.split.time, *job.keys)))
    clock = f"epoch_us(timezone('{session.declared().zone}', CAST({time} AS TIMESTAMPTZ))) AS clock"
    instants = f"epoch_us({time}) AS starts, epoch_us({OUTCOME}) AS ends, {clock}"
    rows = grouped(session, job.model, job.keys, made.labels, f"SELECT *, {instants} FROM {lake.scan(made.rows)}")
    frame = lake.connect().sql(f"{rows} ORDER BY {order}").to_arrow_table()
    spans = Spans(frame["starts"].to_numpy(), frame["ends"].to_numpy())
    try:
        fold = holdout(spans, _microseconds(job.model.split.test), _microseconds(job.model.split.gap))
    except ValueError as problem:
        raise BadInput(f"{job.name} cannot be split in time: {problem}.",
                       next="Choose a longer window, or a shorter `split: test:`.") from problem
    overlap = overlap_count(spans, fold)
    if overlap:
        raise BadInput(f"{overlap} training rows of {job.name} know something of the test.")
    check_rows(job, frame, fold)
    frame, weighed = reweighed(job.model, WEIGHT if job.model.weight else "", frame, fold.train)
    read, files = frame.drop_columns(["starts", "ends", "clock"]), []
    for name, chosen in (("train", fold.train), ("test", fold.test)):
        files.append(folder.absolute() / f"{name}.parquet")
        pq.write_table(read.take(pa.array(chosen)), files[-1])
    naive = recent(job.model, job.keys, frame, fold, WEIGHT) if job.model.task == "regression" else None
    return Parts(files[0], files[1], _detail(job, frame, fold) | weighed, _classes(job, frame), naive)


def _classes(job: Job, frame: pa.Table) -> tuple[str, ...]:
    """The classes of a multiclass model as declared, else those of the rows: numbers by size, before other texts."""
    if job.model.task != "multiclass":
        return ()
    found = pc.unique(frame[job.model.label.column]).to_pylist()
    declared = job.model.label.classes
    if not declared and len(found) > MOST_CLASSES:
        raise BadInput(f"The label '{job.model.label.column}' has {len(found)} values; classes are at most "
                       f"{MOST_CLASSES}.", next="Declare task: regression, or group the values.")
    return declared or tuple(sorted(found, key=_by_size))


def _by_size(name: str) -> tuple[bool, float, str]:
    number = int(name) if name.lstrip("-").isdecimal() else 0
    return not name.lstrip("-").isdecimal(), number, name


def check_rows(job: Job, frame: pa.Table, fold: Fold) -> None:
    """Refuse rows whose label or weight no model can use, by the row's key."""
    label, parts = frame[job.model.label.column], (("training", fold.train), ("test", fold.test))
    for name, rows in parts:
        if rows.size < FEWEST:
            raise BadInput(f"{job.name} has {rows.size} {name} rows; of fewer than {FEWEST} nothing can be said.",
                           next="Choose a longer window, or another `split: test:`.")
    if job.model.task == "regression":
        _all(job, frame, np.isfinite(label.to_numpy()), f"label '{job.model.label.column}'", "is no finite number")
    if job.model.label.classes:
        good = pc.is_in(label, pa.array(job.model.label.classes, label.type)).to_numpy()
        _all(job, frame, good, f"label '{job.model.label.column}'", "is no declared class")
    if not job.model.weight:
        return
    weight, called = frame[WEIGHT].to_numpy(), f"weight '{job.model.weight}'"
    _all(job, frame, np.isfinite(weight) & (weight >= 0), called, "is no number from 0 up")
    for name, rows in parts:
        if not weight[rows].any():
            raise BadInput(f"The {called} of all {rows.size} {name} rows is 0.", next="Give some rows a weight.")


def _all(job: Job, frame: pa.Table, good: npt.NDArray[np.bool_], called: str, said: str) -> None:
    if not good.all():
        row = frame.slice(int(np.argmin(good)), 1).to_pylist()[0]
        column = WEIGHT if called.startswith("weight") else job.model.label.column
        where = ", ".join(f"{key} {row[key]}" for key in job.keys)
        raise BadInput(f"The {called} {said} in {int((~good).sum())} rows, the first is {row[column]}.",
                       where=f"{job.model.label.dataset}, row of {where}", next="Mend these rows, or leave them out.")


def _detail(job: Job, frame: pa.Table, fold: Fold) -> dict[str, Any]:
    times = frame[job.model.split.time]
    return {**_outcomes(job, frame, fold),
            "train_rows": int(fold.train.size), "test_rows": int(fold.test.size), "purged": int(fold.purged.size),
            "overlap": 0, "trained_to": _moment(times[int(fold.train[-1])]),
            "test_from": _moment(times[int(fold.test[0])]), "test_to": _moment(times[int(fold.test[-1])])}


def _outcomes(job: Job, frame: pa.Table, fold: Fold) -> dict[str, Any]:
    """How outcomes are distributed in training and test: share of yes, shares of classes, or mean; not weighted."""
    label = frame[job.model.label.column].to_numpy(zero_copy_only=False)
    train, test = label[fold.train], label[fold.test]
    if job.model.task == "multiclass":
        return {"shares": {name: float((train == name).mean()) for name in _classes(job, frame)},
                "test_shares": {name: float((test == name).mean()) for name in _classes(job, frame)}}
    names = ("prevalence", "test_prevalence") if job.model.task == "binary" else ("mean_label", "test_mean_label")
    return dict(zip(names, (float(train.mean()), float(test.mean())), strict=True))


def _moment(value: pa.Scalar) -> str:
    moment: datetime = value.as_py()
    return moment.isoformat()


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def candidate_key(job: Job, made: Rows, candidate: Candidate, code: str) -> str:
    """What a trained version depends on: the same key means the same model; what is not declared is not part of it."""
    split = job.model.split
    later = {"task": "" if job.model.task == "binary" else job.model.task, "classes": list(job.model.label.classes),
             "weight": job.model.weight, "season": split.season, "series": list(split.series),
             "steps": [asdict(each) for each in candidate.steps], "calibrate": candidate.calibrate,
             "together": "" if split.together == timedelta(days=1) else str(split.together),
             "stopping": candidate.stopping and asdict(candidate.stopping),
             "mitigation": [asdict(job.model.mitigation), made.labels.id] if job.model.mitigation else []}
    return _digest([job.name, made.rows.id, candidate.estimator, candidate.factory, dict(candidate.params),
                    code if candidate.factory else "", split.test, split.gap, job.model.seed, LADDER_EDITION,
                    job.model.threshold, [each.metric for each in job.model.criteria],
                    [version(library) for library in LIBRARIES],
                    *([told] if (told := {name: value for name, value in later.items() if value}) else ()),
                    *([preparation(job)["steps"], PREPARING_EDITION] if preparation(job)["steps"] else ())])


def preparation(job: Job) -> dict[str, Any]:
    """The declared steps between features and estimator, and what a child needs to know of the rows to fit them."""
    model = job.model
    steps = preparing.steps_of([asdict(each) for each in model.prepare], [asdict(each) for each in model.interactions])
    task = {} if model.task == "binary" else {"task": model.task}
    return {"steps": steps, "training": {**task,
        "label": model.label.column, "time": model.split.time, "known": OUTCOME, "key": list(job.keys), "gap": 0,
        "seed": model.seed}}


def code_digest(root: Path) -> str:
    """SHA-256 over every Python file of the project, hidden folders left out."""
    files = sorted(path for path in root.rglob("*.py")
                   if not any(part.startswith(".") for part in path.relative_to(root).parts))
    return _digest([[path.relative_to(root).as_posix(), sha256_of(path)] for path in files])


def _digest(content: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
