"""The colours that the dashboard is shown in."""

import os

from mlops_tui.tui.desk import Desk
from mlops_tui.tui.parts.desked import Desked
from mlops_tui.tui.themes import THEMES


class Themed(Desked):
    """An app with themes of its own."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        for theme in THEMES:
            self.register_theme(theme)
        if self.theme in {theme.name for theme in THEMES}:  # asked for by TEXTUAL_THEME, before it was known
            self.stylesheet.set_variables(self.get_css_variables())
        elif "TEXTUAL_THEME" not in os.environ:
            self.theme = THEMES[0].name
