"""A planted shift shows in its weeks alone; a volatile feature is retired by a proposal that names its models."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from mlops_tui.commands import perform
from mlops_tui.declarations.declare import parse, read
from mlops_tui.declarations.kinds import Model
from mlops_tui.features._retiring import without_column, without_item
from mlops_tui.project import Project
from mlops_tui.render.json import as_json
from mlops_tui.session import Session, without_project
from mlops_tui.view import Series, Status
from store.facts import Finding, Proposal

LAST = date(2013, 9, 13)
WEEKS = 12
CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: trips
version: 1.0.0
status: active
schema:
  - name: trips
    properties:
      - {name: id, logicalType: integer, primaryKey: true}
      - {name: seen, logicalType: timestamp}
      - {name: calm, logicalType: number}
      - {name: wild, logicalType: number}
      - {name: place, logicalType: string}
customProperties:
  - {property: partitionBy, value: day}
  - {property: eventTime, value: seen}
"""
MODEL = """\
task: binary
label: {dataset: trips, column: late, delay: 12h}
features: [running]
columns: [calm, wild]  # as they stand
candidates: {logistic: {estimator: sklearn.linear_model.LogisticRegression}}
split: {time: seen}
"""
VIEW = """\
-- entity: id
-- time: seen
WITH t AS (SELECT id, seen, calm, (SELECT max(wild) FROM trips) AS most FROM trips)
SELECT id, seen,
  calm + 1 AS calmer,  -- a little calmer
  most AS most_wild    -- FROM all of them
FROM t
"""


def rows(scale: str = "CASE WHEN week >= 9 THEN 1.5 ELSE 0 END") -> str:
    """Sixty rows a day; `wild` is moved by `scale` in the last weeks."""
    return f"""
      SELECT i AS id, CAST('{LAST}' AS DATE) - CAST((i // 60) AS INTEGER) + INTERVAL 12 HOUR AS seen,
        (hash(i) % 1000) / 1000.0 AS calm, (hash(i * 7) % 1000) / 1000.0 + {scale} AS wild,
        ['a', 'b', 'c'][CAST(hash(i * 13) % 3 AS INTEGER) + 1] AS place
      FROM (SELECT i, {WEEKS} - 1 - i // 420 AS week FROM range({WEEKS} * 420) r(i))"""


@pytest.fixture
def came(project: Path, session: Callable[..., Session]) -> Session:
    """Twelve weeks of trips, a model on them, and a feature view."""
    (project / "features").mkdir()
    for name, text in (("datasets/trips.yaml", CONTRACT), ("models/trip-delay.yaml", MODEL),
                       ("features/running.sql", VIEW),
                       ("models/other.yaml", MODEL.replace("columns: [calm, wild]", "columns: [calm]"))):
        (project / name).write_text(text, encoding="utf-8")
    opened = session("ana")
    opened.commit(opened.data().write("trips", f"SELECT *, strftime(seen, '%Y-%m-%d') AS day FROM ({rows()})",
                                      sort=("id",), partition_by=("day",)))
    return opened


def test_a_planted_shift_is_found_in_its_weeks(came: Session) -> None:
    outcome = came.perform(["stability", "trips"])
    found = {row["feature"]: row for row in outcome.view.table("features").rows}
    assert (outcome.exit, outcome.view.status) == (1, Status.FAIL)
    assert {name: row["verdict"] for name, row in found.items()} == {
        "wild": "volatile", "calm": "stable", "place": "stable"}
    high = [key for key, value in found["wild"].items() if key.startswith("psi ") and value and value > 0.25]
    assert high == [f"psi {LAST - timedelta(days=7 * back + 6)}" for back in (2, 1, 0)]
    assert found["wild"]["low"] < found["wild"]["psi"] < found["wild"]["high"]
    [heat] = [part for part in outcome.view.parts if isinstance(part, Series)]
    assert (heat.kind, len(heat.y)) == ("heat", len(heat.x) * len(heat.names))
    fact = came.ledger.entries("finding")[-1].fact
    assert isinstance(fact, Finding)
    assert (fact.check, fact.status, fact.detail["worst"]) == ("stability", "fail", "wild")
    json.loads(as_json(outcome.view, ()))


