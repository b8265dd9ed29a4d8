"""Checklists: findings answer by themselves, people sign for one version, and only who may."""

from datetime import timedelta

import pytest

from mlops_tui.folds import sign_offs
from mlops_tui.view import Status
from store.facts import Proposal
from tests.doing import do


@pytest.fixture
def trained(person, made):
    ana = person("ana")
    ana.ledger.append(made.trained())
    return ana


def items(session, subject="flights-delay@1"):
    view = do(session, f"checklist show {subject}").view
    return {row["item"]: row["status"].value for row in view.table("items").rows}


def test_what_nobody_answered_is_unknown(trained):
    outcome = do(trained, "checklist show flights-delay@1")
    assert (outcome.view.status, outcome.exit) == (Status.UNKNOWN, 1)
    assert items(trained) == {"drift-ok": "unknown", "limits-reviewed": "unknown"}
    assert ("checklist", "sign", "limits-reviewed", "flights-delay@1") in [a.argv for a in outcome.view.actions]


def test_a_finding_and_a_signature_answer_it(trained, person, made):
    trained.ledger.append(made.finding())
    outcome = do(person("bo"), "checklist sign limits-reviewed flights-delay@1", reason="read twice")
    assert (outcome.view.status, outcome.exit) == (Status.DONE, 0)
    assert items(trained) == {"drift-ok": "pass", "limits-reviewed": "pass"}
    [entry] = sign_offs(trained.ledger.entries(), "flights-delay@1").values()
    assert (entry.actor, entry.fact.reason, entry.fact.checklist) == ("bo (simulated)", "read twice", "standard")


def test_a_signature_is_for_one_version(trained, person, made):
    do(person("bo"), "checklist sign limits-reviewed flights-delay@1", reason="read")
    trained.ledger.append(made.trained("2"))
    assert items(trained, "flights-delay@2")["limits-reviewed"] == "unknown"
    assert items(trained, "flights-delay")["limits-reviewed"] == "unknown", "none named means the newest"


def test_who_declines_shuts_the_gate_until_it_is_signed_after_all(trained, person):
    assert do(person("cy"), "checklist decline limits-reviewed flights-delay@1", reason="not the nights").exit == 0
    assert items(trained)["limits-reviewed"] == "fail"
    assert do(trained, "checklist show flights-delay@1").exit == 1
    do(person("bo"), "checklist sign limits-reviewed flights-delay@1", reason="the nights too")
    assert items(trained)["limits-reviewed"] == "pass"


@pytest.mark.parametrize(("who", "line", "reason", "exit"), [
    ("ana", "sign limits-reviewed flights-delay@1", "r", 4), ("vera", "sign limits-reviewed flights-delay@1", "r", 4),
    ("bo", "sign limits-reviewed flights-delay@1", None, 2), ("bo", "sign drift-ok flights-delay@1", "r", 2),
    ("bo", "sign limits flights-delay@1", "r", 2), ("bo", "sign limits-reviewed flights-delay@7", "r", 2),
    ("bo", "sign limits-reviewed flihgts-delay", "r", 2),
])
def test_who_may_not_or_names_nothing_is_refused(trained, person, who, line, reason, exit):
    assert do(person(who), f"checklist {line}", reason=reason).exit == exit
    assert sign_offs(trained.ledger.entries(), "flights-delay@1") == {}


def test_a_role_that_the_item_asks_for_must_be_held(trained, person, project):
    (project / "checklists" / "standard.yaml").write_text("items: [{id: law, sign_off: legal}]\n")
    outcome = do(person("bo"), "checklist sign law flights-delay@1", reason="r")
    assert (outcome.exit, outcome.error["next"]) == (4, "Ask somebody who is legal.")


