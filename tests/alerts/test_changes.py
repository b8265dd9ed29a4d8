"""What came last before an alert: what could have caused it, and nothing of every day."""

from dataclasses import replace
from datetime import timedelta

import pytest

from mlops_tui.alerts.alertstate import Alert
from mlops_tui.alerts.changes import change_since, last_change
from store.facts import AlertEvent, Fact, Promotion, Proposal, Run, Snapshot
from tests.conftest import START, History

ALERT = Alert("AL-9", "flights-drift", "flights-delay", "drift", "high", "it moved", "", "", START, START)
FIRED = AlertEvent(subject="AL-9", event="fired", monitor="flights-drift", about="flights-delay")
PROMOTED = Promotion(subject="flights-delay", version="14", previous="13", approval="", evidence="")
EVERYDAY = Snapshot(subject="flights", snapshot="s" * 20, parent="", rows=1, bytes=1)


@pytest.mark.parametrize(("facts", "what"), [
    ((), None),
    ((PROMOTED,), "promotion of version 14"),
    ((PROMOTED, EVERYDAY), "promotion of version 14"),
    ((Promotion(subject="other", version="2", previous="", approval="", evidence=""),), None),
    ((Promotion(subject="flights-delay", version="13", previous="14", approval="", evidence="", event="rolled_back"),),
     "way back to version 13"),
    ((PROMOTED, Snapshot(subject="flights", snapshot="s" * 20, parent="", rows=1, bytes=1, source="restore")),
     f"flights was put back to {'s' * 12}"),
    ((PROMOTED, Run(subject="daily", run="r", step="clean", status="failed")), "failure of step clean of daily"),
    ((PROMOTED, Run(subject="daily", run="r", step="clean", status="done")), "promotion of version 14"),
    ((PROMOTED, Run(subject="nightly", run="r", step="clean", status="failed")), "promotion of version 14"),
    ((Proposal(subject="P-1", event="proposed", path="monitors/flights-drift.yaml"),), None),
    ((Proposal(subject="P-1", event="proposed", path="monitors/flights-drift.yaml"),
      Proposal(subject="P-1", event="adopted")), "change of monitors/flights-drift.yaml (P-1)"),
    ((Proposal(subject="P-1", event="proposed", path="monitors/other.yaml"),
      Proposal(subject="P-1", event="adopted")), None),
    ((AlertEvent(subject="AL-8", event="fired", about="flights", check="health"),), "AL-8 about flights (health)"),
    ((AlertEvent(subject="AL-8", event="fired", about="flights-delay", check="performance"),), None),
])
def test_the_newest_that_could_have_caused_it_counts(facts: tuple[Fact, ...], what: str | None,
                                                     history: History) -> None:
    history.add(*facts)
    history.add(FIRED)
    history.add(PROMOTED)  # afterwards: none of it
    found = last_change(history.entries, ALERT, "flights-delay", {"flights", "daily.clean"})
    assert (found.what if found else None) == what


@pytest.mark.parametrize(("days", "kind"), [(2, "alert"), (4, "promotion")])
def test_what_was_late_days_before_explains_nothing(days: int, kind: str, history: History) -> None:
    history.add(PROMOTED, AlertEvent(subject="AL-8", event="fired", about="flights", check="health"))
    alert = replace(ALERT, opened_at=history.now + timedelta(days=days))
    history.add(FIRED, after=timedelta(days=days))
    found = last_change(history.entries, alert, "flights-delay", {"flights"})
    assert found is not None
    assert found.kind == kind


def test_of_one_moment_what_was_written_before_it_counts(history: History) -> None:
    entries = list(history.add(PROMOTED, FIRED))
    assert last_change(entries[::-1], ALERT, "flights-delay", set()) is None
    found = last_change(entries, ALERT, "flights-delay", set())
    assert found is not None
    assert found.entry == 1


def test_what_was_changed_since_it_fired_is_another_thing(history: History) -> None:
    history.add(PROMOTED, FIRED)
    assert change_since(history.entries, ALERT, "flights-delay", set()) is None
    history.add(replace(PROMOTED, version="15"), replace(PROMOTED, version="13", event="rolled_back"),
                Run(subject="daily", run="r", step="clean", status="failed"))
    found = change_since(history.entries, ALERT, "flights-delay", {"daily.clean"})
    assert found is not None
    assert found.what == "way back to version 13"
    before = last_change(history.entries, ALERT, "flights-delay", set())
    assert before is not None
    assert before.what == "promotion of version 14"