def test_the_second_look_reads_no_rows(came: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    first = came.perform(["stability", "trips"]).view
    from_rows = []
    monkeypatch.setattr("mlops_tui.profiling.profiles._made", from_rows.append)
    assert came.perform(["stability", "trips"]).view.table("features") == first.table("features")
    assert from_rows == []


def test_days_without_enough_rows_do_not_alarm(came: Session) -> None:
    outcome = came.perform(["stability", "trips", "--every", "day", "--columns", "calm,place"])
    assert {row["verdict"] for row in outcome.view.table("features").rows} <= {"stable", "not enough data"}


def test_a_monitor_declares_window_reference_and_limits(came: Session, project: Path) -> None:
    (project / "monitors" / "steady.yaml").write_text(
        "check: stability\nsubject: trips\nwindow: 7d\nreference: {before: 28d}\nlimits: {psi: 30, watch: 20}\n",
        encoding="utf-8")
    opened = came.opened(project) if came.opener else came
    opened.project = Project(project)
    outcome = opened.perform(["stability", "trips", "--monitor", "steady"])
    assert outcome.exit == 0, outcome.view
    fact = opened.ledger.entries("finding")[-1].fact
    assert isinstance(fact, Finding)
    assert (fact.monitor, fact.detail["reference"]) == ("steady", "the 28d before")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    connection = duckdb.connect(":memory:")
    connection.execute(f"COPY (SELECT * FROM ({rows()}) WHERE seen < '2013-08-01') TO '{tmp_path}/a.parquet'")
    connection.execute(f"COPY (SELECT * FROM ({rows()}) WHERE seen >= '2013-08-24') TO '{tmp_path}/b.csv'")
    connection.execute(f"COPY ({rows()}) TO '{tmp_path}/all.parquet'")
    connection.close()
    return tmp_path


@pytest.mark.parametrize("argv", [
    ["--reference", "a.parquet", "--current", "b.csv"], ["--file", "all.parquet", "--time", "seen", "--every", "week"],
    ["--file", "all.parquet", "--time", "seen", "--every", "month", "--columns", "wild"]])
def test_files_need_no_project(files: Path, argv: list[str]) -> None:
    session = without_project(files, perform)
    outcome = session.perform(["stability", *(str(files / each) if "." in each else each for each in argv)])
    found = {row["feature"]: row["verdict"] for row in outcome.view.table("features").rows}
    assert outcome.exit == 1
    assert {name: verdict for name, verdict in found.items() if verdict != "stable"} == {"wild": "volatile"}
    assert "id" not in found


def test_a_file_against_itself_is_stable(files: Path) -> None:
    file = str(files / "a.parquet")
    outcome = without_project(files, perform).perform(["stability", "--reference", file, "--current", file])
    assert outcome.exit == 0
    assert {row["psi"] for row in outcome.view.table("features").rows} == {0.0}


@pytest.mark.parametrize(("argv", "words"), [
    ([], "Nothing to look at"), (["trips", "--file", "x"], "More than one"), (["--file", "x.csv"], "Half"),
    (["trips", "--columns", "clam"], "Did you mean 'calm'?"), (["trisp"], "Did you mean 'trips'?"),
    (["flights"], "no data yet")])
def test_what_cannot_be_looked_at_says_why(came: Session, argv: list[str], words: str) -> None:
    came.actor = came.actor.__class__(came.actor.name, came.actor.roles, "terminal")
    outcome = came.perform(["stability", *argv])
    assert outcome.exit == 2
    assert words in str(outcome.error)


# -- retiring ---------------------------------------------------------------------------------------------------------


def proposal(session: Session, *argv: str) -> Proposal:
    outcome = session.perform(["stability", "retire", *argv], reason="it swings")
    assert outcome.error is None, outcome.error
    fact = session.ledger.entries("proposal")[-1].fact
    assert isinstance(fact, Proposal)
    return fact


def test_a_column_leaves_the_model_that_was_named(came: Session, project: Path) -> None:
    fact = proposal(came, "trip-delay", "wild")
    assert (fact.path, fact.why) == ("models/trip-delay.yaml", "wild is retired from trip-delay: it swings")
    came.perform(["adopt", fact.subject], consent=came.perform(["adopt", fact.subject]).plan)
    assert read(Model, project / fact.path).columns == ("calm",)
    assert "# as they stand" in (project / fact.path).read_text(encoding="utf-8")


def test_a_views_feature_leaves_every_model_that_uses_the_view(came: Session) -> None:
    fact = proposal(came, "trip-delay", "calmer")
    assert fact.path == "features/running.sql"
    assert fact.why == "calmer is retired from other, trip-delay: it swings"
    assert fact.content == VIEW.replace("  calm + 1 AS calmer,  -- a little calmer\n", "")
    second = proposal(came, "trip-delay", "most_wild")
    assert "most AS" not in second.content
    assert "calmer" not in second.content, "it builds upon the one before"


def test_the_last_column_of_a_select_goes_with_the_comma_before(came: Session) -> None:
    new = without_column(VIEW, "most_wild", "x.sql", {"trips": ["id", "seen", "calm", "wild"]})
    assert "a little calmer" in new
    assert "calmer," not in new


def test_lists_are_edited_in_either_style() -> None:
    flow = without_item(MODEL, "columns", "calm", "m.yaml")
    assert "columns: [wild]  # as they stand" in flow
    block = MODEL.replace("columns: [calm, wild]  # as they stand", "columns:\n  - calm  # steady\n  - wild")
    edited = without_item(block, "columns", "calm", "m.yaml")
    assert parse(Model, edited, "m.yaml").columns == ("wild",)
    assert "steady" not in edited


def test_what_the_model_does_not_use_cannot_be_retired(came: Session) -> None:
    outcome = came.perform(["stability", "retire", "trip-delay", "clam"], reason="x")
    assert outcome.exit == 2
    assert "Did you mean 'calm'?" in str(outcome.error)
