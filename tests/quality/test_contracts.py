"""Contracts compiled to rules: what they ask of a column, and every way of contradicting themselves or the file."""

import re
from collections.abc import Sequence
from typing import Any

import duckdb
import pytest

from mlops_tui.declarations import declare
from mlops_tui.declarations.odcs import Contract
from mlops_tui.errors import BadInput, NotDeclared
from mlops_tui.quality.contracts import compiled
from mlops_tui.quality.logicaltypes import value_of
from mlops_tui.quality.rowrules import Bound, Compiled

HEAD = "kind: DataContract\napiVersion: v3.1.0\nid: people\nversion: 1.0.0\nstatus: active\n"


def contract(properties: str, more: str = "", quality: str = "") -> Contract:
    rules = f", quality: {quality}" if quality else ""
    schema = f"[{{name: people, properties: [{properties}]{rules}}}]"
    return declare.parse(Contract, f"{HEAD}schema: {schema}\n{more}", "c.yaml")


def rules(properties: str, columns: dict[str, str], more: str = "", quality: str = "", **how: Any) -> Compiled:
    return compiled(contract(properties, more, quality), columns, place=lambda name: f"c.yaml, {name}", **how)


def refusal(properties: str, columns: dict[str, str] | None = None, more: str = "", quality: str = "",
            **how: Any) -> str:
    with pytest.raises(BadInput) as problem:
        rules(properties, columns if columns is not None else {"a": "BIGINT", "b": "VARCHAR"}, more, quality, **how)
    assert problem.value.where.startswith("c.yaml, ")
    assert problem.value.next
    return f"{problem.value.what} {problem.value.next}"


# -- what a contract asks ---------------------------------------------------------------------------------------


def test_a_rule_is_named_by_its_column_and_what_it_asks() -> None:
    made = rules("""{name: a, logicalType: integer, required: true, unique: true, logicalTypeOptions: {minimum: 1,
                 maximum: 9}}, {name: b, logicalTypeOptions: {minLength: 1, maxLength: 3, pattern: '^x'}, quality:
                 [{metric: invalidValues, mustBe: 0, arguments: {validValues: [x, xy]}}]}""",
                 {"a": "BIGINT", "b": "VARCHAR"}, quality="[{metric: rowCount, mustBeGreaterThan: 0}]")
    assert [rule.id for rule in made.rules] == [
        "a:required", "a:type", "a:unique", "a:minimum", "a:maximum", "b:type", "b:min_length", "b:max_length",
        "b:pattern", "b:valid_values", "people:row_count"]


def test_a_primary_key_of_several_columns_is_unique_together_and_never_empty() -> None:
    made = rules("""{name: a, primaryKey: true, primaryKeyPosition: 2},
                 {name: b, primaryKey: true, primaryKeyPosition: 1}""", {"a": "VARCHAR", "b": "VARCHAR"})
    assert [rule.id for rule in made.rules if rule.name in ("unique", "required")] == [
        "a:required", "b:required", "b,a:unique"]
    assert made.rules[-1].key == ("b", "a")


def test_the_library_metrics_of_the_standard_are_the_same_rules() -> None:
    made = rules("""{name: b, required: true, unique: true, quality: [{metric: nullValues, mustBe: 0},
                 {metric: duplicateValues, mustBeLessThan: 1},
                 {metric: duplicateValues, mustBeLessThan: 5, unit: percent},
                 {metric: missingValues, mustBe: 0, arguments: {missingValues: [null, '', n/a]}}]}""", {"b": "VARCHAR"})
    assert [rule.id for rule in made.rules] == ["b:required", "b:type", "b:unique", "b:unique_2", "b:missing_values"]
    assert [rule.bound for rule in made.rules][3] == Bound("<", 5, percent=True)


def test_a_property_that_only_warns_still_holds_back_what_cannot_be_stored() -> None:
    made = rules("""{name: a, logicalType: integer, required: true, logicalTypeOptions: {minimum: 0},
                 customProperties: [{property: onViolation, value: warn}]}""", {"a": "VARCHAR"})
    assert {rule.name: rule.warns for rule in made.rules} == {"required": True, "type": False, "minimum": True}
    assert {rule.name for rule in made.rules if rule.hard} == {"type"}


