"""Votes: who may, once each, in time, on exactly one plan; everything else is refused, and the refusal is recorded."""

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from mlops_tui import asking
from mlops_tui.errors import Unreadable
from mlops_tui.folds import approvals, model_state, vacant
from mlops_tui.oversight.settling import settled
from mlops_tui.project import Project
from mlops_tui.view import Status, Text
from store.facts import Approval, Command, Promotion, Vote
from tests.doing import do

SUBJECT = "flights-delay@1"


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
    shown = do(bo, "approve show AP-1").view.facts()
    assert shown["out_of_reach"].startswith("only cy can still vote, and bo, who asks, cannot: let somebody else ask")
    assert "out_of_reach" not in do(bo, "approve show AP-2").view.facts()


def test_nobody_votes_twice(asked, person):
    yes(person("bo"))
    for reason in ("again", None):
        outcome = do(person("bo"), "approve AP-1", reason=reason)
        assert (outcome.exit, outcome.error["what"]) == (2, "bo has voted yes on AP-1 already.")
        assert refused(asked) == "conflict"
    assert (state(asked).count, state(asked).state) == ("1 of 2 votes", "open")


def test_a_yes_may_become_a_no_while_it_is_open(asked, person):
    yes(person("bo"))
    do(person("bo"), "approve AP-1 --no", reason="an incident was opened since")
    assert (state(asked).state, state(asked).yes, state(asked).ended_by) == ("rejected", 0, "bo (simulated)")


def test_who_comes_late_is_told_so_before_he_is_asked_why(asked, person):
    do(person("bo"), "approve AP-1 --no", reason="not before the holidays")
    outcome = do(person("cy"), "approve AP-1")
    assert outcome.error["what"] == \
        "AP-1 was rejected by bo (simulated) at 2013-09-14 06:00 EDT: not before the holidays."
    assert (outcome.error["where"], refused(asked)) == ("nothing was counted", "conflict")
    call = asking.call_of(person("cy"), ("approve", "AP-1"))
    assert call.command == "approve vote"
    assert isinstance(asking.ask(person("cy"), ("approve", "AP-1")), asking.Answer), "no form, no job"


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
    assert (view.status, "is void" in view.title, [each.label for each in view.actions]) == (
        Status.FAIL, True, ["Ask again"])
    assert state(asked).state == "open", "a look writes nothing"


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


# -- seats --------------------------------------------------------------------------------------------------------


@pytest.fixture
def seated(ready, project):
    """Two votes are wanted: one of an approver, one of legal, which dee is."""
    edit(project, "mlops.yaml", "clock: replay", "clock: replay\napprovals: {quorum: 1, seats: [approver, legal]}")
    edit(project, "team.yaml", "dee: {roles: [operator]", "dee: {roles: [legal]")
    assert do(ready, f"promote {SUBJECT}", yes=True).view.facts()["quorum"] == 2
    return ready


def test_votes_of_one_seat_do_not_fill_the_other(seated, person):
    yes(person("bo"))
    outcome = yes(person("cy"))
    assert (outcome.view.status, state(seated).state) == (Status.RUNNING, "open")
    assert state(seated).count == "2 of 2 votes, legal missing"
    assert yes(person("dee")).exit == 0
    assert (champion(seated), state(seated).state) == ("1", "done")


def test_one_person_fills_one_seat_whatever_he_holds(seated, person, project):
    edit(project, "team.yaml", "bo: {roles: [approver, oncall]", "bo: {roles: [approver, legal]")
    yes(person("bo"))
    assert (state(seated).vacant, state(seated).state) == (("legal",), "open")
    assert yes(person("cy")).exit == 0, "bo sits for legal then"
    assert champion(seated) == "1"


def test_a_seat_that_is_lost_before_the_last_vote_voids_it(seated, person, project):
    yes(person("dee"))
    edit(project, "team.yaml", "dee: {roles: [legal]", "dee: {roles: [operator]")
    outcome = yes(person("bo"))
    assert (outcome.exit, state(seated).state, champion(seated)) == (1, "void", "")
    assert "dee no longer holds the role 'legal'" in outcome.view.title


