"""Health and what waits, folded from entries made by hand."""

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mlops_tui import health
from mlops_tui.declarations.kinds import (
    Checklist,
    Item,
    Label,
    Model,
    Monitor,
    Split,
)
from mlops_tui.health import Declared
from mlops_tui.roles import Actor
from mlops_tui.view import Row, Status
from store.facts import (
    AlertEvent,
    Approval,
    Finding,
    IncidentEvent,
    OptOut,
    Postmortem,
    Promotion,
    Proposal,
    RunbookEvent,
    SignOff,
    Trained,
    Vote,
)

MODEL = Model(task="binary", label=Label("flights", "late"), features=("wind",), candidates={}, split=Split("t"))
WIND: Any = SimpleNamespace(sql="SELECT * FROM weather")  # all that health reads of a feature
DECLARED = Declared(
    models={"delay": MODEL}, monitors={"m": Monitor(check="drift", subject="delay", window=timedelta(days=7))},
    checklists={"standard": Checklist((Item("drift-ok", finding="drift"), Item("limits", sign_off="approver")))},
    datasets={"flights": None, "weather": None, "planes": None},  # type: ignore[dict-item]
    features={"wind": WIND})
ANA = Actor("ana", frozenset({"engineer"}))
BO = Actor("bo", frozenset({"approver", "oncall"}))


def finding(check: str = "drift", status: str = "pass", subject: str = "delay", **more: Any) -> Finding:
    return Finding(check=check, subject=subject, status=status, title=f"{check} is {status}", **more)


def trained(version: str) -> Trained:
    return Trained(subject="delay", version=version, candidate="c", key="k", run_id="r", artifact="a", training="t",
                   declaration="d", seed=1, window=("", ""), metrics={})


def promoted(version: str) -> Promotion:
    return Promotion(subject="delay", version=version, previous="", approval="", evidence="")


def row(history: Any, after: timedelta = timedelta(0)) -> Row:
    [only] = health.models(DECLARED, history.entries, history.now + after).rows
    return only


def needs(history: Any, actor: Actor = BO, after: timedelta = timedelta(0)) -> list[Row]:
    return list(health.needs(DECLARED, history.entries, history.now + after, actor).rows)


def test_what_was_never_checked_is_unknown(history: Any) -> None:
    found = row(history)
    assert {found[facet] for facet in health.FACETS} == {Status.UNKNOWN}
    assert found["drift" if "drift" in found else "features_why"] == "never checked"
    assert (found["version"], found["role"], found["status"]) == ("", "not trained", Status.UNKNOWN)


def test_the_newest_finding_of_each_monitor_counts_and_the_worst_of_them_shows(history: Any) -> None:
    history.add(finding(status="fail", monitor="m"), finding(monitor="m"))
    assert row(history)["features"] is Status.PASS
    history.add(finding("windows", "warn"))
    assert (row(history)["features"], row(history)["features_why"]) == (Status.WARN, "windows is warn")


def test_one_run_by_hand_counts_until_a_monitor_has_looked_again(history: Any) -> None:
    history.add(finding(monitor="m"), finding(status="fail"))
    assert row(history)["features"] is Status.FAIL
    history.add(finding(monitor="m"))
    assert row(history)["features"] is Status.PASS


def test_one_run_by_hand_answers_for_a_monitor_that_does_not_know_and_hides_nothing(history: Any) -> None:
    history.add(finding(monitor="m"))
    history.now += timedelta(days=8)
    history.add(finding(declaration="d"))
    assert row(history)["features"] is Status.PASS, "the monitor has not looked for longer than its window"
    history.add(finding(status="unknown", monitor="m"), finding(declaration="d"))
    assert row(history)["features"] is Status.PASS
    history.add(finding(status="unknown", monitor="m"))
    assert row(history)["features"] is Status.UNKNOWN, "it looked again, and does not know"
    history.add(finding(status="fail", monitor="m"), finding(declaration="d"))
    assert row(history)["features"] is Status.FAIL


