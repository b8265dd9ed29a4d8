"""When a file's rows are known and when their labels are, as whole numbers of one unit; and their groups."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.split import Spans
from mlops_tui.declarations.declare import duration
from mlops_tui.errors import BadInput
from store.columns import NULL, ReadFile, Texts, read_columns

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True)
class Timed:
    """The rows' spans; whether their unit is the microsecond of a `stamp`, and if so, whether these have a zone."""

    spans: Spans
    stamps: bool
    zoned: bool
    where: str

    @property
    def times(self) -> str:
        """What the times are, in words."""
        if not self.stamps:
            return "whole numbers"
        return "times with a zone" if self.zoned else "times without a zone, read as UTC"


def timed(path: Path, time: str, label_end: str | None, group: str | None) -> Timed:
    """The rows of a file in its order. BadInput names column and row of what is no time, no group, or not there."""
    end = label_end or time
    read = read_columns(path, list(dict.fromkeys([time, end])), [group] if group else [])
    if not read.rows:
        raise BadInput(f"'{path.name}' has columns but no rows.", where=read.where, next="Name a file with data.")
    start, known = _times(read, time), _times(read, end)
    kinds = {name: read.columns[name].field.kind for name in (time, end)}
    if len(set(kinds.values())) > 1:
        raise BadInput(f"'{time}' and '{end}' must both be times, or both whole numbers.", where=read.where,
                       next="Give them the same type.")
    zoned = {name: "TIME ZONE" in read.columns[name].field.type for name in (time, end)}
    if kinds[time] == "time" and len(set(zoned.values())) > 1:
        naive = next(name for name, has in zoned.items() if not has)
        raise BadInput(f"'{naive}' has no time zone and the other time has one, so they cannot be compared.",
                       where=read.where, next="Write both with their zone, such as 2013-09-14T06:00-04:00.")
    spans = Spans(start, known, groups(read.texts[group], group, read.where) if group else None)
    return Timed(spans, kinds[time] == "time", zoned[time], read.where)


def groups(texts: Texts, name: str, where: str) -> npt.NDArray[np.int64]:
    """A number for each group; BadInput for a row that has none."""
    missing = texts == NULL
    if missing.any():
        raise BadInput(f"{int(missing.sum())} rows have no '{name}': with whom they belong is not known.",
                       where=f"{where}, row {int(np.argmax(missing))} (from 0)", next="Leave them out, or name them.")
    return np.asarray(np.unique(texts, return_inverse=True)[1], dtype=np.int64)


def _times(read: ReadFile, name: str) -> npt.NDArray[np.int64]:
    """The column as int64: microseconds of stamps, or whole numbers; BadInput for anything else, and for nulls."""
    column = read.columns[name]
    if column.field.kind not in {"time", "numeric"}:
        raise BadInput(f"'{name}' is no time: the column is {column.field.type}.", where=read.where,
                       next="Store it as a timestamp, a date or a whole number.")
    if column.missing.any():
        row = int(np.argmax(column.missing))
        raise BadInput(f"{int(column.missing.sum())} rows have no '{name}'.", where=f"{read.where}, row {row} (from 0)",
                       next="Leave them out, or fill them in.")
    values = column.values.astype(np.int64) if column.field.kind == "time" else \
        _whole(read.where, name, column.values.astype(np.float64))
    return np.asarray(values, dtype=np.int64)


def _whole(where: str, name: str, values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    bad = ~np.isfinite(values) | (values != np.floor(values)) | (np.abs(values) > 2**53)
    if bad.any():
        row = int(np.argmax(bad))
        raise BadInput(f"'{name}' must be times or whole numbers; seen: {values[row]}.",
                       where=f"{where}, row {row} (from 0)", next="Store it as a timestamp, or round it.")
    return values.astype(np.int64)


def distance(text: str, stamps: bool, option: str) -> int:
    """A distance in the unit of the times: microseconds for stamps (`12h`), else a whole number."""
    if not stamps:
        if text == "0s":
            return 0
        if not text.isdigit():
            raise BadInput(f"'{text}' is no whole number, and the times are.", where=option, next=f"Try: {option} 3")
        return int(text)
    try:
        return duration(text) // MICROSECOND
    except ValueError as problem:
        raise BadInput(f"{problem}.", where=option, next=f"Try: {option} 12h") from problem
