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


# -- to oneself -------------------------------------------------------------------------------------------------------


def test_a_person_says_when_his_digest_comes_and_sees_it_before(session: Callable[..., Session], made: Made) -> None:
    bo = session("bo")
    before = bo.perform(("digest", "preview")).view.facts()
    assert (before["said_by"], before["next"]) == ("nobody yet", None)
    done = bo.perform(("digest", "subscribe", "--daily", "08:00", "--zone", "Europe/Berlin", "--quiet", "22:00-07:00"))
    assert done.view.title == "Your digest comes from now on; but team.yaml has no Slack id of yours"
    assert done.view.facts()["next"] == START.replace(day=15, hour=6), "eight in Berlin"
    bo.ledger.append(made.finding("fail"), made.finding("fail"))
    bo.react()
    seen = bo.perform(("digest", "preview", "--for", "bo")).view
    assert seen.title == "1 thing waits for you: AL-1, drift is fail"
    assert [row["id"] for row in seen.table("yours").rows] == ["AL-1"]
    assert session("vera").perform(("digest", "preview")).view.table("yours").rows == ()
    off = bo.perform(("digest", "unsubscribe")).view
    assert (off.title, off.facts()["quiet"], off.facts()["next"]) == ("No digest is sent to you", "22:00-07:00", None)
    assert bo.perform(("digest", "subscribe", "--declared")).view.facts()["said_by"] == "nobody yet"


def test_what_cannot_be_wished_is_refused(session: Callable[..., Session]) -> None:
    vera = session("vera")
    for words, what in ((("--daily", "8"), "'8' is not a time of day."), ((), "When is it to come?"),
                        (("--daily", "08:00", "--zone", "Berlin"), "'Berlin' is not a time zone."),
                        (("--daily", "08:00", "--declared"), "Give --declared alone."),
                        (("--daily", "23:00", "--quiet", "22:00-07:00"),
                         "The daily digest would come at 23:00, in the quiet hours 22:00-07:00.")):
        outcome = vera.perform(("digest", "subscribe", *words))
        assert (outcome.exit, outcome.view.title) == (2, what)
    assert vera.ledger.entries("subscribed") == []
    assert vera.perform(("digest", "preview", "--for", "bob")).exit == 2
