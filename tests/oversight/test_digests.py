"""The digest, told of histories made by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from mlops_tui.oversight.digests import PERIODS, digest, earlier
from mlops_tui.view import Row, Status, View
from store.facts import (
    AlertEvent,
    Approval,
    IncidentEvent,
    Note,
    Proposal,
    Snapshot,
)
from tests.test_health import DECLARED, finding, promoted, trained

HOUR = timedelta(hours=1)


def told(history: Any, after: timedelta = timedelta(0), period: str = "day") -> View:
    return digest(DECLARED, history.entries, history.now + after, PERIODS[period], "ab" * 32)


def rows(view: View, id: str) -> list[Row]:
    return list(view.table(id).rows)


def fired(subject: str = "AL-1", severity: str = "high", event: str = "fired") -> AlertEvent:
    return AlertEvent(subject=subject, event=event, monitor="m", about="delay", check="drift", severity=severity,
                      title="wind moved")


def test_where_nothing_happened_and_nothing_waits_the_title_says_so(history: Any) -> None:
    view = told(history)
    assert view.title == "Nothing of note happened since 13 Sep 10:00, and nothing waits"
    assert (view.status, view.facts()["changed"], view.facts()["entries"]) == (Status.PASS, False, 0)
    history.add(Note(subject="x", text="hello"))
    assert (told(history).facts()["changed"], told(history).facts()["entries"]) == (False, 1)


def test_it_says_its_period_and_what_the_history_can_be_checked_against(history: Any) -> None:
    history.add(finding(), after=timedelta(hours=-30))
    history.add(finding(), after=timedelta(hours=30))
    facts = told(history).facts()
    assert facts == {"from": history.now - timedelta(days=1), "to": history.now, "entries": 1, "head": "ab" * 32,
                     "changed": True}
    assert told(history, period="week").facts()["entries"] == 2
    assert told(history).actions[-1].argv == ("audit", "verify", "--anchor", "ab" * 32)


@pytest.mark.parametrize(("now", "hours"), [("2026-10-25T08:00", 25), ("2026-03-29T08:00", 23),
                                            ("2026-03-29T03:30", 23), ("2026-07-01T08:00", 24)])
def test_a_day_has_as_many_hours_as_it_has(now: str, hours: int) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    at = datetime.fromisoformat(now).replace(tzinfo=berlin).astimezone(UTC)
    assert at - earlier(at, PERIODS["day"], berlin) == timedelta(hours=hours)
    assert at - earlier(at, PERIODS["week"], berlin) == timedelta(hours=6 * 24 + hours)


def test_what_waits_leads_with_who_can_settle_it(history: Any) -> None:
    history.add(finding(status="fail", monitor="m"), fired(),
                Approval(subject="AP-1", event="asked", quorum=2, role="approver", requester="ana", title="promote 2",
                         expires_at=(history.now + timedelta(days=3)).isoformat()),
                Proposal(subject="P-1", event="proposed", path="checklists/x.yaml", why="because ana said so"))
    view = told(history)
    assert view.title == "AL-1 needs somebody: wind moved, and 2 more"
    assert view.status is Status.WARN
    assert [(row["id"], row["who"]) for row in rows(view, "needs")] == [
        ("AL-1", "operator or oncall"), ("AP-1", "approver, not ana"), ("P-1", "engineer")]
    assert "because ana said so" not in str(view), "free text stays where it was written"
    assert [action.argv for action in view.actions][:3] == [
        ("alert", "show", "AL-1"), ("approve", "show", "AP-1"), ("adopt", "P-1")]


def test_what_is_red_has_been_so_since_its_check_last_passed(history: Any) -> None:
    history.add(finding(status="fail", monitor="m"), finding(monitor="m"), finding(status="fail", monitor="m"),
                finding(status="unknown", monitor="m"), finding("performance"), finding(status="fail", monitor="m"))
    [red] = rows(told(history), "red")
    assert (red["model"], red["part"], red["why"]) == ("delay", "features", "drift is fail")
    assert red["since"] == history.now - 3 * HOUR
    assert told(history).title == "Nothing waits, but delay is red in features: drift is fail"
    assert told(history, timedelta(days=6)).facts()["changed"] is True, "what is red is told until it is not"
    history.add(finding(monitor="m"))
    assert rows(told(history), "red") == []


def test_a_look_by_hand_does_not_make_what_is_red_any_younger(history: Any) -> None:
    history.add(finding(status="fail", monitor="m"), finding(status="fail", monitor="gone"),
                finding(status="fail", monitor="m"), finding(status="fail"))
    [red] = rows(told(history), "red")
    assert red["since"] == history.now - 3 * HOUR


def test_changes_are_told_once_and_in_order(history: Any) -> None:
    history.add(fired("AL-9"), after=timedelta(days=-3))
    history.add(trained("1"), after=timedelta(days=3))
    history.add(promoted("1"), fired(), fired(event="acked"), fired(event="recovered"),
                IncidentEvent(subject="INC-1", event="opened", title="bad winds", severity="low", about="delay"),
                IncidentEvent(subject="INC-1", event="note", note="secret"),
                IncidentEvent(subject="INC-1", event="resolved"),
                replace(fired(event="resolved"), real=False),
                replace(promoted("2"), previous="1"), replace(promoted("1"), previous="2", event="rolled_back"))
    view = told(history)
    assert [(row["id"], row["event"], row["title"], row["status"].value) for row in rows(view, "changes")] == [
        ("delay@1", "trained", "c", "done"), ("delay@1", "promoted", "serves", "done"),
        ("AL-1", "fired", "wind moved", "fail"), ("AL-1", "recovered", "wind moved", "pass"),
        ("INC-1", "opened", "bad winds", "warn"), ("INC-1", "resolved", "bad winds", "pass"),
        ("AL-1", "resolved as noise", "wind moved", "pass"),
        ("delay@2", "promoted", "serves after version 1", "done"),
        ("delay@1", "rolled back", "serves after version 2", "warn")]
    assert "secret" not in str(view)


def test_changes_alone_are_counted_in_the_title(history: Any) -> None:
    history.add(fired(severity="low"), replace(fired(event="resolved"), real=True))
    assert told(history).title == "Nothing waits; 2 changes since 13 Sep 12:00"
    assert told(history).status is Status.PASS


def test_checks_are_counted_by_what_they_said_the_worst_first(history: Any) -> None:
    history.add(finding(), finding(), finding("bias", "fail", subject="other"), finding("bias", "unknown"),
                finding("age", "splendid"))
    found = rows(told(history), "findings")
    assert [(row["check"], row["fail"], row["warn"], row["unknown"], row["pass"]) for row in found] == [
        ("bias", 1, 0, 1, 0), ("age", 0, 0, 1, 0), ("drift", 0, 0, 0, 2)]
    assert found[0]["status"] is Status.FAIL
    assert told(history).title == "Nothing waits and nothing is red; 5 findings since 13 Sep 15:00"


def test_data_are_told_by_dataset_with_the_rows_of_the_last_state(history: Any) -> None:
    history.add(*(Snapshot(subject="flights", snapshot=f"s{count}", parent="", rows=count, bytes=1)
                  for count in (10, 12)),
                Snapshot(subject="flights", snapshot="s12", parent="", rows=1, bytes=1, tag="t"))
    assert rows(told(history), "snapshots") == [
        {"dataset": "flights", "snapshots": 2, "rows": 12, "snapshot": "s12", "at": history.now - HOUR}]
