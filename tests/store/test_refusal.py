"""Errors that say what, where, and what next."""

import pytest

from mlops_tui import errors
from mlops_tui.errors import need_extra
from store.refusal import Conflict, NotFound, Refusal, Unreadable, nearest


@pytest.mark.parametrize(("where", "next", "said"), [
    ("", "", "No."), ("f.yaml:3", "", "No. (f.yaml:3)"), ("", "Try: x", "No. Try: x"),
    ("f.yaml:3", "Try: x", "No. (f.yaml:3) Try: x")])
def test_an_error_says_what_it_knows(where: str, next: str, said: str) -> None:
    assert str(Refusal("No.", where=where, next=next)) == said


def test_codes_differ_and_exits_follow_the_table() -> None:
    kinds = [Refusal, Unreadable, Conflict, NotFound, errors.BadInput, errors.NotDeclared, errors.MissingExtra,
             errors.Denied]
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert {kind.code: kind.exit for kind in kinds if kind.exit != 2} == {"denied": 4}


@pytest.mark.parametrize(("word", "known", "said"), [
    ("flihgts", ["flights", "weather"], "Did you mean 'flights'?"), ("FLIGHTS", ["flights"], "Did you mean 'flights'?"),
    ("flights", ["Flights"], "Did you mean 'Flights'?"), ("zzz", ["flights"], ""), ("a", [], ""),
    ("", ["flights"], "")])
def test_the_nearest_known_word_is_offered(word: str, known: list[str], said: str) -> None:
    assert nearest(word, known) == said
    assert nearest(word, iter(known)) == said, "any iterable will do"


def test_a_missing_extra_says_how_to_install_it() -> None:
    need_extra("json", "dp")
    with pytest.raises(errors.MissingExtra, match=r"pip install 'mlops-tui\[dp\]'"):
        need_extra("no_such_library", "dp")
