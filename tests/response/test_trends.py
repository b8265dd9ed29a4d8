"""Trends of incidents: lengths by severity, never mixed; counts a week; causes that came again."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mlops_tui.folds import incidents
from mlops_tui.incidents.clock import clock as moments_of
from store.facts import AlertEvent, Finding, IncidentEvent, Promotion
from store.queues import Outbox
from tests.doing import do

START = datetime(2013, 7, 1, 10, tzinfo=UTC)  # a Monday


@pytest.fixture
def bo(session):
    return session("bo")


def lived(session, clock, number, *, severity="high", begins, hours=4.0, check="performance"):
    """An incident that was detected at `begins`, three hours after its onset, acked an hour later, and resolved."""
    clock.moment = begins
    found = session.ledger.append(Finding(subject="flights-delay", check=check, status="fail", title=check, value=0.6,
                                          limit=0.7, detail={"metric": "roc_auc"}))[0]
    session.ledger.append(AlertEvent(subject=f"AL-{number}", event="fired", monitor="m", about="flights-delay",
                                     check=check, severity=severity, title=check, finding=found.seq))
    clock.moment = begins + timedelta(hours=1)
    session.ledger.append(
        AlertEvent(subject=f"AL-{number}", event="acked", who="bo"),
        IncidentEvent(subject=f"INC-{number}", event="opened", title=check, about="flights-delay", severity=severity,
                      alert=f"AL-{number}", window=((begins - timedelta(hours=3)).isoformat(), "")))
    clock.moment = begins + timedelta(hours=hours)
    if hours:
        session.ledger.append(IncidentEvent(subject=f"INC-{number}", event="resolved", note="so"))


def times(view, severity="high"):
    return {row["measure"]: row for row in view.table(f"times_{severity}").rows}


def test_before_the_first_one_there_is_nothing_to_tell(bo):
    assert do(bo, "incident trends").view.title == "There was no incident yet"
    assert do(bo, "incident trends --since 2020-01-01").error["code"] == "bad_input"


def test_lengths_are_told_by_severity_and_few_have_no_interval(bo, clock):
    lived(bo, clock, 1, begins=START)
    lived(bo, clock, 2, begins=START + timedelta(days=8), hours=10)
    lived(bo, clock, 3, begins=START + timedelta(days=15), severity="low", hours=100)
    view = do(bo, "incident trends").view
    high = times(view)
    assert [(name, row["n"], row["median"]) for name, row in high.items()] == [
        ("MTTD", 2, 3.0), ("delivery", 0, None), ("MTTA", 2, 1.0), ("MTTM", 0, None), ("MTTR", 2, 7.0)]
    assert (high["MTTR"]["low"], high["MTTR"]["p90"], high["MTTR"]["mean"]) == (None, None, 7.0)
    assert high["MTTR"]["reason"].startswith("2 are too few for an interval")
    assert times(view, "low")["MTTR"]["median"] == 100.0
    assert times(view, "all")["MTTR"]["n"] == 3
    assert view.title == "3 incidents, 3 resolved; high ones in 7 h (median of 2)"
    assert do(bo, "incident trends --since 2013-07-12").view.facts()["incidents"] == 1


def test_many_have_an_interval_and_a_percentile(bo, clock):
    for number in range(1, 13):
        lived(bo, clock, number, begins=START + timedelta(days=7 * number), hours=number)
    found = times(do(bo, "incident trends").view)["MTTR"]
    assert (found["n"], found["median"], found["low"], found["high"]) == (12, 6.5, 3.0, 10.0)
    assert found["p90"] == pytest.approx(10.9)


def test_who_goes_back_before_he_opens_the_incident_has_mitigated_it(bo, clock):
    """Detected at ten, back at 10:30, opened at eleven."""
    clock.moment = START + timedelta(hours=0.5)
    bo.ledger.append(Promotion(subject="flights-delay", version="1", previous="2", approval="", evidence="",
                               event="rolled_back"))
    lived(bo, clock, 1, begins=START)
    entries = sorted(bo.ledger.entries(), key=lambda entry: entry.recorded_at)
    found = moments_of(entries, incidents(entries)["INC-1"])
    assert found["mitigated"].at == START + timedelta(hours=0.5)


def test_an_open_one_counts_as_longer_than_it_has_lasted_so_far(bo, clock):
    """The quick ones are over; of the others nobody knows how long they will have taken."""
    for number in range(1, 4):
        lived(bo, clock, number, begins=START + timedelta(days=number), hours=number)
    lived(bo, clock, 4, begins=START, hours=0)
    clock.moment = START + timedelta(days=10)
    view = do(bo, "incident trends").view
    found = times(view)["MTTR"]
    assert (found["n"], found["going"], found["median"], found["mean"]) == (3, 1, 2.5, None)
    assert view.title == "4 incidents, 3 resolved; high ones in 2.5 h (median of 4, 1 still open)"
    for number in range(5, 8):
        lived(bo, clock, number, begins=START, hours=0)
    clock.moment = START + timedelta(days=10)
    view = do(bo, "incident trends").view
    assert (times(view)["MTTR"]["median"], view.title) == (None, "7 incidents, 3 resolved")
    assert times(view)["MTTR"]["reason"].startswith("4 of 7 go on, so the median is open too")


def test_a_week_with_too_many_stands_out_and_few_weeks_say_nothing(bo, clock):
    lived(bo, clock, 1, begins=START)
    clock.moment = START + timedelta(days=14)
    assert any("too few to say how many are usual" in getattr(part, "body", "")
               for part in do(bo, "incident trends").view.parts)
    for number in range(2, 8):
        lived(bo, clock, number, begins=START + timedelta(days=35, hours=number), hours=2)
    clock.moment = START + timedelta(days=70)
    view = do(bo, "incident trends").view
    [weeks] = [part for part in view.parts if getattr(part, "id", "") == "weeks"]
    assert dict(zip(weeks.x, weeks.y, strict=True))["2013-08-05"] == 6
    assert any("More than usual in the week of 5 Aug" in getattr(part, "body", "") for part in view.parts)


def test_what_came_again_is_named_with_what_is_open_the_longest(bo, clock):
    lived(bo, clock, 1, begins=START)
    lived(bo, clock, 2, begins=START + timedelta(days=3), hours=0)
    lived(bo, clock, 3, begins=START + timedelta(days=5), check="drift", hours=0)
    clock.moment = START + timedelta(days=13)
    view = do(bo, "incident trends").view
    [cause] = view.table("causes").rows
    assert (cause["times"], cause["cause"], cause["incidents"]) == (
        2, "flights-delay · performance · roc_auc fell", ("INC-1", "INC-2"))
    assert [row["incident"] for row in view.table("open").rows] == ["INC-2", "INC-3"]


def test_a_correction_moves_the_length_and_merged_ones_count_once(bo, clock):
    lived(bo, clock, 1, begins=START)
    assert do(bo, "incident correct INC-1 onset 2013-07-01T00:00-00:00", reason="the feed thinned").exit == 0
    assert times(do(bo, "incident trends").view)["MTTD"]["median"] == 10.0
    bo.ledger.append(IncidentEvent(subject="INC-2", event="opened", title="x", severity="high"),
                     IncidentEvent(subject="INC-3", event="opened", title="x", severity="high"),
                     IncidentEvent(subject="INC-3", event="merged", reference="INC-2"))
    assert do(bo, "incident trends").view.facts()["incidents"] == 2


def test_who_saw_it_before_the_first_alert_has_detected_it_and_what_a_machine_does_is_no_ack(bo, session, clock):
    """A person opens it at ten; the monitor finds it at noon, and the alert is linked and acked at one."""
    clock.moment = START
    do(bo, "incident open --title storm --severity high --since 2013-07-01T08:00-00:00")
    clock.moment = START + timedelta(hours=2)
    session("ana").ledger.append(AlertEvent(subject="AL-1", event="fired", monitor="m", title="late", severity="high"))
    clock.moment = START + timedelta(hours=3)
    bo.ledger.append(IncidentEvent(subject="INC-1", event="linked", alert="AL-1"),
                     AlertEvent(subject="AL-1", event="acked", who="bo"))
    high = times(do(bo, "incident trends").view)
    assert (high["MTTD"]["median"], high["MTTA"]["median"]) == (2.0, 0.0)
    found = incidents(bo.ledger.entries())["INC-1"]
    machine = [replace(each, actor="timetable") for each in bo.ledger.entries()]
    theirs = tuple(replace(each, actor="timetable") for each in found.timeline)
    assert "acked" not in moments_of(machine, replace(found, timeline=theirs))


def test_how_late_people_were_told_is_kept_when_it_is_resolved(project, session, clock):
    """The clock of messages is the machine's; the project's must be that one too."""
    (project / "mlops.yaml").write_text("project: flights\ntimezone: UTC\n", encoding="utf-8")
    bo = session("bo")
    clock.moment = datetime.now(UTC) - timedelta(minutes=10)
    do(bo, "incident open --title storm --severity high")
    clock.moment = datetime.now(UTC)
    outbox = Outbox(bo.ledger.engine)
    outbox.put("card/incident/INC-1", "chat.postMessage", "C1", {})
    assert do(bo, "incident resolve INC-1", reason="so").exit == 0
    assert "notified" not in [entry.fact.event for entry in bo.ledger.entries("incident")], "it waits in the queue"
    do(bo, "incident reopen INC-1", reason="not yet")
    outbox.sent(outbox.one("card/incident/INC-1").id, "C1/1.0")
    clock.moment = datetime.now(UTC)
    do(bo, "incident update INC-1 'we look'")
    do(bo, "incident resolve INC-1", reason="so")
    [told] = [entry for entry in bo.ledger.entries("incident") if entry.fact.event == "notified"]
    assert timedelta(minutes=9) < told.effective_at - incidents(bo.ledger.entries())["INC-1"].opened_at
    found = times(do(bo, "incident trends").view)
    assert found["delivery"]["n"] == 1
    assert found["delivery"]["median"] == pytest.approx(10 / 60, abs=0.02)
    assert found["MTTA"]["median"] == 0, "whoever opened it was there before the message"


def test_in_a_replayed_project_no_delivery_is_told(bo):
    do(bo, "incident open --title storm")
    outbox = Outbox(bo.ledger.engine)
    outbox.put("card/incident/INC-1", "chat.postMessage", "C1", {})
    outbox.sent(outbox.one("card/incident/INC-1").id, "C1/1.0")
    do(bo, "incident resolve INC-1", reason="so")
    assert "notified" not in [entry.fact.event for entry in bo.ledger.entries("incident")]
