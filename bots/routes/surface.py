"""Routes at work beside Slack: decided, sent, listened to, until they are told to stop."""

import os
from collections.abc import Callable
from threading import Event, Thread

from bots.routes.calling import Environment
from bots.routes.inbound import listen
from bots.routes.sending import Routes
from bots.sender import Say
from mlops_tui.oversight.listening import Listening
from mlops_tui.session import Session

EVERY = 0.5  # seconds between two looks into the queue


def start(session: Session, say: Say) -> "Service | None":
    """Begin; None where no route is declared."""
    if not session.declared().routes:
        return None
    service = Service(session, os.environ, say)
    service.start()
    return service


class Service:
    """One thread that decides and hands out, one ear where mlops.yaml declares it."""

    def __init__(self, session: Session, environment: Environment, say: Say, every: float = EVERY) -> None:
        self.session, self.environment, self.say, self.every = session, environment, say, every
        self.routes = Routes(session, environment, say)
        self.door: Listening | None = None
        self._stop = Event()
        self._thread = Thread(target=self._loop, name="routes", daemon=True)

    def start(self) -> None:
        self.session.data().connect()  # made once, before threads share it
        self.door = listen(self.session, self.environment, self.say)
        self._thread.start()

    def stop(self) -> None:
        """Take nothing more in, finish what is in hand; what is left stays in the queue."""
        self._stop.set()
        if self.door is not None:
            self.door.stop()
        self._thread.join()
        self.routes.stop()

    def _loop(self) -> None:
        """Again and again; what goes wrong is said, and the next turn tries again."""
        steps: tuple[Callable[[], object], ...] = (self.routes.decide, self.routes.round)
        while not self._stop.wait(self.every):
            for step in steps:
                try:
                    step()
                except Exception as problem:  # the end of this surface: one bad line in a file silences no route
                    self.say(f"■ routes: {type(problem).__name__}: {problem}")
                    self._stop.wait(1.0)
