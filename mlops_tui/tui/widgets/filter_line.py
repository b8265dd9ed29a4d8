"""The line after `/`, whose words say which rows of a list stay."""

from datetime import UTC, tzinfo
from typing import ClassVar

from rich.highlighter import Highlighter
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widget import Widget
from textual.widgets import Input, Static

from mlops_tui.render.cells import clean
from mlops_tui.tui.filterwords import Filter, Known, completions, read
from mlops_tui.tui.messages import Filtered
from mlops_tui.tui.widgets.rows import Rows

HINT = 'words to keep, !not, a|b, "two words", status:fail, auc<0.8, age<2h'
LINES = 'words to keep, !not, a|b, "two words"'
SEEN = 6  # completions that are shown


class Underlined(Highlighter):
    """What is wrong with the words is underlined."""

    def __init__(self) -> None:
        self.filter = Filter()

    def highlight(self, text: Text) -> None:
        for problem in self.filter.problems:
            text.stylize("underline bold", problem.start, problem.end)


class FilterInput(Input):
    """Where it is typed: Tab completes columns and values, Enter keeps it, Esc takes it back."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "All rows again", show=False, id="filter.clear"),
        Binding("tab", "complete(1)", "Complete a column or a value", show=False, id="filter.complete"),
        Binding("shift+tab", "complete(-1)", "The completion before", show=False, id="filter.complete-back"),
    ]

    def __init__(self) -> None:
        self.underlined = Underlined()
        super().__init__(placeholder=HINT, highlighter=self.underlined, id="filter-input", compact=True,
                         select_on_focus=False)
        self.cursor_blink = False
        self.known: Known | None = None
        self._offered: list[tuple[str, int]] = []
        self._at = -1

    def offers(self) -> list[str]:
        """The words that Tab would put in."""
        start = self.value[:self.cursor_position].rpartition(" ")[2] if self.value else ""
        found = completions(self.value, self.cursor_position, self.known) if start else []
        return [line[:at].rpartition(" ")[2] for line, at in found[:SEEN]]

    def action_complete(self, by: int) -> None:
        if not self._offered:
            self._offered = completions(self.value, self.cursor_position, self.known)
        if self._offered:
            offered, self._at = self._offered, (self._at + by) % len(self._offered)
            self.value, self.cursor_position = offered[self._at]
            self._offered = offered

    def typed(self) -> None:
        """It is another word now: there is something else to complete."""
        if not self._offered or self.value != self._offered[self._at][0]:
            self._offered, self._at = [], -1

    def action_clear(self) -> None:
        self.value = ""
        self.post_message(Input.Submitted(self, ""))


class FilterLine(Horizontal):
    """Hidden until it is asked for; the list follows what is typed, as far as that can be read."""

    DEFAULT_CSS = """
    #filter-input { width: 1fr; background: transparent; }
    #filter-says { width: auto; max-width: 70%; height: 1; text-overflow: ellipsis; text-wrap: nowrap; }
    #filter-says.-wrong { color: $text-error; }
    """

    def __init__(self) -> None:
        super().__init__(id="filter-line")
        self._of: Widget | None = None
        self._zone: tzinfo = UTC
        self._count = ""

    def compose(self) -> ComposeResult:
        yield FilterInput()
        yield Static(id="filter-says")

    @property
    def input(self) -> FilterInput:
        return self.query_one(FilterInput)

    def ask(self, of: Widget, text: str, zone: tzinfo = UTC) -> None:
        """Filter that list, from what it is filtered by now, or lines that have no columns."""
        self._of, self._zone = of, zone
        self.input.known = Known.of(of.all or of.known, of.named) if isinstance(of, Rows) else None
        self.input.placeholder = HINT if isinstance(of, Rows) else LINES
        self._count = ""
        with self.prevent(Input.Changed):
            self.input.value = text
        self.display = True
        self.input.cursor_position = len(text)
        self._say()
        self.screen.set_focus(self.input)

    def count(self, kept: int, every: int) -> None:
        """So many rows are kept."""
        self._count = f"{kept:,} of {every:,} "
        self._say()

    def _say(self) -> None:
        """What is wrong, else what can be completed, and how many rows are kept."""
        problems = self.input.underlined.filter.problems
        told = Text(self._count, style="dim")
        if problems:
            told = Text(f"■ {clean(problems[0].why)} ", style="bold")
        elif offers := self.input.offers():
            told = Text.assemble((f"Tab: {clean('  '.join(offers))}   ", "dim"), told)
        says = self.query_one("#filter-says", Static)
        says.set_class(bool(problems), "-wrong")
        says.update(told)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self.input.typed()
        found = self.input.underlined.filter = read(event.value, self.input.known, self._zone)
        if self._of is not None and not found.problems:  # else what could be read last holds
            self.post_message(Filtered(self._of, event.value, found.wishes))
        self._say()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if self.screen.focused is self.input:
            self.screen.set_focus(self._of)
        self.display = False

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        self.display = False
