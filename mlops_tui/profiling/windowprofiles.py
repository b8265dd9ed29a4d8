"""What is known of each column in any window of time: kept profiles of whole files, added up.

Files of the lake never change and are named by their digest, so each is read once, and its profile kept beside it. Only
where a window cuts a file its rows are read; what lies on one side of a full hour is kept as well, since the window of
tomorrow cuts at the same hour. Whole months are kept as one.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path

from mlops_tui.analysis import radix
from mlops_tui.profiling import columnprofiles, windowed
from mlops_tui.profiling.columnprofiles import ColumnProfile, Profiles
from mlops_tui.profiling.profiledsides import Profiled, Window
from mlops_tui.profiling.windowed import Source, Span
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from store.lake import FileRef, Lake, Manifest
from store.quoting import quote
from store.scan import Scan, kind_of

HOUR = timedelta(hours=1)
MICROSECOND = timedelta(microseconds=1)
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
HELD = 512  # profiles of files that a process remembers
MOST_HELD = 2_000_000  # cells and levels of windows that a process remembers


def over(session: Session, source: Source, columns: Sequence[str], spans: Sequence[Span]) -> tuple[Window, ...]:
    """The profiles of these columns in each span, from kept ones; the rows of a file are read the first time only.

    Numbers of a column lie on one grid in all windows of a dataset, so `radix.merged` adds any of them up.
    """
    shelf = Shelf(session, source, tuple(columns))
    return tuple(_remembered(shelf, span) for span in spans)


_WINDOWS: dict[object, Window] = {}  # the newest last: a back-test looks at a week five times


def _remembered(shelf: "Shelf", span: Span) -> Window:
    """The window as this process made it before, as long as its files are there and their grids are the same."""
    source = shelf.source
    files = windowed.days_of(shelf.session, source, [span])
    of = (shelf.lake.root, source.manifest.dataset, source.time, source.by_day, span, shelf.columns,
          tuple(source.manifest.columns.items()), tuple((file.base, file.folder) for file in files.files))
    found = _WINDOWS.pop(of, None)
    if found is None or not shelf.fits(found) or not shelf.lake.has(files):
        found = _window(shelf, list(_parts(shelf, span)), span)
    _WINDOWS[of] = found
    held = sum(window.size for window in tuple(_WINDOWS.values()))
    while held > MOST_HELD and len(_WINDOWS) > 1:
        oldest = _WINDOWS.pop(next(iter(_WINDOWS)), None)
        held -= oldest.size if oldest is not None else 0
    return found


@dataclass(frozen=True)
class Shelf:
    """The kept profiles of a dataset's files, made where they are missing; `columns` are those that are asked for."""

    session: Session
    source: Source
    columns: tuple[str, ...]
    grids: dict[str, radix.Grid] = field(default_factory=dict)

    @property
    def lake(self) -> Lake:
        return self.session.data()

    @property
    def dataset(self) -> str:
        return self.source.manifest.dataset

    def of_file(self, file: FileRef, cut: "Cut | None" = None) -> Profiles:
        """The profiles of a file's columns, or of its rows between two moments."""
        name, asked = self._name(file, cut), (*self.columns, self.source.time)
        found = self._kept(file.folder, name)
        if found is not None:
            if set(asked) <= set(found.asked):
                return found
            asked = tuple(sorted({*asked, *found.asked}))
        scan = Scan(self.lake.connect(), self._relation(file, cut), f"{self.source.where}, {file.part_name}")
        made = columnprofiles.packed(scan.rows, asked, columnprofiles.profiled(scan, asked, self.grid))
        if cut is None or cut.on_the_hour:
            self._keep(file.folder, name, made)
        return columnprofiles.unpacked(made)

    def of_month(self, files: Sequence[FileRef]) -> Profiles | None:
        """The profiles of several files as one; None where a column is of several kinds in them."""
        members = hashlib.sha256(" ".join(sorted(file.folder for file in files)).encode()).hexdigest()
        name, asked = self._name(files[0], None), (*self.columns, self.source.time)
        found = self._kept(members, name)
        if found is not None and set(asked) <= set(found.asked):
            return found
        parts = [self.of_file(file) for file in files]
        columns = {}
        for column in asked:
            if any(column in part.names for part in parts):
                together = columnprofiles.merged([part.column(column) for part in parts], self.lake.connect)
                if together is None:
                    return None
                columns[column] = together
        made = columnprofiles.packed(sum(part.rows for part in parts), asked, columns)
        self._keep(members, name, made)
        return columnprofiles.unpacked(made)

    def grid(self, column: str, proposed: radix.Grid | None) -> radix.Grid:
        """The grid of a column in all files of the dataset: the one that was first proposed, by whichever process."""
        if column not in self.grids:
            found = radix.Grid() if proposed is None or self.session.read_only else proposed
            content = json.dumps({"column": column, "centre": found.centre.hex(), "bits": found.bits}).encode()
            name = f"grid-{hashlib.sha256(column.encode()).hexdigest()[:32]}.json"
            said = self.lake.agreed(self.dataset, name, content if found is proposed else b"")
            if said is None:
                return found
            document = json.loads(said)
            self.grids[column] = radix.Grid(float.fromhex(document["centre"]), document["bits"])
        return self.grids[column]

    def fits(self, window: Window) -> bool:
        """Whether the numbers of a window lie on the grids of today."""
        numbers = ((name, each.numbers) for name, each in window.columns.items() if each.numbers is not None)
        return all(each.grid == self.grid(name, None) for name, each in numbers if each.bound)

    def _name(self, file: FileRef, cut: "Cut | None") -> str:
        """What the profile depends on beside the file: its format, the cut, and types that are declared elsewhere."""
        declared = self.source.manifest.columns if file.base else {}
        of = [columnprofiles.FORMAT, list(declared.items()), *([self.source.time, *cut.key] if cut is not None else [])]
        return f"{hashlib.sha256(json.dumps(of).encode()).hexdigest()[:32]}.profile"

    def _kept(self, folder: str, name: str) -> Profiles | None:
        """What was kept, as far as it is whole, and on the grids of today."""
        place = self.lake.profile(self.dataset, folder, name)
        found = _read(*place) if place is not None else None
        if found is None:
            return None
        grids = {column: found.grid(column) for column in found.names}
        return found if all(grid is None or grid == self.grid(column, None) for column, grid in grids.items()) else None

    def _keep(self, folder: str, name: str, made: bytes) -> None:
        if not self.session.read_only:
            self.lake.keep_profile(self.dataset, folder, name, made)

    def _relation(self, file: FileRef, cut: "Cut | None") -> str:
        rows = self.lake.scan(Manifest(self.dataset, self.source.manifest.columns, (file,)))
        return f"(SELECT * FROM {rows} WHERE {cut.condition(self.source.time)})" if cut is not None else rows


