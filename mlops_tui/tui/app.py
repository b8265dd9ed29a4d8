"""The dashboard: it shows what the desk finds, and sends every command through the one door."""

import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from mlops_tui.tui import cache, hangup, panels
from mlops_tui.tui.desk import Desk
from mlops_tui.tui.messages import (
    Again,
    Answered,
    Begun,
    Broken,
    Copied,
    Elsewhere,
    Fresh,
    FromDesk,
    JobWanted,
    Nouns,
    Opened,
    Perform,
    Place,
    Planned,
    Reasonless,
    Ticked,
    Wanted,
)
from mlops_tui.tui.places import place, question
from mlops_tui.tui.screens.answer import Answer
from mlops_tui.tui.screens.ask import Ask, Why
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.screens.home import TWO_SIDES, Home
from mlops_tui.tui.screens.section import SectionScreen
from mlops_tui.tui.sectioned import Sectioned
from mlops_tui.tui.standing import MODES, Standing
from mlops_tui.tui.themes import THEMES
from mlops_tui.tui.widgets.bar import Bar
from mlops_tui.tui.widgets.command_line import CommandLine
from mlops_tui.view import Action, Row, Status, Table, Text, View, filled_in

if TYPE_CHECKING:
    from textual.command import Provider

    from mlops_tui.capability import Field
    from mlops_tui.tui.palette import Found

EVERY = 2.0          # seconds between two looks at the history
WHILE_WORKING = 0.5  # the same while jobs of this dashboard run
KEYS = {"question_mark": "?", "colon": ":", "slash": "/", "enter": "Enter", "escape": "Esc"}
WIDTHS = ((0, "-narrow"), (TWO_SIDES, "-wide"))
HEIGHTS = ((0, "-short"), (20, "-medium"), (32, "-tall"))


def everywhere() -> "type[Provider]":
    """What the palette asks; it is loaded when somebody opens it."""
    module: Any = import_module("mlops_tui.tui.palette")
    found: type[Provider] = module.Everywhere
    return found


