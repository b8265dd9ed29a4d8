"""The dashboard: it shows what the desk finds, and sends every command through the one door."""

import asyncio
import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, tzinfo
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

from textual import on, work
from textual.app import App
from textual.binding import Binding, BindingType
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Input

from mlops_tui.tui import cache, panels
from mlops_tui.tui.desk import Desk, Work
from mlops_tui.tui.messages import (
    Answered,
    Begun,
    Broken,
    Fresh,
    FromDesk,
    Nouns,
    Opened,
    Perform,
    Planned,
    Reasonless,
    Ticked,
)
from mlops_tui.tui.screens.answer import Answer
from mlops_tui.tui.screens.ask import Ask, Why
from mlops_tui.tui.screens.home import TWO_SIDES, Home
from mlops_tui.tui.themes import THEMES
from mlops_tui.tui.widgets.bar import Bar
from mlops_tui.tui.widgets.command_line import CommandLine
from mlops_tui.view import Action, Row, Status, Table, Text, View

EVERY = 2.0          # seconds between two looks at the history
WHILE_WORKING = 0.5  # the same while jobs of this dashboard run
KEYS = {"question_mark": "?", "colon": ":", "enter": "Enter", "escape": "Esc"}
WIDTHS = ((0, "-narrow"), (TWO_SIDES, "-wide"))
HEIGHTS = ((0, "-short"), (20, "-medium"), (32, "-tall"))
PLACES = {"INC": ("incident", "show"), "AL": ("alert", "show"), "AP": ("approve", "show"), "RUN": ("runbook", "show")}