def test_what_cannot_be_checked_is_said_and_texts_are_for_people() -> None:
    made = rules("""{name: b, logicalTypeOptions: {format: ipv6}, quality: [{type: text, description: nice},
                 {type: custom, description: soda}, {metric: nullValues, mustBeGreaterThan: 5},
                 {type: sql, name: far, mustBe: 0,
                 query: 'SELECT COUNT(*) FROM {object} WHERE b IN (SELECT x FROM y)'}]}""", {"b": "VARCHAR"})
    assert [text.split(":")[0] for text in made.unchecked] == ["b"] * 4
    assert [word in " ".join(made.unchecked) for word in ("ipv6", "soda", "nullValues", "far", "nice")] == [
        True, True, True, True, False]


def test_a_count_of_rows_in_sql_is_a_rule_about_each_row() -> None:
    made = rules("""{name: a, logicalType: integer}, {name: b, quality: [{type: sql, name: Not B, mustBe: 0,
                 query: 'select count(*) from ${table} where ${property} > a;'}]}""", {"a": "BIGINT", "b": "VARCHAR"})
    assert next(rule for rule in made.rules if rule.id == "b:not_b").broken == '("b" > a)'


def test_a_day_is_derived_from_the_event_time_in_the_zone_of_the_project() -> None:
    more = "customProperties: [{property: eventTime, value: at}, {property: partitionBy, value: day}]"
    zoned = rules("{name: at, logicalType: timestamp, logicalTypeOptions: {timezone: true}}",
                  {"at": "TIMESTAMP WITH TIME ZONE"}, more, zone="America/New_York")
    assert zoned.derived == {"day": "strftime(timezone('America/New_York', \"at\"), '%Y-%m-%d')"}
    assert [rule.id for rule in zoned.rules if rule.hard] == ["at:required", "at:type", "at:time_zone"]
    naive = rules("{name: at, logicalType: timestamp}", {"at": "TIMESTAMP"}, more, zone="America/New_York")
    assert naive.derived == {"day": "strftime(\"at\", '%Y-%m-%d')"}
    own = rules("{name: at, logicalType: timestamp}, {name: day, logicalType: date}",
                {"at": "TIMESTAMP", "day": "DATE"}, more)
    assert (own.derived, own.partition) == ({}, ("day",))
    with pytest.raises(BadInput, match="A partition named 'day' is a date"):
        rules("{name: at, logicalType: timestamp}, {name: day, logicalType: integer}",
              {"at": "TIMESTAMP", "day": "INTEGER"}, more)


def test_columns_the_contract_does_not_name_are_left_out() -> None:
    assert rules("{name: a}", {"a": "VARCHAR", "z": "BLOB"}).ignored == ("z",)


def test_in_json_an_optional_column_may_be_missing() -> None:
    made = rules("{name: a}, {name: b, logicalType: integer}", {"a": "VARCHAR"}, sparse=True)
    assert made.values["b"].sql == "CAST(NULL AS BIGINT)"
    with pytest.raises(BadInput, match="no column 'b'"):
        rules("{name: a}, {name: b, required: true}", {"a": "VARCHAR"}, sparse=True)


# -- foreign keys -----------------------------------------------------------------------------------------------

FOREIGN = "{name: b, relationships: [{to: %s, customProperties: [{property: onViolation, value: warn}]}]}"


def known(dataset: str) -> Sequence[str] | None:
    if dataset not in ("airports", "empty"):
        raise NotDeclared(f"No dataset '{dataset}' in datasets/.")
    return ["faa", "name"] if dataset == "airports" else None


def test_a_foreign_key_may_warn_while_its_column_does_not() -> None:
    made = rules(FOREIGN % "airports.faa", {"b": "VARCHAR"}, known=known)
    assert [(rule.id, rule.warns) for rule in made.rules] == [("b:type", False), ("b:foreign_key", True)]
    assert [(each.dataset, each.to) for each in made.references] == [("airports", "faa")]
    for spelt in ("schema/airports/properties/faa", "/schema/airports/properties/faa"):
        assert rules(FOREIGN % spelt, {"b": "VARCHAR"}, known=known).references == made.references


def test_a_foreign_key_into_nothing_is_not_checked_and_says_so() -> None:
    assert "has no data yet" in rules(FOREIGN % "empty.faa", {"b": "VARCHAR"}, known=known).unchecked[0]
    assert "no project" in rules(FOREIGN % "airports.faa", {"b": "VARCHAR"}).unchecked[0]


def test_a_foreign_key_to_what_does_not_exist_is_refused() -> None:
    assert "Did you mean 'name'" in refusal(FOREIGN % "airports.nme", {"b": "VARCHAR"}, known=known)
    assert "dataset.column" in refusal(FOREIGN % "airports", {"b": "VARCHAR"}, known=known)
    with pytest.raises(NotDeclared):
        rules(FOREIGN % "airprots.faa", {"b": "VARCHAR"}, known=known)


