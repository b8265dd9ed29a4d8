"""Candidates and the baseline ladder, fitted on the same rows and scored on the same test; runs in the child process.

    {"kind": "fit", "train": PARQUET, "test": PARQUET, "label": "late", "features": [...], "keys": [...],
     "candidates": {"boosted": {"factory": "models.py:boosted", "params": {...}}, "plain": {"estimator": "sklearn…"}},
     "task": "binary", "classes": [], "weight": "", "metric": "roc_auc",
     "ladder": true, "seed": 7, "out": FOLDER, "prepare": {"steps": [["encode", {...}]], "training": {...}},
     "stopping": {"boosted": {...}}, "fit_weight": ""}

Train rows come in order of time. `fit_weight` names what a training row counts in fitting alone, where that is not its
weight. The answer: `models` (file, seconds, notes, description of each, and whether it gives
probabilities), `inputs` (name, type, required of each feature), `reads` (the same of what the estimators read, after
the preparation), `prepared` (its frozen parameters, or null) and `scores`, a Parquet of the test rows' keys, label and
weight, and of each model one score column; of a multiclass one its class and a column NAME:CLASS for each probability.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from mlops_tui.errors import BadInput
from mlops_tui.models import preparing
from mlops_tui.models.calibrating import Moments, recalibrated
from mlops_tui.models.candidates import (
    BINARY,
    MULTICLASS,
    REGRESSION,
    Fitted,
    Floats,
    Functions,
    Rows,
    Stop,
    fitted,
    maker,
)
from mlops_tui.models.frames import frame_of, inputs_of
from mlops_tui.models.ladder import NAMES, ladder
from mlops_tui.models.stagewise import bounded, stop_of
from mlops_tui.running.phases import Phases
from store import estimators
from store.scan import engine

Report = Callable[[int, int, str], None]


def fit(request: Mapping[str, Any], functions: Functions, report: Report) -> dict[str, Any]:
    """Fit every candidate, and the ladder where asked; BadInput where the data or a candidate cannot be used."""
    folder, seed, phases = Path(request["out"]), int(request["seed"]), Phases()
    with phases("read"):
        table, test = pq.read_table(request["train"]), pq.read_table(request["test"])
        inputs = inputs_of(table, request["features"])
    with phases("features"):
        table, test, prepared = prepared_rows(request, table, test)
        columns = features_of(table, request)
        train = rows_of(table, columns, {**request, "weight": request.get("fit_weight") or request.get("weight")})
        unseen = rows_of(test, columns, request)
    _check(train, unseen, request)
    own = [*request["keys"], request["label"], *([weight] if (weight := request.get("weight")) else [])]
    _check_names(request, own)
    makers = {name: maker(name, spec, functions) for name, spec in request["candidates"].items()}
    makers |= ladder(train, request.get("metric", "")) if request["ladder"] else {}
    made: dict[str, Fitted] = {}
    for done, (name, make) in enumerate(makers.items()):
        report(done, len(makers), name)
        with phases(f"fit:{name}"):
            made[name] = _fitted(name, make, train, seed, request, made, stop_of(name, table, request))
            if how := request["candidates"].get(name, {}).get("calibrate"):
                again = partial(_refitted, name, bounded(make, made[name].stopping), seed)
                made[name] = recalibrated(made[name], again, how, train, _moments(table, request), f"candidate {name}")
    report(len(makers), len(makers), "scores")
    with phases("evaluate"):
        kept = test.select(own)
        for name, each in made.items():
            for column, values in answers(name, each.model, unseen.features, request).items():
                kept = kept.append_column(column, pa.array(values))
        pq.write_table(kept, folder / "scores.parquet", compression="zstd")
    with phases("log"):
        files = {name: _stored(made[name].model, folder / f"{number}.skops")
                 for number, name in enumerate(request["candidates"])}
    models = {name: {"file": files.get(name), "seconds": each.seconds, "notes": each.notes,
                     "description": each.description, "probabilities": hasattr(each.model, "predict_proba"),
                     "stopping": each.stopping, "calibrator": each.calibrator}
              for name, each in made.items()}
    return {"models": models, "inputs": inputs, "reads": inputs_of(table, columns), "prepared": prepared,
            "scores": str(folder / "scores.parquet"), "phases": phases.told()}


def _fitted(name: str, make: Callable[[], Any], train: Rows, seed: int, request: Mapping[str, Any],
            made: Mapping[str, Fitted], stop: Stop | None = None) -> Fitted:
    """One fitted model; what scikit-learn refuses of an estimator named in YAML is refused with the candidate."""
    if request["candidates"].get(name, {}).get("factory"):
        return fitted(name, make, train, seed, made.values(), stop)
    try:
        return fitted(name, make, train, seed, made.values(), stop)
    except ValueError as problem:
        raise BadInput(str(problem).splitlines()[0], where=f"candidate {name}") from problem


def _refitted(name: str, make: Callable[[], Any], seed: int, rows: Rows) -> Fitted:
    return fitted(name, make, rows, seed)


def _moments(table: pa.Table, request: Mapping[str, Any]) -> Moments:
    """When the training rows happened and their outcomes were known; rows without times come in their order."""
    training = (request.get("prepare") or {}).get("training") or {}
    at, known = (table.column(training[name]) if training.get(name) in table.column_names else None
                 for name in ("time", "known"))
    place = np.arange(table.num_rows)
    when = place if at is None else at.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    seen = when if known is None else known.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy()
    return Moments(np.asarray(when, dtype=np.int64), np.asarray(seen, dtype=np.int64))


# -- rows -----------------------------------------------------------------------------------------------------------


def prepared_rows(request: Mapping[str, Any], table: pa.Table, test: pa.Table) -> tuple[pa.Table, pa.Table, Any]:
    """Training rows encoded out of fold, test rows by the frozen parameters, and these; as they are without steps."""
    asked = request.get("prepare") or {}
    if not asked.get("steps"):
        return table, test, None
    connection = engine()
    training = preparing.Training(**{**asked["training"], "key": tuple(asked["training"]["key"])})
    made, document = preparing.fitted(connection, table, [(name, params) for name, params in asked["steps"]], training)
    return made, preparing.applied(connection, test, document), document


def features_of(table: pa.Table, request: Mapping[str, Any]) -> list[str]:
    """What of the prepared rows the estimators read: the features that are left, and what was made of the others."""
    training = (request.get("prepare") or {}).get("training") or {}
    own = {*request["keys"], request["label"], request.get("weight"), request.get("fit_weight"), training.get("known")}
    return [name for name in table.column_names if name not in own]


def rows_of(table: pa.Table, columns: Sequence[str], request: Mapping[str, Any]) -> Rows:
    """Features, label and weight of a table by the request's task; BadInput for a label that its task does not have."""
    task, name = request.get("task", BINARY), request["label"]
    weight = weights(table.column(request["weight"])) if request.get("weight") else None
    if task == MULTICLASS:
        texts = np.array(table.column(name).cast(pa.string()).to_pylist(), dtype=np.str_)
        return Rows(frame_of(table, columns), texts, task, weight)
    values = table.column(name).cast(pa.float64()).to_numpy()
    if task == REGRESSION:
        if not np.isfinite(values).all():
            raise BadInput(f"The label '{name}' is not a finite number in every row.")
        return Rows(frame_of(table, columns), values, task, weight)
    if not np.isin(values, (0.0, 1.0)).all():
        raise BadInput(f"The label '{name}' is not 0 or 1 in every row.")
    return Rows(frame_of(table, columns), values.astype(np.int8), task, weight)


