"""Lags, rolling and expanding aggregates by entity and time: of each row, only what was known before it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

import duckdb

from mlops_tui.declarations.declare import duration
from mlops_tui.errors import BadInput, nearest
from mlops_tui.transforms import Made
from store.quoting import quote
from store.scan import kind_of

TIME, ROW, SINCE = quote("=t"), quote("=row"), quote("=since")
AGGREGATES = ("mean", "count", "sum", "min", "max", "std")
CALL = {"mean": "avg({}) {}", "count": "count({}) {}", "sum": "CAST(sum({}) {} AS DOUBLE)", "min": "min({}) {}",
        "max": "max({}) {}", "std": "stddev_samp({}) {}"}  # of which value, over which rows
SUMMED = "CAST(sum({0}) {1} AS DOUBLE) / count({0}) {1}"  # the mean of floats to the last bit, where their sum is there
NUMERIC = ("mean", "sum", "std")
NAMED = ((timedelta(weeks=1), "w"), (timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "m"),
         (timedelta(seconds=1), "s"))


@dataclass(frozen=True)
class Windows:
    """What is asked for. A row sees those of its entity that are earlier and known: `time + available_after` and, where
    given, the column `known_at` are not after its own time. `own`: rows of the same time are seen too, itself included.

    A rolling window of 1h holds what is at most 1h old, that age included. Of rows with the same time, the one with the
    greater value counts as newer; null is the smallest.
    """

    entity: tuple[str, ...]
    time: str
    column: tuple[str, ...]
    rolling: tuple[str, ...] = ()
    expanding: bool = False
    aggregate: tuple[str, ...] = ("mean",)
    lag: tuple[int, ...] = ()
    available_after: timedelta = timedelta(0)
    known_at: str = ""
    own: bool = False

    def __post_init__(self) -> None:
        if not (self.rolling or self.expanding or self.lag):
            raise BadInput("Which windows?", next="Give rolling (1h,24h), expanding or lag (1,7).")
        if not self.entity or not self.column:
            raise BadInput("Windows need an entity and a column.", next="Give --entity and --column.")
        for name in self.aggregate:
            if name not in AGGREGATES:
                raise BadInput(f"No aggregate '{name}'.", next=nearest(name, AGGREGATES) or
                               f"Aggregates: {', '.join(AGGREGATES)}.")
        if any(number < 1 for number in self.lag):
            raise BadInput(f"A lag is 1 or more, not {min(self.lag)}.", next="Lag 1 is the newest value before.")
        for name, span in zip(self.rolling, self.lengths, strict=True):
            if span <= self.available_after:
                raise BadInput(f"A window of {name} holds nothing that is known only after "
                               f"{shown(self.available_after)}.", next="Take a longer window.")

    @property
    def lengths(self) -> tuple[timedelta, ...]:
        """How long each rolling window is."""
        return spans(self.rolling)

    @property
    def spans(self) -> list[tuple[str, timedelta | None]]:
        """Each window's name, as it was written, and length; None for all history."""
        return [*zip(self.rolling, self.lengths, strict=True), *([("all", None)] if self.expanding else [])]

    @property
    def names(self) -> dict[str, str]:
        """Each new column with the one that it is made of."""
        return {**{f"{column}_{name}_{window}": column for column in self.column for window, _ in self.spans
                   for name in self.aggregate},
                **{f"{column}_lag_{number}": column for column in self.column for number in self.lag}}

    def checked(self, columns: Mapping[str, str], where: str) -> None:
        """BadInput where a column is missing, of the wrong kind, or there already."""
        for name in (*self.entity, self.time, *self.column, *([self.known_at] if self.known_at else [])):
            if name not in columns:
                raise BadInput(f"There is no column '{name}'.", where=where, next=nearest(name, columns) or
                               f"Columns: {', '.join(list(columns)[:12])}.")
        for name in (self.time, *([self.known_at] if self.known_at else [])):
            if not columns[name].startswith(("TIMESTAMP", "DATE")):
                raise BadInput(f"'{name}' is {columns[name]}, not a time.", where=where,
                               next="Name a column of dates or timestamps.")
        for name in self.column:
            if set(NUMERIC) & set(self.aggregate) and (self.rolling or self.expanding) and \
                    kind_of(columns[name]) not in ("numeric", "boolean"):
                raise BadInput(f"'{name}' is {columns[name]}: it has no {', '.join(NUMERIC)}.", where=where,
                               next="Take --aggregate count,min,max, or a column of numbers.")
        for name in self.names:
            if name in columns:
                raise BadInput(f"There is a column '{name}' already.", where=where, next="Rename it.")