def test_an_ad_hoc_look_answers_for_no_monitor(history: Any) -> None:
    history.add(finding(status="unknown", monitor="m"), finding())
    assert row(history)["features"] is Status.UNKNOWN


def test_what_was_seen_in_a_window_grows_old_whatever_version_it_is_about(history: Any) -> None:
    history.add(trained("1"), promoted("1"), finding("performance", version="1", declaration="d", window=("a", "b")))
    assert row(history)["performance"] is Status.PASS
    assert row(history, timedelta(days=8))["performance"] is Status.UNKNOWN


def test_a_finding_older_than_its_window_says_nothing_any_more(history: Any) -> None:
    history.add(finding(monitor="m"))
    assert row(history, timedelta(days=6))["features"] is Status.PASS
    stale = row(history, timedelta(days=8))
    assert stale["features"] is Status.UNKNOWN
    assert stale["features_why"] == "not checked for 8 d: drift is pass"


def test_a_monitor_that_is_no_longer_declared_does_not_speak(history: Any) -> None:
    history.add(finding(status="fail", monitor="gone"))
    assert row(history)["features"] is Status.UNKNOWN


def test_findings_about_another_version_do_not_count(history: Any) -> None:
    history.add(trained("1"), promoted("1"), finding("bias", "fail", version="1"))
    assert (row(history)["fairness"], row(history)["version"]) == (Status.FAIL, "1")
    assert row(history, timedelta(days=400))["fairness"] is Status.FAIL, "it holds as long as the version serves"
    history.add(trained("2"), promoted("2"))
    assert (row(history)["fairness"], row(history)["version"]) == (Status.UNKNOWN, "2")


def test_data_is_the_worst_of_every_dataset_the_model_lives_on(history: Any) -> None:
    assert DECLARED.sources("delay") == {"flights", "weather"}
    history.add(finding("ingest", subject="flights"), finding("validate", "warn", subject="weather"),
                finding("ingest", "fail", subject="planes"))
    assert row(history)["data"] is Status.WARN


def test_a_status_nobody_knows_is_unknown(history: Any) -> None:
    history.add(finding(status="splendid"))
    assert row(history)["features"] is Status.UNKNOWN


def test_the_sickest_model_comes_first(history: Any) -> None:
    declared = Declared({"a": MODEL, "b": MODEL}, {}, {}, {}, {})
    history.add(finding(subject="a"), finding(subject="b", status="fail"))
    assert [each["model"] for each in health.models(declared, history.entries, history.now).rows] == ["b", "a"]


def test_an_alert_that_an_incident_has_taken_up_is_not_told_twice(history: Any) -> None:
    history.add(AlertEvent(subject="AL-1", event="fired", monitor="m", severity="high", title="drift"))
    assert [each["id"] for each in needs(history)] == ["AL-1"]
    history.add(IncidentEvent(subject="INC-1", event="opened", title="drift", severity="high", alert="AL-1"))
    assert [each["id"] for each in needs(history)] == ["INC-1"]
    history.add(IncidentEvent(subject="INC-1", event="resolved"))
    assert [each["id"] for each in needs(history)] == ["AL-1", "INC-1"]
    assert needs(history)[1]["title"] == "no post-mortem yet: drift"


def test_who_was_there_is_asked_until_he_has_answered(history: Any) -> None:
    history.add(IncidentEvent(subject="INC-1", event="opened", title="late", about="delay"), actor="bo (simulated)")
    history.add(IncidentEvent(subject="INC-1", event="resolved"), actor="bo (simulated)")
    history.add(Postmortem(subject="INC-1", event="drafted", document="d"))
    assert [(each["kind"], each["title"], each["yours"]) for each in needs(history)] == [
        ("question", "what did you see of it? late", True)]
    assert needs(history, ANA) == [], "she was not there"
    assert needs(history, after=timedelta(days=10)) == [], "nobody is asked for ever"
    history.add(Postmortem(subject="INC-1", event="told", document="d", who="bo"))
    assert needs(history) == []


