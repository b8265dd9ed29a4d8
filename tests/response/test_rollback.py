"""A run that is taken back: what acted is undone, the last first, each once, and what stays is said."""

from contextlib import suppress

import pytest

from mlops_tui import folds
from mlops_tui.alerts import alertstate
from mlops_tui.response import _rollback, _running
from mlops_tui.view import Status
from store.facts import Command, IncidentEvent, Proposal, RunbookEvent
from tests.doing import do

BOOK = """\
## 1. Keep quiet
```command
alert silence --match subject=flights-delay --for 4h --note "it is known"
undo: alert unsilence {answer.silence}
```
## 2. Graver
```command
incident severity {incident} critical
undo: incident severity {incident} low
```
## 3. Write
```command
adopt P-1
undo: none because git has it
```
## 4. Only looks
```query
alert list
```
## 5. End
"""


@pytest.fixture
def ana(session, project):
    """An engineer whose run has acted three times."""
    (project / "runbooks").mkdir()
    (project / "runbooks" / "probe.md").write_text(BOOK, encoding="utf-8")
    opened = session("ana")
    opened.ledger.append(
        IncidentEvent(subject="INC-1", event="opened", title="t", about="flights-delay", severity="low"),
        Proposal(subject="P-1", event="proposed", path="notes.md", content="adopted\n", why="w", origin="INC-1"))
    do(opened, "runbook run probe --incident INC-1")
    for number in (1, 2, 3):
        assert do(opened, f"runbook step RUN-1 {number}", yes=True).exit == 0
    return opened


def run(session):
    return folds.runbook_runs(session.ledger.entries())["RUN-1"]


def undone(session):
    return {number: state.status for number, state in run(session).undone.items()}


def done(session, *argv):
    """How often a command line was carried out."""
    return sum(isinstance(entry.fact, Command) and entry.fact.argv == argv and entry.fact.phase == "outcome"
               for entry in session.ledger.entries("command"))


def silent(session):
    return any(each.active(session.now()) for each in alertstate.silences(session.ledger.entries("alert")).values())


def severity(session):
    return folds.incidents(session.ledger.entries())["INC-1"].severity


def test_the_plan_has_each_way_back_the_last_first_and_does_nothing(ana):
    plan = do(ana, "runbook rollback RUN-1").view
    assert plan.title == "RUN-1: 2 steps would be taken back, in this order"
    assert [(row["step"], row["status"], row["command"]) for row in plan.table("undo").rows] == [
        (3, "stays", ""), (2, "to do", "incident severity INC-1 low"), (1, "to do", "alert unsilence SI-1")]
    assert (run(ana).state, severity(ana), silent(ana)) == ("running", "critical", True)


def test_what_acted_is_undone_in_reverse_order_each_once(ana):
    outcome = do(ana, "runbook rollback RUN-1", yes=True)
    assert (run(ana).state, undone(ana)) == ("rolled_back", {2: "rolled_back", 1: "rolled_back"})
    assert (severity(ana), silent(ana)) == ("low", False)
    order = [entry.fact.step for entry in ana.ledger.entries("runbook") if entry.fact.status == "undoing"]
    assert order == [2, 1]
    assert "step 3, Write: git has it" in outcome.view.parts[0].body
    assert do(ana, "runbook rollback RUN-1").error["code"] == "conflict"
    assert do(ana, "runbook resume RUN-1").error["code"] == "conflict"
    assert (done(ana, "incident", "severity", "INC-1", "low"), done(ana, "alert", "unsilence", "SI-1")) == (1, 1)


