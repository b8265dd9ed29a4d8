"""A letter on everything that is seen leads there."""

import pytest

from mlops_tui.session import Session
from mlops_tui.tui.jumping import EASY, labels
from mlops_tui.tui.screens.jump import Jump
from tests.screens import Terminal, dashboard, run


@pytest.mark.parametrize("count", [0, 1, 26, 27, 51, 52, 200, 676])
def test_no_label_is_the_beginning_of_another(count: int) -> None:
    found = labels(count)
    assert len(set(found)) == count
    assert not [one for one in found if len(one) == 1 and any(other[0] == one for other in found if other != one)]
    assert all(letter in EASY for label in found for letter in label)


async def jump(terminal: Terminal, words: str) -> None:
    """To the row that begins with a letter and these words."""
    await terminal.press("ctrl+o")
    assert isinstance(terminal.app.screen, Jump)
    await terminal.press(letter(terminal, words))


def letter(terminal: Terminal, words: str) -> str:
    """The letter that stands before these words."""
    return next(part for part in terminal.text.split("│") if words in part).split()[0]


def test_a_letter_leads_to_any_row_and_panel_that_is_seen(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            home = terminal.app.screen
            await jump(terminal, "AP-5")
            assert terminal.app.screen is home
            assert home.focused is not None
            assert home.focused.id == "needs"
            assert home.row["id"] == "AP-5"  # type: ignore[attr-defined]
            await jump(terminal, "odd[bold]")
            assert home.focused.id == "models"
            assert home.row["model"] == "odd[bold]"  # type: ignore[attr-defined]
            for key in ("escape", "1", "enter"):
                await terminal.press("ctrl+o", key)
                assert terminal.app.screen is home, "what is no letter leads nowhere"
                assert home.row["model"] == "odd[bold]"  # type: ignore[attr-defined]
            await terminal.press("6")
            await jump(terminal, "AL-7")
            assert terminal.app.screen.list.row["key"] == "AL-7"  # type: ignore[attr-defined]
            await terminal.press("ctrl+o")
            await terminal.pilot.resize_terminal(80, 24)
            await terminal.settle()
            assert not isinstance(terminal.app.screen, Jump), "the letters would stand in the wrong places"

    run(story())
