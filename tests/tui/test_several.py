"""Several rows at once: marked one by one or from here on, and one command for all of them, asked once."""

from datetime import timedelta

from mlops_tui.session import ReplayClock, Session
from mlops_tui.tui import several
from mlops_tui.tui.places import for_each
from mlops_tui.view import Status
from store.facts import AlertEvent, IncidentEvent
from tests.screens import dashboard, run


def acked(session: Session) -> set[str]:
    return {entry.subject for entry in session.ledger.entries("alert") if entry.fact.event == "acked"}  # type: ignore[attr-defined]


def test_what_is_marked_is_told_asked_for_once_and_done_one_after_the_other(told: Session, clock: ReplayClock) -> None:
    told.ledger.append(*(AlertEvent(subject=f"AL-{number}", event="fired", monitor="m", severity="high", title="late")
                         for number in (8, 9, 10)))

    async def story() -> None:
        async with dashboard(told.declared().root, person="ana") as terminal:
            await terminal.press("6", "slash", *"AL", "enter", "s", "n", "enter")
            rows = terminal.app.screen.list  # type: ignore[attr-defined]
            assert [row["name"] for row in rows.known] == ["AL-7", "AL-8", "AL-9", "AL-10"]
            assert "/ AL   name ↑" in terminal.text
            await terminal.press("g", "space", "V", "down")
            assert [row["name"] for row in rows.marked] == ["AL-7", "AL-8", "AL-9"], "the range follows the cursor"
            await terminal.press("escape", "V", "down", "V", "g", "space")
            assert [row["name"] for row in rows.marked] == ["AL-9", "AL-10"], "a mark is taken back"
            assert "✓ 2 marked" in terminal.text
            letter = next(piece for piece in terminal.text.split("│") if "I am on it" in piece).split()[0]
            await terminal.press(letter)
            assert "2 commands will be run" in terminal.text
            assert "alert ack AL-9" in terminal.text
            assert "alert ack AL-10" in terminal.text
            await terminal.press("enter")
            assert (acked(told), len(rows.marked)) == (set(), 2), "Enter alone means no"
            await terminal.press(letter)
            await terminal.press("down", "enter")
            await terminal.expect(lambda: "2 commands run" in terminal.text)
            assert acked(told) == {"AL-9", "AL-10"}
            await terminal.press("escape")
            assert rows.marked == []
            await terminal.press("g", "space", "L", letter)
            assert acked(told) == {"AL-9", "AL-10"}, "locked, nothing is done"

    clock.advance(clock.moment + timedelta(minutes=1))
    run(story())


def test_what_cannot_be_done_is_told_before_anything_is(told: Session) -> None:
    plans = several.planned(told, [("alert", "ack", "AL-7"), ("alert", "ack", "AL-99"), ("alert", "silence", "AL-7"),
                                   ("snapshot", "gc"), ("nonsense",)], None, left_out=2)
    rows = plans.view.table("plan").rows
    assert rows[0]["status"] is Status.CONFIRM
    assert rows[-1]["status"] is Status.ERROR
    assert "2 marked rows of another kind" in str(plans.view.parts)
    assert acked(told) == set()
    view = several.done(told, plans.every, None)
    assert view.table("commands").rows[0]["status"] is Status.DONE
    assert acked(told) == {"AL-7"}


def test_judgements_want_one_reason_for_all(told: Session) -> None:
    told.ledger.append(IncidentEvent(subject="INC-4", event="opened", title="x", severity="low"))
    argvs = [("incident", "resolve", "INC-3"), ("incident", "resolve", "INC-4")]
    assert several.planned(told, argvs, None).reason
    plans = several.planned(told, argvs, "both were the storm")
    assert (plans.reason, len(plans.every)) == (False, 2)


def test_a_command_is_for_all_rows_of_its_kind_or_for_none() -> None:
    here = {"name": "AL-7", "kind": "alert"}
    rows = [here, {"name": "INC-3", "kind": "incident"}, {"name": "AL-8", "kind": "alert"}]
    assert for_each(("alert", "ack", "AL-7"), here, rows) == ((("alert", "ack", "AL-7"), ("alert", "ack", "AL-8")), 1)
    assert for_each(("status",), here, rows) == ((), 3)
    assert for_each(("job", "cancel", "7"), {"job": 7}, [{"job": 7}, {"job": 8}])[0][1] == ("job", "cancel", "8")
