"""Commands for several rows at once: asked once, with all of them as the plan."""

from textual import on, work

from mlops_tui.tui.messages import PerformAll, PlannedAll
from mlops_tui.tui.parts.doing import Doing
from mlops_tui.tui.screens.ask import Ask
from mlops_tui.tui.screens.framed import Framed


class Several(Doing):
    """An app that does one thing to all that is marked."""

    @on(PerformAll)
    def _perform_all(self, message: PerformAll) -> None:
        if self._awaited:
            self._say(f"Nothing was done: {' '.join(self._awaited)} comes first.")
            return
        self._awaited = message.argvs[0]
        if message.asks:
            self._say_for_all(message)
        else:
            self._plan_all(message)

    def _plan_all(self, message: PerformAll) -> None:
        self._ask(lambda feed: feed.plan_all(message))

    @work
    async def _say_for_all(self, message: PerformAll) -> None:
        """What only a person can say is said once, for all of them."""
        argvs, reason = await self._filled(message.argvs, message.asks)
        if reason is None and argvs == message.argvs:
            self._awaited = ()
        else:
            self._plan_all(PerformAll(argvs, (), message.left_out, reason))

    @on(PlannedAll)
    def _planned_all(self, message: PlannedAll) -> None:
        if message.plans.reason:
            asked = message.asked
            self._say_for_all(PerformAll(asked.argvs, ("reason",), asked.left_out))
        else:
            self._consent_to_all(message)

    @work
    async def _consent_to_all(self, message: PlannedAll) -> None:
        plans = message.plans
        choices = (("cancel", "Cancel"), ("do", f"Do all {len(plans.every)}"))
        asked = Ask("Shall all of this be done?" if plans.every else "None of this can be done.",
                    choices[:2 if plans.every else 1], plans.view, self._standing.zone)
        if await self.push_screen_wait(asked) == "do":
            if isinstance(self.screen, Framed):
                self.screen.unmark()
            self._work(plans.view.title)
            self._change(lambda feed: feed.do_all(plans, message.asked.reason), plans.view.title)
        self._awaited = ()
