"""The lines of a log: those that are wanted with what stands around them, the one under the cursor, and its end."""

import re
from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mlops_tui.render.cells import width_of
from mlops_tui.tui.logfile import LEVELS, LogFile, Wanted, level
from mlops_tui.tui.logreader import UNREAD, LogReader, Seen
from mlops_tui.tui.paint import strip, toned, tones

MARKS = (("  ", ""), ("▲ ", "yellow"), ("■ ", "red"))
NUMBERED = 90  # columns from which there is room for the numbers of lines
WHOLE = 1 << 18  # bytes of a line that are shown of it alone
SILENT = "Nothing was said yet."


class LogView(ScrollView, can_focus=True):
    """A log that somebody reads in a thread; a cursor that is a line, and stays it whatever is filtered."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--cursor", "log--resting"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="log.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="log.down"),
        Binding("pageup", "page(-1)", "A screen up", show=False, id="log.page-up"),
        Binding("pagedown", "page(1)", "A screen down", show=False, id="log.page-down"),
        Binding("home,g", "ends(0)", "Beginning", show=False, id="log.first"),
        Binding("end,G", "ends(1)", "End, and follow it", show=False, id="log.last"),
        Binding("left", "pan(-1)", "Left, of a long line", show=False, id="log.left"),
        Binding("right", "pan(1)", "Right, of a long line", show=False, id="log.right"),
        Binding("n", "find(1)", "Next line that was found", show=False, id="log.next"),
        Binding("N", "find(-1)", "Line found before", show=False, id="log.previous"),
        Binding("e", "levels", "All lines, warnings and errors, errors only", show=False, id="log.levels"),
        Binding("plus", "wider(1)", "More lines around what was found", show=False, id="log.wider"),
        Binding("minus", "wider(-1)", "Fewer lines around what was found", show=False, id="log.narrower"),
        Binding("f", "follow", "Follow the end, or stay", show=False, id="log.follow"),
        Binding("enter", "open", "The whole line; JSON is laid out", show=False, id="log.open"),
    ]

    class Read(Message):
        """More of the log has been read."""

        def __init__(self, of: object, seen: Seen) -> None:
            super().__init__()
            self.of, self.seen = of, seen

    class Told(Message):
        """Something about what is seen has changed."""

    class Opened(Message):
        """Somebody wants the whole of a line."""

        def __init__(self, line: int, content: bytes) -> None:
            super().__init__()
            self.line, self.content = line, content

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._reader: LogReader | None = None
        self._path: Path | None = None
        self._reading: object = None  # what tells the words of one reader from those of the one before
        self._seen = UNREAD
        self._wanted, self._around, self._all = Wanted(), 2, False
        self._line, self._pan = 0, 0
        self.following = True

    # -- what is read ---------------------------------------------------------------------------------------------

    def show(self, path: Path, *, follow: bool) -> None:
        """Show the log that lies there, from its end where it is followed."""
        if path == self._path:
            return
        self.close()
        self._path, self._line, self._pan, self.following = path, 0, 0, follow
        self._reading = reading = object()
        self._reader = LogReader(path, lambda seen: self.post_message(self.Read(reading, seen)))
        self._ask()

    def close(self) -> None:
        """Look at no log any more."""
        self._seen, self._path, self._reading = UNREAD, None, None
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def on_unmount(self) -> None:
        self.close()

    def on_log_view_read(self, message: "LogView.Read") -> None:
        message.stop()
        if message.of is not self._reading:
            return
        before, self._seen = self._seen, message.seen
        if before.file is not None and before.file is not self._seen.file:
            before.file.close()  # another one lies there by now
        self._settle(kept=message.seen.sieve is before.sieve and message.seen.stretches is before.stretches)

    def want(self, words: tuple[tuple[tuple[str, ...], bool], ...]) -> None:
        """Show only the lines that hold these words."""
        self._wanted, self._all = Wanted(words, self._wanted.level), False
        self._ask()

    def _ask(self) -> None:
        if self._reader is not None:
            self._reader.want(self._wanted, self._around)
        self.post_message(self.Told())

    def unwrap(self) -> bool:
        """One step back from a filter: first all lines around the one that was found, then no filter; whether there
        was one."""
        if not self._wanted:
            return False
        if not self._all:
            self._all = True
            self._settle(kept=False)
            self.post_message(self.Told())
        else:
            self._wanted = Wanted()
            self._ask()
        return True

    @property
    def filtered(self) -> bool:
        """Whether some lines are wanted more than others."""
        return bool(self._wanted)

    @property
    def told(self) -> str:
        """How much there is, how much of it is shown, and how."""
        file, seen = self._seen.file, self._seen
        if file is None:
            return ""
        pieces = [f"{len(file):,} lines" if seen.read >= 1 else f"◌ reading, {seen.read:.0%}"]
        if self._wanted:
            found = f"{len(seen.sieve.found):,} found"
            pieces.append(found if seen.sifted >= 1 else f"{found}, {seen.sifted:.0%} looked through")
            pieces.append("all shown" if self._all else f"±{self._around}")
        if self._wanted.level:
            pieces.append(LEVELS[self._wanted.level])
        return " · ".join([*pieces, *(["following"] if self.following else [])])

    # -- rows and lines -------------------------------------------------------------------------------------------

    @property
    def _sifted(self) -> bool:
        return bool(self._wanted) and not self._all

    def _rows(self) -> int:
        file = self._seen.file
        if file is None:
            return 0
        return self._seen.stretches.rows(len(file)) if self._sifted else len(file)

    def _line_in(self, row: int) -> int | None:
        return self._seen.stretches.line(row) if self._sifted else row

    def _row_of(self, line: int) -> int:
        return self._seen.stretches.row(line) if self._sifted else line

    def _settle(self, *, kept: bool) -> None:
        """Know how long it is by now; the end is followed, and else the cursor's line stays where it is seen."""
        rows, height = self._rows(), self.scrollable_content_region.height
        offset = self._row_of(self._line) - self.scroll_offset.y
        self.virtual_size = Size(self.scrollable_content_region.width, max(rows, 1))
        if self.following and rows:
            self._line = self._line_in(rows - 1) or 0
            self._scroll(rows - height)
        elif not kept and rows:
            self._scroll(self._row_of(self._line) - (offset if 0 <= offset < height else height // 2))
        self.refresh()
        self.post_message(self.Told())

    def _scroll(self, y: int) -> None:
        self.scroll_to(y=max(y, 0), animate=False, immediate=True, force=True)

    # -- how it is drawn ------------------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        width, file = self.scrollable_content_region.width, self._seen.file
        row = y + self.scroll_offset.y
        if file is None or row >= self._rows():
            return self._strip(Text(f" {self._silence()}" if not y else "", style="dim"), width)
        line = self._line_in(row)
        if line is None:
            return self._strip(Text("   ⋯", style="dim"), width)
        here = line == self._line
        return self._strip(self._painted(file, line, width), width, here=here)

    def _silence(self) -> str:
        if self._seen.file is None or not len(self._seen.file):
            return SILENT if self._path is not None else ""
        return "◌ looking" if self._seen.sifted < 1 else "no line holds all of these words"

    def _painted(self, file: LogFile, line: int, width: int) -> Text:
        try:
            raw, _ = file.raw(line)
        except OSError as problem:
            return Text(f" ■ {problem.strerror}", style="dim")
        mark, colour = MARKS[level(raw)]
        digits = len(str(len(file))) if width >= NUMBERED else 0
        number = Text(f"{line + 1:>{digits}} " if digits else "", style="dim")
        said = Text(file.text(line)[self._pan:])
        for texts, keeps in self._wanted.words:
            for text in texts if keeps else ():
                said.highlight_regex(f"(?i){re.escape(text)}", "bold reverse yellow")
        head = Text.assemble(number, (mark, colour), ("‹" if self._pan else "", "dim"))
        painted = Text.assemble(head, said)
        if width_of(painted.plain) > width:
            painted.truncate(width - 1)
            painted.append("›", style="dim")
        return painted

    def _strip(self, line: Text, width: int, *, here: bool = False) -> Strip:
        base = self.get_component_rich_style("log--cursor" if self.has_focus else "log--resting") if here else None
        return strip(toned(line, tones(self.app.theme_variables)), width, self.app.console, base or self.rich_style)

    # -- moving about ---------------------------------------------------------------------------------------------

    def _go(self, row: int, step: int = 1) -> None:
        """To a row, or where that is a gap to the next one."""
        last = self._rows() - 1
        row = min(max(row, 0), last)
        line = self._line_in(row) if last >= 0 else None
        if line is None and last >= 0:
            row = min(max(row + (1 if step > 0 else -1), 0), last)
            line = self._line_in(row)
        if line is None:
            return
        self._line, self.following = line, self.following and row == last
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        if row < top:
            self._scroll(row)
        elif row >= top + height:
            self._scroll(row - height + 1)
        self.refresh()
        self.post_message(self.Told())

    def action_move(self, by: int) -> None:
        self._go(self._row_of(self._line) + by, by)

    def action_page(self, by: int) -> None:
        self.action_move(by * max(self.scrollable_content_region.height - 1, 1))

    def action_ends(self, end: int) -> None:
        self.following = bool(end)
        self._go((self._rows() - 1) * end)

    def action_pan(self, by: int) -> None:
        self._pan = max(self._pan + by * max(self.scrollable_content_region.width // 2, 1), 0)
        self.refresh()

    def action_find(self, by: int) -> None:
        """To the next line that was found, or to the one before; round the end it goes on at the other."""
        found = self._seen.sieve.found
        if self._wanted and found:
            ahead = bisect_right(found, self._line) if by > 0 else bisect_left(found, self._line) - 1
            self.following = False
            self._go(self._row_of(found[ahead % len(found)]))

    def action_levels(self) -> None:
        self._wanted = Wanted(self._wanted.words, (self._wanted.level + 1) % len(LEVELS))
        self._all = False
        self._ask()
        self._settle(kept=False)

    def action_wider(self, by: int) -> None:
        self._around = min(max(self._around + by, 0), 9)
        self._ask()

    def action_follow(self) -> None:
        self.following = not self.following
        self._settle(kept=True)

    def action_open(self) -> None:
        if self._seen.file is not None and self._rows():
            self.post_message(self.Opened(self._line, self._seen.file.raw(self._line, WHOLE)[0]))

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def on_resize(self) -> None:
        self._settle(kept=True)
