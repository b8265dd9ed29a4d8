"""What changed from one contract to the next, and whether those who read the data keep working."""

import pytest

from mlops_tui.declarations import declare
from mlops_tui.declarations.odcs import Contract
from mlops_tui.quality.evolution import Change, changes, file_changes

HEAD = "kind: DataContract\napiVersion: v3.1.0\nid: t\nversion: 1.0.0\nstatus: active\n"


def contract(properties: str, more: str = "", quality: str = "[]") -> Contract:
    schema = f"schema: [{{name: t, properties: [{properties}], quality: {quality}}}]"
    return declare.parse(Contract, f"{HEAD}{schema}\n{more}", "c.yaml")


def compared(was: str, now: str, **overlap: float) -> list[Change]:
    return changes(contract(was), contract(now), lambda a, b: overlap.get(f"{a}_{b}"))


def said(found: list[Change]) -> list[tuple[str, str, str]]:
    return [(each.kind, each.column, each.verdict) for each in found]


@pytest.mark.parametrize(("was", "now", "kind", "verdict"), [
    ("{name: a}", "{name: a}, {name: b}", "added", "compatible"),
    ("{name: a}, {name: zz}", "{name: a}", "dropped", "breaking"),
    ("{name: a, logicalType: integer}", "{name: a, logicalType: number}", "widened", "compatible"),
    ("{name: a, logicalType: date}", "{name: a, logicalType: timestamp}", "widened", "compatible"),
    ("{name: a, logicalType: number}", "{name: a, logicalType: integer}", "narrowed", "breaking"),
    ("{name: a, logicalType: number}", "{name: a}", "retyped", "breaking"),
    ("{name: a, logicalType: timestamp, logicalTypeOptions: {timezone: true}}",
     "{name: a, logicalType: timestamp, logicalTypeOptions: {timezone: false}}", "retyped", "breaking"),
    ("{name: a, required: true}", "{name: a}", "loosened", "breaking"),
    ("{name: a}", "{name: a, required: true}", "tightened", "compatible"),
    ("{name: a, unique: true}", "{name: a}", "loosened", "breaking"),
    ("{name: a}", "{name: a, unique: true}", "tightened", "compatible"),
    ("{name: a, logicalType: integer, logicalTypeOptions: {minimum: 0}}",
     "{name: a, logicalType: integer, logicalTypeOptions: {minimum: 1}}", "tightened", "compatible"),
    ("{name: a, logicalType: integer, logicalTypeOptions: {maximum: 9}}",
     "{name: a, logicalType: integer, logicalTypeOptions: {maximum: 8}}", "tightened", "compatible"),
    ("{name: a, logicalType: integer, logicalTypeOptions: {maximum: 9}}", "{name: a, logicalType: integer}",
     "loosened", "compatible"),
    ("{name: a, logicalTypeOptions: {pattern: x}}", "{name: a, logicalTypeOptions: {pattern: y}}", "changed",
     "unknown"),
    ("{name: a, quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [x]}}]}",
     "{name: a, quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [x, y]}}]}", "loosened",
     "breaking"),
    ("{name: a, quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [x, y]}}]}",
     "{name: a, quality: [{metric: invalidValues, mustBe: 0, arguments: {validValues: [x]}}]}", "tightened",
     "compatible"),
    ("{name: a, quality: [{metric: nullValues, mustBeLessThan: 5}]}",
     "{name: a, quality: [{metric: nullValues, mustBeLessThan: 9}]}", "changed", "unknown"),
    ("{name: a}", "{name: a, relationships: [{to: b.c}]}", "tightened", "compatible"),
    ("{name: a, physicalType: 'decimal(9,2)'}", "{name: a, physicalType: 'decimal(18,2)'}", "changed", "unknown"),
])
def test_each_change_has_a_name_and_a_verdict(was: str, now: str, kind: str, verdict: str) -> None:
    [found] = compared(was, now)
    assert (found.kind, found.verdict) == (kind, verdict)
    assert found.why


def test_what_is_only_described_otherwise_is_no_change() -> None:
    assert compared("{name: a, description: x}", "{name: a, description: y, tags: [z], businessName: A}") == []


def test_a_lost_column_whose_values_another_one_has_was_renamed() -> None:
    found = compared("{name: fare}, {name: b}", "{name: b}, {name: price}", fare_price=0.95)
    assert said(found) == [("renamed", "fare", "breaking")]
    assert (found[0].now, found[0].guess) == ("price", True)
    assert "95%" in found[0].why


