"""What can be done, each with its keys and how it is typed; found by a word of it, or by its key."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple


class Offer(NamedTuple):
    """Something that can be done: its keys, what it does, how it is typed in a terminal or after `:`."""

    keys: tuple[str, ...]
    does: str
    typed: str
    do: Callable[[], Any]


def matching(offers: Iterable[Offer], sought: str) -> list[Offer]:
    """The offers that a text finds: the one with that key first, then those whose words begin so, then the rest."""
    pieces = sought.lower().split()
    ranked = [(rank, offer) for offer in offers if (rank := _rank(offer, sought.strip(), pieces)) is not None]
    return [offer for _, offer in sorted(ranked, key=lambda each: each[0])]


def _rank(offer: Offer, sought: str, pieces: Sequence[str]) -> int | None:
    if not pieces:
        return 0
    named = [key.lower() for key in offer.keys if len(key) > 1]
    if sought in offer.keys or sought.lower() in named:
        return 0
    text = f"{offer.does} {offer.typed}".lower()
    begun = (*text.split(), *text.replace("-", " ").replace(":", " ").split(), *named)
    if all(any(word.startswith(piece) for word in begun) for piece in pieces):
        return 1 if any(word.startswith(pieces[0]) for word in offer.typed.lower().split()[:2]) else 2
    return 3 if all(piece in text for piece in pieces) else None
