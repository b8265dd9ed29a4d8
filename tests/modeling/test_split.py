"""split on files: the fixed ids, the written roles, the audit, and what it refuses."""

import csv
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from mlops_tui.commands import Outcome, perform
from mlops_tui.modeling import _training
from mlops_tui.modeling._training import job_of
from mlops_tui.render.json import as_json
from mlops_tui.session import Session, without_project
from store.facts import Trained
from tests.modeling.test_train import opened

__all__ = ["opened"]  # a fixture

TICKS = "tick,known,team\n" + "".join(f"{t},{t + 2},{'ab'[t % 2]}\n" for t in range(10))


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    path = tmp_path / "ticks.csv"
    path.write_text(TICKS, encoding="utf-8")
    return path


def run(file: Path, *options: str, time: str = "tick") -> Outcome:
    return perform(without_project(file.parent, perform), ["split", str(file), "--time", time, *options])


def document(outcome: Outcome) -> dict[str, Any]:
    assert outcome.exit == 0, outcome.error
    found: dict[str, Any] = json.loads(as_json(outcome.view, ()))
    return found


def test_folds_and_roles_are_the_ones_worked_by_hand(ticks: Path, tmp_path: Path) -> None:
    out = tmp_path / "folds.csv"
    rows = document(run(ticks, "--label-end", "known", "--folds", "2", "--out", str(out)))["tables"]["folds"]["rows"]
    wanted = ("fold", "train_rows", "test_rows", "purged", "embargoed", "overlap_count")
    assert [[row[name] for name in wanted] for row in rows] == [[1, 1, 3, 2, 0, 0], [2, 4, 4, 2, 0, 0]]
    with out.open(encoding="utf-8") as stream:
        roles = [(int(line["row"]), int(line["fold"]), line["role"]) for line in csv.DictReader(stream)]
    first, second = (["train", "purged", "purged", "test", "test", "test"],
                     ["train", "train", "train", "train", "purged", "purged", "test", "test", "test", "test"])
    assert roles == [(i, 1, role) for i, role in enumerate(first)] + [(i, 2, role) for i, role in enumerate(second)]


def test_an_embargo_makes_it_k_fold(ticks: Path) -> None:
    found = document(run(ticks, "--embargo", "2", "--folds", "2"))
    assert found["facts"]["scheme"] == "k-fold"
    assert [row["embargoed"] for row in found["tables"]["folds"]["rows"]] == [2, 0]


def test_stamps_take_durations_and_answer_in_stamps(tmp_path: Path) -> None:
    path, start = tmp_path / "hours.parquet", datetime(2013, 1, 1, tzinfo=UTC)
    duckdb.sql(f"COPY (SELECT TIMESTAMP '2013-01-01' + to_hours(i) AS at FROM range(240) t(i)) TO '{path}'")
    found = document(run(path, "--gap", "12h", "--folds", "3", time="at"))
    rows = found["tables"]["folds"]["rows"]
    assert [row["purged"] for row in rows] == [12, 12, 12]
    assert rows[0]["test_start"] == f"{start + timedelta(hours=60):%Y-%m-%dT%H:%M:%SZ}"
    assert rows[0]["train_end"] == f"{start + timedelta(hours=47):%Y-%m-%dT%H:%M:%SZ}"
    assert found["series"]["timeline"]["kind"] == "heat"


def test_a_group_stays_on_one_side(ticks: Path) -> None:
    outcome = run(ticks, "--group", "team", "--folds", "1")
    assert outcome.exit == 2
    assert outcome.error is not None
    assert "Fold 1 has no training rows left" in outcome.error["what"]  # both teams play in the test


def test_training_validation_and_test_are_the_ones_worked_by_hand(tmp_path: Path) -> None:
    """As in tests/analysis: labels take two ticks, gap 3; of 5 to 8 row 5 may be validated on, rows 0 and 1 train."""
    path, out = tmp_path / "ticks.csv", tmp_path / "sides.csv"
    path.write_text("tick,known\n" + "".join(f"{t},{t + 2}\n" for t in reversed(range(12))), encoding="utf-8")
    found = document(run(path, "--label-end", "known", "--test", "3", "--validation", "4", "--gap", "3", "--out",
                         str(out)))
    [row] = found["tables"]["folds"]["rows"]
    assert [row[name] for name in ("train_rows", "validation_rows", "test_rows", "purged", "overlap_count",
                                   "shared_groups")] == [2, 1, 3, 6, 0, 0]
    with out.open(encoding="utf-8") as stream:
        sides = {11 - int(line["row"]): line["role"] for line in csv.DictReader(stream)}  # the file is not in order
    assert [sides[tick] for tick in range(12)] == ["train"] * 2 + ["purged"] * 3 + ["validation"] + ["purged"] * 3 + [
        "test"] * 3
    assert found["series"]["timeline"]["title"].endswith("3 validation, 4 test")


def stamps(path: Path, *columns: str) -> Path:
    duckdb.sql(f"COPY (SELECT {', '.join(columns)} FROM range(40) t(i)) TO '{path}'")
    return path


