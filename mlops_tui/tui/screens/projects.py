"""The projects that one has opened, side by side: how each stands, what needs somebody, and the way there."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget

from mlops_tui.declarations import known
from mlops_tui.errors import Refusal
from mlops_tui.render.cells import clean, fit, width_of
from mlops_tui.tui import panels
from mlops_tui.tui.filtering import Wish
from mlops_tui.tui.links import HERE, Link
from mlops_tui.tui.messages import Onwards
from mlops_tui.tui.neighbours import Listed, Looked, Lookout, Neighbour
from mlops_tui.tui.paint import glyph, short_time, sides, word
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.standing import Standing
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Row, Status

AGAIN = 10.0  # seconds after which all of them are looked at again
NONE = "No project has been opened yet.\n\nmlops-tui   opens the one around you, and adds it"
RANK = (Status.FAIL, Status.WARN, Status.ERROR, None, Status.RUNNING, Status.UNKNOWN, Status.PASS, Status.DONE)
NAME, PLACE, HEALTH, NEEDS, JOBS = 22, 13, 16, 10, 10  # columns
LABEL = 14  # columns of a project's name in front of what needs somebody there


class Projects(Framed):
    """Enter goes there; `/ @prod` keeps projects and environments of that name."""

    AUTO_FOCUS = "#projects"
    CSS_PATH = "projects.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back", show=False, id="projects.back"),
        Binding("tab,shift+tab", "turn", "Projects, or what needs somebody", show=False, id="projects.turn"),
        Binding("at", "name", "Keep projects by name or environment", show=False, id="projects.name"),
        Binding("f", "forget", "Take the project off the list", show=False, id="projects.forget"),
    ]

    def __init__(self, standing: Standing, here: Path, person: str) -> None:
        super().__init__(standing, id="projects-screen")
        self._here = here
        self._found: dict[str, Neighbour] = {}
        self._lookout = Lookout(person, self.post_message)
        self._projects = Rows("name", self._project, empty="◌ looking", head=_head, tall=2, id="projects")
        self._waiting = Rows("key", _need, empty="● Nothing waits for somebody.", tall=2, id="waiting")

    @property
    def timed(self) -> bool:
        return False

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Projects",)

    def within(self) -> Iterable[Widget]:
        with Vertical(id="side-by-side"):
            yield self._projects
            yield self._waiting

    def on_mount(self) -> None:
        self._count()
        self._lookout.start()
        self._lookout.look()
        self.set_interval(AGAIN, self._lookout.look)

    def on_unmount(self) -> None:
        self._lookout.close()

    # -- what is shown --------------------------------------------------------------------------------------------

    @on(Listed)
    def _listed(self, message: Listed) -> None:
        """What is on the list; what is listed no more is gone."""
        message.stop()
        self._projects.say(f"■ {message.problem}" if message.problem else NONE)
        self._found = {each.name: each for each in message.found}
        self._draw()

    @on(Looked)
    def _looked(self, message: Looked) -> None:
        """How one of them stands."""
        message.stop()
        if message.found.name in self._found:
            self._found[message.found.name] = message.found
            self._draw()

    def _draw(self) -> None:
        found = sorted(self._found.values(), key=lambda each: (RANK.index(each.status), -len(each.needs)))
        waiting = [row for each in found for row in each.waiting]
        waiting.sort(key=_urgency)
        self._projects.show([each.row for each in found])
        self._waiting.show(waiting)
        self._count()

    def _project(self, row: Row, width: int) -> list[Text]:
        return project(row, width, here=row["folder"] == str(self._here))

    # -- what is asked --------------------------------------------------------------------------------------------

    @on(Rows.Opened, "#projects")
    def _go(self, event: Rows.Opened) -> None:
        if event.row is not None:
            self._onwards(str(event.row["name"]), HERE)

    @on(Rows.Opened, "#waiting")
    def _go_to(self, event: Rows.Opened) -> None:
        argv = event.row.get("leads") if event.row is not None else ()
        if event.row is not None and isinstance(argv, tuple):
            self._onwards(str(event.row["project"]), Link(argv))

    def _onwards(self, name: str, link: Link) -> None:
        there = self._found[name]
        if there.problem:
            self.app.notify(f"{name}: {there.problem}", severity="error", markup=False)
            return
        self.post_message(Onwards(there.root, link))

    def filterable(self) -> Rows:
        return self._projects

    async def action_name(self) -> None:
        """Ask for a part of a project's name, or of an environment's."""
        self._filters["projects"] = self._filters.get("projects", "") or "@"
        await self.action_filter()

    def filter(self, rows: Rows, typed: str, wishes: tuple[Wish, ...]) -> None:
        """Keep rows of both lists."""
        super().filter(rows, typed, wishes)
        self._projects.keep(wishes)
        self._waiting.keep(wishes)
        self._count()

    def _count(self) -> None:
        for rows, title in ((self._projects, "Projects"), (self._waiting, "Needs you, everywhere")):
            rows.border_title = f"{title} ({counted(rows.count, rows.every)})"

    def action_forget(self) -> None:
        row = self._projects.row
        try:
            if row is not None:
                known.forget(str(row["name"]))
                self.app.notify(f"{row['name']} is off the list; {row['folder']} is as it was.", markup=False)
        except Refusal as problem:
            self.app.notify(str(problem), severity="error", markup=False)
        self._lookout.look()

    def action_turn(self) -> None:
        """To the other list; where only one has room, that is the one that is seen."""
        self.toggle_class("-turned")
        self.set_focus(self._waiting if self.focused is self._projects else self._projects)

    def action_back(self) -> None:
        if not self.unsift():
            self.dismiss()


def counted(kept: int, every: int) -> str:
    return f"{kept} of {every}" if kept != every else str(every)


def _urgency(row: Row) -> tuple[int, bool]:
    """The gravest first, and of those what is one's own."""
    status = row.get("status")
    return next((place for place, each in enumerate(RANK) if each is status), len(RANK)), not row.get("yours")


