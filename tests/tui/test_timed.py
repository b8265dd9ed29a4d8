"""Time travel: what was known at another moment is shown as it was then, and nothing can be changed there."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from rich.cells import cell_len

from mlops_tui.errors import Refusal
from mlops_tui.session import ReplayClock, Session
from mlops_tui.tui.sections import SECTIONS
from mlops_tui.tui.times import Times
from mlops_tui.tui.turns import Seen, told, turns
from store.facts import AlertEvent, Finding, IncidentEvent, Note
from tests.screens import Terminal, dashboard, run

DAY = timedelta(days=1)
Opener = Callable[..., Session]


def top(terminal: Terminal) -> list[str]:
    return terminal.text.splitlines()[:2]


# -- which moments there are --------------------------------------------------------------------------------------


@pytest.fixture
def days(session: Opener, clock: ReplayClock) -> list[datetime]:
    """Five days on which something happened, the oldest first: drift fails on the second and is well on the fifth."""
    opened, found = session("ana"), list[datetime]()
    for facts in (
            (_drift("pass"),), (_drift("fail"), AlertEvent(subject="AL-1", event="fired", monitor="m", title="moved")),
            (_drift("fail"), Note(subject="flights", text="rain")), (IncidentEvent(
                subject="INC-1", event="opened", title="moved", severity="high", alert="AL-1"),), (_drift("pass"),)):
        clock.advance(clock.moment + DAY)
        opened.ledger.append(*facts)
        found.append(clock.moment)
    clock.advance(clock.moment + DAY)
    return found


def _drift(status: str) -> Finding:
    return Finding(check="drift", subject="flights-delay", status=status, title=f"it is {status}")


def gone_through(times: Times, by: int, seen: Seen) -> list[datetime | None]:
    found = list[datetime | None]()
    while times.step(by, seen):
        found.append(times.then)
    return found


def test_a_step_goes_to_what_changes_the_part_that_is_seen_and_past_the_last_is_now(
        session: Opener, days: list[datetime]) -> None:
    times = Times(session("ana"))
    first, second, _, fourth, fifth = days  # the third says nothing new
    assert gone_through(times, -1, Seen()) == [fifth, fourth, second, first]
    assert times.facts()["change"] == 1
    assert gone_through(times, +1, Seen()) == [second, fourth, fifth, None]
    assert times.facts() == {}
    assert gone_through(times, -1, Seen("incidents")) == [fourth, second]
    assert times.facts()["happened"] == "AL-1 fired · moved"
    assert gone_through(times, -1, Seen("pipelines")) == [], "nothing of it ever changed"
    assert gone_through(times, +1, Seen("pipelines")) == [None]
    assert gone_through(times, -2, Seen("activity")) == [fourth, second, first]
    assert gone_through(times, +1, Seen("activity")) == [*days[1:], None]


def test_an_answer_about_something_steps_through_all_that_is_about_it(
        session: Opener, days: list[datetime]) -> None:
    times = Times(session("ana"))
    assert gone_through(times, -1, Seen("monitoring", ("show", "AL-1"))) == [days[3], days[1]]
    times.go(None)
    assert gone_through(times, -1, Seen("monitoring", ("show", "flights-delay"))) == [
        days[4], days[2], days[1], days[0]]
    times.go(None)
    assert len(gone_through(times, -1, Seen("home", ("nobody",)))) == 4, "of what nothing is known, the project's"


def test_a_time_is_written_as_elsewhere_or_is_when_something_began(session: Opener, days: list[datetime]) -> None:
    times = Times(session("ana"))
    times.at("2013-09-17")
    assert times.then == datetime(2013, 9, 17, 4, tzinfo=UTC)
    assert times.session.now() == times.then
    assert times.session.read_only
    times.at("17 Sep")
    assert times.then == datetime(2013, 9, 17, 4, tzinfo=UTC), "as the screen itself writes it"
    times.at("inc-1")
    assert times.then == days[3]
    assert times.session.ledger.head_seq() == 6
    times.at("now")
    assert times.session is times.live


@pytest.mark.parametrize(("text", "says"), [
    ("soon", "'soon' is not a time."), ("2031-01-01", "2031-01-01 00:00 EST is still to come."),
    ("2013-01-01", "Nothing was known at 2013-01-01 00:00 EST."), ("INC-9", "'INC-9' is not a time.")])
def test_a_time_that_is_none_says_so_and_nothing_moves(
        session: Opener, days: list[datetime], text: str, says: str) -> None:
    times = Times(session("ana"), days[2])
    with pytest.raises(Refusal) as problem:
        times.at(text)
    assert problem.value.what == says
    assert problem.value.next
    assert times.then == days[2]


def test_in_an_empty_history_there_is_no_other_time(session: Opener) -> None:
    times = Times(session("ana"))
    assert not times.step(-1, Seen())
    assert not times.step(-1, Seen("activity"))
    with pytest.raises(Refusal, match="The history is empty"):
        times.at("2013-09-01")


def test_what_happened_is_told_by_its_weightiest_part(session: Opener, days: list[datetime]) -> None:
    entries = session("ana").ledger.entries("finding", "alert")
    assert told([entry for entry in entries if entry.recorded_at == days[1]]) == "AL-1 fired · moved, and 1 more"
    assert told(entries[:1]) == "drift of flights-delay: pass"
    assert told(()) == ""
    assert [entry.recorded_at for entry in turns(entries, Seen())] == [days[0], days[1], days[1], days[4]]


def test_every_list_can_be_shown_as_of_another_time(session: Opener, days: list[datetime]) -> None:
    times = Times(session("ana"), days[2])
    assert times.closed(("pipeline", "graph", "daily")) is not None
    assert [argv for section in SECTIONS.values() for argv in section.looks if times.closed(argv) is not None] == []


# -- as a person uses it ------------------------------------------------------------------------------------------


def test_a_person_goes_back_looks_around_and_comes_home_again(told: Session) -> None:
    async def story() -> None:
        before = told.ledger.head_seq()
        async with dashboard(told.declared().root, person="ana") as terminal:
            assert {"at now", "at INC-3", "mark"} <= set(terminal.app.completions())
            calm = terminal.text.splitlines()[:16]
            await terminal.press("comma", "comma")  # twenty days of the same finding are no change
            assert "as of 15 Sep 2013 06:00 EDT" in top(terminal)[0]
            assert "locked" in top(terminal)[0]
            assert "performance of flights-delay: pass" in top(terminal)[1]
            assert "2 of 3" in top(terminal)[1]
            assert "Nothing waited" in terminal.text
            assert "jobs are shown as of now only" in terminal.text
            assert "INC-3" not in terminal.text

            await terminal.press("6")
            assert "as of 15 Sep 2013" in top(terminal)[0], "every part of it"
            assert "Nothing has ever gone wrong here." in terminal.text
            assert "nothing had happened yet" in top(terminal)[1], "in this part"
            await terminal.press("8")
            assert "(3)" in terminal.text, "the history as long as it was then"
            assert "INC-3" not in terminal.text
            await terminal.press("y", "y")
            assert terminal.app.clipboard == "mlops-tui audit show 3 --as-of 2013-09-15T10:00:00+00:00"
            await terminal.press("2", "comma")
            assert "Nothing changed before that." in terminal.text
            assert "No pipeline is declared yet." in terminal.text
            await terminal.press("r")
            assert "as of 15 Sep 2013" in top(terminal)[0], "looking again is no coming home"

            await terminal.type("alert ack AL-7")
            assert "'alert ack' would change something, and 2013-09-15 06:00 EDT is over." in terminal.text
            await terminal.press("escape")
            await terminal.type("job list")
            assert "'job list' shows what is" in terminal.text
            await terminal.press("escape", "J")
            assert "not of then" in top(terminal)[1], "jobs are those of now"
            await terminal.press("escape", "L")
            await terminal.press("1")
            for _ in range(3):  # faster than any of them is answered
                terminal.app.action_step(1)
            await terminal.settle()
            assert "as of" not in top(terminal)[0], "there are three, and after them is now"
            await terminal.press("comma", "greater_than_sign")
            assert terminal.text.splitlines()[:16] == calm
            await terminal.type("at soon")
            assert "'soon' is not a time." in terminal.text
            assert terminal.text.splitlines()[:16] == calm
        assert told.ledger.head_seq() == before

    run(story())


def test_an_answer_that_is_looked_at_goes_along_and_one_that_was_done_says_it_does_not(told: Session) -> None:
    told.ledger.append(IncidentEvent(subject="INC-3", event="role", role="lead", who="bo"))

    async def story() -> None:
        async with dashboard(told.declared().root, person="ana") as terminal:
            await terminal.type("incident show INC-3")
            await terminal.type("at INC-3")
            assert "as of 4 Oct 2013" in top(terminal)[0]
            await terminal.type("alert list")
            assert "AL-7" in terminal.text
            await terminal.type("at 2013-09-20")
            assert "AL-7" not in terminal.text
            await terminal.press("escape")
            assert "No incident 'INC-3'." in terminal.text, "what was below it is of then by now"
            await terminal.press("n")
            assert "'incident note' would change something" in terminal.text, "and nobody is asked for the note first"
            await terminal.press("escape", "greater_than_sign")
            assert "predicts 18 %" in terminal.text
            await terminal.press("escape")
            await terminal.type("alert ack AL-7")
            await terminal.press("comma")
            assert "not of then: it is of now, or of when it was answered" in top(terminal)[1]

    run(story())


def test_what_changed_between_two_moments_is_shown_from_a_mark(told: Session) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, person="ana") as terminal:
            await terminal.type("at 2013-09-20")
            await terminal.press("semicolon")
            assert "◆ 20 Sep 00:00" in top(terminal)[1]
            await terminal.press("greater_than_sign", "semicolon")
            assert "changes 2013-09-20" in top(terminal)[0]
            assert "INC-3" in terminal.text
            assert "firing" in terminal.text
            await terminal.press("escape")
            await terminal.type("at 2013-09-16")
            await terminal.press("semicolon")
            assert "as of 20 Sep 2013" in top(terminal)[0], "the later one of the two"
            assert "Nothing stands otherwise" in terminal.text
            await terminal.press("semicolon", "escape")
            assert "◆" not in top(terminal)[1]

    run(story())


@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
def test_where_room_is_short_the_moment_is_still_told(told: Session, size: tuple[int, int]) -> None:
    async def story() -> None:
        async with dashboard(told.declared().root, size, as_of="2013-09-20", at=("alert", "list")) as terminal:
            assert "as of 20 Sep 2013 00:00 EDT" in top(terminal)[0]
            assert "> now" in top(terminal)[1]
            assert all(cell_len(line) == size[0] for line in terminal.text.splitlines())
            assert "AL-7" not in terminal.text

    run(story())