def test_a_relationship_of_the_schema_names_its_column() -> None:
    text = HEAD + ("schema: [{name: people, properties: [{name: b}], relationships: [{from: people.b, "
                   "to: airports.faa}]}]\n")
    made = compiled(declare.parse(Contract, text, "c"), {"b": "VARCHAR"}, known=known)
    assert [rule.id for rule in made.rules] == ["b:type", "b:foreign_key"]


# -- contradictions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("properties", "said"), [
    ("{name: aa}", r"no column 'aa'. Did you mean 'a'\?"),
    ("{name: A}", r"Did you mean 'a'\?"),
    ("{name: zzz}", r"It has a, b\."),
    ("{name: a}, {name: a}", "declares 'a' twice"),
    ("{name: a, logicalType: integer, logicalTypeOptions: {minimum: 9, maximum: 1}}", "No value of 'a' can keep"),
    ("{name: a, logicalType: number, logicalTypeOptions: {exclusiveMinimum: 1, maximum: 1}}", "No value of 'a'"),
    ("{name: b, logicalTypeOptions: {minLength: 5, maxLength: 3}}", "No value of 'b'"),
    ("{name: b, logicalTypeOptions: {minimum: 5}}", "declared string, so it has no minimum"),
    ("{name: a, logicalType: integer, logicalTypeOptions: {pattern: x}}", "declared integer, so it has no pattern"),
    ("{name: b, logicalTypeOptions: {timezone: true}}", "declared string, so it has no timezone"),
    ("{name: a, quality: [{metric: rowCount, mustBe: 1}]}", "rule of the whole schema"),
    ("{name: a, quality: [{metric: invalidValues, mustBe: 0}]}", "needs the argument"),
    ("{name: a, quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: []}}]}", "needs a list"),
    ("{name: a, logicalType: integer, quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [x]}}]}",
     "declared integer, but 'x'"),
    ("{name: a, quality: [{metric: nullValues, mustBe: 0, unit: bushels}]}", "'bushels' is not a unit"),
    ("{name: a, customProperties: [{property: onViolation, value: shout}]}", "onViolation of 'a' is 'shout'"),
])
def test_a_contract_that_contradicts_itself_or_the_file_is_refused(properties: str, said: str) -> None:
    assert re.search(said, refusal(properties))


@pytest.mark.parametrize(("more", "said"), [
    ("customProperties: [{property: eventTime, value: att}]", "eventTime names 'att'"),
    ("customProperties: [{property: entity, value: [id]}]", "entity names 'id'"),
    ("customProperties: [{property: sortBy, value: c}]", "sortBy names 'c'"),
    ("customProperties: [{property: partitionBy, value: day}]", "partitionBy names 'day'"),
    ("customProperties: [{property: onViolation, value: shrug}]", "onViolation is 'shrug'"),
])
def test_a_rule_on_a_column_that_is_not_declared_is_refused(more: str, said: str) -> None:
    assert said in refusal("{name: a}", more=more)


def test_rules_of_the_schema_name_declared_columns() -> None:
    said = refusal("{name: a}", quality="[{metric: duplicateValues, mustBe: 0, arguments: {properties: [a, c]}}]")
    assert "names 'c'" in said
    assert "needs the argument" in refusal("{name: a}", quality="[{metric: duplicateValues, mustBe: 0}]")
    assert "not of the whole schema" in refusal("{name: a}", quality="[{metric: nullValues, mustBe: 0}]")
    assert "no properties" in refusal("")


# -- types ------------------------------------------------------------------------------------------------------

NOT = "not of that type"


