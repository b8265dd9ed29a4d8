"""Incidents and alerts: whoever goes to one works on it in the cockpit."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from textual import on

from mlops_tui.tui.messages import Answered, Begun, Cased, CaseWanted, Found, FoundWanted, Perform, Planned
from mlops_tui.tui.parts.editing import Post
from mlops_tui.tui.parts.working import Working
from mlops_tui.view import Status

if TYPE_CHECKING:
    from mlops_tui.tui.screens.cockpit import Cockpit

SHOWN = (("incident", "show"), ("alert", "show"))


class Responding(Post, Working):
    """An app with a cockpit; what it is made of is loaded when somebody opens it."""

    @property
    def _cockpit(self) -> "Cockpit | None":
        """The cockpit, where it is what is seen."""
        seen: Any = self.screen
        return seen if seen.id == "cockpit" else None

    @on(Perform)
    def _worked_on(self, message: Perform) -> None:
        """An incident or an alert is worked on; in its own cockpit, all that is known of it is shown."""
        argv = message.argv
        if argv[:2] in SHOWN and len(argv) == 3:
            here = self._cockpit
            if here is None or here.case.id != argv[2].upper():
                message.prevent_default()
                self._look_at(argv[2])

    @on(CaseWanted)
    def _wanted_case(self, message: CaseWanted) -> None:
        if self._cockpit is not None:
            self._cockpit.chosen = message.chosen
        self._look_at(message.id, message.chosen)

    def _look_at(self, id: str, chosen: str = "") -> None:
        cases: Any = import_module("mlops_tui.tui.cases")
        self._work(id)
        self._ask(lambda feed: Cased(cases.look(feed.session, id, chosen)))

    def _look_at_case_again(self) -> None:
        here = self._cockpit
        if here is not None:
            self._look_at(here.case.id, here.chosen)

    @on(Cased)
    def _cased(self, message: Cased) -> None:
        case, here = message.case, self._cockpit
        gone = here is not None and here.case.id == case.id  # at another moment it was not there yet
        if case.shown.status in (Status.ERROR, Status.DENIED) and not gone:
            self.post_message(Answered(("incident" if case.incident else "alert", "show", case.id), case.shown,
                                       looked=True))
        elif here is not None:
            here.show(case, here.job if here.job in self._mine else 0)
        else:
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
        argv = message.argv
        self._ask(lambda feed: Found(argv, feed.session.perform(argv).view))

    @on(Found)
    def _found(self, message: Found) -> None:
        if self._cockpit is not None:
            self._cockpit.find(message.argv, message.view)
