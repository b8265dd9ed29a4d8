"""The terminal goes away (a dropped connection, a closed window): the dashboard goes too."""

import os
import select
import sys
from collections.abc import Callable
from threading import Thread

GONE = 129  # what a shell reports of a program that a hang-up ended


def watch(end: Callable[[int], object] = os._exit, *, piped: bool = False) -> Thread | None:
    """End the process when standard input's terminal hangs up; where it is no terminal nothing is watched, unless it is
    `piped` from a process whose end is ours.

    Textual reads a closed terminal again and again, and its writer can block for ever: neither would notice.
    """
    if not (piped or sys.stdin.isatty()) or not hasattr(select, "poll"):
        return None
    thread = Thread(target=_wait, args=(sys.stdin.fileno(), end), name="hangup", daemon=True)
    thread.start()
    return thread


def _wait(terminal: int, end: Callable[[int], object]) -> None:
    """Sleep until the kernel says that it is gone; input does not wake it."""
    poll = select.poll()
    poll.register(terminal, 0)  # hang-ups and errors are told without being asked for
    poll.poll()
    end(GONE)