@pytest.mark.parametrize(("seats", "holders", "left"), [
    ([], [], ()), (["a"], [], ("a",)), (["a", "b"], [["a", "b"], ["a"]], ()), (["a", "b"], [["a"], ["a"]], ("b",)),
    (["a", "a"], [["a"]], ("a",)), (["a", "b", "c"], [["a", "b"], ["b", "c"], ["a"]], ()),
    (["a", "b", "c"], [["a", "b", "c"], ["a"], ["a"]], ("c",))])
def test_as_many_seats_are_filled_as_can_be(seats, holders, left):
    found = vacant(seats, holders)
    assert len(found) == len(left)
    best = max((sum(role in holders[who] for role, who in zip(seats, order, strict=False))
                for order in permutations(range(len(holders)))), default=0) if len(holders) >= len(seats) else None
    assert best is None or len(seats) - best == len(found)


@pytest.mark.parametrize(("line", "what"), [
    ("{seats: [aprover]}", "No role 'aprover'"), ("{role: boss}", "No role 'boss'"), ("{quorum: -1}", "quorum"),
    ("{expires: 0s}", "Votes need some time"), ("{hours: nine to five}", "is no working hours"),
    ("{hours: mon-fri 17-9}", "ends before it begins")])
def test_rules_by_which_nobody_could_decide_are_no_rules(project, line, what):
    edit(project, "mlops.yaml", "clock: replay", f"clock: replay\napprovals: {line}")
    with pytest.raises(Unreadable, match=what):
        _ = Project(project).settings


def test_only_working_hours_count_where_the_project_says_so(ready, project):
    edit(project, "mlops.yaml", "clock: replay",
         "clock: replay\napprovals: {expires: 8h, hours: mon-fri 9-17}")
    do(ready, f"promote {SUBJECT}", yes=True)  # on a Saturday
    assert state(ready).expires_at == datetime(2013, 9, 16, 21, tzinfo=UTC), "Monday at five, in New York"


# -- taken back, asked about ----------------------------------------------------------------------------------------


def test_a_vote_that_is_taken_back_counts_no_more_and_may_be_given_again(asked, person):
    yes(person("bo"))
    outcome = do(person("bo"), "approve withdraw AP-1", reason="an incident was opened")
    assert (outcome.exit, state(asked).count) == (0, "0 of 2 votes")
    yes(person("cy"))
    assert champion(asked) == ""
    assert yes(person("bo")).exit == 0
    assert champion(asked) == "1"


def test_whoever_asked_takes_all_of_it_back(asked, person):
    yes(person("bo"))
    assert do(asked, "approve withdraw AP-1", reason="version 2 is better").exit == 0
    assert (state(asked).state, state(asked).reason) == ("withdrawn", "version 2 is better")
    assert "was withdrawn by ana (simulated)" in yes(person("cy")).error["what"]
    assert do(asked, f"promote {SUBJECT}", yes=True).view.facts()["approval"] == "AP-2"


@pytest.mark.parametrize(("who", "code"), [("cy", "denied"), ("vera", "denied")])
def test_nobody_takes_back_what_is_not_his(asked, person, who, code):
    yes(person("bo"))
    assert do(person(who), "approve withdraw AP-1", reason="r").error["code"] == code
    assert (refused(asked), state(asked).count) == ("denied", "1 of 2 votes")


def test_asking_for_more_pauses_nothing(asked, person, clock):
    before = state(asked).expires_at
    assert do(person("bo"), "approve ask-for-more AP-1", reason="how was July?").exit == 0
    assert (state(asked).state, state(asked).expires_at) == ("open", before)
    [row] = do(asked, "approve show AP-1").view.table("questions").rows
    assert (row["who"], row["question"]) == ("bo (simulated)", "how was July?")
    assert yes(person("bo")).exit == 0, "and he may vote"
    assert do(asked, "approve ask-for-more AP-1", reason="why?").exit == 4, "whoever asked does not ask back"


# -- time and change, with nobody there -----------------------------------------------------------------------------


def test_what_ran_out_is_noted_once_whoever_looks_first(asked, person, clock):
    yes(person("bo"))
    assert settled(asked) == []
    clock.advance(clock.moment + timedelta(hours=23, minutes=59))
    assert settled(asked) == []
    clock.advance(clock.moment + timedelta(minutes=1))
    other = person("cy")
    noted = [entry for session in (asked, other, asked) for entry in settled(session)]
    assert [(entry.subject, entry.fact.event, entry.fact.reason) for entry in noted] == [
        ("AP-1", "expired", "it had 1 of 2 votes")]
    assert state(asked).state == "expired"


