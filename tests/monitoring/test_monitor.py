"""Monitors: what each found last, over time, and when it looks again."""

from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from mlops_tui.render.charts import draw
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Series, Status
from store.facts import AlertEvent
from tests.conftest import Made

NAME = "flights-drift"


@pytest.fixture
def told(project: Path, session: Callable[..., Session], made: Made, clock: ReplayClock) -> Session:
    """A month of findings, the last of them bad, and an alert; a second monitor that never ran."""
    text = (project / "monitors" / f"{NAME}.yaml").read_text(encoding="utf-8")
    (project / "monitors" / f"{NAME}.yaml").write_text(text + 'every: "0 6 * * *"\n', encoding="utf-8")
    (project / "monitors" / "another.yaml").write_text("check: health\nsubject: flights\n", encoding="utf-8")
    opened = session("ana")
    for day in range(30):
        status = "fail" if day == 29 else "pass"
        opened.ledger.append(made.finding(status, value=day / 100, low=day / 100 - 0.01, high=day / 100 + 0.01,
                                          limit=0.25, n=1000, unit="KS"))
        clock.advance(clock.moment + timedelta(days=1))
    opened.ledger.append(AlertEvent(subject="AL-1", event="fired", monitor=NAME, severity="high", title="it drifts"))
    return opened


def test_the_worst_comes_first_with_what_it_found_and_when_it_looks_again(told: Session) -> None:
    view = told.perform(("monitor", "list")).view
    first, second = view.table("monitors").rows
    assert (first["monitor"], first["status"], first["found"]) == (NAME, Status.FAIL, "drift is fail")
    assert first["next"] == told.now().replace(hour=10) + (timedelta(days=1) if told.now().hour >= 10 else timedelta(0))
    assert (second["monitor"], second["status"], second["found"], second["next"]) == (
        "another", Status.UNKNOWN, "never run", None)
    assert (view.title, view.status) == ("1 of 2 monitors found something; 1 never ran", Status.WARN)


def test_the_picture_is_value_and_interval_against_the_limit(told: Session) -> None:
    view = told.perform(("monitor", "show", NAME)).view
    [picture] = [part for part in view.parts if isinstance(part, Series)]
    assert (picture.kind, len(picture.x), picture.names) == ("band", 30, ("KS", "limit"))
    assert (picture.y[-1], picture.low[-1], picture.other[-1]) == (0.29, 0.29 - 0.01, 0.25)
    assert list(picture.x) == sorted(picture.x)


def test_values_of_another_measure_or_of_a_whole_history_are_not_drawn_beside(told: Session, made: Made) -> None:
    told.ledger.append(made.finding(value=0.7, limit=0.5, n=1000, unit="V"))
    told.ledger.append(made.finding(value=0.3, limit=0.25, n=900_000, unit="KS"))
    told.ledger.append(made.finding(value=0.9, limit=0.25, n=1000, unit="KS", detail={"measures": {"ece": 0.9}}))
    told.ledger.append(made.finding(value=0.2, limit=0.25, n=1000, unit="KS"))
    [picture] = [part for part in told.perform(("monitor", "show", NAME)).view.parts if isinstance(part, Series)]
    assert len(picture.y) == 31
    assert picture.y[-2:] == (0.29, 0.2)


def test_the_heat_map_holds_each_column_against_its_own_limit(told: Session, made: Made) -> None:
    def columns(temp: float, wind: float | None) -> dict:
        return {"columns": {"temp": {"effect": temp, "limit": 0.5}, "wind": {"effect": wind, "limit": 0.1}}}

    for temp, wind in ((0.25, 0.1), (0.5, None), (0.1, 0.9)):
        told.ledger.append(made.finding(value=temp, detail=columns(temp, wind)))
    picture = next(part for part in told.perform(("monitor", "show", NAME)).view.parts
                   if isinstance(part, Series) and part.kind == "heat")
    assert picture.names == ("wind", "temp"), "the column that moved farthest comes first"
    assert picture.y == (1.0, None, 2.0, 0.5, 1.0, 0.2), "nine limits are no darker than two"
    assert len(picture.x) == 3
    drawn = [line.plain for line in draw(picture, 40, UTC)]
    assert drawn[:2] == ["  wind  ▓▓▓▓    ████", "  temp  ▒▒▒▒▓▓▓▓░░░░"], "dark is what passes its limit"
    assert next(draw(picture, 10, UTC)).plain == "  wi…  ▓ █", "all three, and nothing where nothing was measured"
    assert next(draw(picture, 9, UTC)).plain == "  wi…   █", "the newest where there is no room for all"


def test_its_alerts_are_told_and_what_can_be_done(told: Session) -> None:
    view = told.perform(("monitor", "show", NAME)).view
    assert [row["alert"] for row in view.table("alerts").rows] == ["AL-1"]
    assert view.table("findings").total == 30
    offered = [action.argv for action in view.actions]
    assert offered == [("drift", "flights-delay", "--monitor", NAME), ("alert", "show", "AL-1"),
                       ("runbook", "show", "data-drift", "--about", "flights-delay"), ("backtest", NAME)]
    assert view.status is Status.WARN, "looking is no failure"


def test_one_that_never_ran_says_so(told: Session) -> None:
    view = told.perform(("monitor", "show", "another")).view
    assert (view.title, view.status) == ("another: never run", Status.DONE)
    assert not [part for part in view.parts if isinstance(part, Series)]
    assert told.perform(("monitor", "list")).view.title.endswith("; 1 never ran")


def test_a_monitor_that_is_not_declared_is_refused_with_the_nearest(told: Session) -> None:
    outcome = told.perform(("monitor", "show", "flights-drif"))
    assert (outcome.exit, "flights-drift" in str(outcome.view.facts()["next"])) == (2, True)
