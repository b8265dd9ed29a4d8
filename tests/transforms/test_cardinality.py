"""Bounded levels: the hash is the same in any process, collisions are as expected, indices are contiguous."""

import hashlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from mlops_tui.errors import BadInput
from mlops_tui.transforms import cardinality, frozen
from mlops_tui.transforms.cardinality import OTHER, Cardinality, bucket, size_of

HASHED = """
import duckdb
from mlops_tui.transforms.cardinality import bucket
texts = "(VALUES ('N14228'), ('Zürich'), ('')) t(x)"
print(duckdb.connect().execute(f"SELECT {bucket('x', 1000)} FROM {texts}").fetchall())
"""


def aircraft(n: int = 5000) -> duckdb.DuckDBPyConnection:
    draw = np.random.default_rng(0)
    tails = [f"N{each}" for each in np.minimum(draw.geometric(0.01, n), 999)]
    connection = duckdb.connect()
    connection.register("flights", pd.DataFrame({"id": range(n), "tail": [None, *tails[1:]]}))
    return connection


def applied(cursor: duckdb.DuckDBPyConnection, document: dict[str, Any], relation: str = "flights") -> pd.DataFrame:
    return cursor.sql(f"{cardinality.applied(cursor, relation, document)} ORDER BY id").to_arrow_table().to_pandas()


def test_the_hash_is_the_one_that_is_documented() -> None:
    for text in ("N14228", "Zürich", "", "1"):
        expected = int.from_bytes(hashlib.md5(text.encode(), usedforsecurity=False).digest()[8:], "little") % 977
        assert duckdb.execute(f"SELECT {bucket('?', 977)}", [text]).fetchall() == [(expected,)]


def test_the_hash_is_the_same_in_another_process() -> None:
    here = str(Path(__file__).parents[2])
    answers = {subprocess.run([sys.executable, "-c", HASHED], env={"PYTHONHASHSEED": seed, "PYTHONPATH": here},
                              check=True, capture_output=True, text=True).stdout for seed in ("1", "2")}
    assert answers == {"[(509,), (84,), (193,)]\n"}


def test_collisions_are_the_birthday_problems() -> None:
    """Of 20 columns of 600 levels in 1,000 buckets, the mean of colliding pairs is within 4 standard errors."""
    seen, expected = [], None
    for number in range(20):
        cursor = duckdb.connect()
        cursor.execute(f"CREATE TABLE t AS SELECT 'c{number} ' || i AS x FROM range(600) r(i)")
        document = cardinality.fit(cursor, "t", Cardinality(("x",), min_rows=2, buckets=1000))
        found = cardinality.collisions(cursor, "t", {"x": "VARCHAR"}, document["columns"][0])
        assert (found.hashed, found.rows_sharing) == (600, found.sharing)
        seen.append(found.pairs)
        expected = found.expected
    assert expected is not None
    assert np.mean(seen) == pytest.approx(expected.pairs, abs=4 * expected.pairs_sd / 20 ** 0.5)


def test_the_most_frequent_are_kept_and_the_rest_is_other() -> None:
    cursor = aircraft()
    document = cardinality.fit(cursor, "flights", Cardinality(("tail",), top=50))
    rows = applied(cursor, document)
    counts = rows["tail"].value_counts()
    assert set(document["columns"][0]["levels"]) >= set(counts[counts > counts.iloc[50]].index)
    assert set(rows["tail_level"].dropna()) == {*document["columns"][0]["levels"], OTHER}
    assert rows["tail_level"].isna().sum() == 1, "no value is not a level"


@pytest.mark.parametrize("how", [{"top": 30}, {"min_rows": 20}, {"min_rows": 20, "buckets": 64},
                                 {"top": 10, "buckets": 1}])
def test_indices_fit_an_embedding_of_the_size_that_is_told(how: dict[str, Any]) -> None:
    cursor = aircraft()
    document = cardinality.fit(cursor, "flights", Cardinality(("tail",), index=True, **how))
    each = document["columns"][0]
    cursor.execute("CREATE TABLE later AS SELECT id, tail FROM flights UNION ALL "
                   "SELECT 9000 + i, 'new' || i FROM range(500) r(i)")
    rows = applied(cursor, document, "later")
    index = rows["tail_index"].to_numpy()
    weights = np.zeros((size_of(each), 3))
    assert weights[index].shape == (5500, 3), "an index beyond the table would raise"
    assert index.min() == 0
    assert (rows["tail"].isna() == (index == 0)).all()
    kept = {level: place for place, level in enumerate(each["levels"], start=1)}
    known = rows[rows["tail"].isin(kept)]
    assert (known["tail"].map(kept) == known["tail_index"]).all()
    assert set(index) - set(range(len(kept) + 1)) <= set(range(len(kept) + 1, size_of(each)))
    assert index.max() == size_of(each) - 1


def test_the_map_does_not_depend_on_the_order_of_rows() -> None:
    cursor = aircraft()
    cursor.execute("CREATE TABLE other AS SELECT * FROM flights ORDER BY id DESC")
    one, two = (frozen.digest_of(cardinality.fit(cursor, each, Cardinality(("tail",), top=40))) for each in
                ("flights", "other"))
    assert one == two


def test_where_all_levels_are_kept_no_bucket_is_wasted() -> None:
    document = cardinality.fit(aircraft(), "flights", Cardinality(("tail",), buckets=64))
    assert size_of(document["columns"][0]) == document["columns"][0]["distinct"] + 2


def test_impossible_bounds_are_refused() -> None:
    with pytest.raises(BadInput, match="from 0"):
        Cardinality(("tail",), top=-1)
    cursor = aircraft(10)
    document = cardinality.fit(cursor, "flights", Cardinality(("tail",)))
    with pytest.raises(BadInput, match="already"):
        cardinality.applied(cursor, "(SELECT *, 1 AS tail_level FROM flights)", document)


def test_a_pipelines_step_bounds_levels() -> None:
    cursor = aircraft(100)
    made = cardinality.step(cursor, {"flights": "flights"}, {"columns": ["tail"], "top": 5, "keep": False})
    assert [column[0] for column in cursor.execute(made.sql).description or ()] == ["id", "tail_level"]
