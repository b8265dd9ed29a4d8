"""Training rows that count so that the label does not depend on the groups a model declares under `mitigation`."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mlops_tui.analysis.mitigation import independent
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import NotFound, nearest
from mlops_tui.session import Session
from store.columns import NULL
from store.lake import Manifest
from store.quoting import quote

FIT, GROUP = "fit_weight", "group:"  # what a row counts in fitting alone; a group while rows are split


def grouped(session: Session, model: Model, keys: tuple[str, ...], labels: Manifest, rows: str) -> str:
    """SQL: the rows beside the groups that they are reweighed by, which are no features; NotFound for a column that
    the outcomes do not have."""
    if model.mitigation is None:
        return f"SELECT * FROM ({rows})"
    for name in model.mitigation.reweigh:
        if name not in labels.columns:
            raise NotFound(f"'{labels.dataset}' has no column '{name}' to reweigh by.", where="mitigation",
                           next=nearest(name, labels.columns) or f"Columns: {', '.join(labels.columns)}.")
    same = ", ".join(map(quote, keys))
    groups = ", ".join(f"coalesce(CAST({quote(name)} AS VARCHAR), '{NULL}') AS {quote(GROUP + name)}"
                       for name in model.mitigation.reweigh)
    return (f"SELECT * FROM ({rows}) r LEFT JOIN (SELECT {same}, {groups} FROM {session.data().scan(labels)}) l "
            f"USING ({same})")


def reweighed(model: Model, weight: str, frame: pa.Table,
              train: npt.NDArray[np.int64]) -> tuple[pa.Table, dict[str, Any]]:
    """The rows with what each counts in fitting, P(g)P(y)/P(g, y) of the training rows (Kamiran & Calders 2012), times
    its `weight` where there is such a column; and what is kept of it. As they are where nothing is to be mitigated."""
    if model.mitigation is None:
        return frame, {}
    columns = [GROUP + name for name in model.mitigation.reweigh]
    texts = [np.asarray(frame[name].fill_null(NULL).to_pylist(), dtype=np.str_) for name in columns]
    joined = texts[0]
    for other in texts[1:]:
        joined = np.char.add(np.char.add(joined, " · "), other)
    names, group = np.unique(joined, return_inverse=True)
    labels = np.asarray(frame[model.label.column].cast(pa.string()).to_pylist(), dtype=np.str_)
    values, label = np.unique(labels, return_inverse=True)
    own = frame[weight].to_numpy() if weight else np.ones(len(labels))
    cell = group * values.size + label
    counts = np.bincount(cell[train], own[train], names.size * values.size).reshape(names.size, -1)
    factor = independent(counts.astype(np.float64))
    counted = np.nan_to_num(factor, nan=1.0).ravel()[cell] * own
    used = counted[train]
    told = {"reweigh": list(model.mitigation.reweigh), "worth": float(used.sum() ** 2 / (used @ used) / used.size),
            "weights": {str(name): {str(value): None if np.isnan(each) else float(each)
                                    for value, each in zip(values, row, strict=True)}
                        for name, row in zip(names, factor, strict=True)}}
    return frame.drop_columns(columns).append_column(FIT, pa.array(counted)), {"mitigation": told}
