"""Which moment of the history is seen, and how one comes to another: a change on or back, a time, now."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_tui.commands import named
from mlops_tui.core.changes import known_moment
from mlops_tui.errors import BadInput, Denied, NotFound
from mlops_tui.render import cells
from mlops_tui.roles import Shape
from mlops_tui.session import Session
from mlops_tui.tui.turns import EVERY_ENTRY, Seen, told, turns
from mlops_tui.view import Cell, Facts, Status, View, refused
from store.ledger import Ledger

if TYPE_CHECKING:
    from store.ledger import Entry

BACK = "> comes back to now."
AN_INSTANT = timedelta(microseconds=1)  # the least by which two entries can differ


class Times:
    """A project as it is, and as it was known at the moment that is seen; `session` is the one that is asked."""

    def __init__(self, live: Session, then: datetime | None = None, seen: Seen | None = None) -> None:
        self.live, self.seen = live, seen or Seen()
        self._turned: tuple[Seen, int, list[Entry]] = (Seen("nothing"), -1, [])
        self.go(then)

    def go(self, then: datetime | None) -> None:
        """See that moment from now on; None is now."""
        self.then, self.session = then, self.live
        if then is not None:
            self.session = replace(self.live, as_of=then, read_only=True, ledger=self._ledger.closed(until=then))

    @property
    def _ledger(self) -> Ledger:
        ledger = self.live.ledger
        if not isinstance(ledger, Ledger):
            raise NotFound("There is no history here.")
        return ledger

    # -- to another moment ----------------------------------------------------------------------------------------

    def at(self, text: str, seen: Seen | None = None) -> None:
        """To a time as people write it, to when something of that id began, or to `now`; Refusal where there is none.
        """
        self.seen = seen or self.seen
        self.go(None if text == "now" else self._known_by(known_moment(self.live, text)))

    def _known_by(self, then: datetime) -> datetime:
        """The moment, where something was known by then."""
        [*first] = self._ledger.page(self._ledger.head_seq() - 1, 1, upto=self._ledger.head_seq())
        if not first or then < first[0].recorded_at:
            raise BadInput(f"Nothing was known at {self._said(then)}.", next="The history begins on "
                           f"{self._said(first[0].recorded_at)}." if first else "The history is empty.")
        return then

    def step(self, by: int, seen: Seen) -> bool:
        """So many changes of what is seen on, or back; after the last of them is now. Whether there was one."""
        self.seen, before = seen, self.then
        self.go(self._neighbour(by) if seen.mode == EVERY_ENTRY and not seen.names else self._change(by))
        return self.then != before

    def _change(self, by: int) -> datetime | None:
        moments = sorted({entry.recorded_at for entry in self._turns()})
        here = len(moments) if self.then is None else \
            bisect_left(moments, self.then) if by < 0 else bisect_right(moments, self.then) - 1
        if by < 0 and not here:
            return self.then
        goal = max(here + by, 0)
        return moments[goal] if goal < len(moments) else None

    def _neighbour(self, by: int) -> datetime | None:
        """The moment of the entry before, or after: those of one moment are one change."""
        then = self.then
        for _ in range(abs(by)):
            found = self._after(then) if by > 0 else self._before(then)
            if not found:
                return None if by > 0 else then
            then = found[0].recorded_at
        return then

    def _after(self, then: datetime | None) -> "Sequence[Entry]":
        if then is None:
            return ()
        head, here = self._ledger.head_seq(), self._ledger.closed(until=then).head_seq()
        return self._ledger.page(head - here - 1, 1, upto=head) if here < head else ()

    def _before(self, then: datetime | None) -> "Sequence[Entry]":
        ledger = self._ledger if then is None else self._ledger.closed(until=then - AN_INSTANT)
        return self._ledger.page(0, 1, upto=ledger.head_seq())

    def _turns(self) -> "list[Entry]":
        """The changes of what is seen, up to now; those of the whole project where nothing is known of the names."""
        head = self._ledger.head_seq()
        if self._turned[:2] != (self.seen, head):
            found = turns(self._ledger.entries(*self.seen.kinds), self.seen)
            if not found and self.seen.names:
                found = turns(self._ledger.entries(*Seen().kinds), Seen())
            self._turned = (self.seen, head, found)
        return self._turned[2]

    # -- what is said of it ---------------------------------------------------------------------------------------

    def facts(self) -> dict[str, Cell]:
        """The moment that is seen, what had just changed, and which of how many changes that was; of now, nothing."""
        if self.then is None:
            return {}
        if self.seen.mode == EVERY_ENTRY and not self.seen.names:
            place, every = self.session.ledger.head_seq(), self.live.ledger.head_seq()
            newest = self.session.ledger.page(0, 1, upto=place)
        else:
            found = self._turns()
            moments = sorted({entry.recorded_at for entry in found})
            place, every = bisect_right(moments, self.then), len(moments)
            newest = [entry for entry in found if place and entry.recorded_at == moments[place - 1]]
        return {"as_of": self.then, "change": place, "changes": every, "happened": told(newest),
                "happened_at": newest[0].recorded_at if newest else None}

    def perform(self, argv: Sequence[str]) -> View:
        """What a look answers of that moment, or that it cannot."""
        return self.closed(argv) or self.session.perform(argv).view

    def closed(self, argv: Sequence[str]) -> View | None:
        """Why a command has no answer at another moment than now; None where it has one."""
        found = named(argv) if self.then is not None else None
        if found is None or self.then is None:
            return None
        words, command = found
        looks, looking = getattr(command, "looks", ""), getattr(command, "shape", Shape.LOOK) is Shape.LOOK
        if getattr(command, "fold", False) or (looks and f"--{looks}" in argv):
            return None
        if looking:
            return View(f"'{words}' shows what is, and cannot be shown as of another time.", Status.UNKNOWN,
                        (Facts({"next": BACK}),))
        return refused(Denied(f"'{words}' would change something, and {self._said(self.then)} is over.", next=BACK))

    def _said(self, at: datetime) -> str:
        return cells.moment(at, self.live.declared().zone)
