"""A month of predictions with outcomes that come late, some never, for live measurements to be held against."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree

import numpy as np
import pyarrow as pa
import pytest

from mlops_tui.session import ReplayClock, Session

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: trips
version: 1.0.0
status: active
schema:
  - name: trips
    properties:
      - {name: id, logicalType: integer, required: true, primaryKey: true}
      - {name: leaves, logicalType: timestamp}
      - {name: known_at, logicalType: timestamp}
      - {name: late, logicalType: boolean}
customProperties:
  - {property: eventTime, value: leaves}
  - {property: partitionBy, value: day}
  - {property: calendar, value: daily}
"""
MODEL = """\
task: binary
label: {dataset: trips, column: late, known_at: known_at, delay: 12h}
features: []
columns: []
candidates: {simple: {estimator: sklearn.linear_model.LogisticRegression}}
split: {time: leaves}
threshold: 0.25
value: {kpi: connections kept, per: true positive, worth: 30 EUR, false_alarm: 10 EUR}
"""
MONITOR = """\
check: performance
subject: trip-delay
window: 7d
limits: {roc_auc: 0.7}
min_rows: 100
alert: {after: 2 of 2, severity: high, runbook: performance-decay}
"""
DAYS, A_DAY = 28, 60
FIRST = datetime(2013, 8, 17, 10, tzinfo=UTC)


@dataclass(frozen=True)
class Lived:
    """What was written, as arrays: the truth that the commands are held against."""

    session: Session
    day: np.ndarray
    score: np.ndarray
    late: np.ndarray  # 1, 0, or -1 where it never gets an outcome
    known: np.ndarray  # hours after FIRST; inf where never
    leaves: np.ndarray  # hours after FIRST


@pytest.fixture(scope="session")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where each month is kept once it was written: most tests ask for the same."""
    return tmp_path_factory.mktemp("months")


@pytest.fixture
def lived(project: Path, session: Callable[..., Session], clock: ReplayClock, months: Path) -> Callable[..., Lived]:
    """Make the month; `shift` moves the true probability of the last ten days below what is predicted."""

    def made(shift: float = 0.0, seed: int = 1) -> Lived:
        for name, text in (("datasets/trips.yaml", CONTRACT), ("models/trip-delay.yaml", MODEL),
                           ("monitors/trip-performance.yaml", MONITOR)):
            (project / name).write_text(text, encoding="utf-8")
        random, rows = np.random.default_rng(seed), DAYS * A_DAY
        day = np.repeat(np.arange(DAYS), A_DAY)
        score = random.beta(1, 3, rows).round(6)
        truth = np.clip(np.where(day >= DAYS - 10, score - shift, score), 0.01, 0.99)
        late = (random.random(rows) < truth).astype(int)
        late[random.random(rows) < 0.05] = -1
        leaves = day * 24.0 + random.integers(0, 11 * 60, rows) / 60
        known = np.where(late < 0, np.inf, leaves + random.integers(1, 9, rows))
        clock.advance(FIRST + timedelta(days=DAYS))
        kept, state = months / f"{shift} {seed}", project / ".mlops"
        if kept.exists() and not state.exists():
            copytree(kept, state)
            return Lived(session("ana"), day, score, late, known, leaves)
        new, opened = not state.exists(), session("ana")
        write(opened, day, score, late, leaves, known)
        if new:
            copytree(state, kept)
        return Lived(opened, day, score, late, known, leaves)

    return made


def write(session: Session, day: np.ndarray, score: np.ndarray, late: np.ndarray, leaves: np.ndarray,
          known: np.ndarray) -> None:
    """The labels and the prediction log, as ingest and score would have left them."""
    lake = session.data()
    times = pa.array([FIRST + timedelta(hours=float(hours)) for hours in leaves], pa.timestamp("us", "UTC"))
    days = pa.array([f"{FIRST + timedelta(days=int(each)):%Y-%m-%d}" for each in day])
    seen = pa.array([None if np.isinf(hours) else FIRST + timedelta(hours=float(hours)) for hours in known],
                    pa.timestamp("us", "UTC"))
    ids = pa.array(np.arange(day.size))
    outcome = pa.array([None if each < 0 else bool(each) for each in late])
    for dataset, table in (
            ("trips", pa.table({"id": ids, "leaves": times, "known_at": seen, "late": outcome, "day": days})),
            ("trip-delay.predictions", pa.table({"id": ids, "leaves": times, "day": days,
                                                 "version": pa.array(["1"] * day.size), "score": pa.array(score)}))):
        connection = lake.connect()
        connection.register("made", table)
        session.commit(lake.write(dataset, "SELECT * FROM made", sort=("id",), partition_by=("day",),
                                  connection=connection))
