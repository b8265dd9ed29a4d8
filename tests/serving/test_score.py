"""A day's rows are scored by the version that serves, once, and logged with it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mlops_tui.session import Session
from store.facts import Promotion, Trained
from store.tracking import Input, Record, Tracking

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
      - {name: leaves, logicalType: timestamp}
customProperties: [{property: partitionBy, value: day}]
"""
MODEL = """\
task: binary
label: {dataset: trips, column: late}
features: []
columns: []
candidates: {simple: {estimator: sklearn.linear_model.LogisticRegression}}
split: {time: leaves}
"""


@pytest.fixture
def serving(project: Path, session: Callable[..., Session], empty_store: Path) -> tuple[Session, LogisticRegression]:
    """A project with a registered version 1 of a small model, and two days of features."""
    (project / "datasets" / "trips.yaml").write_text(CONTRACT, encoding="utf-8")
    (project / "models" / "trip-delay.yaml").write_text(MODEL, encoding="utf-8")
    (project / ".mlops").mkdir(exist_ok=True)
    shutil.copy(empty_store, project / ".mlops" / "mlflow.db")
    random = np.random.default_rng(5)
    x = pd.DataFrame({"wind": random.normal(size=200), "distance": random.normal(size=200)})
    fitted = LogisticRegression().fit(x, (x["wind"] + random.normal(size=200) > 0).astype(int))
    tracking = Tracking(f"sqlite:///{project}/.mlops/mlflow.db", project / ".mlops" / "artifacts")
    made = tracking.log_version("trip-delay", fitted, Record(
        inputs=(Input("wind", "double", True), Input("distance", "double", True))))
    opened = session("dee")
    opened.ledger.append(Trained(
        subject="trip-delay", version=str(made.version), candidate="simple", key="k", run_id=made.run_id,
        artifact=made.digest, training="", declaration="", seed=1, window=("2013-01-01", "2013-06-01"), metrics={}))
    lake = opened.data()
    connection = lake.connect()
    start = datetime(2013, 9, 12, 6, tzinfo=ZoneInfo("America/New_York"))
    rows = x.head(100).assign(id=range(100), leaves=[start + timedelta(hours=12 * (n // 50)) for n in range(100)],
                              day=["2013-09-12" if n < 50 else "2013-09-13" for n in range(100)])
    rows["leaves"] = rows["leaves"].dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    connection.register("made", rows[["id", "leaves", "wind", "distance", "day"]])
    opened.commit(lake.write("trip-delay.features", "SELECT * FROM made", sort=("leaves", "id"), partition_by=("day",),
                             connection=connection))
    return opened, fitted


def promoted(session: Session) -> None:
    session.ledger.append(Promotion(subject="trip-delay", version="1", previous="", approval="", evidence=""))


def logged(session: Session) -> pd.DataFrame:
    lake = session.data()
    scan = lake.scan(session.snapshot("trip-delay.predictions"))
    frame: pd.DataFrame = lake.connect().sql(f"SELECT * FROM {scan} ORDER BY id").to_arrow_table().to_pandas()
    return frame


def test_the_log_holds_what_the_model_says(serving: tuple[Session, LogisticRegression]) -> None:
    session, fitted = serving
    promoted(session)
    outcome = session.perform(["score", "trip-delay", "--day", "2013-09-12"])
    assert outcome.exit == 0, outcome.error
    lake = session.data()
    features = lake.connect().sql(f"SELECT * FROM {lake.scan(session.snapshot('trip-delay.features'))} "
                                  "WHERE day = '2013-09-12' ORDER BY id").to_arrow_table().to_pandas()
    rows = logged(session)
    assert rows["score"].to_numpy() == pytest.approx(fitted.predict_proba(features[["wind", "distance"]])[:, 1])
    assert set(rows["version"]) == {"1"}
    assert len(rows) == 50


def test_a_day_is_logged_once_and_days_add_up(serving: tuple[Session, LogisticRegression]) -> None:
    session, _ = serving
    promoted(session)
    for day in ("2013-09-12", "2013-09-13", "2013-09-12"):
        outcome = session.perform(["score", "trip-delay", "--day", day])
    assert outcome.view.facts()["logged"] == "already there"
    assert len(logged(session)) == 100


def test_what_was_answered_is_not_rewritten_by_another_version(serving: tuple[Session, LogisticRegression]) -> None:
    session, _ = serving
    promoted(session)
    session.perform(["score", "trip-delay", "--day", "2013-09-12"])
    before = logged(session)
    first = session.ledger.entries("trained")[-1].fact
    assert isinstance(first, Trained)
    session.ledger.append(replace(first, version="2", key="k2"))
    refused = session.perform(["score", "trip-delay@2", "--day", "2013-09-12"])
    assert refused.exit == 2
    assert "does not serve" in str(refused.error)
    session.ledger.append(Promotion(subject="trip-delay", version="2", previous="1", approval="", evidence=""))
    kept = session.perform(["score", "trip-delay", "--day", "2013-09-12"])
    assert "that record stays" in str(kept.error)
    pd.testing.assert_frame_equal(logged(session), before)


@pytest.mark.parametrize(("argv", "words"), [
    (["score", "trip-delay", "--day", "2013-09-12"], "has no champion"),
    (["score", "trip-delay@9", "--day", "2013-09-12"], "has no 9"),
    (["score", "trip-delay@1", "--day", "2013-09-20"], "no features for 2013-09-20"),
])
def test_what_cannot_be_scored_says_what_to_do(serving: tuple[Session, LogisticRegression], argv: list[str],
                                               words: str) -> None:
    outcome = serving[0].perform(argv)
    assert outcome.exit == 2
    assert words in str(outcome.error)
    assert "mlops-tui" in str(outcome.error)
