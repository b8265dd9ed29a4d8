"""What a field means, whose it is and who reads it is found; a column that came undocumented asks its steward."""

from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from mlops_tui.declarations import declare
from mlops_tui.declarations.odcs import Contract
from mlops_tui.opening import open_project
from mlops_tui.session import Session
from mlops_tui.view import Status, Text
from store.facts import Finding

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: trips
version: 1.0.0
status: active
domain: operations
description: {purpose: Every trip that was planned}
schema:
  - name: trips
    properties:
      - {name: id, logicalType: integer, primaryKey: true, description: Number of the trip, classification: public}
      - {name: seen, logicalType: timestamp, description: When it left, classification: public}
      - {name: fare, logicalType: number, description: What it cost, classification: internal, tags: [money],
         customProperties: [{property: unit, value: EUR}]}
      - {name: rider, logicalType: string, description: Who rode, classification: personal}
      - {name: odd, logicalType: number}
team: {members: [{username: ana, role: owner}, {username: cy, role: Data steward}]}
customProperties:
  - {property: eventTime, value: seen}
  - {property: calendar, value: {every: daily, by: "06:00"}}
  - {property: knownAnomalies, value: [{column: fare, from: 2013-09-05, to: 2013-09-06, what: strike}]}
"""
VIEW = "-- entity: id\n-- time: seen\nSELECT id, seen, fare * 2 AS twice -- double\nFROM trips\n"
MONITOR = "check: catalog\nsubject: trips\nalert: {after: 1 of 1, severity: medium, route: steward}\n"
ROWS = "id,seen,fare,rider,odd\n1,2013-09-13T10:00:00,3.5,a,1\n2,2013-09-13T11:00:00,,b,2\n"


@pytest.fixture
def opened(project: Path, session: Callable[..., Session]) -> Session:
    (project / "features").mkdir()
    for name, text in (("datasets/trips.yaml", CONTRACT), ("features/priced.sql", VIEW),
                       ("monitors/trips-catalog.yaml", MONITOR)):
        (project / name).write_text(text, encoding="utf-8")
    return session("ana")


def ingested(session: Session, root: Path, text: str = ROWS) -> None:
    (root / "in.csv").write_text(text, encoding="utf-8")
    session.actor = session.actor.__class__(session.actor.name, session.actor.roles, "terminal")
    outcome = session.perform(["ingest", "trips", "--file", str(root / "in.csv")])
    assert outcome.error is None, outcome.error


def wider(text: str = ROWS.replace("3.5", "4.5")) -> str:
    """The next batch, with one column more."""
    first, *rest = text.splitlines()
    return "\n".join([f"{first},gate", *(f"{line},B{number}" for number, line in enumerate(rest))]) + "\n"


def test_the_list_says_how_far_each_dataset_is_described(opened: Session, project: Path) -> None:
    ingested(opened, project)
    view = opened.perform(["catalog"]).view
    row = next(row for row in view.table("datasets").rows if row["dataset"] == "trips")
    assert (row["owner"], row["steward"], row["domain"], row["rows"]) == (("ana",), ("cy",), "operations", 2)
    assert (row["documented"], row["undocumented"], row["personal"], row["signed"]) == (0.8, 1, 1, "not signed")
    assert row["quality"] is Status.PASS
    assert view.status is Status.WARN


def test_a_dataset_is_shown_with_units_classes_anomalies_and_readers(opened: Session, project: Path) -> None:
    ingested(opened, project)
    view = opened.perform(["catalog", "show", "trips"]).view
    fields = {row["field"]: row for row in view.table("fields").rows}
    assert fields["fare"] == fields["fare"] | {"unit": "EUR", "class": "internal", "features": ("twice",),
                                               "missing": 0.5, "mean": 3.5, "status": Status.PASS}
    assert (fields["rider"]["personal"], fields["odd"]["status"]) == (True, Status.WARN)
    assert [row["what"] for row in view.table("anomalies").rows] == ["strike"]
    facts = view.facts()
    assert facts["comes"] == "daily, due by 06:00"
    assert "feature priced" in facts["read_by"]
    assert "in.csv" in str(facts["fed_by"])


def test_a_dataset_that_fails_says_why_and_leads_there_first(opened: Session, project: Path) -> None:
    declared = project / "datasets/trips.yaml"
    declared.write_text(declared.read_text().replace("logicalType: number, description: What it cost",
                                                     "logicalType: number, required: true, description: What it cost")
                        + "  - {property: onViolation, value: quarantine}\n")
    session = open_project(project, person="ana", source="terminal")
    ingested(session, project)
    view = session.perform(["catalog", "show", "trips"]).view
    facts = view.facts()
    assert (facts["quality"], facts["rows_waiting"]) == (Status.FAIL, 1)
    assert facts["reason"] == "1 of 2 rows of in.csv break the contract"
    assert (view.actions[0].label, view.actions[0].argv) == ("Why it fails", ("quarantine", "list", "trips"))
    [row] = [row for row in session.perform(["catalog"]).view.table("datasets").rows if row["dataset"] == "trips"]
    assert (row["waiting"], row["looked"]) == (1, "ingest")


def test_one_field_says_what_it_lacks_and_who_reads_it(opened: Session) -> None:
    facts = opened.perform(["catalog", "show", "trips.fare"]).view.facts()
    assert (facts["unit"], facts["steward"], facts["read_by"]) == ("EUR", ("cy",), ("feature priced",))
    assert opened.perform(["catalog", "show", "trips.odd"]).view.facts()["lacks"] == ("description", "unit", "class")


@pytest.mark.parametrize(("words", "first"), [
    (["fare"], "trips.fare"), (["money"], "trips.fare"), (["cost"], "trips.fare"), (["twice"], "priced.twice"),
    (["trips"], "trips"), (["double"], "priced.twice"), (["who", "rode"], "trips.rider")])
def test_what_is_meant_comes_first(opened: Session, words: list[str], first: str) -> None:
    rows = opened.perform(["catalog", "search", *words]).view.table("found").rows
    assert rows[0]["name"] == first


def test_a_word_that_is_nowhere_gets_the_nearest_one(opened: Session) -> None:
    outcome = opened.perform(["catalog", "search", "faer"])
    assert (outcome.exit, outcome.view.status) == (1, Status.UNKNOWN)
    assert "Did you mean 'fare'?" in outcome.view.title


def test_what_is_left_open_is_listed_with_its_steward(opened: Session) -> None:
    view = opened.perform(["catalog", "undocumented", "trips"]).view
    assert [(row["field"], row["lacks"], row["steward"]) for row in view.table("undocumented").rows] == [
        ("trips.odd", ("description", "unit", "class"), ("cy",))]
    assert (view.title, view.facts()["without_unit_or_class"]) == ("1 field undocumented; 1 without unit or class", 1)


def test_a_column_added_upstream_is_undocumented_and_asks_its_steward(opened: Session, project: Path) -> None:
    ingested(opened, project)
    assert not [entry for entry in opened.ledger.entries("finding") if entry.fact.check == "catalog"]
    ingested(opened, project, wider())
    [row, *_] = opened.perform(["catalog", "undocumented", "trips"]).view.table("undocumented").rows
    assert (row["field"], row["came"], row["steward"]) == ("trips.gate", True, ("cy",))
    found = opened.ledger.entries("finding")[-1].fact
    assert isinstance(found, Finding)
    assert (found.check, found.monitor, found.status) == ("catalog", "trips-catalog", "fail")
    [alert] = opened.perform(["alert", "list"]).view.table("alerts").rows
    shown = opened.perform(["alert", "show", str(alert["alert"])]).view
    assert "gate" in shown.title
    assert shown.facts()["for"] == "steward: nobody in team.yaml"
    ingested(opened, project, wider())
    assert len([entry for entry in opened.ledger.entries("finding") if entry.fact.check == "catalog"]) == 1, "once"


def test_once_it_is_in_the_contract_the_alert_recovers(opened: Session, project: Path,
                                                       session: Callable[..., Session]) -> None:
    ingested(opened, project, wider())
    path = project / "datasets" / "trips.yaml"
    text = path.read_text(encoding="utf-8").replace(
        "{name: odd, logicalType: number}", "{name: odd, logicalType: number, description: Odd}\n"
        "      - {name: gate, logicalType: string, description: Where it left}")
    path.write_text(text, encoding="utf-8")
    again = session("ana")
    ingested(again, project, wider())
    outcome = again.perform(["catalog", "check", "trips", "--monitor", "trips-catalog"])
    assert (outcome.exit, outcome.view.title) == (0, "Every field of trips is described")
    [alert] = again.perform(["alert", "list"]).view.table("alerts").rows
    assert alert["state"] == "recovered"


def test_a_stewards_signature_is_void_once_the_contract_changes(project: Path, opened: Session,
                                                                session: Callable[..., Session]) -> None:
    (project / "team.yaml").write_text("people: {sue: {roles: [steward], simulated: true}}\n", encoding="utf-8")
    steward = session("sue")
    assert steward.perform(["catalog", "sign", "trips"]).exit == 2, "it wants a reason"
    assert steward.perform(["catalog", "sign", "trips"], reason="read").exit == 0
    assert "by sue" in str(steward.perform(["catalog", "show", "trips"]).view.facts()["signed"])
    path = project / "datasets" / "trips.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("What it cost", "What it cost then"), encoding="utf-8")
    assert "void" in str(session("sue").perform(["catalog", "show", "trips"]).view.facts()["signed"])


def test_only_a_steward_signs_and_not_over_a_column_that_nobody_declared(opened: Session, project: Path,
                                                                         session: Callable[..., Session]) -> None:
    assert opened.perform(["catalog", "sign", "trips"], reason="x").exit == 4
    ingested(opened, project, wider())
    (project / "team.yaml").write_text("people: {sue: {roles: [steward], simulated: true}}\n", encoding="utf-8")
    outcome = session("sue").perform(["catalog", "sign", "trips"], reason="x")
    assert outcome.exit == 2
    assert "gate" in str(outcome.error)


def test_the_exported_contract_is_the_contract(opened: Session, project: Path) -> None:
    [text] = [part.body for part in opened.perform(["catalog", "export", "trips"]).view.parts if isinstance(part, Text)]
    assert declare.parse(Contract, text, "x") == declare.read(Contract, project / "datasets" / "trips.yaml")
    assert yaml.safe_load(text)["team"]["members"][1]["role"] == "Data steward"


@pytest.mark.parametrize(("argv", "words"), [
    (["show", "trisp"], "Did you mean 'trips'?"), (["show", "trips.faer"], "Did you mean 'fare'?"),
    (["check", "trips", "--monitor", "flights-drift"], "checks drift")])
def test_a_wrong_name_gets_the_nearest_right_one(opened: Session, argv: list[str], words: str) -> None:
    outcome = opened.perform(["catalog", *argv])
    assert outcome.exit == 2
    assert words in str(outcome.error)
