"""What a command answers, as a value."""

import ast
import itertools
import math
from pathlib import Path

import pytest

from mlops_tui.errors import BadInput
from mlops_tui.view import Column, Facts, Status, Table, Text, View, counted, finite, refused, worst


@pytest.mark.parametrize(("statuses", "found"), [
    ([], Status.UNKNOWN), ([Status.PASS], Status.PASS), ([Status.PASS, Status.UNKNOWN], Status.UNKNOWN),
    ([Status.UNKNOWN, Status.FAIL], Status.FAIL), ([Status.WARN, Status.UNKNOWN], Status.UNKNOWN),
    ([Status.PASS, Status.WARN], Status.WARN), ([Status.DONE, Status.PASS], Status.PASS),
    ([Status.FAIL, Status.ERROR], Status.ERROR), ([Status.RUNNING, Status.PASS], Status.RUNNING)])
def test_the_worst_is_shown_and_unknown_is_no_pass(statuses: list[Status], found: Status) -> None:
    assert {worst(order) for order in itertools.permutations(statuses)} == {found}


def test_nothing_at_all_is_what_the_caller_says() -> None:
    assert worst([], Status.PASS) is Status.PASS


@pytest.mark.parametrize(("column", "heading"), [
    (Column("roc_auc"), "roc auc"), (Column("roc_auc", "ROC AUC"), "ROC AUC"), (Column("took", unit="s"), "took [s]")])
def test_a_column_is_headed_by_its_label_or_its_name(column: Column, heading: str) -> None:
    assert column.heading == heading


def test_a_table_takes_columns_by_name_alone() -> None:
    rows = ({"a": 1, "b": 2.0, "hidden": "h"} for _ in range(2))
    table = Table.of("t", rows, "a", Column("b", digits=1), total=9)
    assert [column.id for column in table.columns] == ["a", "b"]
    assert (len(table.rows), table.total, table.rows[0]["hidden"]) == (2, 9, "h")


def test_a_view_finds_its_facts_and_tables() -> None:
    view = View("t", parts=(Facts({"a": 1}), Text("x"), Table.of("rows", [{"a": 1}], "a"), Facts({"b": None, "a": 2})))
    assert view.facts() == {"a": 2, "b": None}
    assert view.table("rows").rows == ({"a": 1},)
    with pytest.raises(KeyError):
        view.table("other")
    assert view.with_status(Status.FAIL).parts == view.parts
    assert (view.status, view.with_status(Status.FAIL).status) == (Status.DONE, Status.FAIL)


def test_what_is_no_number_is_nothing() -> None:
    assert [finite(value) for value in (None, math.nan, math.inf, -math.inf)] == [None] * 4
    assert finite(1.5) == 1.5


@pytest.mark.parametrize(("number", "words", "said"), [
    (1, ("state",), "1 state"), (0, ("state",), "0 states"), (1200, ("state",), "1,200 states"),
    (1, ("alert needs", "alerts need"), "1 alert needs"), (2, ("alert needs", "alerts need"), "2 alerts need")])
def test_a_number_agrees_with_its_noun(number: int, words: tuple[str, ...], said: str) -> None:
    assert counted(number, *words) == said


@pytest.mark.parametrize(("hint", "argv"), [
    ("Try: mlops-tui catalog", ("catalog",)), ('Try: mlops-tui sql "SELECT 1"', ("sql", "SELECT 1")),
    ("Try: mlops-tui ingest flights --file FILE", ("ingest", "flights", "--file", "FILE")),
    ("Try: mlops-tui export x --out FILE, and mend that file.", None), ("Try: mlops-tui sql 'open", None),
    ("Take it later. Try: mlops-tui snapshot take flights", None), ("Ask somebody.", None), ("", None)])
def test_a_hint_is_a_next_step_only_where_all_of_it_is_a_command(hint: str, argv: tuple[str, ...] | None) -> None:
    assert [action.argv for action in refused(BadInput("No.", next=hint)).actions] == ([argv] if argv else [])


def test_every_hint_that_begins_as_a_command_is_one() -> None:
    """In the sources: what follows is no sentence, which would be printed as words of a command."""
    root = Path(__file__).parents[1]
    hints = [text for path in (*root.glob("mlops_tui/**/*.py"), *root.glob("store/**/*.py"))
             for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
             if isinstance(node, ast.JoinedStr | ast.Constant) for text in [_text(node)]
             if text.startswith("Try: mlops-tui ") and text != "Try: mlops-tui "]
    assert len(hints) > 50
    assert [text for text in hints if not refused(BadInput("", next=text)).actions] == []


def _text(node: ast.JoinedStr | ast.Constant) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
    return str(node.value)


def test_of_a_timeline_the_last_rows_tell_most() -> None:
    rows = [{"n": number} for number in range(5)]
    assert [row["n"] for row in Table.of("t", rows, "n").some(2)] == [0, 1]
    assert [row["n"] for row in Table.of("t", rows, "n", last=True).some(2)] == [3, 4]
    assert len(Table.of("t", rows, "n", last=True).some(9)) == 5
