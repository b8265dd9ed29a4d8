"""Commands: what is asked of a person before one is done, and that it is done."""

import shlex
from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from textual import on, work

from mlops_tui.tui.desk import Desk
from mlops_tui.tui.messages import (
    Answered,
    Begun,
    Broken,
    Elsewhere,
    FromDesk,
    LogFound,
    Perform,
    Planned,
    Reasonless,
    Waits,
    Wanted,
)
from mlops_tui.tui.parts.desked import Desked
from mlops_tui.tui.places import question
from mlops_tui.tui.screens.ask import Ask, Sure, Why
from mlops_tui.tui.screens.pick import Pick
from mlops_tui.view import filled_in

if TYPE_CHECKING:
    from mlops_tui.capability import Field
    from mlops_tui.tui.feed import Feed


def _performed(message: Perform, feed: "Feed") -> FromDesk:
    if message.offered:
        return feed.offered(message.argv)
    return feed.perform(message.argv, message.consent, message.reason, filled=message.filled)


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
        if message.argv[:2] == ("job", "cancel"):  # it asks, and waits, before it kills
            self._ask(partial(_performed, message), beside=True)
        elif self._only_looks(message.argv):
            self._ask(partial(_performed, message))
        else:
            self._change(partial(_performed, message), " ".join(message.argv))

    def _only_looks(self, argv: tuple[str, ...]) -> bool:
        return argv[:2] in self.looks or argv[:1] in self.looks

    @on(Waits)
    def _waits(self, message: Waits) -> None:
        self._say(f"Another program is writing in this project: {message.what} waits until it is done.")

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
        """Ask for each of these words; of several, some will do."""
        self._awaited = argv
        (filled, *_), reason = await self._filled((argv,), asks, fields)
        self._awaited = ()
        if reason is not None or filled != argv:
            self.post_message(Perform(filled, reason=reason, filled=True))

    async def _filled(self, argvs: tuple[tuple[str, ...], ...], asks: tuple[str, ...],
                      fields: "Mapping[str, Field]" = MappingProxyType({})
                      ) -> tuple[tuple[tuple[str, ...], ...], str | None]:
        """The commands with what a person says to each of these words, once for all of them, and his reason, which
        goes beside them."""
        reason, told = None, f" It is said for all {len(argvs)}." if len(argvs) > 1 else ""
        for option in asks:
            field = fields.get(option)
            asked = (field.help if field is not None else "") or question(option)
            if field is not None and field.choices:
                choices = [(each, each) for each in field.choices]
                said = await self.push_screen_wait(Pick(asked, "Leave it open", choices))
            else:
                said = await self.push_screen_wait(Why(argvs[0][:2] if told else argvs[0], asked + told))
            if said and option == "reason":
                reason = said
            elif said:
                argvs = tuple((*argv, *filled_in(option, said)) for argv in argvs)
        return argvs, reason
