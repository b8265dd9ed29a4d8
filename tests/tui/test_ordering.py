"""The order of rows: by any column, both ways, whatever stands in it."""

from datetime import UTC, datetime

import pytest

from mlops_tui.tui.ordering import AS_IT_COMES, Order, columns, first, ordered
from mlops_tui.view import Row, Status

ROWS: list[Row] = [
    {"key": "a", "name": "INC-10", "status": Status.PASS, "severity": "low", "value": 0.5, "since": None, "same": 1},
    {"key": "b", "name": "INC-9", "status": Status.ERROR, "severity": "critical", "value": None,
     "since": datetime(2013, 9, 2, tzinfo=UTC), "same": 1},
    {"key": "c", "name": "inc-2", "status": Status.WARN, "severity": "high", "value": 12,
     "since": datetime(2013, 9, 1, tzinfo=UTC), "same": 1, "role": "champion"}]


@pytest.mark.parametrize(("column", "chosen_first", "turned"), [
    ("name", "cba", "abc"), ("status", "bca", "acb"), ("severity", "bca", "acb"), ("value", "cab", "acb"),
    ("since", "bca", "cba"), ("role", "cab", "cab"), ("", "abc", "cba")])
def test_the_worst_newest_and_largest_come_first_and_nothing_comes_last(
        column: str, chosen_first: str, turned: str) -> None:
    order = first(ROWS, column) if column else AS_IT_COMES
    assert "".join(str(row["key"]) for row in ordered(ROWS, order)) == chosen_first
    assert "".join(str(row["key"]) for row in ordered(ROWS, Order(column, down=not order.down))) == turned


def test_columns_that_tell_nothing_apart_are_not_offered() -> None:
    assert columns(ROWS) == ("name", "status", "severity", "value", "since", "role")
    assert columns([{"key": 1, "name": "x", "incident": "x"}, {"key": 2, "name": "y", "incident": "y"}]) == ("name",)
    assert columns([]) == ()


def test_the_order_is_told_unless_it_is_as_rows_come() -> None:
    assert [order.told for order in (AS_IT_COMES, Order("", down=False), Order("trained_at"))] == [
        "", "as it comes ↑", "trained at ↓"]
