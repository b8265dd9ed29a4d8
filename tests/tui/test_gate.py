"""The gate in front of everything that changes something: locked, unlocked, and what destroys."""

from pathlib import Path

import pytest
from textual import events

from mlops_tui.asking import Plan, ask
from mlops_tui.capability import Capability
from mlops_tui.cli import options
from mlops_tui.commands import named
from mlops_tui.opening import open_project
from mlops_tui.roles import DESTROYS
from mlops_tui.session import Session
from mlops_tui.tui.screens.answer import Answer
from mlops_tui.tui.screens.ask import Ask, Sure
from mlops_tui.tui.screens.section import SectionScreen
from mlops_tui.view import Facts, Status, View
from tests.screens import SIZES, dashboard, run


def in_production(folder: Path) -> Path:
    settings = folder / "mlops.yaml"
    settings.write_text(settings.read_text("utf-8") + "environment: production\n", "utf-8")
    return folder


def test_a_project_in_production_starts_locked_its_name_unlocks_it_and_destroys_in_it(told: Session) -> None:
    async def story() -> None:
        before = told.ledger.head_seq()
        async with dashboard(in_production(told.declared().root), (80, 24), person="ana") as terminal:
            assert "read-only · production" in terminal.text.splitlines()[0]
            await terminal.type("snapshot gc")
            assert "Press L to unlock it." in terminal.text
            await terminal.press("escape")
            for keys in (["enter"], [*"flight", "enter", "escape"]):
                await terminal.press("L")
                assert isinstance(terminal.app.screen, Sure)
                await terminal.press(*keys)
                assert "read-only" in terminal.text.splitlines()[0], keys
            await terminal.press("L", *"flights", "enter")
            assert "■ production, unlocked" in terminal.text.splitlines()[0]
            for keys in (["enter"], [*"yes", "enter", "escape"]):
                await terminal.type("snapshot gc")
                assert isinstance(terminal.app.screen, Sure)
                assert "This cannot be taken back." in terminal.text
                assert "$ mlops-tui snapshot gc --yes" in terminal.text
                assert "Type flights to do it." in terminal.text
                await terminal.press(*keys)
                assert terminal.app.screen is terminal.app._home
            assert told.ledger.head_seq() == before
            await terminal.type("snapshot gc")
            await terminal.press(*"flights", "enter")
            await terminal.expect(lambda: isinstance(terminal.app.screen, Answer))
            assert told.ledger.head_seq() > before
            await terminal.press("L")
            assert "read-only · production" in terminal.text.splitlines()[0], "locking asks nothing"

    run(story())


def test_what_was_opened_to_be_read_is_not_unlocked_by_any_name(told: Session) -> None:
    async def story() -> None:
        async with dashboard(in_production(told.declared().root), read_only=True) as terminal:
            await terminal.press("L")
            assert not isinstance(terminal.app.screen, Ask)
            await terminal.expect(lambda: "MLOPS_TUI_READONLY" in terminal.text)
            await terminal.type("alert ack AL-7")
            assert "Open it without --read-only." in terminal.text

    run(story())


@pytest.mark.parametrize("words", DESTROYS)
def test_every_act_that_destroys_shows_a_plan_and_names_what_is_there_to_be_typed(words: str) -> None:
    found = named(words.split())
    assert found is not None
    path, made = found
    assert (path, isinstance(made, Capability) and made.confirm) == (words, True)
    assert DESTROYS[words] in ("", *(parameter.name for parameter in made.params))


def test_the_name_of_what_is_destroyed_is_what_is_typed(told: Session) -> None:
    folder = told.declared().root
    typed = [reply.named for argv in (("snapshot", "gc"), ("promote", "flights-delay@8"), ("alert", "silence", "AL-7"))
             if isinstance(reply := ask(open_project(folder, person="ana"), argv), Plan)]
    assert typed[0] == "flights"
    assert set(typed[1:]) <= {""}


@pytest.mark.parametrize("size", SIZES[1:])
def test_what_is_to_be_typed_is_seen_in_every_size_below_its_plan(told: Session, size: tuple[int, int]) -> None:
    plan = View("Would remove", Status.CONFIRM, (Facts({f"part {number}": number for number in range(40)}),))

    async def story() -> None:
        async with dashboard(told.declared().root, size) as terminal:
            terminal.app.push_screen(Sure("This cannot be taken back.", "flights", plan, spelled="mlops-tui x " * 20))
            await terminal.pilot.pause()
            await terminal.press(*"flig")
            for seen in ("This cannot be taken back.", "part 0", "$ mlops-tui x", "Type flights", "flig "):
                await terminal.expect(lambda seen=seen: seen in terminal.text)  # type: ignore[misc]
            await terminal.press("pagedown", "pagedown")
            assert "part 0" not in terminal.text
            assert "flig " in terminal.text

    run(story())


@pytest.mark.parametrize(("said", "locks"), [("", False), ("0", False), ("no", False), ("False", False), ("1", True),
                                             ("true", True), ("yes", True), ("please", True)])
def test_whatever_the_environment_says_but_no_locks(said: str, locks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLOPS_TUI_READONLY", said)
    assert options(["status"]).read_only is locks


def test_what_is_typed_right_after_a_slash_is_filtered_by_and_does_nothing(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, person="bo") as terminal:
            await terminal.press("6")
            await terminal.expect(lambda: "alert show AL-7" in terminal.text or "incident show INC-3" in terminal.text)
            before = told.ledger.head_seq()
            for key in ("slash", *"aresol/"):  # faster than a line for it can be made
                terminal.app.post_message(events.Key(key, "/" if key == "slash" else key))
            await terminal.expect(lambda: "aresol/" in terminal.text)
            await terminal.press("enter")
            assert isinstance(terminal.app.screen, SectionScreen)
            assert told.ledger.head_seq() == before

    run(story())
