"""Saved views: a list with its filter and its order, under a name, there again next time."""

from mlops_tui.session import Session
from mlops_tui.tui.screens.section import SectionScreen
from store.facts import Note
from tests.screens import dashboard, run


def test_a_list_is_saved_as_it_is_filtered_and_shown_so_again_by_its_name(told: Session) -> None:
    root = told.declared().root

    async def save() -> None:
        async with dashboard(root, person="ana") as terminal:
            await terminal.type("view save x")
            assert "There is no list here to save" in terminal.text
            await terminal.press("8", "slash", *"kind:find", "tab", "space", *"status:failed|warn", "enter")
            await terminal.press("s", "s", "s", "k", "enter")
            await terminal.press("ctrl+s")
            assert "view save " in terminal.text.splitlines()[-1]
            await terminal.press(*"bad", "space", *"ones", "enter")
            assert "saved: activity  / kind:finding status:failed|warn" in terminal.text
            await terminal.press("6")
            await terminal.type("view save open")

    async def show() -> None:
        async with dashboard(root, person="ana", again=True) as terminal:
            await terminal.press("1")
            await terminal.type("view bad ones")
            section = terminal.app.screen
            assert isinstance(section, SectionScreen)
            assert (section.id, section.list.count) == ("activity", 2)
            assert "/ kind:finding status:failed|warn" in terminal.text
            told.ledger.append(Note(subject="x", text="y"))
            await terminal.type("view")
            await terminal.press("G", "enter")
            assert terminal.app.screen.id == "incidents"
            await terminal.type("view bda ones")
            assert "Did you mean 'bad ones'?" in terminal.text
            await terminal.type("view forget bad ones")
            assert [*terminal.app.views()] == ["open", "forget open"]

    run(save())
    run(show())
