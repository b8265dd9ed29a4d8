"""A runbook run: what goes by itself, what waits for a person, and what survives a kill at any moment."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_tui.folds import incidents, runbook_runs
from mlops_tui.view import Status
from store.facts import Approval, Command, IncidentEvent, Proposal, RunbookEvent
from store.ledger import Ledger
from tests.doing import do

ROOT = Path(__file__).parents[2]
BOOK = """\
---
title: A probe
when: [drift]
---
## 1. Look
```check
alert list
```
## 2. Ask
```query
drift {model}
```
## 3. Read
Look at it, then say so.
## 4. Write
```command
adopt P-1
```
## 5. Grade
```command
incident severity {incident} critical
```
## 6. Watch
```wait
2h
alert list
```
## 7. Tell
```notify
{model}: look at {incident}.
```
"""


@pytest.fixture
def bo(session, project):
    """Somebody who may do all of it (engineer), in a project with a runbook, an incident and a proposal."""
    (project / "runbooks").mkdir()
    (project / "runbooks" / "probe.md").write_text(BOOK, encoding="utf-8")
    opened = session("ana")
    opened.ledger.append(
        IncidentEvent(subject="INC-1", event="opened", title="t", about="flights-delay", severity="low"),
        Proposal(subject="P-1", event="proposed", path="notes.md", content="adopted\n", why="w", origin="INC-1"))
    return opened


def run(session, name="RUN-1"):
    return runbook_runs(session.ledger.entries())[name]


def standing(session):
    return {number: step.status for number, step in run(session).steps.items()}


def acts(session):
    """How often the two acts of the runbook really happened."""
    entries = [entry.fact for entry in session.ledger.entries()]
    return (sum(isinstance(fact, Proposal) and fact.event == "adopted" for fact in entries),
            sum(isinstance(fact, IncidentEvent) and fact.event == "severity" for fact in entries))


def test_the_plan_shows_every_command_line_beforehand(bo):
    view = do(bo, "runbook show probe --incident INC-1").view
    assert [row["command"] for row in view.table("steps").rows] == [
        "alert list", "drift flights-delay", "", "adopt P-1", "incident severity INC-1 critical", "alert list",
        "flights-delay: look at INC-1."]
    assert view.facts()["needs"] == ("incident", "model")
    assert run_count(bo) == 0


def run_count(session):
    return len(runbook_runs(session.ledger.entries()))


def test_it_goes_by_itself_up_to_the_step_that_needs_a_person(bo):
    outcome = do(bo, "runbook run probe --incident INC-1")
    assert (outcome.view.status, outcome.exit) == (Status.RUNNING, 0)
    assert standing(bo) == {1: "pass", 2: "warn"}, "a query that cannot answer does not stand in the way"
    assert "step 3 of 7: Read" in outcome.view.title
    assert ("runbook", "step", "RUN-1", "3", "--note", "…") in [each.shown for each in outcome.view.actions]
    evidence = do(bo, "runbook show RUN-1 --step 1").view
    assert evidence.title == "No alert needs anybody"


def test_a_whole_run_step_by_step(bo, clock, project):
    do(bo, "runbook run probe --incident INC-1")
    assert do(bo, "runbook step RUN-1 3 --note 'it is the feed'", yes=True).exit == 0
    plan = do(bo, "runbook step RUN-1 4")
    assert (plan.view.status, plan.exit) == (Status.CONFIRM, 2)
    assert plan.view.facts()["command"] == "adopt P-1"
    assert not (project / "notes.md").exists(), "the plan did nothing"
    assert do(bo, "runbook step RUN-1 4", yes=True).exit == 0
    assert (project / "notes.md").read_text() == "adopted\n"
    do(bo, "runbook step RUN-1 5", yes=True)
    assert incidents(bo.ledger.entries())["INC-1"].severity == "critical"
    assert standing(bo)[6] == "waiting"
    assert "waits" in do(bo, "runbook step RUN-1 6").error["what"]
    clock.advance(clock.moment + timedelta(hours=2))
    assert do(bo, "runbook resume RUN-1").exit == 0
    do(bo, "runbook step RUN-1 7", yes=True)
    assert run(bo).state == "finished"
    assert acts(bo) == (1, 1)
    notes = [entry.fact.note for entry in bo.ledger.entries("incident") if entry.fact.event == "note"]
    assert notes == ["flights-delay: look at INC-1."]


def test_a_dry_run_of_a_step_changes_nothing(bo):
    do(bo, "runbook run probe --incident INC-1")
    do(bo, "runbook step RUN-1 3 --note seen", yes=True)
    before = bo.ledger.head_seq()
    assert do(bo, "runbook step RUN-1 4", dry_run=True).exit == 0
    assert bo.ledger.head_seq() == before


def test_a_plan_that_changed_is_asked_again(bo, project):
    do(bo, "runbook run probe --incident INC-1")
    do(bo, "runbook step RUN-1 3 --note seen", yes=True)
    plan = do(bo, "runbook step RUN-1 4").plan
    (project / "notes.md").write_text("somebody's own\n")
    assert do(bo, "runbook step RUN-1 4", consent=plan).error["code"] == "conflict"
    assert 4 not in standing(bo)
    assert (project / "notes.md").read_text() == "somebody's own\n"


def test_a_check_that_fails_stands_in_the_way_until_a_person_says_otherwise(bo, made):
    (bo.project.root / "runbooks" / "strict.md").write_text(
        "## 1. Ready?\n```check\nchecklist show flights-delay@1\n```\n## 2. Go\n", encoding="utf-8")
    bo.ledger.append(made.trained())
    outcome = do(bo, "runbook run strict")
    assert (outcome.exit, standing(bo)) == (1, {1: "unknown"})
    assert "comes first" in do(bo, "runbook step RUN-1 2 --note x").error["what"]
    do(bo, "runbook resume RUN-1")
    assert standing(bo) == {1: "unknown"}, "looked at again"
    do(bo, "runbook step RUN-1 1 --note 'signed on paper'", yes=True)
    assert standing(bo) == {1: "skipped"}
    assert run(bo).steps[1].note == "signed on paper"


@pytest.mark.parametrize("line", ["adopt P-1", "incident resolve INC-1"])
def test_what_asks_for_consent_or_a_reason_does_not_run_by_itself(bo, line):
    (bo.project.root / "runbooks" / "sly.md").write_text(f"## 1. Look\n```check\n{line}\n```\n", encoding="utf-8")
    assert do(bo, "runbook run sly").exit == 1
    assert standing(bo) == {1: "error"}
    assert acts(bo) == (0, 0)


def test_an_approval_is_waited_for(bo, made, project):
    (project / "runbooks" / "vote.md").write_text("## 1. Vote\n```approve\npromote flights-delay@1\n```\n## 2. On\n")
    (project / "models" / "flights-delay.yaml").write_text(
        (project / "models" / "flights-delay.yaml").read_text().replace("calibrated, checklist", "calibrated"))
    bo.ledger.append(made.trained())
    do(bo, "runbook run vote")
    outcome = do(bo, "runbook step RUN-1 1", yes=True)
    assert (standing(bo), run(bo).steps[1].note) == ({1: "waiting"}, "AP-1")
    assert ("approve", "show", "AP-1") in [each.argv for each in outcome.view.actions]
    do(bo, "runbook resume RUN-1")
    assert standing(bo) == {1: "waiting"}
    bo.ledger.append(Approval(subject="AP-1", event="done"))
    do(bo, "runbook resume RUN-1")
    assert standing(bo) == {1: "done"}


def test_a_rejected_approval_fails_its_step(bo, made, project):
    (project / "runbooks" / "vote.md").write_text("## 1. Vote\n```approve\npromote flights-delay@1\n```\n## 2. On\n")
    (project / "models" / "flights-delay.yaml").write_text(
        (project / "models" / "flights-delay.yaml").read_text().replace("calibrated, checklist", "calibrated"))
    bo.ledger.append(made.trained())
    do(bo, "runbook run vote")
    do(bo, "runbook step RUN-1 1", yes=True)
    bo.ledger.append(Approval(subject="AP-1", event="rejected", reason="no"))
    assert do(bo, "runbook resume RUN-1").exit == 1
    assert standing(bo) == {1: "fail"}


def test_a_run_keeps_the_text_it_began_with(bo, project):
    do(bo, "runbook run probe --incident INC-1")
    (project / "runbooks" / "probe.md").write_text("## 1. Something else\n")
    assert len(do(bo, "runbook show RUN-1").view.table("steps").rows) == 7


@pytest.mark.parametrize(("line", "code"), [
    ("run probe", "bad_input"), ("run prob --incident INC-1", "not_declared"),
    ("run probe --incident INC-9", "not_found"), ("resume RUN-9", "not_found"), ("step RUN-1 9", "bad_input"),
    ("step RUN-1 1", "conflict"), ("step RUN-1 3", "bad_input"), ("step RUN-1 5", "conflict"),
    ("run probe --incident INC-1", "conflict"),
])
def test_what_makes_no_sense_is_refused(bo, line, code):
    do(bo, "runbook run probe --incident INC-1")
    before = standing(bo)
    outcome = do(bo, f"runbook {line}")
    assert (outcome.exit, outcome.error["code"]) == (2, code), outcome.error
    assert standing(bo) == before


def test_a_run_that_was_stopped_is_over(bo):
    do(bo, "runbook run probe --incident INC-1")
    assert do(bo, "runbook stop RUN-1 --note 'a false alarm'").exit == 0
    for line in ("resume RUN-1", "stop RUN-1", "step RUN-1 3 --note x"):
        assert do(bo, f"runbook {line}").error["code"] == "conflict"
    assert do(bo, "runbook run probe --incident INC-1").exit == 0, "and another one can begin"


def test_the_list_says_what_has_no_runbook(bo, project):
    (project / "monitors" / "flights-drift.yaml").write_text("check: drift\nsubject: flights-delay\nalert: {}\n")
    (project / "runbooks" / "bad.md").write_text("nothing\n")
    bo.project = type(bo.project)(project)
    view = do(bo, "runbook list").view
    assert view.status is Status.WARN
    assert ("runbook", "coverage") in [each.argv for each in view.actions]
    [bare] = do(bo, "runbook coverage").view.table("monitors").rows
    assert (bare["monitor"], bare["standing"], bare["fitting"]) == ("flights-drift", "fitting", ("data-drift", "probe"))
    assert {row["runbook"]: row["status"] for row in view.table("runbooks").rows}["bad"] is Status.FAIL


# -- killed at any moment -------------------------------------------------------------------------------------------


class Killed(BaseException):
    """What no code of ours catches: the process is gone."""


SCRIPT = ["runbook run probe --incident INC-1", "runbook step RUN-1 3 --note seen", "runbook step RUN-1 4",
          "runbook step RUN-1 5", "runbook step RUN-1 6 --note 'no need'", "runbook step RUN-1 7"]


def work_through(session):
    """Do what is still to do, as a person would who comes back to it; a doubtful act is looked at, not repeated."""
    if not run_count(session):
        do(session, SCRIPT[0])
    do(session, "runbook resume RUN-1")
    for number, line in zip((3, 4, 5, 6, 7), SCRIPT[1:], strict=True):
        while run(session).open and standing(session).get(number) not in ("pass", "warn", "done", "skipped"):
            doubtful = number in (4, 5) and standing(session).get(number) in ("interrupted", "error")
            happened = doubtful and acts(session)[number - 4]
            do(session, f"runbook step RUN-1 {number} --note 'it was done'" if happened else line, yes=True)


@pytest.mark.slow
@pytest.mark.parametrize("before", [True, False], ids=["before the write", "after the write"])
def test_killed_at_any_write_it_goes_on_and_no_act_happens_twice(bo, session, monkeypatch, tmp_path, before):
    """The process ends at its n-th write to the history, for every n; then a new one takes over."""
    import shutil

    from mlops_tui.opening import open_project

    pristine = tmp_path.parent / f"{tmp_path.name}-pristine"
    bo.ledger.close()
    shutil.copytree(tmp_path, pristine)
    real, boundaries = Ledger.transact, 0
    for deadly in range(1, 60):
        place = tmp_path.parent / f"{tmp_path.name}-{deadly}"
        shutil.copytree(pristine, place)
        count = [0]

        def mortal(self, decide, *, effective_at=None, count=count, deadly=deadly):
            count[0] += 1
            if count[0] == deadly and before:
                raise Killed
            entries = real(self, decide, effective_at=effective_at)
            if count[0] == deadly:
                raise Killed
            return entries

        monkeypatch.setattr(Ledger, "transact", mortal)
        first = open_project(place, person="ana", clock=bo.clock, source="test")
        try:
            for line in SCRIPT:
                do(first, line, yes=True)
        except Killed:
            boundaries += 1
        monkeypatch.setattr(Ledger, "transact", real)
        second = open_project(place, person="ana", clock=bo.clock, source="test")
        work_through(second)
        assert run(second).state == "finished", (deadly, standing(second))
        assert acts(second) == (1, 1), deadly
        assert (place / "notes.md").read_text() == "adopted\n"
        assert second.ledger.verify() is None
        shutil.rmtree(place)
        if count[0] < deadly:
            break
    assert boundaries > 15, "every write was met"


MORTAL = """
import os, signal, sys
from pathlib import Path
from mlops_tui.opening import open_project
from store.ledger import Ledger
root, word, lines = Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
real = Ledger.transact
def mortal(self, decide, *, effective_at=None):
    entries = real(self, decide, effective_at=effective_at)
    for entry in entries:
        fact = entry.fact
        intent = entry.kind == "runbook" and fact.status == "intent"
        attempt = entry.kind == "command" and fact.phase == "attempt" and fact.argv[0] == "adopt"
        if {"intent": intent, "attempt": attempt}[word]:
            os.kill(os.getpid(), signal.SIGKILL)
    return entries
