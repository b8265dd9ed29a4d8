"""A run that asks, branches, looks again, waits for votes and meets a second pair of hands."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mlops_tui import folds, timetable
from mlops_tui.daemon import TIMETABLE
from mlops_tui.folds import runbook_runs
from mlops_tui.response import _running
from mlops_tui.running.holder import this_process
from mlops_tui.view import Status
from store.facts import AlertEvent, Approval, Command, IncidentEvent, Proposal, RunbookEvent
from tests.doing import do

FRONT = """\
---
title: A probe
params:
  level: {type: choice, of: [low, high], default: high}
  most: {type: number, default: 1000}
  word: {type: text}
---
"""


@pytest.fixture
def ana(session):
    """An engineer with an incident."""
    opened = session("ana")
    opened.ledger.append(IncidentEvent(subject="INC-1", event="opened", title="t", about="flights-delay",
                                       severity="low"))
    return opened


def begin(session, body, front="", more=""):
    folder = session.project.root / "runbooks"
    folder.mkdir(exist_ok=True)
    (folder / "probe.md").write_text(front + body, encoding="utf-8")
    session.project = type(session.project)(session.project.root)
    return do(session, f"runbook run probe --incident INC-1 {more}")


def run(session):
    return runbook_runs(session.ledger.entries())["RUN-1"]


def standing(session):
    return {number: step.status for number, step in run(session).steps.items()}


def fires(session):
    session.ledger.append(AlertEvent(subject="AL-1", event="fired", monitor="flights-drift", about="flights-delay",
                                     check="drift", severity="high", title="moved"))


# -- what it asks ------------------------------------------------------------------------------------------------------

ASKS = '## 1. Say\n```command\nincident note INC-1 "{word}: {level}"\nundo: none because a note harms nobody\n```\n'


def test_what_a_runbook_asks_for_is_asked_checked_and_kept(ana):
    refused = begin(ana, ASKS, FRONT)
    assert (refused.exit, refused.error["code"]) == (2, "bad_input")
    assert "--set word=" in refused.error["what"]
    assert refused.error["next"] == "Try: mlops-tui runbook show probe --incident INC-1"
    [work, _] = do(ana, "runbook show probe --incident INC-1").view.actions
    assert (work.asks, work.shown[-2:]) == (("set:word",), ("--set", "word=…"))
    assert "'lo' is none" in do(ana, "runbook run probe --incident INC-1 --set word=x --set level=lo").error["what"]
    begin(ana, ASKS, FRONT, "--set 'word=it is; $HOME --yes' --set level=low")
    assert run(ana).params == {"level": "low", "most": "1000", "word": "it is; $HOME --yes"}
    do(ana, "runbook step RUN-1 1", yes=True)
    assert ana.ledger.entries("incident")[-1].fact.note == "it is; $HOME --yes: low"


# -- branches ----------------------------------------------------------------------------------------------------------

BRANCHES = """\
## 1. Count
```query
audit verify
as: history
```
## 2. Only where it is long
```query
alert list
when: history.entries > most
```
## 3. Choose
```manual
as: decided
evidence: one of go on | go back
```
## 4. Back
```command
incident severity INC-1 high
when: decided.value == "go back" and history.status == "pass"
undo: incident severity INC-1 low
```
## 5. Nobody knows
```query
alert list
when: history.nothing > 1
```
## 6. End
"""


def test_a_step_whose_condition_is_not_so_is_passed_over_and_one_that_is_unknown_asks(ana):
    begin(ana, BRANCHES, FRONT, "--set word=x")
    assert standing(ana) == {1: "pass", 2: "skipped"}
    assert run(ana).steps[2].note == "not needed: history.entries > most is not so"
    view = do(ana, "runbook show RUN-1").view
    assert [each.argv for each in view.actions][:2] == [("runbook", "step", "RUN-1", "3", "--note", choice)
                                                        for choice in ("go on", "go back")]
    assert "none of the answers" in do(ana, "runbook step RUN-1 3 --note perhaps").error["what"]
    do(ana, "runbook step RUN-1 3 --note 'Go on: it is quiet'", yes=True)
    assert standing(ana) == {1: "pass", 2: "skipped", 3: "done", 4: "skipped", 5: "unknown"}
    do(ana, "runbook resume RUN-1")
    assert standing(ana)[5] == "unknown", "unknown is never true"
    do(ana, "runbook step RUN-1 5 --note 'not needed'", yes=True)
    assert standing(ana)[5] == "skipped"


def test_a_choice_opens_its_branch(ana):
    begin(ana, BRANCHES, FRONT, "--set word=x")
    do(ana, "runbook step RUN-1 3 --note 'go back'", yes=True)
    assert 4 not in standing(ana)
    do(ana, "runbook step RUN-1 4", yes=True)
    assert folds.incidents(ana.ledger.entries())["INC-1"].severity == "high"


@pytest.mark.parametrize(("fires_", "stands"), [
    (True, {1: "diverted", 2: "skipped", 3: "skipped"}), (False, {1: "pass"})])
def test_a_check_that_fails_leads_on_to_another_step(ana, fires_, stands):
    if fires_:
        fires(ana)
    begin(ana, "## 1. Calm?\n```check\naudit log --kind alert\nas: alerts\n"
               "expect: count(answer.entries) == 0\nelse: goto Not calm\n```\n## 2. a\n## 3. b\n## 4. Not calm\n")
    assert standing(ana) == stands
    assert ("step 4 of 4" if fires_ else "step 2 of 4") in do(ana, "runbook show RUN-1").view.title


@pytest.mark.parametrize(("kind", "right", "wrong"), [
    ("link", "https://chat/p1", "see the thread"), ("number", "410 requests", "many")])
def test_the_evidence_of_a_person_is_of_the_kind_that_is_asked_for(ana, kind, right, wrong):
    begin(ana, f"## 1. Say\n```manual\nas: said\nevidence: {kind}\n```\n## 2. On\n")
    assert do(ana, f"runbook step RUN-1 1 --note '{wrong}'").error["code"] == "bad_input"
    assert standing(ana) == {}
    do(ana, f"runbook step RUN-1 1 --note '{right}'", yes=True)
    assert do(ana, "runbook show RUN-1 --step 1").view.facts()["said"] == right


# -- looking again -----------------------------------------------------------------------------------------------------


WAITS = """\
## 1. Until it is calm
```wait
1h
checklist show flights-delay@1
every: 1h
timeout: 3h
```
## 2. On
"""


def test_what_is_waited_for_is_looked_at_again_by_the_clock_and_given_up_in_time(ana, made, clock):
    ana.ledger.append(made.trained())
    begin(ana, WAITS)
    begun, machine = clock(), ana.acting_as(TIMETABLE)
    assert [due.at for due, _ in timetable.run_due(machine)] == []
    for hour in (1, 2, 3):
        clock.advance(begun + timedelta(hours=hour))
        assert standing(ana) == {1: "waiting"}
        assert [due.schedule.argv for due, _ in timetable.run_due(machine)] == [("runbook", "resume", "RUN-1")]
        assert timetable.run_due(machine) == [], "once"
    assert run(ana).steps[1].note.startswith("not yet")
    clock.advance(begun + timedelta(hours=4))
    timetable.run_due(machine)
    assert standing(ana) == {1: "unknown"}
    assert run(ana).steps[1].note.startswith("not so within 3h")


# -- votes inside ------------------------------------------------------------------------------------------------------

VOTES = """\
## 1. Graver
```approve
incident severity INC-1 critical
quorum: 1
role: approver
expires: 4h
undo: incident severity INC-1 low
```
## 2. On
"""


@pytest.fixture
def asked(ana, session):
    begin(ana, VOTES)
    do(ana, "runbook step RUN-1 1", yes=True)
    assert (standing(ana), run(ana).steps[1].note) == ({1: "waiting"}, "AP-1")
    return ana


def severity(session):
    return folds.incidents(session.ledger.entries())["INC-1"].severity


def test_the_last_vote_carries_the_step_out_once(asked, session):
    bo = session("bo")
    assert do(asked, "approve vote AP-1", reason="me too").error["code"] == "denied", "not by who asked"
    assert severity(asked) == "low"
    assert do(bo, "approve vote AP-1", reason="it is grave").exit == 0
    assert (standing(asked), severity(asked)) == ({1: "done"}, "critical")
    assert do(session("cy"), "approve vote AP-1", reason="late").error["code"] == "conflict"
    assert do(asked, "runbook step RUN-1 1", yes=True).error["code"] == "conflict"
    done = [entry for entry in asked.ledger.entries("command") if entry.fact.subject == "incident severity"]
    assert [entry.fact.phase for entry in done] == ["attempt", "outcome"]


def test_without_the_votes_nothing_is_done(asked):
    assert "AP-1 has 0 of 1 votes" in do(asked, "runbook step RUN-1 1", yes=True).error["what"]
    assert severity(asked) == "low"


def test_an_approval_whose_plan_changed_is_void(asked, session):
    asked.ledger.append(RunbookEvent(subject="RUN-1", event="stopped"))
    refused = do(session("bo"), "approve vote AP-1", reason="yes")
    assert (refused.error["code"], severity(asked)) == ("conflict", "low")
    assert folds.approvals(asked.ledger.entries(), asked.now())["AP-1"].state == "void"


def test_an_approval_that_expired_is_asked_anew(asked, clock):
    clock.advance(clock() + timedelta(hours=5))
    do(asked, "runbook resume RUN-1")
    assert (standing(asked), run(asked).steps[1].note) == ({1: "fail"}, "AP-1 is expired")
    do(asked, "runbook step RUN-1 1", yes=True)
    assert run(asked).steps[1].note == "AP-2"


# -- before anybody begins ---------------------------------------------------------------------------------------------


def test_a_plan_runs_nothing_and_says_what_cannot_be_known(ana):
    begin(ana, "## 1. Look\n```query\ndrift {model}\nas: moved\n```\n## 2. Train\n```command\ntrain {model}\n```\n"
               "## 3. Serve\n```approve\npromote {model}@challenger\nundo: promote --rollback {model}\n```\n"
               "## 4. Say\n```command\nincident severity {incident} high\nundo: incident severity {incident} low\n```\n"
               "## 5. Then\n```command\nadopt write {moved.proposal}\nundo: none because of git\n```\n")
    before = ana.ledger.head_seq()
    rows = do(ana, "runbook plan probe --incident INC-1").view.table("steps").rows
    assert [row["status"] for row in rows] == ["looks", "acts", "unknown", "acts", "unknown"]
    assert rows[2]["plan"] == "depends on what step 2 leaves"
    assert rows[4]["plan"] == "it needs moved.proposal, which an earlier step finds out"
    assert ana.ledger.head_seq() == before


@pytest.mark.parametrize("how", [{"dry_run": True}, {}], ids=["by --dry-run before", "by its own flag"])
def test_a_dry_run_looks_plans_and_begins_nothing(ana, how):
    body = ("## 1. Calm?\n```check\naudit verify\nas: history\n```\n"
            "## 2. Act\n```command\nincident severity INC-1 high\n"
            "when: history.status == 'pass'\nundo: incident severity INC-1 low\n```\n"
            "## 3. Not\n```query\nalert list\nwhen: history.entries > 9999\n```\n")
    folder = ana.project.root / "runbooks"
    folder.mkdir()
    (folder / "probe.md").write_text(body)
    line = "runbook run probe --incident INC-1" + ("" if how else " --dry-run")
    outcome = do(ana, line, **how)
    rows = outcome.view.table("steps").rows
    assert (outcome.exit, [row["status"] for row in rows]) == (0, ["pass", "acts", "skipped"])
    assert (runbook_runs(ana.ledger.entries()), severity(ana)) == ({}, "low")


# -- two at once, and what was interrupted -----------------------------------------------------------------------------


def test_of_two_who_go_on_at_once_one_wins_and_the_other_is_told(ana, session, monkeypatch):
    begin(ana, "## 1. Read\n## 2. Look\n```query\nalert list\n```\n## 3. End\n")
    real, met = _running.looked, []

    def slowly(*args):
        if not met:  # while ana's look is on its way, bo does the same step to its end
            met.append(1)
            do(session("bo"), "runbook resume RUN-1")
        return real(*args)

    monkeypatch.setattr(_running, "looked", slowly)
    outcome = do(ana, "runbook step RUN-1 1 --note read", yes=True)
    assert outcome.error["code"] == "conflict"
    assert "bo (simulated) took step 2 of RUN-1 on at the same time" in outcome.error["what"]
    looks = [entry.actor for entry in ana.ledger.entries("runbook") if entry.fact.step == 2]
    assert looks == ["bo (simulated)"]


ACT = "## 1. Act\n```command\nincident severity INC-1 high\nundo: incident severity INC-1 low\nIDEM\n```\n## 2. End\n"


def interrupted(session, holder, idempotent="no"):
    """The history of a process that ended between its attempt and its outcome."""
    begin(session, ACT.replace("IDEM", f"idempotent: {idempotent}"))
    session.ledger.append(
        RunbookEvent(subject="RUN-1", event="step", step=1, status="intent", holder=holder),
        Command(subject="incident severity", argv=("incident", "severity", "INC-1", "high"), shape="act",
                phase="attempt", status="running", source="test"))


def test_who_is_at_work_is_not_taken_for_dead(ana):
    host = this_process().partition(":")[0]
    interrupted(ana, f"{host}:1:{_born(1):.0f}")
    refused = do(ana, "runbook resume RUN-1")
    assert "is doing step 1 of RUN-1 right now" in refused.error["what"]
    assert standing(ana) == {1: "intent"}


def _born(pid):
    import psutil
    return psutil.Process(pid).create_time()


def test_an_interrupted_act_is_looked_at_by_a_person_who_says_that_it_was_done(ana):
    interrupted(ana, "")
    view = do(ana, "runbook resume RUN-1").view
    assert standing(ana) == {1: "interrupted"}
    assert [each.label for each in view.actions][:2] == ["It was done", "Do it again"]
    do(ana, "runbook step RUN-1 1 --done --note 'I looked'", yes=True)
    assert (standing(ana), severity(ana)) == ({1: "done"}, "low")


def test_an_idempotent_act_may_simply_be_done_again(ana):
    interrupted(ana, "", "yes")
    do(ana, "runbook resume RUN-1")
    assert standing(ana) == {1: "pending"}
    assert do(ana, "runbook step RUN-1 1 --done --note x").error["code"] == "bad_input"


def test_after_a_crash_a_step_waits_for_its_own_votes_and_for_nobody_elses(ana, session):
    """Another approval was asked for while nobody knew; its yes is not for this step."""
    begin(ana, ACT.replace("IDEM", "idempotent: no"))
    words = {"subject": "incident severity", "argv": ("incident", "severity", "INC-1", "high"), "shape": "act",
             "source": "test"}
    ana.ledger.append(RunbookEvent(subject="RUN-1", event="step", step=1, status="intent"),
                      Command(**words, phase="attempt", status="running"))
    other = {"argv": ("promote", "flights-delay@1"), "quorum": 1, "role": "approver", "plan": "x",
             "expires_at": "2013-09-15T00:00:00+00:00"}
    session("bo").ledger.append(Approval(subject="AP-1", event="asked", requester="bo", **other))
    ana.ledger.append(Command(**words, phase="outcome", status="running"))
    do(ana, "runbook resume RUN-1")
    assert (standing(ana), run(ana).steps[1].note.startswith("it waits for votes")) == ({1: "interrupted"}, True)


@pytest.mark.parametrize("recorded", [False, True])
def test_adopting_that_was_cut_off_after_it_wrote_its_file_is_done_again_and_recorded_once(ana, recorded):
    proposed = Proposal(subject="P-1", event="proposed", path="notes.md", content="new\n", why="w", origin="INC-1")
    ana.ledger.append(proposed)
    begin(ana, "## 1. Write\n```command\nadopt write P-1\nundo: none because git has it\n```\n## 2. End\n")
    (ana.project.root / "notes.md").write_text("new\n", encoding="utf-8")
    ana.ledger.append(RunbookEvent(subject="RUN-1", event="step", step=1, status="intent"),
                      Command(subject="adopt write", argv=("adopt", "write", "P-1"), shape="act", phase="attempt",
                              status="running", source="test"),
                      *([replace(proposed, event="adopted")] if recorded else []))
    do(ana, "runbook resume RUN-1")
    assert standing(ana) == {1: "pending"}
    assert do(ana, "runbook step RUN-1 1 --done --note 'the file is there'").error["code"] == "bad_input"
    assert do(ana, "runbook step RUN-1 1", yes=True).exit == 0
    assert standing(ana)[1] == "done"
    assert [entry.fact.event for entry in ana.ledger.entries("proposal")] == ["proposed", "adopted"]


# -- what people work from ---------------------------------------------------------------------------------------------


def test_the_first_thing_to_read_is_the_step_whose_turn_it_is(ana):
    begin(ana, "## 1. Look\n```query\naudit verify\n```\n## 2. Decide about {model}\nRead it, {incident} waits.\n"
               "```manual\nevidence: one of yes | no\n```\n## 3. End\n")
    view = do(ana, "runbook show RUN-1").view
    assert view.status is Status.RUNNING
    assert view.parts[0].body.startswith("Read it, INC-1 waits.")
    assert "1 Look The history is whole" in view.parts[1].body
    assert [each.label for each in view.actions] == ["Yes", "No", "Stop here"]
