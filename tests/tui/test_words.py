"""The dashboard's own words after `:`: done where they are known, told where they are mistyped."""

import pytest

from mlops_tui.commands import root
from mlops_tui.session import Session
from mlops_tui.tui.app import Dashboard
from mlops_tui.tui.parts.words import WORDS, Word
from mlops_tui.tui.widgets.command_line import CommandLine
from tests.screens import dashboard, run


def test_no_word_of_the_dashboard_hides_a_command() -> None:
    nouns = {stem.rstrip("_").replace("_", "-") for stem in root.files}
    assert "audit" in nouns
    assert set(WORDS) & nouns == set()


@pytest.mark.parametrize("name", WORDS)
def test_each_word_is_an_action_that_the_dashboard_has(name: str) -> None:
    word = WORDS[name]
    assert callable(getattr(Dashboard, f"action_{word.action}"))
    assert not word.choices or callable(getattr(Dashboard, word.choices))
    assert word.effect
    assert name == word.usage.split()[0] or WORDS[word.usage.split()[0]] is word


def test_a_word_is_completed_done_and_refused_with_how_it_is_typed(told: Session,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(WORDS, "pause", Word("pause", "Let everything stand still", "pause"))

    async def story() -> None:
        async with dashboard(told.declared().root) as terminal:
            await terminal.pilot.press("colon", "p", "a", "u")
            await terminal.expect(lambda: ":pause" in f":{terminal.text.splitlines()[-1].strip()}")
            await terminal.press("escape")
            await terminal.type("pause now")
            await terminal.expect(lambda: "It is typed :pause" in terminal.text)
            assert "paused" not in terminal.text
            await terminal.type("pause")
            await terminal.expect(lambda: "paused · 0 new" in terminal.text)
            await terminal.type("q now")
            await terminal.expect(lambda: "It is typed :quit" in terminal.text)
            terminal.app.post_message(CommandLine.Typed("q"))
            await terminal.expect(lambda: bool(terminal.app._exit))

    run(story())
