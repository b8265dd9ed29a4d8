"""Whether the terminal's own ground is light or dark: asked before the first picture, answered at once or never."""

import os
import re
import select
import sys
import termios
import time
import tty
from collections.abc import Mapping

PATIENCE = 0.5  # seconds; every terminal answers the second question, so that this long nobody waits in one
QUESTION = b"\x1b]11;?\x1b\\\x1b[c"  # which colour is the ground, and what are you
WHAT = re.compile(rb"\x1b\[\?[\d;]*c")
COLOUR = re.compile(rb"\x1b\]11;rgba?:([\da-fA-F]{1,4})/([\da-fA-F]{1,4})/([\da-fA-F]{1,4})[^\x07\x1b]*(?:\x07|\x1b\\)")
SILENT = ("", "dumb", "linux")  # kinds of terminal that have no colour to tell, or do not know the question


def is_light(answer: bytes) -> bool | None:
    """What a terminal answered; None where it told no colour."""
    found = COLOUR.search(answer)
    if found is None:
        return None
    red, green, blue = (int(part, 16) / (16 ** len(part) - 1) for part in found.groups())
    return bool(0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.5)


def told_by(environment: Mapping[str, str]) -> bool | None:
    """What a terminal said without being asked: `COLORFGBG` ends in the number of its ground."""
    number = environment.get("COLORFGBG", "").rpartition(";")[2]
    return int(number) in (7, *range(9, 16)) if number.isdecimal() else None


def asked(terminal: int, screen: int, patience: float = PATIENCE) -> tuple[bool | None, str]:
    """Ask on the screen, hear on the terminal; with the answer comes what was typed meanwhile, which is not lost."""
    before, answer, end = termios.tcgetattr(terminal), b"", time.monotonic() + patience
    try:
        tty.setcbreak(terminal, termios.TCSANOW)
        os.write(screen, QUESTION)
        while WHAT.search(answer) is None and (left := end - time.monotonic()) > 0:
            if not select.select([terminal], [], [], left)[0]:
                break
            more = os.read(terminal, 1024)
            if not more:
                break
            answer += more
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
    typed = WHAT.sub(b"", COLOUR.sub(b"", answer))
    return is_light(answer), typed.decode("utf-8", "replace")


def seen() -> tuple[bool | None, str]:
    """Whether the ground of the terminal on standard input is light, as far as it can be known, and what was typed."""
    told = told_by(os.environ)
    if told is not None or os.environ.get("TERM", "") in SILENT or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return told, ""
    try:
        return asked(sys.stdin.fileno(), sys.stderr.fileno())
    except (OSError, termios.error):  # it is not ours to ask, as in the background of a shell
        return None, ""