def shown(span: timedelta) -> str:
    """A span as people write it: 24h is 1d, 90m stays."""
    size, unit = next((size, unit) for size, unit in NAMED if span % size == timedelta(0))
    return f"{span // size}{unit}"


def spans(texts: Sequence[str]) -> tuple[timedelta, ...]:
    """Spans such as 1h and 30d; BadInput otherwise."""
    try:
        return tuple(duration(text) for text in texts)
    except ValueError as problem:
        raise BadInput(f"{problem}.") from problem


def step(cursor: duckdb.DuckDBPyConnection, relations: Mapping[str, str], params: Mapping[str, Any]) -> Made:
    """The rows of the one input with the windows that `params` ask for; keys as the command's options."""
    if len(relations) != 1:
        raise BadInput(f"windows takes one input, not {len(relations)}.")
    [(name, relation)] = relations.items()
    columns = {str(row[0]): str(row[1]) for row in cursor.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()}
    return Made(sql(of_params(params), relation, columns, name))


def of_params(params: Mapping[str, Any]) -> Windows:
    """What the parameters of a step ask for; BadInput names an unknown key."""
    known = [field.name for field in fields(Windows)]
    for key in params:
        if key not in known:
            hint = nearest(key, known) or f"Known: {', '.join(known)}."
            raise BadInput(f"windows has no parameter '{key}'.", next=hint)
    missing = [key for key in ("entity", "time", "column") if not params.get(key)]
    if missing:
        raise BadInput(f"windows needs the parameter '{missing[0]}'.", next=f"Add: params: {{{missing[0]}: …}}.")
    made: dict[str, Callable[[Any], Any]] = {
        "entity": _texts, "column": _texts, "aggregate": _texts, "rolling": _texts,
        "lag": lambda value: tuple(int(each) for each in _texts(value)),
        "available_after": lambda value: spans([str(value)])[0]}
    return Windows(**{key: made.get(key, lambda value: value)(value) for key, value in params.items()})


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list | tuple) else \
        tuple(part.strip() for part in str(value).split(","))


# -- the SQL --------------------------------------------------------------------------------------------------------


def sql(windows: Windows, relation: str, columns: Mapping[str, str], where: str, *, ordered: bool = True) -> str:
    """The relation's rows with the new columns. Float sums have one order where one thread runs it.

    `ordered`: in the relation's order; else, which takes half of the memory, entity by entity in the order of time.

    Without `known_at`, one pass of window functions; with it, rows arrive in another order than they happened, and each
    is matched with those of its entity that it sees.
    """
    windows.checked(columns, where)
    query = (_matched if windows.known_at else _framed)(windows, relation, columns)
    return f"{query} ORDER BY {ROW}" if ordered else query


def _unit(kind: str) -> int:
    """How many parts a microsecond of the time's type has."""
    return 1000 if kind == "TIMESTAMP_NS" else 1


def _clock(name: str, kind: str, unit: int) -> str:
    """A time as a whole number."""
    if unit > 1:
        return f"epoch_ns({quote(name)})" if kind == "TIMESTAMP_NS" else f"epoch_us({quote(name)}) * {unit}"
    return f"epoch_us(CAST({quote(name)} AS TIMESTAMP))" if kind == "DATE" else f"epoch_us({quote(name)})"


def _parts(span: timedelta, unit: int) -> int:
    return span // timedelta(microseconds=1) * unit


def value_of(name: str, kind: str, aggregate: str, alias: str = "") -> str:
    column = f"{alias}{quote(name)}"
    return f"CAST({column} AS INTEGER)" if kind == "BOOLEAN" and aggregate in NUMERIC else column