def test_a_near_name_of_the_same_type_is_a_guess_unless_the_values_differ() -> None:
    was, now = "{name: pickup_time, logicalType: timestamp}", "{name: pickup_at, logicalType: timestamp}"
    assert said(compared(was, now)) == [("renamed", "pickup_time", "breaking")]
    assert said(compared(was, now, pickup_time_pickup_at=0.1)) == [
        ("dropped", "pickup_time", "breaking"), ("added", "pickup_at", "compatible")]
    assert said(compared(was, "{name: pickup_at}")) == [
        ("dropped", "pickup_time", "breaking"), ("added", "pickup_at", "compatible")]
    assert said(compared("{name: a}", "{name: zzz}")) == [("dropped", "a", "breaking"), ("added", "zzz", "compatible")]


def test_one_column_is_the_new_name_of_one_only() -> None:
    found = compared("{name: amount_a}, {name: amount_b}", "{name: amount_c}")
    assert [each.kind for each in found] == ["renamed", "dropped"]


def test_a_renamed_column_is_compared_further() -> None:
    found = compared("{name: fare, required: true}", "{name: fares}")
    assert said(found) == [("renamed", "fare", "breaking"), ("loosened", "fares", "breaking")]


def test_the_whole_schema_and_what_happens_to_bad_rows_count_too() -> None:
    custom = "customProperties: [{property: %s, value: %s}]"
    rows = "[{metric: rowCount, mustBeGreaterThan: %d}]"
    for old, new, kind, verdict in (
            (contract("{name: a}", custom % ("onViolation", "quarantine")),
             contract("{name: a}", custom % ("onViolation", "warn")), "loosened", "breaking"),
            (contract("{name: a}", custom % ("onViolation", "warn")),
             contract("{name: a}", custom % ("onViolation", "reject")), "tightened", "compatible"),
            (contract("{name: a}", custom % ("partitionBy", "a")), contract("{name: a}"), "changed", "compatible"),
            (contract("{name: a}", custom % ("eventTime", "a")), contract("{name: a}"), "changed", "breaking"),
            (contract("{name: a}", quality=rows % 1), contract("{name: a}", quality=rows % 2), "changed", "unknown")):
        [found] = changes(old, new)
        assert (found.kind, found.verdict) == (kind, verdict)


@pytest.mark.parametrize(("declared", "type", "kind"), [
    ("integer", "DOUBLE", "widened"), ("integer", "DECIMAL(9,2)", "widened"), ("integer", "BIGINT", None),
    ("integer", "UTINYINT", None), ("number", "BIGINT", None), ("number", "VARCHAR", None), ("string", "BIGINT", None),
    ("date", "TIMESTAMP", "widened"), ("timestamp", "DATE", "narrowed"), ("boolean", "DATE", "retyped"),
    ("timestamp", "TIMESTAMP WITH TIME ZONE", None), ("array", "BIGINT[]", None), ("array", "BIGINT", "retyped"),
])
def test_a_file_with_another_type_is_seen_unless_its_values_may_be_read_so(declared: str, type: str,
                                                                           kind: str | None) -> None:
    found = file_changes(contract(f"{{name: a, logicalType: {declared}}}"), {"a": type})
    assert [each.kind for each in found] == ([kind] if kind else [])


def test_columns_of_a_file_come_go_and_change_their_names() -> None:
    declared = contract("{name: id, logicalType: integer}, {name: fare, logicalType: number}, {name: q}")
    found = file_changes(declared, {"id": "BIGINT", "fares": "DOUBLE", "note": "VARCHAR"})
    assert said(found) == [
        ("renamed", "fare", "breaking"), ("dropped", "q", "breaking"), ("added", "note", "compatible")]


@pytest.mark.parametrize(("was", "now", "found"), [
    ("unique: true", "primaryKey: true", [("tightened", "", "required"), ("tightened", "", "primaryKey")]),
    ("primaryKey: true", "unique: true, required: true", []),
    ("primaryKey: true", "unique: true", [("loosened", "required", "")]),
    ("primaryKey: true", "required: true", [("loosened", "primaryKey", "")]),
    ("required: true", "primaryKey: true", [("tightened", "", "primaryKey")]),
])
def test_a_key_of_one_column_is_unique(was: str, now: str, found: list[tuple[str, str, str]]) -> None:
    said = [(each.kind, each.was, each.now) for each in compared(f"{{name: a, {was}}}", f"{{name: a, {now}}}")]
    assert said == found


def test_a_part_of_a_key_is_not_unique() -> None:
    found = compared("{name: a, unique: true}, {name: b}",
                     "{name: a, primaryKey: true}, {name: b, primaryKey: true}")
    assert ("loosened", "a", "unique") in [(each.kind, each.column, each.was) for each in found]
    found = compared("{name: a, primaryKey: true}, {name: b, required: true}",
                     "{name: a, primaryKey: true}, {name: b, primaryKey: true}")
    assert ("loosened", "a", "unique") in [(each.kind, each.column, each.was) for each in found]
