"""The scores that a version of a model gives to rows whose features are built."""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from threadpoolctl import ThreadpoolController

from mlops_tui import folds
from mlops_tui.errors import BadInput, NotFound
from mlops_tui.models import preparing
from mlops_tui.models.frames import frame_of
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from store.facts import Trained
from store.lake import Manifest
from store.quoting import quote
from store.tracking import Tracking

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]


def version_of(session: Session, name: str, wanted: str = "") -> Trained:
    """How the version was made (`champion` where none is named); NotFound says what to run."""
    state = folds.model_state(session.ledger.entries("trained", "promotion"), name)
    trained = state.trained(wanted)
    if trained is None:
        called = wanted or "champion"
        known = ", ".join(state.versions) or "none"
        next_step = f"promote {name}@challenger" if state.versions else f"train {name}"
        raise NotFound(f"'{name}' has no {called}.", where=f"versions: {known}", next=f"Try: mlops-tui {next_step}")
    return trained


@lru_cache(maxsize=8)
def _fitted(tracking: Tracking, name: str, version: str, artifact: str) -> tuple[Any, Any]:
    """The estimator, and the frozen parameters of what is done to its rows; None where nothing is."""
    estimator, prepare = tracking.load_prepared(name, version, digest=artifact)
    return estimator, preparing.read(json.loads(prepare), f"{name} version {version}") if prepare else None


@lru_cache(maxsize=1)
def _threads() -> ThreadpoolController:
    """The libraries that compute with threads of their own; made once the model, and so all of them, are loaded."""
    return ThreadpoolController()


def predicted(session: Session, trained: Trained, rows: Manifest) -> pa.Table:
    """Key, time, day, version and answer for each row of built features, in order of time and key.

    `score` is the probability of the positive class, or the number; of several classes it is the probability of the
    class in `answer`, beside a column `answer:CLASS` for each (null and none where the model gives no probabilities).
    """
    project, lake = session.declared(), session.data()
    model = project.model(trained.subject)
    key = pointintime.key_columns(model, project.dataset(model.label.dataset))
    own = list(dict.fromkeys([*key, model.split.time, "day"]))  # the time may be part of the key
    order = ", ".join(map(quote, [model.split.time, *key]))
    frame = lake.connect().sql(f"SELECT * FROM {lake.scan(rows)} ORDER BY {order}").to_arrow_table()
    fitted, prepare = _fitted(session.tracking(), trained.subject, trained.version, trained.artifact)
    chosen = frame.select([*own, *_read(trained, frame.column_names)]) if trained.detail.get("inputs") else frame
    answers = _given(session, trained, (fitted, prepare), chosen, own)
    table: pa.Table = frame.select(own).append_column("version", pa.array([trained.version] * frame.num_rows))
    for name, values in answers.items():
        table = table.append_column(name, values)
    return table


def answered(session: Session, trained: Trained, rows: pa.Table) -> dict[str, pa.Array]:
    """What the version, loaded and verified anew, answers to rows that hold its features; columns as `predicted`."""
    estimator, prepare = session.tracking().load_prepared(trained.subject, trained.version, digest=trained.artifact)
    steps = preparing.read(json.loads(prepare), f"{trained.subject} version {trained.version}") if prepare else None
    chosen = rows.select(_read(trained, rows.column_names)) if trained.detail.get("inputs") else rows
    return _given(session, trained, (estimator, steps), chosen, ())


def _given(session: Session, trained: Trained, loaded: tuple[Any, Any], rows: pa.Table,
           own: Sequence[str]) -> dict[str, pa.Array]:
    """The columns of answers to rows, of which `own` are no features."""
    fitted, prepare = loaded
    read = preparing.applied(session.data().connect(), rows, prepare) if prepare else rows
    inputs = frame_of(read, [column for column in read.column_names if column not in own])
    with _threads().limit(limits=1):  # waiting for a second thread costs more than a day's rows on a busy machine
        return _answers(fitted, inputs, str(trained.detail.get("task", "binary")), trained.detail.get("classes", ()))


def _read(trained: Trained, columns: Sequence[str]) -> list[str]:
    """The features that a version reads, in its order; BadInput where rows do not have them all."""
    reads = [str(each["name"]) for each in trained.detail["inputs"]]
    if lacks := [name for name in reads if name not in columns]:
        raise BadInput(f"{trained.subject}@{trained.version} reads {', '.join(lacks)}, which these rows do not have.",
                       next=f"Try: mlops-tui windows {trained.subject} --help")
    return reads


def scorer(session: Session, trained: Trained) -> Callable[[pa.Table], Floats]:
    """What a binary model's version says of rows of built features, (n,): for asking what it would say of others."""
    fitted, prepare = _fitted(session.tracking(), trained.subject, trained.version, trained.artifact)
    features = [each["name"] for each in trained.detail.get("inputs", ())]

    def scores(rows: pa.Table) -> Floats:
        chosen = rows.select(features) if features else rows
        read = preparing.applied(session.data().connect(), chosen, prepare) if prepare else chosen
        with _threads().limit(limits=1):
            given = fitted.predict_proba(frame_of(read, read.column_names))
        return np.asarray(given, dtype=np.float64)[:, 1]

    return scores


def _answers(fitted: Any, inputs: "pd.DataFrame", task: str, classes: Sequence[str]) -> dict[str, pa.Array]:
    """The columns of a model's answers, by its task."""
    if task == "regression":
        return {"score": pa.array(np.asarray(fitted.predict(inputs), dtype=np.float64).reshape(len(inputs)))}
    if not hasattr(fitted, "predict_proba"):
        return {"score": pa.nulls(len(inputs), pa.float64()),
                "answer": pa.array(np.asarray(fitted.predict(inputs), dtype=np.str_))}
    given = np.asarray(fitted.predict_proba(inputs), dtype=np.float64)
    if task == "binary":
        return {"score": pa.array(given[:, 1])}
    given = given[:, [list(fitted.classes_).index(each) for each in classes]]
    said = np.asarray(classes, dtype=np.str_)[given.argmax(axis=1)]
    return {"score": pa.array(given.max(axis=1)), "answer": pa.array(said),
            **{f"answer:{each}": pa.array(given[:, place]) for place, each in enumerate(classes)}}
