"""Whatever a name or a text holds, DuckDB reads it back as it was, and as nothing else."""

from collections.abc import Callable

import duckdb
from hypothesis import example, given
from hypothesis import strategies as st

from store.quoting import file_list, literal, quote

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))
NAME = TEXT.filter(bool)
HOSTILE = ['"', '""', "'", "a.b", "select", "x; DROP TABLE t --", "/* */", "\\", "\\'", "é\u202e", "a\nb", "%s", "$1",
           "?"]

connection = duckdb.connect()


def hostile(test: Callable[..., None]) -> Callable[..., None]:
    for name in HOSTILE:
        test = example(name)(test)
    return test


@hostile
@given(NAME)
def test_a_column_keeps_its_name(name: str) -> None:
    found = connection.sql(f"SELECT 7 AS {quote(name)}")
    assert (found.columns, found.fetchall()) == ([name], [(7,)])
    nested = f"SELECT t.{quote(name)} FROM (SELECT 7 AS {quote(name)}) t WHERE {quote(name)} = 7 ORDER BY {quote(name)}"
    assert connection.execute(nested).fetchall() == [(7,)]


@hostile
@given(NAME)
def test_a_table_keeps_its_name(name: str) -> None:
    connection.execute(f"CREATE OR REPLACE TEMP TABLE {quote(name)} AS SELECT 7 AS x")
    try:
        assert connection.execute(f"SELECT x FROM {quote(name)}").fetchall() == [(7,)]
    finally:
        connection.execute(f"DROP TABLE {quote(name)}")


@hostile
@given(TEXT)
def test_a_text_is_that_text(text: str) -> None:
    assert connection.execute(f"SELECT {literal(text)}").fetchall() == [(text,)]


@given(st.lists(TEXT))
def test_a_list_of_files_is_that_list(paths: list[str]) -> None:
    [(found,)] = connection.execute(f"SELECT {file_list(paths)}").fetchall()
    assert found == paths
