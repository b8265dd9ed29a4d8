"""A log of any length, read only where it is looked at: where each line begins, and which lines are wanted."""

import os
import re
from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from mlops_tui.render.cells import clean

BLOCK = 1 << 16   # bytes between two places whose line is known
PIECE = 1 << 20   # bytes that are counted or sifted at once
CUT = 4096        # bytes of a line that are shown; the whole of it is asked for by itself
BLOCKS = 32       # of which the places of their lines are remembered
_CONTROLS = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")  # colours, titles

# How bad a line says it is, the worst last; a traceback's lines are told by its first and its last one.
LEVELS = ("all", "warnings", "errors")
_BAD = ("error", "critical", "fatal", "exception", "traceback", "failed", "■")
_TOLD = {1: [word.encode() for word in (*_BAD, "warn", "▲")], 2: [word.encode() for word in _BAD]}
_SAYS = {1: re.compile(rb"(?i)\bwarn(?:ing)?s?\b|[a-z]Warning\b|\xe2\x96\xb2"),
         2: re.compile(rb"(?i)\b(?:errors?|critical|fatal|exception|traceback|failed)\b|[a-z]error\b|\xe2\x96\xa0")}


class LogFile:
    """One file as it lies there. `grow` finds its lines, a bit at a time; a reader may look at those found so far."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDONLY)
        self.path, self._inode = path, os.fstat(self._file).st_ino
        self.size = 0                # bytes whose lines are known
        self._breaks = array("Q")    # line breaks up to the end of each block
        self._within: OrderedDict[int, list[int]] = OrderedDict()
        self._open_end = False       # whether its last line has no break yet

    def close(self) -> None:
        os.close(self._file)

    @property
    def length(self) -> int:
        """Bytes there are by now."""
        return os.fstat(self._file).st_size

    def stale(self) -> bool:
        """Whether another file lies there by now, or this one was cut short."""
        with suppress(FileNotFoundError):
            return self.path.stat().st_ino != self._inode or self.length < self.size
        return False  # what was removed is read to its end

    def __len__(self) -> int:
        """How many lines are known."""
        return (self._breaks[-1] if self._breaks else 0) + self._open_end

    def grow(self) -> bool:
        """Find the lines of another piece of it; whether there was one."""
        piece = os.pread(self._file, PIECE - self.size % BLOCK, self.size)
        if not piece:
            return False
        place, first = 0, BLOCK - self.size % BLOCK
        while place < len(piece):
            step = first if not place else BLOCK
            count = piece.count(b"\n", place, place + step)
            block = (self.size + place) // BLOCK
            if block < len(self._breaks):
                self._breaks[block] += count
            else:
                self._breaks.append(count + (self._breaks[-1] if self._breaks else 0))
            self._within.pop(block, None)
            place += step
        self._open_end = not piece.endswith(b"\n")
        self.size += len(piece)
        return True

    @property
    def whole(self) -> int:
        """How many of the known lines have ended."""
        return len(self) - self._open_end

    # -- its lines ------------------------------------------------------------------------------------------------

    def begin(self, line: int) -> int:
        """The byte at which a line begins; for one behind the last, where the known ones end."""
        if line <= 0:
            return 0
        block = bisect_left(self._breaks, line)
        if block >= len(self._breaks):
            return self.size
        before = self._breaks[block - 1] if block else 0
        places, number = self._places(block), line - before - 1
        return places[number] + 1 if number < len(places) else self.size  # it was cut short a moment ago

    def _places(self, block: int) -> list[int]:
        """Where the line breaks of a block stand."""
        found = self._within.get(block)
        if found is None:
            start = block * BLOCK
            content = os.pread(self._file, min(BLOCK, self.size - start), start)
            found = self._within[block] = [start + each.start() for each in re.finditer(b"\n", content)]
            if len(self._within) > BLOCKS:
                self._within.popitem(last=False)
        return found

    def line_at(self, place: int) -> int:
        """The line that a byte belongs to."""
        block = min(place, max(self.size - 1, 0)) // BLOCK
        before = self._breaks[block - 1] if block else 0
        return before + bisect_left(self._places(block), place) if self._breaks else 0

    def raw(self, line: int, limit: int = CUT) -> tuple[bytes, int]:
        """The bytes of a line, no more than so many of them, and how many more there are.

        What was written over (a line that shows progress) is left out.
        """
        start, end = self.begin(line), self.begin(line + 1)
        whole = end - start
        found = os.pread(self._file, min(whole, limit), start).rstrip(b"\r\n")
        if b"\r" in found:
            tail = os.pread(self._file, min(whole, limit), max(start, end - limit)).rstrip(b"\r\n")
            return tail.rpartition(b"\r")[2], 0
        return found, max(whole - limit, 0)

    def text(self, line: int) -> str:
        """A line as it may be shown: what would control the terminal is gone, bytes that are no text are spelled."""
        found, more = self.raw(line)
        return f"{readable(found)}{f' … {more:,} bytes more' if more else ''}"

    def pieces(self, first: int, upto: int) -> Iterator[tuple[int, bytes]]:
        """The lines from `first` until before `upto` in pieces of whole lines: the number of its first line, and the
        piece."""
        while first < upto:
            start = self.begin(first)
            last = min(max(self.line_at(min(start + PIECE, self.size)), first + 1), upto)
            yield first, os.pread(self._file, self.begin(last) - start, start)
            first = last


def readable(content: bytes) -> str:
    """Bytes as one line of text."""
    return clean(_CONTROLS.sub("", content.decode("utf-8", "backslashreplace")))


def level(content: bytes) -> int:
    """How bad a line says it is: 0, 1 for a warning, 2 for an error."""
    return next((grade for grade in (2, 1) if _SAYS[grade].search(content)), 0)


@dataclass(frozen=True)
class Wanted:
    """Which lines are wanted: for each of `words`, those that hold one of its texts, or none (False); at least as bad
    as `level` says."""

    words: tuple[tuple[tuple[str, ...], bool], ...] = ()
    level: int = 0

    def __bool__(self) -> bool:
        return bool(self.words or self.level)


class Sieve:
    """The lines of a log that are wanted, found a piece at a time."""

    def __init__(self, wanted: Wanted) -> None:
        self.wanted = wanted
        self.found = array("Q")
        self.upto = 0  # lines looked through
        self._words = [([text.lower().encode() for text in texts], keeps) for texts, keeps in wanted.words]
        self._plain = all(text.isascii() for texts, _ in wanted.words for text in texts)

    def advance(self, file: LogFile, upto: int) -> bool:
        """Look through another piece of the lines before `upto`; whether there was one."""
        for first, piece in file.pieces(self.upto, upto):
            self.found.extend(first + line for line in self._kept(piece))
            self.upto = first + _lines_in(piece)
            return True
        return False

    def _kept(self, piece: bytes) -> Sequence[int]:
        # small letters of other alphabets cost more, and are made where they are asked for
        lowered = piece.lower() if self._plain else piece.decode("utf-8", "replace").lower().encode()
        kept: set[int] | range = range(_lines_in(piece))
        for texts, keeps in sorted(self._words, key=lambda word: not word[1]):
            if kept:
                held = _holding(lowered, texts)
                kept = held.intersection(kept) if keeps else set(kept) - held
        if self.wanted.level and kept:
            said = _holding(piece.lower(), _TOLD[self.wanted.level]).intersection(kept)
            lines = piece.split(b"\n") if said else []
            kept = {line for line in said if level(lines[line]) >= self.wanted.level}
        return kept if isinstance(kept, range) else sorted(kept)


def _lines_in(piece: bytes) -> int:
    return piece.count(b"\n") + (not piece.endswith(b"\n"))


def _holding(piece: bytes, texts: Sequence[bytes]) -> set[int]:
    """The lines of a piece that hold one of the texts."""
    found = set()
    for text in texts:
        line = counted = 0
        at = piece.find(text)
        while at >= 0:
            line += piece.count(b"\n", counted, at)
            found.add(line)
            counted = piece.find(b"\n", at)
            at = piece.find(text, counted) if counted >= 0 else -1
    return found


class Stretches:
    """What is shown of the lines that were found: each with so many before and after it, none twice, and a gap
    between two stretches. It only grows, so it can be read while it does."""

    def __init__(self, context: int) -> None:
        self.context = context
        self._first, self._end, self._row = array("Q"), array("Q"), array("Q")

    def add(self, line: int) -> None:
        """One more line that was found; each later than the last."""
        low, high = max(line - self.context, 0), line + self.context + 1
        if self._end and low <= self._end[-1]:
            self._end[-1] = high
            return
        gap = 1 if self.context and self._row else 0
        row = self._row[-1] + self._end[-1] - self._first[-1] + gap if self._row else 0
        self._first.append(low)
        self._end.append(high)
        self._row.append(row)

    def rows(self, total: int) -> int:
        """How many rows they take, of a log of so many lines."""
        if not self._row:
            return 0
        last = len(self._row) - 1
        return max(self._row[last] + min(self._end[last], total) - self._first[last], 0)

    def line(self, row: int) -> int | None:
        """The line in a row; None for a gap."""
        stretch = bisect_right(self._row, row) - 1
        line = self._first[stretch] + row - self._row[stretch]
        return line if line < self._end[stretch] else None

    def row(self, line: int) -> int:
        """The row of a line, or of the next one that is shown."""
        stretch = bisect_right(self._first, line) - 1
        if stretch < 0:
            return 0
        if line < self._end[stretch]:
            return self._row[stretch] + line - self._first[stretch]
        return self._row[min(stretch + 1, len(self._row) - 1)]
