"""Incidents and alerts: whoever goes to one works on it in the cockpit."""

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from textual import on

from mlops_tui.tui.desk import Desk
from mlops_tui.tui.messages import Answered, Begun, Broken, Cased, CaseWanted, Found, FoundWanted, Perform, Planned
from mlops_tui.tui.parts.editing import Post
from mlops_tui.tui.parts.newest import Newest
from mlops_tui.tui.parts.working import Working

if TYPE_CHECKING:
    from mlops_tui.tui.screens.cockpit import Cockpit

SHOWN = (("incident", "show"), ("alert", "show"), ("runbook", "show"))
CASE = re.compile(r"(INC|AL|RUN)-\d+", re.IGNORECASE)


class Responding(Post, Working):
    """An app with a cockpit; what it is made of is loaded when somebody opens it."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._evidence = Newest[tuple[str, ...]](
            lambda argv: self._ask(lambda feed: Found(argv, feed.session.perform(argv).view)))

    @property
    def _cockpit(self) -> "Cockpit | None":
        """The cockpit, where it is what is seen."""
        seen: Any = self.screen
        return seen if seen.id == "cockpit" else None

    @on(Perform)
    def _worked_on(self, message: Perform) -> None:
        """What is worked on opens in the cockpit; where that is open already, all that is known of it is shown."""
        if len(message.argv) == 3 and message.argv[:2] in SHOWN and CASE.fullmatch(message.argv[2]):
            here, id = self._cockpit, message.argv[2].upper()
            if here is None or not (here.case.id == id or id.startswith("RUN-")):
                message.prevent_default()
                self._look_at(id)

    @on(CaseWanted)
    def _wanted_case(self, message: CaseWanted) -> None:
        here = self._cockpit
        if here is not None:
            here.chosen = message.chosen
            self._look_at(message.id, message.chosen, here.case.id)

    def _look_at(self, id: str, chosen: str = "", instead_of: str = "") -> None:
        cases: Any = import_module("mlops_tui.tui.cases")
        self._work(id)
        self._ask(lambda feed: Cased(cases.look(feed.session, id, chosen), instead_of))

    def _look_at_case_again(self) -> None:
        here = self._cockpit
        if here is not None:
            self._look_at(here.case.id, here.chosen, here.case.id)

    @on(Cased)
    def _cased(self, message: Cased) -> None:
        """Show it in the cockpit that asked, where that is still what is seen; else open one for it."""
        case, here = message.case, self._cockpit
        gone = here is not None and here.case.id == case.id  # at another moment it was not there yet
        if not case.known and not gone:
            self.post_message(Answered(case.command, case.shown, looked=True))
        elif here is not None and here.case.id in (message.instead_of, case.id):
            here.show(case, here.job if here.job in self._mine else 0)
        elif not message.instead_of:
            screens: Any = import_module("mlops_tui.tui.screens.cockpit")
            self.push_screen(screens.Cockpit(case, self._here()))

    @on(Planned)
    def _said_already(self, message: Planned) -> None:
        """What a person has just said of a step by hand is all that its plan says: it is not asked twice."""
        if self._cockpit is not None and message.view.facts().get("kind") == "manual":
            message.prevent_default()
            self.post_message(Perform(message.argv, consent=message.digest))

    @on(Begun)
    def _does(self, message: Begun) -> None:
        if self._cockpit is not None:
            self._cockpit.show(self._cockpit.case, message.job)

    @on(FoundWanted)
    def _wanted_found(self, message: FoundWanted) -> None:
        self._evidence.want(message.argv)

    @on(Found)
    def _found(self, message: Found) -> None:
        self._evidence.answered(message.argv)
        if self._cockpit is not None:
            self._cockpit.find(message.argv, message.view)

    @on(Broken)
    def _found_nothing(self) -> None:
        self._evidence.forget()
