"""What ctrl+p finds: places by name, and every command."""

from collections.abc import Callable, Iterable, Iterator

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from mlops_tui.tui.offers import Offer


class Everywhere(Provider):
    """Asks the app what there is; an app that has nothing offers nothing."""

    def _offers(self) -> Iterator[Offer]:
        offers: Callable[[], Iterable[Offer]] | None = getattr(self.app, "offers", None)
        yield from offers() if offers is not None else ()

    async def discover(self) -> Hits:
        for offer in self._offers():
            yield DiscoveryHit(Content(offer.does), offer.do, text=offer.does, help=offer.typed)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for offer in self._offers():
            score = matcher.match(f"{offer.does} {offer.typed}")
            if score > 0:
                named = offer.does.casefold().startswith(query.casefold())  # before what only tells of it
                yield Hit(score * (1 + named), Content(offer.does), offer.do, text=offer.does, help=offer.typed)
