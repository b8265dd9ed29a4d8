"""Files read column by column: numbers, nulls and levels as they are, and errors that say what is wrong."""

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from store import scan
from store.refusal import NotFound, Refusal, Unreadable
from store.scan import Scan, engine, kind_of, scan_file


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    return engine()


def relation(connection: duckdb.DuckDBPyConnection, query: str) -> Scan:
    return Scan(connection, f"({query})", "a query")


def values(side: Scan, name: str) -> tuple[list[float], int]:
    batches = list(side.numbers(name))
    return [value for batch in batches for value in batch.values.tolist()], sum(batch.nulls for batch in batches)


@pytest.mark.parametrize(("type_", "kind"), [
    ("TINYINT", "numeric"), ("UHUGEINT", "numeric"), ("DECIMAL(18,3)", "numeric"), ("FLOAT", "numeric"),
    ("BOOLEAN", "boolean"), ("DATE", "time"), ("TIME", "time"), ("TIMESTAMP_NS", "time"), ("INTERVAL", "time"),
    ("TIMESTAMP WITH TIME ZONE", "time"), ("VARCHAR", "category"), ("ENUM('a', 'b')", "category"), ("UUID", "category"),
    ("BLOB", "category"), ("INTEGER[]", "category"), ("STRUCT(a INTEGER)", "category"), ("TIMESTAMP[3]", "category")])
def test_the_kind_follows_from_the_type(type_: str, kind: str) -> None:
    assert kind_of(type_) == kind


def test_nulls_are_left_out_and_nan_stays(connection: duckdb.DuckDBPyConnection) -> None:
    side = relation(connection, "SELECT unnest([1.5, NULL, 'nan'::DOUBLE, '-0'::DOUBLE, NULL, 'inf'::DOUBLE]) AS x")
    found, nulls = values(side, "x")
    assert nulls == side.nulls("x") == 2
    assert side.rows == 6
    assert repr(found) == "[1.5, nan, -0.0, inf]"


@pytest.mark.parametrize("type_", ["TINYINT", "UINTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL(9,2)",
                                   "DECIMAL(38,2)"])
def test_every_number_is_a_float(connection: duckdb.DuckDBPyConnection, type_: str) -> None:
    side = relation(connection, f"SELECT unnest([7, NULL, 100])::{type_} AS x")
    assert side.field("x").kind == "numeric"
    assert values(side, "x") == ([7.0, 100.0], 1)


