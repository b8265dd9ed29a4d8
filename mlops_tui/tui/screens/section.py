"""A list beside the detail of the row under its cursor; where room is short, Enter shows the detail."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.markup import escape
from textual.widget import Widget

from mlops_tui.tui.links import nearest, slug
from mlops_tui.tui.messages import Perform, Sifted, Sought
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.sections import SECTIONS
from mlops_tui.tui.standing import MODES, Standing
from mlops_tui.tui.widgets.body import NOTHING
from mlops_tui.tui.widgets.pane import Pane
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Row, View

LOOKING = "◌ looking"


class SectionScreen(Framed):
    """Pipelines, models, monitors, incidents or the history; it is given rows and views, and asks for commands."""

    AUTO_FOCUS = "#list"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["answer.tcss", "section.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back to the list", show=False, id="section.back"),
        Binding("tab", "turn", "List or detail", show=False, id="section.turn"),
        Binding("shift+tab", "turn", "List or detail", show=False, id="section.turn-back"),
        Binding("right,right_square_bracket", "side(1)", "Next side of the row", show=False, id="section.side"),
        Binding("left,left_square_bracket", "side(-1)", "Side before", show=False, id="section.side-back"),
    ]

    def __init__(self, id: str, standing: Standing) -> None:
        super().__init__(standing, id=id)
        self._section = SECTIONS[id]
        self._shown: tuple[str, ...] = ()
        self._side = ""
        self._left: Mapping[str, str] = {}  # how it was left last time
        self._wish: tuple[str, str] | None = None  # a row and a side that somebody wants to see
        self.typed = ""
        self.known = False  # whether its rows have been told

    @property
    def crumbs(self) -> tuple[str, ...]:
        return (next(mode.title for mode in MODES if mode.id == self.id),)

    @property
    def command(self) -> tuple[str, ...]:
        return self._section.looks[0] if self._section.looks else ("audit", "log")

    def within(self) -> Iterable[Widget]:
        section = self._section
        with Horizontal(id="section"):
            yield Rows("key", lambda row, width: section.lines(row, width, self.standing.zone), empty=LOOKING,
                       tall=section.tall, id="list")
            yield Pane(id="pane")

    def on_mount(self) -> None:
        self.list.border_title = self._section.title
        if self._left.get("filter"):
            self.sift(self.list, self._left["filter"])

    @property
    def list(self) -> Rows:
        return self.query_one("#list", Rows)

    @property
    def pane(self) -> Pane:
        return self.query_one("#pane", Pane)

    # -- what is shown --------------------------------------------------------------------------------------------

    def fill(self, rows: Sequence[Row]) -> None:
        """The rows as they are now."""
        self.list.say(self._section.empty)
        self.list.show(rows)
        self._told(self.list.count, len(rows))
        self.known = True
        if self._wish is not None:
            self._meet(*self._wish)

    def recall(self, left: Mapping[str, str]) -> None:
        """How it was left last time; it is told before it is seen."""
        self._left, self._side = left, left.get("side", "")
        if left.get("row") and self._section.looks:
            self._wish = left["row"], ""

    def memory(self) -> dict[str, str]:
        """How it is left now."""
        row = self.list.key if self._section.looks else ""
        return {"row": row, "side": self._side, "filter": self._filters.get("list", "")}

    def seek(self, key: str, side: str) -> None:
        """Show that row, or the nearest, on that side: now, or when the rows are there."""
        self._left, self._wish = {}, (key, side)
        if self.known:
            self._meet(key, side)

    def _meet(self, key: str, side: str) -> None:
        """Go to the row that is wanted, past any filter; what one did not find oneself is told where it is missing."""
        self._wish = None
        found, meant = nearest(self.list.all, key)
        asked = not self._left
        if asked and found and not self.list.stand(found):
            self.unsift()
        if asked and key and not meant:
            self.app.notify(f"There is no {key} here." + (f" The nearest is {found}." if found else ""),
                            severity="warning", markup=False)
        if not (meant or asked) or not self.list.stand(found):
            return
        titles = {slug(each.title): each.title for each in self._section.sides_of(self.list.row)}
        if side:
            self._side = titles.get(slug(side), self._side)
            self._moved(Rows.Moved(self.list, self.list.row))
        if asked and meant and not self.wanted:
            self.post_message(Perform(self._leads))  # there is no room for it beside its row

    @property
    def side(self) -> str:
        """The side that is seen, where it is not the one that the row opens on."""
        seen, usual = (self._section.seen(self.list.row, side) for side in (self._side, ""))
        return seen.title if seen is not None and seen is not usual else ""

    def fail(self, view: View) -> None:
        """The rows cannot be had, and why."""
        facts = view.facts()
        self.list.say("\n".join(f"■ {view.title}" if not number else str(value)
                                for number, value in enumerate((view.title, *facts.values()))))
        self.list.show(())
        self.pane.show(NOTHING, ())

    def count(self, typed: str, total: int, every: int, *, restart: bool) -> None:
        """How long the history is that is read page by page, and how much of it the filter keeps."""
        if typed != self.typed:
            return
        self.list.say(self._section.empty)
        self.known = True
        if restart:
            self.list.restart(total)
        else:
            self.list.grow(total)
        self._told(total, every)

    def _told(self, kept: int, every: int) -> None:
        count = f"{kept:,} of {every:,}" if kept != every else f"{every:,}"
        self.list.border_title = f"{self._section.title} ({count})"
        if not kept:
            self.pane.show(NOTHING, ())

    def detail(self, argv: tuple[str, ...], view: View) -> None:
        """What the row under the cursor leads to."""
        if self._leads == argv:
            self._shown = argv
            self._head(argv)
            self.pane.remove_class("-before")
            self.pane.show(view, argv, self.standing.zone)

    def _head(self, argv: tuple[str, ...]) -> None:
        """The command at the top of its answer; where a row has sides, their names, and the command below."""
        command, sides = escape(" ".join(argv)), self._section.sides_of(self.list.row)
        seen = self._section.seen(self.list.row, self._side)
        named = "  ".join(f"[b $primary]{side.title}[/]" if side is seen else
                          f"[$text-muted]{side.title}[/]" for side in sides)
        self.pane.border_title = named or command
        self.pane.border_subtitle = command if named else ""
        if not self._filters.get(self.list.id or "", "").strip():  # else what is filtered stands there
            self.list.border_subtitle = named if self.has_class("-narrow") else ""

    @property
    def _leads(self) -> tuple[str, ...]:
        """The command that shows the row under the cursor; nothing where there is none."""
        return self._section.detail(self.list.row, self._side) if self.list.row is not None else ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """The command whose answer is the detail; nothing where it is not seen."""
        return () if self.has_class("-narrow") else self._leads

    @on(Rows.Moved, "#list")
    def _moved(self, event: Rows.Moved) -> None:
        event.stop()
        self._head(self._leads)
        if self.wanted:
            if self.wanted != self._shown:
                self.pane.border_subtitle = LOOKING
                self.pane.add_class("-before")
            self.post_message(Sought(self.id or "", self.wanted))

    def on_resize(self) -> None:
        self.call_after_refresh(self._again)

    def _again(self) -> None:
        """There may be room for the detail now."""
        if self.wanted and self.wanted != self._shown:
            self.post_message(Sought(self.id or "", self.wanted))

    # -- what is asked --------------------------------------------------------------------------------------------

    @on(Rows.Opened, "#list")
    def _opened(self, event: Rows.Opened) -> None:
        event.stop()
        if self._section.works and event.row is not None:
            self.post_message(Perform((str(event.row["kind"]), "show", str(event.row["name"]))))
        elif self.wanted:
            self.pane.body.focus()
        elif self._leads:
            self.post_message(Perform(self._leads))

    @property
    def lettered(self) -> bool:
        """Only while the detail is that of the row under the cursor."""
        return bool(self.wanted) and self.wanted == self._shown

    def filterable(self) -> Rows | None:
        return self.list

    def sift(self, rows: Rows, typed: str) -> None:
        super().sift(rows, typed)
        if self._section.looks:
            self._told(self.list.count, self.list.every)
        else:
            self.typed = typed
            self.post_message(Sifted(typed))

    def action_back(self) -> None:
        """From the detail to the list; in the list, all rows again."""
        if self.focused is not self.list:
            self.list.focus()
        else:
            self.unsift()

    def action_side(self, step: int) -> None:
        """Another side of the row under the cursor; every row then shows that one."""
        sides = self._section.sides_of(self.list.row)
        seen = self._section.seen(self.list.row, self._side)
        if seen is not None:
            self._side = sides[(sides.index(seen) + step) % len(sides)].title
            self._moved(Rows.Moved(self.list, self.list.row))

    def action_turn(self) -> None:
        if self.focused is self.list and self.wanted:
            self.pane.body.focus()
        elif self.focused is self.pane.body and self.pane.actions.display:
            self.pane.actions.focus()
        else:
            self.list.focus()
