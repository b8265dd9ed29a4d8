"""The dashboard: it shows what the desk finds, and sends every command through the one door."""

import gc
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual import on
from textual._xterm_parser import XTermParser
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Input

from mlops_tui.tui import cache, hangup
from mlops_tui.tui.desk import Desk
from mlops_tui.tui.links import HERE, Link, read
from mlops_tui.tui.messages import (
    Again,
    Answered,
    Broken,
    Fresh,
    FromDesk,
    Nouns,
    Opened,
    Ticked,
)
from mlops_tui.tui.parts.copying import Copying
from mlops_tui.tui.parts.keymap import Keyed
from mlops_tui.tui.parts.locked import Locked
from mlops_tui.tui.parts.responding import Responding
from mlops_tui.tui.parts.several import Several
from mlops_tui.tui.parts.sized import Sized
from mlops_tui.tui.parts.themed import Themed
from mlops_tui.tui.parts.viewed import Viewed
from mlops_tui.tui.parts.worded import Worded
from mlops_tui.tui.parts.working import Working
from mlops_tui.tui.room import LEAST
from mlops_tui.tui.screens.answer import Answer
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.screens.home import TWO_SIDES, Home
from mlops_tui.tui.screens.section import SectionScreen
from mlops_tui.tui.standing import MODES, Standing
from mlops_tui.tui.widgets.bar import Bar
from mlops_tui.tui.widgets.command_line import CommandLine
from mlops_tui.view import View

EVERY = 2.0          # seconds between two looks at the history
WHILE_WORKING = 0.5  # the same while jobs of this dashboard run
OF_JOBS = ("job", "pipeline")  # nouns whose answers say how far a job is
WIDTHS = ((0, "-tiny"), (LEAST.width, "-narrow"), (TWO_SIDES, "-wide"))
HEIGHTS = ((0, "-flat"), (LEAST.height, "-short"), (20, "-medium"), (32, "-tall"))


