"""How long incidents take, how many come, and which causes come again."""

from collections.abc import Sequence

import click

from mlops_tui import folds
from mlops_tui.analysis.durations import TAIL, Lengths, fewest
from mlops_tui.capability import look
from mlops_tui.errors import BadInput
from mlops_tui.incidents import trends as rules
from mlops_tui.incidents.actions import open_actions_of
from mlops_tui.incidents.clock import LENGTHS, MEANS, clock
from mlops_tui.incidents.trends import Case
from mlops_tui.inputs.moments import moment
from mlops_tui.response import _case, _similar
from mlops_tui.response.incident import incident
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Series, Status, Table, Text, View, counted, lasting
from store.ledger import Entry

HOUR = 3600.0
MOST = 5


@look(of=incident, fold=True)
@click.option("--since", default=None, help="Leave out what was detected before; all of them by default.")
def trends(session: Session, since: str | None) -> View:
    """How fast incidents are noticed, taken up and ended, by severity; how many come; what comes again.

    \b
    Example: mlops-tui incident trends --since 2013-07-01
    """
    zone, now, entries = session.declared().zone, session.now(), session.ledger.entries(*_case.SEEN)
    start = moment(since, zone, now) if since else None
    if start is not None and start > now:
        raise BadInput("No incident was detected in the time to come.", next="Drop --since.")
    cases = [case for case in _cases(session, entries) if start is None or case.detected >= start]
    if not cases:
        said = "No incident was detected in that time" if start else "There was no incident yet"
        return View(said, Status.PASS, actions=(Action("All of them", ("incident", "trends")),) if start else ())
    times, again = rules.times(cases, now), rules.repeated(cases)
    resolved = times[rules.ALL]["resolve"].n
    facts: dict[str, Cell] = {"incidents": len(cases), "open": sum(each.incident.open for each in cases),
                              "resolved": resolved, "repeated_causes": len(again)}
    shown = {name: found for name, found in times.items() if name != rules.ALL or len(times) > 2}
    parts: tuple[Part, ...] = (Facts(facts), *(_times(name, found) for name, found in shown.items()),
                               Text(_definitions()), *_again(entries, again), *_longest(session, cases),
                               *_weeks(session, cases))
    title = f"{counted(len(cases), 'incident')}, {resolved} resolved{_headline(times)}"
    return View(title, Status.PASS, parts,
                tuple(Action(f"Look at {each.incident.id}", ("incident", "show", each.incident.id))
                      for each, _ in list(rules.longest(cases, now))[:3]))


def _cases(session: Session, entries: Sequence[Entry]) -> list[Case]:
    own = [each for each in folds.incidents(entries).values() if not each.merged_into]
    moments = [entry for entry in entries if entry.kind != "finding"]
    return [Case(each, clock(moments, each), trace)
            for each, trace in zip(own, _similar.traces(session, own, entries), strict=True)]


def _headline(times: dict[str, dict[str, Lengths]]) -> str:
    """The time to resolve of the gravest severity of which one is known; never that of several."""
    for severity, found in times.items():
        median = found["resolve"].median
        if severity != rules.ALL and median is not None:
            n, still = found["resolve"].n, found["resolve"].going
            told = f"{n + still}, {still} still open" if still else str(n)
            return f"; {severity} ones in {lasting(median)} (median of {told})"
    return ""


def _times(severity: str, found: dict[str, Lengths]) -> Table:
    """One row for each length; hours."""
    rows: list[Row] = [{"measure": MEANS[each.name], "length": each.name, "n": got.n, "going": got.going or None,
                        "median": _hours(got.median), "low": _hours(got.low), "high": _hours(got.high),
                        "p90": _hours(got.p90), "mean": _hours(got.mean), "definition": each.definition,
                        "reason": got.reason}
                       for each in LENGTHS for got in (found[each.name],)]
    open_ = ("going",) if any(row["going"] for row in rows) else ()
    columns = [Column(name, unit="h", digits=1) for name in ("median", "low", "high", "p90", "mean")]
    title = "All severities mixed" if severity == rules.ALL else f"Severity {severity}"
    return Table.of(f"times_{severity}", rows, "measure", "n", *open_, *columns, title=title)


def _hours(seconds: float | None) -> float | None:
    return None if seconds is None else seconds / HOUR


def _definitions() -> str:
    said = " ".join(f"{MEANS[each.name]}: {each.definition}." for each in LENGTHS)
    return (f"{said} low and high hold the median with 95 % (order statistics), which takes {fewest()} of them; a 90th "
            f"percentile takes {TAIL}. What goes on counts as longer than it has lasted so far; where a figure is "
            "missing there are too few, or it hangs on these.")


def _again(entries: Sequence[Entry], again: Sequence[rules.Cause]) -> tuple[Table, ...]:
    rows: list[Row] = [{"cause": cause.said, "times": len(cause.cases),
                        "incidents": tuple(each.incident.id for each in cause.cases),
                        "last": cause.cases[-1].detected,
                        "still_open": tuple(item.id for each in cause.cases
                                            for item in open_actions_of(entries, each.incident.id))}
                       for cause in again]
    owed = Column("still_open", "promised, still open")
    table = Table.of("causes", rows, "times", "cause", "incidents", "last", owed, title="What came again")
    return (table,) if rows else ()


def _longest(session: Session, cases: Sequence[Case]) -> tuple[Table, ...]:
    found = list(rules.longest(cases, session.now()))
    rows: list[Row] = [{"incident": case.incident.id, "days": length.total_seconds() / HOUR / 24,
                        "severity": case.incident.severity, "lead": case.incident.roles.get("lead", ""),
                        "title": case.incident.title} for case, length in found[:MOST]]
    return (Table.of("open", rows, "incident", Column("days", digits=1), "severity", "lead", "title",
                     total=len(found), title="Open the longest"),) if rows else ()


def _weeks(session: Session, cases: Sequence[Case]) -> tuple[Part, ...]:
    found = rules.weeks(cases, session.now(), session.declared().zone)
    if len(found) < rules.FEWEST:
        return (Text(f"{counted(len(found), 'whole week')} of incidents: too few to say how many are usual."),)
    low, high = (tuple(week.usual[end] if week.usual else None for week in found) for end in (0, 1))
    many = [f"{week.monday:%-d %b}" for week in found if week.usual and week.count > week.usual[1]]
    word = "week" if len(many) == 1 else "weeks"
    said = f"More than usual in the {word} of {', '.join(many[-MOST:])}; one week in forty is so by chance." if many \
        else "No week had more than is usual by the others (95 %)."
    return (Series("weeks", "band", tuple(week.monday.isoformat() for week in found),
                   tuple(week.count for week in found), low, high, title="Incidents a week, and what is usual",
                   y_label="incidents"), Text(said))
