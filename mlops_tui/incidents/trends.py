"""What incidents have in common over time: how long each part took, how many came, which causes came again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from mlops_tui.analysis.durations import Lengths, usual
from mlops_tui.analysis.durations import lengths as summed
from mlops_tui.declarations.alertpolicy import GRAVE
from mlops_tui.folds import Incident
from mlops_tui.incidents.alike import Trace
from mlops_tui.incidents.clock import LENGTHS, Point, going, lengths

ALL = "all"
FEWEST = 4  # weeks before a band says anything


@dataclass(frozen=True)
class Case:
    """An incident that stands for itself, with its moments and what it is recognised by."""

    incident: Incident
    points: Mapping[str, Point]
    trace: Trace

    @property
    def detected(self) -> datetime:
        return self.points["detected"].at


def times(cases: Sequence[Case], now: datetime) -> dict[str, dict[str, Lengths]]:
    """For each severity that occurs, and for all together, what is known of each length."""
    found = {severity: [each for each in cases if each.incident.severity == severity] for severity in GRAVE}
    return {name: _lengths(these, now) for name, these in {**found, ALL: list(cases)}.items() if these}


def _lengths(cases: Sequence[Case], now: datetime) -> dict[str, Lengths]:
    """Leaving out those that are open would make them short: the long ones are those that are not over."""
    known = [lengths(each.points) for each in cases]
    still = [going(each.points, now) for each in cases if each.incident.open]
    return {each.name: summed(_seconds(known, each.name), _seconds(still, each.name)) for each in LENGTHS}


def _seconds(found: Sequence[Mapping[str, timedelta]], name: str) -> list[float]:
    return [each[name].total_seconds() for each in found if name in each]


@dataclass(frozen=True)
class Week:
    """How many incidents were detected in a week that begins on that Monday, and how many were usual by the others."""

    monday: date
    count: int
    usual: tuple[int, int] | None


def weeks(cases: Sequence[Case], now: datetime, zone: tzinfo) -> list[Week]:
    """Every week from the first incident to now, the empty ones too; the present one is not over and left out."""
    found = [_monday(each.detected, zone) for each in cases]
    last = _monday(now, zone) - timedelta(weeks=1)
    if not found or last < min(found):
        return []
    mondays = [min(found) + timedelta(weeks=number) for number in range((last - min(found)).days // 7 + 1)]
    counts = [found.count(monday) for monday in mondays]
    band = len(mondays) >= FEWEST
    return [Week(monday, count, usual(sum(counts) - count, len(counts) - 1) if band else None)
            for monday, count in zip(mondays, counts, strict=True)]


def _monday(at: datetime, zone: tzinfo) -> date:
    day = at.astimezone(zone).date()
    return day - timedelta(days=day.weekday())


@dataclass(frozen=True)
class Cause:
    """What several incidents were found by, and which way it went."""

    said: str
    cases: tuple[Case, ...]


def repeated(cases: Sequence[Case]) -> list[Cause]:
    """The causes that came more than once, the most frequent first: subject, check, and what moved or turned."""
    found: dict[str, list[Case]] = {}
    for each in cases:
        if cause := _cause(each.trace):
            found.setdefault(cause, []).append(each)
    several = [Cause(said, tuple(these)) for said, these in found.items() if len(these) > 1]
    return sorted(several, key=lambda cause: -len(cause.cases))


def _cause(trace: Trace) -> str:
    """In words; nothing where a person saw it and no monitor did."""
    return " · ".join(part for part in (trace.subject, ", ".join(sorted(trace.checks)), _moved(trace)) if part) \
        if trace.checks else ""


def _moved(trace: Trace) -> str:
    return ", ".join((*sorted(trace.turns), *sorted(trace.columns)))


def longest(cases: Sequence[Case], now: datetime) -> Iterator[tuple[Case, timedelta]]:
    """The incidents that are open, the one that is open the longest first, with how long that is."""
    still = sorted((each for each in cases if each.incident.open), key=lambda each: each.incident.opened_at)
    yield from ((each, now - each.incident.opened_at) for each in still)
