"""Faults planted into a copy, held against monitors of which it is known what they can and cannot see."""

from dataclasses import replace
from pathlib import Path

import pytest

from mlops_tui.commands import Outcome
from mlops_tui.monitoring._faults import FAULTS, factor_of
from mlops_tui.session import Session
from mlops_tui.view import Status
from store.facts import Drilled
from tests.replays import Replays

MODEL, DAY = "trip-delay", ("--day", "2013-08-30", "--for", "3d")


@pytest.fixture
def session(replays: Replays, tmp_path: Path) -> Session:
    return replays.copied(tmp_path)


def drill(session: Session, *more: str) -> Outcome:
    outcome = session.perform(("drill", MODEL, *DAY, *more))
    assert outcome.error is None, outcome.error
    return outcome


def kept(session: Session) -> list[Drilled]:
    return [entry.fact for entry in session.ledger.entries("drill") if isinstance(entry.fact, Drilled)]


SEEN = {"shifted-column": "trip-drift", "swapped-units": "trip-drift", "stale-feature": "trip-drift",
        "nulls": "trip-drift", "new-category": "trip-drift", "missing-batch": "trips-health",
        "concept-change": "trip-performance", "constant-prediction": "trip-performance"}


@pytest.mark.parametrize(("fault", "monitor"), SEEN.items())
def test_a_fault_is_seen_by_the_monitor_meant_for_it(fault: str, monitor: str, session: Session) -> None:
    outcome = drill(session, "--fault", fault, *(("--size", "0.6") if fault == "concept-change" else ()))

    rows = {row["monitor"]: row for row in outcome.view.table("monitors").rows}
    assert (rows[monitor]["meant"], rows[monitor]["saw"]) == (True, "seen"), rows
    [fact] = kept(session)
    assert monitor in fact.meant
    assert fact.seen[monitor] == pytest.approx(rows[monitor]["hours"] * 3600)
    assert fact.seen[monitor] >= 30 * 3600  # a day's rows are first looked at on the morning after


def test_a_monitor_that_looks_elsewhere_is_silent_and_not_meant(session: Session) -> None:
    rows = {row["monitor"]: row for row in drill(session, "--fault", "shifted-column").view.table("monitors").rows}

    assert [(row["meant"], row["saw"]) for name, row in rows.items() if name != "trip-drift"] == [
        (False, "silent")] * 3


def test_a_fault_too_small_to_be_seen_is_said_to_be_missed(session: Session) -> None:
    outcome = drill(session, "--fault", "shifted-column", "--size", "0.05")

    assert (outcome.view.status, outcome.exit) == (Status.FAIL, 1)
    assert "did not see it" in outcome.view.title
    assert kept(session)[0].seen == {}


def test_nothing_of_the_data_or_the_history_is_changed(session: Session) -> None:
    lake = session.data().root
    before = {path: path.read_bytes() for path in lake.rglob("*.parquet")}
    states = [entry.hash for entry in session.ledger.entries("snapshot", "finding", "alert")]

    drill(session, "--fault", "missing-batch")

    assert {path: path.read_bytes() for path in lake.rglob("*.parquet")} == before
    assert [entry.hash for entry in session.ledger.entries("snapshot", "finding", "alert")] == states
    assert list((session.declared().root / ".mlops" / "drills").iterdir()) == []


def test_what_the_log_does_not_say_cannot_be_made_slow(session: Session) -> None:
    outcome = drill(session, "--fault", "slow-endpoint")

    assert outcome.view.status is Status.UNKNOWN
    assert "no column latency_ms" in outcome.view.title
    assert kept(session) == []


def test_a_monitor_that_fails_anyway_proves_nothing(session: Session) -> None:
    path = session.declared().path_of("monitor", "trip-drift")
    path.write_text(path.read_text(encoding="utf-8").replace("ks: 0.25, v: 0.3", "ks: 0.001, v: 0.001, alpha: 0.99, "
                                                             "power: 0.01"), encoding="utf-8")
    again = replace(session, project=type(session.declared())(session.declared().root))

    rows = {row["monitor"]: row for row in drill(again, "--fault", "shifted-column").view.table("monitors").rows}

    assert rows["trip-drift"]["saw"] == "fails anyway"


def test_coverage_knows_what_was_tried_and_forgets_it_when_the_rule_changes(session: Session) -> None:
    def cells(of: Session) -> dict[str, object]:
        view = of.perform(("drill", MODEL, "--coverage")).view
        return {row["fault"]: row.get("trip-drift") for row in view.table("coverage").rows}

    assert cells(session)["shifted-column"] == "not tried"
    assert cells(session)["concept-change"] is None
    drill(session, "--fault", "shifted-column")
    assert str(cells(session)["shifted-column"]).endswith(" h")

    path = session.declared().path_of("monitor", "trip-drift")
    path.write_text(path.read_text(encoding="utf-8") + "description: changed\n", encoding="utf-8")
    again = replace(session, project=type(session.declared())(session.declared().root))

    assert cells(again)["shifted-column"] == "stale"
    view = again.perform(("drill", MODEL, "--coverage")).view
    assert ("drill", MODEL) in [action.argv for action in view.actions]
    assert view.status is Status.UNKNOWN
    heat = next(part for part in view.parts if getattr(part, "kind", "") == "heat")
    assert len(heat.y) == len(heat.x) * len(heat.names)


@pytest.mark.parametrize(("argv", "said"), [
    (("--fault", "shifted-colum"), "No fault"), (("--size", "2"), "one fault's own"),
    (("--fault", "nulls", "--size", "2"), "at most 1"), (("--day", "2013-12-01"), "no whole day"),
    (("--for", "2h"), "a day or longer")])
def test_what_cannot_be_planted_is_refused(argv: tuple[str, ...], said: str, session: Session) -> None:
    outcome = session.perform(("drill", MODEL, *argv))

    assert outcome.exit == 2
    assert said in outcome.view.title


def test_a_column_is_read_in_the_other_of_its_units() -> None:
    assert [factor_of(name) for name in ("temp", "arr_delay_3h", "distance")] == [
        "({x} - 32) / 1.8", "{x} * 60", "{x} * 2.54"]
    assert all(fault.meant for fault in FAULTS.values())
