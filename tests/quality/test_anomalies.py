"""A known anomaly silences its days and its column, and nothing else; a remark without days silences nothing."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.odcs import Contract
from mlops_tui.project import Project
from mlops_tui.quality import anomalies
from mlops_tui.session import Session
from mlops_tui.view import Status

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
      - {name: fare, logicalType: number}
      - {name: miles, logicalType: number}
customProperties:
  - {property: eventTime, value: seen}
  - {property: partitionBy, value: day}
  - property: knownAnomalies
    value: [{column: fare, from: 2013-09-10, to: 2013-09-11, what: double fares}, {column: miles, what: rounded},
            {from: 2013-08-01, what: strike}]
"""


def contract() -> Contract:
    return parse(Contract, CONTRACT, "trips.yaml")


@pytest.mark.parametrize(("first", "last", "column", "words"), [
    ("2013-09-10", None, "fare", "known: double fares"), ("2013-09-12", None, "fare", ""),
    ("2013-09-01", "2013-09-30", "fare", "known: double fares"), ("2013-09-10", None, "miles", ""),
    ("2013-09-10", None, "", "known: double fares"), ("2013-08-01", None, "miles", "known: strike"),
    ("2013-08-02", None, "miles", "")])
def test_its_days_and_its_column(first: str, last: str | None, column: str, words: str) -> None:
    until = date.fromisoformat(last) if last else None
    assert anomalies.known(contract(), date.fromisoformat(first), until, column) == words


@pytest.fixture
def moved(project: Path, session: Callable[..., Session]) -> Session:
    """Both numbers are others in the last week."""
    (project / "datasets" / "trips.yaml").write_text(CONTRACT, encoding="utf-8")
    opened = session("ana")
    rows = """SELECT i AS id, TIMESTAMPTZ '2013-09-14 06:00:00+00' - INTERVAL 1 HOUR * i AS seen,
      (i % 20) + CASE WHEN i < 168 THEN 30 ELSE 0 END AS fare, (i % 20) + CASE WHEN i < 168 THEN 30 ELSE 0 END AS miles
      FROM range(1000) r(i)"""
    opened.commit(opened.data().write("trips", f"SELECT *, strftime(seen, '%Y-%m-%d') AS day FROM ({rows})",
                                      sort=("id",), partition_by=("day",)))
    return opened


def test_drift_is_quiet_about_what_is_known(moved: Session) -> None:
    view = moved.perform(["drift", "trips", "--window", "7d"]).view
    rows = {row["column"]: row for row in view.table("columns").rows}
    assert (rows["fare"]["drifted"], rows["miles"]["drifted"]) == (False, True)
    assert str(rows["fare"]["reason"]).startswith("known: double fares")
    assert view.status is Status.FAIL


def test_a_models_feature_is_quiet_where_its_raw_column_is_known(moved: Session, project: Path) -> None:
    (project / "features").mkdir()
    (project / "features" / "priced.sql").write_text(
        "-- entity: id\n-- time: seen\nSELECT id, seen, fare * 2 AS twice, miles + 1 AS more FROM trips\n",
        encoding="utf-8")
    model = project / "models" / "flights-delay.yaml"
    model.write_text(model.read_text(encoding="utf-8").replace("features: []", "features: [priced]"), encoding="utf-8")
    days = date(2013, 9, 7), date(2013, 9, 14)
    again = replace(moved, project=Project(project))
    known = anomalies.known_of(again.declared().datasets, ["twice", "more"], days,
                               lambda: again.made_of("flights-delay"))
    assert known == {"twice": "known: double fares"}