def test_the_gravest_comes_first_and_what_is_not_severe_only_warns(history: Any) -> None:
    history.add(IncidentEvent(subject="INC-1", event="opened", title="late", severity="high"),
                IncidentEvent(subject="INC-2", event="opened", title="odd", severity="low"),
                AlertEvent(subject="AL-1", event="fired", monitor="m", severity="medium", title="drift"),
                AlertEvent(subject="AL-2", event="fired", monitor="m", severity="critical", title="nothing comes"))
    assert [(each["id"], each["status"]) for each in needs(history)] == [
        ("AL-2", Status.FAIL), ("INC-1", Status.FAIL), ("AL-1", Status.WARN), ("INC-2", Status.WARN)]


def test_an_action_is_overdue_when_its_day_is_over_where_the_project_is(history: Any) -> None:
    item = {"id": "INC-9/1", "title": "check", "type": "fix", "owner": "bo", "due": f"{history.now:%Y-%m-%d}"}
    history.add(Postmortem(subject="INC-9", event="action", actions=(item,)))
    midnight = history.now.replace(hour=0, minute=0, second=0) + timedelta(days=1)

    def waiting(zone: str, now: datetime) -> int:
        declared = replace(DECLARED, zone=ZoneInfo(zone))
        return len(health.needs(declared, history.entries, now, BO).rows)

    assert [waiting(zone, midnight) for zone in ("UTC", "America/New_York")] == [1, 0]
    assert waiting("America/New_York", midnight + timedelta(hours=5)) == 1


@pytest.mark.parametrize("event", ["acked", "resolved", "recovered"])
def test_an_alert_that_somebody_has_seen_does_not_wait(history: Any, event: str) -> None:
    history.add(AlertEvent(subject="AL-1", event="fired", monitor="m", title="drift"),
                AlertEvent(subject="AL-1", event=event))
    assert needs(history) == []


def test_a_silenced_alert_waits_again_when_the_silence_is_over(history: Any) -> None:
    until = (history.now + timedelta(days=1)).isoformat()
    history.add(AlertEvent(subject="AL-1", event="fired", monitor="m", title="drift"),
                AlertEvent(subject="AL-1", event="silenced", until=until))
    assert needs(history) == []
    assert len(needs(history, after=timedelta(days=2))) == 1


def asked(history: Any) -> None:
    history.add(Approval(subject="AP-1", event="asked", argv=("promote", "delay@2"), plan="p", quorum=2,
                         role="approver", requester="cy", title="promote 2",
                         expires_at=(history.now + timedelta(hours=25)).isoformat()))


def test_an_approval_is_yours_until_you_have_voted(history: Any) -> None:
    asked(history)
    [waiting] = needs(history)
    assert (waiting["yours"], waiting["detail"]) == (True, "0 of 2 votes · 1 d left · yours to answer")
    assert needs(history, ANA)[0]["yours"] is False
    assert needs(history, Actor("cy", frozenset({"approver"})))[0]["yours"] is False, "nobody approves his own"
    history.add(Vote(subject="AP-1", voter="bo", choice="yes", plan="p", reason="better"))
    assert needs(history)[0]["yours"] is False
    assert needs(history, after=timedelta(days=2)) == [], "it has expired"


def test_sign_offs_are_asked_for_while_a_version_waits_to_serve(history: Any) -> None:
    history.add(trained("1"), promoted("1"))
    assert needs(history) == []
    history.add(trained("2"))
    [waiting] = needs(history)
    assert (waiting["label"], waiting["title"], waiting["yours"]) == ("sign", "limits", True)
    assert waiting["argv"] == ("checklist", "show", "delay@2")
    history.add(SignOff(subject="delay@2", item="limits", checklist="standard", choice="yes", reason="read"))
    assert needs(history) == []


