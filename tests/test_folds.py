"""The state of things is a reading of what happened, and nothing else."""

from datetime import timedelta

import pytest

from mlops_tui import folds
from mlops_tui.errors import NotFound
from store.facts import (
    AlertEvent,
    Approval,
    IncidentEvent,
    Postmortem,
    Promotion,
    Proposal,
    RunbookEvent,
    SignOff,
    Snapshot,
    Trained,
    Vote,
)


def trained(version):
    return Trained(subject="m", version=version, candidate="c", key="k", run_id="r", artifact="a", training="t",
                   declaration="d", seed=1, window=("", ""), metrics={})


def promotion(version, event="promoted"):
    return Promotion(subject="m", version=version, previous="", approval="", evidence="", event=event)


def asked(history, quorum=2, hours=24):
    history.add(Approval(subject="AP-1", event="asked", argv=("promote", "m@2"), plan="digest", quorum=quorum,
                         role="approver", requester="ana", title="promote",
                         expires_at=(history.now + timedelta(hours=hours)).isoformat()))


def vote(voter, choice="yes"):
    return Vote(subject="AP-1", voter=voter, choice=choice, plan="digest", reason="because")


def test_numbers_go_on_after_the_highest():
    assert folds.next_id("INC", []) == "INC-1"
    assert folds.next_id("INC", ["INC-2", "AL-9", "INC-10"]) == "INC-11"


def test_a_tag_does_not_make_a_snapshot_current(history):
    snapshot = {"subject": "d", "parent": "", "rows": 1, "bytes": 1}
    history.add(Snapshot(snapshot="a", **snapshot), Snapshot(snapshot="b", **snapshot),
                Snapshot(snapshot="a", tag="june", **snapshot))
    assert folds.current_snapshot(history.entries) == "b"
    assert folds.tagged_snapshot(history.entries, "june") == "a"


# a promotion pushes, a rollback to the one below pops: told as moves, with the stack they should leave
@pytest.mark.parametrize(("moves", "left"), [
    ([], ()),
    (["1"], ("1",)),
    (["1", "1"], ("1",)),
    (["1", "2", "<1"], ("1",)),
    (["1", "2", "3", "<2", "<1"], ("1",)),
    (["1", "2", "<1", "3"], ("1", "3")),
    (["1", "2", "1"], ("1", "2", "1")),
])
def test_rollbacks_walk_down_and_never_swing_back(history, moves, left):
    history.add(trained("1"), trained("2"), trained("3"))
    history.add(*(promotion(move.lstrip("<"), "rolled_back" if move[0] == "<" else "promoted") for move in moves))
    state = folds.model_state(history.entries, "m")
    assert state.champions == left
    assert state.champion == (left[-1] if left else "")
    assert state.previous == (left[-2] if len(left) > 1 else "")


def test_what_was_taken_back_is_known_until_it_serves_again(history):
    history.add(trained("1"), trained("2"), promotion("1"), promotion("2"), promotion("1", "rolled_back"))
    assert list(folds.model_state(history.entries, "m").taken_back) == ["2"]
    history.add(promotion("2"))
    assert not folds.model_state(history.entries, "m").taken_back


def test_the_challenger_is_the_newest_that_does_not_serve(history):
    history.add(trained("1"), promotion("1"))
    assert folds.model_state(history.entries, "m").challenger == ""
    history.add(trained("2"))
    state = folds.model_state(history.entries, "m")
    assert (state.resolve(""), state.resolve("challenger"), state.resolve("1")) == ("1", "2", "1")


def fired(name="AL-1"):
    return AlertEvent(subject=name, event="fired", monitor="m", about="model", check="drift", severity="high",
                      title="t")


def test_a_silence_outlives_the_next_firing_and_ends_by_itself(history):
    history.add(fired())
    until = history.now + timedelta(hours=10)
    history.add(AlertEvent(subject="AL-1", event="silenced", until=until.isoformat()),
                AlertEvent(subject="AL-1", event="recovered"),
                AlertEvent(subject="AL-1", event="refired", title="again"))
    alert = folds.alerts(history.entries)["AL-1"]
    assert (alert.standing(history.now), alert.standing(until)) == ("silenced", "firing")
    history.add(AlertEvent(subject="AL-1", event="resolved", real=True), fired("AL-2"))
    assert folds.alerts(history.entries)["AL-2"].silent(history.now), "the silence is the monitor's"
    assert not folds.alerts(history.entries)["AL-1"].silent(history.now), "what is resolved needs no silence"


def test_the_first_ack_is_the_one_that_counts(history):
    history.add(fired(), AlertEvent(subject="AL-1", event="assigned", who="bo"))
    assert folds.alerts(history.entries)["AL-1"].acked_at is None
    history.add(AlertEvent(subject="AL-1", event="acked"))
    first = history.now
    history.add(AlertEvent(subject="AL-1", event="acked", who="cy"))
    alert = folds.alerts(history.entries)["AL-1"]
    assert (alert.acked_at, alert.owner, alert.state) == (first, "cy", "acked")


