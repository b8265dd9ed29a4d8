"""What stands otherwise at one moment than at another, and what happened between them."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from mlops_tui.commands import Outcome
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Row, Status
from store.facts import AlertEvent, Approval, Finding, IncidentEvent, Promotion, Snapshot, Trained, Vote
from store.ledger import Ledger


@pytest.fixture
def week(session: Callable[..., Session], clock: ReplayClock) -> Session:
    """14 Sep: version 1 serves, an incident and an alert are open. 16 Sep: they end, others begin. It is the 18th."""
    engineer = session("ana")
    add = engineer.ledger.append
    add(_trained("1"), Promotion(subject="flights-delay", version="1", previous="", approval="", evidence=""),
        Finding(check="drift", subject="flights-delay", status="pass", title="nothing moved"),
        Finding(check="ingest", subject="flights", status="pass", title="fine"),
        IncidentEvent(subject="INC-1", event="opened", title="late", severity="high"),
        AlertEvent(subject="AL-1", event="fired", monitor="m", severity="high", title="drifting"),
        Snapshot(subject="flights", snapshot="a" * 64, parent="", rows=10, bytes=1, source=""),
        Snapshot(subject="flights.scores", snapshot="c" * 64, parent="", rows=10, bytes=1, source=""))
    clock.advance(clock.moment + timedelta(days=2))
    add(_trained("2"), Promotion(subject="flights-delay", version="2", previous="1", approval="AP-1", evidence=""),
        Finding(check="drift", subject="flights-delay", status="fail", title="it moved"),
        Finding(check="ingest", subject="flights", status="pass", title="fine again"),
        IncidentEvent(subject="INC-1", event="resolved", note="over"),
        AlertEvent(subject="AL-1", event="resolved", real=True),
        AlertEvent(subject="AL-2", event="fired", monitor="m", severity="medium", title="thin"),
        Approval(subject="AP-2", event="asked", argv=("promote", "flights-delay@3"), quorum=2, role="approver",
                 requester="bo", expires_at=(clock.moment + timedelta(days=9)).isoformat(), title="promote 3"),
        Snapshot(subject="flights", snapshot="b" * 64, parent="a" * 64, rows=25, bytes=1, source=""),
        Snapshot(subject="flights.scores", snapshot="d" * 64, parent="c" * 64, rows=11, bytes=1, source=""))
    clock.advance(clock.moment + timedelta(days=2))
    return engineer


def _trained(version: str) -> Trained:
    return Trained(subject="flights-delay", version=version, candidate="c", key="k", run_id="r", artifact="a",
                   training="t", declaration="d", seed=1, window=("", ""), metrics={})


def told(outcome: Outcome, table: str, *keys: str) -> list[tuple[object, ...]]:
    rows: Sequence[Row] = outcome.view.table(table).rows
    return [tuple(row[key] for key in keys) for row in rows]


def test_each_thing_that_stands_otherwise_is_told_as_it_was_and_as_it_is(week: Session) -> None:
    found = week.perform(("changes", "2013-09-15", "2013-09-17"))
    assert found.exit == 0
    assert found.view.title == "Changed: 2 parts of models, 1 incident, 2 alerts, 1 approval, 1 finding, 1 dataset"
    assert told(found, "models", "part", "before", "after") == [
        ("version", "1", "2"), ("features", Status.PASS, Status.FAIL)]
    assert told(found, "incidents", "id", "before", "after") == [("INC-1", "open", "resolved")]
    assert told(found, "alerts", "id", "before", "after") == [("AL-2", "–", "firing"), ("AL-1", "firing", "resolved")]
    assert told(found, "approvals", "id", "before", "after") == [("AP-2", "–", "open, 0 of 2 votes")]
    assert told(found, "findings", "check", "before", "after") == [("drift", "pass", "fail")]
    assert told(found, "data", "dataset", "before", "after") == [("flights", 10, 25)]
    assert ("AL-2", "fired") in told(found, "happened", "id", "event")
    assert [action.argv for action in found.view.actions] == [
        ("incident", "show", "INC-1"), ("alert", "show", "AL-2"), ("alert", "show", "AL-1")]


def test_until_now_is_meant_where_no_end_is_named_and_as_of_another_time_that_time_is_now(week: Session) -> None:
    week.ledger.append(Vote(subject="AP-2", voter="bo", choice="yes", plan="", reason="", roles=("approver",)))
    since = week.perform(("changes", "2013-09-17"))
    assert told(since, "approvals", "before", "after") == [("open, 0 of 2 votes", "open, 1 of 2 votes")]
    assert since.view.facts()["until"] == week.now()
    then = week.now() - timedelta(days=1)
    assert isinstance(week.ledger, Ledger)
    earlier = replace(week, as_of=then, ledger=week.ledger.closed(until=then)).perform(("changes", "2013-09-15"))
    assert earlier.view.facts()["until"] == then
    assert told(earlier, "approvals", "before", "after") == [("–", "open, 0 of 2 votes")]


def test_what_began_names_the_moment_and_a_time_in_which_nothing_changed_says_so(week: Session) -> None:
    found = week.perform(("changes", "inc-1", "AP-2"))
    assert (found.view.facts()["from"], found.view.facts()["until"]) == (
        week.now() - timedelta(days=4), week.now() - timedelta(days=2))
    calm = week.perform(("changes", "2013-09-17", "2013-09-18"))
    assert calm.view.title == "Nothing stands otherwise"
    assert len(calm.view.parts) == 1


@pytest.mark.parametrize(("words", "says"), [
    (("2013-09-17", "2013-09-15"), "2013-09-17 00:00 EDT is after 2013-09-15 00:00 EDT."),
    (("2031-01-01",), "2031-01-01 00:00 EST is still to come."),
    (("INC-77",), "'INC-77' is not a time."),
    (("yesterday",), "'yesterday' is not a time.")])
def test_what_is_no_moment_that_has_been_is_refused_by_name(week: Session, words: tuple[str, ...], says: str) -> None:
    found = week.perform(("changes", *words))
    assert found.view.title == says
    assert found.exit == 2
    assert found.view.facts()["next"]
