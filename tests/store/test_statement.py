"""What an SQL text reads and calls is found by DuckDB's own parser, with its line."""

import json
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from store.refusal import Unreadable
from store.statement import NOW, UNSTEADY, Named, Statement, compact, parsed, row_wise

CONNECTION = duckdb.connect()


def read(text: str) -> Statement:
    return parsed(text, "a.sql", CONNECTION)


def test_the_tables_are_found_wherever_they_stand() -> None:
    made = read("WITH q AS (SELECT * FROM a)\nSELECT *, (SELECT max(x) FROM b) FROM q JOIN \"c d\" USING (x)\n"
                "WHERE x IN (SELECT x FROM e) UNION ALL FROM main.f")
    assert {(each.name, each.line) for each in made.tables} == {("a", 1), ("b", 2), ("c d", 2), ("e", 3), ("main.f", 3)}


@pytest.mark.parametrize(("text", "tables"), [
    ("SELECT * FROM (WITH t AS (SELECT 1) FROM t) u, t", ["t"]),                       # out of its scope
    ("SELECT (WITH t AS (SELECT 1) FROM t) FROM 'x.parquet' WHERE EXISTS (WITH \"x.parquet\" AS (SELECT 1) SELECT 2)",
     ["x.parquet"]),
    ("WITH t AS (SELECT * FROM t) FROM t", ["t"]),                                     # its own is the given one
    ("WITH a AS (FROM b), b AS (SELECT 1) FROM a, b", ["b"]),                          # not yet defined
    ("WITH \"s.t\" AS (SELECT 1) FROM s.t", ["s.t"]),                                  # a table of a schema
    ("WITH RECURSIVE t AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM t WHERE x < 3) FROM t", []),
    ("WITH a AS (SELECT 1), b AS (FROM A) SELECT (SELECT max(x) FROM b) FROM B UNION ALL FROM a", []),
])
def test_a_name_that_a_with_defines_is_its_own_only_where_it_holds(text: str, tables: list[str]) -> None:
    assert [each.name for each in read(text).tables] == tables


def test_files_and_functions_to_read_from_are_found() -> None:
    made = read("SELECT * FROM read_csv('x.csv'), range(5), 'y.parquet', glob('*')")
    assert [each.name for each in made.sources] == ["read_csv", "range", "glob"]
    assert [each.name for each in made.tables] == ["y.parquet"]


def test_parameters_are_found() -> None:
    assert read("SELECT $radius * x FROM a WHERE y > $radius + $other").parameters == ("radius", "other")


@pytest.mark.parametrize("call", ["now()", "random()", "current_timestamp", "CURRENT_DATE", "uuid()", "today()",
                                  "localtimestamp", "nextval('s')", "get_current_time()", "age(x)",
                                  "reservoir_quantile(x, 0.5)"])
def test_what_answers_differently_each_time_is_found(call: str) -> None:
    [found] = read(f"SELECT 'é', x,\n  y FROM a WHERE x > 1\n  OR {call} IS NULL").unsteady
    assert found.line == 3
    assert found.name.removesuffix("()") == call.partition("(")[0].lower()


def test_a_sample_is_drawn_anew_each_time() -> None:
    assert read("SELECT * FROM a USING SAMPLE 10%").unsteady == (Named("a sample", 1),)
    assert read("SELECT * FROM a TABLESAMPLE reservoir(10)").unsteady != ()


def test_what_is_steady_is_let_through() -> None:
    assert read("SELECT age(a, b), sum(x) OVER (ORDER BY y), hash(z), error('no') FROM t").unsteady == ()
    assert read("SELECT 'now()' -- random()\nFROM t").unsteady == ()


def test_the_list_of_unsteady_functions_is_duckdbs() -> None:
    query = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
    theirs = {row[0] for row in duckdb.connect().execute(query).fetchall()} - {"error", "vector_type"}
    assert theirs <= UNSTEADY
    assert theirs | {"reservoir_quantile"} == UNSTEADY
    for word in NOW:
        assert duckdb.connect().execute(f"SELECT {word}").fetchall()


