"""Each part of the dashboard as somebody works in it: what is seen, what can be done there, at every size."""

import pytest
from textual.content import Content

from mlops_tui.session import Session
from mlops_tui.tui.feed import Feed
from mlops_tui.tui.messages import Answered, Wanted
from mlops_tui.tui.paint import brief
from mlops_tui.tui.screens.ask import Why
from mlops_tui.tui.screens.section import tabs
from tests.screens import Terminal, dashboard, run


def letter(terminal: Terminal, label: str) -> str:
    """The letter that stands beside a next step."""
    return next(piece for piece in terminal.text.split("│") if label in piece).replace("▌", " ").split()[0]


def test_what_needs_you_is_told_in_full_and_done_where_it_stands(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, person="bo") as terminal:
            home = terminal.app.screen
            assert "All of it" in terminal.text, "of the model, whose panel has the focus"
            home.query_one("#needs").focus()
            await terminal.settle()
            assert "I lead" in terminal.text
            await terminal.press("down")
            assert "late [again] in [/red]" in terminal.text
            await terminal.press(letter(terminal, "I am on it"))
            assert "is on AL-7" in terminal.text
            await terminal.press("escape")
            assert terminal.app.screen is home
            assert "AL-7" not in terminal.text
            assert "not yours to settle: approver, not bo" in terminal.text
            await terminal.press("down")
            await terminal.press(letter(terminal, "Sign…"))
            assert isinstance(terminal.app.screen, Why), "a judgement is given with its reason"
            await terminal.press("escape")

    run(story())
    assert told.ledger.entries("sign_off") == []


def test_on_a_small_terminal_letters_act_only_where_their_steps_are_seen(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, (60, 16), person="bo") as terminal:
            home, head = terminal.app.screen, told.ledger.head_seq()
            assert "never checked" in terminal.text, "what is wrong is told at every size"
            await terminal.press(*"abcdefhimnot")
            assert terminal.app.screen is home
            assert told.ledger.head_seq() == head
            await terminal.press("tab")
            await terminal.press(letter(terminal, "I lead"))
            assert "lead me" in terminal.text.splitlines()[0]

    run(story())


@pytest.mark.parametrize(("seen", "width", "told"), [
    ("A", 40, "A  Bcd  Efg"), ("Efg", 40, "A  Bcd  Efg"), ("Efg", 8, "‹ Efg"), ("Bcd", 8, "‹ Bcd  Efg")])
def test_the_side_that_is_seen_is_named_whatever_room_there_is(seen: str, width: int, told: str) -> None:
    assert Content.from_markup(tabs(["A", "Bcd", "Efg"], seen, width)).plain == told


@pytest.mark.parametrize(("room", "told"), [
    (60, "roc_auc of late 0.682 [0.652, 0.711], limit 0.76"), (42, "roc_auc 0.682 [0.652, 0.711], limit 0.76"),
    (30, "roc_auc 0.682, limit 0.76"), (9, "roc_auc 0.682, limit 0.76")])
def test_a_title_gives_up_what_is_known_before_its_reason(room: int, told: str) -> None:
    assert brief("roc_auc of late 0.682 [0.652, 0.711], limit 0.76", "late@6", room) == told
    assert brief("late: 2 of 7 moved", "late", 15) == "2 of 7 moved"
    assert brief("of late-ish 2 [x]", "late", 3) == "of late-ish 2 [x]"


def test_what_a_command_lacks_is_asked_for(told: Session) -> None:
    root = told.declared().root
    (root / "runbooks").mkdir()
    (root / "runbooks" / "wait.md").write_text(
        "---\ntitle: Wait\nparams: {how_long: {type: duration, help: \"How long do we wait?\"}}\n---\n## 1. Ask\n"
        "```manual\nSay who you asked.\n```\n", encoding="utf-8")
    line, head = ("runbook", "run", "wait", "--about", "flights-delay"), told.ledger.head_seq()
    feed = Feed(root, "ana", read_only=False)
    wanted = feed.perform(line)
    assert isinstance(wanted, Wanted)
    assert [(field.asked, field.help) for field in wanted.fields] == [("set:how_long", "How long do we wait?")]
    assert isinstance(Feed(root, "ana", read_only=True).perform(line), Answered), "whoever may not is not asked"

    async def story() -> None:
        async with dashboard(root) as terminal:
            await terminal.type("runbook run wait")
            assert isinstance(terminal.app.screen, Why)
            assert "How long do we wait?" in terminal.text
            await terminal.press("escape")
            assert not isinstance(terminal.app.screen, Why)

    run(story())
    assert told.ledger.head_seq() == head
