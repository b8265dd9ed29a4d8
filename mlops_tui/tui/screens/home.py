"""Home: what is healthy, what needs you, what runs, and what comes next."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import ClassVar

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.widget import Widget
from textual.widgets import Static

from mlops_tui.tui import panels
from mlops_tui.tui.messages import JobWanted, Opened, Perform
from mlops_tui.tui.paint import titled
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.standing import Standing
from mlops_tui.tui.widgets.body import Body
from mlops_tui.tui.widgets.drawing import Drawing
from mlops_tui.tui.widgets.pane import Pane
from mlops_tui.tui.widgets.rows import Rows
from mlops_tui.view import Column, Row, Series, Table, View

TWO_SIDES = 100  # columns from which both sides have room
NO_MODEL = "No model is declared yet.\n\nmlops-tui init     lays out a project\nmodels/NAME.yaml   declares a model"
PANELS = {"models": "model", "needs": "id", "jobs": "job", "next": "what"}  # and what names a row
NOTHING = "● Nothing waits for somebody."
LOOKING = "◌ looking"


class Home(Framed):
    """The first screen; it is given views and asks for commands, and knows nothing of the project itself."""

    AUTO_FOCUS = ""  # on_mount knows better
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "All rows again", show=False, id="home.back"),
        Binding("tab", "next", "Next panel", show=False, id="home.next"),
        Binding("shift+tab", "previous", "Previous panel", show=False, id="home.previous"),
    ]

    def __init__(self, view: View | None, standing: Standing) -> None:
        super().__init__(standing, id="home")
        self._view = view
        self._told = "models"  # the panel whose row is told in full
        self._problem: View | None = None
        self._failed: View | None = None  # before there was anything to show it on
        self._words, self._chart, self.about = Drawing("words"), Drawing("chart"), Pane(id="about")
        self._panels = {rows.id or "": rows for rows in (
            Rows("model", lambda row, width: panels.model(row, self.facets, width), empty=LOOKING,
                 head=lambda row, width: panels.model_head(self.facets, width), id="models"),
            Rows("id", panels.need, empty=LOOKING, tall=2, id="needs"),
            Rows("job", panels.job, empty=LOOKING, markable=True, id="jobs"),
            Rows("what", lambda row, width: panels.following(row, width, self.zone), empty=LOOKING, id="next"))}
        self._health, self._problem_said = Vertical(id="health"), Vertical(id="problem")
        for widget, title in ((self._health, "Models"), (self._chart, "Share of positives"),
                              (self._panels["needs"], "Needs you"), (self._panels["jobs"], "Running"),
                              (self._panels["next"], "Next")):
            widget.border_title = title

    @property
    def crumbs(self) -> tuple[str, ...]:
        return ("Home",)

    @property
    def command(self) -> tuple[str, ...]:
        return ("status",)

    def within(self) -> Iterable[Widget]:
        with Container(id="panels"):
            with Vertical(id="left"):
                with self._health:
                    yield self._panels["models"]
                    yield self._words
                yield self._chart
            with Vertical(id="right"):
                yield self._panels["needs"]
                yield self.about
                yield self._panels["jobs"]
                yield self._panels["next"]
        yield self._problem_said

    def on_mount(self) -> None:
        self.about.body.can_focus = self.about.display = False
        self._draw()
        self._panels["needs" if self._waits else "models"].focus()
        if self._failed is not None:
            self.fail(self._failed)

    @property
    def _waits(self) -> bool:
        """Whether something waits, and is seen: then one begins there."""
        return self._view is not None and bool(self._table("needs").rows) and self.app.size.width >= TWO_SIDES

    # -- what is shown --------------------------------------------------------------------------------------------

    @property
    def zone(self) -> tzinfo:
        return self.standing.zone

    @property
    def facets(self) -> Sequence[Column]:
        """What the health of a model is made of."""
        rows = self._table("models").rows
        return [column for column in self._table("models").columns if rows and f"{column.id}_why" in rows[0]]

    def _table(self, id: str) -> Table:
        assert self._view is not None
        return self._view.table(id)

    def show(self, view: View) -> None:
        """Home as it is now."""
        first, self._view = self._view is None, view
        self.remove_class("-broken")
        self._problem = None
        self._draw()
        if first and self._waits and self._panels["models"].has_focus:
            self._panels["needs"].focus()

    def fail(self, view: View) -> None:
        """The project cannot be shown; what was shown last is hidden behind the reason."""
        if not self._problem_said.is_attached:
            self._failed = view
            return
        if view != self._problem:
            self._problem_said.remove_children()
            self._problem_said.mount(
                Body(view), Static("\n It is tried again every two seconds; r tries at once.", markup=False))
        self._problem = view
        self.add_class("-broken")

    def _draw(self) -> None:
        if self._view is not None:
            for id, panel in self._panels.items():
                panel.show(self._table(id).rows)
            waiting, then = len(self._table("needs").rows), self.standing.as_of is not None
            needs, title = self._panels["needs"], "Needed you" if then else "Needs you"
            needs.border_title = f"{title} ({waiting})" if waiting else title
            self._panels["models"].say(NO_MODEL)
            self._panels["next"].say("nothing is scheduled")
            needs.say("● Nothing waited for somebody." if then else NOTHING)
            needs.set_class(waiting > 0, "-waiting")
            self._panels["jobs"].say("jobs are shown as of now only" if then else "nothing")
            self._health.border_subtitle = "Tab  what needs you" if self._narrow and waiting else ""
            self._draw_model(self._panels["models"].row)
            self._tell()
        self._frame()

    def _draw_model(self, row: Row | None) -> None:
        """The words and the picture of the model under the cursor."""
        if self._view is None:
            return
        zone, facets = self.zone, self.facets
        self._words.show(lambda width, height: panels.model_words(row, facets, width, zone))
        found = self._series(row)
        self._chart.border_title = titled(found.title if found is not None else "Share of positives")
        self._chart.show(lambda width, height: panels.share(found, width, height, zone))

    def _series(self, row: Row | None) -> Series | None:
        wanted = f"share/{row['model']}" if row is not None else ""
        parts = self._view.parts if self._view is not None else ()
        return next((part for part in parts if isinstance(part, Series) and part.id == wanted), None)

    # -- what is under the cursor -----------------------------------------------------------------------------------

    def _tell(self) -> None:
        """What the row under the cursor is in full, and what can be done about it."""
        row, about = self._panels[self._told].row, self.about
        about.display = row is not None
        if row is not None:
            name = str(row[PANELS[self._told]])
            about.border_title = titled(name)
            about.show(self._about(row), (self._told, name), self.zone)

    def _about(self, row: Row) -> View:
        match self._told:
            case "models":
                view = panels.model_view(row, self.facets, None)
                return replace(view, parts=())
            case "needs":
                return panels.need_view(row, locked=bool(self.standing.facts.get("read_only")))
            case "jobs":
                return panels.job_view(row)
            case _:
                return panels.next_view(row, self.zone)

    @property
    def lettered(self) -> bool:
        """Only where the steps are seen."""
        return self.about.display and self._problem is None and (not self._narrow or self.has_class("-side"))

    @on(events.DescendantFocus)
    def _focused(self, event: events.DescendantFocus) -> None:
        if isinstance(event.widget, Rows) and event.widget.id in PANELS:
            self._told = event.widget.id
            if self._view is not None:
                self._tell()

    @on(Rows.Moved)
    def _moved(self, event: Rows.Moved) -> None:
        if event.rows.id == "models":
            self._draw_model(event.row)
        if event.rows.id == self._told:
            self._tell()

    # -- what is asked --------------------------------------------------------------------------------------------

    @on(Rows.Opened, "#models")
    def _model_opened(self, event: Rows.Opened) -> None:
        if event.row is not None:
            view = panels.model_view(event.row, self.facets, self._series(event.row))
            self.post_message(Opened(("model", "show", str(event.row["model"])), view))

    @on(Rows.Opened, "#needs")
    @on(Rows.Opened, "#next")
    def _opened(self, event: Rows.Opened) -> None:
        argv = event.row.get("argv") if event.row is not None else ()
        if isinstance(argv, tuple) and argv:
            self.post_message(Perform(argv))

    @on(Rows.Opened, "#jobs")
    def _job_opened(self, event: Rows.Opened) -> None:
        if event.row is not None:
            self.post_message(JobWanted(int(str(event.row["job"]))))

    def action_back(self) -> None:
        self.unsift()

    def action_next(self) -> None:
        """The next panel; where only one side has room, the other side."""
        self._turn("models" if self.has_class("-side") else "needs") if self._narrow else self.focus_next()

    def action_previous(self) -> None:
        self.action_next() if self._narrow else self.focus_previous()

    @property
    def _narrow(self) -> bool:
        return self.has_class("-narrow")

    def _turn(self, to: str) -> None:
        self.toggle_class("-side")
        self._panels[to].focus()
