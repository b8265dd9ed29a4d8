"""What is typed after `/`."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mlops_tui.tui.filtering import Wish, keeps
from mlops_tui.tui.filterwords import Filter, Known, completions, read
from mlops_tui.view import Row, Status

ZONE = ZoneInfo("America/New_York")
NOW = datetime(2013, 9, 14, 12, tzinfo=UTC)
ROW: Row = {"model": "flights-delay", "status": Status.FAIL, "roles": ("lead", "scribe"), "argv": ("secret",),
            "metric": "roc_auc", "value": 0.74, "version": "7", "since": NOW - timedelta(hours=3),
            "note": "late [again]", "opens": "hidden"}
KNOWN = Known.of([ROW], {})


@pytest.mark.parametrize(("typed", "kept"), [
    ("", True), ("delay", True), ("DELAY", True), ("rain", False), ("!rain", True), ("!delay", False),
    ("status:fail", True), ("status:pass", False), ("!status:fail", False), ("status:", True), ("!", True),
    ("flights scribe", True), ("flights rain", False), ("secret", False), ("none", False), ("06:00", False),
    ("hidden", False),
    ("status:failed", True), ("status=fail", True), ("status=fai", False), ("status!=fail", False),
    ("rain|delay", True), ("!rain|delay", False), ("status:pass|fail", True), ("rain|", False), ("|", True),
    ('"late [again]"', True), ('"late again"', False), ('!"late [again]"', False), ('note:"late [', True),
    ("value<0.8", True), ("auc<0.8", True), ("roc_auc>=0.74", True), ("auc<70%", False), ("!auc<0.8", False),
    ("version>6", True), ("VERSION<=6", False), ("model<3", False), ("age<2h", False), ("age>2h", True),
    ("age<=3h", True), ("!age<2h", True), ("since>2013-09-14", True), ("since<2013-09-14T05:00-04:00", False),
    ("since>=2013-09-14T05:00", True), ("roles=scribe", True), ("roles=scrib", False)])
def test_words_say_which_rows_are_kept(typed: str, kept: bool) -> None:
    found = read(typed, KNOWN, ZONE)
    assert found.problems == ()
    assert keeps(ROW, found.wishes, NOW) is kept


@pytest.mark.parametrize(("typed", "wrong", "said"), [
    ("stauts:fail", "stauts", "Did you mean 'status'?"), ("delay http:x", "http", 'Words are quoted: "http:x"'),
    ("value<high", "high", "'high' is not a number"), ("age<2", "2", "not a duration such as 12h"),
    ("age:2h", "2h", "age<2h"), ("since>yesterday", "yesterday", "not a time"),
    ("ok !value<x y", "x", "not a number")])
def test_what_is_wrong_is_told_where_it_stands(typed: str, wrong: str, said: str) -> None:
    problem, = read(typed, KNOWN, ZONE).problems
    assert typed[problem.start:problem.end] == wrong
    assert said in problem.why


def test_of_lines_without_columns_every_word_is_a_word() -> None:
    assert read('status:fail !"a b"|c', None).wishes == (Wish(("status:fail",)), Wish(("a b", "c"), wanted=False))


def test_an_at_asks_for_a_project_or_an_environment_where_rows_are_of_several() -> None:
    known = Known.of([{"place": "flights production", "name": "@home"}], {})
    assert read("@prod !@stag @", known).wishes == (Wish(("prod",), "place"), Wish(("stag",), "place", wanted=False))
    assert read("@prod", KNOWN).wishes == (Wish(("@prod",)),)


def test_where_nothing_is_known_of_the_rows_any_column_is_asked_for() -> None:
    assert read("a:b !c=d", Known({}), ZONE) == Filter((Wish(("b",), "a"), Wish(("d",), "c", wanted=False, how="=")))


@pytest.mark.parametrize(("typed", "completed"), [
    ("sta", "status:"), ("x !sta", "x !status:"), ("status:", "status:fail"), ("status:pass|", "status:pass|fail"),
    ("ver", "version:"), ("val", "value<"), ("au", "auc<"), ("ag", "age<"), ("age<", "age<30m"), ("sin", "since>"),
    ("note:la", 'note:"late [again]"'), ("roles:scr", "roles:scribe"), ("nothing:x", None), ("value<0", None)])
def test_columns_and_what_stands_in_them_are_completed(typed: str, completed: str | None) -> None:
    found = completions(typed, len(typed), KNOWN)
    assert (found[0] if found else (None, 0)) == ((completed, len(completed)) if completed else (None, 0))


def test_a_word_in_the_middle_is_completed_where_it_stands() -> None:
    assert completions("sta delay", 3, KNOWN)[0] == ("status: delay", 7)
