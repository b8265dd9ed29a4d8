"""What a person is reminded of in private, each thing once, later where he said so, never while he sleeps."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_tui.view import View
from store.facts import Snoozed

if TYPE_CHECKING:
    from store.ledger import Entry

Reach = Callable[[str], Collection[str]]  # the people behind a name, a rotation or a role
Snoozes = Mapping[tuple[str, str], datetime]  # (person, key) -> until when


@dataclass(frozen=True)
class Nudge:
    """Something that waits since `since` for `to`: a person of team.yaml, who is on call, or each who holds a role.

    It is told once for its `key` and `turn`: the key is what one may put off, the turn (which reminder it is, say)
    changes when it is to be told again. What pages is told at any hour. With a `card` (`alert/AL-1`) it is told in the
    thread of that living message instead of in private.
    """

    key: str
    to: str
    view: View
    since: datetime
    turn: str = ""
    page: bool = False
    card: str = ""


@dataclass(frozen=True)
class Told:
    """A nudge for one person; whoever sends it keeps `key`, and sends nothing of that key again."""

    person: str
    nudge: Nudge
    again: str = ""

    @property
    def key(self) -> str:
        return "/".join(part for part in ("nudge", self.person, self.nudge.key, self.nudge.turn, self.again) if part)


def snoozes(entries: "Iterable[Entry]") -> dict[tuple[str, str], datetime]:
    """Until when each person put off what; the last word counts."""
    return {(fact.who, fact.subject): datetime.fromisoformat(fact.until)
            for entry in entries if isinstance(fact := entry.fact, Snoozed)}


def due(nudges: Iterable[Nudge], reach: Reach, put_off: Snoozes, now: datetime,
        asleep: Collection[str] = ()) -> list[Told]:
    """What is to be told by now, told before or not, the oldest first; who is `asleep` is told only what pages."""
    return sorted(_due(nudges, reach, put_off, now, asleep), key=lambda each: (each.nudge.since, each.key))


def _due(nudges: Iterable[Nudge], reach: Reach, put_off: Snoozes, now: datetime,
         asleep: Collection[str]) -> Iterator[Told]:
    for nudge in nudges:
        for person in reach(nudge.to) if nudge.since <= now else ():
            until = put_off.get((person, nudge.key))
            if (until is None or until <= now) and (nudge.page or person not in asleep):
                yield Told(person, nudge, f"after {until.isoformat()}" if until else "")


def waiting(nudges: Iterable[Nudge], reach: Reach, person: str, now: datetime) -> Sequence[Nudge]:
    """What waits for a person, put off or not, the oldest first."""
    mine = [each for each in nudges if each.since <= now and person in reach(each.to)]
    return sorted(mine, key=lambda each: (each.since, each.key))