def _framed(windows: Windows, relation: str, columns: Mapping[str, str]) -> str:
    """One pass: rows with the same time are peers, so a frame that ends before the row's time holds none of them."""
    unit = _unit(columns[windows.time])
    late = _parts(windows.available_after, unit)
    end = f"{late} PRECEDING" if late else "CURRENT ROW" if windows.own else "CURRENT ROW EXCLUDE GROUP"
    by = f"PARTITION BY {', '.join(map(quote, windows.entity))} ORDER BY {TIME}"
    frames, taken = [], []
    for number, (window, span) in enumerate(windows.spans):
        start = "UNBOUNDED" if span is None else _parts(span, unit)
        frames.append(f"w{number} AS ({by} RANGE BETWEEN {start} PRECEDING AND {end})")
        for column in windows.column:
            for name in windows.aggregate:
                shared = name == "mean" and "sum" in windows.aggregate and columns[column] in ("FLOAT", "DOUBLE")
                call, value = SUMMED if shared else CALL[name], value_of(column, columns[column], name)
                taken.append((call.format(value, f"OVER w{number}"), f"{column}_{name}_{window}"))
    numbered = []
    if windows.lag:
        within = f" RANGE BETWEEN UNBOUNDED PRECEDING AND {end}" if late or windows.own else ""
        frames.append(f"seen AS ({by}{within})")
        for place, column in enumerate(windows.column):
            frames.append(f"o{place} AS ({by}, {quote(column)} NULLS FIRST)")
            before = "count(*) OVER seen" if late or windows.own else "rank() OVER seen + 1"
            numbered.append(f"row_number() OVER o{place} - {before} AS {quote(f'=back{place}')}")
            taken += [(f"lag({quote(column)}, CAST({quote(f'=back{place}')} + {number - 1} AS BIGINT)) OVER o{place}",
                       f"{column}_lag_{number}") for number in windows.lag]
    clock = _clock(windows.time, columns[windows.time], unit)
    rows = f"SELECT *, {clock} AS {TIME}, row_number() OVER () AS {ROW} FROM {relation}"
    if numbered:
        needed = [frame for frame in frames if frame.startswith(("seen", "o"))]
        rows = f"SELECT *, {', '.join(numbered)} FROM ({rows}) WINDOW {', '.join(needed)}"
    nothing = _nothing(windows)
    features = ", ".join(f"CASE WHEN {nothing} THEN NULL ELSE {value} END AS {quote(name)}" for value, name in taken)
    used = [frame for frame in frames if not frame.startswith("seen")]
    own = ", ".join(map(quote, columns))
    return f"SELECT {own}, {features} FROM ({rows}) WINDOW {', '.join(used)}"


def _nothing(windows: Windows) -> str:
    """A row without entity or time has no features."""
    return " OR ".join(f"{quote(name)} IS NULL" for name in (*windows.entity, windows.time))


def _matched(windows: Windows, relation: str, columns: Mapping[str, str]) -> str:
    """Each row with all that it sees: as many pairs as entities have rows, squared, within the longest window."""
    unit = _unit(columns[windows.time])
    time, late = _clock(windows.time, columns[windows.time], unit), _parts(windows.available_after, unit)
    arrived = _clock(windows.known_at, columns[windows.known_at], unit)
    since = f"CASE WHEN {quote(windows.known_at)} IS NOT NULL THEN greatest({time} + {late}, {arrived}) END"
    same = " AND ".join(f"i.{quote(name)} = j.{quote(name)}" for name in windows.entity)
    seen = f"{same} AND j.{SINCE} <= i.{TIME} AND j.{TIME} {'<=' if windows.own else '<'} i.{TIME}"
    if not windows.expanding and not windows.lag:
        seen += f" AND j.{TIME} >= i.{TIME} - {_parts(max(windows.lengths), unit)}"
    taken = []
    for column in windows.column:
        for window, span in windows.spans:
            within = "true" if span is None else f"j.{TIME} >= i.{TIME} - {_parts(span, unit)}"
            for name in windows.aggregate:
                value = value_of(column, columns[column], name, "j.")
                taken.append((CALL[name].format(value, f"FILTER (WHERE {within})"), f"{column}_{name}_{window}"))
        if windows.lag:
            pair = f"{{'t': j.{TIME}, 'h': j.{quote(column)} IS NOT NULL, 'x': j.{quote(column)}}}"
            newest = f"max({pair}, {max(windows.lag)}) FILTER (WHERE j.{TIME} IS NOT NULL)"
            taken += [(f"({newest})[{number}].x", f"{column}_lag_{number}") for number in windows.lag]
    features = ", ".join(f"{value} AS {quote(name)}" for value, name in taken)
    given = ", ".join(f"CASE WHEN {_nothing(windows)} THEN NULL ELSE f.{quote(name)} END AS {quote(name)}"
                       for _, name in taken)
    own = ", ".join(f"r.{quote(name)}" for name in columns)
    rows = f"SELECT *, {time} AS {TIME}, {since} AS {SINCE}, row_number() OVER () AS {ROW} FROM {relation}"
    return (f"WITH r AS MATERIALIZED ({rows}), f AS (SELECT i.{ROW}, {features} FROM r i LEFT JOIN r j ON {seen} "
            f"GROUP BY i.{ROW}) SELECT {own}, {given} FROM r JOIN f USING ({ROW})")
