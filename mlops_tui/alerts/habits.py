"""When each person hears from us: whose morning it is, who sleeps, and which digest is due."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mlops_tui.declarations.kinds import Team
from mlops_tui.declarations.wishes import Wishes
from mlops_tui.running.cronlines import Cron, cron
from store.facts import Subscribed

if TYPE_CHECKING:
    from store.ledger import Entry

PERIODS = ("day", "week")


@dataclass(frozen=True)
class Habit:
    """What one person wishes, in his zone; `said` is when he said so himself, which goes before team.yaml."""

    wishes: Wishes
    zone: tzinfo
    said: datetime | None = None

    def asleep(self, now: datetime) -> bool:
        """Whether it is one of his quiet hours, by the clock on his wall."""
        return self.wishes.sleeps_at(f"{now.astimezone(self.zone):%H:%M}")

    def line(self, period: str) -> Cron | None:
        """When the digest of a `day` or a `week` comes; None where he wants none."""
        day, _, time = self.wishes.weekly.lower().rpartition(" ")
        at, weekday = (self.wishes.daily, "*") if period == "day" else (time, day)
        hour, _, minute = at.partition(":")
        return cron(f"{int(minute)} {int(hour)} * * {weekday}", self.zone) if at else None

    def due(self, period: str, now: datetime) -> "Due | None":
        """The digest that came last by now; None where he wants none."""
        line = self.line(period)
        at = line.newest(now) if line is not None else None
        return Due(at, at.astimezone(self.zone).date().isoformat()) if at is not None else None


@dataclass(frozen=True)
class Due:
    """A digest's time, and the day it is for where the reader is: it is sent once for that day."""

    at: datetime
    day: str


def habits(team: Team, entries: "Iterable[Entry]", zone: tzinfo) -> dict[str, Habit]:
    """Everybody's, by name; `zone` is the project's. A person's own last word goes before team.yaml: who is woken may
    stop it from his bed, without a commit."""
    words = {entry.subject: entry for entry in entries if isinstance(entry.fact, Subscribed)}
    return {name: _habit(person.digest, words.get(name), zone) for name, person in team.people.items()}


def _habit(declared: Wishes, word: "Entry | None", zone: tzinfo) -> Habit:
    wishes, said = declared, None
    if word is not None and isinstance(fact := word.fact, Subscribed) and not fact.declared:
        wishes = Wishes(fact.daily, fact.weekly, fact.zone, fact.quiet, fact.only_if_changed)
        said = word.recorded_at
    return Habit(wishes, ZoneInfo(wishes.zone) if wishes.zone else zone, said)


def asleep(known: Mapping[str, Habit], now: datetime) -> frozenset[str]:
    """Who is to be left alone now by all that does not page."""
    return frozenset(name for name, each in known.items() if each.asleep(now))