def test_votes_that_were_in_and_not_used_run_out_too(asked, person, clock):
    asked.ledger.append(Approval(subject="AP-1", event="met"))
    clock.advance(clock.moment + timedelta(days=1))
    assert [entry.fact.event for entry in settled(asked)] == ["expired"]
    assert settled(asked) == []


def test_a_plan_that_changed_is_void_without_a_vote(asked, person, made, project):
    assert settled(asked) == []
    asked.ledger.append(made.finding("warn"))
    assert [entry.fact.event for entry in settled(asked)] == ["void"]
    assert settled(person("cy")) == []
    do(asked, f"promote {SUBJECT}", yes=True)
    assert settled(asked) == []
    edit(project, "models/flights-delay.yaml", "at_least: 0.70", "at_least: 0.50")
    [noted] = settled(asked)
    assert (noted.subject, noted.fact.event) == ("AP-2", "void")
    assert champion(asked) == ""


# -- simulated people, and breaking the glass -----------------------------------------------------------------------


def test_simulated_people_decide_in_a_replayed_world_alone(asked, person, project):
    edit(project, "mlops.yaml", "clock: replay", "clock: system")
    for line in ("approve AP-1", f"promote {SUBJECT} --break-glass --reason now"):
        outcome = do(person("bo"), line, reason="better")
        assert (outcome.exit, refused(asked)) == (4, "denied")
        assert "bo is simulated, and this project's clock is real" in outcome.error["what"]
    assert state(asked).votes == {}


GLASS = f'promote {SUBJECT} --break-glass --reason "version 7 answers nothing"'


def test_breaking_the_glass_serves_at_once_and_stays_red_until_somebody_else_has_judged_it(ready, person, made):
    ready.ledger.append(made.finding("fail"))
    bo = person("bo")
    plan = do(bo, GLASS)
    assert (plan.view.status, champion(ready)) == (Status.CONFIRM, "")
    assert plan.view.title == f"{SUBJECT} would serve at once, without votes over drift-ok"
    assert do(bo, GLASS, yes=True).exit == 0
    assert (champion(ready), state(ready).state, state(ready).requester) == ("1", "review", "bo")
    assert do(ready, "approve list").view.status is Status.FAIL
    [need] = [row for row in do(person("cy"), "status").view.table("needs_you").rows if row["kind"] == "review"]
    assert (need["id"], need["status"]) == ("AP-1", Status.FAIL)
    assert do(bo, "approve review AP-1", reason="it was me").exit == 4
    outcome = do(person("cy"), "approve review AP-1 --wrong", reason="a rollback would have done")
    assert ("promote", "--rollback", "flights-delay") in [each.argv for each in outcome.view.actions]
    assert (state(ready).state, state(ready).reason) == ("reviewed", "it was wrong: a rollback would have done")
    assert do(ready, "approve list").view.status is Status.PASS
    assert do(person("cy"), "approve review AP-1", reason="r").error["code"] == "conflict"
    shown = do(ready, "approve show AP-1").view
    assert "drift-ok" in [row["item"] for row in shown.table("gate").rows], "the gate as it was then"


@pytest.mark.parametrize(("who", "line", "code"), [
    ("ana", GLASS, "denied"), ("cy", GLASS, "denied"), ("vera", GLASS, "denied"),
    ("bo", f"promote {SUBJECT} --break-glass", "bad_input"),
    ("bo", f'promote {SUBJECT} --break-glass --reason " "', "bad_input"),
    ("bo", f"promote {SUBJECT} --break-glass --rollback --reason now", "bad_input")])
def test_the_glass_is_broken_by_who_is_on_call_and_says_why(ready, person, who, line, code):
    outcome = do(person(who), line, yes=True)
    assert (outcome.error["code"], champion(ready), refused(ready)) == (code, "", code)


def test_what_was_voted_on_needs_no_review(asked, person):
    outcome = do(person("bo"), "approve review AP-1", reason="r")
    assert outcome.error["what"] == "AP-1 was not done without votes."
