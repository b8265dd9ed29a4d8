"""How the key screens look, in three sizes: their text, and the colour of each letter by its name in the theme.

Where a change is wanted, `GOLDEN=write pytest tests/tui/test_looks.py` writes them anew; the difference is read in git.
"""

import os
import re
from pathlib import Path

import pytest
from textual.color import Color

from mlops_tui.session import Session
from tests.screens import SIZES, Terminal, dashboard, run
from tests.tui.test_themes import DRAWN

HERE = Path(__file__).parent / "looks"
LETTERS = {"foreground": "t", "text-muted": "m", "success": "g", "warning": "y", "error": "r", "primary": "b",
           "secondary": "p", "text-error": "r", "text-success": "g", "text-warning": "y", "text-primary": "b"}
GROUNDS = ("cursor", "boost", "surface", "panel")
STEPS = (("home", ""), ("question", ":adopt write P-4"), ("incidents", "escape 6"),
         ("help", "question_mark i n c i d e n t"))
COUNTED = re.compile(r"(?<= of )\d+(?= ─)")  # all keys and commands that there are: no look


def pictured(terminal: Terminal) -> str:
    """The screen as text; below it each letter as the first of its colour, a capital where it is bold; at the end of a
    line the grounds that are not the screen's own."""
    variables = terminal.app.theme_variables
    names = {Color.parse(variables[name]).rgb: letter for name, letter in reversed(LETTERS.items())}
    grounds = {Color.parse(variables[name]).rgb: name for name in reversed(GROUNDS)}
    texts, colours = [], []
    for strip in terminal.app.screen._compositor.render_strips():
        line, under = "", set()
        for segment in strip:
            if (style := segment.style) is not None and style.color is not None:
                letter = names.get(Color.from_rich_color(style.color).rgb, "?")
                shown = letter.upper() if style.bold else letter
                line += "".join(" " if DRAWN.fullmatch(one) else shown for one in segment.text)
                if style.bgcolor is not None:
                    under.add(grounds.get(Color.from_rich_color(style.bgcolor).rgb, ""))
            else:
                line += " " * len(segment.text)
        texts.append(strip.text.rstrip())
        colours.append(f"{line.rstrip()}  /{' '.join(sorted(under - {''}))}".rstrip(" /"))
    text = "\n".join(texts)
    return "\n".join([COUNTED.sub(lambda found: "#" * len(found[0]), text), "═" * 20, *colours]) + "\n"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_the_screens_look_as_they_did(told: Session, size: tuple[int, int]) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, size, person="ana") as terminal:
            for name, keys in STEPS:
                await (terminal.type(keys[1:]) if keys[:1] == ":" else terminal.press(*keys.split()))
                path, seen = HERE / f"{name}-{size[0]}x{size[1]}.txt", pictured(terminal)
                if os.environ.get("GOLDEN") == "write":
                    path.parent.mkdir(exist_ok=True)
                    path.write_text(seen, "utf-8")
                assert seen == path.read_text("utf-8"), f"{path.name}: see the head of {Path(__file__).name}"

    run(story())
