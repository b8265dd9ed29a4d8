"""A list beside the detail of the row under its cursor; where room is short, Enter shows the detail."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget

from mlops_tui.tui.filtering import Wish
from mlops_tui.tui.links import nearest, row_place, slug
from mlops_tui.tui.messages import Counted, Perform, Sifted, Sought
from mlops_tui.tui.ordering import Order, order_of
from mlops_tui.tui.paint import titled
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.sections import SECTIONS
from mlops_tui.tui.standing import MODES, Standing
from mlops_tui.tui.starts import STARTS
from mlops_tui.tui.widgets.body import NOTHING
from mlops_tui.tui.widgets.pane import Pane
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Row, Series, View

LOOKING = "◌ looking"
LOOKED_AT = ("line", "band", "heat", "graph")  # pictures of the whole; the others illustrate a table


class SectionScreen(Framed):
    """A part of the dashboard: it is given rows and views, and asks for commands.

    Where only one of list and detail has room, `-detail` says that it is the detail.
    """

    AUTO_FOCUS = "#list"
    CSS_PATH: ClassVar[list[str | PurePath]] = ["answer.tcss", "section.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,backspace", "back", "Back to the list", show=False, id="section.back"),
        Binding("tab", "turn", "List or detail", show=False, id="section.turn"),
        Binding("shift+tab", "turn", "List or detail", show=False, id="section.turn-back"),
        Binding("ctrl+s", "app.save_view", "Save the list as it is filtered, under a name", show=False,
                id="section.save-view"),
        Binding("right,right_square_bracket", "side(1)", "Next side of the row", show=False, id="section.side"),
        Binding("left,left_square_bracket", "side(-1)", "Side before", show=False, id="section.side-back"),
    ]

    def __init__(self, id: str, standing: Standing) -> None:
        super().__init__(standing, id=id)
        section = self._section = SECTIONS[id]
        head = section.head
        self.list = Rows("key", lambda row, width: section.lines(row, width, self.standing.zone), empty=LOOKING,
                         head=(lambda row, width: [head(width)]) if head is not None else None,
                         tall=section.tall, now=lambda: self.standing.now, markable=True, id="list")
        self.pane = Pane(id="pane")
        self._shown: tuple[str, ...] = ()
        self._side = ""
        self._left: Mapping[str, str] = {}  # how it was left last time
        self._before: Sequence[Row] = ()  # the rows of last time, until those of now are there
        self._wish: tuple[str, str] | None = None  # a row and a side that somebody wants to see
        self.known = False  # whether its rows have been told

    @property
    def crumbs(self) -> tuple[str, ...]:
        title, row = next(mode.title for mode in MODES if mode.id == self.id), self.list.row
        return (title, str(row.get("name") or row.get("seq") or "")) if self._alone and row is not None else (title,)

    @property
    def command(self) -> tuple[str, ...]:
        within = self.focused is not None and self.pane in self.focused.ancestors_with_self
        return self._shown if within and self._shown else self._section.twin

    @property
    def _beside(self) -> bool:
        """Whether list and detail both have room: beside each other, or below each other on a high narrow terminal."""
        return not self.has_class("-narrow") or self.has_class("-tall")

    @property
    def _alone(self) -> bool:
        """Whether the detail is seen, and not the list."""
        return self.has_class("-detail") and not self._beside

    def within(self) -> Iterable[Widget]:
        with Horizontal(id="section"):
            yield self.list
            yield self.pane

    def on_mount(self) -> None:
        self.list.border_title = self._section.title
        self.refilter(self.list, self._left.get("filter", ""), order_of(self._left.get("sort", "")))
        if self._before:
            self.fill(self._before)

    # -- what is shown --------------------------------------------------------------------------------------------

    def fill(self, rows: Sequence[Row]) -> None:
        """The rows as they are now."""
        self.list.say(self._section.empty)
        self.list.show(rows)
        self.known = True
        self._told()
        if self._wish is not None:
            self._meet(*self._wish)

    def recall(self, left: Mapping[str, str], rows: Sequence[Row] = ()) -> None:
        """How it was left last time, and its rows then; it is told before it is seen."""
        self._left, self._side, self._before = left, left.get("side", ""), rows
        if left.get("row") and self._section.looks:
            self._wish = left["row"], ""

    def resume(self, left: Mapping[str, str]) -> None:
        """Show it filtered, in order and from the side as it was saved."""
        if not self.is_mounted:
            self._left, self._side = left, left.get("side", "")
            return
        self._side = left.get("side", "")
        self.refilter(self.list, left.get("filter", ""), order_of(left.get("sort", "")))
        self._moved(Rows.Moved(self.list, self.list.row))

    def memory(self) -> dict[str, str]:
        """How it is left now."""
        row = self.list.key if self._section.looks else ""
        return {"row": row, "side": self._side, "filter": self._filters.get("list", ""),
                "sort": self.list.sift.order.kept}

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
            wanted, near = (row_place(self.id or "", each) if each else "" for each in (key, found))
            self.app.notify(f"There is no {wanted} here." + (f" The nearest is {near}." if near else ""),
                            severity="warning", markup=False)
        if not (meant or asked) or not self.list.stand(found):
            return
        titles = {slug(each.title): each.title for each in self._section.sides_of(self.list.row)}
        if side:
            self._side = titles.get(slug(side), self._side)
            self._moved(Rows.Moved(self.list, self.list.row))
        if asked and meant and self._section.works and not side:  # whoever comes to one comes to work on it
            self._opened(Rows.Opened(self.list, self.list.row))
        elif asked and meant and not self._beside:
            self._go_in()

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

    def counted(self, found: Counted) -> None:
        """How long the history is that is read page by page, and how much of it is wanted."""
        if found.sift != self.list.sift:
            return
        self.list.say(LOOKING if found.more else self._section.empty)
        self.list.named = found.named
        self.known = True
        if found.restart:
            self.list.restart(found.extent, found.every)
        else:
            self.list.grow(found.extent, found.every)
        self._told(found)

    def _told(self, found: Counted | None = None) -> None:
        """How many rows there are, and where some are left out, of how many."""
        kept, every = self.list.count, self.list.every
        count = f"{kept:,} of {every:,}" if kept != every else f"{every:,}"
        more = " ◌" if found is not None and found.more else ""
        later = f" · {found.waiting:,} new: r" if found is not None and found.waiting else ""
        self.list.border_title = f"{self._section.title} ({count}){more}{later}"
        self.changed(self.list)
        if not kept:
            self.remove_class("-detail")
            self._shown = ()
            self._head(())
            self.pane.show(NOTHING if every else STARTS[self.id or ""], ())

    def changed(self, rows: Rows) -> None:
        """Below the list stands the command that shows the same elsewhere; where the list is filtered, its filter."""
        super().changed(rows)
        if rows is self.list and not rows.border_subtitle:
            rows.border_subtitle = titled(" ".join(self._section.twin), "$text-muted")

    def detail(self, argv: tuple[str, ...], view: View) -> None:
        """What the row under the cursor leads to."""
        if self._leads == argv:
            self._shown = argv
            self._head(argv)
            self.pane.show(pictured(view), argv, self.standing.zone)

    def _head(self, argv: tuple[str, ...]) -> None:
        """The command at the top of its answer; where a row has sides, their names, and the command below."""
        command, row = titled(" ".join(argv)), self.list.row
        sides, seen = self._section.sides_of(row), self._section.seen(row, self._side)
        named = tabs([side.title for side in sides], seen.title if seen is not None else "",
                     self.pane.size.width or self.size.width - 6)
        self.pane.border_title = named or command
        self.pane.border_subtitle = command if named else ""
        self._frame()

    @property
    def _leads(self) -> tuple[str, ...]:
        """The command that shows the row under the cursor; nothing where there is none."""
        return self._section.detail(self.list.row, self._side) if self.list.row is not None else ()

    @property
    def wanted(self) -> tuple[str, ...]:
        """The command whose answer is the detail; nothing where it is not seen."""
        return self._leads if self._beside or self._alone else ()

    @on(Rows.Moved, "#list")
    def _moved(self, event: Rows.Moved) -> None:
        event.stop()
        self._head(self._leads)
        if self.wanted:
            if self.wanted != self._shown:
                self.pane.border_subtitle = LOOKING
            self.post_message(Sought(self.id or "", self.wanted))

    def on_resize(self) -> None:
        self.call_after_refresh(self._again)

    def _again(self) -> None:
        """There may be room for the detail now, or no longer for what had the focus."""
        self._moved(Rows.Moved(self.list, self.list.row))
        if self.focused is None or (not self.wanted and self.focused is not self.list):
            self.list.focus()

    # -- what is asked --------------------------------------------------------------------------------------------

    @on(Rows.Opened, "#list")
    def _opened(self, event: Rows.Opened) -> None:
        event.stop()
        if self._section.works and event.row is not None:
            self.post_message(Perform((str(event.row["kind"]), "show", str(event.row["name"]))))
        elif self._leads:
            self._go_in()

    def _go_in(self) -> None:
        """To the detail of the row under the cursor, which may take the place of the list."""
        self.add_class("-detail")
        self._moved(Rows.Moved(self.list, self.list.row))
        self.call_after_refresh(self.pane.body.focus)

    def _go_out(self) -> None:
        self.remove_class("-detail")
        self.list.focus()
        self._frame()

    @property
    def lettered(self) -> bool:
        """Only while the detail is that of the row under the cursor, or of nothing, and seen."""
        return (self._beside or self._alone) and self._leads == self._shown

    def filterable(self) -> Rows | None:
        return None if self._alone else self.list

    def filter(self, rows: Rows, typed: str, wishes: tuple[Wish, ...]) -> None:
        super().filter(rows, typed, wishes)
        self._resifted(rows)

    def sort(self, rows: Rows, order: Order) -> None:
        super().sort(rows, order)
        self._resifted(rows)

    def _resifted(self, rows: Rows) -> None:
        if rows is self.list and self._section.looks:
            if self.known:
                self._told()
        elif rows is self.list:
            self.post_message(Sifted(rows.sift))

    def action_back(self) -> None:
        """From the detail to the list; in the list, all rows again."""
        if self.focused is not self.list:
            self._go_out()
        else:
            self.unsift()

    def action_side(self, step: int) -> None:
        """Another side of the row under the cursor; every row then shows that one."""
        if not self.wanted:
            self._go_in()
            return
        sides = self._section.sides_of(self.list.row)
        seen = self._section.seen(self.list.row, self._side)
        if seen is not None:
            self._side = sides[(sides.index(seen) + step) % len(sides)].title
            self._moved(Rows.Moved(self.list, self.list.row))

    def action_turn(self) -> None:
        if self.focused is self.list and self._leads:
            self._go_in()
        elif self.focused is self.pane.body and self.pane.actions.display:
            self.pane.actions.focus()
        else:
            self._go_out()


def pictured(view: View) -> View:
    """The view with its first picture before its numbers: one looks at a detail before one reads it."""
    picture = next((part for part in view.parts if isinstance(part, Series)), None)
    if picture is None or picture.kind not in LOOKED_AT:
        return view
    return replace(view, parts=(picture, *(part for part in view.parts if part is not picture)))


def tabs(titles: Sequence[str], seen: str, width: int) -> str:
    """The names of sides in a line, as markup, that of the one which is seen bright; where there is no room for all,
    those around it."""
    first = 0
    while first < len(titles) and sum(len(title) + 2 for title in titles[first:]) > width and titles[first] != seen:
        first += 1
    shown = [f"[b $primary]{title}[/]" if title == seen else f"[$text-muted]{title}[/]" for title in titles[first:]]
    return ("[$text-muted]‹[/] " if first else "") + "  ".join(shown)
