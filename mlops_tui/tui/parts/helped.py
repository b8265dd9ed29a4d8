"""What can be done here: every key, every command, every place by name."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from importlib import import_module
from typing import Any

from textual.app import App
from textual.screen import Screen

from mlops_tui.tui.desk import Desk
from mlops_tui.tui.messages import Perform, Place
from mlops_tui.tui.offers import Offer
from mlops_tui.tui.parts.placed import Placed
from mlops_tui.tui.parts.words import WORDS
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.sections import SECTIONS
from mlops_tui.tui.standing import MODES
from mlops_tui.tui.widgets.command_line import CommandLine
from mlops_tui.tui.widgets.keys import key_name
from mlops_tui.tui.widgets.pane import Pane

# How a terminal says what a key does, by the key's id; what a screen shows is its own command.
TYPED = {"framed.stop": "job cancel NUMBER", "framed.log": "job log NUMBER", "app.lock": "--read-only",
         "app.help": "--help", "app.home": "status",
         **{f"app.{id}": shlex.join(section.looks[0]) for id, section in SECTIONS.items() if section.looks}}


class Helped(Placed):
    """An app that lists and finds what it can do."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._nouns: dict[str, str] = {}
        self._commands: Mapping[tuple[str, ...], tuple[str, str]] = {}
        self._places: Sequence[Place] = ()

    def action_help(self) -> None:
        """Everything that can be done from here, found by name or key."""
        self._offer("Keys and commands", [*self._here_and_now(), *self._said()])

    def action_anywhere(self) -> None:
        """Everything that has a name: what is open first, then the modes, and what can be said."""
        modes = (Offer((mode.digit,), mode.title, _typed(f"app.{mode.id}", self.screen),
                       partial(self.action_mode, mode.id)) for mode in MODES)
        named = (Offer(("→",), name, shlex.join(argv), partial(self._go, argv)) for name, argv in self._places)
        self._offer("Anywhere", [*named, *modes, *self._said()])

    def _offer(self, title: str, offers: Sequence[Offer]) -> None:
        module: Any = import_module("mlops_tui.tui.screens.everything")  # not needed for the first picture
        self.push_screen(module.Everything(title, offers, self._here()))

    def action_jump(self) -> None:
        """Show a letter on everything that is seen; the one that is typed goes there."""
        jumping: Any = import_module("mlops_tui.tui.jumping")
        module: Any = import_module("mlops_tui.tui.screens.jump")
        found = jumping.spots(self.screen)
        if found:
            self.push_screen(module.Jump(self._painted(), found),
                             lambda spot: jumping.go(spot) if spot is not None else None)

    def _here_and_now(self) -> Iterator[Offer]:
        """The next steps that are seen, then every key that works: those of the screen, of the list, of all screens."""
        screen = self.screen
        if isinstance(screen, Framed) and screen.lettered:
            for pane in screen.query(Pane):
                for letter, action in pane.steps.items():
                    asked = Perform(action.argv, asks=action.asks, offered=True)
                    yield Offer((letter,), action.label, shlex.join(action.shown), partial(self.post_message, asked))
        bound: dict[str, list[str]] = {}
        active = [each for each in screen.active_bindings.values() if each.binding.id and each.binding.description]
        for each in active:
            bound.setdefault(each.binding.description, []).append(key_name(each.binding.key))
        for each in sorted(active, key=lambda each: (isinstance(each.node, App), not isinstance(each.node, Screen))):
            if keys := bound.pop(each.binding.description, None):
                yield Offer(tuple(keys), each.binding.description, _typed(str(each.binding.id), screen),
                            partial(self.run_action, each.binding.action, each.node))

    def _said(self) -> Iterator[Offer]:
        """What can be said: the dashboard's own words, and every command."""
        for word in dict.fromkeys(WORDS.values()):
            name, *more = word.usage.split(maxsplit=1)
            yield Offer((), word.effect, f":{word.usage}", partial(self.write, name, run=True) if not more or
                        more[0].startswith("[") else partial(self.write, f"{name} "))
        for words, (does, example) in self._commands.items():
            typed = shlex.join(words)
            yield Offer((), does, typed, partial(self._go, words) if example in ("", typed) else
                        partial(self.write, f"{typed} "))

    def write(self, line: str, *, run: bool = False) -> None:
        """Begin a command line for somebody, or say it at once."""
        if run:
            self.post_message(CommandLine.Typed(line))
            return
        for found in self.screen.query(CommandLine):
            found.know(self.completions())
            found.ask(line)

    def completions(self) -> Iterator[str]:
        """What a line may be: commands, the dashboard's own words, what may follow those, examples of commands."""
        yield from self._nouns
        for name, word in WORDS.items():
            yield name
            yield from (f"{name} {choice}" for choice in (getattr(self, word.choices)() if word.choices else ()))
        for words, (_, example) in self._commands.items():
            yield shlex.join(words)
            yield example

    def _go(self, argv: tuple[str, ...]) -> None:
        self.post_message(Perform(argv))


def _typed(id: str, screen: Screen[Any]) -> str:
    if id in TYPED:
        return TYPED[id]
    if id == "app.copy" and isinstance(screen, Framed):
        return shlex.join(screen.command)
    return ""
