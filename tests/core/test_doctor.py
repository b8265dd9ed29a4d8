"""The doctor finds what is wrong, all of it, and says what to do."""

import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from mlops_tui.commands import perform
from mlops_tui.session import without_project
from mlops_tui.view import Status

ROOT = Path(__file__).parents[2]


def doctor(session):
    return session.perform(("doctor",))


def checks(outcome):
    return {row["check"]: row for row in outcome.view.table("checks").rows}


def wrong(outcome):
    return {name: row["detail"] for name, row in checks(outcome).items() if row["status"] is Status.FAIL}


def test_a_sound_project_passes(session):
    outcome = doctor(session())
    assert (outcome.exit, wrong(outcome)) == (0, {})
    found = checks(outcome)
    assert {"python", "packages", "disk", "ledger chain", "ledger", "lake", "model registry"} <= set(found)
    assert found["declarations"]["detail"] == "4 files parse"


def test_our_five_packages_are_ours(session):
    found = checks(doctor(session()))
    for name in ("mlops_tui", "bots", "store", "runbooks", "templates"):
        row = found[f"package {name}"]
        assert (row["status"], row["detail"]) == (Status.PASS, f"from the checkout in {ROOT}")


def test_somebody_elses_store_is_found_out(tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "__init__.py").write_text('"""Somebody else\'s."""\n')
    script = (f"import sys; sys.path.insert(0, {str(ROOT)!r}); import mlops_tui.commands as c\n"
              f"sys.path.insert(0, {str(tmp_path)!r})\n"
              "from mlops_tui.session import without_project; from pathlib import Path\n"
              "o = c.perform(without_project(Path.cwd(), c.perform), ['doctor'])\n"
              "print(o.exit, *[r['check'] for r in o.view.table('checks').rows if r['status'] == 'fail'], sep=',')")
    argv = [sys.executable, "-P", "-c", script]
    done = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1,package templates"


def test_without_a_project_it_looks_at_the_installation(tmp_path):
    outcome = doctor(without_project(tmp_path, perform))
    assert (outcome.exit, outcome.view.status) == (0, Status.WARN)
    assert ("init",) in [action.argv for action in outcome.view.actions]


def test_every_broken_file_is_named_and_not_only_the_first(session, project):
    opened = session()
    (project / "models" / "flights-delay.yaml").write_text("tsk: binary\n")
    (project / "monitors" / "flights-drift.yaml").write_text("check: [\n")
    (project / "checklists" / "other.yaml").write_text("items: [{id: a}]\n")
    (project / "features").mkdir()
    (project / "features" / "delays.sql").write_text("SELECT 1\n")
    (project / "decisions").mkdir()
    (project / "decisions" / "one.md").write_text("---\ntitle: x\n")
    outcome = doctor(opened)
    assert outcome.exit == 1
    found = wrong(outcome)
    assert set(found) == {"model flights-delay", "monitor flights-drift", "checklist other", "feature delays",
                          "decision one"}
    of_model = [row for row in outcome.view.table("checks").rows if row["check"] == "model flights-delay"]
    assert f"{project}/models/flights-delay.yaml:1" in found["model flights-delay"]
    assert of_model[0]["fix"] == "Did you mean 'task'?"
    assert [row["detail"].split(" (")[0] for row in of_model] == [
        "Unknown key 'tsk'.", *(f"Key '{key}' is missing." for key in ("label", "candidates", "split"))]


def test_a_file_that_is_not_read_is_pointed_out(session, project):
    (project / "models" / "credit.yml").write_text("task: binary\n")
    outcome = doctor(session())
    assert outcome.exit == 0
    assert checks(outcome)["model credit.yml"]["status"] is Status.WARN


