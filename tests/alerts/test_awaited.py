"""Who is told of approvals: whoever may still vote, whoever asked, and everybody where the glass was broken."""

from datetime import timedelta

import pytest

from mlops_tui.alerts.awaited import awaited
from mlops_tui.alerts.sources import SOURCES
from mlops_tui.project import Project
from mlops_tui.view import Status
from store.facts import Approval, Vote


@pytest.fixture
def told(project, history):
    """Who is told what under which key by now."""
    def found(after=timedelta(0)):
        now = history.now + after
        due = [each for each in awaited(Project(project), history.entries, now) if each.since <= now]
        return {(each.to, each.key, each.turn): each for each in due}

    return found


def asked(history, **more):
    given = {"argv": ("promote", "flights-delay@2"), "plan": "p", "quorum": 2, "role": "approver", "requester": "ana",
             "title": "promote flights-delay@2", "expires_at": (history.now + timedelta(hours=25)).isoformat()}
    history.add(Approval(subject="AP-1", event="asked", **(given | more)))


def test_it_is_one_of_the_sources_of_reminders():
    assert awaited in SOURCES


def test_whoever_may_still_vote_is_asked_and_asked_again_before_it_ends(history, told):
    asked(history)
    assert set(told()) == {("bo", "approval/AP-1", ""), ("cy", "approval/AP-1", "")}
    history.add(Vote(subject="AP-1", voter="bo", choice="yes", plan="p", reason="r"), actor="bo")
    assert set(told()) == {("cy", "approval/AP-1", "")}
    assert set(told(timedelta(hours=18))) == {("cy", "approval/AP-1", "")}
    assert set(told(timedelta(hours=20))) == {("cy", "approval/AP-1", ""), ("cy", "approval/AP-1", "soon")}


def test_a_seat_is_asked_too_and_who_asked_is_not(history, told):
    asked(history, seats=("approver", "oncall"), requester="cy")
    assert set(told()) == {("bo", "approval/AP-1", "")}


@pytest.mark.parametrize(("event", "status", "again"), [
    ("rejected", Status.FAIL, True), ("void", Status.FAIL, True), ("expired", Status.FAIL, True),
    ("met", Status.DONE, False), ("done", Status.DONE, False)])
def test_whoever_asked_is_told_what_came_of_it_while_that_is_news(history, told, event, status, again):
    asked(history)
    history.add(Approval(subject="AP-1", event=event, reason="no"), actor="cy")
    [found] = told().values()
    assert (found.to, found.key, found.view.status) == ("ana", "decided/AP-1", status)
    assert (("promote", "flights-delay@2") in [each.argv for each in found.view.actions]) is again
    if event != "met":
        assert told(timedelta(days=2)) == {}


def test_what_ran_out_is_told_though_nobody_noted_it(history, told):
    asked(history)
    [found] = told(timedelta(hours=25)).values()
    assert (found.to, "ran out of time" in found.view.title) == ("ana", True)


def test_what_she_takes_back_herself_nobody_tells_her(history, told):
    asked(history)
    history.add(Approval(subject="AP-1", event="withdrawn", reason="r"))
    assert told() == {}


def test_a_question_goes_to_whoever_asked(history, told):
    asked(history)
    history.add(Approval(subject="AP-1", event="more", reason="how was July?"), actor="bo")
    assert "bo asks about AP-1: how was July?" in [each.view.title for each in told().values() if each.to == "ana"]


def test_a_broken_glass_wakes_everybody_and_its_review_is_asked_for_every_day(history, told):
    history.add(Approval(subject="AP-1", event="glass", argv=("promote", "flights-delay@2", "--break-glass"),
                         quorum=2, role="approver", requester="bo", title="promote flights-delay@2 at once",
                         reason="nothing answers"), actor="bo")
    assert {to for to, _, _ in told()} == {"ana", "bo", "cy", "dee", "vera"}
    assert all(each.page for each in told().values())
    later = told(timedelta(days=2, hours=1))
    assert [key for key in later if key[1] == "review/AP-1"] == [("cy", "review/AP-1", "2")]
    history.add(Approval(subject="AP-1", event="reviewed", reason="it was right: r"), actor="cy")
    assert told() == {}