def test_times_without_a_zone_are_read_as_utc_and_that_is_said(tmp_path: Path) -> None:
    naive = stamps(tmp_path / "naive.parquet", "TIMESTAMP '2013-01-01' + to_hours(i) AS at")
    zoned = stamps(tmp_path / "zoned.parquet", "TIMESTAMPTZ '2013-01-01 00:00:00-05' + to_hours(i) AS at")
    one, other = (document(run(path, "--folds", "2", time="at")) for path in (naive, zoned))
    assert one["facts"]["times"] == "times without a zone, read as UTC"
    assert other["facts"]["times"] == "times with a zone"
    first, second = (each["tables"]["folds"]["rows"][0]["test_start"] for each in (one, other))
    assert (first, second) == ("2013-01-01T13:00:00Z", "2013-01-01T18:00:00Z")


def test_a_time_with_a_zone_is_not_compared_with_one_without(tmp_path: Path) -> None:
    path = stamps(tmp_path / "mixed.parquet", "TIMESTAMP '2013-01-01' + to_hours(i) AS at",
                  "TIMESTAMPTZ '2013-01-01 00:00:00-05' + to_hours(i) AS known")
    outcome = run(path, "--label-end", "known", time="at")
    assert outcome.error is not None
    assert outcome.error["what"] == "'at' has no time zone and the other time has one, so they cannot be compared."
    assert outcome.exit == 2


def test_a_declared_model_shows_its_split_and_the_folds_of_tune(opened: Callable[..., Session], tmp_path: Path) -> None:
    session = opened()
    view = session.perform(("split", "delay", "--folds", "3")).view
    job = job_of(session, "delay")
    trained = _training.split(session, job, _training.rows(session, job), tmp_path)  # what `train` does
    rows = view.table("folds").rows
    assert [row["name"] for row in rows] == ["train", "tune 1", "tune 2", "tune 3"]
    assert (rows[0]["train_rows"], rows[0]["test_rows"], rows[0]["purged"]) == tuple(
        trained.detail[name] for name in ("train_rows", "test_rows", "purged"))
    assert all(row["overlap_count"] == 0 and int(str(row["purged"])) > 0 for row in rows)
    assert max(str(row["test_end"]) for row in rows[1:]) < str(rows[0]["test_start"])
    assert view.facts()["overlap_count"] == 0
    refused = session.perform(("split", "delay", "--gap", "3h"))
    assert refused.error is not None
    assert "--gap is of files" in refused.error["what"]
    looked = session.perform(("split", "delay", "--folds", "3", "--preview"))
    assert looked.error is not None
    assert "was never trained" in looked.error["what"]
    session.ledger.append(Trained(subject="delay", version="1", candidate="c", key="k", run_id="r", artifact="a",
                                  training=str(view.facts()["training"]), declaration="d", seed=1,
                                  window=("2013-01-01", "2013-02-01"), metrics={}))
    head = session.ledger.head_seq()
    looked = session.perform(("split", "delay", "--folds", "3", "--preview"))
    assert looked.view.table("folds") == view.table("folds")
    assert session.ledger.head_seq() == head


@pytest.mark.parametrize(("content", "options", "what"), [
    ("tick,team\n1,a\n2,\n3,b\n", ("--group", "team"), "1 rows have no 'team'"),
    (TICKS, ("--test", "3", "--folds", "2"), "With --test there is one split"),
    (TICKS, ("--validation", "3"), "A validation lies before a test"),
    (TICKS, ("--test", "0"), "The test span must be positive"),
    (TICKS, ("--test", "3", "--validation", "2", "--gap", "6"), "No validation rows are left"),
    (TICKS, ("--test", "3", "--validation", "soon"), "'soon' is no whole number"),
    ("tick\n1\n", ("--folds", "2"), "more distinct times than 1"),
    ("tick\n1\n\n3\n", (), "1 rows have no 'tick'"),
    ("tick\nsoon\nlate\n", (), "'tick' is no time: the column is VARCHAR"),
    ("tick\n1.5\n2\n", (), "must be times or whole numbers; seen: 1.5"),
    ("tick\n", (), "has columns but no rows"),
    ("tick,known\n3,5\n4,1\n", ("--label-end", "known"), "1 rows end before they start, the first is row 1"),
    ("tick,known\n1,2013-01-01\n2,2013-01-02\n", ("--label-end", "known"), "must both be times"),
    (TICKS, ("--gap", "12h"), "'12h' is no whole number"),
    (TICKS, ("--folds", "40"), "more distinct times than 10"),
    (TICKS, ("--scheme", "walk-forward", "--embargo", "1"), "An embargo holds back training rows after a test block"),
    (TICKS, ("--label-end", "knwon"), "No column 'knwon'"),
    (TICKS, ("--out", "roles.xlsx"), "'roles.xlsx' is not known to be"),
    ("tick\n2013-01-01\n2013-01-02\n", ("--gap", "soon", "--folds", "1"), "'soon' is not a duration"),
])
def test_what_cannot_be_split_is_refused(content: str, options: tuple[str, ...], what: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(content, encoding="utf-8")
    outcome = run(path, *options)
    assert outcome.exit == 2, outcome
    assert outcome.error is not None
    assert what in outcome.error["what"]
    assert outcome.error["where"] or outcome.error["next"]
