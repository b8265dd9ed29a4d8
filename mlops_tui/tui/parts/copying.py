"""What leaves the dashboard: text for the clipboard or a file, a command line for a terminal, a picture."""

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from importlib import import_module
from io import StringIO
from pathlib import Path
from subprocess import DEVNULL, Popen
from tempfile import TemporaryFile
from threading import Thread
from typing import TYPE_CHECKING, Any

from textual import on

from mlops_tui.tui.messages import Elsewhere
from mlops_tui.tui.parts.placed import Placed
from mlops_tui.tui.screens.framed import Framed

if TYPE_CHECKING:
    from mlops_tui.tui.exporting import Seen
    from mlops_tui.tui.screens.copy import Choice

MOST = 74_000  # bytes in base64 that go through OSC 52 in the terminals that take least
SHORT = 200    # characters of a text that is told whole
DEAF = ("linux", "dumb", "vt100", "vt220")  # kinds of terminal without a clipboard


class Copying(Placed):
    """An app that hands text out."""

    def action_copy(self) -> None:
        """Ask what of the screen is to be taken along; at once, so that the letter typed next is the answer."""
        exporting: Any = import_module("mlops_tui.tui.exporting")  # not needed for the first picture
        asked: Any = import_module("mlops_tui.tui.screens.copy")
        seen = self._seen_here()
        values = exporting.cells(seen.row) if seen.row is not None else ()
        self.push_screen(asked.Copy(exporting.offered(seen), values), partial(self._chosen_form, seen.crumbs))

    def _chosen_form(self, crumbs: Sequence[str], chosen: "Choice") -> None:
        if chosen is not None:
            taken, into_file = chosen
            if into_file or not self._copy(taken.text, taken.what):
                exporting: Any = import_module("mlops_tui.tui.exporting")
                self._put(exporting.file_name(crumbs, taken.ending), taken.text)

    def _seen_here(self) -> "Seen":
        exporting: Any = import_module("mlops_tui.tui.exporting")
        screen = self.screen
        assert isinstance(screen, Framed)
        lines = [strip.text for strip in self._painted()]
        seen: Seen = exporting.Seen(crumbs=(self._standing.project, *screen.crumbs), link=str(self.place),
                                    lines=lines, zone=self._standing.zone, **screen.seen())
        then = self._standing.as_of
        return seen if then is None or not seen.command else replace(
            seen, command=(*seen.command, "--as-of", then.isoformat()))

    def action_link(self) -> None:
        """The link that leads here again, on the clipboard."""
        line = f"mlops-tui open {self.place}"
        if not self._copy(line, "The link"):
            self._say(line)

    def _copy(self, text: str, what: str) -> bool:
        """Put it on the clipboard of the terminal that is looked at; False where it is too long, or there is none."""
        if len(text.encode()) * 4 / 3 > MOST or (os.environ.get("TERM", "") in DEAF and not self.is_web):
            return False
        self.copy_to_clipboard(text)
        lines = text.count("\n")
        told = text if not lines and len(text) < SHORT else f"{what}, {len(text):,} characters"
        through = "\ntmux passes it on where `set-clipboard on` is set; the capital letter writes a file." \
            if os.environ.get("TMUX") else ""
        self._say(f"copied: {told}{through}")
        return True

    def _put(self, name: str, text: str) -> None:
        """Put it into a file of that name, beside what is there already, and say where; a browser downloads it."""
        if self.is_web:
            self.deliver_text(StringIO(text), save_filename=name)
            return
        try:
            self._say(f"written: {written(folder(), name, text.encode())}")
        except OSError as problem:
            self._say(f"No file can be written in {folder()}: {problem.strerror}.", bad=True)

    def action_shot(self, name: str = "") -> None:
        """The screen as a picture and as text, once the line that this was typed on has gone from it."""
        self.call_after_refresh(self._shoot, name)

    def _shoot(self, name: str) -> None:
        """Each says by what it was filtered, and of when it is."""
        exporting: Any = import_module("mlops_tui.tui.exporting")
        seen = self._seen_here()
        told = exporting.told(seen, self._standing.now, past=self._standing.as_of is not None)
        words = (name,) if name else seen.crumbs
        self._put(exporting.file_name(words, "svg"), exporting.picture(self.export_screenshot(title=told)))
        text = "\n".join((told, "", *(line.rstrip() for line in seen.lines)))
        self._put(exporting.file_name(words, "txt"), f"{text}\n")
        if not self.is_web:
            self._photograph(exporting.file_name(words, "png"))

    def _photograph(self, name: str) -> None:
        """A PNG of the screen, drawn by a process of its own; it is there a moment after this."""
        exporting: Any = import_module("mlops_tui.tui.exporting")
        theme = self.theme_variables
        told = exporting.screen_told(self._painted(), theme["foreground"], theme["background"])
        try:
            path = written(folder(), name, b"")  # what draws it fills the file that is kept for it
            with TemporaryFile("w+", encoding="utf-8") as screen:  # it may read on when the dashboard has gone
                screen.write(told)
                screen.seek(0)
                child = Popen([sys.executable, "-P", "-m", "mlops_tui.tui.photograph", str(path)], stdin=screen,
                              stdout=DEVNULL, stderr=DEVNULL, start_new_session=True)
        except OSError as problem:
            self._say(f"No picture can be drawn: {problem.strerror}.", bad=True)
            return
        Thread(target=self._drawn, args=(child, path), daemon=True).start()

    def _drawn(self, child: "Popen[bytes]", path: Path) -> None:
        bad = child.wait() != 0
        if bad:
            path.unlink(missing_ok=True)
        self.call_later(self._say, f"No picture could be drawn: {path}" if bad else f"written: {path}", bad=bad)

    @on(Elsewhere)
    def _for_a_terminal(self, message: Elsewhere) -> None:
        """Nothing is done, so nothing else changes but the line that said so."""
        line = shlex.join(("mlops-tui", *message.argv))
        self.copy_to_clipboard(line)
        self._say(f"It names a file, so it is for a terminal. Copied: {line}")


def folder() -> Path:
    """Where files go: the folder of downloads where there is one, else where the dashboard was begun."""
    downloads = Path(os.environ.get("XDG_DOWNLOAD_DIR") or Path.home() / "Downloads")
    return downloads if downloads.is_dir() else Path.cwd()


def written(folder: Path, name: str, content: bytes) -> Path:
    """The file with that content: of that name, or of the next number where something has it."""
    stem, dot, ending = name.rpartition(".")
    for number in range(1, 10_000):
        path = folder / (name if number == 1 else f"{stem}-{number}{dot}{ending}")
        try:
            with path.open("xb") as out:
                out.write(content)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(17, "too many files of that name", str(folder / name))
