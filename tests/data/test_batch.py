"""Rules of every kind against a referee that looks at one row after the other: nulls, NaN, infinities, some files."""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops_tui.data import _batch, _repeats, _values
from mlops_tui.data._batch import alone, opened
from mlops_tui.declarations import declare
from mlops_tui.declarations.odcs import Contract
from mlops_tui.quality.rowrules import AT, key_alias
from mlops_tui.session import Session

CONTRACT = """\
kind: DataContract
apiVersion: v3.1.0
id: t
version: 1.0.0
status: active
schema:
  - name: t
    properties:
      - {name: n, logicalType: number, logicalTypeOptions: {minimum: -2, exclusiveMaximum: 3, multipleOf: 0.5}}
      - {name: m, logicalType: number, required: true, logicalTypeOptions: {exclusiveMinimum: -1, maximum: 2}}
      - {name: i, logicalType: integer, unique: true, logicalTypeOptions: {format: i8}}
      - name: s
        logicalTypeOptions: {pattern: "^[ab]*$", minLength: 1, maxLength: 2}
        quality:
          - {metric: invalidValues, mustBe: 0, arguments: {validValues: [a, b, ab, "?"]}}
          - {metric: missingValues, mustBe: 0, arguments: {missingValues: [null, "?"]}}
          - {metric: nullValues, mustBeLessOrEqualTo: 50, unit: percent}
      - {name: d, logicalType: date, logicalTypeOptions: {minimum: 2020-01-02, maximum: "2020-01-04"}}
      - {name: l, logicalType: array, logicalTypeOptions: {minItems: 1, maxItems: 2, uniqueItems: true}}
    quality:
      - {metric: duplicateValues, mustBe: 0, arguments: {properties: [s, d]}}
      - {metric: rowCount, mustBeBetween: [2, 30]}
      - {type: sql, name: apart, mustBe: 0, query: "SELECT COUNT(*) FROM t WHERE n > m"}
"""
TYPES = {"n": pa.float64(), "m": pa.float64(), "i": pa.int64(), "s": pa.string(), "d": pa.date32(),
         "l": pa.list_(pa.int64())}
NUMBER = st.one_of(st.none(), st.sampled_from([-2.0, -1.0, -0.25, 0.0, -0.0, 0.5, 1.3, 2.0, 2.5, 3.0, math.inf,
                                               -math.inf, math.nan]))
ROW = st.tuples(NUMBER, NUMBER, st.one_of(st.none(), st.sampled_from([-129, -128, 0, 1, 2, 127, 128])),
                st.one_of(st.none(), st.sampled_from(["", "a", "b", "ab", "ba", "aba", "c", "?"])),
                st.one_of(st.none(), st.sampled_from([date(2020, 1, day) for day in (1, 2, 4, 5)])),
                st.one_of(st.none(), st.lists(st.one_of(st.none(), st.integers(0, 1)), max_size=3)))
FILES = st.lists(st.lists(ROW, max_size=8), min_size=1, max_size=3)
Row = dict[str, Any]
CONNECTION = alone()


def broken_by(row: Row) -> Iterator[str]:
    """What a row breaks that can be said of it alone."""
    n, m = (None if row[name] is None or math.isnan(row[name]) else row[name] for name in ("n", "m"))
    i, s, d, items = row["i"], row["s"], row["d"], row["l"]
    says: dict[str, bool | None] = {
        "n:minimum": n is not None and n < -2, "n:exclusive_maximum": n is not None and n >= 3,
        "n:multiple_of": n is not None and (not math.isfinite(n) or n % 0.5 != 0),
        "m:required": m is None, "m:exclusive_minimum": m is not None and m <= -1, "m:maximum": m is not None and m > 2,
        "i:format": i is not None and not -128 <= i <= 127,
        "s:pattern": s is not None and bool(set(s) - set("ab")), "s:min_length": s is not None and len(s) < 1,
        "s:max_length": s is not None and len(s) > 2, "s:valid_values": s not in (None, "a", "b", "ab", "?"),
        "s:missing_values": s in (None, "?"), "s:required": s is None,
        "d:minimum": d is not None and d < date(2020, 1, 2), "d:maximum": d is not None and d > date(2020, 1, 4),
        "l:min_items": items is not None and len(items) < 1, "l:max_items": items is not None and len(items) > 2,
        "l:unique_items": items is not None and len(known := [each for each in items if each is not None])
        > len(set(known)), "t:apart": n is not None and m is not None and n > m}
    yield from (rule for rule, broken in says.items() if broken)


