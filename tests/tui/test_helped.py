"""What can be done, found by name and by key, and done."""

import re

import pytest

from mlops_tui.session import Session
from mlops_tui.tui.offers import Offer, matching
from mlops_tui.tui.screens.answer import Answer
from mlops_tui.tui.screens.everything import Everything
from mlops_tui.tui.screens.section import SectionScreen
from mlops_tui.tui.widgets.command_line import CommandLine
from mlops_tui.tui.widgets.keys import hints, line
from tests.screens import SIZES, dashboard, run

OFFERS = [Offer(("x",), "Stop the job under the cursor", "job cancel NUMBER", lambda: None),
          Offer(("ctrl+o",), "Jump to what is seen", "", lambda: None), Offer(("Esc",), "Back", "", lambda: None),
          Offer((), "Say that you work on an alert", "alert ack", lambda: None),
          Offer((), "What a backlog is, exactly", "backlog show", lambda: None)]


@pytest.mark.parametrize(("sought", "first", "count"), [
    ("", "job cancel NUMBER", 5), ("x", "job cancel NUMBER", 2), ("ctrl+o", "", 1), ("esc", "", 1),
    ("ack", "alert ack", 3),
    ("alert ack", "alert ack", 1), ("ALERT", "alert ack", 1), ("job stop", "job cancel NUMBER", 1)])
def test_what_can_be_done_is_found_by_word_and_by_key(sought: str, first: str, count: int) -> None:
    found = matching(OFFERS, sought)
    assert (found[0].typed, len(found)) == (first, count)


def test_nothing_is_found_by_what_nothing_is_called() -> None:
    assert matching(OFFERS, "frobnicate") == []


def test_everything_that_can_be_done_is_one_list_that_does_it(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            async def ask(*typed: str) -> None:
                await terminal.press("question_mark")
                assert isinstance(terminal.app.screen, Everything)
                await terminal.press(*typed)

            await terminal.press("6", "down", "question_mark")
            lines = terminal.text.splitlines()
            counted = re.search(r"(\d+) of (\d+)", lines[2])
            assert counted is not None
            assert int(counted[1]) == int(counted[2]) > 300, "all keys and commands"
            assert "I am on it" in lines[3], "the next steps of the row come first"
            assert "alert ack AL-7" in lines[3]
            assert any("Esc" in line and "Back to the list" in line for line in lines)
            await terminal.press(*"nothing is called so")
            assert "no key is" in terminal.text
            await terminal.press("escape")
            assert "I am on it" in terminal.text
            await terminal.press("escape")
            assert isinstance(terminal.app.screen, SectionScreen)
            await ask("p", "enter")
            assert "paused" in terminal.text.splitlines()[0]
            await ask(*"audit verify", "enter")
            assert isinstance(terminal.app.screen, Answer)
            assert "The history is whole" in terminal.text
            await ask(*"alert assign", "enter")
            assert terminal.app.screen.query_one(CommandLine).value == "alert assign "
            assert "alert assign AL-1 bo" in terminal.text.splitlines()[-1], "an example of what may follow"
            await terminal.press("escape", "escape")
            await ask("3", "enter")
            assert terminal.app.screen.id == "models"

    run(story())


@pytest.mark.parametrize("size", SIZES[1:])
def test_where_room_is_short_what_can_be_done_is_still_told(told: Session, size: tuple[int, int]) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, size) as terminal:
            await terminal.press("question_mark", *"alert ack")
            assert "alert ack" in terminal.text.splitlines()[3]
            assert "Say" in terminal.text.splitlines()[3]

    run(story())


@pytest.mark.parametrize(("width", "modes", "told"), [
    (160, "6 Incidents  7 Data", "Enter open  x stop  / filter  y copy  : command  ? all "),
    (100, "6 Inc  7 Data", "Enter open  x stop  / filter  ? all "), (80, "6 Inc  7 Data", "Enter open  ? all "),
    (60, "6 Incidents  7", "Enter open  ? all "), (20, "", "? all ")])
def test_the_bottom_says_which_keys_matter_as_far_as_there_is_room(width: int, modes: str, told: str) -> None:
    bound = {"rows.open": "enter", "framed.stop": "x", "framed.log": "l", "framed.filter": "slash", "app.copy": "y",
             "app.command": "colon", "app.help": "question_mark", "app.refresh": "r", None: "f12"}
    shown = line("incidents", hints(bound, {"framed.log"}), width).plain
    assert modes in shown
    assert shown.endswith(told)
    assert len(shown) == width
    assert len(line("incidents", [], width).plain) == width, "where no key does anything"


def test_the_bottom_follows_the_focus(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            assert "Tab panel" in terminal.text.splitlines()[-1]
            assert "stop" not in terminal.text.splitlines()[-1]
            await terminal.press("2")
            assert "Enter open" not in terminal.text.splitlines()[-1], "there is nothing to open"
            await terminal.press("6")
            assert "] side" in terminal.text.splitlines()[-1]
            await terminal.press("question_mark")
            assert "Enter do it" in terminal.text.splitlines()[-1]
            await terminal.press("escape", "1")
            line = terminal.text.splitlines()[-1]
            assert "? all" in line
            await terminal.type("approve AP-5")
            assert "Shall" in terminal.text or "reason" in terminal.text
            assert terminal.text.splitlines()[-1] == line, "behind a question it stays as it was"
            await terminal.press("escape")
            assert terminal.text.splitlines()[-1] == line

    run(story())


def test_everything_with_a_name_is_one_key_and_its_name_away(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            await terminal.press("ctrl+p")
            assert "INC-3 predicts 18 %" in terminal.text.splitlines()[3], "what is open comes first"
            await terminal.press(*"odd[")
            assert "model odd[bold]" in terminal.text.splitlines()[3]
            await terminal.press("enter")
            assert "model show odd[bold]" in terminal.text.splitlines()[0]
            await terminal.press("ctrl+p", *"monitoring", "enter")
            assert terminal.app.screen.id == "monitoring"

    run(story())


def test_the_line_at_the_bottom_is_there_before_any_key_is_known() -> None:
    assert line("home", (), 60).plain.startswith(" 1 Home  2  3")
    assert line("home", (("q", "quit"), ("?", "all")), 60).plain.endswith("  q quit  ? all ")
