"""Who is on call, as people ask for it, swap it, and find where nobody is."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status, View

Ask = Callable[..., View]


@pytest.fixture
def ask(project: Path, session: Callable[..., Session]) -> Ask:
    (project / "oncall").mkdir()
    (project / "oncall/primary.yaml").write_text("people: [ana, bo]\nstarts: 2013-09-09\n", encoding="utf-8")

    def asked(*argv: str, person: str = "bo", exit: int = 0) -> View:
        outcome = session(person).perform(("oncall", *argv))
        assert outcome.exit == exit, outcome.view
        return outcome.view

    return asked


def test_the_answer_is_who_until_when_and_who_is_next(ask: Ask) -> None:
    view = ask()
    assert view.title == "ana is on call until 2013-09-16 09:00 EDT, then bo"
    assert view.status is Status.PASS
    assert [row["who"] for row in view.table("shifts").rows] == ["ana", "bo", "ana", "bo", "ana"]
    assert [action.argv for action in view.actions] == [("oncall", "swap", "bo", "--for", "8h"), ("oncall", "check")]


def test_whoever_takes_over_is_on_call_and_who_asks_later_sees_it(ask: Ask, clock: ReplayClock) -> None:
    taken = ask("swap", "me", "--for", "8h", "--note", "dentist")
    assert taken.title == "bo is on call for ana until 2013-09-14 14:00 EDT"
    view = ask("show")
    assert view.title == "bo is on call until 2013-09-14 14:00 EDT, then ana"
    assert next(row for row in view.table("shifts").rows if row["who"] == "bo")["instead_of"] == "ana"
    clock.advance(clock().replace(hour=19))
    assert ask("primary").title == "ana is on call until 2013-09-16 09:00 EDT, then bo"


def test_a_swap_may_be_planned_and_is_in_the_zone_of_the_rotation(ask: Ask) -> None:
    view = ask("swap", "cy", "--from", "2013-09-15T22:00", "--until", "2013-09-16T12:00")
    assert view.facts()["instead_of"] == ("ana", "bo")
    assert [(row["who"], row["instead_of"]) for row in ask().table("shifts").rows][:3] == [
        ("ana", None), ("cy", "ana, bo"), ("bo", None)]
    assert ask("check").title == "Somebody is on call at every hour of the next 90 days"


@pytest.mark.parametrize(("argv", "words"), [
    (("swap", "bo"), "Say how long"), (("swap", "bo", "--for", "8h", "--until", "2013-09-15"), "Say how long"),
    (("swap", "bo", "--for", "soon"), "'soon' is not a duration"), (("swap", "bo", "--for", "0h"), "over before"),
    (("swap", "bo", "--until", "2013-09-13"), "over before"), (("swap", "bo", "--for", "40d"), "28 days at most"),
    (("swap", "boo", "--for", "8h"), "No person 'boo'"), (("show", "secundary"), "No rotation 'secundary'"),
    (("swap", "bo", "--for", "8h", "--rotation", "second"), "No rotation 'second'")])
def test_what_makes_no_sense_is_refused(ask: Ask, argv: tuple[str, ...], words: str) -> None:
    assert words in ask(*argv, exit=2).title


def test_a_viewer_looks_and_swaps_nothing(ask: Ask) -> None:
    assert ask(person="vera").status is Status.PASS
    ask("swap", "me", "--for", "8h", person="vera", exit=4)


def test_a_gap_of_a_calendar_is_said_here_and_by_doctor(ask: Ask, project: Path,
                                                        session: Callable[..., Session]) -> None:
    (project / "oncall/second.yaml").write_text("calendar: second.ics\n", encoding="utf-8")
    lines = ("BEGIN:VCALENDAR", "BEGIN:VEVENT", "DTSTART:20130913T090000", "DURATION:P1W",
             "RRULE:FREQ=WEEKLY;INTERVAL=2", "SUMMARY:cy", "END:VEVENT", "END:VCALENDAR", "")
    (project / "oncall/second.ics").write_text("\r\n".join(lines), encoding="utf-8")
    view = ask("check", "--days", "20", exit=1)
    assert view.title == "1 time in 20 days without exactly one person on call: nobody from 2013-09-20 09:00 EDT"
    [fault] = view.table("faults").rows
    assert (fault["rotation"], fault["what"], fault["hours"]) == ("second", "nobody", 168.0)
    assert "2 times ahead without exactly one person" in str(ask("show", "second"))
    checks = session("bo").perform(("doctor",)).view.table("checks").rows
    assert [row["detail"] for row in checks if row["check"] == "on call, second"] == [
        "nobody from Fri 20 Sep 09:00 EDT"]


def test_without_a_rotation_it_is_whoever_holds_the_role(session: Callable[..., Session]) -> None:
    view = session("bo").perform(("oncall",)).view
    assert (view.title, view.status) == ("bo holds the role oncall", Status.WARN)
    checked = session("bo").perform(("oncall", "check")).view
    assert checked.title == "No rotation to check: bo holds the role oncall"
    assert session("bo").perform(("oncall", "swap", "me", "--for", "8h")).exit == 2


def test_a_calendar_that_cannot_be_read_says_its_line(ask: Ask, project: Path) -> None:
    (project / "oncall/primary.yaml").write_text("calendar: primary.ics\n", encoding="utf-8")
    ask(exit=2)
    (project / "oncall/primary.ics").write_text("BEGIN:VCALENDAR\nwhat\nEND:VCALENDAR\n", encoding="utf-8")
    view = ask(exit=2)
    assert view.facts()["where"] == f"{project}/oncall/primary.ics:2"
