"""The jobs that this dashboard began: their answers come by themselves, and quitting asks what shall become of them."""

import asyncio
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from textual import on, work
from textual.screen import Screen

from mlops_tui.tui.desk import Desk
from mlops_tui.tui.messages import Begun, FromDesk, JobsSeen, JobWanted, LogFound
from mlops_tui.tui.parts.desked import Desked
from mlops_tui.tui.screens.ask import Ask
from mlops_tui.view import Row, Status

if TYPE_CHECKING:
    from mlops_tui.tui.feed import Feed


SOON, TICK = 1.0, 0.05  # seconds that quitting waits for what was asked for; between two looks whether it is done
NAMED = 3  # jobs that quitting tells by name


def _stopped(id: int, feed: "Feed") -> FromDesk:
    return feed.stop(id)


@runtime_checkable
class Knowing(Protocol):
    """A screen that shows jobs; such screens are loaded when somebody wants one."""

    def know(self, rows: Sequence[Row], logs: Path) -> None: ...


class Working(Desked):
    """An app that begins jobs and waits for none of them."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._mine: dict[int, Screen[Any] | None] = {}  # jobs begun here, and the screen they were begun on
        self._named: dict[int, str] = {}  # the command of each job that was begun here or taken on
        self._attached = False

    @on(Begun)
    def _begun(self, message: Begun) -> None:
        self._mine[message.job], self._named[message.job] = self.screen, " ".join(message.argv)
        self._say(f"job {message.job} has begun: {' '.join(message.argv)}")
        self._ask(lambda feed: feed.look(anyway=True))

    def _jobs_stand(self, rows: Sequence[Row]) -> None:
        """Hear of the jobs that were begun here; those that the person began in an earlier dashboard are taken on."""
        if self._standing.as_of is not None:
            return
        if not self._attached:
            self._attached = True
            self._take_on([row for row in rows if row["ended_at"] is None and row["through"] == "dashboard"
                          and row["who"] == self._standing.facts.get("actor")])
        for row in rows:
            if row["job"] in self._mine and row["ended_at"] is not None:
                self._ended(row)

    def _take_on(self, found: Sequence[Row]) -> None:
        self._mine.update({int(str(row["job"])): None for row in found})
        self._named.update({int(str(row["job"])): str(row["command"]) for row in found})
        if len(found) == 1:
            one = found[0]
            self._say(f"job {one['job']} you began earlier still runs: {one['command']}. J shows what it says.")
        elif found:
            self._say(f"{len(found)} jobs you began earlier still run: J shows what they say.")

    def _ended(self, row: Row) -> None:
        """A job of this dashboard is over: its answer is shown where nothing else was begun meanwhile."""
        id = int(str(row["job"]))
        begun_on = self._mine.pop(id)
        if self.screen is begun_on and not self._typing():
            self._ask(lambda feed: feed.job(id))
        else:
            self._say(f"job {id} {row['state']}: {row['answer']}", bad=row["status"] in (Status.ERROR, Status.FAIL))

    @on(JobWanted)
    def _job_wanted(self, message: JobWanted) -> None:
        self._ask(lambda feed: feed.job(message.job))

    # -- all jobs, and what each of them says -----------------------------------------------------------------------

    def action_jobs(self) -> None:
        """All jobs, with what they say."""
        if not isinstance(self.screen, Knowing):
            screens: Any = import_module("mlops_tui.tui.screens.jobs")
            self.push_screen(screens.JobsScreen(self._here()))
            self._ask(lambda feed: feed.jobs())

    def _jobs_again(self) -> None:
        """What is seen of jobs, as it is by now."""
        if any(isinstance(screen, Knowing) for screen in self.screen_stack):
            self._ask(lambda feed: feed.jobs())

    @on(JobsSeen)
    def _jobs_seen(self, message: JobsSeen) -> None:
        self._jobs_stand(message.rows)
        for screen in self.screen_stack:
            if isinstance(screen, Knowing):
                screen.know(message.rows, message.logs)

    @on(LogFound)
    def _log_found(self, message: LogFound) -> None:
        screens: Any = import_module("mlops_tui.tui.screens.log")
        id = message.row["job"]
        if isinstance(self.screen, screens.LogScreen) and self.screen.command == ("job", "log", str(id)):
            self._say(f"job {id} has not answered: it is {message.row['state']}.")
            return
        self.push_screen(screens.LogScreen(message.row, message.path, self._here()))

    async def action_quit(self) -> None:
        """Quit; where jobs of this dashboard run, ask what shall become of them."""
        if not self._mine and not self.desk.undone:
            self.exit()
        else:
            self._leave()

    @work(exclusive=True, group="leave")
    async def _leave(self) -> None:
        if await self._all_done() and (not self._mine or await self._may_leave_jobs()):
            self.exit()

    async def _all_done(self) -> bool:
        """Whether all that was asked for is done, or somebody leaves without it. It is given a moment first."""
        for _ in range(round(SOON / TICK)):
            if not self.desk.undone:
                return True
            await asyncio.sleep(TICK)
        choices = (("stay", "Stay until it is"), ("leave", "Quit: what is not done by then is not done at all"))
        return await self.push_screen_wait(Ask(f"Not done yet: {'; '.join(self.desk.undone)}.", choices)) == "leave"

    async def _may_leave_jobs(self) -> bool:
        which = "; ".join(f"job {id} {self._named[id]}" for id in sorted(self._mine)[:NAMED])
        which += f"; {more} more" if (more := len(self._mine) - NAMED) > 0 else ""
        them = "them" if len(self._mine) > 1 else "it"
        choices = (("stay", "Stay"), ("leave", f"Quit, and let {them} run on"), ("stop", f"Stop {them}, then quit"))
        question = f"You began what still runs: {which}."
        answer = await self.push_screen_wait(Ask(question, choices[:2] if self._locked else choices))
        if answer == "stop":
            ids = sorted(self._mine)
            self._mine.clear()  # nobody waits for their answers any more
            self._work(f"stopping {', '.join(f'job {id}' for id in ids)}")
            for id in ids:  # side by side: each is asked, and waited for, before it is killed
                self._ask(partial(_stopped, id), beside=True)
            await self._idle()
        return answer != "stay"

    async def _idle(self) -> None:
        while self.busy:
            await asyncio.sleep(TICK)
