"""Which rows of a list are marked: one by one, or from one on to where the cursor stands."""

from collections.abc import Iterator

from mlops_tui.tui.widgets.source import Source


class Marks:
    """Names of rows; `begun` is where a range begins that still follows the cursor."""

    def __init__(self) -> None:
        self._names: set[str] = set()
        self.begun: str | None = None

    def toggle(self, name: str) -> None:
        self._names ^= {name}

    def extend(self, source: Source, here: str) -> None:
        """Begin a range, or keep the one that was begun."""
        if self.begun is None:
            self.begun = here
        else:
            self._names |= set(self._within(source, here))
            self.begun = None

    def clear(self) -> bool:
        """Take a range back that was begun, else all marks; whether there were any."""
        had = self.begun is not None or bool(self._names)
        if self.begun is None:
            self._names.clear()
        self.begun = None
        return had

    def has(self, source: Source, place: int, here: str | None) -> bool:
        """Whether the row at a place is marked while the cursor stands on that name."""
        return source.name(place) in self._names or place in self._span(source, here)

    def places(self, source: Source, here: str | None) -> list[int]:
        """Where the rows stand that are marked and there, the first one first."""
        found = {place for name in self._names if (place := source.place(name)) is not None}
        return sorted(found | set(self._span(source, here)))

    def _span(self, source: Source, here: str | None) -> range:
        begun = source.place(self.begun) if self.begun is not None else None
        at = source.place(here) if here is not None else None
        return range(min(begun, at), max(begun, at) + 1) if begun is not None and at is not None else range(0)

    def _within(self, source: Source, here: str) -> Iterator[str]:
        return (source.name(place) for place in self._span(source, here))
