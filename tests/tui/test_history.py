"""The history of Activity: searched a piece at a time, each entry with a number that it keeps."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from mlops_tui.session import ReplayClock, Session
from mlops_tui.tui import history
from mlops_tui.tui.filtering import Wish
from mlops_tui.tui.history import History
from mlops_tui.tui.ordering import Order
from mlops_tui.tui.widgets.source import SIZE, Extent, Sift
from store.facts import Finding, Note


@pytest.fixture
def noted(session: Callable[..., Session], monkeypatch: pytest.MonkeyPatch) -> Session:
    """Twelve notes, of which every third is about rain, searched five at a time."""
    monkeypatch.setattr(history, "PIECE", 5)
    opened = session()
    opened.ledger.append(*(Note(subject="rain" if number % 3 == 0 else "sun", text=f"{number}")
                           for number in range(1, 13)))
    return opened


def seen(found: History) -> list[int]:
    """The numbers of the entries as they are shown, from the first to the last."""
    extent = found.look()
    pages = {number // SIZE: found.page(number // SIZE) for number in range(extent.oldest, extent.newest + 1)}
    return [rows[extent.number(place) - first].seq for place in range(len(extent))
            for first, rows in [pages[extent.number(place) // SIZE]]]


RAIN = (Wish(("rain",), "subject"),)


def test_what_is_found_keeps_its_number_while_older_ones_are_found_and_newer_ones_come(noted: Session) -> None:
    found = History(noted.ledger, Sift(RAIN), noted.now())
    assert (seen(found), found.more) == ([12, 9], True)
    known = found.page(0)
    noted.ledger.append(Note(subject="rain", text="13"))
    assert (seen(found), found.more) == ([13, 12, 9, 6, 3], True)
    assert found.page(0)[1][0].seq == known[1][-1].seq == 12, "number 0 is the newest of when it began"
    assert (seen(found), found.more) == ([13, 12, 9, 6, 3], False)
    noted.ledger.append(*(Note(subject="rain", text="x") for _ in range(7)))
    assert (len(seen(found)), found.more) == (10, True)
    assert (len(seen(found)), found.more) == (12, False)


def test_the_oldest_first_is_searched_from_there(noted: Session) -> None:
    found = History(noted.ledger, Sift(RAIN, Order("recorded_at", down=False)), noted.now())
    assert (seen(found), found.more) == ([3], True)
    seen(found)
    noted.ledger.append(Note(subject="rain", text="13"))
    assert (seen(found), found.more) == ([3, 6, 9, 12, 13], False)


def test_where_all_is_wanted_nothing_is_searched(noted: Session) -> None:
    found = History(noted.ledger, Sift(), noted.now())
    assert (found.look(), found.more) == (Extent(1, 12), False)
    assert seen(found) == [*range(12, 0, -1)]
    assert seen(History(noted.ledger, Sift((), Order("seq", down=False)), noted.now())) == [*range(1, 13)]


def test_in_the_order_of_a_column_what_comes_later_waits(noted: Session) -> None:
    found = History(noted.ledger, Sift((), Order("subject", down=False)), noted.now())
    assert (seen(found)[:5], found.more) == ([3, 6, 9, 12, 1], False)
    noted.ledger.append(Note(subject="rain", text="13"))
    assert (len(seen(found)), found.waiting) == (12, 1)
    assert seen(History(noted.ledger, Sift(RAIN, Order("subject")), noted.now())) == [13, 12, 9, 6, 3]


def test_ages_and_values_are_asked_of_the_ledger(noted: Session, clock: ReplayClock) -> None:
    clock.advance(clock.moment + timedelta(hours=3))
    noted.ledger.append(Finding(subject="m", check="c", status="fail", title="t", value=0.7))
    for wish, kept in ((Wish((), "age", True, "<", timedelta(hours=2)), [13]),
                       (Wish((), "age", False, "<", timedelta(hours=2)), [12]),
                       (Wish((), "value", True, "<", 0.8), [13]),
                       (Wish(("7",), "what"), [13]), (Wish(("fail",), "status"), [13])):
        assert seen(History(noted.ledger, Sift((wish,)), noted.now()))[:1] == kept, wish
