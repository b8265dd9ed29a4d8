"""One request against its contract: any JSON is judged, and what is called repaired passes."""



from typing import Any

import duckdb
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui.declarations.datasetkeys import PAYLOAD_RULES, Payloads
from mlops_tui.logs.payload import Broken, Expected, broken_sql, check

FEATURES = (
    Expected("n", "integer", required=True, low=1, high=9), Expected("x", "number", above=0.0, below=1.0),
    Expected("c", "string", required=True, values=("JFK", "LGA")), Expected("b", "boolean"),
    Expected("s", "string", shortest=2, longest=5, pattern="^[a-z]+$"), Expected("t", "timestamp"),
    Expected("o", "object"))
GOOD = {"n": 3, "x": 0.5, "c": "JFK", "b": True, "s": "abc", "t": "2013-09-14T10:00:00Z", "o": {}}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=8)
NAMES = st.sampled_from(["n", "x", "c", "b", "s", "t", "o", "other"])
POLICY = st.sampled_from(["reject", "repair", "flag"])
DEFAULTS = {"n": 1, "x": 0.25, "c": "LGA", "b": False, "s": "ok", "t": "2013-09-14", "o": {}}


def rules(row: Any) -> list[tuple[str, str]]:
    return [(each.feature, each.rule) for each in check(row, FEATURES, strict=True).broken]


def test_each_rule_is_broken_by_its_own_fault() -> None:
    assert check(GOOD, FEATURES, strict=True).verdict == "pass"
    for change, wanted in (
            ({"n": None}, [("n", "missing")]), ({"n": 2.0}, []), ({"n": 2.5}, [("n", "type")]),
            ({"n": True}, [("n", "type")]), ({"n": "3"}, [("n", "type")]), ({"n": 0}, [("n", "range")]),
            ({"n": 10**1_000_000}, [("n", "range")]), ({"x": 0.0}, [("x", "range")]), ({"x": float("nan")}, []),
            ({"x": float("inf")}, [("x", "type")]), ({"c": "EWR"}, [("c", "category")]), ({"c": 1}, [("c", "type")]),
            ({"b": 1}, [("b", "type")]), ({"s": "a"}, [("s", "length")]), ({"s": "ABC"}, [("s", "pattern")]),
            ({"s": "a" * 10**7}, [("s", "length"), ("s", "pattern")]), ({"t": "noon"}, [("t", "type")]),
            ({"o": []}, [("o", "type")]), ({"z": 1}, [("z", "unknown")])):
        assert rules({**GOOD, **change}) == wanted, str(change)[:80]
    for row in (None, 3, "x", [GOOD]):
        assert check(row, FEATURES).verdict == "reject"


def test_what_the_policy_says_is_done() -> None:
    bad = {**GOOD, "n": 0}
    assert check(bad, FEATURES).verdict == "flag"
    assert check(bad, FEATURES, Payloads(policy="reject")).verdict == "reject"
    mended = check(bad, FEATURES, Payloads(policy="repair", defaults={"n": 7}))
    assert (mended.verdict, mended.row["n"], bad["n"]) == ("repair", 7, 0)
    assert mended.broken == (Broken("n", "range", "0"),)
    assert check(bad, FEATURES, Payloads(policy="repair")).verdict == "reject", "there is no default"
    assert check(bad, FEATURES, Payloads(policy="repair", defaults={"n": 99})).verdict == "reject", "nor a good one"
    assert check(bad, FEATURES, Payloads(policy="reject", rules={"range": "flag"})).verdict == "flag"


@settings(max_examples=120, deadline=None)
@given(JSON | st.dictionaries(NAMES, JSON), POLICY, st.dictionaries(st.sampled_from(PAYLOAD_RULES), POLICY),
       st.dictionaries(st.sampled_from(sorted(DEFAULTS)), st.none() | JSON), st.booleans())
def test_no_json_is_an_error_and_what_is_repaired_passes(row: Any, policy: Any, by_rule: Any, defaults: Any,
                                                         good: bool) -> None:
    declared = Payloads(policy=policy, rules=by_rule, defaults={**defaults, **(DEFAULTS if good else {})})
    before = repr(row)
    found = check(row, FEATURES, declared, strict=True)
    assert repr(row) == before, "the request itself is left as it was"
    if found.verdict == "repair":
        assert check(found.row, FEATURES, declared, strict=True).verdict == "pass"
    if isinstance(row, dict) and good and policy == "repair" and not by_rule:
        assert found.verdict in ("pass", "repair")


@settings(max_examples=12, deadline=None)
@given(st.lists(st.tuples(st.none() | st.integers(-3, 12), st.none() | st.floats(-1, 2),
                          st.none() | st.sampled_from(["JFK", "EWR", ""]),
                          st.none() | st.text("abA", max_size=7)), min_size=1, max_size=30))
def test_the_rules_in_sql_count_what_the_rules_in_python_find(rows: list[tuple[Any, ...]]) -> None:
    table = pa.table({name: pa.array([row[place] for row in rows], kind) for place, (name, kind) in enumerate(
        (("n", pa.int64()), ("x", pa.float64()), ("c", pa.string()), ("s", pa.string())))})
    columns = {"n": "BIGINT", "x": "DOUBLE", "c": "VARCHAR", "s": "VARCHAR"}
    asked = [each for each in FEATURES if each.name in columns]
    found = [broken for row in table.to_pylist() for broken in check(row, asked).broken]
    with duckdb.connect() as connection:
        connection.register("log", table)
        for each in asked:
            for rule, sql in broken_sql(each, columns[each.name]).items():
                [(count,)] = connection.execute(f"SELECT count_if(coalesce({sql}, false)) FROM log").fetchall()
                assert count == sum((one.feature, one.rule) == (each.name, rule) for one in found), (each.name, rule)