def truth(files: Sequence[Sequence[Row]]) -> dict[tuple[int, int], set[str]]:
    """Every row that breaks something, by its file and place."""
    found, keys, pairs = dict[tuple[int, int], set[str]](), set[int](), set[tuple[str, date]]()
    for number, rows in enumerate(files):
        for place, row in enumerate(rows):
            broken = set(broken_by(row))
            broken |= {"i:unique"} if row["i"] in keys else set()
            broken |= {"s,d:unique"} if (row["s"], row["d"]) in pairs else set()
            keys |= {row["i"]} - {None}
            pairs |= {(row["s"], row["d"])} if row["s"] is not None and row["d"] is not None else set()
            found[number, place] = broken
    return found


@pytest.mark.parametrize("few", [0, 20_000], ids=["as many rows", "as few rows"])
@settings(max_examples=40, deadline=None)
@given(files=FILES)
def test_every_rule_finds_what_the_referee_finds(tmp_path_factory: pytest.TempPathFactory, few: int,
                                                 files: list[list[tuple[Any, ...]]]) -> None:
    folder = tmp_path_factory.mktemp("files")
    given = [[dict(zip(TYPES, row, strict=True)) for row in rows] for rows in files]
    paths = []
    for number, rows in enumerate(given):
        paths.append(folder / f"{number}.parquet")
        pq.write_table(pa.table({name: pa.array([row[name] for row in rows], kind) for name, kind in TYPES.items()}),
                       paths[-1])
    with pytest.MonkeyPatch.context() as patch:
        for module in (_batch, _repeats):
            patch.setattr(module, "FEW", few)
        patch.setattr(_values, "BROKEN", 2)
        expect_the_truth(paths, given)


def expect_the_truth(paths: list[Path], given: list[list[Row]]) -> None:
    wanted, total = truth(given), sum(map(len, given))
    batch = opened(session(), declare.parse(Contract, CONTRACT, "c.yaml"), Path("c.yaml"), paths, CONNECTION.cursor())
    assert batch.rules.unchecked == ()
    judged = batch.judged(lambda rule: not rule.warns)
    nulls = sum("s:required" in broken for broken in wanted.values())
    tolerated = {"s:required"} if nulls <= total / 2 else set()
    counts = {rule: sum(rule in broken for broken in wanted.values()) for rule in judged.counts
              if not rule.startswith("t:row_count")}
    assert {rule: count for rule, count in judged.counts.items() if not rule.startswith("t:row_count")} == counts
    assert {rule.id for rule in judged.failed} == (
        {"t:row_count"} if total < 2 else {"t:row_count_2"} if total > 30 else set())
    bad = {at: broken for at, broken in wanted.items() if broken - tolerated}
    assert (judged.bad_rows, judged.rows) == (len(bad), total)
    query = batch.quarantine(judged, more=(f"{AT} // {_batch.FILE} AS file",))
    assert {(row["file"], row["_row"]): set(row["_rules"]) for row in batch.rows_of(query)} == bad
    good = batch.rows_of(batch.good_as_read(judged))
    kept = [row for number, rows in enumerate(given) for place, row in enumerate(rows) if (number, place) not in bad]
    assert [repr(row) for row in good] == [repr(row) for row in kept], "as they came, and in their order"


def session() -> Session:
    return Session(actor=None, clock=lambda: datetime(2020, 1, 5, tzinfo=UTC))  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None)
@given(keys=st.lists(st.one_of(st.none(), st.integers(0, 6)), max_size=20), ordered=st.booleans(),
       few=st.sampled_from([0, 3, 99]))