@pytest.mark.parametrize(("days", "status", "said"), [
    (0, Status.UNKNOWN, "due in 31 d"), (24, Status.WARN, "due in 7 d"), (31, Status.WARN, "due today"),
    (33, Status.FAIL, "overdue 2 d")])
def test_what_somebody_asks_about_his_rows_waits_by_its_day_and_names_nobody(
        history: Any, days: int, status: Status, said: str) -> None:
    history.now = datetime(2013, 7, 1, 12, tzinfo=ZoneInfo("UTC"))
    history.add(OptOut(subject="OO-1", event="received", person="f00", right="erasure", jurisdiction="gdpr"))
    [waits] = needs(history, Actor("di", frozenset({"legal"})), timedelta(days=days))
    assert (waits["id"], waits["status"], waits["yours"]) == ("OO-1", status, True)
    assert waits["argv"] == ("optout", "show", "OO-1")
    assert said in str(waits["detail"])
    assert "f00" not in str(waits)
    assert [row["yours"] for row in needs(history)] == [False]
    history.add(OptOut(subject="OO-1", event="verified"), OptOut(subject="OO-1", event="actioned"))
    assert needs(history) == []


def test_lessons_runbooks_and_promises_wait_too(history: Any) -> None:
    history.add(
        Proposal(subject="P-1", event="proposed", path="checklists/standard.yaml", why="labels first", lesson=True),
        RunbookEvent(subject="RUN-1", event="started", runbook="data-drift", incident="INC-9"),
        Postmortem(subject="INC-9", event="action", actions=(
            {"id": "INC-9/1", "title": "check the labels", "type": "fix", "owner": "bo", "due": "2013-09-01"},
            {"id": "INC-9/2", "title": "later", "type": "fix", "owner": "bo", "due": "2999-01-01"})))
    found = {each["id"]: each for each in needs(history)}
    assert set(found) == {"P-1", "RUN-1", "INC-9/1"}
    assert found["INC-9/1"]["detail"] == "action of INC-9 · overdue 13 d · bo's"
    assert found["P-1"]["detail"] == "lesson for checklists/standard.yaml"
    history.add(Proposal(subject="P-1", event="declined", reason="no"), RunbookEvent(subject="RUN-1", event="finished"))
    assert [each["id"] for each in needs(history)] == ["INC-9/1"]


def test_shares_are_the_newest_for_each_window_in_order(history: Any) -> None:
    def window(day: int) -> tuple[str, str]:
        return ("", f"2013-06-{day:02d}T00:00:00+00:00")

    history.add(finding("performance", window=window(2), detail={"predicted": 0.3, "seen": 0.2}),
                finding("performance", window=window(1), detail={"predicted": 0.4, "seen": 0.5}),
                finding("calibration", window=window(2), detail={"predicted": 0.1, "seen": 0.1}),
                finding("performance", window=window(3), detail={"predicted": None, "seen": 0.1}),
                finding("drift", window=window(4), detail={"predicted": 0.1, "seen": 0.1}))
    [series] = health.shares(DECLARED, history.entries)
    assert (series.id, series.y, series.other) == ("share/delay", (0.5, 0.1), (0.4, 0.1))
    assert health.shares(DECLARED, []) == []


def test_the_picture_marks_what_may_have_bent_it_and_tells_how_many_outcomes_are_in(history: Any) -> None:
    history.add(Promotion(subject="delay", version="2", previous="1", approval="", evidence=""),
                Promotion(subject="other", version="9", previous="", approval="", evidence=""),
                IncidentEvent(subject="INC-1", event="opened", about="delay@2", title="t", severity="high"),
                Finding(check="performance", subject="delay", status="pass", title="t", detail={
                    "predicted": 0.2, "seen": 0.3, "total": 110, "waiting": 6, "never": 10}))
    [series] = health.shares(DECLARED, history.entries)
    assert [name for name, _ in series.marks] == ["version 2", "INC-1"]
    assert series.title.endswith("labels in: 94%")