@lru_cache(maxsize=HELD)
def _read(path: Path, stamp: int) -> Profiles | None:
    """A kept profile; None where it is damaged, so that it is made again."""
    try:
        return columnprofiles.unpacked(path.read_bytes())
    except (ValueError, FileNotFoundError):
        return None


@dataclass(frozen=True)
class Cut:
    """The part of a file's rows that lies in a span: from a moment on, before another, or both."""

    start: datetime | None
    end: datetime | None

    @property
    def key(self) -> list[str]:
        return [str(_micros(edge)) if edge is not None else "" for edge in (self.start, self.end)]

    @property
    def on_the_hour(self) -> bool:
        return all(edge is None or not _micros(edge) % (HOUR // MICROSECOND) for edge in (self.start, self.end))

    def condition(self, time: str) -> str:
        """SQL that is true of its rows; a row without a time is in no window."""
        sides = [f"{quote(time)} {sign} {pointintime.moment(edge)}"
                 for sign, edge in ((">=", self.start), ("<", self.end)) if edge is not None]
        return " AND ".join(sides) or f"{quote(time)} IS NOT NULL"


def _micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _parts(shelf: Shelf, span: Span) -> Iterator[Profiles]:
    """The profiles that together are the rows of a span: of months, of files, of parts of files."""
    files = windowed.days_of(shelf.session, shelf.source, [span]).files
    for group in _months(shelf, files):
        month = shelf.of_month(group) if len(group) > 1 else None
        if month is not None and _cut(shelf, month, span) is None:
            yield month
            continue
        for file in group:
            whole = shelf.of_file(file)
            cut = _cut(shelf, whole, span)
            if cut is None:
                yield whole
            elif cut != NOTHING:
                yield shelf.of_file(file, cut)


NOTHING = Cut(EPOCH, EPOCH)


def _cut(shelf: Shelf, found: Profiles, span: Span) -> Cut | None:
    """How a span cuts some rows: not at all (None) where all of them lie in it, NOTHING where none does."""
    times, (start, end) = found.column(shelf.source.time), map(_micros, span)
    if not times.n:
        return NOTHING
    if times.first is None or times.last is None:
        return Cut(*span)
    if times.last < start or times.first >= end:
        return NOTHING
    first = span[0] if times.first < start else None
    last = span[1] if times.last >= end else None
    return Cut(first, last) if first or last or times.nulls else None


def _months(shelf: Shelf, files: Sequence[FileRef]) -> Iterator[list[FileRef]]:
    """The files, those of a whole month that is over together, the others one by one."""
    months, size = dict[str, list[FileRef]](), Counter(map(_month, shelf.source.manifest.files))
    for file in files:
        months.setdefault(_month(file), []).append(file)
    newest = max(size, default="")
    for month, held in sorted(months.items()):
        if shelf.source.by_day and month < newest and len(held) == size[month]:
            yield held
        else:
            yield from ([file] for file in held)


def _month(file: FileRef) -> str:
    return file.partition.get("day", "")[:7]


def _window(shelf: Shelf, parts: Sequence[Profiles], span: Span) -> Window:
    columns = {}
    for name in shelf.columns:
        together = _together(shelf, name, [part.column(name) for part in parts])
        columns[name] = _as_texts(shelf, name, span) if together is None else together
    return Window(sum(part.rows for part in parts), columns)


def _as_texts(shelf: Shelf, name: str, span: Span) -> ColumnProfile:
    """A column that holds numbers here and texts there: put together, they are texts."""
    with windowed.rows_in(shelf.session, shelf.source, [span], [name]) as rows:
        texts = f"(SELECT CAST({quote(name)} AS VARCHAR) AS {quote(name)} FROM {rows.relation})"
        return columnprofiles.profiled(Scan(rows.cursor(), texts, rows.where), [name], shelf.grid)[name]


def _together(shelf: Shelf, name: str, parts: Sequence[ColumnProfile]) -> ColumnProfile | None:
    """The parts of a column as one; None where they are of different kinds."""
    if parts:
        return columnprofiles.merged(parts, shelf.lake.connect)
    type = shelf.source.manifest.columns.get(name, "VARCHAR")
    return ColumnProfile(kind_of(type), type, 0, 0, radix.empty(0) if kind_of(type) == "numeric" else None)


# -- one side of a comparison ---------------------------------------------------------------------------------------


def side(session: Session, source: Source, columns: Sequence[str], spans: Sequence[Span]) -> Profiled:
    """These windows of a subject as one side of `shifts.compare`, each of them a part."""
    shelf, windows = Shelf(session, source, tuple(columns)), over(session, source, columns, spans)
    for name in columns:
        if _together(shelf, name, [window.columns[name] for window in windows]) is None:
            windows = tuple(replace(window, columns={**window.columns, name: _as_texts(shelf, name, span)})
                            for window, span in zip(windows, spans, strict=True))
    return Profiled(source.where, windows, shelf.lake.connect,
                    lambda name: windowed.rows_in(session, source, spans, [name]))
