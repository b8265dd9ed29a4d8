from datetime import UTC, datetime

import pytest

from mlops_tui.alerts import sources
from mlops_tui.alerts.duerequests import due_requests
from mlops_tui.project import Project
from store.facts import OptOut


@pytest.mark.parametrize(("day", "said"), [
    ("2024-03-24", ""), ("2024-03-25", "OO-1: erasure is due in 7 days"),
    ("2024-03-31", "OO-1: erasure is due in 1 day"),
    ("2024-04-01", "OO-1: erasure is due today"), ("2024-04-02", "OO-1: erasure is overdue")])
def test_a_request_reminds_before_it_is_due_and_after(project, history, day: str, said: str) -> None:
    history.now = datetime(2024, 3, 1, 12, tzinfo=UTC)
    history.add(OptOut(subject="OO-1", event="received", person="p", right="erasure", jurisdiction="gdpr"))
    now = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    found = list(due_requests(Project(project), history.entries, now))
    assert [each.view.title for each in found] == ([said] if said else [])
    assert all(each.since <= now for each in found)
    assert {each.key for each in sources.nudges(Project(project), history.entries, now)} == (
        {"optout/OO-1"} if said else set())
    history.add(OptOut(subject="OO-1", event="attested"))
    assert list(due_requests(Project(project), history.entries, now)) == []
