"""How long incidents took with a runbook, and without."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import click

from mlops_tui import folds
from mlops_tui.analysis import ranksum
from mlops_tui.capability import look
from mlops_tui.declarations.alertpolicy import GRAVE
from mlops_tui.folds import Incident
from mlops_tui.incidents.clock import clock, lengths
from mlops_tui.response import _case
from mlops_tui.response.runbook import runbook
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Row, Status, Table, Text, View, counted
from store.ledger import Entry

ALPHA = 0.05
SAID = """\
Hours from detected to resolved, as in `incident trends`; open ones are left out: where one group has more of them, its
hours look shorter than they are. The shift is the median of all differences, with a 95 % interval (Hodges & Lehmann); p
is Mann & Whitney's, exact for few. Grave and slight incidents are never mixed. What differs is *associated with* a
runbook, not caused by it: people may reach for one in the incidents that are understood already."""


@look(of=runbook, fold=True)
@click.option("--runbook", "name", default="", help="Only this runbook counts as one.")
def mttr(session: Session, name: str) -> View:
    """How long incidents took with a runbook, and without (time to resolve): medians, shift, interval and test.

    \b
    Example: mlops-tui runbook mttr
    """
    session.declared()
    if name:
        session.declared().one("runbook", name)
    entries = session.ledger.entries(*_case.SEEN)
    worked = {run.incident for run in folds.runbook_runs(entries).values() if name in ("", run.runbook)}
    moments = [entry for entry in entries if entry.kind != "finding"]
    known = [_took(moments, each, worked) for each in folds.incidents(entries).values() if not each.merged_into]
    ended = [each for each in known if each.hours is not None]
    rows = [_compared(severity, [each for each in known if each.severity == severity])
            for severity in GRAVE if any(each.severity == severity for each in ended)]
    table = Table.of("severities", rows, "severity", "with_runbook", "without",
                     *((Column("open_with"), Column("open_without")) if len(ended) < len(known) else ()),
                     Column("median_with", "it took", unit="h", digits=1),
                     Column("median_without", "else", unit="h", digits=1),
                     Column("shift", unit="h", digits=1),
                     Column("low", unit="h", digits=1), Column("high", unit="h", digits=1),
                     Column("p_value", "p", digits=3), "reason")
    return View(_title(rows, len(ended), sum(each.helped for each in ended)), _status(rows),
                (table, Text(SAID, "markdown")), (Action("Which alerts have one", ("runbook", "coverage")),))


@dataclass(frozen=True)
class _Took:
    """How many hours an incident took, None where it is open; and whether a runbook was worked through for it."""

    severity: str
    hours: float | None
    helped: bool


def _took(entries: Sequence[Entry], incident: Incident, worked: set[str]) -> _Took:
    took = lengths(clock(entries, incident)).get("resolve")
    return _Took(incident.severity, None if took is None else took / timedelta(hours=1),
                 not worked.isdisjoint(incident.ids))


def _compared(severity: str, incidents: Sequence[_Took]) -> Row:
    """One severity: how many there were, how long they took, and what can be said of the difference."""
    hours = {helped: [each.hours for each in incidents if each.hours is not None and each.helped is helped]
             for helped in (True, False)}
    still = {helped: sum(each.hours is None and each.helped is helped for each in incidents)
             for helped in (True, False)}
    row: Row = {"severity": severity, "with_runbook": len(hours[True]), "without": len(hours[False]),
                "open_with": still[True], "open_without": still[False],
                "median_with": _median(hours[True]), "median_without": _median(hours[False]), "shift": None,
                "low": None, "high": None, "p_value": None, "method": ""}
    if not hours[True] or not hours[False] or ranksum.least_p(len(hours[True]), len(hours[False])) > ALPHA:
        few = "none without" if not hours[False] else "none with one" if not hours[True] else \
            "so few that no difference could be told from chance"
        return {**row, "status": Status.UNKNOWN, "reason": few}
    found = ranksum.shift(hours[True], hours[False])
    return {**row, "shift": found.estimate, "low": found.low, "high": found.high, "p_value": found.p_value,
            "method": found.method, "status": Status.DONE, "reason": found.reason}


def _median(hours: Sequence[float]) -> float | None:
    return statistics.median(hours) if hours else None


def _status(rows: Sequence[Row]) -> Status:
    return Status.DONE if any(row["status"] is Status.DONE for row in rows) else Status.UNKNOWN


def _title(rows: Sequence[Row], ended: int, helped: int) -> str:
    """The gravest severity of which something can be said."""
    told = next((row for row in rows if row["status"] is Status.DONE), None)
    if told is None:
        return (f"Too few incidents to tell: {counted(ended, 'was resolved', 'were resolved')}, "
                f"{helped} of them with a runbook")
    hours, sure = float(str(told["shift"])), float(str(told["p_value"])) <= ALPHA
    way = "shorter" if hours < 0 else "longer"
    if not sure:
        return f"Whether {told['severity']} incidents are shorter with a runbook is unknown: no difference was found"
    return f"{told['severity']} incidents with a runbook were {abs(hours):.1f} h {way}"
