"""One thread beside the screen: it opens the project, looks things up, and only ever posts messages."""

from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from pathlib import Path
from queue import Queue
from threading import Thread
from traceback import format_exc
from typing import TYPE_CHECKING, Any

from textual.message import Message

from mlops_tui.errors import Refusal
from mlops_tui.tui.kept import Kept
from mlops_tui.tui.messages import Broken, Waits
from mlops_tui.view import Status, Text, View, refused

if TYPE_CHECKING:
    from mlops_tui.tui.feed import Feed

Work = Callable[["Feed"], Message]


class Desk:
    """Work is done in the order it was asked for; quitting waits for no look.

    `undone`: what may change something and has not come to an end, in words.
    """

    def __init__(self, root: Path, person: str, read_only: bool, tell: Callable[[Message], Any]) -> None:
        self._then: datetime | None = None  # the moment that is seen, which outlives a feed that is made anew
        self.sealed = read_only  # from the command line: it cannot be unlocked
        self.root, self.person, self._tell = root, person, tell
        self._read_only: bool | None = read_only or None  # nobody has said: as the project's environment wants it
        self.kept = Kept(root, person, sealed=read_only)
        self._asked: Queue[tuple[Work, str] | None] = Queue()
        self.undone: list[str] = []
        self._feed: Feed | None = None
        self._anew = False  # whether it is opened anew before the next piece of work
        self._thread = Thread(target=self._work, name="desk", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, patience: float = 0.5) -> bool:
        """Take no more work; whether the thread has ended within so many seconds."""
        self._asked.put(None)
        if self._thread.is_alive():
            self._thread.join(patience)
        return not self._thread.is_alive()

    def ask(self, work: Work) -> None:
        """Do this when its turn comes; its message is posted to the app."""
        self._asked.put((work, ""))

    def change(self, work: Work, what: str) -> None:
        """The same for what may change something. Where another program is writing, looks do not wait for it."""
        self.undone.append(what)
        self._asked.put((work, what))

    def reopen(self) -> None:
        """Read the project's files again before the next piece of work."""
        self._anew = True

    def lock(self, read_only: bool) -> None:
        """From here on everything is asked of a session of that kind: the project is opened anew for it."""
        self.ask(lambda _: self._reopened(read_only))

    def _reopened(self, read_only: bool) -> Message:
        self._read_only, self._anew = read_only, True
        return self._open().look(anyway=True)

    def beside(self, work: Work) -> None:
        """Do this now, in a thread and a session of its own: it takes long, and nothing else shall wait for it."""
        Thread(target=lambda: self._do(work, self._made), name="beside", daemon=True).start()

    def _work(self) -> None:
        while (asked := self._asked.get()) is not None:
            work, what = asked
            if what and self._feed is not None and self._feed.held():
                self._tell(Waits(what))
                Thread(target=self._finish, args=(work, what, self._made), name="waits", daemon=True).start()
            elif what:
                self._finish(work, what, self._open)
            else:
                self._do(work, self._open)
        if self._feed is not None:
            self._feed.close()

    def _finish(self, work: Work, what: str, opened: "Callable[[], Feed]") -> None:
        try:
            self._do(work, opened)
        finally:
            self.undone.remove(what)

    def _do(self, work: Work, opened: "Callable[[], Feed]") -> None:
        """Do it, and tell what came of it."""
        try:
            feed = opened()
            self._tell(work(feed))
            if feed is self._feed:
                self._then = feed.times.then
        except Refusal as problem:
            self._tell(Broken(refused(problem)))
        except Exception as problem:  # the end of this surface: a bug becomes an answer, and the screen lives on
            self._tell(Broken(View(f"{type(problem).__name__}: {problem}", Status.ERROR, (
                Text("This is our fault; please report it with what follows."), Text(format_exc(), "code")))))

    def _open(self) -> "Feed":
        """The project; the database and its libraries are loaded here, after the first picture is on the screen."""
        if self._feed is None or self._anew:
            self._anew, self._feed = False, None
            self._feed = self._made()
        self._feed.admit()
        return self._feed

    def _made(self) -> "Feed":
        feeds: Any = import_module("mlops_tui.tui.feed")
        feed: Feed = feeds.Feed(self.root, self.person, self._read_only, self._then, sealed=self.sealed)
        return feed
