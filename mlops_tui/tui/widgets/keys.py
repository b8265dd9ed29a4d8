"""The line at the bottom: where the number keys lead, and the keys that matter where the focus is."""

from collections.abc import Collection, Mapping, Sequence

from rich.text import Text
from textual.strip import Strip
from textual.widget import Widget

from mlops_tui.declarations.keynames import shown
from mlops_tui.render.cells import clean, width_of
from mlops_tui.tui.paint import sides, strip, toned, tones
from mlops_tui.tui.standing import MODES

Hint = tuple[str, str]  # a key as it stands on a keyboard, and one word on what it does
TITLES, SHORT = {mode.id: mode.title for mode in MODES}, {mode.id: mode.short for mode in MODES}
NAMES = {"enter": "Enter", "escape": "Esc", "tab": "Tab", "up": "↑", "down": "↓", "left": "←", "right": "→"}
# What is worth a word at the bottom, by the id of its key; the most wanted first.
WORTH = {"app.now": "now", "everything.choose": "do it", "rows.open": "open", "body.open": "open",
         "framed.stop": "stop", "framed.log": "log", "answer.back": "back", "cockpit.back": "back",
         "everything.back": "back", "section.side": "side", "home.next": "panel", "framed.filter": "filter",
         "log.next": "next", "log.levels": "levels", "log.follow": "follow", "log.answer": "answer",
         "jobs.answer": "answer", "framed.sort": "sort", "rows.mark": "mark", "app.copy": "copy", "app.jump": "jump",
         "app.command": "command", "app.earlier": "time", "app.help": "all"}


def key_name(key: str) -> str:
    """A key as it stands on a keyboard."""
    return NAMES.get(key) or shown(key)


def hints(bound: Mapping[str | None, str], left: Collection[str] = ()) -> list[Hint]:
    """What to say of the keys that do something now, by their ids; those left out do nothing here."""
    return [(key_name(bound[id]), word) for id, word in WORTH.items() if id in bound and id not in left]


class Keys(Widget):
    """Shortened where room is short; the last hint, which leads to all the others, always stays."""

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._told: tuple[str, Sequence[Hint]] = ("home", ())

    def show(self, mode: str, hints: Sequence[Hint]) -> None:
        if (mode, hints) != self._told:
            self._told = (mode, hints)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        return strip(toned(line(*self._told, width), tones(self.app.theme_variables)), width, self.app.console,
                     self.rich_style)


def line(mode: str, hints: Sequence[Hint], width: int) -> Text:
    """The line at that width: the modes as fully named as leaves room for what is worth more, then what fits."""
    for names, fewest in ((TITLES, 5), (SHORT, 2), ({}, 1)):
        left = _modes(mode, names)
        right = next((told for count in range(len(hints), 0, -1) if width_of(
            (told := _hints([*hints[:count - 1], *hints[-1:]])).plain) + width_of(left.plain) < width), None)
        if right is not None and (right.plain.count("  ") + 1 >= min(fewest, len(hints)) or not names):
            return sides(left, right, width)
    return sides(left, _hints(hints[-1:]), width)


def _hints(hints: Sequence[Hint]) -> Text:
    told = Text("  ").join(Text.assemble((clean(key), "bold"), f" {clean(word)}") for key, word in hints)
    return told.append(" " if hints else "")


def _modes(current: str, names: Mapping[str, str]) -> Text:
    told = Text(" ")
    for mode in MODES:
        name = names.get(mode.id, mode.title if mode.id == current else "")
        told.append(f"{mode.digit} {name}".rstrip(), style="bold blue" if mode.id == current else "").append("  ")
    told.right_crop(1)
    return told
