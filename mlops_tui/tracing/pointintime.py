"""Features joined to rows as they were known at each row's own time: pure SQL text, run by whoever holds the data."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlops_tui.declarations.kinds import Feature, Model
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput, NotDeclared
from store.quoting import quote

SINCE = quote("known since")  # a name that no view's own column has: `known` is taken by many


@dataclass(frozen=True)
class Reading:
    """A dataset that a query needs, and how far back from the first row."""

    dataset: str
    back: timedelta | None


def readings(model: Model, views: Sequence[Feature], datasets: Sequence[str]) -> list[Reading]:
    """The datasets that the join reads, and how far back: a value may be `ttl` old and need `lookback` before that.

    None where a view states no lookback, or no ttl so that a value holds until the next one: all of it is read then.
    """
    back: dict[str, timedelta | None] = {model.label.dataset: timedelta(0)}
    for view in views:
        for dataset in used(view.sql, datasets):
            before = back.get(dataset, timedelta(0))
            if view.lookback is None or view.ttl is None or before is None:
                back[dataset] = None
            else:
                back[dataset] = max(before, view.lookback + view.ttl + view.available_after)
    return [Reading(dataset, span) for dataset, span in back.items()]


def used(sql: str, datasets: Sequence[str]) -> list[str]:
    """The declared datasets that a query names."""
    bare = re.sub(r"--[^\n]*|'[^']*'", " ", sql)
    return [name for name in datasets if re.search(rf"(?<![\w.]){re.escape(name)}(?![\w.(])", bare, re.IGNORECASE)]


def key_columns(model: Model, contract: Contract) -> tuple[str, ...]:
    """The columns that identify a row of the model: its own, or the primary key of the label's dataset.

    BadInput where neither is declared: no feature could be told from a key then.
    """
    if not model.entity and not any(item.primaryKey for item in contract.properties):
        name = model.label.dataset
        raise BadInput(f"Dataset {name} has no primary key.", where=f"datasets/{name}.yaml",
                       next="Mark the column(s) that identify a row: primaryKey: true")
    return model.entity or contract.key


def join(model: Model, key: Sequence[str], views: Mapping[str, Sequence[str]], features: Mapping[str, Feature],
         bounds: tuple[datetime, datetime], zone: str) -> str:
    """One row for each row of the label's dataset in the window, with every feature as of its time.

    `views` says the columns of each feature view (entity and time included). A feature's value is the newest one with
    `time + available_after <= row time`, null where there is none or it is older than the view's `ttl`; of rows with
    the same entity and time, one counts (see `once`). Sorted by time and key: the same inputs give the same bytes.
    """
    time = quote(model.split.time)
    entities = dict.fromkeys(column for name in views for column in features[name].entity)
    own = dict.fromkeys([*key, model.split.time, *entities, *model.columns])
    base = (f"SELECT {', '.join(map(quote, own))} FROM {quote(model.label.dataset)} "
            f"WHERE {time} >= {moment(bounds[0])} AND {time} < {moment(bounds[1])}")
    kept = [f"b.{quote(column)}" for column in dict.fromkeys([*key, model.split.time, *model.columns])]
    joins, taken = [], set(own)
    for number, (name, columns) in enumerate(views.items()):
        view, alias = features[name], f"v{number}"
        for column in columns:
            if column in view.entity or column == view.time:
                continue
            if column in taken:
                raise BadInput(f"Two sources give a column '{column}'.", where=view.path, next="Rename one of them.")
            taken.add(column)
            kept.append(_value(view, alias, column, f"b.{time}"))
        same = " AND ".join(f"b.{quote(column)} = {alias}.{quote(column)}" for column in view.entity)
        known = f"{quote(view.time)} + {interval(view.available_after)}"
        rows = f"SELECT *, {known} AS {SINCE} FROM ({body(view)}\n){once(view, columns)}"
        joins.append(f"ASOF LEFT JOIN ({rows}) {alias} "
                     f"ON {same} AND b.{time} >= {alias}.{SINCE}")
    day = f"strftime(timezone('{zone}', b.{time}), '%Y-%m-%d') AS day"
    order = ", ".join(f"b.{quote(column)}" for column in [model.split.time, *key])
    return f"SELECT {', '.join(kept)}, {day} FROM ({base}) b {' '.join(joins)} ORDER BY {order}"


def _value(view: Feature, alias: str, column: str, time: str) -> str:
    name = f"{alias}.{quote(column)}"
    if view.ttl is None:
        return name
    fresh = f"{alias}.{quote(view.time)} >= {time} - {interval(view.ttl)}"
    return f"CASE WHEN {fresh} THEN {name} END AS {quote(column)}"


def once(view: Feature, columns: Sequence[str]) -> str:
    """The clause that leaves one row of those with the same entity and time: the last in the order of its values."""
    by = ", ".join(map(quote, (*view.entity, view.time)))
    values = [column for column in columns if column not in (*view.entity, view.time)]
    order = ", ".join(f"{quote(name)} DESC NULLS FIRST" for name in values)
    return f" QUALIFY row_number() OVER (PARTITION BY {by} ORDER BY {order}) = 1" if order else ""


def body(view: Feature) -> str:
    return view.sql.strip().rstrip(";")


def outcome(column: str, type: str, task: str) -> str:
    """The SQL of an outcome as models of a task are fitted on it: 0 or 1, the text of a class, or a number.

    A class that is a whole number reads the same whether the column holds it as an integer or not.
    """
    if task == "multiclass":
        text, whole = f"CAST({column} AS VARCHAR)", f"{column} = floor({column}) AND abs({column}) < 1e15"
        return f"CASE WHEN {whole} THEN CAST(CAST({column} AS BIGINT) AS VARCHAR) ELSE {text} END" \
            if type in ("DOUBLE", "FLOAT") else text
    return f"CAST({column} AS {'DOUBLE' if task == 'regression' else 'TINYINT'})"


def moment(value: datetime) -> str:
    """An aware time as a SQL literal."""
    return f"TIMESTAMPTZ '{value.isoformat()}'"


def interval(span: timedelta) -> str:
    """A time span as a SQL literal."""
    return f"to_seconds({int(span.total_seconds())})"


def as_known(contract: Contract, source: str, at: datetime) -> str:
    """The dataset as it was known at a moment: later rows gone, and outcomes that were still to come null.

    A column's custom property `availableAt` names the column that says when its value is known.
    """
    cut, shown = moment(at), []
    for column in contract.properties:
        when = next((item.value for item in column.customProperties if item.property == "availableAt"), None)
        name = quote(column.name)
        shown.append(f"CASE WHEN {quote(str(when))} <= {cut} THEN {name} END AS {name}" if when else name)
    time = contract.custom("eventTime")
    return f"SELECT {', '.join(shown)} FROM {source}" + (f" WHERE {quote(str(time))} <= {cut}" if time else "")


def declared_views(model: Model, features: Mapping[str, Feature], where: str) -> list[Feature]:
    """The feature views a model asks for; NotDeclared names the one that is missing."""
    missing = [name for name in model.features if name not in features]
    if missing:
        raise NotDeclared(f"No feature '{missing[0]}' in features/.", where=where,
                          next=f"Declared: {', '.join(sorted(features)) or 'none'}.")
    return [features[name] for name in model.features]
