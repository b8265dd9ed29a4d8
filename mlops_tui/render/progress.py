"""One line that says how far long work has come, and when it will be done."""

import time
from collections.abc import Callable
from math import inf
from typing import TextIO

PAUSE = 2.0  # seconds of silence in a log before another stage is told


def eta(done: int, total: int, seconds: float) -> str:
    """The time still needed at the pace so far; says so where there is no pace yet."""
    if done <= 0 or total <= 0:
        return "no estimate yet"
    return f"ETA {lasting(seconds / done * max(total - done, 0))}"


def lasting(seconds: float) -> str:
    """A span as a clock shows it: `0:42`, `12:05`, `3:07:00`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def bar(stream: TextIO) -> Callable[[int, int, str], None]:
    """A progress listener that rewrites one line of a terminal."""
    began = [time.monotonic()]

    def show(done: int, total: int, label: str) -> None:
        now = time.monotonic()
        if done == 0:
            began[0] = now
        share = f"{done / total:4.0%}" if total else "    "
        left = eta(done, total, now - began[0]) if done < total else ""
        stream.write(f"\r\x1b[K◌ {label[:60]}  {share}  {left}" if done < total else "\r\x1b[K")
        stream.flush()

    return show


def log(stream: TextIO, clock: Callable[[], float] = time.monotonic) -> Callable[[int, int, str], None]:
    """A progress listener for a log: one line for each new stage, told by the label up to its colon.

    The first stage is always told; a later one only when nothing was told for two seconds, so that a hundred short
    stages are not a hundred lines.
    """
    told: set[str] = set()
    last = -inf

    def show(done: int, total: int, label: str) -> None:
        nonlocal last
        stage = label.partition(":")[0]
        if stage not in told and clock() - last >= PAUSE:
            told.add(stage)
            last = clock()
            stream.write(f"◌ {stage}\n")
            stream.flush()

    return show