def test_rows_that_repeat_a_key_are_the_later_ones_in_any_order(keys: list[int | None], ordered: bool,
                                                               few: int) -> None:
    keys = sorted(keys, key=lambda key: -1 if key is None else key) if ordered else keys
    cursor = CONNECTION.cursor()
    rows = ", ".join(f"({place}, {'NULL' if key is None else key})" for place, key in enumerate(keys)) or "(0, NULL)"
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE t AS SELECT r::BIGINT AS {AT}, k::INTEGER AS a, a AS b "
                   f"FROM (VALUES {rows}) v(r, k)")
    wanted = [place for place, key in enumerate(keys) if key is not None and key in keys[:place]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_repeats, "FEW", few)
        for names in (("a",), ("a", "b")):
            assert _repeats.repeats(cursor, "t", names, len(keys)) is bool(wanted)
            found = cursor.execute(f'SELECT "#again" FROM {key_alias(names)} ORDER BY 1').fetchall() if wanted else []
            assert [row[0] for row in found] == wanted


@pytest.mark.parametrize(("unit", "value", "newest", "late"), [
    ("h", 30, "2020-01-04T00:00:00Z", False), ("h", 12, "2020-01-04T00:00:00Z", True),
    ("d", 1, "2020-01-04T00:00:01Z", False), ("d", 1, "2020-01-03T23:59:59Z", True), ("d", 1, None, False),
])
def test_a_batch_whose_newest_time_is_older_than_agreed_warns(tmp_path: Path, unit: str, value: int, newest: str | None,
                                                              late: bool) -> None:
    text = CONTRACT.split("schema:")[0] + (
        "schema: [{name: t, properties: [{name: at, logicalType: timestamp, logicalTypeOptions: {timezone: true}}, "
        f"{{name: b}}]}}]\nslaProperties: [{{property: latency, value: {value}, unit: {unit}, element: t.at}}]\n")
    (tmp_path / "t.csv").write_text(f"at,b\n2019-01-01T00:00:00Z,x\n{newest or ''},y\n" if newest else "at,b\n,x\n")
    batch = opened(session(), declare.parse(Contract, text, "c.yaml"), Path("c.yaml"), [tmp_path / "t.csv"], alone())
    judged = batch.judged(lambda rule: not rule.warns)
    assert [rule.id for rule in judged.failed] == (["at:latency"] if late else [])
    assert all(rule.warns for rule in judged.failed)


def unchecked(more: str, properties: str = "{name: a}") -> tuple[str, ...]:
    text = CONTRACT.split("schema:")[0] + f"schema: [{{name: t, properties: [{properties}]}}]\n{more}"
    read: Callable[..., Any] = opened
    return tuple(read(session(), declare.parse(Contract, text, "c"), Path("c"), [], alone()).rules.unchecked)


def test_what_is_not_executed_is_always_said() -> None:
    for properties, word in (
            ("{name: a, logicalTypeOptions: {format: ipv6}}", "ipv6"),
            ("{name: a, logicalType: timestamp, logicalTypeOptions: {defaultTimezone: Etc/UTC}}", "defaultTimezone"),
            ("{name: a, logicalType: object, logicalTypeOptions: {minProperties: 2}}", "minProperties"),
            ("{name: a, logicalType: object, logicalTypeOptions: {required: [b]}}", "required"),
            ("{name: a, logicalType: object, properties: [{name: b, required: true}]}", "properties"),
            ("{name: a, logicalType: array, items: {logicalTypeOptions: {maximum: 2}}}", "items"),
            ("{name: a, quality: [{metric: nullValues, mustBe: 0, arguments: {filter: b}}]}", "filter"),
            ("{name: a, quality: [{metric: nullValues, mustNotBe: 0}]}", "nullValues"),
            ("{name: a, quality: [{metric: nullValues, mustBeBetween: [1, 2]}]}", "nullValues"),
            ("{name: a, quality: [{metric: nullValues, mustNotBeBetween: [1, 2]}]}", "nullValues"),
            ("{name: a, quality: [{type: custom, engine: soda, implementation: x, description: soda}]}", "soda"),
            ("{name: a, quality: [{rule: unique, name: old, mustBe: 0}]}", "old")):
        found = unchecked("", properties)
        assert len(found) == 1, (properties, found)
        assert word in found[0]
    moons = "slaProperties: [{property: latency, value: 1, unit: moons, element: t.a}]\n"
    assert "1 moons is no span" in unchecked(moons)[0]
    assert "event time" in unchecked("slaProperties: [{property: latency, value: 1, unit: d}]\n")[0]
    assert unchecked("slaProperties: [{property: retention, value: 3, unit: y}]\n") == ()
