"""Where a list has its rows from: a handful that is held, or a history of any length that is read page by page."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mlops_tui.tui.filtering import Wish, keeps
from mlops_tui.tui.ordering import AS_IT_COMES, Order, ordered
from mlops_tui.view import Row

SIZE = 100   # rows of a page
KEPT = 40    # pages that are remembered


@dataclass(frozen=True)
class Sift:
    """Which rows are wanted, and in which order."""

    wishes: tuple[Wish, ...] = ()
    order: Order = AS_IT_COMES


ALL = Sift()


@dataclass(frozen=True)
class Extent:
    """The numbers of a history's rows, from the oldest to the newest that is known; `down` shows the newest first.

    It may grow at either end, and no row ever changes its number.
    """

    oldest: int = 1
    newest: int = 0
    down: bool = True

    def __len__(self) -> int:
        return self.newest - self.oldest + 1

    def number(self, place: int) -> int:
        return self.newest - place if self.down else self.oldest + place

    def place(self, number: int) -> int | None:
        place = self.newest - number if self.down else number - self.oldest
        return place if self.oldest <= number <= self.newest else None


class Source(Protocol):
    """Rows by place; each has a name that stays the same wherever it stands."""

    def __len__(self) -> int: ...
    def row(self, place: int) -> Row | None: ...
    def name(self, place: int) -> str: ...
    def place(self, name: str) -> int | None: ...
    def known(self) -> list[Row]: ...


class Held:
    """Rows that are all there; `key` names them."""

    def __init__(self, rows: Sequence[Row], key: str, sift: Sift = ALL, now: datetime | None = None) -> None:
        self.all, self._key = tuple(rows), key
        kept = [row for row in rows if keeps(row, sift.wishes, now)] if sift.wishes and now is not None else list(rows)
        self._rows = ordered(kept, sift.order)
        self._places = {str(row[key]): place for place, row in enumerate(self._rows)}

    def __len__(self) -> int:
        return len(self._rows)

    def row(self, place: int) -> Row | None:
        return self._rows[place]

    def name(self, place: int) -> str:
        return str(self._rows[place][self._key])

    def place(self, name: str) -> int | None:
        return self._places.get(name)

    def known(self) -> list[Row]:
        return list(self._rows)


class Pages:
    """A history whose rows are named by their numbers: what was read stays true whatever comes before or after."""

    def __init__(self, extent: Extent) -> None:
        self.extent = extent
        self.missing: set[int] = set()
        self._pages: OrderedDict[int, tuple[int, Sequence[Row]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.extent)

    def row(self, place: int) -> Row | None:
        """The row, or None where its page has yet to be read; the page is then among the missing."""
        number = self.extent.number(place)
        first, rows = self._pages.get(number // SIZE, (0, ()))
        if not first <= number < first + len(rows):
            self.missing.add(number // SIZE)
            return None
        self._pages.move_to_end(number // SIZE)
        return rows[number - first]

    def name(self, place: int) -> str:
        return str(self.extent.number(place))

    def place(self, name: str) -> int | None:
        return self.extent.place(int(name))

    def known(self) -> list[Row]:
        """The rows of the pages that are remembered, as they stand."""
        numbers = sorted(self._pages, reverse=self.extent.down)
        return [row for number in numbers for row in self._pages[number][1][::-1 if self.extent.down else 1]]

    def take(self, page: int, first: int, rows: Sequence[Row]) -> None:
        """A page has been read: its rows from the number `first` on."""
        self.missing.discard(page)
        self._pages[page] = first, tuple(rows)
        self._pages.move_to_end(page)
        while len(self._pages) > KEPT:
            self._pages.popitem(last=False)