def _head(row: Row, width: int) -> list[Text]:
    name, roomy = _widths(width)
    cells = [fit("   project", name + 3), fit("environment", PLACE) if roomy else "", fit("health", HEALTH),
             fit("needs", NEEDS), fit("running", JOBS) if roomy else ""]
    return [Text("".join(cells), style="dim")]


def _widths(width: int) -> tuple[int, bool]:
    """The columns of the name, and whether there are columns for environment and jobs."""
    roomy = width >= 3 + NAME + PLACE + HEALTH + NEEDS + JOBS
    return (NAME if roomy else max(width - 3 - HEALTH - NEEDS, 10)), roomy


def project(row: Row, width: int, *, here: bool = False) -> list[Text]:
    """A project on two lines: how it stands; and what is first there, or why it cannot be seen."""
    (mark, colour), (name, roomy) = glyph(row["status"]) if row["status"] else ("◌", "blue"), _widths(width)
    upper = Text.assemble((f" {mark} ", colour), (word(row["name"], name - 1), "bold"), " ")
    if roomy:
        environment = row["environment"]
        upper.append(word(environment, PLACE), style="bold yellow" if environment == "production" else "dim")
    upper.append(word(_health(row), HEALTH), style=colour)
    upper.append(word("" if row["problem"] else f"{row['needs']} wait" if row["needs"] else "nothing", NEEDS),
                 style="bold red" if row["needs"] else "dim")
    if roomy:
        running = row["running"]
        upper.append(word("" if running is None else f"{running} running" if running else "none", JOBS),
                     style="blue" if running else "dim")
    upper.truncate(width)
    told = str(row["problem"] or row["first"] or "")
    lower = Text.assemble("   ", (word(told, 400).rstrip(), "red" if row["problem"] else ""))
    where = _when(row) or ("here · " if here else "") + _end(str(row["folder"]), width // 3)
    return [upper, sides(lower, Text(f"{where} ", style="dim"), width)]


def _end(folder: str, room: int) -> str:
    """The end of a folder's name, which tells it from others."""
    shown = clean(folder)
    while width_of(shown) > room:
        shown = f"…{shown.removeprefix('…')[1:]}"
    return shown


def _health(row: Row) -> str:
    status, models = row["status"], row["models"]
    if row["problem"]:
        return "cannot be seen"
    if status is None:
        return "looking"
    return f"{status} {row['worst']} of {models}" if models else "no model"


def _when(row: Row) -> str:
    """As of when it stands, before it has been looked at."""
    at, zone = row["at"], row["zone"]
    if row["looked"] or not isinstance(at, datetime):
        return ""
    return f"as of {short_time(at, ZoneInfo(str(zone)) if zone else UTC)}"


def _need(row: Row, width: int) -> list[Text]:
    """What waits, with the name of the project where it does."""
    room = LABEL if width >= 80 else LABEL - 4
    first, second = panels.need(row, max(width - room, 20))
    name = Text.assemble(" ", (word(row["project"], room - 2), "bold"), " ")
    return [name + first, Text(" " * room) + second]
