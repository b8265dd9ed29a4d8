"""Columns of files as arrays: types, nulls, order, and files that cannot be read or written."""

from pathlib import Path

import duckdb
import numpy as np
import pytest

from store.columns import read_columns, write_columns
from store.refusal import NotFound, Unreadable

ROWS = """SELECT i AS n, CASE WHEN i % 4 = 1 THEN NULL ELSE i / 2 END AS half, i % 2 = 0 AS even,
                 CASE WHEN i = 2 THEN NULL ELSE 'é' || i END AS word,
                 TIMESTAMP '1970-01-02' + to_hours(i) AS at, CAST(i AS DECIMAL(9, 2)) AS price
          FROM range(300000) t(i)"""


@pytest.fixture(params=["parquet", "csv", "json"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / f"rows.{request.param}"
    duckdb.connect().sql(f"COPY ({ROWS}) TO '{path}'")
    return path


def test_types_nulls_and_the_order_of_rows_are_kept(file: Path) -> None:
    read = read_columns(file, ["n", "half", "even", "word", "at", "price"], ["n", "word"])
    assert read.rows == 300_000
    n = np.arange(300_000)
    assert np.array_equal(read.columns["n"].values, n.astype(np.float64))
    assert np.array_equal(read.columns["half"].missing, n % 4 == 1)
    assert np.array_equal(read.columns["half"].values[n % 4 != 1], (n / 2)[n % 4 != 1])
    assert np.array_equal(read.columns["even"].values, n % 2 == 0)
    assert np.array_equal(read.columns["at"].values, (24 + n) * 3_600_000_000)
    assert np.array_equal(read.columns["price"].values, n)
    assert read.columns["word"].values[3] == "é3"
    assert read.columns["word"].missing.sum() == 1
    assert read.texts["n"][:2].tolist() == ["0", "1"]
    assert read.texts["word"][1:4].tolist() == ["é1", "(missing)", "é3"]


def test_a_column_that_is_not_there_is_named_with_its_nearest(file: Path) -> None:
    with pytest.raises(NotFound, match="No column 'evn'") as refused:
        read_columns(file, ["evn"])
    assert refused.value.next == "Did you mean 'even'?"
    with pytest.raises(NotFound, match="No column 'wrod'"):
        read_columns(file, ["n"], ["wrod"])


def test_a_file_that_is_not_there_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="No file"):
        read_columns(tmp_path / "rows.csv", ["n"])
    (tmp_path / "empty.csv").touch()
    with pytest.raises(Unreadable, match="empty"):
        read_columns(tmp_path / "empty.csv", ["n"])
    (tmp_path / "head.csv").write_text("n,m\n", encoding="utf-8")
    assert read_columns(tmp_path / "head.csv", ["n"]).rows == 0


@pytest.mark.parametrize("ending", ["parquet", "csv", "json"])
def test_what_was_written_is_read_back(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"out.{ending}"
    write_columns(path, {"row": np.arange(3), "role": np.array(["train", "test", "a 'b', \"c\""])})
    read = read_columns(path, ["row"], ["role"])
    assert read.columns["row"].values.tolist() == [0, 1, 2]
    assert read.texts["role"].tolist() == ["train", "test", "a 'b', \"c\""]
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="not known to be"):
        write_columns(tmp_path / "out.xlsx", {"row": np.arange(3)})
    with pytest.raises(Unreadable, match="There is no folder"):
        write_columns(tmp_path / "nowhere" / "out.csv", {"row": np.arange(3)})
    (tmp_path / "taken.csv").mkdir()
    with pytest.raises(Unreadable, match="cannot be written"):
        write_columns(tmp_path / "taken.csv", {"row": np.arange(3)})
    assert [each.name for each in tmp_path.iterdir()] == ["taken.csv"]
