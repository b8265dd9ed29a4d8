"""The scores that a version of a model gives to rows whose features are built."""

import json
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from threadpoolctl import ThreadpoolController

from mlops_tui import folds, pointintime, preparing
from mlops_tui.errors import NotFound
from mlops_tui.frames import frame_of
from mlops_tui.session import Session
from store.facts import Trained
from store.lake import Manifest
from store.quoting import quote
from store.tracking import Tracking


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
    """Key, time, day and score (the probability of the positive class) for each row of built features, in its order."""
    project, lake = session.declared(), session.data()
    model = project.model(trained.subject)
    key = pointintime.key_columns(model, project.dataset(model.label.dataset))
    own = list(dict.fromkeys([*key, model.split.time, "day"]))  # the time may be part of the key
    order = ", ".join(map(quote, [model.split.time, *key]))
    frame = lake.connect().sql(f"SELECT * FROM {lake.scan(rows)} ORDER BY {order}").to_arrow_table()
    fitted, prepare = _fitted(session.tracking(), trained.subject, trained.version, trained.artifact)
    read = preparing.applied(lake.connect(), frame, prepare) if prepare else frame
    inputs = frame_of(read, [column for column in read.column_names if column not in own])
    with _threads().limit(limits=1):  # waiting for a second thread costs more than a day's rows on a busy machine
        scores = np.asarray(fitted.predict_proba(inputs)[:, 1], dtype=np.float64)
    table: pa.Table = frame.select(own).append_column("version", pa.array([trained.version] * len(scores)))
    return table.append_column("score", pa.array(scores))
