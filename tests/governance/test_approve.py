"""Votes: who may, once each, in time, on exactly one plan; everything else is refused, and the refusal is recorded."""

import shlex
from datetime import timedelta

import pytest

from mlops_tui.folds import approvals, model_state
from mlops_tui.view import Status, Text
from store.facts import Approval, Command, Promotion, Vote

SUBJECT = "flights-delay@1"


def do(session, line, yes=False, **how):
    argv = shlex.split(line)
    outcome = session.perform(argv, **how)
    return session.perform(argv, consent=outcome.plan, **how) if yes and outcome.plan else outcome


@pytest.fixture
def asked(ready):
    """Ana asked for the promotion of version 1; two approvers are wanted."""
    assert do(ready, f"promote {SUBJECT}", yes=True).view.status is Status.RUNNING
    return ready


def state(session, name="AP-1"):
    return approvals(session.ledger.entries(), session.now())[name]


def champion(session):
    return model_state(session.ledger.entries(), "flights-delay").champion


def refused(session):
    """The last command of the history, which must be a refusal."""
    fact = [entry.fact for entry in session.ledger.entries("command") if isinstance(entry.fact, Command)][-1]
    assert fact.phase == "refused"
    return fact.error


def yes(session, name="AP-1"):
    return do(session, f"approve {name}", reason="better, and nothing is open")


def edit(project, name, old, new):
    path = project / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


# -- the way it should go -----------------------------------------------------------------------------------------


def test_the_last_vote_carries_it_out(asked, person, registry):
    first = yes(person("bo"))
    assert (first.view.status, first.view.facts()["votes"], champion(asked)) == (Status.RUNNING, 1, "")
    last = yes(person("cy"))
    assert (last.view.status, last.exit, champion(asked)) == (Status.DONE, 0, "1")
    assert (state(asked).state, registry.aliases) == ("done", {"champion": "1"})
    [entry] = asked.ledger.entries("promotion")
    assert (entry.actor, entry.fact.approval) == ("ana (simulated)", "AP-1"), "done in the name of who asked"
    assert {vote.voter: (vote.choice, vote.simulated) for vote in state(asked).votes.values()} == {
        "bo": ("yes", True), "cy": ("yes", True)}


def test_a_look_shows_the_votes_and_the_plan_to_anybody_who_may(asked, person):
    yes(person("bo"))
    view = do(person("cy"), "approve show ap-1").view
    assert [row["voter"] for row in view.table("votes").rows] == ["bo"]
    assert len(view.table("gate").rows) == 6
    [row] = do(person("cy"), "approve list").view.table("approvals").rows
    assert (row["votes"], row["yours"]) == ("1 of 2 votes", True)
    [row] = do(person("bo"), "approve list").view.table("approvals").rows
    assert row["yours"] is False


def test_what_was_decided_shows_the_gate_as_it_was_then(asked, person, made):
    for voter in ("bo", "cy"):
        yes(person(voter))
    asked.ledger.append(made.finding("fail"))
    view = do(person("vera"), "approve show AP-1").view
    shown = {row["item"]: row["status"].value for row in view.table("gate").rows}
    assert (shown["drift-ok"], len(shown)) == ("pass", 6)
    assert ("promote", "--history", "flights-delay") in [action.argv for action in view.actions]


def test_a_rejected_one_shows_it_too_and_one_that_was_not_kept_says_so(asked, person):
    do(person("bo"), "approve AP-1 --no", reason="not before the holidays")
    assert len(do(asked, "approve show AP-1").view.table("gate").rows) == 6
    kept = state(asked).evidence
    (asked.data().root / "_objects" / kept[:2] / kept).unlink()
    assert [part.body for part in do(asked, "approve show AP-1").view.parts if isinstance(part, Text)] == [
        "The plan as it was then is not kept."]


