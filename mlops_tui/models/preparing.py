"""What lies between a model's features and its estimator: fitted on training rows alone, then the same for any row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import duckdb
import pyarrow as pa

from mlops_tui.errors import Unreadable
from mlops_tui.transforms import cardinality, encode, interactions, rows, scaling
from mlops_tui.transforms.frozen import Document
from store.quoting import quote

KIND = "prepare"
STEPS: Mapping[str, ModuleType] = {module.KIND: module for module in (encode, scaling, cardinality, interactions)}
TABLE = "=prepared"


@dataclass(frozen=True)
class Training:
    """What is known of training rows beside their features: columns of label, time, the outcome's time, and the key."""

    label: str
    time: str
    known: str
    key: tuple[str, ...]
    gap: int = 0
    seed: int = 0
    task: str = "auto"


Steps = list[tuple[str, dict[str, Any]]]


def steps_of(prepare: Sequence[Mapping[str, Any]], terms: Sequence[Mapping[str, Any]]) -> Steps:
    """A model's declared interactions and steps, in the order in which they are fitted and applied."""
    found: Steps = []
    if terms:
        found.append((interactions.KIND, {"pairs": [[*each["columns"], each["term"]] for each in terms]}))
    for declared in prepare:
        found += [(name, dict(params)) for name, params in declared.items() if params is not None]
    return found


def fitted(connection: duckdb.DuckDBPyConnection, table: pa.Table, steps: Sequence[tuple[str, Mapping[str, Any]]],
           training: Training) -> tuple[pa.Table, dict[str, Any]]:
    """The training rows as the estimator sees them, encoded out of fold, and the frozen parameters for other rows."""
    documents: list[dict[str, Any]] = []
    for name, params in steps:
        given = {key: value for key, value in params.items() if key != "keep"}
        keep, relation = bool(params.get("keep", False)), _registered(connection, table)
        if name == encode.KIND:
            how = _encoding(given, training)
            document = encode.fit(connection, relation, how)
            query = encode.crossed(connection, relation, how, document, keep=keep)
        else:
            document = STEPS[name].fit(connection, relation, _how(name, given))
            query = STEPS[name].applied(connection, relation, document, keep=keep)
        table = _taken(connection, query)
        documents.append({**document, "keep": keep})
    return table, {"kind": KIND, "edition": 1, "columns": [], "steps": documents}


def _how(name: str, given: Mapping[str, Any]) -> Any:
    if name == interactions.KIND:
        return interactions.Interactions(tuple((a, b, term) for a, b, term in given["pairs"]))
    how, _ = STEPS[name].declared(given)
    return how


def _encoding(given: Mapping[str, Any], training: Training) -> encode.Encoding:
    """Encoded by what was known before each row, or by folds of rows."""
    more = {key: value for key, value in given.items() if key != "by"}
    if given.get("by", "time") == "time" and not given.get("groups"):
        more |= {"time": training.time, "known": training.known, "gap": training.gap}
    how, _ = encode.declared({**more, "target": training.label, "seed": training.seed, "task": training.task,
                              **({} if given.get("groups") else {"key": list(training.key)})})
    return how


def applied(connection: duckdb.DuckDBPyConnection, table: pa.Table, document: Document) -> pa.Table:
    """Any rows as the estimator sees them, in their order, by frozen parameters."""
    for each in document["steps"]:
        relation = _registered(connection, table)
        table = _taken(connection, STEPS[each["kind"]].applied(connection, relation, each, keep=each["keep"]))
    return table


def _registered(connection: duckdb.DuckDBPyConnection, table: pa.Table) -> str:
    numbered = table if rows.ROW in table.column_names else table.append_column(rows.ROW, pa.array(range(len(table)),
                                                                                                pa.int64()))
    connection.register(TABLE, numbered)
    return quote(TABLE)


def _taken(connection: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """The rows in their order. Types of Arrow that DuckDB reads otherwise become DuckDB's."""
    hidden = quote(rows.ROW)
    table: pa.Table = connection.sql(f"SELECT * EXCLUDE ({hidden}) FROM ({query}) ORDER BY {hidden}").to_arrow_table()
    connection.unregister(TABLE)
    return table


def read(document: Document, where: str) -> Document:
    """The parameters that were kept with a version; Unreadable where they are of a kind we do not have."""
    if document.get("kind") != KIND or any(each.get("kind") not in STEPS for each in document.get("steps", ())):
        raise Unreadable("The preparation that was kept with the model is not one we know.", where=where,
                         next="Train it again.")
    return document


def told(document: Document) -> list[dict[str, Any]]:
    """Each step in a row: what it does to which columns, and what it makes of them."""
    return [{"step": each["kind"], "columns": tuple(columns := STEPS[each["kind"]].names(each)),
             "makes": tuple(name for made in columns.values() for name in made)} for each in document["steps"]]
