"""Whether the dashboard may change anything."""

from mlops_tui.tui.parts.desked import Desked


class Locked(Desked):
    """An app that can be locked: then it only looks."""

    def action_lock(self) -> None:
        """Only look from here on, or take that back; what the command line closed stays closed."""
        if self._standing.as_of is not None:
            self._say("Nothing can be changed at another time than now, locked or not. > comes back.", bad=True)
            return
        locked = self._locked
        if locked and self.desk.sealed:
            self._say("It was opened with --read-only: leave it, and open it without.", bad=True)
            return
        self.busy += 1
        self.desk.lock(not locked)
        self._say("Locked: commands that would change anything are refused." if not locked else "Unlocked.")
