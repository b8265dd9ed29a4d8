"""The history as a list of its own: searched a piece at a time, the newest first, and read page by page."""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import datetime, timedelta

from mlops_tui.session import History as Ledger
from mlops_tui.tui.filtering import AGE, Wish
from mlops_tui.tui.widgets.source import SIZE, Extent, Sift
from store.facts import KINDS
from store.ledger import Entry, Term

PIECE = 25_000  # entries that are searched at once: the desk does other work in between
_BY_NUMBER = ("", "seq", "recorded_at")
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
NAMED: Mapping[str, str] = {
    **{item.name: "number" if item.type in (int, float, "float | None", float | None) else "text"
       for cls in KINDS.values() for item in fields(cls)},
    "seq": "number", "kind": "text", "subject": "text", "actor": "text", "what": "text", "recorded_at": "time",
    "effective_at": "time"}


class History:
    """What is wanted of the entries, as far as it is known. Each has a number that it keeps, whatever comes or is
    found: of all entries their own, else 1, 2, … for those that came since the search began, and 0, −1, … for those
    before."""

    def __init__(self, ledger: Ledger, sift: Sift, now: datetime) -> None:
        self.sift, self._ledger, self._terms = sift, ledger, terms(sift.wishes, now)
        self._column = sift.order.column if sift.order.column not in _BY_NUMBER else ""
        self._whole = not (self._terms or self._column)
        self._later, self._earlier = array("q"), array("q")
        self.head = self._begun = ledger.head_seq()
        self._upto = self._above = self.head if sift.order.down else 0
        if self._column:
            self._later.extend(ledger.numbers(self._terms, upto=self.head, by=self._column))

    def shows(self, sift: Sift, ledger: Ledger) -> bool:
        """Whether it is what is wanted, of that ledger: as of another time that is another one."""
        return self.sift == sift and self._ledger is ledger

    def continues(self, other: "History | None") -> bool:
        """Whether rows have the numbers here that they have there."""
        return other is not None and self._whole and other._whole and self.sift == other.sift

    def look(self) -> Extent:
        """Search one more piece of what is newer than what was searched, and of what is older."""
        self.head = self._ledger.head_seq()
        down = self.sift.order.down
        if self._whole:
            return Extent(1, self.head, down)
        if not self._column:
            upto, above = min(self._upto + PIECE, self.head), max(self._above - PIECE, 0)
            self._later.extend(self._ledger.numbers(self._terms, above=self._upto, upto=upto))
            self._earlier.extend(reversed(self._ledger.numbers(self._terms, above=above, upto=self._above)))
            self._upto, self._above = upto, above
        return Extent(1 - len(self._earlier), len(self._later), down)

    @property
    def more(self) -> bool:
        """Whether there is something left to search."""
        return not (self._whole or self._column) and (self._above > 0 or self._upto < self.head)

    @property
    def waiting(self) -> int:
        """How many entries came since they were put in order by a column: they are put in at the next look at all."""
        return self.head - self._begun if self._column else 0

    def page(self, number: int) -> tuple[int, list[Entry]]:
        """The number that a page begins with, as far as it is known, and its entries."""
        oldest, newest = (1, self.head) if self._whole else (1 - len(self._earlier), len(self._later))
        first, last = max(number * SIZE, oldest), min(number * SIZE + SIZE - 1, newest)
        return first, self._ledger.at([self._entry(each) for each in range(first, last + 1)])

    def _entry(self, number: int) -> int:
        if self._whole:
            return number
        return self._later[number - 1] if number > 0 else self._earlier[-number]


def terms(wishes: Sequence[Wish], now: datetime) -> tuple[Term, ...]:
    """What the ledger is asked for; an age is one as of now."""
    return tuple(_term(wish, now) for wish in wishes)


def _term(wish: Wish, now: datetime) -> Term:
    if wish.field == AGE and isinstance(wish.than, timedelta):
        return Term((), "recorded_at", wish.wanted, _TURNED[wish.how], now - wish.than)
    than = None if isinstance(wish.than, timedelta) else wish.than
    return Term(wish.texts, "" if wish.field == "what" else wish.field, wish.wanted, wish.how, than)
