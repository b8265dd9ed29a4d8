"""A small project with every kind that decides something, its people, and a clock that stands still until moved."""

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlops_tui.opening import open_project
from mlops_tui.project import Project
from mlops_tui.running import workers
from mlops_tui.session import ReplayClock, Session
from store.facts import Fact, Finding, Trained
from store.ledger import Entry
from store.tracking import Tracking
from tests.lived import lived, months
from tests.replays import replays

__all__ = ["lived", "months", "replays"]  # fixtures for all
START = datetime(2013, 9, 14, 10, tzinfo=UTC)
gc.set_threshold(50_000, 20, 50)  # thousands of tests, once collected, are not worth looking through for garbage
workers.MOST_LINES = 1  # each process that fits reads its libraries first, for seconds: no second for a test's few rows

FILES = {
    "mlops.yaml": """\
project: flights
timezone: America/New_York
clock: replay
""",
    "team.yaml": """\
people:
  ana: {roles: [engineer], simulated: true}
  bo: {roles: [approver, oncall], simulated: true}
  cy: {roles: [approver], simulated: true}
  dee: {roles: [operator], simulated: true}
  vera: {roles: [viewer], simulated: true}
""",
    "datasets/flights.yaml": """\
apiVersion: v3.1.0
kind: DataContract
id: flights
version: 1.0.0
status: active
schema:
  - name: flights
    properties:
      - {name: id, logicalType: integer, required: true, unique: true, primaryKey: true}
      - {name: sched_dep, logicalType: timestamp}
      - {name: day, logicalType: string}
      - {name: late, logicalType: boolean}
customProperties:
  - {property: entity, value: [id]}
  - {property: eventTime, value: sched_dep}
  - {property: partitionBy, value: day}
""",
    "models/flights-delay.yaml": """\
task: binary
label: {dataset: flights, column: late, delay: 12h}
features: []
columns: [day]
candidates: {logistic: {estimator: sklearn.linear_model.LogisticRegression}}
split: {time: sched_dep, gap: 12h, test: 30d}
criteria: [{metric: roc_auc, at_least: 0.70, min_rows: 1000}]
gate: [beats_baseline, no_worse_than_champion, calibrated, checklist]
""",
    "monitors/flights-drift.yaml": """\
check: drift
subject: flights-delay
alert: {after: 2 of 3, severity: high, route: oncall, runbook: data-drift}
""",
    "checklists/standard.yaml": """\
# What every promotion must show.
items:
  - {id: drift-ok, finding: drift, max_age: 2d}  # the inputs are the ones it was trained on
  - {id: limits-reviewed, sign_off: approver}
""",
}


@dataclass
class History:
    """Entries made by hand, an hour apart, for rules that only read them."""

    entries: list[Entry] = field(default_factory=list)
    now: datetime = START

    def add(self, *facts: Fact, actor: str = "ana", after: timedelta = timedelta(hours=1)) -> list[Entry]:
        for fact in facts:
            self.now += after
            seq = len(self.entries) + 1
            self.entries.append(Entry(seq, fact.kind, fact.subject, self.now, self.now, actor, fact, ""))
        return self.entries


@pytest.fixture
def history() -> History:
    return History()


@dataclass(frozen=True)
class Made:
    """Facts as the parts of other engineers write them, bearing today's fingerprints of the small project."""

    root: Path
    model: str = "flights-delay"

    def trained(self, version: str = "1", auc: float = 0.75, ece: float = 0.02, verdict: str = "better",
                **more: object) -> Trained:
        measured = {"roc_auc": {"value": auc, "low": auc - 0.01, "high": auc + 0.01, "n": 5000},
                    "ece": {"value": ece, "low": None, "high": None, "n": 5000}}
        contrast = {"baseline": "baseline_prior", "estimate": 0.2, "low": 0.19, "high": 0.21, "verdict": verdict}
        given: dict = {"candidate": "logistic", "key": f"key {version}", "run_id": "r", "artifact": "a",
                       "training": "t", "seed": 1, "window": ("2013-01-01", "2013-06-01"), "metrics": measured,
                       "declaration": Project(self.root).fingerprint("model", self.model),
                       "detail": {"metric": "roc_auc", "contrasts": [contrast]}}
        return Trained(subject=self.model, version=version, **(given | more))

    def finding(self, status: str = "pass", check: str = "drift", **more: object) -> Finding:
        given: dict = {"subject": self.model, "title": f"{check} is {status}", "monitor": "flights-drift",
                       "declaration": Project(self.root).fingerprint("monitor", "flights-drift"),
                       "window": ("2013-09-07T10:00:00+00:00", "2013-09-14T10:00:00+00:00")}
        return Finding(check=check, status=status, **(given | more))


@pytest.fixture
def made(project: Path) -> Made:
    return Made(project)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of a small project; nothing has happened in it yet."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


@pytest.fixture
def clock() -> ReplayClock:
    return ReplayClock(START)


@pytest.fixture
def session(project: Path, clock: ReplayClock) -> Callable[..., Session]:
    """A session of the person named: ana (engineer), bo (approver, on call), cy (approver), dee (operator), vera."""

    def opened(person: str = "ana", **how: bool) -> Session:
        return open_project(project, person=person, clock=clock, source="test", **how)

    return opened


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store with its tables laid, to copy."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    Tracking(f"sqlite:///{path}", path.parent / "artifacts").open()
    return path


@pytest.fixture(scope="session", autouse=True)
def _settings_of_nobody(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What the dashboard writes into somebody's own settings goes to a folder of the test run."""
    os.environ["XDG_CONFIG_HOME"] = str(tmp_path_factory.mktemp("settings"))
