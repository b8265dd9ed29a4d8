"""The rules of a project: access/*.yaml, the bounds of people, classified columns, grants; all for one evaluator."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from itertools import product
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from mlops_tui.access.grants import Grant, grants
from mlops_tui.access.policy import EVERYBODY, Policy, Rule
from mlops_tui.access.resources import Pattern, pattern
from mlops_tui.project import Project
from mlops_tui.roles import LOCAL_SOURCES

if TYPE_CHECKING:
    from store.ledger import Entry

SECRET = ("confidential", "restricted")
OURSELVES = ("timetable", "slack", "")  # who looks for everybody, as the declarations say: no person
OPEN = "no access policy is declared"
ALL = frozenset({EVERYBODY})
SHOW = "show"  # to let others who read along see the values of a column that is read


def policy_of(project: Project | None, entries: "Sequence[Entry]", owner: str = "") -> Policy:
    """All rules as they are declared, with what was granted. A project's declarations are read once, and one that is
    read anew is another project. `owner`: whoever uses the machine, where roles are advisory."""
    if project is None:
        return UNDECLARED
    *of, found = _KNOWN.get(project, (-1, "", UNDECLARED))
    if of != [len(entries), owner]:
        written = (*_written(project), *_ours(owner, "whoever uses this machine may")) if project.access else _open()
        given = map(_granted, grants(entries).values()) if project.access else ()
        found = Policy((*_bounds(project), *_classified(project), *written, *given))
        _KNOWN[project] = len(entries), owner, found
    return found


def _open() -> Iterator[Rule]:
    """Where nobody declared anything, everything may be read by who is let in."""
    for kind in ("dataset", "model", "endpoint"):
        yield Rule("allow", ALL, "*", Pattern(kind, "*"), said="allowed", where=f"default: {OPEN}")


def _bounds(project: Project) -> Iterator[Rule]:
    """Who is bound to some partitions, by `only` in team.yaml, sees no others, whatever is granted."""
    shared = {name for name, contract in project.datasets.items() if contract.custom("shared") is True}
    names = [name for name in project.datasets if name not in shared]
    for person, declared in project.team.people.items():
        unless = tuple((key, tuple(values)) for key, values in declared.only.items())
        for name in (*names, "") if unless else ():
            yield Rule("deny", frozenset({person}), "read", Pattern("dataset", name, unless=unless), firm=True,
                       where="team.yaml", keys=("people", person, "only"), said="bound to other partitions")


def _classified(project: Project) -> Iterator[Rule]:
    """Columns whose values are not shown where others read along; everything else is."""
    yield Rule("allow", ALL, SHOW, Pattern("dataset", "*"))
    for name, contract in project.datasets.items():
        for item in contract.properties:
            if item.classification.lower() in SECRET:
                yield Rule("mask", ALL, SHOW, Pattern("dataset", name, item.name), firm=True, elsewhere=LOCAL_SOURCES,
                           where=f"datasets/{name}.yaml", said=f"classified as {item.classification.lower()}")


def _written(project: Project) -> Iterator[Rule]:
    """The rules of access/*.yaml, file by file, and that the product itself may do its work."""
    for name in OURSELVES:
        if name not in project.team.people:
            yield from _ours(name, "the product's own work")
    for file, declared in project.access.items():
        for number, rule in enumerate(declared.rules):
            until = _end_of(rule.until, project) if rule.until else None
            given: dict[str, Any] = {"where": f"access/{file}.yaml", "purposes": frozenset(rule.purposes),
                                     "until": until, "reason": rule.reason}
            for action, (place, text) in product(rule.actions, enumerate(rule.resources)):
                yield Rule(rule.effect, frozenset(rule.who), action, pattern(text), **given,
                           keys=("rules", number, "resources", place))


def _ours(name: str, said: str) -> Iterator[Rule]:
    """That somebody who is no person of team.yaml may have all data."""
    for kind in ("dataset", "model", "endpoint"):
        yield Rule("glass", frozenset({name}), "*", Pattern(kind, "*"), said=said)


def _end_of(day: str, project: Project) -> datetime:
    """The first moment after a day, where the project is."""
    return datetime.combine(date.fromisoformat(day) + timedelta(days=1), time(), project.zone)


def _granted(grant: Grant) -> Rule:
    purposes = frozenset({grant.purpose} if grant.purpose else ())
    return Rule("glass" if grant.glass else "allow", frozenset({grant.who}), grant.action, pattern(grant.resource),
                where=f"{grant.id}, entry {grant.entry}", purposes=purposes, since=grant.since, until=grant.ends,
                reason=grant.reason)


UNDECLARED = Policy(tuple(_open()))
_KNOWN: WeakKeyDictionary[Project, tuple[int, str, Policy]] = WeakKeyDictionary()
