"""What every part of the dashboard stands on: the desk that is asked, how things stand, and what is said."""

from dataclasses import replace

from textual.app import App
from textual.notifications import SeverityLevel
from textual.strip import Strip
from textual.widgets import Input

from mlops_tui.render.cells import clean
from mlops_tui.tui.desk import Desk, Work
from mlops_tui.tui.places import RESERVED
from mlops_tui.tui.screens.framed import Framed
from mlops_tui.tui.standing import Standing
from mlops_tui.tui.widgets.bar import Bar


class Desked(App[None]):
    """An app with a desk. `busy` counts what the desk has not answered yet."""

    reserved: frozenset[str] = RESERVED  # letters that are no next step's
    looks: frozenset[tuple[str, ...]] = frozenset()  # the commands that change nothing, once they are known

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.busy = 1  # the first of all is to begin; nothing is drawn anew because of it
        self.desk = desk
        self._standing = Standing()

    def _ask(self, asked: Work, *, beside: bool = False) -> None:
        """Have it looked up or done; `beside` where it takes long, so that nothing else waits for it."""
        self.busy += 1
        (self.desk.beside if beside else self.desk.ask)(asked)

    def _change(self, asked: Work, what: str) -> None:
        """Have done what may change something: nobody quits before it is done without being asked."""
        self.busy += 1
        self.desk.change(asked, what)

    def _stand(self, told: Standing) -> None:
        """Tell every screen of the mode that is seen."""
        self._standing = told
        here = self._here()
        for screen in self.screen_stack:
            if isinstance(screen, Framed):
                screen.stand(here)

    def _here(self) -> Standing:
        return replace(self._standing, mode=self.current_mode)

    @property
    def _locked(self) -> bool:
        return bool(self._standing.facts.get("read_only"))

    def _typing(self) -> bool:
        return isinstance(self.screen.focused, Input)

    def notify(self, message: str, *, title: str = "", severity: SeverityLevel = "information",
               timeout: float | None = None, markup: bool = False) -> None:
        """Say it in a corner, with nothing in it that a terminal obeys."""
        told = "\n".join(map(clean, message.split("\n")))
        super().notify(told, title=title, severity=severity, timeout=timeout, markup=markup)

    def _say(self, text: str, *, bad: bool = False) -> None:
        self.notify(text, severity="error" if bad else "information")

    def _painted(self) -> list[Strip]:
        """The screen as it is seen, line by line."""
        return self.screen._compositor.render_strips()

    def _work(self, what: str) -> None:
        """Say at the top what is being done."""
        for bar in self.screen.query(Bar):
            bar.work(what)
