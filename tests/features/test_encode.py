"""The command: out of fold, by map, and refused in-sample unless forced."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlops_tui.commands import Outcome, perform
from mlops_tui.session import Session, without_project
from mlops_tui.view import Status
from store.facts import Finding


def flights(folder: Path, n: int = 2000, seed: int = 0, name: str = "flights.parquet") -> Path:
    draw = np.random.default_rng(seed)
    dest = draw.integers(0, 50, n)
    table = pd.DataFrame({"id": np.arange(n), "dest": [f"[b]d{each}" for each in dest],
                          "noise": draw.integers(0, 1500, n).astype(str), "late": draw.random(n) < 0.1 + dest / 100})
    pq.write_table(pa.Table.from_pandas(table), folder / name)
    return folder / name


def ran(folder: Path, *words: object) -> Outcome:
    return perform(without_project(folder, perform), tuple(map(str, words)))


def fit(folder: Path, *more: object) -> Outcome:
    return ran(folder, "encode", "--file", flights(folder), "--target", "late", "--columns", "dest,noise", *more)


def test_a_file_is_encoded_out_of_fold_in_its_order_and_the_map_is_named_by_its_digest(tmp_path: Path) -> None:
    outcome = fit(tmp_path, "--out", tmp_path / "out.parquet", "--save", tmp_path / "map.json")
    assert (outcome.exit, outcome.view.status) == (0, Status.DONE)
    facts, out = outcome.view.facts(), pq.read_table(tmp_path / "out.parquet")
    assert facts["map"] == hashlib.sha256((tmp_path / "map.json").read_bytes()).hexdigest()
    assert out["id"].to_pylist() == list(range(2000))
    assert out.column_names == ["id", "dest", "noise", "late", "dest_encoded", "noise_encoded"]
    told = {row["column"]: row for row in outcome.view.table("columns").rows}
    assert told["noise"]["out_of_fold"] == pytest.approx(0.5, abs=0.05)
    assert told["noise"]["in_sample"] > 0.8  # type: ignore[operator]
    assert told["dest"]["out_of_fold"] > 0.6  # type: ignore[operator]


def test_the_rows_of_the_fit_are_refused_in_sample_unless_forced(tmp_path: Path) -> None:
    fit(tmp_path, "--save", tmp_path / "map.json")
    again = ("encode", "--file", tmp_path / "flights.parquet", "--map", tmp_path / "map.json")
    refused, forced = ran(tmp_path, *again), ran(tmp_path, *again, "--in-sample", "--out", tmp_path / "o.csv")
    assert refused.exit == 2
    assert "it knows their outcomes" in refused.error["what"]  # type: ignore[index]
    assert (forced.exit, forced.view.status) == (0, Status.WARN)
    assert (tmp_path / "o.csv").exists()
    assert fit(tmp_path, "--in-sample").view.status is Status.WARN


def test_later_rows_are_encoded_by_the_map_and_the_unseen_are_counted(tmp_path: Path) -> None:
    fit(tmp_path, "--save", tmp_path / "map.json")
    later = flights(tmp_path, 500, seed=9, name="later.parquet")
    outcome = ran(tmp_path, "encode", "--file", later, "--map", tmp_path / "map.json", "--out", tmp_path / "later.csv")
    rows = {row["column"]: row for row in outcome.view.table("columns").rows}
    frame, known = pd.read_parquet(later), set(pd.read_parquet(tmp_path / "flights.parquet")["noise"])
    unseen = ~frame["noise"].isin(known)
    assert rows["noise"]["unseen_rows"] == unseen.sum() > 0
    assert rows["noise"]["unseen_levels"] == frame["noise"][unseen].nunique()
    written = pd.read_csv(tmp_path / "later.csv")
    prior = json.loads((tmp_path / "map.json").read_text())["prior"][0]
    assert set(written["noise_encoded"][unseen.to_numpy()]) == {prior}


@pytest.mark.parametrize(("words", "said"), [
    (("--target", "late", "--columns", "dset"), "No column 'dset'"), (("--target", "late"), "Which columns"),
    (("--target", "late", "--columns", "dest", "--smoothing", "lots"), "neither auto nor"),
    (("--target", "late", "--columns", "dest", "--folds", "1"), "its own outcome"),
    (("--target", "late", "--columns", "dest", "--gap", "soon", "--time", "id"), "soon"),
    (("--map", "nothing.json"), "No file 'nothing.json'"),
    (("--target", "late", "--columns", "dest", "--out", "out.xls"), "is not known to be")])
def test_a_wrong_call_says_what_is_wrong(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    outcome = ran(tmp_path, "encode", "--file", flights(tmp_path), *words)
    assert outcome.exit == 2
    assert said in outcome.error["what"]  # type: ignore[index]


def test_a_map_that_is_none_is_refused(tmp_path: Path) -> None:
    file = flights(tmp_path)
    for text, said in (("{", "not JSON"), ("{}", "no frozen map"), ('{"kind": "scaling", "columns": []}', "'scaling'")):
        (tmp_path / "m.json").write_text(text)
        outcome = ran(tmp_path, "encode", "--file", file, "--map", tmp_path / "m.json")
        assert outcome.exit == 2
        assert said in outcome.error["what"]  # type: ignore[index]


@pytest.mark.parametrize("content", ["", "late,dest\n", "late,dest\n1,a\n1,b\n"])
def test_a_file_without_enough_in_it_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "f.csv").write_text(content)
    outcome = ran(tmp_path, "encode", "--file", tmp_path / "f.csv", "--target", "late", "--columns", "dest")
    assert outcome.exit == 2
    assert outcome.error["where"] or outcome.error["next"]  # type: ignore[index]


def test_a_declared_datasets_map_is_kept_in_the_lake_and_can_be_named_by_its_digest(
        session: Callable[..., Session]) -> None:
    opened = session()
    lake = opened.data()
    query = ("SELECT i AS id, 'd' || i % 7 AS day, i % 3 = 0 AS late, TIMESTAMPTZ '2013-01-01' AS sched_dep "
             "FROM range(600) t(i)")
    opened.commit(lake.write("flights", query, sort=("id",)))
    outcome = perform(opened, ("encode", "flights", "--target", "late", "--columns", "day"))
    assert outcome.exit == 0, outcome.error
    digest = str(outcome.view.facts()["map"])
    found = [entry.fact for entry in opened.ledger.entries("finding") if isinstance(entry.fact, Finding)]
    assert [(each.check, each.detail["map"]) for each in found] == [("encode", digest)]
    forced = perform(opened, ("encode", "flights", "--map", digest, "--in-sample"))
    assert forced.view.facts()["map"] == digest
    assert outcome.view.facts()["folds"] == "5 by id, seed 0"
