"""What ctrl+p finds: places by name, and every command."""

from collections.abc import Callable, Iterable, Iterator

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

Found = tuple[str, str, Callable[[], None]]  # what it is called, what it does, and doing it


class Everywhere(Provider):
    """Asks the app what there is; an app that has nothing offers nothing."""

    def _offers(self) -> Iterator[Found]:
        offers: Callable[[], Iterable[Found]] | None = getattr(self.app, "offers", None)
        yield from offers() if offers is not None else ()

    async def discover(self) -> Hits:
        for name, does, go in self._offers():
            yield DiscoveryHit(Content(name), go, text=name, help=does)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, does, go in self._offers():
            score = matcher.match(f"{name} {does}")
            if score > 0:
                yield Hit(score, Content(name), go, text=name, help=does)