@pytest.mark.parametrize(("text", "said"), [
    ("SELECT 1;\nSELECT 2", "2 statements"), ("", "0 statements"), ("-- nothing", "0 statements"),
    ("INSERT INTO a VALUES (1)", "is not a SELECT"), ("COPY a TO 'x'", "is not a SELECT"),
    ("ATTACH 'x.db'", "is not a SELECT"), ("SELECT 1\nFROM a\nWHER x", r"cannot be parsed.*a\.sql:3")])
def test_anything_but_one_select_is_refused(text: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read(text)


# -- the text less what says nothing ----------------------------------------------------------------------------


def meant(text: str) -> Any:
    """What DuckDB's parser makes of the text, wherever in it that stands; None where it makes nothing of it."""

    def placeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: placeless(each) for key, each in value.items() if not key.startswith("query_location")}
        return [placeless(each) for each in value] if isinstance(value, list) else value

    found = json.loads(CONNECTION.execute("SELECT json_serialize_sql(?)", [text]).fetchall()[0][0])
    return None if found["error"] else placeless(found["statements"])


@pytest.mark.parametrize(("one", "other"), [
    ("SELECT a,\n  b -- both\nFROM t", "SELECT a, b FROM t"),
    ("-- why\nSELECT 1", "SELECT 1"),
    ("SELECT /* what */ 1", "SELECT  1"),
    ("SELECT 'it''s -- here'  AS x", "SELECT 'it''s -- here' AS x"),
])
def test_comments_and_gaps_are_left_out(one: str, other: str) -> None:
    assert compact(one) == compact(other)
    assert meant(one) == meant(other) is not None


@pytest.mark.parametrize(("one", "other"), [
    ("SELECT 'a  b'", "SELECT 'a b'"),
    ('SELECT "a  b" FROM t', 'SELECT "a b" FROM t'),
    ("SELECT '-- x'", "SELECT '-- y'"),
    ("SELECT 'a'\n'b'", "SELECT 'a' 'b'"),
    ("SELECT e'\\' -- x'", "SELECT e'\\' -- y'"),
    ("SELECT $$a  b$$", "SELECT $$a b$$"),
    ("SELECT /* /* */ ' */ 'a  b'", "SELECT /* /* */ ' */ 'a b'"),
    ("SELECT 1 -- 2\n + 3", "SELECT 1 -- 2 + 3"),
])
def test_what_says_something_else_stays_another_text(one: str, other: str) -> None:
    assert compact(one) != compact(other)


PIECES = st.sampled_from(["SELECT", "FROM", "t", "a", "1", ",", "(", ")", "+", "-", "--", "/*", "*/", "'", "''", '"',
                          " ", "  ", "\n", "\t", "e'", "$$", "\\", "x", "$p"])


@given(st.lists(PIECES, max_size=12).map("".join))
def test_what_is_left_means_what_the_text_meant(text: str) -> None:
    """DuckDB's parser is the referee, over whatever its pieces make."""
    whole = f"SELECT {text}"
    assert compact(compact(whole)) == compact(whole)
    if (wanted := meant(whole)) is not None:
        assert meant(compact(whole)) == wanted


@pytest.mark.parametrize(("text", "columns"), [
    ("SELECT a, b + 1 AS d FROM t WHERE c > 0", {"a", "b", "c"}),
    ("SELECT t.a, date_part('hour', timezone('UTC', b)) FROM t", {"a", "b"}),
    ("SELECT * FROM t", {"*"}),
    ("SELECT sum(a) FROM t", None),
    ("SELECT a FROM t GROUP BY a", None),
    ("SELECT a, lead(b) OVER (ORDER BY a) FROM t", None),
    ("SELECT a, rank() OVER (ORDER BY a) AS r FROM t QUALIFY r = 1", None),
    ("SELECT a FROM t JOIN u USING (a)", None),
    ("SELECT a FROM (SELECT a FROM t)", None),
    ("SELECT a, (SELECT max(b) FROM t) FROM t", None),
    ("SELECT a FROM t WHERE a IN (SELECT a FROM u)", None),
    ("SELECT DISTINCT a FROM t", None),
    ("SELECT a FROM t ORDER BY a LIMIT 1", None),
    ("SELECT a FROM t UNION ALL SELECT a FROM t", None),
    ("WITH u AS (SELECT count(*) AS n FROM t) SELECT n FROM u", None),
])
def test_whether_each_row_stands_for_itself(text: str, columns: set[str] | None) -> None:
    assert row_wise(text, duckdb.connect(":memory:")) == columns
