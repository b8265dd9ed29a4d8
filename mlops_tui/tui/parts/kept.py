"""What one person has set up and where one was: it is there again next time, in each project."""

from mlops_tui.errors import Refusal
from mlops_tui.tui.desk import Desk
from mlops_tui.tui.parts.desked import Desked

SOON = 0.5  # seconds after which what has changed is written


class Keeping(Desked):
    """An app with a memory: `kept` is read from anywhere, `_keep` puts something into it."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.kept = desk.kept
        self._writing = self._unkept = False

    def _keep(self, name: str, value: object) -> None:
        """Remember what JSON can hold; None forgets. It is written in a moment, together with what follows."""
        if self.kept.put(name, value) and not self._writing:
            self._writing = True
            self.set_timer(SOON, self._write)

    def _write(self) -> None:
        self._writing = False
        try:
            self.kept.write()
        except (OSError, Refusal) as problem:
            if not self._unkept:
                why = problem if isinstance(problem, Refusal) else f"{self.kept.path}: {problem.strerror}."
                self._say(f"What you set up is forgotten when you leave: {why}", bad=True)
            self._unkept = True

    def on_unmount(self) -> None:
        self._write()
