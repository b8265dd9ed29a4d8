"""Drift of a model's features and of a dataset, window against reference, and what the history keeps of it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mlops_tui.commands import Outcome, perform
from mlops_tui.session import Session
from mlops_tui.view import Status
from store.facts import Finding

Opened = Callable[..., Session]
NOW = datetime(2013, 9, 14, 10, tzinfo=UTC)  # a Saturday; the session's clock stands here
FIRST = NOW - timedelta(days=42)


def features(per_day: int = 1500, seed: int = 1, **moved: float) -> pa.Table:
    """Six weeks up to now: noise, a day unlike the others, two columns unlike each week, a word.

    `moved` shifts a column in the last week.
    """
    draw, n = np.random.default_rng(seed), per_day * 42
    minutes = np.sort(draw.integers(0, 42 * 24 * 60, n))
    last = minutes >= 35 * 24 * 60
    at = [FIRST + timedelta(minutes=int(minute)) for minute in minutes]
    return pa.table({
        "id": np.arange(n), "sched_dep": pa.array(at, pa.timestamp("us", tz="UTC")),
        "day": [f"{moment - timedelta(hours=4):%Y-%m-%d}" for moment in at],
        "noise": draw.normal(size=n) + moved.get("noise", 0) * last,
        "friday": np.where((minutes // 1440) % 7 == 6, draw.normal(5, 1, n), draw.normal(size=n)),
        "restless": draw.normal(size=n) + np.array([0, 0.5, -0.5, 0.3, -0.4, 0.4])[minutes // 10_080]
        + moved.get("restless", 0) * last,
        "mood": np.where(draw.random(n) < np.array([0.1, 0.4, 0.2, 0.5, 0.2, 0.3])[minutes // 10_080]
                         + moved.get("mood", 0) * last, "up", "down"),
        "word": np.where(last & (draw.random(n) < moved.get("word", 0)), "new", draw.choice(["a", "b", "c"], n))})


def filled(session: Session, dataset: str = "flights-delay.features", **how: Any) -> Session:
    connection = session.data().connect()
    connection.register("rows", features(**how))
    session.commit(session.data().write(dataset, "SELECT * FROM rows", partition_by=("day",), connection=connection))
    return session


def drifted(outcome: Outcome) -> list[str]:
    assert outcome.error is None, outcome.error
    return sorted(str(row["column"]) for row in outcome.view.table("columns").rows if row["drifted"])


def findings(session: Session) -> list[Finding]:
    return [entry.fact for entry in session.ledger.entries("finding") if isinstance(entry.fact, Finding)]


def monitored(project: Path, text: str) -> None:
    (project / "monitors" / "flights-drift.yaml").write_text(f"check: drift\nsubject: flights-delay\n{text}\n")


@pytest.mark.parametrize(("subject", "dataset"), [("flights-delay", "flights-delay.features"), ("flights", "flights")])
def test_a_window_like_the_weeks_before_passes(session: Opened, project: Path, subject: str, dataset: str) -> None:
    (project / "monitors" / "flights-drift.yaml").write_text(
        f"check: drift\nsubject: {subject}\nlimits: {{ks: 0.05, v: 0.1}}\n")
    found = perform(filled(session(), dataset), ("drift", subject))
    assert (drifted(found), found.view.status, found.exit) == ([], Status.PASS, 0)
    facts = found.view.facts()
    assert (facts["rows_current"], facts["rows_reference"]) == (pytest.approx(10_500, rel=0.05),
                                                                pytest.approx(42_000, rel=0.05))
    assert facts["compared"] == "7 days against the same weekdays of 4 weeks before"
    assert {row["column"] for row in found.view.table("columns").rows} == {
        "noise", "friday", "restless", "mood", "word"}


def test_what_moved_is_a_finding_with_its_figures(session: Opened) -> None:
    asked = filled(session(), noise=0.3, word=0.2)
    found = perform(asked, ("drift", "flights-delay", "--monitor", "flights-drift"))
    assert (drifted(found), found.exit) == (["noise", "word"], 1)
    [finding] = findings(asked)
    assert (finding.check, finding.subject, finding.status, finding.monitor) == (
        "drift", "flights-delay", "fail", "flights-drift")
    assert finding.title == "flights-delay: 2 of 5 columns moved more than they should"
    assert finding.detail["drifted"] == ["noise", "word"]
    assert finding.detail["worst"] in ("noise", "word")
    assert finding.detail["columns"]["noise"]["drifted"] is True
    assert finding.value is not None
    assert finding.low is not None
    assert finding.limit is not None
    assert finding.low >= finding.limit
    assert finding.window == ((NOW - timedelta(days=7)).isoformat(), NOW.isoformat())
    assert finding.n == found.view.facts()["rows_current"]
    snapshot = asked.current("flights-delay.features")
    assert snapshot is not None
    assert finding.data == (snapshot.id,)
    assert asked.data().object(finding.declaration).startswith(b"check: drift")


def test_the_same_hours_of_the_same_weekdays_are_the_default(session: Opened, project: Path) -> None:
    """One day of the week differs from the rest: seen against the days before, as usual against its like."""
    asked = filled(session())
    assert drifted(perform(asked, ("drift", "flights-delay", "--window", "1d"))) == []
    monitored(project, "reference: {before: 3d}")
    assert drifted(perform(filled(session()), ("drift", "flights-delay", "--window", "1d"))) == ["friday"]


def test_weeks_that_differ_as_weeks_do_are_no_drift(session: Opened, project: Path) -> None:
    """Two columns lie elsewhere in every week: significant each time, and seen as usual until it is more than that."""
    found = perform(filled(session()), ("drift", "flights-delay"))
    rows = {row["column"]: row for row in found.view.table("columns").rows}
    for name in ("restless", "mood"):
        row = rows[name]
        assert row["p_adjusted"] < 1e-6
        assert row["effect"] < row["usual"] == row["limit"]
        assert (row["drifted"], row["reason"]) == (False, "significant, but no more than usual")
        assert (row["declared_limit"], row["decided_by"]) == (0.02 if name == "restless" else 0.05, "usual")
    shown = [column.id for column in found.view.table("columns").columns]
    assert {"declared_limit", "usual", "decided_by"} <= set(shown)
    assert rows["noise"]["decided_by"] in ("limit", "usual")
    more = perform(filled(session(), restless=1.5, mood=0.5), ("drift", "flights-delay"))
    assert drifted(more) == ["mood", "restless"]
    monitored(project, "reference: {same_weekdays: 2}")
    few = perform(filled(session()), ("drift", "flights-delay"))
    assert "restless" in drifted(few), "two weeks do not say what is usual"
    assert {row["usual"] for row in few.view.table("columns").rows} == {None}


def test_the_monitor_says_columns_limits_and_window(session: Opened, project: Path) -> None:
    monitored(project, "columns: [noise, word]\nlimits: {ks: 0.3}\nwindow: 3d")
    asked = filled(session(), noise=0.3, word=0.2)
    own = perform(asked, ("drift", "flights-delay", "--limit", "0.25"))
    assert (own.view.facts()["limits_from"], findings(asked)[-1].declaration) == ("--limit", "")
    assert {row["declared_limit"] for row in own.view.table("columns").rows} == {0.25}
    found = perform(asked, ("drift", "flights-delay"))
    assert found.view.facts()["limits_from"] == "monitors/flights-drift.yaml"
    rows = {row["column"]: row for row in found.view.table("columns").rows}
    assert set(rows) == {"noise", "word"}
    assert drifted(found) == ["word"]
    assert rows["noise"]["limit"] == 0.3
    assert str(found.view.facts()["compared"]).startswith("3 days")


def test_too_few_rows_are_unknown_and_recorded_so(session: Opened, project: Path) -> None:
    monitored(project, "min_rows: 100000")
    asked = filled(session())
    found = perform(asked, ("drift", "flights-delay"))
    assert (found.view.status, found.exit) == (Status.UNKNOWN, 1)
    assert "100,000 are wanted" in found.view.title
    assert [finding.status for finding in findings(asked)] == ["unknown"]
    monitored(project, "reference: {window: [2012-01-01, 2012-02-01]}")
    found = perform(filled(session()), ("drift", "flights-delay"))
    assert found.view.title == "flights-delay: no rows in the reference"


def test_the_comparison_can_be_made_without_a_project_monitor(session: Opened, project: Path) -> None:
    (project / "monitors" / "flights-drift.yaml").unlink()
    asked = filled(session(), noise=0.3)
    assert drifted(perform(asked, ("drift", "model/flights-delay", "--columns", "noise"))) == ["noise"]
    [finding] = findings(asked)
    assert (finding.monitor, finding.declaration) == ("", "")  # columns picked by hand are evidence of nothing declared
    perform(asked, ("drift", "model/flights-delay"))
    assert asked.data().object(findings(asked)[-1].declaration).startswith(b"task: binary")


@pytest.mark.parametrize(("argv", "what", "next_"), [
    (("drift", "flights-dely"), "No model or dataset 'flights-dely'", "Did you mean 'flights-delay'?"),
    (("drift", "flights-delay", "--columns", "nois"), "has no column 'nois'", "Did you mean 'noise'?"),
    (("drift", "flights-delay", "--window", "week"), "not a duration", "Write 12h, 7d or 4w."),
    (("drift", "flights-delay", "--monitor", "flights-drft"), "No monitor", "Did you mean 'flights-drift'?"),
    (("drift", "flights", "--monitor", "flights-drift"), "not drift of flights", ""),
    (("drift",), "Nothing to look at", "Give a declared SUBJECT")])
def test_what_cannot_be_compared_is_refused(session: Opened, argv: tuple[str, ...], what: str, next_: str) -> None:
    found = perform(filled(session(), per_day=20), argv)
    assert found.exit == 2
    assert found.error is not None
    assert what in found.error["what"]
    assert next_ in found.error["next"]


@pytest.mark.parametrize(("limits", "what"), [("{kss: 0.1}", "No limit 'kss'"), ("{ks: 3}", "between 0 and 1")])
def test_impossible_limits_are_refused(session: Opened, project: Path, limits: str, what: str) -> None:
    monitored(project, f"limits: {limits}")
    found = perform(filled(session(), per_day=20), ("drift", "flights-delay"))
    assert found.error is not None
    assert what in found.error["what"]


def test_a_monitor_may_limit_how_well_days_are_told_apart(project: Path, session: Opened) -> None:
    monitored(project, "limits: {ks: 0.9, v: 0.9, joint: 0.6}\ncolumns: [noise]\nreference: {before: 28d}")
    outcome = perform(filled(session("ana"), per_day=200, noise=2.0),
                      ("drift", "flights-delay", "--monitor", "flights-drift"))
    assert outcome.view.table("joint").rows[0]["drifted"] is True
    assert outcome.view.status is Status.FAIL
    [found] = findings(outcome_session := session("ana"))
    assert outcome_session.now() == NOW
    assert found.detail["joint"]["limit"] == 0.6
    assert found.detail["joint"]["auc"] > 0.8


def test_a_joint_limit_below_a_half_is_refused(project: Path, session: Opened) -> None:
    monitored(project, "limits: {joint: 0.4}")
    outcome = perform(session("ana"), ("drift", "flights-delay", "--monitor", "flights-drift"))
    assert outcome.exit == 2
    assert "joint" in str(outcome.error)
