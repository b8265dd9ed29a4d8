"""Files that people bring: rows in their order, and a sentence about each way of being damaged."""

import gzip
from pathlib import Path

import duckdb
import pytest

from store.files import open_file, written_form
from store.refusal import NotFound, Unreadable


@pytest.fixture
def cursor() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def parquet(path: Path, query: str) -> Path:
    duckdb.connect().execute(f"COPY ({query}) TO '{path}' (FORMAT parquet)")
    return path


def numbered(cursor: duckdb.DuckDBPyConnection, path: Path) -> list[tuple[object, ...]]:
    file = open_file(cursor, path, "t")
    return cursor.execute(f"SELECT {file.row}, * FROM {file.relation} ORDER BY 1").fetchall()


def test_rows_are_numbered_in_the_order_of_the_file(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    made = parquet(tmp_path / "a.parquet", "SELECT 300000 - i AS x FROM range(300000) t(i)")
    assert [x for _, x in numbered(cursor, made)] == list(range(300000, 0, -1))
    (tmp_path / "a.csv").write_text("x\n3\n1\n2\n")
    assert numbered(cursor, tmp_path / "a.csv") == [(0, "3"), (1, "1"), (2, "2")]


def test_a_column_named_like_a_row_number_is_a_column(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    made = parquet(tmp_path / "a.parquet", "SELECT 9 AS file_row_number, 'x' AS filename UNION ALL SELECT 8, 'y'")
    assert numbered(cursor, made) == [(0, 9, "x"), (1, 8, "y")]


def test_the_values_of_csv_stay_texts(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('zip,note\n007,"a ""b""\nc"\n,\n')
    assert numbered(cursor, tmp_path / "a.csv") == [(0, "007", 'a "b"\nc'), (1, None, None)]
    (tmp_path / "c.csv").write_bytes(b'\xef\xbb\xbfa,"b,c"\r\n1,\r\n')
    assert numbered(cursor, tmp_path / "c.csv") == [(0, "1", None)]
    (tmp_path / "a.tsv").write_text("zip\tnote\n007\ta,b\n")
    assert numbered(cursor, tmp_path / "a.tsv") == [(0, "007", "a,b")]
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"x;y\n1;2\n"))
    assert numbered(cursor, tmp_path / "b.csv.gz") == [(0, "1", "2")]


def test_times_in_json_stay_texts_and_numbers_stay_numbers(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"n": 1, "t": "2013-01-01T00:00:00", "d": "2013-01-01"}\n{"n": 2.5}\n')
    assert numbered(cursor, tmp_path / "a.jsonl") == [(0, 1.0, "2013-01-01T00:00:00", "2013-01-01"),
                                                     (1, 2.5, None, None)]


def test_no_rows_are_no_damage(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,y\n")
    (tmp_path / "a.json").write_text("[]")
    assert (open_file(cursor, tmp_path / "a.csv", "t").rows, open_file(cursor, tmp_path / "a.json", "t").rows) == (0, 0)
    assert open_file(cursor, tmp_path / "a.json", "t").columns == {}


def test_a_missing_file_is_named_with_the_nearest(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "flights.csv").write_text("x\n1\n")
    with pytest.raises(NotFound, match=r"flihgts.csv.*Did you mean 'flights.csv'"):
        open_file(cursor, tmp_path / "flihgts.csv", "t")


@pytest.mark.parametrize(("name", "content", "said"), [
    ("a.csv", b"", "is empty"), ("a.parquet", b"PAR1", "end is missing"), ("a.parquet", b"x" * 100, "end is missing"),
    ("a.csv", b"a,b\n1,2\n1,2,3\n", r"has 3 fields; the header has 2.*a.csv:3"),
    ("a.csv", b"a,b\n1\n", r"has 1 fields; the header has 2.*a.csv:2"),
    ("a.csv", b"a,b\n" + b"1,2\n" * 50000 + b"1,2,3\n", "a.csv:50002"),
    ("a.csv", b"\n\na,b\n1,2\n", "names no columns"),
    ("a.csv", b'a,b\n"1,2\n3,4\n', "unterminated quote.*a.csv:2"), ("a.csv", b"a,a\n1,2\n", "Two columns .* 'a'"),
    ("a.csv.gz", b"PK", "no whole gzip"), ("a.csv", b"a\xff,b\n1,2\n", "names no columns in UTF-8"),
    ("a.csv", b"a,b\n1,2\n\xff\xfe,2\n", "Invalid unicode"), ("a.json", b'{"a": 1}\n{"a":', "Malformed JSON"),
    ("a.xlsx", b"PK", "Known endings: parquet"), ("a.csv", b"PAR1\x00\x01\x02\xff", "names no columns")])
def test_damage_is_said_in_a_sentence(cursor: duckdb.DuckDBPyConnection, tmp_path: Path, name: str, content: bytes,
                                      said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Unreadable, match=said) as problem:
        open_file(cursor, tmp_path / name, "t")
    assert name in problem.value.where
    assert problem.value.next


@pytest.mark.parametrize("kept", [10, 200, 2000])
def test_a_cut_off_parquet_file_is_named_however_much_is_left(cursor: duckdb.DuckDBPyConnection, tmp_path: Path,
                                                              kept: int) -> None:
    whole = parquet(tmp_path / "whole.parquet", "SELECT i, hash(i) AS h FROM range(5000) t(i)").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[:kept])
    with pytest.raises(Unreadable, match="its end is missing"):
        open_file(cursor, tmp_path / "a.parquet", "t")


def test_a_folder_is_no_file(cursor: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="is a folder"):
        open_file(cursor, tmp_path, "t")


def test_the_form_to_write_is_that_of_the_ending() -> None:
    assert [written_form(Path(name)) for name in ("a.PARQUET", "b.csv.gz", "c.ndjson")] == ["parquet", "csv", "json"]
