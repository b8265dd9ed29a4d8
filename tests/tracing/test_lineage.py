"""Column lineage equals graphs made by hand, and what really changes when a raw column does; the rest is unknown."""

from pathlib import Path

import duckdb
import pytest

from mlops_tui.errors import BadInput
from mlops_tui.tracing.lineage import lineage

SCHEMA = {"t": ["a", "b", "k"], "u": ["c", "k"], "Flights": ["Origin", "late"]}
FEATURES = Path(__file__).parents[2] / "templates" / "flights" / "features"
RAW = {"flights": ["flight_id", "sched_dep", "origin", "dest", "carrier", "departed_at", "dep_delay", "known_at",
                   "arr_delay", "late"],
       "weather": ["origin", "observed_at", "temp", "dewp", "wind_speed", "precip", "pressure", "visib"]}


def made_of(sql: str) -> dict[str, str]:
    """Each column with its raw columns, or a question mark where they are not all known."""
    return {each.column: " ".join(sorted(".".join(origin) for origin in each.sources)) + "?" * bool(each.unknown)
            for each in lineage(sql, SCHEMA).columns}


@pytest.mark.parametrize(("sql", "graph"), [
    ("SELECT a, b + k AS bk, 1 AS one FROM t", {"a": "t.a", "bk": "t.b t.k", "one": ""}),
    ("WITH x AS (SELECT a + b AS s, k FROM t), y AS (SELECT s * 2 AS d, k FROM x) SELECT d - k AS r FROM y",
     {"r": "t.a t.b t.k"}),
    ("SELECT sum(a) OVER (PARTITION BY k ORDER BY b) AS s FROM t", {"s": "t.a t.b t.k"}),
    ("SELECT sum(sum(a)) OVER w AS s FROM t GROUP BY k WINDOW w AS (PARTITION BY k ORDER BY max(b))",
     {"s": "t.a t.b t.k"}),
    ("SELECT a AS x FROM t UNION ALL SELECT c FROM u", {"x": "t.a u.c"}),
    ("SELECT a, b FROM t UNION ALL BY NAME SELECT c AS b FROM u", {"a": "t.a", "b": "t.b u.c"}),
    ("SELECT x FROM (SELECT a AS x FROM t UNION SELECT b FROM t UNION SELECT c FROM u)", {"x": "t.a t.b u.c"}),
    ("SELECT z.m FROM (SELECT max(a) AS m FROM (SELECT a FROM t WHERE b > 0) i) z", {"m": "t.a"}),
    ("SELECT * FROM t", {"a": "t.a", "b": "t.b", "k": "t.k"}),
    ("SELECT * EXCLUDE (b) REPLACE (a + b AS a) FROM t", {"a": "t.a t.b", "k": "t.k"}),
    ("SELECT * FROM t JOIN u USING (k)", {"a": "t.a", "b": "t.b", "k": "t.k u.k", "c": "u.c"}),
    ("SELECT k, c FROM t FULL JOIN u USING (k)", {"k": "t.k u.k", "c": "u.c"}),
    ("SELECT CASE WHEN a > 0 THEN b ELSE c END AS v FROM t JOIN u ON t.k = u.k", {"v": "t.a t.b u.c"}),
    ("SELECT b AS a, a AS b FROM t", {"a": "t.b", "b": "t.a"}),
    ("SELECT a + 1 AS b, b * 2 AS twice FROM t", {"b": "t.a", "twice": "t.b"}),  # the table's column goes first
    ("SELECT a + 1 AS z, z * 2 AS twice FROM t", {"z": "t.a", "twice": "t.a"}),  # unless there is none
    ("WITH t AS (SELECT c AS a FROM u) SELECT a FROM t", {"a": "u.c"}),  # the nearest of the name
    ("WITH t AS (SELECT a + b AS a FROM t) SELECT a FROM t", {"a": "t.a t.b"}),
    ("SELECT x.a, y.a AS other FROM t x, (SELECT k AS a FROM t) y", {"a": "t.a", "other": "t.k"}),
    ("SELECT (SELECT max(c) FROM u WHERE u.k = t.k) AS m FROM t", {"m": "u.c"}),
    ("SELECT count(*) AS n, count(a) AS na FROM t", {"n": "t.*", "na": "t.a"}),
    ("SELECT n FROM (SELECT k, count(*) AS n FROM (SELECT * FROM t) GROUP BY k)", {"n": "t.*"}),
    ("WITH RECURSIVE r AS (SELECT a, b FROM t UNION ALL SELECT b, a + 1 FROM r) SELECT a, b FROM r",
     {"a": "t.a t.b", "b": "t.a t.b"}),
    ("SELECT v FROM t, unnest([a, b]) AS q(v)", {"v": "t.a t.b"}),
    ("SELECT l.z FROM t, LATERAL (SELECT a + 1 AS z) l", {"z": "t.a"}),
    ("SELECT s.a AS v FROM (SELECT {'a': b} AS s FROM t)", {"v": "t.b"}),
    ("SELECT list_transform([1], x -> x + a) AS v FROM t", {"v": "t.a"}),
    ("SELECT t.a, u.c FROM t ASOF JOIN u ON t.k = u.k AND t.a >= u.c", {"a": "t.a", "c": "u.c"}),
    ("SELECT ORIGIN, max(late) AS l FROM flights GROUP BY ALL", {"ORIGIN": "Flights.Origin", "l": "Flights.late"}),
    ("FROM t SELECT a", {"a": "t.a"}),
    ("SELECT q FROM elsewhere", {"q": "elsewhere.q"}),
])
def test_it_equals_a_graph_made_by_hand(sql: str, graph: dict[str, str]) -> None:
    assert made_of(sql) == graph