@pytest.mark.parametrize(("name", "old", "new", "check", "fix"), [
    ("models/flights-delay.yaml", "dataset: flights", "dataset: flihgts", "model flights-delay",
     "Did you mean 'flights'?"),
    ("models/flights-delay.yaml", "features: []", "features: [weather]", "model flights-delay", ""),
    ("models/flights-delay.yaml", "features: []", "features: []\nwatch: {rollback_if: {drift: fail, errors: fail}}",
     "model flights-delay", "Declare a monitor with check: traffic and this subject."),
    ("monitors/flights-drift.yaml", "subject: flights-delay", "subject: flight-delay", "monitor flights-drift",
     "Did you mean 'flights-delay'?"),
    ("monitors/flights-drift.yaml", "runbook: data-drift", "runbook: data-drif", "monitor flights-drift",
     "Did you mean 'data-drift'?"),
    ("monitors/flights-drift.yaml", "route: oncall", "route: onkall", "monitor flights-drift",
     "Did you mean 'oncall'?"),
    ("monitors/flights-drift.yaml", "check: drift", 'check: drift\nevery: "0 6 * *"', "monitor flights-drift",
     "Write five fields, such as '0 6 * * *': minute, hour, day, month, weekday."),
    ("checklists/standard.yaml", "sign_off: approver", "sign_off: aprover", "checklist standard",
     "Did you mean 'approver'?"),
    ("checklists/standard.yaml", "id: limits-reviewed", "id: drift-ok", "checklist standard", "Each id once."),
    ("team.yaml", "dee: {roles: [operator]", "dee: {roles: [operater]", "team.yaml, dee", "Did you mean 'operator'?"),
    ("team.yaml", "dee: {", "dee: {only: {dya: [x]}, ", "team.yaml, dee", "Did you mean 'day'?"),
    ("mlops.yaml", "clock: replay", "clock: replay\napprovals: {quorum: 3}", "mlops.yaml",
     "Name more people, or lower approvals: quorum."),
])
def test_a_name_that_leads_nowhere_is_found(session, project, name, old, new, check, fix):
    path = project / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    outcome = doctor(session())
    assert (outcome.exit, checks(outcome)[check]["fix"]) == (1, fix)


def test_all_mistakes_of_all_files_are_named_with_their_lines(session, project):
    opened = session()
    (project / "monitors" / "flights-drift.yaml").write_text(
        "check: drift\nsubject: flight-delay\nevery: 0 6 * *\nalert: {route: onkall, runbook: data-drift}\n")
    (project / "monitors" / "other.yaml").write_text(
        "check: performance\nsubject: flights-delay\nlimits: {roc_auc: 70}\nmin_rows: -5\n")
    found = [str(row["detail"]) for row in doctor(opened).view.table("checks").rows if row["status"] is Status.FAIL]
    places = [detail.rpartition("(")[2].rstrip(")").removeprefix(f"{project}/monitors/") for detail in found]
    assert sorted(places) == ["flights-drift.yaml:2", "flights-drift.yaml:3", "flights-drift.yaml:4", "other.yaml:3",
                              "other.yaml:4"]


def test_a_route_may_be_a_person(session, project):
    path = project / "monitors" / "flights-drift.yaml"
    path.write_text(path.read_text().replace("route: oncall", "route: bo"))
    assert doctor(session()).exit == 0


def test_settings_that_cannot_be_read_are_named(session, project):
    opened = session()
    (project / "team.yaml").write_text("people:\n  ana: {role: [engineer]}\n")
    del opened.project.team
    assert wrong(doctor(opened))["team.yaml"].endswith(f"({project}/team.yaml:2)")


def test_one_person_under_two_names_is_found(session, project):
    path = project / "team.yaml"
    path.write_text(path.read_text().replace("bo: {", "bo: {slack: U1, ").replace("cy: {", "cy: {slack: U1, "))
    assert "Slack account 'U1' twice" in wrong(doctor(session()))["team.yaml"]


def test_a_changed_history_is_found(session, project):
    opened = session()
    opened.perform(("alert", "ack", "AL-1"))
    connection = sqlite3.connect(project / ".mlops" / "ledger.db")
    connection.execute("DROP TRIGGER entry_no_update")
    connection.execute("UPDATE entry SET actor = 'nobody' WHERE seq = 1")
    connection.commit()
    connection.close()
    outcome = doctor(session())
    assert outcome.exit == 1
    assert "entry 1" in wrong(outcome)["ledger chain"]


def test_a_lake_that_is_no_folder_is_found(session, project):
    opened = session()
    shutil.rmtree(project / ".mlops" / "lake", ignore_errors=True)
    (project / ".mlops" / "lake").write_text("a file")
    assert set(wrong(doctor(opened))) == {"lake"}


def test_a_registry_that_does_not_answer_is_found(session, project):
    path = project / "mlops.yaml"
    path.write_text(path.read_text() + "stores: {mlflow: 'http://127.0.0.1:9'}\n")
    assert set(wrong(doctor(session()))) == {"model registry"}


def test_a_read_only_session_touches_nothing(session):
    outcome = doctor(session("vera", read_only=True))
    assert outcome.exit == 0
    assert "not tried" in checks(outcome)["ledger"]["detail"]


def test_alerts_that_no_runbook_meets_are_named(session, project):
    assert checks(doctor(session()))["runbooks"]["detail"] == "each of 1 alert can be met with one"
    (project / "runbooks").mkdir()
    (project / "runbooks" / "data-drift.md").write_text("## Call somebody\n")  # takes the place of the shipped one
    (project / "monitors" / "flights-drift.yaml").write_text("check: drift\nsubject: flights-delay\nalert: {}\n")
    row = checks(doctor(session()))["runbooks"]
    assert (row["status"], row["detail"]) == (Status.WARN, "no runbook for the alerts of flights-drift")
