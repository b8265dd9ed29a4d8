"""Outcomes find their predictions: by id, by key, or nearest in time; late, corrected, twice, or of nobody."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlops_tui.commands import perform
from mlops_tui.models.matured import matured, window
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import View
from tests.conftest import START
from tests.lived import MODEL as TRIP

AGO = START - timedelta(hours=30)
LOG_CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: log
version: 1.0.0
status: active
schema:
  - name: log
    properties: [{name: prediction_id, logicalType: string, primaryKey: true}]
customProperties: [{property: predictionLog, value: {id: request_id, tolerance: 10m}}]
"""


@pytest.fixture
def opened(project: Path, clock: ReplayClock) -> Callable[[], Session]:
    return lambda: open_project(project, person="ana", clock=clock, source="terminal")


def done(session: Session, *argv: str) -> View:
    outcome = perform(session, argv)
    assert outcome.exit == 0, outcome.view
    return outcome.view


def write(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return str(path)


def predictions(tmp_path: Path, session: Session, count: int = 40, **more: Any) -> None:
    rows = [{"request_id": f"r{each}", "ts": (AGO + timedelta(minutes=each)).isoformat(), "score": each / count,
             "status": 500 if each == 7 else 200, **more} for each in range(count)]
    done(session, "log", "add", "flights-delay", write(tmp_path / "p.jsonl", rows))


def seen(session: Session) -> dict[float, int]:
    """Label by score, of what is known now."""
    found = matured(session, "flights-delay", window(session.now(), timedelta(days=3)))
    assert found.total == 39, "a request that failed is no prediction"
    return dict(zip(found.score.tolist(), found.label.tolist(), strict=True))


def test_outcomes_of_a_file_join_by_id_and_the_last_that_is_known_counts(
        opened: Callable[[], Session], tmp_path: Path, clock: ReplayClock) -> None:
    session = opened()
    predictions(tmp_path, session)
    rows = [{"request_id": f"r{each}", "outcome": each % 2} for each in range(20)]
    first = done(session, "log", "label", "flights-delay",
                 write(tmp_path / "l.jsonl", [*rows, rows[3], {"request_id": "nobody", "outcome": 1},
                                              {"request_id": "r30", "outcome": None}])).facts()
    assert (first["new"], first["unknown"], first["without"]) == (21, 1, 1)
    assert seen(session) == {each / 40: each % 2 for each in range(20) if each != 7}
    before = session.snapshot("flights-delay.labels").id
    again = done(session, "log", "label", "flights-delay", write(tmp_path / "l2.jsonl", rows)).facts()
    assert (again["new"], again["corrected"]) == (0, 0)
    clock.advance(START + timedelta(hours=2))
    fixed = done(session, "log", "label", "flights-delay",
                 write(tmp_path / "c.jsonl", [{"request_id": "r4", "outcome": 1}])).facts()
    assert (fixed["new"], fixed["corrected"]) == (0, 1)
    assert seen(session)[4 / 40] == 1
    assert session.snapshot("flights-delay.labels").id != before, "what was known before is still to be read"
    assert session.data().manifest("flights-delay.labels", before).rows == 21


def test_an_outcome_is_known_when_its_file_says_so_and_not_before(
        opened: Callable[[], Session], tmp_path: Path, clock: ReplayClock) -> None:
    session = opened()
    predictions(tmp_path, session)
    later = START + timedelta(hours=5)
    done(session, "log", "label", "flights-delay", write(tmp_path / "l.jsonl", [
        {"request_id": "r1", "outcome": 1, "known_at": START.isoformat()},
        {"request_id": "r1", "outcome": 0, "known_at": later.isoformat()},
        {"request_id": "r2", "outcome": 1, "known_at": later.isoformat()}]))
    assert seen(session) == {1 / 40: 1}
    clock.advance(later)
    assert seen(session) == {1 / 40: 0, 2 / 40: 1}


def test_outcomes_in_the_log_itself_are_taken_and_may_come_with_the_same_row_later(
        opened: Callable[[], Session], tmp_path: Path) -> None:
    session = opened()
    predictions(tmp_path, session)
    assert session.current("flights-delay.labels") is None
    predictions(tmp_path, session, outcome="yes")
    assert seen(session) == {each / 40: 1 for each in range(40) if each != 7}
    assert session.snapshot("flights-delay.predictions").rows == 40


def test_the_outcome_nearest_in_time_is_that_of_the_prediction_if_it_is_near_enough(
        opened: Callable[[], Session], project: Path, tmp_path: Path) -> None:
    (project / "datasets/flights-delay.predictions.yaml").write_text(LOG_CONTRACT, encoding="utf-8")
    model = project / "models/flights-delay.yaml"
    model.write_text(model.read_text() + "entity: [plane]\n", encoding="utf-8")
    session, random = opened(), np.random.default_rng(5)
    asked = [(int(each), float(at)) for each, at in zip(random.integers(0, 4, 40), random.random(40) * 200,
                                                        strict=True)]
    rows = [{"request_id": f"r{n}", "plane": plane, "score": n / 40, "status": 500 if n == 7 else 200,
             "ts": (AGO + timedelta(minutes=at)).isoformat()} for n, (plane, at) in enumerate(asked)]
    done(session, "log", "add", "flights-delay", write(tmp_path / "p.jsonl", rows))
    truth = [(int(plane), float(at), bool(late)) for plane, at, late in zip(
        random.integers(0, 4, 30), random.random(30) * 200, random.integers(0, 2, 30), strict=True)]
    lake, cursor = session.data(), session.data().connect()
    cursor.execute("CREATE TABLE truth (id INTEGER, plane INTEGER, sched_dep TIMESTAMPTZ, late BOOLEAN)")
    cursor.executemany("INSERT INTO truth VALUES (?, ?, ?, ?)", [
        (n, plane, AGO + timedelta(minutes=at), late) for n, (plane, at, late) in enumerate(truth)])
    session.commit(lake.write("flights", "SELECT *, strftime(timezone('America/New_York', sched_dep), '%Y-%m-%d') AS "
                              "day FROM truth", sort=("id",), partition_by=("day",), connection=cursor))
    wanted = {}
    for n, (plane, at) in enumerate(asked):
        near = [(abs(when - at), late) for whose, when, late in truth if whose == plane and abs(when - at) <= 10]
        if near and n != 7:
            wanted[n / 40] = int(min(near)[1])
    assert 5 < len(wanted) < 39
    assert seen(session) == wanted


def test_outcomes_that_cannot_be_joined_are_refused_with_what_to_say(
        opened: Callable[[], Session], tmp_path: Path) -> None:
    session = opened()
    predictions(tmp_path, session)
    for rows, word in (([{"a": 1}], "--map label=COLUMN"), ([{"outcome": 1}], "--map id=COLUMN")):
        outcome = perform(session, ("log", "label", "flights-delay", write(tmp_path / "l.jsonl", rows)))
        assert outcome.exit == 2
        assert word in str(outcome.view.facts()["next"])


def test_the_models_key_joins_as_well_as_an_id(lived: Callable[..., Any], project: Path, clock: ReplayClock,
                                               tmp_path: Path) -> None:
    made = lived()
    assert "known_at" in TRIP
    session = open_project(project, person="ana", clock=clock, source="terminal")
    before = matured(session, "trip-delay", window(clock(), timedelta(days=7)))
    waits = np.flatnonzero((made.day >= 21) & (made.late < 0))
    done(session, "log", "label", "trip-delay", write(tmp_path / "l.jsonl", [
        {"id": int(each), "late": True} for each in waits]))
    after = matured(session, "trip-delay", window(clock(), timedelta(days=7)))
    assert after.n - before.n == waits.size
    assert int(after.label.sum() - before.label.sum()) == waits.size


@pytest.mark.parametrize(("delay", "waits"), [("0h", 0), ("12h", 0), ("30d", 39)])
def test_outcomes_that_are_declared_to_come_weeks_later_are_waited_for(
        opened: Callable[[], Session], project: Path, tmp_path: Path, clock: ReplayClock, delay: str,
        waits: int) -> None:
    model = project / "models/flights-delay.yaml"
    model.write_text(model.read_text().replace("delay: 12h", f"delay: {delay}"))
    session = opened()
    predictions(tmp_path, session)
    outcome = write(tmp_path / "l.jsonl", [{"request_id": "r1", "outcome": 1}])
    done(session, "log", "label", "flights-delay", outcome)
    clock.advance(START + timedelta(days=10))
    found = matured(opened(), "flights-delay", window(START, timedelta(days=3)))
    assert (found.total, found.n, found.waiting, found.never) == (39, 1, waits - bool(waits), 38 if not waits else 0)