Ledger.transact = mortal
session = open_project(root, person="ana", source="test")
for line in lines:
    argv = line.split()
    outcome = session.perform(argv)
    if outcome.plan:
        session.perform(argv, consent=outcome.plan)
"""


@pytest.mark.parametrize("word", ["intent", "attempt"])
def test_a_real_kill_9_between_intent_and_outcome(bo, project, word):
    bo.ledger.close()
    lines = [line.replace("'", "") for line in SCRIPT[:3]]
    done = subprocess.run([sys.executable, "-c", MORTAL, str(project), word, *lines], cwd=ROOT, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert done.returncode == -signal.SIGKILL
    assert standing(bo)[4] == "intent"
    do(bo, "runbook resume RUN-1")
    assert standing(bo)[4] == "pending", "adopting twice is like adopting once"
    assert acts(bo)[0] == 0
    work_through(bo)
    assert (run(bo).state, acts(bo)) == ("finished", (1, 1))


def test_two_hands_do_one_step_once(bo, session):
    do(bo, "runbook run probe --incident INC-1")
    do(bo, "runbook step RUN-1 3 --note seen", yes=True)
    bo.ledger.append(RunbookEvent(subject="RUN-1", event="step", step=4, status="intent"))
    outcome = do(session("ana"), "runbook step RUN-1 4", yes=True)
    assert outcome.error["code"] == "conflict"
    assert acts(bo) == (0, 0)
    refused = [entry.fact for entry in bo.ledger.entries("command") if isinstance(entry.fact, Command)][-1]
    assert refused.phase == "refused"
