"""What the start page says: how things stand, and what needs this very person."""

import shlex
from datetime import timedelta

import pytest

from mlops_tui.opening import open_project
from mlops_tui.view import Status
from store.facts import AlertEvent, Approval, IncidentEvent, Postmortem, Promotion, Proposal, Run, RunbookEvent, SignOff


def status(session):
    outcome = session.perform(("status",))
    assert outcome.exit == 0
    return outcome.view


def needs(session):
    return [(row["kind"], row["id"]) for row in status(session).table("needs_you").rows]


def fired(name="AL-1", severity="high"):
    return AlertEvent(subject=name, event="fired", monitor=name, about="flights-delay", check="drift",
                      severity=severity, title="2 of 12 moved")


def asked(session, requester="ana"):
    return Approval(subject="AP-1", event="asked", argv=("promote", "flights-delay@1"), plan="p", quorum=2,
                    role="approver", requester=requester, title="promote flights-delay@1",
                    expires_at=(session.now() + timedelta(hours=5)).isoformat())


def test_a_project_where_nothing_happened(session):
    view = status(session("vera"))
    assert (view.status, view.title) == (Status.PASS, "Nothing needs you")
    assert {part.id for part in view.parts if hasattr(part, "columns")} == {
        "needs_you", "models", "alerts", "incidents", "approvals"}
    [model] = view.table("models").rows
    assert (model["model"], model["version"], model["alias"], model["features"]) == (
        "flights-delay", None, "not promoted", Status.UNKNOWN)


def test_data_that_broke_their_contract_and_a_pipeline_that_failed_are_no_pass(session, made):
    ana = session("ana")
    ana.ledger.append(made.finding("pass", "ingest", subject="flights"), Run(subject="daily", run="1", status="done"))
    assert status(ana).status is Status.PASS
    ana.ledger.append(made.finding("fail", "ingest", subject="flights"))
    view = status(ana)
    assert (view.status, view.title) == (
        Status.WARN, "Nothing needs you, but the last data of flights broke the contract")
    ana.ledger.append(made.finding("pass", "ingest", subject="flights"), Run(subject="gone", run="1", status="failed"))
    assert status(ana).status is Status.PASS, "a pipeline that is declared no more fails nobody"


def test_a_models_health_is_its_newest_findings(session, made):
    ana = session("ana")
    ana.ledger.append(made.trained("1"), made.trained("2"),
                      Promotion(subject="flights-delay", version="1", previous="", approval="", evidence=""),
                      made.finding("fail"), made.finding("pass"), made.finding("fail", "performance", version="2"),
                      made.finding("warn", "performance", version="1"),
                      made.finding("fail", "health", subject="flights"))
    [model] = status(ana).table("models").rows
    assert (model["version"], model["challenger"], model["versions"]) == ("1", "2", 2)
    assert (model["features"], model["performance"], model["data"], model["calibration"]) == (
        Status.PASS, Status.WARN, Status.FAIL, Status.UNKNOWN)


@pytest.mark.parametrize(("found", "title"), [
    (("fail", "warn"), "Nothing needs you, but flights-delay fails in features and warns in performance"),
    (("fail", "fail"), "Nothing needs you, but flights-delay fails in features, performance"),
    (("pass", "warn"), "Nothing needs you, but flights-delay warns in performance")])
def test_it_is_no_pass_while_what_serves_is_known_to_be_bad(session, made, found, title):
    session("ana").ledger.append(made.trained("1"), Promotion(
        subject="flights-delay", version="1", previous="", approval="", evidence=""),
        made.finding(found[0]), made.finding(found[1], "performance", monitor=""))
    view = status(session("vera"))
    assert (view.status, view.title) == (Status.WARN, title)


def test_it_is_no_pass_while_somebody_else_works_on_something(session):
    session("bo").ledger.append(fired(), AlertEvent(subject="AL-1", event="acked", who="bo"),
                                IncidentEvent(subject="INC-1", event="opened", title="late", severity="high"))
    view = status(session("vera"))
    assert (view.status, view.title) == (Status.WARN, "Nothing needs you, but 1 alert is open; 1 incident is open")


def test_each_person_sees_what_needs_that_person(session):
    ana = session("ana")
    ana.ledger.append(fired(), asked(ana), Proposal(subject="P-1", event="proposed", path="x.md", why="w", lesson=True))
    assert needs(session("bo")) == [("alert", "AL-1"), ("approval", "AP-1")]
    assert needs(session("cy")) == [("approval", "AP-1")]
    assert needs(ana) == [("alert", "AL-1"), ("lesson", "P-1")], "whoever asked does not vote"
    assert needs(session("vera")) == []
    assert status(session("vera")).table("alerts").rows[0]["alert"] == "AL-1", "and everybody sees how things stand"


