"""The rows a model is trained on: features as they were known, outcomes that are known by now, split in time."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mlops_tui import pointintime, preparing, rivals
from mlops_tui.analysis.split import Fold, Spans, holdout, overlap_count
from mlops_tui.errors import BadInput, Refusal
from mlops_tui.kinds import Candidate, Model
from mlops_tui.session import Session
from store.facts import Snapshot
from store.lake import Manifest, sha256_of
from store.quoting import quote

OUTCOME = "outcome_known_at"
LIBRARIES = ("scikit-learn", "numpy", "scipy", "pandas", "skops")
PREPARING_EDITION = 1  # counts up when the same steps give other values
LADDER_EDITION = 1  # counts up when the baselines change, so that models are judged anew


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
    """Training rows in the lake, and the snapshots of features and outcomes they were made from."""

    rows: Manifest
    features: Manifest
    labels: Manifest

    def columns(self, job: Job) -> list[str]:
        """The features, in order."""
        own = {*job.keys, job.model.split.time, job.model.label.column, OUTCOME}
        return [column for column in self.rows.columns if column not in own]


@dataclass(frozen=True)
class Parts:
    """The split as files, and what is to be said of it."""

    train: Path
    test: Path
    detail: Mapping[str, Any]


def rows(session: Session, job: Job) -> Rows:
    """Features joined to the outcomes known at the session's time; made once for the same inputs."""
    label, lake = job.model.label, session.data()
    built = session.perform(("windows", job.name, "--from", str(job.days[0]), "--to", str(job.days[1])))
    if built.error is not None:
        raise Refusal(built.error["what"], where=built.error["where"], next=built.error["next"])
    features = session.snapshot(f"{job.name}.features").within(day=job.within)
    if label.column in features.columns:
        raise BadInput(f"The label '{label.column}' is among the features of {job.name}.",
                       where=str(session.declared().path_of("model", job.name)), next="Take it out of `columns`.")
    labels = session.snapshot(label.dataset)
    if "day" in session.declared().dataset(label.dataset).partition_by:
        labels = labels.within(day=job.within)
    known = _known(job.model)
    has = f"l.{quote(label.column)} IS NOT NULL AND {known} <= {pointintime.moment(session.now())}"
    outcomes = lake.connect().execute(f"SELECT count(*) FROM {lake.scan(labels)} l WHERE {has}").fetchall()[0][0]
    key = _digest([features.id, labels.id, known, label.column, outcomes])
    found = _made_before(session, job, key)
    if found is None:
        query = _join(session, job, features, labels, has)
        found = lake.write(job.dataset, query, sort=(job.model.split.time, *job.keys))
        if not found.rows:
            raise BadInput(f"No outcome of {job.name} from {job.days[0]} to {job.days[1]} is known yet.",
                           next=f"Try: mlops-tui snapshot log {label.dataset}")
        session.commit(found, source=f"train {job.name}", key=key)
    return Rows(found, features, labels)


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
    return (f"SELECT f.* EXCLUDE (day), CAST(l.{quote(label.column)} AS TINYINT) AS {quote(label.column)}, "
            f"{_known(job.model)} AS {OUTCOME} FROM {lake.scan(features)} f JOIN {lake.scan(labels)} l ON {same} "
            f"WHERE {has}")


def split(session: Session, job: Job, made: Rows, folder: Path) -> Parts:
    """Write the last `split.test` of time as test, and what knows nothing of it as training rows."""
    lake, time = session.data(), quote(job.model.split.time)
    order = ", ".join(map(quote, (job.model.split.time, *job.keys)))
    instants = f"epoch_us({time}) AS starts, epoch_us({OUTCOME}) AS ends"
    frame = lake.connect().sql(f"SELECT *, {instants} FROM {lake.scan(made.rows)} ORDER BY {order}").to_arrow_table()
    spans = Spans(frame["starts"].to_numpy(), frame["ends"].to_numpy())
    try:
        fold = holdout(spans, _microseconds(job.model.split.test), _microseconds(job.model.split.gap))
    except ValueError as problem:
        raise BadInput(f"{job.name} cannot be split in time: {problem}.",
                       next="Choose a longer window, or a shorter `split: test:`.") from problem
    overlap = overlap_count(spans, fold)
    if overlap:
        raise BadInput(f"{overlap} training rows of {job.name} know something of the test.")
    read, files = frame.drop_columns(["starts", "ends"]), []
    for name, chosen in (("train", fold.train), ("test", fold.test)):
        files.append(folder.absolute() / f"{name}.parquet")
        pq.write_table(read.take(pa.array(chosen)), files[-1])
    return Parts(files[0], files[1], _detail(job, frame, fold))


def _detail(job: Job, frame: pa.Table, fold: Fold) -> dict[str, Any]:
    label = frame[job.model.label.column].to_numpy()
    times = frame[job.model.split.time]
    return {"prevalence": float(label[fold.train].mean()), "test_prevalence": float(label[fold.test].mean()),
            "train_rows": int(fold.train.size), "test_rows": int(fold.test.size), "purged": int(fold.purged.size),
            "overlap": 0, "trained_to": _moment(times[int(fold.train[-1])]),
            "test_from": _moment(times[int(fold.test[0])])}


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
             "stopping": candidate.stopping and asdict(candidate.stopping)}
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
    return {"steps": steps, "training": {
        "label": model.label.column, "time": model.split.time, "known": OUTCOME, "key": list(job.keys), "gap": 0,
        "seed": model.seed}}


def code_digest(root: Path) -> str:
    """SHA-256 over every Python file of the project, hidden folders left out."""
    files = sorted(path for path in root.rglob("*.py")
                   if not any(part.startswith(".") for part in path.relative_to(root).parts))
    return _digest([[path.relative_to(root).as_posix(), sha256_of(path)] for path in files])


def _digest(content: Sequence[Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