@pytest.mark.parametrize(("logical", "given", "seen"), [
    ("integer", "'7'", 7), ("integer", "' -7.0 '", -7), ("integer", "'1.5'", NOT), ("integer", "'1e3'", NOT),
    ("integer", "'0x10'", NOT), ("integer", "'1_000'", NOT), ("integer", "'99999999999999999999'", NOT),
    ("integer", "2.0::DOUBLE", 2), ("integer", "2.5::DOUBLE", NOT), ("integer", "2.50", NOT), ("integer", "true", 1),
    ("integer", "DATE '2013-01-01'", NOT), ("integer", "1e300::DOUBLE", NOT), ("integer", "'nan'::DOUBLE", None),
    ("integer", "2::UTINYINT", 2), ("integer", "18446744073709551615::UBIGINT", NOT),
    ("number", "'1.5e3'", 1500.0), ("number", "'1,5'", NOT), ("number", "'NaN'", None), ("number", "''", NOT),
    ("number", "'nan'::FLOAT", None), ("number", "'inf'::DOUBLE", float("inf")), ("number", "[1]", NOT),
    ("boolean", "'yes'", True), ("boolean", "2", NOT), ("boolean", "0", False), ("boolean", "'perhaps'", NOT),
    ("date", "'2013-02-29'", NOT), ("date", "'2013-02-28'", "2013-02-28"), ("date", "'2013-02-28 10:00'", NOT),
    ("date", "TIMESTAMP '2013-01-01'", "2013-01-01"), ("date", "TIMESTAMP '2013-01-01 00:01:00'", NOT),
    ("date", "20130101", NOT), ("time", "'25:00'", NOT), ("time", "'23:00'", "23:00:00"),
    ("timestamp", "'2013-01-01 25:00'", NOT), ("timestamp", "1357000000", NOT), ("timestamp", "DATE '2013-01-01'",
                                                                                "2013-01-01 00:00:00"),
    ("string", "7", "7"), ("string", "DATE '2013-01-01'", "2013-01-01"), ("string", "''", ""),
    ("array", "[1, 2]", "[1, 2]"), ("array", "7", NOT), ("object", "{'x': 1}", "{'x': 1}"), ("object", "7", NOT),
])
def test_a_value_is_what_the_logical_type_says_or_none(logical: str, given: str, seen: object) -> None:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t AS SELECT {given} AS a")
    kind = str(connection.execute("SELECT a FROM t").description[0][1])
    [item] = contract(f"{{name: a, logicalType: {logical}}}").properties
    value = value_of(item, kind)
    query = f'SELECT {value.present}, a, typeof(a) FROM (SELECT a AS "=a", {value.sql} AS a FROM t)'
    [(present, found, type)] = connection.execute(query).fetchall()
    assert type == value.type
    if seen is NOT:
        assert (present, found, value.fits) == (True, None, False)
    elif seen is None:
        assert (present, found) == (False, None)
    else:
        assert present
        assert found == seen or str(found) == seen


@pytest.mark.parametrize(("wanted", "given", "wrong"), [
    ("true", "TIMESTAMP '2013-01-01'", True), ("true", "TIMESTAMPTZ '2013-01-01 00:00+00'", False),
    ("true", "DATE '2013-01-01'", True), ("true", "'2013-01-01T05:00:00'", True), ("true", "'2013-01-01'", True),
    ("true", "'2013-01-01T05:00:00Z'", False), ("true", "'2013-01-01 05:00:00-05'", False),
    ("true", "'2013-01-01 05:00:00.123+05:30'", False), ("true", "'nonsense'", False), ("true", "NULL::VARCHAR", False),
    ("false", "TIMESTAMPTZ '2013-01-01 00:00+00'", True), ("false", "'2013-01-01T05:00:00Z'", True),
    ("false", "'2013-01-01T05:00:00'", False), ("null", "TIMESTAMPTZ '2013-01-01 00:00+00'", False),
    ("null", "TIMESTAMP_NS '2013-01-01'", False), ("null", "'2013-01-01T05:00:00-05:00'", True),
])
def test_a_time_has_a_zone_where_the_contract_says_so(wanted: str, given: str, wrong: bool) -> None:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE t AS SELECT {given} AS a")
    kind = str(connection.execute("SELECT a FROM t").description[0][1])
    [item] = contract(f"{{name: a, logicalType: timestamp, logicalTypeOptions: {{timezone: {wanted}}}}}").properties
    value = value_of(item, kind)
    found = connection.execute(f'SELECT {value.unzoned} FROM (SELECT a AS "=a" FROM t)').fetchall()[0][0]
    assert bool(found) is wrong


def test_money_stays_exact_where_the_physical_type_says_so() -> None:
    [item] = contract("{name: a, logicalType: number, physicalType: 'DECIMAL(12, 2)'}").properties
    assert value_of(item, "VARCHAR").type == "DECIMAL(12,2)"


@pytest.mark.parametrize(("bound", "count", "holds"), [
    (Bound("=", 0), 0, True), (Bound("<", 5), 5, False), (Bound("<=", 5), 5, True), (Bound(">", 5), 5, False),
    (Bound(">=", 5), 5, True), (Bound("<", 1, percent=True), 9, True), (Bound("<", 1, percent=True), 10, False)])
def test_a_bound_holds_for_so_many_of_a_thousand(bound: Bound, count: int, holds: bool) -> None:
    assert bound.holds(count, 1000) is holds
