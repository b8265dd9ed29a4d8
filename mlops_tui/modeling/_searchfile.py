"""The rows of a file to tune an estimator on: label, features, and what orders or groups them."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mlops_tui.analysis.answers import Task
from mlops_tui.errors import BadInput
from mlops_tui.modeling._searching import Material, part
from mlops_tui.modeling._spans import distance, groups, timed
from store.columns import read_columns
from store.lake import sha256_of
from store.quoting import quote
from store.scan import engine, scan_file
from store.written import names_file

NEEDED = ("label", "features", "estimator", "search")
ONLY = ("params", "time", "label_end", "group", "outside")
NOTHING = Material(pa.table({}), "", (), "")
CLASSES = 50  # a whole number of more distinct values is a number


def is_file(what: str, file: Mapping[str, Any]) -> bool:
    """Whether WHAT is a file: that needs these options, a declared model none. BadInput for some of them."""
    given = [name for name in NEEDED if file[name] is not None]
    if len(given) == len(NEEDED):
        return True
    others = [name.replace("_", "-").replace("outside", "prepare") for name in ONLY if file[name] is not None]
    others += [name for name in ("raw",) if file[name]]
    if given or others or names_file(what):
        missing = " and ".join(f"--{name}" for name in NEEDED if file[name] is None)
        raise BadInput(f"A file needs {missing}.", where=what, next="A declared model needs none of these options.")
    return False


def material(path: Path, file: Mapping[str, Any]) -> Material:
    """The labelled rows of the file. BadInput names column and row of what cannot be used."""
    features = tuple(name.strip() for name in file["features"].split(",") if name.strip())
    label, connection = str(file["label"]), engine()
    if not features or label in features:
        raise BadInput(f"'{label}' is predicted, so it is no feature." if features else "There are no features.",
                       where="--features", next="Name columns, separated by commas.")
    scan = scan_file(path, connection)
    columns = [scan.field(name).name for name in dict.fromkeys((*features, label))]
    query = f"SELECT {', '.join(map(quote, columns))} FROM {scan.relation}"
    table: pa.Table = connection.sql(query).to_arrow_table()
    known = np.asarray(pc.is_valid(table.column(label)))
    if not known.any():
        raise BadInput("No row has a label.", where=f"{path}, column {label}", next="Name a file with outcomes.")
    at = np.flatnonzero(known)
    table = table.take(pa.array(at))
    task, classes = _task(table.column(label), label, str(file["task"]), str(path))
    if classes:
        table = table.set_column(table.column_names.index(label), label, table.column(label).cast(pa.string()))
    return replace(_ordered(path, file, at), table=table, label=label, features=features, data=sha256_of(path),
                   task=task, classes=classes, where=str(path))


def _ordered(path: Path, file: Mapping[str, Any], at: npt.NDArray[np.intp]) -> Material:
    """What orders or groups those rows of the file."""
    if file["time"]:
        found = timed(path, file["time"], file["label_end"], file["group"])
        return replace(NOTHING, spans=part(found.spans, at), gap=distance(str(file["gap"]), found.stamps, "--gap"))
    if file["label_end"] or file["gap"] != "0s":
        raise BadInput("Only rows with a time have a gap, or a time at which their label is known.", where="--time",
                       next="Name the column with --time.")
    if not file["group"]:
        return NOTHING
    texts = read_columns(path, [], [file["group"]]).texts[file["group"]]
    return replace(NOTHING, group=groups(texts, file["group"], str(path))[at])


def _task(column: pa.ChunkedArray, name: str, wanted: str, where: str) -> tuple[Task, tuple[str, ...]]:
    """What the label is by its values, or as asked for; and its classes, where there are several."""
    values = column.unique()
    texts = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    numbers = [] if texts else [float(each) for each in values.to_pylist()]
    if len(values) < 2:
        raise BadInput(f"Every row has the same label, {values[0]}.", where=f"{where}, column {name}",
                       next="Choose rows with different outcomes.")
    few = texts or (len(values) <= CLASSES and all(each == int(each) for each in numbers))
    task = Task(wanted) if wanted != "auto" else Task.BINARY if not texts and set(numbers) <= {0, 1} else \
        Task.MULTICLASS if few else Task.REGRESSION
    if task is Task.BINARY and (texts or not set(numbers) <= {0, 1}):
        raise BadInput(f"The label '{name}' is not 0 or 1 in every row.", where=where, next="Leave out --task binary.")
    if task is Task.REGRESSION and texts:
        raise BadInput(f"The label '{name}' is a text, and a regression is of numbers.", where=where,
                       next="Leave out --task regression.")
    return task, tuple(sorted(values.cast(pa.string()).to_pylist())) if task is Task.MULTICLASS else ()
