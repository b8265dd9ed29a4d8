"""The runbooks that are shipped can be begun: each is planned in an incident, and one worked through to its end."""

from datetime import timedelta

import pytest

from mlops_tui.folds import runbook_runs
from store.facts import AlertEvent, IncidentEvent, Promotion
from tests.response.test_steps import SHIPPED_NAMES

SETTLED = ("pass", "warn", "done", "skipped", "diverted")
ASKED = {"fairness-breach": ("--set", "group=day")}


@pytest.fixture
def ana(session, made):
    """An engineer in a project with a champion, one before it, an alert and an incident."""
    opened = session("ana")
    opened.ledger.append(
        made.trained("1"), made.trained("2"),
        *(Promotion(subject="flights-delay", version=each, previous="", approval="", evidence="") for each in "12"),
        AlertEvent(subject="AL-1", event="fired", monitor="flights-drift", about="flights-delay", check="drift",
                   severity="high", title="moved", runbook="data-drift"),
        IncidentEvent(subject="INC-1", event="opened", title="t", about="flights-delay", severity="low", alert="AL-1"))
    return opened


@pytest.mark.parametrize("name", sorted(SHIPPED_NAMES))
def test_it_is_planned_and_no_line_would_be_refused(ana, name):
    before = ana.ledger.head_seq()
    outcome = ana.perform(("runbook", "plan", name, "--incident", "INC-1", *ASKED.get(name, ())))
    assert outcome.exit == 0
    wrong = [(row["step"], row["plan"]) for row in outcome.view.table("steps").rows if row["status"] == "error"]
    assert wrong == []
    assert ana.ledger.head_seq() == before


def do(session, *argv):
    outcome = session.perform(argv)
    return session.perform(argv, consent=outcome.plan) if outcome.plan else outcome


def test_an_outage_is_worked_through_and_taken_back(ana, clock, monkeypatch):
    do(ana, "runbook", "run", "service-outage", "--incident", "INC-1", "--set", "quiet=4h")
    notes = {4: "down: 502 since 3:10", 7: "restarted at 3:40", 9: "410"}
    for _ in range(30):
        run = runbook_runs(ana.ledger.entries())["RUN-1"]
        if not run.open:
            break
        number = next(n for n in range(1, 11) if n not in run.steps or run.steps[n].status not in SETTLED)
        if number == 8:  # there is no traffic in this project: it is looked at for two hours, then a person goes on
            clock.advance(clock() + timedelta(minutes=10))
            do(ana, "runbook", "resume", "RUN-1")
            if runbook_runs(ana.ledger.entries())["RUN-1"].steps[8].status == "waiting":
                continue
        note = ("--note", notes.get(number, "seen")) if number in (*notes, 8) else ()
        assert do(ana, "runbook", "step", "RUN-1", str(number), *note).exit in (0, 1)
    stands = {number: step.status for number, step in run.steps.items()}
    assert (run.state, stands[5], stands[6], stands[8]) == ("finished", "done", "skipped", "skipped")
    told = ana.ledger.entries("incident")[-1].fact.note
    assert told == "flights-delay: the outage is over, about 410 requests went unanswered. What happened is in INC-1."
    assert do(ana, "runbook", "rollback", "RUN-1").exit == 0
    assert [entry.fact.event for entry in ana.ledger.entries("alert")][-1] == "heard"
