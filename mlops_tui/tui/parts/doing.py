"""Commands: what is asked of a person before one is done, and that it is done."""

import shlex
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from textual import on, work

from mlops_tui.tui.desk import Desk
from mlops_tui.tui.messages import (
    Answered,
    Begun,
    Broken,
    Elsewhere,
    LogFound,
    Perform,
    Planned,
    Reasonless,
    Wanted,
)
from mlops_tui.tui.parts.desked import Desked
from mlops_tui.tui.places import question
from mlops_tui.tui.screens.ask import Ask, Sure, Why
from mlops_tui.tui.screens.pick import Pick
from mlops_tui.view import filled_in

if TYPE_CHECKING:
    from mlops_tui.capability import Field


class Doing(Desked):
    """An app that sends commands through the one door."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._awaited: tuple[str, ...] = ()  # the next step that was chosen, until it came to something

    @on(Answered)
    @on(Begun)
    @on(Elsewhere)
    @on(LogFound)
    @on(Broken)
    def _come_to_something(self) -> None:
        self._awaited = ()

    @on(Perform)
    def _perform(self, message: Perform) -> None:
        if message.offered and self._awaited:
            self._say(f"Nothing was done: {' '.join(self._awaited)} comes first.")
            return  # a question may be about to open: what is pressed meanwhile is not meant for what lies behind it
        if message.offered:
            self._awaited = message.argv
        asks = message.asks if self._standing.as_of is None else ()  # nobody is asked for what cannot be done there
        if any(":" in option for option in asks):
            self._ask(lambda feed: feed.wanted(message.argv, asks))
            return
        if asks:
            self._fill_in(message.argv, asks)
            return
        self._work(" ".join(message.argv))
        self._ask(lambda feed: feed.offered(message.argv) if message.offered else
                  feed.perform(message.argv, message.consent, message.reason, filled=message.filled),
                  beside=message.argv[:2] == ("job", "cancel"))  # it asks, and waits, before it kills

    @on(Planned)
    def _planned(self, message: Planned) -> None:
        self._consent(message)

    @work
    async def _consent(self, message: Planned) -> None:
        """Show the plan; what destroys is agreed to by typing what it is done to."""
        spelled, zone = f"{shlex.join(('mlops-tui', *message.argv))} --yes", self._standing.zone
        if message.named:
            question = f"This cannot be taken back.   {' '.join(message.argv)}"
            asked: Ask = Sure(question, message.named, message.view, zone, spelled)
        else:
            choices = (("cancel", "Cancel"), ("do", "Do it"))
            asked = Ask(f"Shall this be done?   {' '.join(message.argv)}", choices, message.view, zone, spelled)
        if await self.push_screen_wait(asked) == "do":
            self.post_message(Perform(message.argv, consent=message.digest, filled=True))
        self._awaited = ()

    @on(Reasonless)
    def _reasonless(self, message: Reasonless) -> None:
        self._fill_in(message.argv, ("reason",))

    @on(Wanted)
    def _wanted(self, message: Wanted) -> None:
        self._fill_in(message.argv, message.asks, {field.asked: field for field in message.fields})

    @work
    async def _fill_in(self, argv: tuple[str, ...], asks: tuple[str, ...],
                       fields: "Mapping[str, Field]" = MappingProxyType({})) -> None:
        """Ask for each of these words: a reason goes beside the command, others into it. Of several, some will do."""
        reason, before = None, argv
        self._awaited = argv
        for option in asks:
            field = fields.get(option)
            asked = (field.help if field is not None else "") or question(option)
            if field is not None and field.choices:
                choices = [(each, each) for each in field.choices]
                said = await self.push_screen_wait(Pick(asked, "Leave it open", choices))
            else:
                said = await self.push_screen_wait(Why(argv, asked))
            if said and option == "reason":
                reason = said
            elif said:
                argv = (*argv, *filled_in(option, said))
        self._awaited = ()
        if reason is not None or argv != before:
            self.post_message(Perform(argv, reason=reason, filled=True))