def test_one_no_ends_it_and_it_can_be_asked_again(asked, person):
    yes(person("bo"))
    outcome = do(person("cy"), "approve AP-1 --no", reason="not before the holidays")
    assert (outcome.exit, state(asked).state) == (0, "rejected")
    assert "not before the holidays" in state(asked).reason
    assert champion(asked) == ""
    again = do(asked, f"promote {SUBJECT}", yes=True)
    assert again.view.facts()["approval"] == "AP-2"


def test_a_promotion_that_was_cut_off_after_the_last_vote_is_finished_by_asking_again(asked, person):
    yes(person("bo"))
    plan = state(asked).plan  # the last voter's process dies right after this
    asked.ledger.append(Vote(subject="AP-1", voter="cy", choice="yes", plan=plan, reason="r"),
                        Approval(subject="AP-1", event="met"))
    assert yes(person("cy")).error["what"] == "AP-1 has its votes."
    assert do(asked, f"promote {SUBJECT}", yes=True).exit == 0
    assert (champion(asked), state(asked).state) == ("1", "done")


def test_one_vote_is_not_two_whatever_the_state_says(asked, person):
    yes(person("bo"))
    asked.ledger.append(Approval(subject="AP-1", event="met"))
    outcome = do(asked, f"promote {SUBJECT}", yes=True)
    assert (outcome.error["code"], champion(asked), state(asked).state) == ("conflict", "", "void")


# -- who may not --------------------------------------------------------------------------------------------------


def test_whoever_asked_cannot_vote(ready, project, person):
    edit(project, "team.yaml", "roles: [approver, oncall]", "roles: [approver, oncall, engineer]")
    bo = person("bo")
    do(bo, f"promote {SUBJECT}", yes=True)
    outcome = yes(bo)
    assert (outcome.exit, outcome.error["code"]) == (4, "denied")
    assert "asked for AP-1 and cannot approve it" in outcome.error["what"]
    assert refused(bo) == "denied"
    assert state(bo).votes == {}


def test_nobody_votes_twice(asked, person):
    yes(person("bo"))
    for line in ("approve AP-1", "approve AP-1 --no"):
        outcome = do(person("bo"), line, reason="again")
        assert (outcome.exit, outcome.error["code"]) == (2, "conflict")
        assert refused(asked) == "conflict"
    assert (state(asked).count, state(asked).state) == ("1 of 2 votes", "open")


def test_one_person_under_two_names_is_one_person(asked, person, project):
    edit(project, "team.yaml", "cy: {roles", "cy: {slack: U02, roles")
    edit(project, "team.yaml", "bo: {roles", "bo: {slack: U02, roles")
    yes(person("bo"))
    outcome = yes(person("cy"))
    assert (outcome.exit, refused(asked)) == (4, "denied")
    assert "are one person" in outcome.error["what"]


@pytest.mark.parametrize("who", ["vera", "dee"])
def test_who_does_not_hold_the_role_cannot_vote(asked, person, who):
    assert yes(person(who)).exit == 4
    assert refused(asked) == "denied"
    assert state(asked).votes == {}


def test_another_role_that_may_vote_at_all_is_not_enough(asked, person, project):
    edit(project, "team.yaml", "dee: {roles: [operator]", "dee: {roles: [legal]")
    outcome = yes(person("dee"))
    assert (outcome.exit, refused(asked)) == (4, "denied")
    assert "does not hold the role 'approver'" in outcome.error["what"]


def test_a_late_vote_is_refused(asked, person, clock):
    yes(person("bo"))
    clock.advance(clock.moment + timedelta(days=1))
    outcome = yes(person("cy"))
    assert (outcome.exit, outcome.error["code"]) == (2, "conflict")
    assert "has expired at 2013-09-15 06:00 EDT" in outcome.error["what"]
    assert (refused(asked), champion(asked)) == ("conflict", "")


