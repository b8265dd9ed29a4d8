"""One language for how things stand: the same glyph, word and kind of colour in the terminal, the page and Slack."""

import json
import re
from datetime import UTC
from importlib.resources import files

import pytest
from textual.color import Color

from bots.blocks import message
from mlops_tui.render.cells import GLYPHS
from mlops_tui.render.html import as_html
from mlops_tui.render.markdown import as_markdown
from mlops_tui.render.terminal import lines
from mlops_tui.tui.paint import tones
from mlops_tui.tui.themes import THEMES
from mlops_tui.view import Column, Status, Step, Steps, Table, View
from tests.tui.test_themes import contrast

KINDS = {"green": "pass", "yellow": "warn", "red": "fail", "dim": "unknown", "blue": "running"}
STYLE = files("templates").joinpath("report.css").read_text("utf-8")


@pytest.mark.parametrize("status", Status)
def test_every_surface_says_a_status_by_glyph_and_word(status: Status) -> None:
    view = View("It stands so", status, (Table.of("t", [{"of": "a", "how": status}], "of", Column("how")),
                                         Steps((Step("s", status, None, ""),))))
    shown = ["\n".join(line.plain for line in lines(view)), as_markdown(view, zone=UTC),
             re.sub(r"<[^>]+>", "", as_html(view, zone=UTC)),
             json.dumps(message(view, zone=UTC, command=()), ensure_ascii=False)]
    for text in shown:
        assert text.count(GLYPHS[status][0]) >= 2
        assert status.value in text


@pytest.mark.parametrize("status", Status)
def test_the_page_gives_it_the_kind_of_colour_that_the_terminal_gives_it(status: Status) -> None:
    [kind] = re.findall(rf"\.{status.value}\b[^{{}}]*\{{ color: var\(--(\w+)\)", STYLE)
    assert kind == KINDS[GLYPHS[status][1]]


def test_a_theme_has_a_colour_of_its_own_for_each() -> None:
    for theme in THEMES:
        colours = {**theme.to_color_system().generate(), **theme.variables}
        assert len({tones(colours)[kind] for kind in KINDS}) == len(KINDS), theme.name


def test_on_a_page_too_every_colour_can_be_read() -> None:
    palettes = [dict(re.findall(r"--(\w+): (#\w{6})", block)) for block in re.findall(r":root \{([^}]+)\}", STYLE)]
    assert len(palettes) == 3, "by day, by night, on paper"
    for palette in palettes:
        assert {(name, ground): round(ratio, 1) for name in {"ink", "faint", "one", "two", *KINDS.values()}
                for ground in ("page", "soft")
                if (ratio := contrast(Color.parse(palette[name]), Color.parse(palette[ground]))) < 4.5} == {}