def test_where_one_fails_it_stops_says_so_and_can_go_on(ana, session):
    do(ana, "alert unsilence SI-1")  # somebody was faster: undoing it again is refused
    outcome = do(ana, "runbook rollback RUN-1", yes=True)
    assert (outcome.view.status, outcome.exit) == (Status.FAIL, 1)
    assert "RUN-1 is not rolled back: step 1 could not be taken back" in outcome.view.title
    assert (run(ana).state, undone(ana)) == ("rolling_back", {2: "rolled_back", 1: "rollback_failed"})
    assert do(ana, "runbook show RUN-1").view.status is Status.FAIL
    assert "RUN-1 is taken back half-way" in do(ana, "incident show INC-1").view.facts()["to_close"]
    assert do(ana, "runbook rollback RUN-1", yes=True).exit == 1, "tried again, and failed again"
    assert done(ana, "incident", "severity", "INC-1", "low") == 1
    assert do(ana, "runbook rollback RUN-1 --by-hand 2 --note x", yes=True).error["code"] == "bad_input"
    do(ana, "runbook rollback RUN-1 --by-hand 1 --note 'it is over already'", yes=True)
    assert run(ana).state == "rolled_back"


def test_what_nobody_knows_whether_it_was_done_is_settled_first(ana):
    ana.ledger.append(RunbookEvent(subject="RUN-1", event="step", step=3, status="interrupted"))
    refused = do(ana, "runbook rollback RUN-1")
    assert (refused.error["code"], run(ana).state) == ("conflict", "running")
    assert "Nobody knows yet whether step 3" in refused.error["what"]


def test_a_run_that_did_nothing_has_nothing_to_take_back(ana):
    do(ana, "runbook stop RUN-1")
    do(ana, "runbook run probe --incident INC-1")
    assert "has done nothing" in do(ana, "runbook rollback RUN-2").error["what"]


def test_two_who_take_it_back_at_once_undo_each_step_once(ana, session, monkeypatch):
    real, met = _running.prepared, []

    def slowly(opened, argv):
        if argv[:2] == ("incident", "severity") and opened.actor.name == "ana" and not met:
            met.append(do(session("bo"), "runbook rollback RUN-1", yes=True))
        return real(opened, argv)

    plan = do(ana, "runbook rollback RUN-1").plan
    monkeypatch.setattr(_running, "prepared", slowly)
    outcome = do(ana, "runbook rollback RUN-1", consent=plan)
    assert {outcome.error["code"] if outcome.error else "", met[0].error["code"] if met[0].error else ""} == {
        "", "conflict"}
    assert run(ana).state == "rolled_back"
    assert (done(ana, "incident", "severity", "INC-1", "low"), done(ana, "alert", "unsilence", "SI-1")) == (1, 1)


class Killed(BaseException):
    """What no code of ours catches: the process is gone."""


@pytest.mark.parametrize("deadly", range(3, 12, 2))
def test_killed_at_a_write_it_goes_on_and_nothing_is_undone_twice(ana, session, monkeypatch, deadly):
    """Every write, with real processes, is met by tests/bench/runbooks.py."""
    real, count = type(ana.ledger).transact, [0]

    def mortal(self, decide, *, effective_at=None):
        entries = real(self, decide, effective_at=effective_at)
        count[0] += bool(entries)
        if count[0] == deadly:
            raise Killed
        return entries

    plan = do(ana, "runbook rollback RUN-1").plan
    monkeypatch.setattr(type(ana.ledger), "transact", mortal)
    monkeypatch.setattr(_rollback, "this_process", lambda: "")  # a process that is gone
    with suppress(Killed):
        do(ana, "runbook rollback RUN-1", consent=plan)
    monkeypatch.setattr(type(ana.ledger), "transact", real)
    again = session("ana")
    for _ in range(4):
        if run(again).state == "rolled_back":
            break
        outcome = do(again, "runbook rollback RUN-1", yes=True)
        doubtful = [number for number, status in undone(again).items() if status == "interrupted"]
        for number in doubtful if outcome.exit else ():  # a person looks, and says what he sees
            happened = {2: severity(again) == "low", 1: not silent(again)}[number]
            do(again, "runbook rollback RUN-1", yes=True)  # whoever does not look repeats nothing
            said = "--by-hand" if happened else "--again"
            do(again, f"runbook rollback RUN-1 {said} {number} --note seen", yes=True)
    assert (run(again).state, severity(again), silent(again)) == ("rolled_back", "low", False)
    events = [entry.fact for entry in again.ledger.entries("incident", "alert")]
    assert sum(fact.event == "severity" and fact.severity == "low" for fact in events) == 1
    assert sum(fact.event == "heard" for fact in events) == 1