def test_a_long_column_comes_in_order_and_in_batches(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    there = np.random.default_rng(1).normal(size=3 * scan.BATCH + 5)
    missing = np.random.default_rng(2).random(there.size) < 0.3
    pq.write_table(pa.table({"x": pa.array(there, mask=missing)}), tmp_path / "a.parquet", row_group_size=50_000)
    batches = list(scan_file(tmp_path / "a.parquet", connection).numbers("x"))
    assert len(batches) >= 3
    assert np.array_equal(np.concatenate([batch.values for batch in batches]), there[~missing])
    assert sum(batch.nulls for batch in batches) == missing.sum()


def test_levels_are_counted_exactly(connection: duckdb.DuckDBPyConnection) -> None:
    side = relation(connection, "SELECT unnest(['é[b]', NULL, 'x''y', 'é[b]', '']) AS \"a \"\"b\"\"\"")
    found = side.levels('a "b"')
    assert (dict(found.counts), found.nulls, found.bucketed) == ({"é[b]": 2, "x'y": 1, "": 1}, 1, False)


@pytest.mark.parametrize(("literal", "text"), [("true", "true"), ("{'a': 1}", "{'a': 1}"), ("[1, 2]", "[1, 2]"),
                                               ("DATE '2013-06-01'", "2013-06-01")])
def test_anything_has_levels_as_text(connection: duckdb.DuckDBPyConnection, literal: str, text: str) -> None:
    assert dict(relation(connection, f"SELECT {literal} AS x").levels("x").counts) == {text: 1}


def test_too_many_levels_are_counted_in_the_same_buckets_everywhere(connection: duckdb.DuckDBPyConnection,
                                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "LEVELS", 100)
    many = relation(connection, "SELECT nullif('id' || i, 'id3') AS x FROM range(500) t(i)").levels("x")
    few = relation(connection, "SELECT 'id' || i AS x FROM range(40) t(i)")
    assert (many.bucketed, many.nulls, sum(many.counts.values())) == (True, 1, 499)
    assert len(many.counts) <= scan.BUCKETS
    assert few.levels("x").bucketed is False
    again = few.levels("x", bucketed=True)
    assert sum(again.counts.values()) == 40
    assert all(many.counts[bucket] >= count for bucket, count in again.counts.items() if bucket in many.counts)
    assert len(again.counts.keys() & many.counts.keys()) >= len(again.counts) - 1
    exactly = relation(connection, "SELECT 'id' || i AS x FROM range(100) t(i)").levels("x")
    assert not exactly.bucketed


def test_csv_and_json_are_read_with_their_types(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "a.csv").write_text("n,flag,day,word\n1,true,2013-06-01,x\n,false,2013-06-02,\n3,true,2013-06-03,y\n")
    (tmp_path / "a.json").write_text('[{"n": 1, "word": "x"}, {"n": null, "word": "y"}]')
    (tmp_path / "a.tsv").write_text("n\tword\n1\tx,y\n2\tz\n")
    found = scan_file(tmp_path / "a.csv", connection)
    assert {name: field.kind for name, field in found.fields.items()} == {
        "n": "numeric", "flag": "boolean", "day": "time", "word": "category"}
    assert values(found, "n") == ([1.0, 3.0], 1)
    assert scan_file(tmp_path / "a.json", connection).rows == 2
    assert dict(scan_file(tmp_path / "a.tsv", connection).levels("word").counts) == {"x,y": 1, "z": 1}


def test_a_csv_is_what_its_first_line_says(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    """A guess would take the first line for data here, or another character for the delimiter."""
    (tmp_path / "words.csv").write_bytes(b"\xef\xbb\xbfa;b\nx,1;y\n\"z;\"\"q\"\"\";w\n")
    found = scan_file(tmp_path / "words.csv", connection)
    assert list(found.fields) == ["a", "b"]
    assert dict(found.levels("a").counts) == {"x,1": 1, 'z;"q"': 1}


def test_two_files_of_one_name_do_not_get_in_each_others_way(tmp_path: Path,
                                                             connection: duckdb.DuckDBPyConnection) -> None:
    sides = []
    for place in (1, 2):
        (tmp_path / str(place)).mkdir()
        (tmp_path / str(place) / "a.csv").write_text("x\n" + "5\n" * place)
        sides.append(scan_file(tmp_path / str(place) / "a.csv", connection))
    assert [side.rows for side in sides] == [1, 2]


def test_a_late_text_makes_a_csv_column_a_category(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "a.csv").write_text("x\n" + "1\n" * 30_000 + "n/a\n")
    assert scan_file(tmp_path / "a.csv", connection).field("x").kind == "category"


def test_names_with_quotes_and_brackets_are_names(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    path = tmp_path / "it's [1] ü.parquet"
    pq.write_table(pa.table({'say "hi"': [1, 2], "größe": ["a", "b"]}), path)
    found = scan_file(path, connection)
    assert list(found.fields) == ['say "hi"', "größe"]
    assert values(found, 'say "hi"') == ([1.0, 2.0], 0)


def test_a_header_alone_is_no_rows(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "a.csv").write_text("a,b\n")
    found = scan_file(tmp_path / "a.csv", connection)
    assert (list(found.fields), found.rows, values(found, "a")) == (["a", "b"], 0, ([], 0))


def refusal(path: Path, connection: duckdb.DuckDBPyConnection) -> Refusal:
    with pytest.raises(Refusal) as caught:
        scan_file(path, connection)
    return caught.value


def test_a_missing_file_is_named_with_its_nearest(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    (tmp_path / "july.parquet").write_text("x")
    found = refusal(tmp_path / "juli.parquet", connection)
    assert isinstance(found, NotFound)
    assert "july.parquet" in found.next
    assert isinstance(refusal(tmp_path / "no" / "such.csv", connection), NotFound)


@pytest.mark.parametrize(("name", "content", "words"), [
    ("empty.parquet", b"", "empty (0 bytes)"), ("empty.csv", b"", "empty (0 bytes)"),
    ("cut.parquet", b"PAR1 and then nothing", "no whole Parquet file"), ("tiny.parquet", b"PAR1", "no whole Parquet"),
    ("data.xlsx", b"x", "not known to be"), ("latin.csv", b"a,b\n1,\xff\xfe\n", "not utf-8"),
    ("ragged.csv", b"a,b\n1,2\n3,4,5\n6\n", "has 3 fields; the header has 2"),
    ("broken.json", b'[{"a": 1}, {"a"', "json"), ("nothing.json", b"[]", "no records"),
    ("twice.csv", b"a,a\n1,2\n", "named 'a'")])
def test_a_bad_file_says_what_is_wrong(tmp_path: Path, connection: duckdb.DuckDBPyConnection, name: str, content: bytes,
                                       words: str) -> None:
    (tmp_path / name).write_bytes(content)
    found = refusal(tmp_path / name, connection)
    assert isinstance(found, Unreadable)
    assert words in found.what
    assert found.where.startswith(str(tmp_path / name))


def test_a_folder_is_no_file(tmp_path: Path, connection: duckdb.DuckDBPyConnection) -> None:
    assert "folder" in refusal(tmp_path, connection).what


def test_damage_inside_a_parquet_file_is_found_when_it_is_read(tmp_path: Path,
                                                               connection: duckdb.DuckDBPyConnection) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"x": np.random.default_rng(1).normal(size=50_000)}), path, compression="zstd",
                   use_dictionary=False)
    whole = bytearray(path.read_bytes())
    whole[1000:60_000] = bytes(59_000)
    path.write_bytes(whole)
    side = scan_file(path, connection)
    with pytest.raises(Unreadable) as caught:
        list(side.numbers("x"))
    assert caught.value.where == str(path)


def test_a_missing_column_is_named_with_its_nearest(connection: duckdb.DuckDBPyConnection) -> None:
    side = relation(connection, "SELECT 1 AS dep_delay, 2 AS precip")
    for call in (side.levels, side.nulls, side.field, lambda name: list(side.numbers(name))):
        with pytest.raises(NotFound) as caught:
            call("dep_dely")
        assert caught.value.next == "Did you mean 'dep_delay'?"


def test_readers_of_one_connection_do_not_disturb_each_other(connection: duckdb.DuckDBPyConnection) -> None:
    side = relation(connection, f"SELECT i AS x FROM range({3 * scan.BATCH}) t(i)")
    first, second = side.numbers("x"), side.numbers("x")
    assert next(first).values[0] == next(second).values[0] == 0
    assert side.rows == sum(batch.values.size for batch in first) + scan.BATCH
