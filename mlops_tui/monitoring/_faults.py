"""The faults that a drill can plant: what each does to rows, where, how much, and which checks ought to notice."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from store.quoting import literal, quote

FEATURES, BATCH, LABELS, LOG = "features", "batch", "labels", "log"
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
           "FLOAT", "DOUBLE")
UNITS = ((re.compile(r"temp|dewp|degree|celsius|fahrenheit"), "temperature"),
         (re.compile(r"delay|minute|second|duration|time|latency|_[0-9]+h$"), "time"))
ROWS = "{rows}"  # stands for the rows that a fault is made of
DEALT = 1000  # parts into which rows are dealt out by their key


@dataclass(frozen=True)
class Rows:
    """What a fault is planted into: the columns with their types, the key, and the columns that may be chosen.

    `spread` and `last` are the column's standard deviation and newest value before the fault, `label` and `outcome`
    the columns that are empty until the outcome is known.
    """

    place: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    column: str = ""
    spread: float = 1.0
    last: str = "NULL"
    label: str = ""
    outcome: tuple[str, ...] = ()

    @property
    def numeric(self) -> bool:
        return _numeric(self.columns.get(self.column, ""))

    def dealt(self, share: float) -> str:
        """SQL that is true of that share of rows, always the same ones."""
        key = ", ".join(map(quote, self.key)) or "0"
        return f"hash({key}) % {DEALT} < {round(share * DEALT)}"

    def cast(self, value: str) -> str:
        kind = self.columns[self.column]
        return f"CAST({value} AS {kind})"


def _numeric(kind: str) -> bool:
    return kind in NUMBERS or kind.startswith("DECIMAL")


Made = Callable[[Rows, float], str]


@dataclass(frozen=True)
class Fault:
    """One fault: `size` by default in `unit`; `meant` are the checks that ought to see it at each place it is planted.

    `column`: `number`, `text` or empty, what it is planted into. `once`: only the first day has it.
    """

    name: str
    says: str
    made: Made
    meant: Mapping[str, tuple[str, ...]]
    size: float = 1.0
    unit: str = ""
    column: str = ""
    once: bool = False
    needs: str = ""
    most: float = field(default=float("inf"))


def _replaced(column: str, value: str) -> str:
    return f"SELECT * REPLACE ({value} AS {quote(column)}) FROM {ROWS}"


def _shifted(rows: Rows, size: float) -> str:
    by = size * rows.spread
    return _replaced(rows.column, rows.cast(f"{quote(rows.column)} + {by!r}"))


def factor_of(column: str) -> str:
    """How a value reads in another unit: °F for °C, seconds for minutes, or 2.54 times."""
    unit = next((unit for pattern, unit in UNITS if pattern.search(column.lower())), "")
    return {"temperature": "({x} - 32) / 1.8", "time": "{x} * 60"}.get(unit, "{x} * 2.54")


def _units(rows: Rows, size: float) -> str:
    swapped = factor_of(rows.column).format(x=quote(rows.column))
    value = f"CASE WHEN {rows.dealt(size)} THEN {swapped} ELSE {quote(rows.column)} END"
    return _replaced(rows.column, rows.cast(value))


def _stale(rows: Rows, size: float) -> str:
    value = f"CASE WHEN {rows.dealt(size)} THEN {rows.last} ELSE {quote(rows.column)} END"
    return _replaced(rows.column, rows.cast(value))


def _nulls(rows: Rows, size: float) -> str:
    return _replaced(rows.column, f"CASE WHEN NOT ({rows.dealt(size)}) THEN {quote(rows.column)} END")


def _category(rows: Rows, size: float) -> str:
    value = f"CASE WHEN {rows.dealt(size)} THEN {literal('never seen')} ELSE {quote(rows.column)} END"
    return _replaced(rows.column, value)


def _missing(rows: Rows, size: float) -> str:
    return f"SELECT * FROM {ROWS} WHERE NOT ({rows.dealt(size)})"


def _doubled(rows: Rows, size: float) -> str:
    return f"SELECT * FROM {ROWS} UNION ALL SELECT * FROM {ROWS} WHERE {rows.dealt(size)}"


def _unknown(rows: Rows, size: float) -> str:
    names = dict.fromkeys((rows.label, *rows.outcome))
    empty = ", ".join(f"CASE WHEN NOT ({rows.dealt(size)}) THEN {quote(name)} END AS {quote(name)}" for name in names)
    return f"SELECT * REPLACE ({empty}) FROM {ROWS}"


def _flipped(rows: Rows, size: float) -> str:
    other = f"NOT {quote(rows.label)}" if rows.columns[rows.label] == "BOOLEAN" else f"1 - {quote(rows.label)}"
    value = f"CASE WHEN {rows.dealt(size)} THEN {other} ELSE {quote(rows.label)} END"
    return _replaced(rows.label, f"CAST({value} AS {rows.columns[rows.label]})")


def _constant(rows: Rows, size: float) -> str:
    value = f"CASE WHEN {rows.dealt(size)} THEN (SELECT avg(score) FROM {ROWS}) ELSE score END"
    return _replaced("score", value)


def _slow(rows: Rows, size: float) -> str:
    return _replaced("latency_ms", f"CAST(latency_ms * {size!r} AS {rows.columns['latency_ms']})")


def _schema(rows: Rows, size: float) -> str:
    old, new = quote(rows.column), quote(f"{rows.column}_v2")
    return f"SELECT * EXCLUDE ({old}), {old} AS {new} FROM {ROWS}"


FAULTS: Mapping[str, Fault] = {each.name: each for each in (
    Fault("shifted-column", "a numeric column moves", _shifted, {FEATURES: ("drift",), BATCH: ("health",)}, 2.0, "sd",
          "number"),
    Fault("swapped-units", "a numeric column comes in another unit", _units,
          {FEATURES: ("drift",), BATCH: ("health",)}, 1.0, "of rows", "number", most=1),
    Fault("stale-feature", "a numeric column stands still", _stale, {FEATURES: ("drift",), BATCH: ("health",)}, 1.0,
          "of rows", "number", most=1),
    Fault("nulls", "a column comes empty", _nulls, {FEATURES: ("drift",), BATCH: ("health", "ingest")}, 0.8,
          "of rows", "number", most=1),
    Fault("new-category", "a category has a value that it never had", _category,
          {FEATURES: ("drift",), BATCH: ("health", "ingest")}, 0.3, "of rows", "text", most=1),
    Fault("missing-batch", "a day's batch does not come", _missing, {BATCH: ("health",)}, 1.0, "of rows", once=True,
          most=1),
    Fault("duplicated-rows", "a day's rows come twice", _doubled, {BATCH: ("ingest",)}, 1.0, "of rows",
          once=True, most=1),
    Fault("schema-change", "a column comes under another name", _schema, {BATCH: ("health", "ingest")}, 1.0, "",
          "number", most=1),
    Fault("label-delay", "outcomes do not come", _unknown, {BATCH: ("health",)}, 1.0, "of rows", needs="label",
          most=1),
    Fault("concept-change", "outcomes turn to their opposite", _flipped, {LABELS: ("performance", "calibration")},
          0.3, "of rows", needs="yes or no", most=1),
    Fault("constant-prediction", "the model answers all alike", _constant, {LOG: ("performance",)}, 1.0, "of rows",
          most=1),
    Fault("slow-endpoint", "answers take longer", _slow, {LOG: ("traffic",)}, 5.0, "times", needs="latency_ms"))}


def chosen(names: Sequence[str], columns: Mapping[str, str], kind: str) -> str:
    """The first of the names whose column is of that kind; empty where none is."""
    for name in names:
        type = columns.get(name, "")
        if (kind == "number" and _numeric(type)) or (kind == "text" and type == "VARCHAR"):
            return name
    return ""