@pytest.mark.parametrize(("sql", "why"), [
    ("SELECT * FROM elsewhere", "columns are not known"),
    ("SELECT COLUMNS('a|b') FROM t", "columns are not known"),
    ("SELECT k FROM t, u", "more than one source"),
    ("SELECT nope FROM t", "no source"),
    ("SELECT t.nope FROM t", "Unknown column: nope"),
    ("SELECT q FROM elsewhere, nowhere", "more than one source"),
    ("SELECT (SELECT q FROM elsewhere) AS q FROM t", "missing source schemas"),  # of elsewhere, or of what is around it
    ("SELECT t FROM t", "whole row"),
    ("SELECT x.a FROM read_csv('f.csv') x", "function"),
    ("PIVOT t ON k USING sum(a)", "not followed"),
    ("SELECT p.one FROM t PIVOT (sum(a) FOR k IN (1 AS one)) p", ""),
])
def test_what_cannot_be_told_is_unknown_and_nothing_is_made_up(sql: str, why: str) -> None:
    [column] = lineage(sql, SCHEMA).columns
    assert column.unknown
    assert column.sources == ()
    assert any(why in said for said in column.unknown), column.unknown


def test_what_decides_about_rows_is_told_apart() -> None:
    found = lineage("SELECT max(a) AS m FROM t JOIN u USING (k) WHERE c > 1 GROUP BY b HAVING min(a) > 0", SCHEMA)
    assert found.columns[0].sources == (("t", "a"),)
    assert set(found.rows) == {("t", "a"), ("t", "b"), ("t", "k"), ("u", "c"), ("u", "k")}


def test_the_graph_goes_step_by_step() -> None:
    found = lineage("WITH x AS (SELECT a + b AS s FROM t) SELECT s * 2 AS d FROM x", SCHEMA, "view")
    assert set(found.edges) == {("t.a", "x.s"), ("t.b", "x.s"), ("x.s", "view.d")}


