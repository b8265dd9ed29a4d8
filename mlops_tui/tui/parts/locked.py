"""Whether the dashboard may change anything."""

from textual import work

from mlops_tui.tui.parts.desked import Desked
from mlops_tui.tui.screens.ask import Sure

PRODUCTION = "production"


class Locked(Desked):
    """An app that can be locked: then it only looks."""

    def action_lock(self) -> None:
        """Only look from here on, or take that back; what the command line closed stays closed."""
        facts = self._standing.facts
        if self._standing.as_of is not None:
            self._say("Nothing can be changed at another time than now, locked or not. > comes back.", bad=True)
        elif not self._locked:
            self._lock("Locked: commands that would change anything are refused.")
        elif self.desk.sealed:
            self._say("It was opened with --read-only, or MLOPS_TUI_READONLY is set: leave it, and open it without.",
                      bad=True)
        elif facts.get("environment") == PRODUCTION:
            self._unlock(str(facts.get("project")))
        else:
            self._lock("Unlocked.", locked=False)

    @work(exclusive=True, group="unlock")
    async def _unlock(self, project: str) -> None:
        """What is in production is unlocked by who says its name."""
        question = f"{project} is in production. Unlocked, what you do here is done to it."
        if await self.push_screen_wait(Sure(question, project)) == "do":
            self._lock(f"Unlocked: {project}, in production. L locks it again.", locked=False)

    def _lock(self, told: str, *, locked: bool = True) -> None:
        self.busy += 1
        self.desk.lock(locked)
        self._say(told)