def test_a_changed_wording_asks_anew_and_is_read_from_the_file_as_it_is_now(trained, person, project):
    do(person("bo"), "checklist sign limits-reviewed flights-delay@1", reason="read")
    path = project / "checklists" / "standard.yaml"
    path.write_text(path.read_text().replace("sign_off: approver", "sign_off: approver, title: and the nights"))
    assert items(trained)["limits-reviewed"] == "unknown"


def test_a_lesson_that_waits_is_shown(trained):
    trained.ledger.append(Proposal(subject="P-1", event="proposed", path="checklists/standard.yaml", content="",
                                   why="w", origin="INC-1", lesson=True))
    outcome = do(trained, "checklist show flights-delay@1")
    assert items(trained)["lesson P-1"] == "unknown"
    assert ("adopt", "P-1") in [action.argv for action in outcome.view.actions]


def test_an_answer_shows_its_age_and_what_it_was_judged_by(trained, person, made, clock):
    trained.ledger.append(made.finding())
    do(person("bo"), "checklist sign limits-reviewed flights-delay@1", reason="read")
    clock.advance(clock.moment + timedelta(hours=5))
    rows = {row["item"]: row for row in do(trained, "checklist show flights-delay@1").view.table("items").rows}
    assert {name: row["age"] for name, row in rows.items()} == {"drift-ok": "5 h", "limits-reviewed": "5 h"}
    assert rows["drift-ok"]["fingerprint"] == made.finding().declaration
    assert rows["limits-reviewed"]["fingerprint"] == made.trained().artifact


def test_items_that_never_stopped_anything_and_those_whose_time_is_over_could_go(trained, person, made, project):
    path = project / "checklists" / "standard.yaml"
    path.write_text(path.read_text() + "  - {id: old, sign_off: legal, expires: 2013-09-01}\n")
    assert do(trained, "checklist prune").view.title == "1 item of 3 could be left out of 'standard'"
    trained.ledger.append(made.finding("fail"))
    for _ in range(5):
        do(trained, "promote flights-delay@1")
    rows = {row["item"]: row for row in do(trained, "checklist prune standard").view.table("items").rows}
    assert {name: row["advice"] for name, row in rows.items()} == {
        "drift-ok": "keep", "limits-reviewed": "never stopped anything", "old": "its time is over"}
    assert (rows["drift-ok"]["stood_in_the_way"], rows["limits-reviewed"]["asked"]) == (5, 5)
    assert do(trained, "checklist prune nothing").error["code"] == "not_declared"


@pytest.mark.parametrize(("zone", "asked"), [("Pacific/Pago_Pago", True), ("Pacific/Kiritimati", False)])
def test_the_day_from_which_an_item_is_not_asked_for_begins_where_the_project_is(trained, project, clock, zone, asked):
    clock.advance(clock.moment.replace(hour=10, minute=30) + timedelta(days=1))
    day = clock.moment.date() + timedelta(days=0 if zone == "Pacific/Pago_Pago" else 1)
    path, marker = project / "checklists" / "standard.yaml", project / "mlops.yaml"
    path.write_text(path.read_text() + f"  - {{id: old, sign_off: legal, expires: {day}}}\n")
    lines = [line for line in marker.read_text().splitlines() if not line.startswith("timezone:")]
    marker.write_text("\n".join([*lines, f"timezone: {zone}", ""]))
    found = {row["item"]: row["status"] for row in do(trained, "checklist show flights-delay@1").view.table(
        "items").rows}
    assert (found.get("old") is Status.UNKNOWN) is asked


def test_a_simulated_persons_signature_counts_in_a_replayed_world_alone(trained, person, project):
    settings = project / "mlops.yaml"
    settings.write_text(settings.read_text().replace("clock: replay", "clock: system"))
    outcome = do(person("bo"), "checklist sign limits-reviewed flights-delay@1", reason="r")
    assert (outcome.exit, outcome.view.title) == (
        4, "bo is simulated, and this project's clock is real: people decide here.")
    assert items(trained)["limits-reviewed"] == "unknown"
