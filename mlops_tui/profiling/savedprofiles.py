"""A profile in a file of its own: a reference that later files are compared with, without reading it again."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np

from mlops_tui.analysis import radix
from mlops_tui.errors import BadInput
from mlops_tui.profiling import columnprofiles
from mlops_tui.profiling.columnprofiles import MAGIC, ColumnProfile
from mlops_tui.profiling.profiledsides import Profiled, Window
from mlops_tui.profiling.shifts import WHOLE
from store.scan import Scan

BITS = 18  # finer than in the lake: the rows cannot be looked into again
KINDS = ("numeric", "category", "boolean", "time")


def is_profile(path: Path) -> bool:
    """Whether a file begins as a saved profile does."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC)) == MAGIC
    except OSError:  # whoever reads it says what is wrong with it
        return False


def packed(side: Scan, names: Iterable[str]) -> bytes:
    """The profile of these columns, for a file."""
    names = tuple(names)
    columns = columnprofiles.profiled(side, names, _grid)
    counted = {name: replace(each, distinct=side.distinct(name)) if _countless(each) else each
               for name, each in columns.items()}
    return columnprofiles.packed(side.rows, names, counted)


def _grid(name: str, proposed: radix.Grid | None) -> radix.Grid:
    return radix.Grid(proposed.centre if proposed is not None else 0.0, BITS)


def _countless(column: ColumnProfile) -> bool:
    """Whether a column may be an id of which the profile does not say how many there are."""
    if column.numbers is not None:
        return column.type in WHOLE and not column.numbers.discrete
    return column.bucketed


def opened(path: Path, connection: duckdb.DuckDBPyConnection) -> Profiled:
    """A saved profile as one side of a comparison; BadInput where it is damaged or says what cannot be."""
    try:
        found = columnprofiles.unpacked(path.read_bytes())
        columns = {name: found.column(name) for name in found.names}
        for name, column in columns.items():
            if wrong := _wrong(found.rows, column):
                raise ValueError(f"'{name}' {wrong}")
    except ValueError as problem:
        raise BadInput(f"'{path.name}' is no profile that can be used: {problem}.", where=str(path),
                       next="Make it again: mlops-tui profile FILE --save OUT") from problem
    if not found.rows or not columns:
        raise BadInput(f"'{path.name}' is the profile of no rows.", where=str(path),
                       next="Name one of a file with data.")
    return Profiled(str(path), (Window(found.rows, columns),), connection.cursor)


def _wrong(rows: int, column: ColumnProfile) -> str:
    """What in a column contradicts itself, or nothing: a file that others may have written is checked, not trusted."""
    if column.kind not in KINDS:
        return "is of no known kind"
    numbers = column.numbers
    counts = numbers.counts if numbers is not None else np.array(list(column.levels.values()), np.int64)
    if min(rows, column.nulls, column.missing - column.nulls) < 0 or (counts < 1).any():
        return "counts less than nothing"
    if column.kind != "time" and sum(counts.tolist()) + column.missing != rows:
        return f"does not count {rows:,} rows"
    if any(not isinstance(level, str) for level in column.levels):
        return "has values that are no texts"
    return _wrong_cells(numbers) if numbers is not None and numbers.n else ""


def _wrong_cells(numbers: radix.Profile) -> str:
    cells, value = numbers.cells, numbers.value
    if cells[0] < 0 or cells[-1] >= 1 << numbers.grid.bits or (np.diff(cells) < 1).any():
        return "has cells that are none, or in no order"
    ends = np.array([numbers.minimum, numbers.maximum])
    lone = ~np.isnan(value)
    if np.isnan(ends).any() or ends[0] > ends[1]:
        return "has no smallest and largest value"
    outside = (numbers.grid.ordered(numbers.grid.codes(value[lone])) != cells[lone]).any()
    if outside or (numbers.grid.ordered(numbers.grid.codes(ends)) != cells[[0, -1]]).any():
        return "has values outside of their cells"
    return ""