class Dashboard(Sectioned):
    """One project on one screen."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "mlops-tui"
    DEFAULT_MODE = "home"
    COMMANDS = App.COMMANDS | {everywhere}
    HORIZONTAL_BREAKPOINTS = [*WIDTHS]  # noqa: RUF012 Textual declares them
    VERTICAL_BREAKPOINTS = [*HEIGHTS]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        # before the widgets see it: what is typed right after it must already land in the command line
        Binding("colon", "command", "Type a command", show=False, priority=True, id="app.command"),
        Binding("question_mark", "help", "Keys and commands", show=False, id="app.help"),
        *(Binding(mode.digit, f"mode('{mode.id}')", mode.title, show=False, id=f"app.{mode.id}") for mode in MODES),
        Binding("ctrl+p", "command_palette", "Go anywhere by name", show=False, id="app.palette"),
        Binding("r", "refresh", "Look again", show=False, id="app.refresh"),
        Binding("p", "pause", "Pause, or go on with refreshing", show=False, id="app.pause"),
        Binding("L", "lock", "Lock: only look, or unlock", show=False, id="app.lock"),
        Binding("q,ctrl+q", "quit", "Quit", show=False, id="app.quit"),
    ]

    def __init__(self, root: Path, *, person: str = "", read_only: bool = False, at: Sequence[str] = ()) -> None:
        super().__init__(Desk(root, person, read_only, self.post_message))
        for theme in THEMES:
            self.register_theme(theme)
        if self.theme in {theme.name for theme in THEMES}:  # asked for by TEXTUAL_THEME, before it was known
            self.stylesheet.set_variables(self.get_css_variables())
        elif "TEXTUAL_THEME" not in os.environ:
            self.theme = THEMES[0].name
        last = cache.last(root)
        if last is not None:
            self._standing = standing(last, stale=True)
        self._home = Home(last, self._standing)
        self._home.add_class(*classes(*shutil.get_terminal_size()))
        for mode in MODES:
            self.add_mode(mode.id, partial(self._first, mode.id))
        self._sealed = read_only  # from the command line: it cannot be unlocked
        self._at = tuple(at)
        self._mine: dict[int, Screen[Any]] = {}  # jobs begun here, and the screen they were begun on
        self._nouns: dict[str, str] = {}
        self._places: Sequence[Place] = ()
        self._seen: object = None

    def _first(self, id: str) -> Screen[None]:
        """The first screen of a mode."""
        if id == "home":
            return self._home
        self._sections[id] = SectionScreen(id, replace(self._standing, mode=id))
        return self._sections[id]

    def on_mount(self) -> None:
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """The first picture is on the screen: now the project may be opened."""
        self.desk.start()
        self.busy -= 1
        self._ask(lambda feed: feed.look(anyway=True))
        self._ask(lambda feed: feed.nouns())
        self.set_interval(WHILE_WORKING, self._poll)
        self._ticks = 0
        if self._at:
            self.post_message(Perform(place(self._at)))

    def _poll(self) -> None:
        self._ticks += 1
        if self.busy == 0 and (self._mine or self._ticks % round(EVERY / WHILE_WORKING) == 0):
            paused = self._standing.news is not None
            self._ask(lambda feed: feed.look(paused=paused))

    # -- what the desk says ---------------------------------------------------------------------------------------

    @on(FromDesk)
    def _heard(self, message: FromDesk) -> None:
        self.busy = max(self.busy - 1, 0)
        for screen in self.screen_stack:
            for bar in screen.query(Bar):
                bar.work("")

    @on(Fresh)
    def _fresh(self, message: Fresh) -> None:
        news = 0 if self._standing.news is not None else None
        self._stand(replace(standing(message.view), news=news))
        self._home.stand(replace(self._standing, mode="home"))
        self._places = message.places
        self._home.show(message.view)
        jobs = message.view.table("jobs").rows
        seen = (message.view.facts()["entries"], [(row["job"], row["state"], row["done"]) for row in jobs])
        if seen != self._seen:
            self._seen = seen
            self._look_again()
        for row in jobs:
            if row["job"] in self._mine and row["state"] not in ("queued", "running"):
                self._ended(row)

    def _look_again(self) -> None:
        """What is seen now, looked up anew."""
        screen = self.screen
        for section in self.screen_stack:
            if isinstance(section, SectionScreen):
                self._fill(section)
        if isinstance(screen, Answer) and screen.looked:
            argv = screen.command
            self._ask(lambda feed: feed.again(argv))

    def _ended(self, row: Row) -> None:
        """A job of this dashboard is over: its answer is shown where nothing else was begun meanwhile."""
        id = int(str(row["job"]))
        begun_on = self._mine.pop(id)
        if self.screen is begun_on and not self._typing():
            self._ask(lambda feed: feed.job(id))
        else:
            self._say(f"job {id} {row['state']}: {row['answer']}", bad=row["status"] in (Status.ERROR, Status.FAIL))

    @on(Ticked)
    def _ticked(self, message: Ticked) -> None:
        told = self._standing
        if told.news is not None:
            told = replace(told, news=message.head - int(str(told.facts.get("entries") or 0)))
        self._stand(replace(told, now=message.now))

    @on(Broken)
    def _broken(self, message: Broken) -> None:
        self._stand(replace(self._standing, needs=None))
        self._home.fail(message.view)
        for section in self._sections.values():
            section.fail(message.view)

    @on(Nouns)
    def _known(self, message: Nouns) -> None:
        self._nouns = message.known

    @on(Answered)
    def _answered(self, message: Answered) -> None:
        answer = Answer(message.view, message.argv, self._here(), looked=message.looked)
        screen = self.screen
        if isinstance(screen, Answer) and not screen.looked and not message.looked:
            self.switch_screen(answer)  # what was done last, and below it what was looked at before
        else:
            self.push_screen(answer)
        if message.unsaid:
            typed: list[Screen[Any]] = [screen, *self._sections.values()]
            for line in (line for each in typed for line in each.query(CommandLine)):
                line.forget(message.unsaid)
        if not message.looked:
            self._ask(lambda feed: feed.look(anyway=True))

    @on(Again)
    def _answered_again(self, message: Again) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, Answer) and screen.looked and screen.command == message.argv:
                screen.show(message.view)

    @on(Begun)
    def _begun(self, message: Begun) -> None:
        self._mine[message.job] = self.screen
        self._say(f"job {message.job} has begun: {' '.join(message.argv)}")
        self._ask(lambda feed: feed.look(anyway=True))

    @on(Planned)
    def _planned(self, message: Planned) -> None:
        self._consent(message)

    @work
    async def _consent(self, message: Planned) -> None:
        choices = (("cancel", "Cancel"), ("do", "Do it"))
        question = f"Shall this be done?   {' '.join(message.argv)}"
        if await self.push_screen_wait(Ask(question, choices, message.view, self._standing.zone)) == "do":
            self.post_message(Perform(message.argv, consent=message.digest))

    @on(Elsewhere)
    def _for_a_terminal(self, message: Elsewhere) -> None:
        """Nothing is done, so nothing else changes but the line that said so."""
        line = shlex.join(("mlops-tui", *message.argv))
        self.copy_to_clipboard(line)
        self._say(f"It names a file, so it is for a terminal. Copied: {line}")

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
        for option in asks:
            field = fields.get(option)
            asked = (field.help if field is not None else "") or question(option)
            if field is not None and field.choices:
                offered = (("", "Leave it open"), *((each, each) for each in field.choices))
                said = await self.push_screen_wait(Ask(asked, offered))
            else:
                said = await self.push_screen_wait(Why(argv, asked))
            if said and option == "reason":
                reason = said
            elif said:
                argv = (*argv, *filled_in(option, said))
        if reason is not None or argv != before:
            self.post_message(Perform(argv, reason=reason))

    # -- what a person asks ---------------------------------------------------------------------------------------

    @on(Perform)
    def _perform(self, message: Perform) -> None:
        if any(":" in option for option in message.asks):
            self._ask(lambda feed: feed.wanted(message.argv, message.asks))
            return
        if message.asks:
            self._fill_in(message.argv, message.asks)
            return
        self._work(" ".join(message.argv))
        self._ask(lambda feed: feed.offered(message.argv) if message.offered else
                  feed.perform(message.argv, message.consent, message.reason))

    def _work(self, what: str) -> None:
        """Say at the top what is being done."""
        for bar in self.screen.query(Bar):
            bar.work(what)

    @on(JobWanted)
    def _job_wanted(self, message: JobWanted) -> None:
        self._ask(lambda feed: feed.job(message.job))

    @on(Opened)
    def _opened(self, message: Opened) -> None:
        view = panels.model_view(message.model, message.facets, message.series, self._nouns)
        self.push_screen(Answer(view, (str(message.model["model"]),), self._here()))

    @on(Copied)
    def _copied(self, message: Copied) -> None:
        self.copy_to_clipboard(message.text)
        self._say(f"copied: {message.text}")

    @on(CommandLine.Typed)
    def _typed(self, message: CommandLine.Typed) -> None:
        try:
            words = shlex.split(message.text)
        except ValueError as problem:  # an apostrophe, in a question
            words = message.text.split()
            if words[0] in self._nouns:
                self._say(f"{message.text}: {problem}", bad=True)
                return
        words = words[1:] if words[:1] == ["mlops-tui"] else words
        if words in (["q"], ["quit"]):
            self.run_worker(self.action_quit())
        elif words:
            self.post_message(Perform(place(tuple(words))))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A colon typed into a field is a colon; a question is answered before one goes elsewhere."""
        if action == "command":
            return not isinstance(self.screen.focused, Input)
        return not (action in ("mode", "help") and not isinstance(self.screen, Framed))

    def action_command(self) -> None:
        line = self.screen.query(CommandLine)
        if line:
            line.first().know(self._nouns)
            line.first().ask()

    def _typing(self) -> bool:
        return isinstance(self.screen.focused, Input)

    def action_refresh(self) -> None:
        """Read the project's files and the history again."""
        self.desk.reopen()
        self._seen = None
        self._work("looking again")
        self._ask(lambda feed: feed.look(anyway=True))

    def action_pause(self) -> None:
        """Let everything stand still for reading, or go on; meanwhile the first line counts what is new."""
        paused = self._standing.news is None
        self._stand(replace(self._standing, news=0 if paused else None))
        if not paused:
            self._ask(lambda feed: feed.look(anyway=True))

    def action_lock(self) -> None:
        """Only look from here on, or take that back; what the command line closed stays closed."""
        locked = self._locked
        if locked and self._sealed:
            self._say("It was opened with --read-only: leave it, and open it without.", bad=True)
            return
        self.busy += 1
        self.desk.lock(not locked)
        self._say("Locked: commands that would change anything are refused." if not locked else "Unlocked.")

    def action_help(self) -> None:
        """Every key that works here, and every command, which Enter runs."""
        keys: dict[str, list[str]] = {}
        for active in sorted(self.screen.active_bindings.values(), key=lambda each: not isinstance(each.node, App)):
            if active.binding.id and active.binding.description:
                keys.setdefault(active.binding.description, []).append(KEYS.get(active.binding.key, active.binding.key))
        rows: list[Row] = [{"key": "  ".join(typed), "does": does} for does, typed in keys.items()]
        known = tuple(Action(says, (name,)) for name, says in self._nouns.items())
        view = View("Keys, and every command", Status.DONE, (
            Table.of("keys", rows, "key", "does"),
            Text("The same commands follow mlops-tui in a terminal and /mlops in Slack. Hold shift to select text.")),
            known)
        self.push_screen(Answer(view, ("help",), self._here(), listing=True))

    def offers(self) -> "Iterator[Found]":
        """What the palette finds: modes, places by name, commands."""
        for mode in MODES:
            yield mode.title, f"key {mode.digit}", partial(self.action_mode, mode.id)
        for name, argv in self._places:
            yield name, " ".join(argv), partial(self._go, argv)
        for noun, says in self._nouns.items():
            yield noun, says, partial(self._go, (noun,))

    def _go(self, argv: tuple[str, ...]) -> None:
        self.post_message(Perform(argv))

    async def action_quit(self) -> None:
        """Quit; where jobs of this dashboard run, ask what shall become of them."""
        if not self._mine:
            self.exit()
        else:
            self._leave()

    @work(exclusive=True, group="leave")
    async def _leave(self) -> None:
        count = len(self._mine)
        choices = (("stay", "Stay"), ("leave", "Quit, and let them run on"), ("stop", "Stop them, then quit"))
        question = f"{count} job{'s' if count > 1 else ''} you began still run{'s' if count == 1 else ''}."
        answer = await self.push_screen_wait(Ask(question, choices[:2] if self._locked else choices))
        if answer == "stop":
            ids = sorted(self._mine)
            self._mine.clear()  # nobody waits for their answers any more
            self._ask(lambda feed: feed.stop(ids))
            await self._idle()
        if answer != "stay":
            self.exit()

    @property
    def _locked(self) -> bool:
        return bool(self._standing.facts.get("read_only"))

    async def _idle(self) -> None:
        while self.busy:
            await asyncio.sleep(0.05)

    def _say(self, text: str, *, bad: bool = False) -> None:
        self.notify(text, severity="error" if bad else "information", markup=False)


def standing(view: View, *, stale: bool = False) -> Standing:
    """How things stand as Home tells it."""
    facts = view.facts()
    now = facts.get("now")
    return Standing(facts, now if isinstance(now, datetime) else None, len(view.table("needs").rows), stale)


def classes(width: int, height: int) -> list[str]:
    """The classes of a screen of that size: known beforehand, the first picture is laid out once and not twice."""
    return [max(step for step in steps if step[0] <= size)[1] for steps, size in ((WIDTHS, width), (HEIGHTS, height))]


def run(root: Path, *, person: str = "", read_only: bool = False, at: Sequence[str] = ()) -> None:
    """Show the dashboard until somebody quits, or the terminal goes away."""
    dashboard = Dashboard(root, person=person, read_only=read_only, at=at)
    hangup.watch()
    dashboard.run()
    if not dashboard.desk.close():
        sys.stdout.flush()
        os._exit(dashboard.return_code or 0)  # a look that still runs has nothing to save, and nobody waits for it