def test_a_comment_behind_a_column_is_its_text() -> None:
    found = lineage("SELECT a, -- the first\n b + 1 AS c -- one more\nFROM t", SCHEMA)
    assert [(each.comment, each.expression, each.copied) for each in found.columns] == [
        ("the first", "a", True), ("one more", "b + 1", False)]


@pytest.mark.parametrize("sql", ["", "SELECT", "SELECT 1; SELECT 2", "DROP TABLE t", "x = = y"])
def test_what_is_no_single_query_is_refused(sql: str) -> None:
    with pytest.raises(BadInput):
        lineage(sql, SCHEMA)


def test_the_shipped_features_reach_the_raw_columns() -> None:
    found = lineage((FEATURES / "airport_delays.sql").read_text(encoding="utf-8"), RAW)
    sources = {each.column: {column for _, column in each.sources} for each in found.columns}
    assert not [each for each in found.columns if each.unknown]
    assert sources["arr_delay_3h"] >= {"arr_delay", "known_at", "origin"}
    assert "dep_delay" not in sources["arr_delay_3h"]
    assert sources["dep_delay_1h"] >= {"dep_delay", "departed_at", "sched_dep"}


# -- the referee: what really changes --------------------------------------------------------------------------------

REFEREED = [
    "SELECT a, b + k AS bk FROM t ORDER BY ALL",
    "WITH x AS (SELECT a + b AS s, k FROM t) SELECT k, sum(s) AS s FROM x GROUP BY k",
    "SELECT CASE WHEN a > 5 THEN b ELSE c END AS v, k FROM t JOIN u USING (k)",
    "SELECT a, sum(b) OVER (PARTITION BY k ORDER BY a) AS s FROM t",
    "SELECT k, max(a) AS m FROM t WHERE b > 3 GROUP BY k HAVING count(*) > 1",
    "SELECT a AS x FROM t UNION SELECT c FROM u",
    "SELECT k, (SELECT max(c) FROM u WHERE u.k = t.k AND c < a) AS m FROM t",
    "SELECT DISTINCT k, a % 2 AS odd FROM t QUALIFY row_number() OVER (PARTITION BY k ORDER BY b) = 1",
    "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.k AND c > b)",
    "SELECT k, a FROM t ORDER BY b, a LIMIT 5",
    "SELECT x.k, y.n FROM t x LEFT JOIN (SELECT c AS k, count(*) AS n FROM u GROUP BY ALL) y ON x.a = y.k"]


def _answer(sql: str, moved: tuple[str, str] | None) -> dict[str, list]:
    """The columns of the answer as sorted values, after one raw column was filled with other values."""
    connection = duckdb.connect(":memory:")
    for table, columns in (("t", {"a": 30, "b": 20, "k": 4}), ("u", {"c": 30, "k": 4})):
        shown = ", ".join(f"CAST(hash(i * {31 + number} + {97 * ((table, column) == moved)}) % {size} AS INTEGER) AS "
                          f"{column}" for number, (column, size) in enumerate(columns.items()))
        connection.execute(f"CREATE TABLE {table} AS SELECT {shown} FROM range(40) r(i)")
    found = connection.execute(sql)
    names = [each[0] for each in found.description]
    rows = found.fetchall()
    connection.close()
    return {name: sorted((row[number] for row in rows), key=str) for number, name in enumerate(names)}


@pytest.mark.parametrize("sql", REFEREED)
def test_nothing_changes_an_answer_that_its_lineage_does_not_name(sql: str) -> None:
    found, before = lineage(sql, SCHEMA), _answer(sql, None)
    moves = 0
    for moved in (("t", "a"), ("t", "b"), ("t", "k"), ("u", "c"), ("u", "k")):
        after = _answer(sql, moved)
        for each in found.columns:
            if after[each.column] != before[each.column]:
                moves += 1
                assert moved in (*each.sources, *found.rows), f"{moved} moves {each.column}"
    assert moves, "the referee saw nothing"
