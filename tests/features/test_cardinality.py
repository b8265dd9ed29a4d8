"""The command: ids found, levels bounded, embeddings planned, collisions told."""

from pathlib import Path
from uuid import UUID

import numpy as np
import pandas as pd
import pytest

from mlops_tui.commands import Outcome, perform
from mlops_tui.session import without_project
from mlops_tui.view import Status


def ran(folder: Path, *words: object) -> Outcome:
    return perform(without_project(folder, perform), tuple(map(str, words)))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    n = 3000
    pd.DataFrame({"row": range(n), "event": [str(UUID(int=int(each))) for each in draw.integers(1, 1 << 62, n)],
                  "tail": [f"N{each}" for each in np.minimum(draw.geometric(0.005, n), 1500)],
                  "carrier": draw.choice(["AA", "B6", None], n)}).to_parquet(tmp_path / "f.parquet")
    return tmp_path / "f.parquet"


def test_ids_are_named_and_embeddings_planned(file: Path, tmp_path: Path) -> None:
    outcome = ran(tmp_path, "cardinality", "--file", file, "--columns", "row,event,tail,carrier", "--buckets", 64)
    rows = {str(row["column"]): row for row in outcome.view.table("embedding").rows}
    assert {name for name, row in rows.items() if row["id"]} == {"row", "event"}
    assert outcome.view.status is Status.WARN
    assert rows["row"]["reason"] == "yes: all distinct, in order of the rows"
    tail = rows["tail"]
    assert tail["indices"] == 1 + int(str(tail["kept"])) + 64
    assert tail["bytes_after"] == int(str(tail["indices"])) * int(str(tail["dimensions"])) * 4
    assert rows["carrier"]["nulls"] > 0  # type: ignore[operator]
    collided = {row["column"]: row for row in outcome.view.table("collisions").rows}
    assert abs(collided["tail"]["pairs"] - collided["tail"]["expected_pairs"]) < 5 * collided["tail"]["pairs_sd"]  # type: ignore[operator]


def test_later_rows_get_the_frozen_indices(file: Path, tmp_path: Path) -> None:
    ran(tmp_path, "cardinality", "--file", file, "--columns", "tail", "--top", 20, "--min-rows", 1, "--save",
        tmp_path / "m.json")
    pd.DataFrame({"tail": ["N1", "nobody", None]}).to_parquet(tmp_path / "later.parquet")
    outcome = ran(tmp_path, "cardinality", "--file", tmp_path / "later.parquet", "--map", tmp_path / "m.json", "--out",
                  tmp_path / "out.parquet")
    row = outcome.view.table("columns").rows[0]
    assert (row["null_rows"], row["other_rows"], row["indices"]) == (1, 1, 22)
    out = pd.read_parquet(tmp_path / "out.parquet")
    assert out["tail_index"].tolist()[1:] == [21, 0]
    assert 1 <= out["tail_index"][0] <= 20
    assert out["tail_level"].tolist()[:2] == ["N1", "(other)"]


def test_a_column_that_is_not_there_is_refused(file: Path, tmp_path: Path) -> None:
    outcome = ran(tmp_path, "cardinality", "--file", file, "--columns", "tial")
    assert outcome.exit == 2
    assert "Did you mean 'tail'" in outcome.error["next"]  # type: ignore[index]