def test_an_incident_is_the_sum_of_its_events(history):
    history.add(IncidentEvent(subject="INC-1", event="opened", title="t", about="model", severity="high", alert="AL-1",
                              window=("2013-09-09", "")),
                IncidentEvent(subject="INC-1", event="role", role="lead", who="bo"),
                IncidentEvent(subject="INC-1", event="linked", alert="AL-2"),
                IncidentEvent(subject="INC-1", event="severity", severity="low"),
                IncidentEvent(subject="INC-7", event="note", note="about nothing"))
    history.add(IncidentEvent(subject="INC-1", event="resolved"), actor="bo")
    [incident] = folds.incidents(history.entries).values()
    assert (incident.roles, incident.alerts, incident.severity) == ({"lead": "bo"}, ("AL-1", "AL-2"), "low")
    assert (incident.open, incident.window, incident.people) == (False, ("2013-09-09", ""), ("ana", "bo"))
    history.add(IncidentEvent(subject="INC-1", event="reopened"))
    assert folds.incidents(history.entries)["INC-1"].resolved_at is None


@pytest.mark.parametrize("voted", [False, True])
def test_an_approval_that_was_not_used_in_time_is_expired(history, voted):
    asked(history, hours=5)
    history.add(vote("bo"))
    if voted:
        history.add(vote("cy"), Approval(subject="AP-1", event="met"))
    state = folds.approvals(history.entries, history.now)["AP-1"]
    assert (state.state, state.count) == (("met", "2 of 2 votes") if voted else ("open", "1 of 2 votes"))
    assert folds.approvals(history.entries, state.expires_at)["AP-1"].state == "expired"


def test_an_approval_that_was_used_does_not_expire(history):
    asked(history)
    history.add(Approval(subject="AP-1", event="met"), Approval(subject="AP-1", event="done"))
    assert folds.approvals(history.entries, history.now + timedelta(days=9))["AP-1"].state == "done"


def test_the_newest_answer_to_an_item_counts(history):
    signed = {"subject": "m@2", "item": "limits", "checklist": "standard", "reason": "r"}
    history.add(SignOff(choice="no", **signed), SignOff(choice="yes", **signed))
    assert folds.sign_offs(history.entries, "m@2")["limits"].fact.choice == "yes"
    assert folds.sign_offs(history.entries, "m@3") == {}


def test_a_lesson_follows_its_proposal(history):
    history.add(Proposal(subject="P-1", event="proposed", path="checklists/standard.yaml", content="c", lesson=True),
                Postmortem(subject="INC-1", event="action", actions=(
                    {"id": "INC-1/1", "title": "check labels", "type": "checklist", "owner": "ana", "due": "2013-10-01",
                     "proposal": "P-1"},)),
                Postmortem(subject="INC-1", event="action", actions=({"id": "INC-1/2", "title": "call them"},)))
    assert {item.id: item.state for item in folds.action_items(history.entries).values()} == {
        "INC-1/1": "open", "INC-1/2": "open"}
    history.add(Proposal(subject="P-1", event="adopted"),
                Postmortem(subject="INC-1", event="done", actions=({"id": "INC-1/2"},)))
    assert {item.id: item.state for item in folds.action_items(history.entries).values()} == {
        "INC-1/1": "adopted", "INC-1/2": "done"}


def test_a_finished_post_mortem_is_the_newest_word(history):
    history.add(Postmortem(subject="INC-1", event="drafted", document="a"),
                Postmortem(subject="INC-1", event="action", actions=({"id": "INC-1/1"},)),
                Postmortem(subject="INC-1", event="finished", document="b"))
    state = folds.postmortems(history.entries)["INC-1"]
    assert (state.state, state.document) == ("finished", "b")


def test_a_step_knows_when_it_began_and_how_it_stands(history):
    history.add(RunbookEvent(subject="RUN-1", event="started", runbook="data-drift", digest="d", about="model"),
                RunbookEvent(subject="RUN-1", event="step", step=1, status="intent"))
    began = history.now
    history.add(RunbookEvent(subject="RUN-1", event="step", step=1, status="pass", evidence="e"))
    run = folds.runbook_runs(history.entries)["RUN-1"]
    assert run.open
    assert (run.steps[1].status, run.steps[1].began_at, run.steps[1].at) == ("pass", began, history.now)
    history.add(RunbookEvent(subject="RUN-1", event="stopped", note="enough"))
    assert folds.runbook_runs(history.entries)["RUN-1"].state == "stopped"


@pytest.mark.parametrize(("ids", "hint"), [
    (["INC-1", "INC-2", "INC-3"], "There are INC-1 to INC-3."), (["INC-6"], "There is INC-6 only."),
    (["INC-2", "INC-4"], "There are INC-2, INC-4."), ([], "Try: mlops-tui incident list --all"),
    (["standard"], "Try: mlops-tui incident list --all"), (["INC-77x"], "Did you mean 'INC-77x'?")])
def test_an_unknown_id_is_told_which_there_are(ids, hint):
    with pytest.raises(NotFound) as caught:
        folds.known(dict.fromkeys(ids, 1), "INC-77", "incident")
    assert caught.value.next == hint