class Dashboard(Themed, Keyed, Sized, Locked, Responding, Several, Working, Viewed, Worded, Copying):
    """One project on one screen."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "mlops-tui"
    DEFAULT_MODE = "home"
    ENABLE_COMMAND_PALETTE = False  # ours finds more, and by key too
    HORIZONTAL_BREAKPOINTS = [*WIDTHS]  # noqa: RUF012 Textual declares them
    VERTICAL_BREAKPOINTS = [*HEIGHTS]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        # before the widgets see them: what is typed right after one must already land in what it opens
        Binding("colon", "command", "Type a command", show=False, priority=True, id="app.command"),
        Binding("question_mark", "help", "Keys and commands", show=False, priority=True, id="app.help"),
        *(Binding(mode.digit, f"mode('{mode.id}')", mode.title, show=False, id=f"app.{mode.id}") for mode in MODES),
        Binding("ctrl+p", "anywhere", "Go anywhere by name", show=False, priority=True, id="app.palette"),
        Binding("r", "refresh", "Look again", show=False, id="app.refresh"),
        Binding("p", "pause", "Pause, or go on with refreshing", show=False, id="app.pause"),
        Binding("ctrl+o", "jump", "Jump to what is seen: a letter for each row and panel", show=False, priority=True,
                id="app.jump"),
        Binding("y", "copy", "Copy or export: the command, a link, the row, the table", show=False, priority=True,
                id="app.copy"),
        Binding("comma", "step(-1)", "Back in time, to the change before", show=False, id="app.earlier"),
        Binding("full_stop", "step(1)", "On in time, to the next change", show=False, id="app.later"),
        Binding("greater_than_sign", "now", "Back from another time to now", show=False, id="app.now"),
        Binding("semicolon", "mark", "Mark this moment; at another, what changed between", show=False, id="app.mark"),
        Binding("at", "projects", "Projects side by side", show=False, id="app.projects"),
        Binding("L", "lock", "Lock: only look, or unlock", show=False, id="app.lock"),
        Binding("J", "jobs", "Jobs: what runs, what it says, how it ended", show=False, id="app.jobs"),
        Binding("q,ctrl+q", "quit", "Quit", show=False, id="app.quit"),
    ]

    def __init__(self, root: Path, *, person: str = "", read_only: bool = False, at: Link = HERE,
                 as_of: str = "") -> None:
        self.at, self._as_of = at, as_of
        super().__init__(Desk(root, person, read_only, self.post_message))
        last = cache.last(root, person) if not as_of else None
        if last is not None:
            self._standing = standing(last, stale=True)
        self._home = Home(last, self._standing)
        self._home.add_class(*classes(*shutil.get_terminal_size()))
        for mode in MODES:
            self.add_mode(mode.id, partial(self._first, mode.id))
        self._seen: object = None  # what was looked up last was looked up of this
        self._far: object = None   # and how far the jobs were then
        self._broke = False  # could not be shown: it is looked at anew even where nothing has happened since
        self.typed = ""  # before the first picture, by somebody who knows what comes

    def _first(self, id: str) -> Screen[None]:
        """The first screen of a mode."""
        screen: Screen[None] = self._home
        if id != "home":
            screen = self._sections[id] = SectionScreen(id, replace(self._standing, mode=id))
            self._recall(self._sections[id])
        screen._css_update_count = self._css_update_count  # it was made under the rules there are: read them once
        return screen

    def on_mount(self) -> None:
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """The first picture is on the screen: now the project may be opened."""
        self.desk.start()
        self.busy -= 1
        as_of = self._as_of
        mode = self.current_mode
        self._ask(lambda feed: feed.at(as_of, mode) if as_of else feed.look(anyway=True))
        self._ask(lambda feed: feed.nouns())
        self._ask_for_keys()
        self.set_interval(WHILE_WORKING, self._poll)
        self._ticks = 0
        if self.at.words:
            self.go(self.at)
        for event in XTermParser().feed(self.typed):
            self.post_message(event)

    def _poll(self) -> None:
        self._ticks += 1
        if self.busy == 0 and (self._mine or self._ticks % round(EVERY / WHILE_WORKING) == 0):
            paused = self._standing.news is not None
            broken = self._broke
            self._ask(lambda feed: feed.look(anyway=broken, paused=paused and not broken))

    # -- what the desk says ---------------------------------------------------------------------------------------

    @on(FromDesk)
    def _heard(self, message: FromDesk) -> None:
        self.busy = max(self.busy - 1, 0)
        for screen in self.screen_stack:
            for bar in screen.query(Bar):
                bar.work("")

    @on(Fresh)
    def _fresh(self, message: Fresh) -> None:
        if self._seen is None:
            gc.freeze()  # what was opened stays: each look through it for garbage would hold a key for 75 ms
        self._broke = False
        news = 0 if self._standing.news is not None else None
        self._stand(replace(standing(message.view), news=news))
        self._home.stand(replace(self._standing, mode="home"))
        self._places = message.places
        self._home.show(message.view)
        jobs = message.view.table("jobs").rows
        seen = (message.view.facts()["entries"], self._standing.as_of, [(row["job"], row["state"]) for row in jobs])
        far = [row["done"] for row in jobs]
        if seen != self._seen:
            self._look_again()
        elif far != self._far:
            self._look_again(OF_JOBS)
        self._seen, self._far = seen, far
        self._jobs_stand(jobs)
        self._jobs_again()

    def _look_again(self, of: Sequence[str] = ()) -> None:
        """What is seen now, looked up anew; only what commands of these nouns show, where some are named."""
        screen = self.screen
        for section in self.screen_stack:
            if isinstance(section, SectionScreen) and not of:
                self._fill(section)
            elif isinstance(section, SectionScreen) and section.wanted[:1] and section.wanted[0] in of:
                self._details.want((section.id or "", section.wanted))
        if isinstance(screen, Answer) and screen.looked and (not of or screen.command[0] in of):
            argv = screen.command
            self._ask(lambda feed: feed.again(argv))
        if not of:
            self._look_at_case_again()

    @on(Ticked)
    def _ticked(self, message: Ticked) -> None:
        told = self._standing
        if told.news is not None:
            told = replace(told, news=message.head - int(str(told.facts.get("entries") or 0)))
        self._stand(replace(told, now=message.now))

    @on(Broken)
    def _broken(self, message: Broken) -> None:
        self._broke = True
        self._stand(replace(self._standing, needs=None))
        self._home.fail(message.view)
        for section in self._sections.values():
            section.fail(message.view)

    @on(Nouns)
    def _known(self, message: Nouns) -> None:
        self._nouns, self._commands, self.looks = message.known, message.commands, message.looks

    @on(Answered)
    def _answered(self, message: Answered) -> None:
        answer = Answer(message.view, message.argv, self._here(), looked=message.looked)
        screen = self.screen
        if not message.looked and isinstance(screen, Framed) and screen.takes(message.argv, message.view):
            pass
        elif isinstance(screen, Answer) and not screen.looked and not message.looked:
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

    # -- what a person asks ---------------------------------------------------------------------------------------

    @on(Opened)
    def _opened(self, message: Opened) -> None:
        self.push_screen(Answer(message.view, message.argv, self._here()))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A colon typed into a field is a colon; a question is answered before one goes elsewhere."""
        if action in ("command", "help", "anywhere", "copy", "jump") and isinstance(self.screen.focused, Input):
            return False
        elsewhere = ("mode", "help", "anywhere", "copy", "jump", "step", "now", "mark", "projects")
        return not (action in elsewhere and not isinstance(self.screen, Framed))

    def action_refresh(self) -> None:
        """Read the project's files and the history again."""
        self.desk.reopen()
        self._seen = None
        self._work("looking again")
        self._ask_for_keys()
        self._ask(lambda feed: feed.look(anyway=True))

    def action_pause(self) -> None:
        """Let everything stand still for reading, or go on; meanwhile the first line counts what is new."""
        paused = self._standing.news is None
        self._stand(replace(self._standing, news=0 if paused else None))
        if not paused:
            self._ask(lambda feed: feed.look(anyway=True))


def standing(view: View, *, stale: bool = False) -> Standing:
    """How things stand as Home tells it."""
    facts = view.facts()
    now = facts.get("now")
    return Standing(facts, now if isinstance(now, datetime) else None, len(view.table("needs").rows), stale)


def classes(width: int, height: int) -> list[str]:
    """The classes of a screen of that size: known beforehand, the first picture is laid out once and not twice."""
    return [max(step for step in steps if step[0] <= size)[1] for steps, size in ((WIDTHS, width), (HEIGHTS, height))]


def run(root: Path, *, person: str = "", read_only: bool = False, at: Sequence[str] = (), as_of: str = "") -> None:
    """Show the dashboard until somebody quits, or the terminal goes away; of one project after another."""
    hangup.watch()
    link = read(at)
    while True:
        dashboard = Dashboard(root, person=person, read_only=read_only, at=link, as_of=as_of)
        dashboard.typed = dashboard.suit_the_terminal()
        dashboard.run()
        dashboard.desk.close()
        gc.unfreeze()
        if dashboard.onward is None:
            break
        root, link, person, as_of = dashboard.onward.root, dashboard.onward.link, dashboard.onward.person, ""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(dashboard.return_code or 0)  # nothing is left to save: a person waits neither for a look nor for libraries
