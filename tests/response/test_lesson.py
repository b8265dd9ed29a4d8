"""The loop closed: an alert becomes an incident, the incident a lesson, and the lesson something to be passed."""

import shlex
from datetime import timedelta

import pytest

from mlops_tui.folds import alerts, incidents, model_state, runbook_runs
from mlops_tui.project import Project
from mlops_tui.view import Status
from store.facts import Promotion


@pytest.fixture
def people(session):
    """Everybody's session; the registry is a plain dictionary."""
    aliases = {}

    class Registry:
        def alias(self, model, name, version):
            aliases[name] = version

    found = {name: session(name) for name in ("ana", "bo", "cy")}
    for each in found.values():
        each.open_tracking = Registry
    return found, aliases


def test_from_alert_to_gate(people, made, clock, project):
    everybody, aliases = people

    def does(who, line, reason=None, exit=0):
        argv, session = shlex.split(line), everybody[who]
        outcome = session.perform(argv, reason=reason)
        if outcome.plan and exit != 2:
            outcome = session.perform(argv, consent=outcome.plan, reason=reason)
        assert outcome.exit == exit, (line, outcome.view.title, outcome.error)
        return outcome.view

    def gate():
        outcome = everybody["ana"].perform(("promote", "flights-delay@2"))
        return outcome.exit, {row["item"]: row["status"].value for row in outcome.view.table("gate").rows}

    ledger = everybody["ana"].ledger
    ledger.append(made.trained("1"),
                  Promotion(subject="flights-delay", version="1", previous="", approval="", evidence=""))

    # two of three drift findings fail: the monitor's policy fires, whoever is on call opens an incident
    for status in ("fail", "pass", "fail"):
        since = ledger.head_seq()
        ledger.append(made.finding(status))
        everybody["ana"].react(since)
    assert alerts(ledger.entries())["AL-1"].state == "firing"
    does("bo", "incident open --alert AL-1")
    does("bo", "incident role INC-1 lead ana")

    # the runbook looks at what it can, a person decides, people are told
    view = does("ana", "runbook run data-drift --incident INC-1")
    assert "step 6 of 11: Decide" in view.title
    does("ana", "runbook step RUN-1 6 --note 'nothing: the labels were late; wait for them'")
    does("ana", "runbook stop RUN-1 --note 'nothing to retrain'")
    clock.advance(clock.moment + timedelta(hours=6))
    does("bo", "incident resolve INC-1", reason="the labels are in")
    does("bo", "alert resolve AL-1 --noise", reason="late labels looked like drift")
    assert not incidents(ledger.entries())["INC-1"].open
    assert runbook_runs(ledger.entries())["RUN-1"].state == "stopped"

    # the post-mortem is drafted and adopted; its lesson becomes a proposal
    does("ana", "postmortem draft INC-1")
    does("ana", "adopt P-1")
    assert "AL-1 closed as noise" in (project / "postmortems" / "INC-1.md").read_text()
    does("ana", "postmortem action INC-1 --type checklist --item labels-in --finding health --max-age 1d "
                "--title 'Yesterday of the labels is in'")

    # everything the gate asked for before is there, and yet it is shut: the lesson is neither adopted nor declined
    ledger.append(made.trained("2", metrics={**made.trained("2").metrics}), made.finding("pass"))
    project_file = project / "models" / "flights-delay.yaml"
    project_file.write_text(project_file.read_text().replace("no_worse_than_champion, ", ""))
    does("bo", "checklist sign limits-reviewed flights-delay@2", reason="read")
    exit, items = gate()
    assert exit == 1
    assert {name for name, status in items.items() if status not in ("pass", "warn")} == {"lesson P-2"}

    # adopted, it is an item like any other, without evidence so far
    does("ana", "adopt P-2")
    assert Project(project).checklists["standard"].items[-1].lesson_of == "INC-1"
    assert "# the inputs are the ones it was trained on" in (project / "checklists" / "standard.yaml").read_text()
    exit, items = gate()
    assert (exit, items["labels-in"]) == (1, "unknown")
    assert "lesson P-2" not in items

    # evidence of the wrong kind keeps it shut, evidence of the right kind opens it
    dataset = Project(project).fingerprint("dataset", "flights")
    ledger.append(made.finding("fail", "health", subject="flights", monitor="", declaration=dataset))
    assert gate()[1]["labels-in"] == "fail"
    ledger.append(made.finding("pass", "health", subject="flights", monitor="", declaration=dataset))
    exit, items = gate()
    assert (exit, set(items.values())) == (2, {"pass"}), "green: it asks for consent"

    # two votes, and it serves
    view = does("ana", "promote flights-delay@2")
    assert view.status is Status.RUNNING
    does("bo", "approve AP-1", reason="the lesson is passed")
    does("cy", "approve AP-1", reason="yes")
    assert model_state(ledger.entries(), "flights-delay").champion == "2"
    assert aliases == {"champion": "2"}
    assert ledger.verify() is None


def test_a_declined_lesson_opens_the_gate_with_a_reason_on_record(people, made):
    everybody, _ = people
    ana, bo = everybody["ana"], everybody["bo"]
    ana.ledger.append(made.trained("1"), made.finding())
    bo.perform(shlex.split("checklist sign limits-reviewed flights-delay@1"), reason="read")
    bo.perform(shlex.split("incident open --title t --about flights-delay"))
    bo.perform(shlex.split("incident resolve INC-1"), reason="over")
    bo.perform(shlex.split("postmortem action INC-1 --type checklist --item x --sign-off legal --title 'law looks'"))
    assert ana.perform(("promote", "flights-delay@1")).exit == 1
    assert ana.perform(("adopt", "decline", "P-1"), reason="law has no say in delays").exit == 0
    assert ana.perform(("promote", "flights-delay@1")).exit == 2
