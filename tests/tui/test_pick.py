"""A question with several answers, one of which a key says."""

import pytest
from textual.app import App

from mlops_tui.tui.screens.pick import Pick
from tests.screens import run


@pytest.mark.parametrize(("keys", "answer"), [
    (["n", "o", "enter"], "no"), (["y", "enter"], "yes"), (["2"], "no"), (["enter"], ""), (["y", "escape"], "")])
def test_a_letter_goes_to_an_answer_and_a_number_gives_it(keys: list[str], answer: str) -> None:
    async def story() -> None:
        app: App[None] = App()
        given: list[str | None] = []
        async with app.run_test() as pilot:
            app.push_screen(Pick("Is it known?", "Leave it open", [("yes", "yes"), ("no", "no")]), given.append)
            await pilot.pause()
            await pilot.press(*keys)
            await pilot.pause()
            assert given == [answer]

    run(story())