def test_votes_that_were_not_used_in_time_are_worth_nothing(asked, person, clock):
    yes(person("bo"))
    asked.ledger.append(Approval(subject="AP-1", event="met"))
    clock.advance(clock.moment + timedelta(days=1))
    outcome = do(asked, f"promote {SUBJECT}", yes=True)
    assert outcome.view.facts()["approval"] == "AP-2", "they are asked for anew"
    assert champion(asked) == ""


# -- what changed meanwhile ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", ["evidence", "gate", "declaration", "champion", "rules"])
def test_a_plan_that_changed_voids_the_approval_and_says_so(asked, person, made, project, change):
    yes(person("bo"))
    match change:
        case "evidence":
            asked.ledger.append(made.finding("warn"))
        case "gate":
            asked.ledger.append(made.finding("fail"))
        case "declaration":
            edit(project, "models/flights-delay.yaml", "at_least: 0.70", "at_least: 0.50")
        case "champion":
            asked.ledger.append(Promotion(subject="flights-delay", version="9", previous="", approval="", evidence=""))
        case "rules":
            edit(project, "mlops.yaml", "clock: replay", "clock: replay\napprovals: {quorum: 1}")
    outcome = yes(person("cy"))
    assert (outcome.exit, outcome.error["code"]) == (2, "conflict")
    assert outcome.error["what"].startswith("AP-1 is void")
    assert (state(asked).state, refused(asked)) == ("void", "conflict")
    assert champion(asked) in ("", "9")
    assert "cy" not in state(asked).votes


def test_a_look_says_that_the_plan_changed(asked, person, made):
    asked.ledger.append(made.finding("warn"))
    view = do(person("bo"), "approve show AP-1").view
    assert any("The plan changed" in getattr(part, "body", "") for part in view.parts)
    assert state(asked).state == "open", "a look voids nothing"


def test_who_asked_must_still_be_allowed_to(asked, person, project):
    edit(project, "team.yaml", "ana: {roles: [engineer]", "ana: {roles: [viewer]")
    outcome = yes(person("bo"))
    assert (outcome.exit, state(asked).state) == (2, "void")
    assert "may not run 'promote'" in state(asked).reason
    attempts = [entry for entry in asked.ledger.entries("command") if entry.actor.startswith("ana")
                and entry.fact.phase == "refused"]
    assert attempts == [], "nobody is said to have tried what was only looked into"


def test_a_vote_of_somebody_who_lost_the_role_since_does_not_count(asked, person, project):
    yes(person("bo"))
    edit(project, "team.yaml", "bo: {roles: [approver, oncall]", "bo: {roles: [oncall]")
    outcome = yes(person("cy"))
    assert (outcome.view.status, outcome.exit) == (Status.FAIL, 1)
    assert "bo no longer holds the role 'approver'" in outcome.view.title
    assert (state(asked).state, champion(asked)) == ("void", "")


def test_a_voter_who_lost_the_role_after_the_session_began_is_refused(asked, person, project):
    bo = person("bo")
    edit(project, "team.yaml", "bo: {roles: [approver, oncall]", "bo: {roles: [oncall]")
    assert (yes(bo).exit, refused(asked)) == (4, "denied")


# -- the call itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("line", "reason", "code"), [
    ("approve AP-1", None, "bad_input"), ("approve AP-1", "  ", "bad_input"), ("approve AP-7", "r", "not_found"),
    ("approve show AP-7", None, "not_found")])
def test_a_vote_needs_a_reason_and_something_to_vote_on(asked, person, line, reason, code):
    outcome = do(person("bo"), line, reason=reason)
    assert (outcome.exit, outcome.error["code"]) == (2, code)
    assert state(asked).votes == {}


def test_a_lost_registry_does_not_lose_the_votes(asked, person, registry):
    registry.away = True
    yes(person("bo"))
    outcome = yes(person("cy"))
    assert (outcome.view.status, state(asked).state, champion(asked)) == (Status.WARN, "done", "1")
    registry.away = False
    assert do(asked, f"promote {SUBJECT}", yes=True).exit == 0
    assert registry.aliases == {"champion": "1"}
