"""A thread beside a log that is looked at: it finds lines, sifts them, and tells when there is more to see."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread

from mlops_tui.tui.logfile import LogFile, Sieve, Stretches, Wanted

TURN = 0.05   # seconds of work between two words about it
PAUSE = 0.02  # seconds for the screen between two turns
NAP = 0.25    # seconds between two looks at a log that is read to its end


@dataclass(frozen=True)
class Seen:
    """A log as far as it was read: its file, what is wanted of it, how far that was looked for.

    `read` and `sifted` are shares; the file is None where there is none yet.
    """

    file: LogFile | None
    sieve: Sieve
    stretches: Stretches
    read: float = 1.0
    sifted: float = 1.0


UNREAD = Seen(None, Sieve(Wanted()), Stretches(0))


class LogReader:
    """Reads one log until it is closed; `tell` is called from its thread, with what may be shown from then on."""

    def __init__(self, path: Path, tell: Callable[[Seen], object]) -> None:
        self._path, self._tell = path, tell
        self._wish: tuple[Wanted, int] = (Wanted(), 2)
        self._wake, self._closed = Event(), False
        self._thread = Thread(target=self._work, name="log", daemon=True)
        self._thread.start()

    def want(self, wanted: Wanted, context: int) -> None:
        """Find these lines instead, and show so many around each."""
        self._wish = (wanted, context)
        self._wake.set()

    def close(self) -> None:
        """Read no more; the thread ends by itself."""
        self._closed = True
        self._wake.set()

    def join(self) -> None:
        """Wait until the thread has ended."""
        self._thread.join()

    def _work(self) -> None:
        seen, told = UNREAD, None
        while not self._closed:
            with suppress(OSError):  # the disk may be back in a moment
                seen = self._turn(seen)
            now = (seen.file, len(seen.file) if seen.file else 0, seen.sieve, seen.sieve.upto, seen.stretches)
            if now != told:
                told = now
                self._tell(seen)
            self._wake.wait(PAUSE if seen.read < 1 or seen.sifted < 1 else NAP)
            self._wake.clear()
        if seen.file is not None:
            seen.file.close()

    def _turn(self, seen: Seen) -> Seen:
        """A bit more of everything."""
        until = time.monotonic() + TURN
        file = self._opened(seen.file)
        if file is None:
            return UNREAD
        before = file.size
        while time.monotonic() < until and file.grow():
            pass
        upto = len(file) if file.size == before else file.whole  # a line that still grows is left for later
        sieve, stretches = self._sifting(seen, anew=file is not seen.file)
        known = len(sieve.found)
        while sieve.wanted and time.monotonic() < until + TURN and sieve.advance(file, upto):
            for line in sieve.found[known:]:
                stretches.add(line)
            known = len(sieve.found)
        return Seen(file, sieve, stretches, file.size / length if (length := file.length) else 1.0,
                    min(sieve.upto / upto, 1.0) if sieve.wanted and upto else 1.0)

    def _opened(self, file: LogFile | None) -> LogFile | None:
        """The file, opened where it was not; another one where another lies there by now."""
        if file is not None and not file.stale():
            return file
        try:
            return LogFile(self._path)
        except OSError:
            return file

    def _sifting(self, seen: Seen, *, anew: bool) -> tuple[Sieve, Stretches]:
        wanted, context = self._wish
        if anew or wanted != seen.sieve.wanted:
            return Sieve(wanted), Stretches(context)
        if context == seen.stretches.context:
            return seen.sieve, seen.stretches
        wider = Stretches(context)
        for line in seen.sieve.found:
            wider.add(line)
        return seen.sieve, wider
