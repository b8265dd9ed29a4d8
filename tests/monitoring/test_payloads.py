"""Requests that break the contract: how many, which rule, whose."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from mlops_tui.commands import perform
from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from mlops_tui.view import Status
from store.facts import Finding
from tests.conftest import START

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: log
version: 1.0.0
status: active
schema:
  - name: log
    properties:
      - {name: prediction_id, logicalType: string, primaryKey: true}
      - {name: distance, logicalType: integer, required: true, logicalTypeOptions: {minimum: 50, maximum: 6000}}
      - name: origin
        quality: [{metric: invalidValues, arguments: {validValues: [EWR, JFK, LGA]}, mustBe: 0}]
"""
MONITOR = """\
check: payloads
subject: flights-delay
window: 2d
limits: {bad_share: 0.1}
min_rows: 10
"""


@pytest.fixture
def opened(project: Path, clock: ReplayClock) -> Callable[[], Session]:
    return lambda: open_project(project, person="ana", clock=clock, source="terminal")


def fill(session: Session, tmp_path: Path, bad: int, callers: bool = True) -> None:
    rows = [{"request_id": f"r{n}", "ts": (START - timedelta(hours=3, minutes=n)).isoformat(), "score": 0.5,
             "distance": None if n < bad else 100, "origin": "EWR " if n < bad // 2 else "EWR", "more": 1,
             **({"client": "app" if n < 30 else "web"} if callers else {})} for n in range(100)]
    path = tmp_path / "p.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    assert perform(session, ("log", "add", "flights-delay", str(path))).exit == 0


def test_each_caller_is_told_which_rules_its_requests_break(
        opened: Callable[[], Session], project: Path, tmp_path: Path) -> None:
    (project / "datasets/flights-delay.predictions.yaml").write_text(CONTRACT, encoding="utf-8")
    (project / "monitors/asked.yaml").write_text(MONITOR, encoding="utf-8")
    session = opened()
    fill(session, tmp_path, 12)
    outcome = perform(session, ("payloads", "flights-delay", "--monitor", "asked"))
    view = outcome.view
    assert (outcome.exit, view.status) == (1, Status.FAIL)
    assert view.title == "12 of 100 requests to flights-delay break its contract (12.00%, limit 10.00%)"
    assert [(row["caller"], row["feature"], row["rule"], row["requests"], row["share"]) for row in
            view.table("rules").rows] == [("app", "distance", "missing", 12, 12 / 30), ("app", "origin", "category", 6,
                                                                                        6 / 30)]
    assert [(row["caller"], row["bad"]) for row in view.table("callers").rows] == [("app", 12), ("web", 0)]
    assert "not checked: more" in str(view.parts)
    assert view.actions[0].argv == ("drift", "flights-delay.predictions"), "where the inputs are that were logged"
    assert "drift flights-delay.predictions" in str(perform(session, ("drift", "flights-delay")).view.facts()["next"])
    finding = session.ledger.entries("finding")[-1].fact
    assert isinstance(finding, Finding)
    assert (finding.check, finding.monitor, finding.value, finding.n) == ("payloads", "asked", 0.12, 100)
    assert finding.declaration


def test_requests_that_are_logged_without_their_inputs_are_said_so(
        opened: Callable[[], Session], tmp_path: Path) -> None:
    session, path = opened(), tmp_path / "p.jsonl"
    path.write_text(json.dumps({"request_id": "r", "ts": START.isoformat(), "score": 0.5}), encoding="utf-8")
    assert perform(session, ("log", "add", "flights-delay", str(path))).exit == 0
    view = perform(session, ("payloads", "flights-delay")).view
    assert view.title == "The requests of flights-delay are logged without their inputs."
    assert "log add flights-delay FILE" in str(view.facts()["next"])


def test_unknown_is_no_pass(opened: Callable[[], Session], project: Path, tmp_path: Path, clock: ReplayClock) -> None:
    session = opened()
    assert perform(session, ("payloads", "flights-delay")).exit == 2, "nothing was logged"
    fill(session, tmp_path, 0, callers=False)
    assert "No contract says" in perform(session, ("payloads", "flights-delay")).view.title
    (project / "datasets/flights-delay.predictions.yaml").write_text(CONTRACT, encoding="utf-8")
    (project / "monitors/asked.yaml").write_text(MONITOR.replace("min_rows: 10", "min_rows: 1000"), encoding="utf-8")
    session = opened()
    few = perform(session, ("payloads", "flights-delay", "--monitor", "asked")).view
    assert (few.status, few.title) == (
        Status.UNKNOWN, "100 requests to flights-delay are too few to judge: 1,000 are needed")
    assert "has no caller" in str(few.parts)
    clock.advance(START + timedelta(days=30))
    none = perform(session, ("payloads", "flights-delay", "--monitor", "asked")).view
    assert (none.status, none.title) == (Status.UNKNOWN, "flights-delay had no requests in this window")


def test_requests_from_before_inputs_were_sent_are_left_out_and_counted(
        opened: Callable[[], Session], project: Path, tmp_path: Path) -> None:
    (project / "datasets/flights-delay.predictions.yaml").write_text(CONTRACT, encoding="utf-8")
    (project / "monitors/asked.yaml").write_text(MONITOR, encoding="utf-8")
    session, path = opened(), tmp_path / "old.jsonl"
    path.write_text("\n".join(json.dumps({  # no input at first, then no distance
        "request_id": f"o{n}", "ts": (START - timedelta(hours=9, minutes=n)).isoformat(), "score": 0.5, "client": "app",
        **({"origin": "EWR"} if n < 5 else {})}) for n in range(65)), encoding="utf-8")
    assert perform(session, ("log", "add", "flights-delay", str(path))).exit == 0
    alone = perform(session, ("payloads", "flights-delay", "--monitor", "asked")).view
    assert (alone.status, alone.facts()["without_inputs"]) == (Status.UNKNOWN, 60)
    fill(session, tmp_path, 12)
    view = perform(session, ("payloads", "flights-delay", "--monitor", "asked")).view
    assert (view.facts()["requests"], view.facts()["bad"], view.facts()["without_inputs"]) == (105, 12, 60)
    assert "60 more requests were logged before their caller sent any input" in str(view.parts)