def test_the_gravest_comes_first_and_its_action_can_be_called(session, clock):
    bo = session("bo")
    bo.ledger.append(fired("AL-1", "medium"), fired("AL-2", "critical"),
                     *(IncidentEvent(subject=name, event="opened", title="late", about="flights-delay", severity=how)
                       for name, how in (("INC-1", "high"), ("INC-2", "low"))),
                     IncidentEvent(subject="INC-2", event="resolved"),
                     RunbookEvent(subject="RUN-1", event="started", runbook="data-drift"))
    view = status(bo)
    assert needs(bo) == [("alert", "AL-2"), ("incident", "INC-1"), ("alert", "AL-1"), ("runbook", "RUN-1"),
                         ("post-mortem", "INC-2"), ("question", "INC-2")]
    assert view.title.startswith("AL-2 needs you")
    assert view.actions[0].argv == ("alert", "show", "AL-2")
    for row in view.table("needs_you").rows:
        assert bo.perform(shlex.split(row["action"]), dry_run=True).error is None or row["kind"] in (
            "runbook", "post-mortem"), row


@pytest.mark.parametrize("event", [
    AlertEvent(subject="AL-1", event="acked"), AlertEvent(subject="AL-1", event="recovered"),
    AlertEvent(subject="AL-1", event="silenced", until="2013-09-20T00:00:00+00:00"),
    AlertEvent(subject="AL-1", event="resolved", real=True)])
def test_what_somebody_is_on_needs_nobody_else(session, event):
    bo = session("bo")
    bo.ledger.append(fired(), event)
    assert needs(bo) == []


def test_an_overdue_action_needs_its_owner(session, clock):
    ana = session("ana")
    item = {"id": "INC-1/1", "title": "call them", "type": "process", "owner": "dee", "due": "2013-09-14"}
    ana.ledger.append(Postmortem(subject="INC-1", event="action", actions=(item,)))
    assert needs(session("dee")) == []
    clock.advance(clock.moment + timedelta(days=1))
    assert needs(session("dee")) == [("action", "INC-1/1")]
    assert needs(ana) == []


def test_an_expired_approval_needs_nobody(session, clock):
    bo = session("bo")
    bo.ledger.append(asked(bo))
    clock.advance(clock.moment + timedelta(hours=5))
    assert needs(bo) == []
    assert status(bo).table("approvals").rows == ()


def test_it_can_be_seen_as_it_was(session, clock, project):
    bo = session("bo")
    bo.ledger.append(fired())
    then = clock.moment
    clock.advance(then + timedelta(days=1))
    bo.ledger.append(AlertEvent(subject="AL-1", event="resolved", real=True))
    assert needs(bo) == []
    assert needs(open_project(project, person="bo", clock=clock, as_of=then)) == [("alert", "AL-1")]


def test_what_was_found_long_ago_says_nothing_now_but_did_then(session, clock, project, made):
    bo = session("bo")
    bo.ledger.append(made.finding("pass"))
    then = clock.moment
    clock.advance(then + timedelta(days=30))
    [model] = status(bo).table("models").rows
    assert (model["features"], model["features_why"][:20]) == (Status.UNKNOWN, "not checked for 30 d")
    [model] = status(open_project(project, person="bo", clock=clock, as_of=then)).table("models").rows
    assert model["features"] is Status.PASS


def test_an_alert_that_an_incident_took_up_is_listed_but_needs_nobody_twice(session):
    bo = session("bo")
    bo.ledger.append(fired(), IncidentEvent(subject="INC-1", event="opened", title="late", about="flights-delay",
                                            severity="high", alert="AL-1"))
    assert needs(bo) == [("incident", "INC-1")]
    assert [row["alert"] for row in status(bo).table("alerts").rows] == ["AL-1"]


def test_a_version_that_waits_for_sign_offs_needs_whoever_gives_them(session, project, made):
    (project / "checklists").mkdir(exist_ok=True)
    (project / "checklists" / "standard.yaml").write_text("""\
items:
  - {id: limits, title: The limits are known, sign_off: approver}
  - {id: purpose, title: The purpose is right, sign_off: approver}
""", encoding="utf-8")
    session("ana").ledger.append(made.trained("1"))
    assert needs(session("vera")) == []
    bo = session("bo")
    assert needs(bo) == [("sign-off", "flights-delay@1 limits"), ("sign-off", "flights-delay@1 purpose")]
    [action] = status(bo).actions
    assert action.argv == ("checklist", "show", "flights-delay@1"), "both are signed there: it is offered once"
    bo.ledger.append(*(SignOff(subject="flights-delay@1", item=item, checklist="standard", choice="yes", reason="read")
                       for item in ("limits", "purpose")))
    assert needs(bo) == []


def test_a_project_without_a_model_says_what_it_has(session, project):
    (project / "models/flights-delay.yaml").unlink()
    (project / "monitors/flights-drift.yaml").unlink()
    view = status(session("vera"))
    assert view.title == "No model is declared yet, only 1 dataset, and nothing needs you"
    (project / "datasets/flights.yaml").unlink()
    assert status(session("vera")).title == "Nothing is declared yet, and nothing needs you"
