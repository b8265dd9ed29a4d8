"""Three weeks of a small model in service, lived through day by day: a monitor looks each morning at what is there."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shutil import copytree

import numpy as np
import pyarrow as pa
import pytest

from mlops_tui.opening import open_project
from mlops_tui.session import ReplayClock, Session
from store.facts import Finding
from tests.lived import CONTRACT, FIRST, MODEL

DAYS, A_DAY, LIVE = 23, 150, 12
BAD = range(16, 20)  # days on which scores say nothing and x is moved
FILES = {
    "mlops.yaml": "project: trips\ntimezone: America/New_York\nclock: replay\n",
    "team.yaml": "people: {ana: {roles: [engineer], simulated: true}, vera: {roles: [viewer], simulated: true}}\n"}
MONITORS = {
    "trip-drift": """\
check: drift
subject: trip-delay
every: "0 6 * * *"
window: 2d
reference: {before: 7d}
limits: {ks: 0.25, v: 0.3}
alert: {after: 2 of 2, severity: medium}
""",
    "trip-performance": """\
check: performance
subject: trip-delay
every: "0 6 * * *"
window: 3d
limits: {roc_auc: 0.7}
min_rows: 50
alert: {after: 2 of 2, severity: high, runbook: performance-decay}
""",
    "trip-calibration": """\
check: calibration
subject: trip-delay
every: "0 6 * * *"
window: 3d
limits: {ece: 0.12}
alert: {after: 2 of 3, severity: medium}
""",
    "trips-health": """\
check: health
subject: trips
every: "0 6 * * *"
window: 7d
limits: {z: 5}
alert: {after: 1 of 1, severity: medium}
"""}


@dataclass(frozen=True)
class Replays:
    """The project as it stands after its last day, and what its monitors found on each morning. Not to be changed."""

    root: Path
    session: Session
    found: dict[str, list[tuple[datetime, Finding]]]

    def times(self, name: str) -> list[datetime]:
        return [at for at, _ in self.found[name]]

    def copied(self, folder: Path) -> Session:
        """The same project in another folder, to be changed."""
        copytree(self.root, folder, dirs_exist_ok=True)
        return open_project(folder, person="ana", clock=ReplayClock(self.session.now()), source="test")


def morning(day: int) -> datetime:
    """Six o'clock in New York after that day."""
    return datetime(2013, 8, 18, 10, tzinfo=UTC) + timedelta(days=day)


def rows(seed: int) -> pa.Table:
    """All that happens: features, scores, and outcomes with the time at which they become known."""
    random, n = np.random.default_rng(seed), DAYS * A_DAY
    day = np.repeat(np.arange(DAYS), A_DAY)
    bad = np.isin(day, BAD)
    score = random.beta(1, 1.5, n).round(6)
    never = random.random(n) < 0.03
    late = random.random(n) < np.where(bad, 0.4, score)
    leaves = day * 24.0 + random.integers(0, 11 * 60, n) / 60
    known = leaves + random.integers(1, 9, n)
    x = random.normal(size=n) + bad

    def times(hours: np.ndarray) -> pa.Array:
        return pa.array([None if np.isnan(each) else FIRST + timedelta(hours=float(each)) for each in hours],
                        pa.timestamp("us", "UTC"))

    return pa.table({
        "id": np.arange(n), "leaves": times(leaves), "known_at": times(np.where(never, np.nan, known)),
        "late": pa.array(late, mask=never), "score": score, "version": ["1"] * n, "x": x, "place": day,
        "colour": np.where(x > 0, "warm", "cold"), "day": [f"{FIRST + timedelta(days=int(each)):%Y-%m-%d}"
                                                           for each in day]})


COLUMNS = {"trips": "id, leaves, known_at, late, day", "trip-delay.features": "id, leaves, x, colour, day",
           "trip-delay.predictions": "id, leaves, day, version, score"}


def arrive(session: Session, table: pa.Table, where: str) -> None:
    """Those rows come into each dataset."""
    for dataset, columns in COLUMNS.items():
        connection = session.data().connect()
        connection.register("made", table)
        session.commit(session.data().write(dataset, f"SELECT {columns} FROM made WHERE {where}", sort=("id",),
                                            partition_by=("day",), connection=connection))


def live(root: Path, seed: int = 3) -> Replays:
    """Make the project in a folder and live through it."""
    for name, text in {**FILES, "datasets/trips.yaml": CONTRACT, "models/trip-delay.yaml": MODEL,
                       **{f"monitors/{name}.yaml": text for name, text in MONITORS.items()}}.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    clock, table = ReplayClock(morning(LIVE - 1)), rows(seed)
    session = open_project(root, person="ana", clock=clock, source="test")
    found: dict[str, list[tuple[datetime, Finding]]] = {name: [] for name in MONITORS}
    arrive(session, table, f"place < {LIVE}")
    for day in range(LIVE, DAYS):
        clock.advance(morning(day))
        arrive(session, table, f"place = {day}")
        if day == LIVE + 3:  # outcomes of an earlier day are corrected, which no earlier look knew
            other = table.set_column(table.column_names.index("late"), "late", pa.array([False] * table.num_rows))
            arrive(session, other, f"place = {day - 2}")
        for name in MONITORS:
            outcome = session.perform(session.declared().monitors[name].command(name))
            assert outcome.error is None, outcome.view.title
            entry = [each for each in session.ledger.entries("finding") if each.fact.monitor == name][-1]
            found[name].append((entry.recorded_at, entry.fact))
    return Replays(root, session, found)


@pytest.fixture(scope="session")
def replays(tmp_path_factory: pytest.TempPathFactory) -> Replays:
    """The project, lived through once for all tests."""
    return live(tmp_path_factory.mktemp("replays"))