class Dashboard(App[None]):
    """One project on one screen. `busy` counts what the desk has not answered yet."""

    CSS_PATH = Path(__file__).with_name("app.tcss")
    TITLE = "mlops-tui"
    HORIZONTAL_BREAKPOINTS = [*WIDTHS]  # noqa: RUF012 Textual declares them
    VERTICAL_BREAKPOINTS = [*HEIGHTS]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        # before the widgets see it: what is typed right after it must already land in the command line
        Binding("colon", "command", "Type a command", show=False, priority=True, id="app.command"),
        Binding("question_mark", "help", "Keys and commands", show=False, id="app.help"),
        Binding("r", "refresh", "Look again", show=False, id="app.refresh"),
        Binding("q,ctrl+q", "quit", "Quit", show=False, id="app.quit"),
    ]
    busy: reactive[int] = reactive(0)

    def __init__(self, root: Path, *, person: str = "", read_only: bool = False, at: Sequence[str] = ()) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        if self.theme in {theme.name for theme in THEMES}:  # asked for by TEXTUAL_THEME, before it was known
            self.stylesheet.set_variables(self.get_css_variables())
        elif "TEXTUAL_THEME" not in os.environ:
            self.theme = THEMES[0].name
        self._home = Home(cache.last(root))
        self._home.add_class(*classes(*shutil.get_terminal_size()))
        self.desk = Desk(root, person, read_only, self.post_message)
        self._at = tuple(at)
        self._mine: set[int] = set()
        self._nouns: dict[str, str] = {}
        self._facts = self._home._facts()

    def get_default_screen(self) -> Screen[None]:
        return self._home

    def on_mount(self) -> None:
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        """The first picture is on the screen: now the project may be opened."""
        self.desk.start()
        self._ask(lambda feed: feed.look(anyway=True))
        self._ask(lambda feed: feed.nouns())
        self.set_interval(WHILE_WORKING, self._poll)
        self._ticks = 0
        if self._at:
            self.post_message(Perform(place(self._at)))

    def _ask(self, asked: Work) -> None:
        self.busy += 1
        self.desk.ask(asked)

    def _poll(self) -> None:
        self._ticks += 1
        if self.busy == 0 and (self._mine or self._ticks % round(EVERY / WHILE_WORKING) == 0):
            self._ask(lambda feed: feed.look())

    @property
    def zone(self) -> tzinfo:
        return ZoneInfo(str(self._facts["zone"])) if self._facts.get("zone") else UTC

    @property
    def _project(self) -> str:
        return str(self._facts.get("project", ""))

    # -- what the desk says ---------------------------------------------------------------------------------------

    @on(FromDesk)
    def _heard(self, message: FromDesk) -> None:
        self.busy = max(self.busy - 1, 0)
        for screen in self.screen_stack:
            for bar in screen.query(Bar):
                bar.work("")

    @on(Fresh)
    def _fresh(self, message: Fresh) -> None:
        self._facts = message.view.facts()
        self._home.show(message.view)
        for row in message.view.table("jobs").rows:
            if row["job"] in self._mine and row["state"] not in ("queued", "running"):
                self._ended(row)

    def _ended(self, row: Row) -> None:
        """A job of this dashboard is over: its answer is shown where nothing else was begun meanwhile."""
        id = int(str(row["job"]))
        self._mine.discard(id)
        if self.screen is self._home and not self._typing():
            self._ask(lambda feed: feed.job(id))
        else:
            self._say(f"job {id} {row['state']}: {row['answer']}", bad=row["status"] in (Status.ERROR, Status.FAIL))

    @on(Ticked)
    def _ticked(self, message: Ticked) -> None:
        self._home.tick(message.now)

    @on(Broken)
    def _broken(self, message: Broken) -> None:
        self._home.fail(message.view)

    @on(Nouns)
    def _known(self, message: Nouns) -> None:
        self._nouns = message.known

    @on(Answered)
    def _answered(self, message: Answered) -> None:
        self.push_screen(Answer(message.view, message.argv, self._project, self.zone))
        self._ask(lambda feed: feed.look())

    @on(Begun)
    def _begun(self, message: Begun) -> None:
        self._mine.add(message.job)
        self._say(f"job {message.job} has begun: {' '.join(message.argv)}")
        self._ask(lambda feed: feed.look(anyway=True))

    @on(Planned)
    def _planned(self, message: Planned) -> None:
        self._consent(message)

    @work
    async def _consent(self, message: Planned) -> None:
        choices = (("cancel", "Cancel"), ("do", "Do it"))
        question = f"Shall this be done?   {' '.join(message.argv)}"
        if await self.push_screen_wait(Ask(question, choices, message.view, self.zone)) == "do":
            self.post_message(Perform(message.argv, consent=message.digest))

    @on(Reasonless)
    def _reasonless(self, message: Reasonless) -> None:
        self._judge(message.argv)

    @work
    async def _judge(self, argv: tuple[str, ...]) -> None:
        if reason := await self.push_screen_wait(Why(argv)):
            self.post_message(Perform(argv, reason=reason))

    # -- what a person asks ---------------------------------------------------------------------------------------

    @on(Perform)
    def _perform(self, message: Perform) -> None:
        self._work(" ".join(message.argv))
        self._ask(lambda feed: feed.perform(message.argv, message.consent, message.reason))

    def _work(self, what: str) -> None:
        """Say at the top what is being done."""
        for bar in self.screen.query(Bar):
            bar.work(what)

    @on(Opened)
    def _opened(self, message: Opened) -> None:
        view = panels.model_view(message.model, message.facets, message.series, self._nouns)
        self.push_screen(Answer(view, (str(message.model["model"]),), self._project, self.zone))

    @on(CommandLine.Typed)
    def _typed(self, message: CommandLine.Typed) -> None:
        try:
            words = shlex.split(message.text)
        except ValueError as problem:
            self._say(f"{message.text}: {problem}", bad=True)
            return
        words = words[1:] if words[:1] == ["mlops-tui"] else words
        if words in (["q"], ["quit"]):
            self.run_worker(self.action_quit())
        elif words:
            self.post_message(Perform(tuple(words)))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A colon typed into a field is a colon."""
        return not (action == "command" and isinstance(self.screen.focused, Input))

    def action_command(self) -> None:
        line = self.screen.query(CommandLine)
        if line:
            line.first().know(self._nouns)
            line.first().ask()

    def _typing(self) -> bool:
        return any(line.display for line in self.screen.query(CommandLine))

    def action_refresh(self) -> None:
        """Read the project's files and the history again."""
        self.desk.reopen()
        self._work("looking again")
        self._ask(lambda feed: feed.look(anyway=True))

    def action_help(self) -> None:
        """Every key that works here, and every command, which Enter runs."""
        keys: dict[str, list[str]] = {}
        for active in self.screen.active_bindings.values():
            if active.binding.id and active.binding.description:
                keys.setdefault(active.binding.description, []).append(KEYS.get(active.binding.key, active.binding.key))
        rows: list[Row] = [{"key": "  ".join(typed), "does": does} for does, typed in keys.items()]
        known = tuple(Action(says, (name,)) for name, says in self._nouns.items())
        self.push_screen(Answer(View("Keys, and every command", Status.DONE, (
            Table.of("keys", rows, "key", "does"),
            Text("The same commands follow mlops-tui in a terminal and /mlops in Slack. Hold shift to select text.")),
            known), ("help",), self._project, self.zone, command_first=True))

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
        answer = await self.push_screen_wait(Ask(question, choices))
        if answer == "stop":
            ids = sorted(self._mine)
            self._ask(lambda feed: feed.stop(ids))
            await self._idle()
        if answer != "stay":
            self.exit()

    async def _idle(self) -> None:
        while self.busy:
            await asyncio.sleep(0.05)

    def _say(self, text: str, *, bad: bool = False) -> None:
        self.notify(text, severity="error" if bad else "information", markup=False)


def classes(width: int, height: int) -> list[str]:
    """The classes of a screen of that size: known beforehand, the first picture is laid out once and not twice."""
    return [max(step for step in steps if step[0] <= size)[1] for steps, size in ((WIDTHS, width), (HEIGHTS, height))]


def place(words: tuple[str, ...]) -> tuple[str, ...]:
    """The command that shows a place: an id by itself, or any command line."""
    kind = words[0].partition("-")[0].upper()
    return (*PLACES[kind], *words) if len(words) == 1 and kind in PLACES and "-" in words[0] else words


def run(root: Path, *, person: str = "", read_only: bool = False, at: Sequence[str] = ()) -> None:
    """Show the dashboard until somebody quits."""
    dashboard = Dashboard(root, person=person, read_only=read_only, at=at)
    dashboard.run()
    if not dashboard.desk.close():
        sys.stdout.flush()
        os._exit(dashboard.return_code or 0)  # a look that still runs has nothing to save, and nobody waits for it
