"""What the dashboard looks like: its colours can be read wherever they stand, and nothing is told by colour alone."""

import os
import pty
import re
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.color import ColorType
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

import mlops_tui.tui
from mlops_tui.render.cells import GLYPHS
from mlops_tui.session import Session
from mlops_tui.tui.app import Dashboard
from mlops_tui.tui.background import QUESTION, asked, is_light, told_by
from mlops_tui.tui.screens.ask import Ask
from mlops_tui.tui.themes import ANSI, DARK, LIGHT, THEMES
from mlops_tui.view import Status
from tests.screens import Terminal, dashboard, run

MIXED = [theme for theme in THEMES if theme.name != ANSI]
TEXTS = ("foreground", "success", "warning", "error", "primary", "secondary", "accent", "text-muted", "text-disabled",
         "foreground-muted", "text", "text-error", "text-success", "text-warning", "text-primary", "muted")
GROUNDS = ("background", "surface", "panel", "boost", "cursor", "panel-lighten-1")
DRAWN = re.compile(r"[\u2500-\u259f\u2800-\u28ff\s]*")  # lines, blocks and curves are pictures and no text


def luminance(colour: Color) -> float:
    parts = [part / 255 for part in colour.rgb]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: Color, other: Color) -> float:
    """WCAG 2.2, 1.4.3."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_no_two_grades_share_a_glyph() -> None:
    grades = [Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN, Status.RUNNING, Status.CONFIRM]
    assert len({GLYPHS[grade][0] for grade in grades}) == len(grades)
    assert set(GLYPHS) == set(Status)


@pytest.mark.parametrize("theme", MIXED, ids=lambda theme: theme.name)
def test_every_colour_of_a_theme_can_be_read_on_each_of_its_grounds(theme: Theme) -> None:
    colours = {**theme.to_color_system().generate(), **theme.variables}
    found = {(text, ground): contrast(Color.parse(colours[text]), Color.parse(colours[ground]))
             for text in TEXTS for ground in GROUNDS}
    assert {pair: round(ratio, 2) for pair, ratio in found.items() if ratio < 4.5} == {}


def test_rules_name_only_colours_that_were_measured() -> None:
    """A share of a colour has a contrast that nobody knows: only lines around things may have one."""
    known, found = {*TEXTS, *GROUNDS}, 0
    for path in Path(mlops_tui.tui.__file__).parent.rglob("*.tcss"):
        for kind, value in re.findall(r"([\w-]*color|background)\s*:\s*([^;}]+)", path.read_text("utf-8")):
            found += 1
            named = value.strip().removeprefix("$")
            assert named in known or named in ("transparent", "background 70%"), (path.name, kind, value)
    assert found > 10


def segments(terminal: Terminal) -> Iterator[tuple[str, Style]]:
    """What is seen; of a question, what stands behind it is pale on purpose."""
    screen = terminal.app.screen
    seen = screen.children[-1].region if screen.is_modal else screen.region
    for strip in screen._compositor.render_strips()[seen.y:seen.bottom]:
        for segment in strip.crop(seen.x, seen.right):
            if segment.style is not None and not DRAWN.fullmatch(segment.text):
                yield segment.text, segment.style


def unreadable(terminal: Terminal) -> dict[str, float]:
    """What is seen on a screen and cannot be read."""
    found = {}
    for text, style in segments(terminal):
        assert style.color is not None
        assert style.bgcolor is not None
        assert not style.dim, text
        front, back = (Color.from_rich_color(each) for each in (style.color, style.bgcolor))
        if (ratio := contrast(front, back)) < 4.5:
            found[text] = round(ratio, 2)
    return found


def test_nothing_on_a_screen_is_mixed_of_other_colours(told: Session) -> None:
    """The tokens were measured in every theme; here what the screens make of them, in the theme that forgives least."""
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            terminal.app.theme = LIGHT
            for keys in ((), ("tab",), ("6",), ("slash", "z"), ("escape", "1", "question_mark"), ("escape", "ctrl+p")):
                await terminal.press(*keys)
                assert unreadable(terminal) == {}, keys
            await terminal.press("escape")
            await terminal.type("adopt write P-4")
            assert isinstance(terminal.app.screen, Ask)
            assert unreadable(terminal) == {}

    run(story())


def test_a_theme_is_chosen_by_its_name_and_kept(told: Session) -> None:
    root = told.declared().root

    async def story() -> None:
        async with dashboard(root, (80, 24)) as terminal:
            assert terminal.app.theme == DARK
            await terminal.type("theme daylight")
            assert terminal.app.theme == LIGHT
            assert set(terminal.app.available_themes) == {theme.name for theme in THEMES}, "others were never measured"
            await terminal.type("theme dayligth")
            assert "high-contrast" in terminal.text
            await terminal.type("theme")
            await terminal.expect(lambda: "colour-blind" in terminal.text and "gruvbox" not in terminal.text)
            await terminal.press("escape")
        async with dashboard(root, (80, 24), again=True) as terminal:
            assert terminal.app.theme == LIGHT
            await terminal.type("theme auto")
            assert terminal.app.theme == DARK
        assert Dashboard(root).theme == DARK

    run(story())


def test_without_colour_everything_is_still_told(told: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            assert "■ fail    calibration" in terminal.text
            assert "■ 5 need you" in terminal.text
            colours = [each for _, style in segments(terminal) for each in (style.color, style.bgcolor) if each]
            assert {colour.type for colour in colours} == {ColorType.DEFAULT}
            assert any(style.reverse for _, style in segments(terminal)), "the cursor is seen"

    run(story())


@pytest.mark.parametrize(("answer", "light"), [
    (b"\x1b]11;rgb:ffff/ffff/ffff\x1b\\\x1b[?62;22c", True), (b"\x1b]11;rgb:1c/1c/1c\x07\x1b[?1;2c", False),
    (b"\x1b]11;rgba:fdf6/f6e3/e3e3/ffff\x07", True), (b"\x1b[?1;2c", None), (b"", None)])
def test_the_ground_of_the_terminal_is_what_it_answers(answer: bytes, light: bool | None) -> None:
    assert is_light(answer) is light


@pytest.mark.parametrize(("value", "light"), [("15;0", False), ("0;15", True), ("0;default;15", True), ("12;8", False),
                                              ("", None), ("x;y", None)])
def test_some_terminals_tell_their_ground_without_being_asked(value: str, light: bool | None) -> None:
    assert told_by({"COLORFGBG": value}) is light


@pytest.mark.parametrize(("answer", "heard"), [
    (b"6\x1b]11;rgb:ffff/ffff/ffff\x1b\\:\x1b[?62;22c", (True, "6:")), (b"q", (None, "q")), (b"", (None, ""))])
def test_what_is_typed_while_the_terminal_is_asked_is_kept(answer: bytes, heard: tuple[bool | None, str]) -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    os.write(ours, answer)
    assert asked(theirs, theirs, patience=0.2) == heard
    os.set_blocking(ours, False)
    seen = b""
    while QUESTION not in seen:  # else there is nothing more to read, which is an error
        seen += os.read(ours, 100)
    assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
