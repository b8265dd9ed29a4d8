"""Where one is: from one place to another, from one project to another, and back where one was last time."""

from contextlib import suppress
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual import on

from mlops_tui.errors import Refusal
from mlops_tui.tui import cache
from mlops_tui.tui.desk import Desk
from mlops_tui.tui.links import HERE, Link, Spot, command, row_place, shown_by, spot
from mlops_tui.tui.messages import Onwards, Perform
from mlops_tui.tui.parts.kept import Keeping
from mlops_tui.tui.parts.timed import Timed
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.screens.section import SectionScreen
from mlops_tui.tui.standing import MODES

if TYPE_CHECKING:
    from rich.console import RenderableType

OFTEN = 1.0  # seconds after which it is noticed that one is somewhere else


@dataclass(frozen=True)
class Onward:
    """The project that is to be shown next, and where in it."""

    root: Path
    link: Link
    person: str


class Placed(Keeping, Timed):
    """An app with places. `at`: where it begins; nowhere in particular: where one was."""

    at: Link = HERE
    onward: Onward | None = None

    def __init__(self, desk: Desk) -> None:
        there = spot(self.at) if self.at.words else Spot(desk.kept.get("mode", "home"))
        if there is not None and there.mode in {mode.id for mode in MODES}:
            self.DEFAULT_MODE = there.mode  # type: ignore[misc]  # the first picture is of that mode
        super().__init__(desk)

    def on_mount(self) -> None:
        self.set_interval(OFTEN, self._remember)

    # -- going somewhere ------------------------------------------------------------------------------------------

    def go(self, link: Link) -> None:
        """Show that place; of another project, by leaving this one for it."""
        try:
            root = self._root_of(link.project)
        except Refusal as problem:
            self._say(" ".join(filter(None, (problem.what, problem.next))), bad=True)
            return
        if root != self.desk.root and self.is_web:
            self._say("Only the project that is served is shown here.", bad=True)
        elif root != self.desk.root:
            self.leave_for(root, replace(link, project=""))
        else:
            self._go_within(link)

    def _go_within(self, link: Link) -> None:
        """Show a place of this project."""
        if link.at:
            self.action_at(link.at)
        if (there := spot(link)) is not None:
            self._show(there, link.side)
        else:
            self.post_message(Perform(command(link.words)))

    def _root_of(self, project: str) -> Path:
        if project in ("", self._known_as):
            return self.desk.root
        known: Any = import_module("mlops_tui.declarations.known")  # it reads YAML, which no first picture needs
        root: Path = known.folder(project, self.desk.root)
        return self.desk.root if root.resolve() == self.desk.root.resolve() else root

    def action_projects(self, name: str = "") -> None:
        """The projects that one has opened, side by side, or the one of that name."""
        if name:
            self.go(Link((), name.removeprefix("@")))
        elif self.is_web:
            self._say("Only the project that is served is shown here.", bad=True)
        elif self.screen.id != "projects-screen":
            screens: Any = import_module("mlops_tui.tui.screens.projects")
            self.push_screen(screens.Projects(self._here(), self.desk.root, self.desk.person))

    @on(Onwards)
    def _onwards(self, message: Onwards) -> None:
        """To another project from the list of them; to this one, by going back."""
        if message.root.resolve() != self.desk.root.resolve():
            self.leave_for(message.root, message.link)
        else:
            self.pop_screen()
            if message.link.words:
                self._go_within(message.link)

    def leave_for(self, root: Path, link: Link) -> None:
        """Show another project. What was begun here runs on, and this place is remembered."""
        neighbours: Any = import_module("mlops_tui.tui.neighbours")
        self.onward = Onward(root, link, neighbours.as_whom(root, self.desk.person))
        self.exit()

    def _show(self, there: Spot, side: str) -> None:
        self.action_mode(there.mode)
        while len(self.screen_stack) > 1:
            self.pop_screen()
        section = self._sections.get(there.mode)
        if section is not None and (there.key or side):
            section.seek(there.key, side)

    @property
    def _known_as(self) -> str:
        return str(self._standing.facts.get("known_as") or "")

    @property
    def place(self) -> Link:
        """Where one is now, as a link that leads here again."""
        project, screen, as_of = self._known_as, self.screen, self._standing.as_of
        at = as_of.isoformat() if as_of is not None else ""
        if isinstance(screen, SectionScreen) and screen.known:
            return Link((row_place(screen.id or "", screen.list.key),), project, screen.side, at)
        words = screen.command if isinstance(screen, Framed) and self.current_mode != screen.id else ()
        return Link(shown_by(words) or (self.current_mode,), project, at=at)

    # -- being there again ----------------------------------------------------------------------------------------

    def _remember(self) -> None:
        """Where one is, and how one looks at each section."""
        self._keep("mode", self.current_mode)
        for id, section in self._sections.items():
            if section.known:
                self._keep(f"section/{id}", section.memory())

    def _recall(self, section: SectionScreen) -> None:
        """A section as it was left last time."""
        left = self.kept.get(f"section/{section.id}", dict[str, object]())
        first = section.id == self.DEFAULT_MODE and self._standing.stale
        section.recall({name: value for name, value in left.items() if isinstance(value, str)},
                       cache.last_rows(self.desk.root, self.desk.person, self.DEFAULT_MODE) if first else ())

    def exit(self, result: None = None, return_code: int = 0, message: "RenderableType | None" = None) -> None:
        self._remember()
        section = self._sections.get(self.current_mode)
        if section is not None and section.list.all and not self.desk.sealed and self._standing.as_of is None:
            with suppress(OSError, Refusal):  # without it, the next first picture is an empty list
                cache.keep_rows(self.desk.root, self.desk.person, self.current_mode, section.list.all,
                                self._standing.facts.get("rules"))
        super().exit(result, return_code, message)