def weights(column: pa.ChunkedArray) -> Floats | None:
    """What each row counts, 1 on average, so that penalties mean the same; None where all count the same."""
    values = np.asarray(column.cast(pa.float64()).to_numpy(), dtype=np.float64)
    share = values / values.max()
    return None if share.min() == share.max() else np.asarray(share / share.mean(), dtype=np.float64)


def _check(train: Rows, test: Rows, request: Mapping[str, Any]) -> None:
    """Refuse rows among which there is nothing to tell, and classes that could not be learnt."""
    parts = (("training", train), ("test", test)) if train.task != REGRESSION else (("training", train),)
    for name, rows in parts:
        if len(set(rows.label.tolist())) < 2:
            raise BadInput(f"All {len(rows.label)} {name} rows have the same label.", next="Choose a longer window.")
    if train.task == MULTICLASS:
        learnt = set(train.label.tolist())
        for name in request["classes"]:
            if name not in learnt:
                unlearnt = int((test.label == name).sum())
                raise BadInput(f"No training row has the class '{name}'" +
                               (f", but {unlearnt} test rows have it." if unlearnt else "."),
                               next="Choose a longer window, or join it with another class.")


def _check_names(request: Mapping[str, Any], own: Sequence[str]) -> None:
    for name in request["candidates"]:
        if name in (*own, *NAMES):
            raise BadInput(f"A candidate cannot be called '{name}': a column of the scores has that name.")
        if request.get("task") == MULTICLASS and ":" in name:
            raise BadInput(f"A candidate cannot be called '{name}': the colon is for the classes of a model.")


# -- answers --------------------------------------------------------------------------------------------------------


def answers(name: str, model: Any, features: pd.DataFrame, request: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    """The columns of a model's answers: its score or number, or its class and the probability of each class."""
    task = request.get("task", BINARY)
    if task == REGRESSION:
        return {name: _finite(name, np.asarray(model.predict(features), dtype=np.float64).reshape(len(features)))}
    if task == BINARY:
        return {name: _finite(name, np.asarray(model.predict_proba(features), dtype=np.float64)[:, 1])}
    classes = list(request["classes"])
    if not hasattr(model, "predict_proba"):
        return {name: np.asarray(model.predict(features), dtype=np.str_)}
    order = [list(model.classes_).index(each) for each in classes]
    given = _finite(name, np.asarray(model.predict_proba(features), dtype=np.float64)[:, order])
    decided = np.array(classes, dtype=np.str_)[given.argmax(axis=1)]
    return {name: decided, **{f"{name}:{each}": given[:, place] for place, each in enumerate(classes)}}


def _finite(name: str, values: Floats) -> Floats:
    if not np.isfinite(values).all():
        raise BadInput(f"{int((~np.isfinite(values)).sum())} of {values.size} scores are not finite.",
                       where=f"candidate {name}")
    return values


def _stored(model: Any, path: Path) -> str:
    estimators.dump(model, path)
    return str(path)
