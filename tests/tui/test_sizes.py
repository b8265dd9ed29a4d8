"""Terminals of every size, and names of every width."""

from mlops_tui.session import Session
from store.facts import AlertEvent, IncidentEvent
from tests.screens import dashboard, run


def test_a_terminal_without_room_says_so_and_does_nothing(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, (60, 16)) as terminal:
            assert "flights-delay" in terminal.text
            await terminal.type("adopt write P-4")
            assert "Cancel" in terminal.text
            for size in ((59, 16), (60, 15), (9, 2)):
                await terminal.pilot.resize_terminal(*size)
                await terminal.pilot.pause()
                assert terminal.text.split()[:2] == ["This", "terminal"], size
                assert "Cancel" not in terminal.text
                await terminal.press("down", "enter")
            await terminal.pilot.resize_terminal(60, 16)
            await terminal.pilot.pause()
            assert "Cancel" in terminal.text, "it is still asked"
            await terminal.press("escape")
            await terminal.pilot.resize_terminal(40, 10)
            await terminal.press("6", "colon", "q")
            assert not terminal.app.is_running, "q leaves"
            assert terminal.app.current_mode == "home"

    before = told.ledger.head_seq()
    run(story())
    assert told.ledger.head_seq() == before


def test_names_of_every_width_leave_each_panel_its_edge(told: Session) -> None:
    """Wide, joined, marked and directed letters, cut anywhere."""
    odd = "東京の遅延🙂 e\u0301té 👩‍👩‍👧 🇩🇪 \u202eabc ⚠️ " * 3
    told.ledger.append(IncidentEvent(subject="INC-9", event="opened", title=odd, severity="high"),
                       AlertEvent(subject="AL-9", event="fired", monitor="m", severity="high", title=odd[1:]))

    async def story() -> None:
        async with dashboard(told.declared().root, (60, 16)) as terminal:
            for mode in ("1", "6"):
                for width in (60, 61, 83, 120, 121):
                    await terminal.pilot.resize_terminal(width, 30)
                    await terminal.press(mode)
                    lines = terminal.app.screen._compositor.render_strips()[1:-1]
                    assert {line.cell_length for line in lines} == {width}
                    assert {line.crop(width - 1).text for line in lines} <= set("│╮╯"), (mode, width)
            assert "東京" in terminal.text

    run(story())
