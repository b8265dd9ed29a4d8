"""Who took an alert up and let it lie hears of it each day, a week long; who works on it does not."""

from datetime import timedelta
from pathlib import Path

import pytest

from mlops_tui.alerts.held import held
from mlops_tui.project import Project
from store.facts import AlertEvent, Fact, IncidentEvent
from tests.conftest import History

FIRED = AlertEvent(subject="AL-1", event="fired", monitor="flights-drift", about="flights-delay", check="drift",
                   severity="high", title="it moved", route="oncall")
ACKED = AlertEvent(subject="AL-1", event="acked", who="bo")
OPENED = IncidentEvent(subject="INC-1", event="opened", alert="AL-1", title="it moved", about="flights-delay")


@pytest.mark.parametrize(("facts", "hours", "turn"), [
    ((FIRED,), 99, ""),
    ((FIRED, ACKED), 23.9, ""),
    ((FIRED, ACKED), 24, "1"),
    ((FIRED, ACKED), 49, "2"),
    ((FIRED, ACKED), 24 * 30, "7"),
    ((FIRED, ACKED, OPENED), 99, ""),
    ((FIRED, ACKED, OPENED, IncidentEvent(subject="INC-1", event="resolved")), 99, "4"),
    ((FIRED, ACKED, AlertEvent(subject="AL-1", event="recovered")), 99, ""),
    ((FIRED, ACKED, AlertEvent(subject="AL-1", event="unacked")), 99, ""),
])
def test_a_day_without_a_word_is_told_to_its_owner(facts: tuple[Fact, ...], hours: float, turn: str, project: Path,
                                                   history: History) -> None:
    history.add(*facts)
    acked = next((entry.recorded_at for entry in history.entries if entry.fact is ACKED), history.now)
    found = list(held(Project(project), history.entries, acked + timedelta(hours=hours)))
    assert [(each.to, each.turn.rpartition("/")[2]) for each in found] == ([("bo", turn)] if turn else [])
    assert all(each.since <= acked + timedelta(hours=hours) for each in found)
