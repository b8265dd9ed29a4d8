"""Where a list has its rows from: a handful that is held, or a history of any length that is read page by page."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

from mlops_tui.tui.filtering import Wish, keeps
from mlops_tui.view import Row

SIZE = 100   # rows of a page
KEPT = 40    # pages that are remembered


class Source(Protocol):
    """Rows by place; each has a name that stays the same wherever it stands."""

    def __len__(self) -> int: ...
    def row(self, place: int) -> Row | None: ...
    def name(self, place: int) -> str: ...
    def place(self, name: str) -> int | None: ...
    def known(self) -> list[Row]: ...


class Held:
    """Rows that are all there; `key` names them."""

    def __init__(self, rows: Sequence[Row], key: str, wanted: Sequence[Wish] = ()) -> None:
        self.all, self._key = tuple(rows), key
        self._rows = [row for row in rows if keeps(row, wanted)] if wanted else list(rows)
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
    """The newest first of a history that only grows: a row's name is its number from the oldest one on, so pages that
    were read stay true whatever is added above them."""

    def __init__(self, total: int = 0) -> None:
        self.total = total
        self.missing: set[int] = set()
        self._pages: OrderedDict[int, tuple[Row, ...]] = OrderedDict()

    def __len__(self) -> int:
        return self.total

    def row(self, place: int) -> Row | None:
        """The row, or None where its page has yet to be read; the page is then among the missing."""
        number, within = divmod(self.total - 1 - place, SIZE)
        page = self._pages.get(number)
        if page is None or within >= len(page):
            self.missing.add(number)
            return None
        self._pages.move_to_end(number)
        return page[within]

    def name(self, place: int) -> str:
        return str(self.total - 1 - place)

    def place(self, name: str) -> int | None:
        place = self.total - 1 - int(name)
        return place if 0 <= place < self.total else None

    def known(self) -> list[Row]:
        """The rows of the pages that are remembered, the newest first."""
        return [row for number in sorted(self._pages, reverse=True) for row in reversed(self._pages[number])]

    def take(self, number: int, rows: Sequence[Row]) -> None:
        """A page has been read, oldest row first."""
        self.missing.discard(number)
        self._pages[number] = tuple(rows)
        self._pages.move_to_end(number)
        while len(self._pages) > KEPT:
            self._pages.popitem(last=False)
