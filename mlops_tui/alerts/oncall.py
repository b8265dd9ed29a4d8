"""Who is on call at a time: by a rotation or a calendar, and by what people swapped. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from mlops_tui.alerts import ical
from mlops_tui.alerts.notifying import ON_CALL
from mlops_tui.declarations.kinds import Team
from mlops_tui.declarations.rotations import Rotation
from mlops_tui.errors import Unreadable
from store.facts import OnCallSwap

if TYPE_CHECKING:
    from mlops_tui.project import Project
    from store.ledger import Entry

PRIMARY = "primary"  # the rotation that the role `oncall` means, where there are several


@dataclass(frozen=True)
class Shift:
    """From when to when somebody is on call; `who` is as it is written where nobody of that name is in the team.

    `swapped`: who would have been, where another took it over.
    """

    who: str
    start: datetime
    end: datetime
    swapped: str = ""

    def holds(self, at: datetime) -> bool:
        return self.start <= at < self.end


@dataclass(frozen=True)
class Fault:
    """A time in which nobody, somebody unknown, or more than one is on call."""

    what: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Plan:
    """A rotation with what it needs to be read: its calendar's text where it has one, the project's zone, the team."""

    name: str
    rotation: Rotation
    zone: ZoneInfo
    team: Team
    calendar: str = ""
    where: str = ""

    def planned(self, start: datetime, end: datetime) -> list[Shift]:
        """The shifts that overlap the time, as planned; Unreadable where the calendar is none."""
        return list(self._turns(start, end)) if not self.rotation.calendar else [
            Shift(self._called(each), each.start, each.end)
            for each in ical.events(self.calendar, self.where, self.zone, start, end) if each.end > each.start]

    def _turns(self, start: datetime, end: datetime) -> Iterator[Shift]:
        rotation = self.rotation
        days = (start.astimezone(self.zone).date() - rotation.first).days
        turn = max(days // rotation.every.days - 1, 0)
        while (begins := self._handover(turn)) < end:
            if (ends := self._handover(turn + 1)) > start:
                yield Shift(rotation.people[turn % len(rotation.people)], begins, ends)
            turn += 1

    def _handover(self, turn: int) -> datetime:
        """When a turn begins: on its day, at the wall-clock time, whatever clocks did in between."""
        wall = datetime.combine(self.rotation.first + turn * self.rotation.every, self.rotation.at)
        return wall.replace(tzinfo=self.zone, fold=0).astimezone(UTC)

    def _called(self, event: ical.Event) -> str:
        """The person of the team whom an event means: by mail address, id or name; else as it is written."""
        said, people = event.summary.casefold(), self.team.people
        invited = [name for name, person in people.items() if person.email.lower() in event.emails]
        called = [name for name, person in people.items() if said and said in (name.casefold(), person.name.casefold())]
        if found := invited if len(invited) == 1 else called or invited:
            return found[0]
        words = set(said.replace(",", " ").replace(":", " ").split())
        named = [name for name in people if name.casefold() in words]
        return named[0] if len(named) == 1 else event.summary or "an event without a name"

    def shifts(self, swaps: Sequence[OnCallSwap], start: datetime, end: datetime) -> list[Shift]:
        """The shifts with what was swapped, in the order of time; the last word about a time counts."""
        found = self.planned(start, end)
        for swap in swaps:
            since, until = datetime.fromisoformat(swap.since), datetime.fromisoformat(swap.until)
            if swap.subject == self.name and until > start and since < end:
                found = _swapped(found, Shift(swap.who, since, until))
        return sorted(found, key=lambda each: (each.start, each.end, each.who))

    def faults(self, swaps: Sequence[OnCallSwap], start: datetime, end: datetime) -> list[Fault]:
        """Where nobody is on call, more than one is, or one whom the team does not know."""
        shifts = self.shifts(swaps, start, end)
        edges = sorted({start, end, *(max(min(at, end), start) for each in shifts for at in (each.start, each.end))})
        found: list[Fault] = []
        for since, until in pairwise(edges):
            people = sorted({each.who for each in shifts if each.holds(since)})
            unknown = [each for each in people if each not in self.team.people]
            what = "nobody" if not people else f"{' and '.join(people)} at once" if len(people) > 1 else \
                f"'{people[0]}', who is not in team.yaml" if unknown else ""
            if what and found and found[-1].what == what and found[-1].end == since:
                found[-1] = Fault(what, found[-1].start, until)
            elif what:
                found.append(Fault(what, since, until))
        return found


def _swapped(shifts: Iterable[Shift], over: Shift) -> list[Shift]:
    """The shifts with a time of them taken over by somebody."""
    found, instead = [], list[str]()
    for each in shifts:
        if each.end <= over.start or each.start >= over.end:
            found.append(each)
            continue
        instead.append(each.swapped or each.who)
        if each.start < over.start:
            found.append(Shift(each.who, each.start, over.start, each.swapped))
        if each.end > over.end:
            found.append(Shift(each.who, over.end, each.end, each.swapped))
    return [*found, Shift(over.who, over.start, over.end, ", ".join(dict.fromkeys(instead)))]


def swaps(entries: "Iterable[Entry]") -> list[OnCallSwap]:
    """Every swap, oldest first."""
    return [entry.fact for entry in entries if isinstance(entry.fact, OnCallSwap)]


def plans(project: "Project") -> dict[str, Plan]:
    """The project's rotations, ready to be asked."""
    return {name: _plan(project, name, rotation) for name, rotation in project.oncall.items()}


def _plan(project: "Project", name: str, rotation: Rotation) -> Plan:
    text, path = "", project.path_of("rotation", name)
    if rotation.calendar:
        path = path.with_name(rotation.calendar)
        text = project.text_beside("rotation", name, rotation.calendar)
    return Plan(name, rotation, rotation.zone_of(project.zone), project.team, text, str(path))


def meant(plans: Mapping[str, Plan], to: str) -> Plan | None:
    """The rotation behind a word: the one of that name; for the role `oncall` the primary one, or the only one."""
    if to in plans:
        return plans[to]
    if to == ON_CALL and plans:
        return plans.get(PRIMARY) or (next(iter(plans.values())) if len(plans) == 1 else None)
    return None


def said(project: "Project", swapped: Sequence[OnCallSwap], to: str, now: datetime) -> str:
    """Whom a word means, in words: a person, a route, or a role or rotation with those whom it means now."""
    if to in project.team.people:
        return to
    if to in project.names("route"):
        return f"{to}: the route of routes/{to}.yaml"
    return f"{to}: {', '.join(reached(project, swapped, to, now)) or 'nobody in team.yaml'}"


def reached(project: "Project", swapped: Sequence[OnCallSwap], to: str, now: datetime) -> tuple[str, ...]:
    """The people behind a word: the one of that name, who is on call, or all who hold that role.

    Where a rotation has nobody, nobody of the team, or a calendar that cannot be read, all who hold the role `oncall`
    are meant: somebody must be told. Nobody is where the word is a route, or for somebody who is bound to partitions:
    he may not see what alerts tell, nor take one up.
    """
    people = {name: person for name, person in project.team.people.items() if not person.only}
    if to in people:
        return (to,)
    if to == ON_CALL or to in project.names("rotation"):
        with suppress(Unreadable):  # doctor says so; whoever is woken for it instead is better than nobody
            if (plan := meant(plans(project), to)) is not None:
                on = {each.who for each in plan.shifts(swapped, now, now + timedelta(seconds=1)) if each.holds(now)}
                if known := tuple(sorted(on & set(people))):
                    return known
        to = ON_CALL
    return tuple(name for name, person in people.items() if to in person.roles)
