"""The description of a file: right figures for every type, and nothing that is not a number."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_tui.commands import Outcome, perform
from mlops_tui.data import profile as module
from mlops_tui.render.json import as_json
from mlops_tui.roles import Actor
from mlops_tui.session import Session, without_project
from mlops_tui.view import Status

IDS = ("column", "type", "rows", "nulls", "distinct", "min", "max", "mean", "std", "p05", "p50", "p95", "top")


def profile(path: Path) -> Outcome:
    return perform(without_project(path.parent, perform), ("profile", str(path)))


def rows(outcome: Outcome) -> dict[str, Mapping[str, Any]]:
    assert outcome.error is None, outcome.error
    return {str(row["column"]): row for row in outcome.view.table("columns").rows}


def described(folder: Path, **columns: Any) -> dict[str, Mapping[str, Any]]:
    pq.write_table(pa.table(columns), folder / "a.parquet")
    return rows(profile(folder / "a.parquet"))


def test_numbers_are_numpys(tmp_path: Path) -> None:
    values = np.random.default_rng(1).lognormal(3, 2, 150_000)
    missing = np.random.default_rng(2).random(values.size) < 0.1
    row, there = described(tmp_path, x=pa.array(values, mask=missing))["x"], values[~missing]
    assert (row["rows"], row["nulls"], row["distinct"]) == (values.size, missing.sum(), np.unique(there).size)
    assert (row["min"], row["max"], row["top"]) == (there.min(), there.max(), None)
    assert [row[name] for name in ("mean", "std", "p05", "p50", "p95")] == pytest.approx(
        [there.mean(), there.std(ddof=1), *np.quantile(there, [0.05, 0.5, 0.95])], rel=1e-12)


def test_every_row_has_every_id_and_json_has_no_nan(tmp_path: Path) -> None:
    pq.write_table(pa.table({"x": [1.5, math.nan, None], "i": [7, 7, 9], "w": ["b", "a", "b"], "t": [True, None, False],
                             "inf": [math.inf, -math.inf, 1.0], "none": pa.nulls(3)}), tmp_path / "a.parquet")
    found = profile(tmp_path / "a.parquet")
    document = json.loads(as_json(found.view, ("profile",)))
    table = document["tables"]["columns"]["rows"]
    assert [row["column"] for row in table] == ["x", "i", "w", "t", "inf", "none"]
    assert all(set(IDS) <= set(row) for row in table)
    assert (found.view.status, found.exit, document["facts"]["rows"]) == (Status.DONE, 0, 3)


def test_whole_numbers_stay_whole(tmp_path: Path) -> None:
    row = described(tmp_path, x=pa.array([3, 3, 5, None], pa.int16()))["x"]
    assert [repr(row[name]) for name in ("min", "max", "top", "p50")] == ["3", "5", "3", "3.0"]
    assert (row["top_rows"], row["type"]) == (2, "SMALLINT")


def test_words_and_truth_values(tmp_path: Path) -> None:
    found = described(tmp_path, w=["ü", "[b]", None, "ü"], alone=["a", "b", "c", "d"], t=[True, True, None, False])
    assert [found["w"][name] for name in ("nulls", "distinct", "min", "max", "top", "top_rows", "mean")] == [
        1, 2, "[b]", "ü", "ü", 2, None]
    assert found["alone"]["top"] is None
    assert [found["t"][name] for name in ("nulls", "distinct", "top")] == [1, 2, "true"]
    assert found["t"]["mean"] == pytest.approx(2 / 3)


def test_times_are_dates_in_iso_or_moments(tmp_path: Path) -> None:
    moments = [datetime(2013, 6, day, 12, tzinfo=UTC) for day in (1, 2, 2, 9)]
    found = described(tmp_path, aware=moments, naive=[each.replace(tzinfo=None) for each in moments],
                      day=[each.date() for each in moments], at=[each.time() for each in moments])
    assert (found["aware"]["min"], found["aware"]["top"], found["aware"]["distinct"]) == (moments[0], moments[1], 3)
    assert (found["naive"]["min"], found["naive"]["p95"]) == ("2013-06-01T12:00:00", "2013-06-09T12:00:00")
    assert (found["day"]["max"], found["day"]["top_rows"]) == ("2013-06-09", 2)
    assert found["at"]["top"] == "12:00:00"


def test_nothing_is_said_to_be_nothing(tmp_path: Path) -> None:
    found = described(tmp_path, x=pa.nulls(3, pa.float64()), w=pa.nulls(3, pa.string()), d=pa.nulls(3, pa.date32()))
    for row in found.values():
        assert (row["nulls"], row["distinct"], row["reason"]) == (3, 0, "no values")
        assert {row[name] for name in ("min", "max", "mean", "std", "p50", "top")} == {None}


def test_infinities_and_nan_have_no_mean_and_say_why(tmp_path: Path) -> None:
    row = described(tmp_path, x=[math.inf, 1.0, 2.0, math.nan])["x"]
    assert (row["mean"], row["std"], row["max"], row["min"]) == (None, None, None, 1.0)
    assert (row["nulls"], row["nans"], row["distinct"]) == (0, 1, 3)
    assert "infinite" in row["reason"]


def test_a_column_too_long_to_hold_is_described_within_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SORTED", 1000)
    values = np.random.default_rng(1).normal(size=50_000)
    found = described(tmp_path, x=values, k=np.arange(50_000) % 7)
    exact = np.quantile(values, 0.95)
    assert found["x"]["p95_low"] <= exact <= found["x"]["p95_high"]
    assert found["x"]["p95_high"] - found["x"]["p95_low"] < 0.02
    assert found["x"]["distinct"] == pytest.approx(50_000, rel=0.1)
    assert found["x"]["mean"] == pytest.approx(values.mean(), rel=1e-12)
    assert "estimated" in found["x"]["reason"]
    assert (found["k"]["distinct"], found["k"]["p50"]) == (7, 3.0)


def test_more_words_than_are_counted_are_still_counted_as_different(tmp_path: Path,
                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.scan.LEVELS", 5000)
    row = described(tmp_path, w=[f"id{i}" for i in range(6000)])["w"]
    assert (row["distinct"], row["top"], row["reason"]) == (6000, None, "too many values to count each")


def test_csv_and_json_are_described_alike(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,w\n1,a\n2,b\n2,b\n")
    (tmp_path / "a.json").write_text('[{"x": 1, "w": "a"}, {"x": 2, "w": "b"}, {"x": 2, "w": "b"}]')
    csv, json_ = rows(profile(tmp_path / "a.csv")), rows(profile(tmp_path / "a.json"))
    assert csv == json_
    assert (csv["x"]["top"], csv["w"]["top"]) == (2, "b")


@pytest.mark.parametrize(("name", "content", "words"), [
    ("cut.parquet", b"PAR1 and no end", "no whole Parquet"), ("header.csv", b"a,b\n", "columns but no rows"),
    ("gone.csv", None, "No file")])
def test_a_bad_file_is_refused_by_name(tmp_path: Path, name: str, content: bytes | None, words: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    found = profile(tmp_path / name)
    assert (found.exit, found.view.status) == (2, Status.ERROR)
    assert found.error is not None
    assert words in found.error["what"]
    assert found.error["where"]


def test_a_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = profile(Path())
    assert found.error is not None
    assert found.error["what"] == "'.' is a folder."


def test_slack_may_not_read_files(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\n1\n")
    session = without_project(tmp_path, perform)
    asked = session.acting_as(Actor("ana", session.actor.roles, "slack"))
    assert perform(asked, ("profile", str(tmp_path / "a.csv"))).exit == 4


def test_a_declared_dataset_is_described_from_anywhere(session: Callable[..., Session]) -> None:
    asked = session()
    asked.commit(asked.data().write("flights", "SELECT i AS id, '2013-09-01' AS day FROM range(40) t(i)",
                                    partition_by=("day",)))
    snapshot = asked.current("flights")
    assert snapshot is not None
    for subject in ("flights", "dataset/flights", f"flights@{snapshot.id[:12]}"):
        found = rows(perform(asked.acting_as(replace(asked.actor, source="slack")), ("profile", subject)))
        assert (found["id"]["rows"], found["id"]["max"]) == (40, 39)
