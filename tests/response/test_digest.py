"""The digest of a project as a command: the same for everybody, as of any time, and checked against the history."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status
from tests.conftest import START, Made


def test_a_morning_is_told_and_can_be_verified(session: Callable[..., Session], made: Made, clock: ReplayClock) -> None:
    opened = session("ana")
    assert opened.perform(("digest",)).view.facts()["changed"] is False
    for _ in range(2):
        clock.advance(clock() + timedelta(hours=1))
        opened.ledger.append(made.finding("fail"))
        opened.react()
    found = opened.perform(("digest",))
    assert (found.view.title, found.view.status, found.exit) == (
        "AL-1 needs somebody: drift is fail", Status.WARN, 0)
    [red] = found.view.table("red").rows
    assert red["since"] == START + timedelta(hours=1)
    head = str(found.view.facts()["head"])
    opened.ledger.append(made.finding("fail"))
    assert opened.perform(("audit", "verify", "--anchor", head)).view.status is Status.PASS
    assert opened.perform(("audit", "verify", "--anchor", "f" * 64)).view.status is Status.FAIL


def test_it_is_the_same_for_whoever_reads_it_and_records_nothing(session: Callable[..., Session], made: Made) -> None:
    session("ana").ledger.append(made.trained())
    before = session("ana").ledger.head()
    views = [session(person).perform(("digest", "--period", "week")).view for person in ("ana", "bo", "vera")]
    assert views[0].table("needs").rows, "a sign-off waits"
    assert views[0] == views[1] == views[2]
    assert session("ana").ledger.head() == before


def test_an_earlier_morning_is_told_as_it_was(project: Path, session: Callable[..., Session], made: Made,
                                              clock: ReplayClock) -> None:
    then = session("ana").perform(("digest",)).view
    clock.advance(START + timedelta(hours=5))
    session("ana").ledger.append(made.finding("fail"))
    assert session("ana").perform(("digest",)).view != then
    again = open_project(project, person="vera", clock=clock, as_of=START)
    assert again.perform(("digest",)).view == then


def test_a_period_nobody_knows_is_refused(session: Callable[..., Session]) -> None:
    outcome = session("ana").perform(("digest", "--period", "year"))
    assert outcome.exit == 2
    assert "'day', 'week'" in outcome.view.title
