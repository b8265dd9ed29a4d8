"""The dashboard in a real terminal: it starts, suits it, is used, and leaves it as it was."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.cells import cell_len

from mlops_tui.session import Session
from store.facts import IncidentEvent
from tests.screens import told

__all__ = ["told"]

SKIPPED = "There is no tmux here; Debian has it in the package tmux, macOS in Homebrew's."
COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d|10\d)[;m]")


class Terminal:
    """A terminal of a size, of its own, with a shell in it."""

    def __init__(self, folder: Path) -> None:
        self._socket, self._folder = folder / "tmux", folder
        around = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
        self._env = {**around, "LANG": "C.UTF-8", "COLORTERM": "truecolor"}
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "120", "-y", "40", "sh")

    def tmux(self, *words: str) -> str:
        return subprocess.run(["tmux", "-u", "-S", str(self._socket), *words], check=True, capture_output=True,
                              text=True, cwd=self._folder, env=self._env).stdout

    def type(self, line: str) -> None:
        self.tmux("send-keys", "-l", line)
        self.tmux("send-keys", "Enter")

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def seen(self, *how: str) -> str:
        return self.tmux("capture-pane", "-p", *how)

    def expect(self, seen: Callable[[str], bool], *how: str, seconds: float = 60) -> str:
        end = time.monotonic() + seconds
        while not seen(screen := self.seen(*how)):
            assert time.monotonic() < end, screen
            time.sleep(0.05)
        return screen


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    if shutil.which("tmux") is None:
        pytest.skip(SKIPPED)
    found = Terminal(tmp_path)
    yield found
    found.tmux("kill-server")


def program(session: Session, *words: str) -> str:
    return shlex.join([sys.executable, "-P", "-m", "mlops_tui", "--project", str(session.declared().root), *words])


def test_it_is_used_and_leaves_no_trace(told: Session, terminal: Terminal) -> None:
    told.ledger.append(IncidentEvent(subject="INC-9", event="opened", severity="high",
                                      title="東京の遅延 e\u0301té 👩‍👩‍👧 ⚠️ " * 5))
    terminal.tmux("set", "-g", "window-style", "bg=#fdf6e3")
    terminal.type("echo before")
    terminal.expect(lambda screen: "\nbefore" in screen)
    terminal.type(program(told))
    terminal.press("6")  # before anything is seen
    screen = terminal.expect(lambda screen: "Incidents and alerts (" in screen and "東京" in screen)
    assert {cell_len(line) for line in screen.splitlines()[1:-1]} == {120}, "what is wide pushes no edge away"
    assert "48;2;251;251;248m" in terminal.seen("-e"), "daylight, on a light ground"
    terminal.tmux("resize-window", "-x", "50", "-y", "12")
    terminal.expect(lambda screen: "This terminal has 50 x 12" in screen)
    terminal.tmux("resize-window", "-x", "80", "-y", "24")
    terminal.expect(lambda screen: "Incidents and alerts (" in screen)
    terminal.press(":")
    terminal.press("-l", "alert list")
    terminal.press("Enter")
    terminal.expect(lambda screen: "1 alert needs somebody" in screen and "late [again] in [/red]" in screen)
    terminal.press("Escape")
    terminal.expect(lambda screen: "Incidents and alerts (" in screen)
    time.sleep(0.2)  # a key right after Escape is one with Alt
    terminal.press("q")
    screen = terminal.expect(lambda screen: screen.rstrip().endswith(("$", "#")) and "before" in screen)
    assert "Traceback" not in screen
    terminal.type("echo $?, $(stty -a | grep -o ' echo ')")
    terminal.expect(lambda screen: "\n0, echo" in screen)


def test_it_does_without_colours_and_with_nothing_but_ascii(told: Session, terminal: Terminal) -> None:
    terminal.tmux("resize-window", "-x", "60", "-y", "16")
    terminal.type(f"NO_COLOR=1 {program(told, '--ascii', 'open', 'INC-3')}")
    screen = terminal.expect(lambda screen: "INC-3" in screen and "predicts 18 %" in screen, "-e")
    assert screen.isascii()
    assert COLOUR.search(screen) is None
    assert "\x1b[1m" in screen, "it is told by weight"
    terminal.press("q")
    terminal.expect(lambda screen: screen.rstrip().endswith(("$", "#")))
