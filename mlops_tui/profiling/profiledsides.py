"""One side of a comparison that is known by its profiles: windows of time, or a file that was profiled before."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property

from mlops_tui.analysis import radix
from mlops_tui.analysis.arrays import Floats
from mlops_tui.profiling import columnprofiles, shifts
from mlops_tui.profiling.columnprofiles import ColumnProfile, Connect
from store.scan import Field, Levels, Scan, buckets_of


@dataclass(frozen=True)
class Window:
    """Some rows: how many, and the profile of each column."""

    rows: int
    columns: Mapping[str, ColumnProfile]

    @cached_property
    def size(self) -> int:
        """How many cells and levels are counted."""
        return sum(each.numbers.cells.size if each.numbers is not None else len(each.levels)
                   for each in self.columns.values())


@dataclass(frozen=True)
class Profiled:
    """Profiles as a side of `shifts.compare` (`shifts.Side`), each window a part of it.

    `reading` opens all rows with the column named; None where nobody can read them again.
    """

    where: str
    windows: tuple[Window, ...]
    connect: Connect
    reading: Callable[[str], AbstractContextManager[Scan]] | None = None

    @property
    def rows(self) -> int:
        return sum(window.rows for window in self.windows)

    @cached_property
    def fields(self) -> Mapping[str, Field]:
        return {name: Field(name, each.type, each.kind) for name, each in self._whole.items()}

    @cached_property
    def _whole(self) -> dict[str, ColumnProfile]:
        """Each column in all windows together."""
        if len(self.windows) == 1:
            return dict(self.windows[0].columns)
        found = {name: columnprofiles.merged([window.columns[name] for window in self.windows], self.connect)
                 for name in self.windows[0].columns}
        return {name: each for name, each in found.items() if each is not None}

    def profiles(self, name: str, grid: radix.Grid | None = None) -> list[radix.Profile]:
        """The numbers of each window, on its own grid: only what fits any can be had on the one given."""
        found = [window.columns[name].numbers or radix.empty(window.rows) for window in self.windows]
        return [each if each.bound or grid is None else each.on(grid) for each in found]

    def levels(self, name: str, *, bucketed: bool = False) -> list[Levels]:
        """Counts of each window; all of them in buckets where one is, or where together they are too many."""
        parts = [window.columns[name] for window in self.windows]
        bucketed = bucketed or self._whole[name].bucketed
        return [Levels(buckets_of(part.levels, self.connect()) if bucketed and not part.bucketed else part.levels,
                       part.missing, bucketed) for part in parts]

    def nulls(self, name: str) -> int:
        return self._whole[name].nulls

    def distinct(self, name: str) -> int | None:
        """How many different values the column has; None where the profiles do not say, nor rows are there."""
        found = self._whole[name]
        if found.distinct is not None:
            return found.distinct
        if found.numbers is not None and found.numbers.discrete:
            return int(found.numbers.cells.size)
        if found.numbers is None and not found.bucketed:
            return len(found.levels)
        if self.reading is None:
            return None
        with self.reading(name) as rows:
            return rows.distinct(name)

    def inside(self, name: str, grid: radix.Grid, cells: radix.Codes) -> Floats | None:
        if self.reading is None:
            return None
        with self.reading(name) as rows:
            return shifts.inside(rows, name, grid, cells)
