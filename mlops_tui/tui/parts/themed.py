"""The colours that the dashboard is shown in: those that suit the terminal, until somebody chooses."""

import os
from collections.abc import Sequence

from textual.app import App
from textual.filter import Monochrome, NoColor

from mlops_tui.errors import BadInput
from mlops_tui.tui import background
from mlops_tui.tui.desk import Desk
from mlops_tui.tui.parts.kept import Keeping
from mlops_tui.tui.themes import ANSI, ANSI_LIGHT, DARK, LIGHT, THEMES

AUTO = "auto"
NAMES = [theme.name for theme in THEMES]
FEW = (None, "standard")  # colours of a terminal that cannot mix any


class Themed(Keeping):
    """An app with themes of its own, each of which can be read."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        others = [name for name in self.available_themes if name not in NAMES]
        for theme in THEMES:
            self.register_theme(theme)
        self._suiting = ANSI if self.no_color else DARK
        self._put_on(self.theme if self.theme in NAMES else self._chosen_theme or self._suiting)  # TEXTUAL_THEME first
        for name in others:
            self.unregister_theme(name)
        if self.no_color:  # none at all: greys are colours too
            self._filters[:] = [NoColor() if isinstance(each, Monochrome) else each for each in self._filters]

    def _put_on(self, name: str) -> None:
        """A theme before the first picture: what `watch_theme` would do then reads all rules twice more."""
        self.set_reactive(App.theme, name)
        self.stylesheet.set_variables(self.get_css_variables())
        dark = self.current_theme.dark
        held = {"-dark-mode": dark, "-light-mode": not dark, **{f"-theme-{each}": each == name for each in NAMES}}
        self.update_classes(held, update=False)
        self._refresh_truecolor_filter(self.ansi_theme)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """What our rules name and a theme of the library does not."""
        return THEMES[0].variables

    def suit_the_terminal(self) -> str:
        """Take the theme that suits the terminal, unless one was chosen; what was typed while it was asked."""
        if self._chosen_theme or "TEXTUAL_THEME" in os.environ:
            return ""
        light, typed = background.seen()
        plain = self.no_color or self.console.color_system in FEW
        dark, bright = (ANSI, ANSI_LIGHT) if plain else (DARK, LIGHT)
        self._suiting = bright if light else dark
        self._put_on(self._suiting)
        return typed

    @property
    def _chosen_theme(self) -> str:
        """What somebody chose here before; nothing where the terminal decides, or that theme is no more."""
        name = self.kept.get("theme", "")
        return name if name in NAMES else ""

    def watch_theme(self, name: str) -> None:
        """Whichever way it was chosen, it is kept."""
        if self.is_running:
            self._keep("theme", name)

    def themes(self) -> Sequence[str]:
        """What can be chosen."""
        return [AUTO, *NAMES]

    def action_theme(self, name: str = "") -> None:
        """Choose a theme by its name, or from the list of them."""
        if not name:
            self.search_themes()
        elif name not in self.themes():
            raise BadInput(f"No theme is called '{name}'.", next=f"There are {', '.join(self.themes())}.")
        else:
            self.theme = self._suiting if name == AUTO else name
            self._keep("theme", None if name == AUTO else name)
