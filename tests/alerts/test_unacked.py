"""An alert nobody is on is told to whom it is for, once for each turn it takes."""

from pathlib import Path

from mlops_tui.alerts.unacked import unacked
from mlops_tui.project import Project
from store.facts import AlertEvent
from tests.conftest import History


def fired(id: str, **more: object) -> AlertEvent:
    return AlertEvent(subject=id, event="fired", monitor="flights-drift", about="flights-delay", check="drift",
                      severity="high", title="it moved", route="bo", **more)  # type: ignore[arg-type]


def test_it_names_the_card_it_stands_on_and_ends_when_somebody_is_on_it(project: Path, history: History) -> None:
    history.add(fired("AL-1"), fired("AL-2", page=True))
    found = list(unacked(Project(project), history.entries, history.now))
    assert [(each.key, each.to, each.card, each.page) for each in found] == [
        ("alert/AL-1", "bo", "alert/AL-1", False), ("alert/AL-2", "bo", "alert/AL-1", True)]
    assert found[0].view.title == "AL-1 it moved"
    assert found[0].turn.startswith("fired/")
    history.add(AlertEvent(subject="AL-1", event="acked"))
    assert [each.key for each in unacked(Project(project), history.entries, history.now)] == ["alert/AL-2"]
    history.add(AlertEvent(subject="AL-2", event="refired", title="it moved more"))
    [again] = unacked(Project(project), history.entries, history.now)
    assert again.view.title == "AL-2 fires again: it moved more"
