"""Monitors: what watches over the models and their data, what each found last, and when it looks again."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import click

from mlops_tui import folds, timetable
from mlops_tui.capability import look, noun
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.errors import Refusal
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Series, Status, Table, View
from store.facts import Finding
from store.ledger import Entry

monitor = noun("monitor", __doc__ or "", bare="list", subject="show")
DRAWN, LISTED = 120, 12  # findings in the picture, and in the table
HEATED, HOT = 60, 2.0  # findings in the heat map, and the effect, in limits, from which a shade is full
RECENT = 14  # findings whose verdicts are listed, oldest first
ALIKE = 10  # a finding of more than so many times the rows of the newest one is none of its kind
_URGENT = (Status.ERROR, Status.FAIL, Status.WARN, Status.UNKNOWN, Status.PASS, Status.DONE)
Found = tuple[Entry, Finding]


@look(of=monitor, fold=True)
def list_(session: Session) -> View:
    """Every monitor with its last finding, what is worst first.

    \b
    Example: mlops-tui monitor list
    """
    monitors = session.declared().monitors
    findings, following = _findings(session), _following(session)
    rows = [_row(name, monitors[name], findings[name], following) for name in monitors]
    rows.sort(key=lambda row: _URGENT.index(_status(row)))
    bad = sum(_status(row) in _URGENT[:3] for row in rows)
    table = Table.of("monitors", rows, "monitor", "status", "found", Column("at", "when"), "check", "subject",
                     Column("next", "looks again"))
    title = f"{bad} of {len(rows)} monitors found something" if bad else f"{len(rows)} monitors, none found anything"
    idle = sum(not row["findings"] for row in rows)
    title += "; none has run yet" if idle == len(rows) else f"; {idle} never ran" if idle else ""
    names = [str(row["monitor"]) for row in rows[:3]]
    return View(title, Status.WARN if bad else Status.DONE, (table,),
                tuple(Action(f"Look at {name}", ("monitor", "show", name)) for name in names))


def _findings(session: Session) -> dict[str, list[Found]]:
    """The findings of each monitor, oldest first."""
    found: dict[str, list[Found]] = {name: [] for name in session.declared().monitors}
    for entry in session.ledger.entries("finding"):
        if isinstance(entry.fact, Finding) and entry.fact.monitor in found:
            found[entry.fact.monitor].append((entry, entry.fact))
    return found


def _following(session: Session) -> Mapping[str, datetime]:
    """When each monitor looks again; nothing where its timetable cannot be read, which `doctor` tells."""
    try:
        due = timetable.upcoming(timetable.schedules(session.declared()), session.now())
    except Refusal:
        return {}
    return {each.schedule.name.removeprefix("monitor/"): each.at for each in due
            if each.schedule.name.startswith("monitor/")}


def _row(name: str, declared: Monitor, findings: Sequence[Found], following: Mapping[str, datetime]) -> Row:
    row: dict[str, Cell] = {"monitor": name, "check": declared.check, "subject": declared.subject,
                            "every": declared.every or None, "next": following.get(name), "findings": len(findings),
                            "status": Status.UNKNOWN, "found": "never run", "argv": ("monitor", "show", name)}
    if findings:
        entry, fact = findings[-1]
        row |= {"status": _word(fact.status), "found": fact.title, "at": entry.recorded_at, "value": fact.value,
                "low": fact.low, "high": fact.high, "limit": fact.limit,
                "recent": tuple(_word(each.status).value for _, each in findings[-RECENT:])}
    return row


def _status(row: Row) -> Status:
    status = row["status"]
    return status if isinstance(status, Status) and status in _URGENT else Status.UNKNOWN


def _word(word: str) -> Status:
    return Status(word) if word in set(Status) else Status.UNKNOWN


@look(of=monitor, fold=True)
@click.argument("monitor")
def show(session: Session, monitor: str) -> View:
    """What a monitor watches, what it found over time against its limit, and the alerts it fired.

    \b
    Example: mlops-tui monitor show flights-drift
    """
    declared: Monitor = session.declared().one("monitor", monitor)
    findings = _findings(session)[monitor]
    row = _row(monitor, declared, findings, _following(session))
    policy = declared.alert
    facts: dict[str, Cell] = {
        "check": declared.check, "subject": declared.subject, "window": _days(declared.window.total_seconds()),
        "limits": tuple(f"{name} {limit:g}" for name, limit in declared.limits.items()), "looks_again": row["next"],
        "alert_after": f"{policy.after}, {policy.severity}" if policy else None,
        "runbook": policy.runbook or None if policy else None, "description": declared.description or None}
    alerts = [each for each in folds.alerts(session.ledger.entries("alert")).values() if each.monitor == monitor]
    status = _status(row)
    return View(f"{monitor}: {row['found']}", Status.WARN if status in _URGENT[:3] else status if findings
                else Status.DONE, (*_picture(monitor, findings), *_heat(findings),
                                   Facts({key: value for key, value in facts.items() if value not in (None, ())}),
                                   _table(findings), _fired(alerts, session.now())),
                _actions(monitor, declared, alerts))


def _days(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours / 24:g} d" if hours >= 24 else f"{hours:g} h"


def _picture(monitor: str, findings: Sequence[Found]) -> tuple[Series, ...]:
    """Value with its interval over time, beside the limit that was in force; of what was measured in the same way.

    The load of a whole history is not drawn beside the days that follow it: its counts dwarf theirs.
    """
    if not findings:
        return ()
    last, size = _measured(findings[-1][1]), findings[-1][1].n or 0
    drawn = [(entry, fact) for entry, fact in findings if fact.value is not None and _measured(fact) == last
             and (fact.n or 0) <= ALIKE * max(size, 1)][-DRAWN:]
    if not drawn:
        return ()
    facts = [fact for _, fact in drawn]
    return (Series("found", "band", tuple(entry.recorded_at for entry, _ in drawn),
                   tuple(fact.value for fact in facts), tuple(fact.low for fact in facts),
                   tuple(fact.high for fact in facts), tuple(fact.limit for fact in facts), (last or "value", "limit"),
                   f"{monitor} over time", y_label=facts[-1].unit),)


def _heat(findings: Sequence[Found]) -> tuple[Series, ...]:
    """Of each column that was looked at: how far it had moved at each look, in units of its limit."""
    drawn = [(entry, fact) for entry, fact in findings if isinstance(fact.detail.get("columns"), Mapping)][-HEATED:]
    columns = list(dict.fromkeys(name for _, fact in drawn for name in fact.detail["columns"]))
    moved = {name: [_in_limits(fact, name) for _, fact in drawn] for name in columns}
    if len(drawn) < 2 or not any(value is not None for each in moved.values() for value in each):
        return ()
    columns.sort(key=lambda name: -max((value for value in moved[name] if value is not None), default=0.0))
    return (Series("columns", "heat", tuple(entry.recorded_at for entry, _ in drawn),
                   tuple(None if value is None else min(value, HOT) for name in columns for value in moved[name]),
                   low=(0.0,), high=(HOT,), names=tuple(columns), marks=(("its limit", 1.0),),
                   title="How far each column had moved, in units of its limit"),)


def _in_limits(fact: Finding, column: str) -> float | None:
    """The effect over the limit it was held against; None where it was not measured."""
    figures = fact.detail["columns"].get(column) or {}
    effect, limit = figures.get("effect"), figures.get("limit") or fact.limit
    return effect / limit if isinstance(effect, int | float) and limit else None


def _measured(fact: Finding) -> str:
    """What the value of a finding is a value of: values of two measures are never one curve."""
    several = fact.detail.get("measures") or {}
    named = next((name for name, value in several.items() if value == fact.value), "")
    return str(fact.detail.get("metric") or named or fact.unit or "")


def _table(findings: Sequence[Found]) -> Table:
    rows: list[Row] = [{"at": entry.recorded_at, "status": _word(fact.status), "found": fact.title, "value": fact.value,
                        "low": fact.low, "high": fact.high, "limit": fact.limit, "n": fact.n, "entry": entry.seq,
                        "argv": ("audit", "show", str(entry.seq))}
                       for entry, fact in reversed(findings[-LISTED:])]
    figures = [Column(name, digits=3) for name in ("value", "low", "high", "limit")]
    return Table.of("findings", rows, Column("at", "when"), "status", *figures, "n", title="What it found",
                    total=len(findings))


def _fired(alerts: Sequence[folds.Alert], now: datetime) -> Table:
    rows: list[Row] = [{"alert": each.id, "state": each.standing(now), "severity": each.severity, "title": each.title,
                        "since": each.opened_at, "real": each.real, "argv": ("alert", "show", each.id)}
                       for each in reversed(alerts)]
    return Table.of("alerts", rows, "alert", "state", "severity", "title", "since", title="Alerts it fired")


def _actions(name: str, declared: Monitor, alerts: Sequence[folds.Alert]) -> tuple[Action, ...]:
    found = [Action("Look now", declared.command(name))] if declared.every else []
    found += [Action(f"Its alert {each.id}", ("alert", "show", each.id)) for each in alerts if each.open][-2:]
    if declared.check in ("performance", "calibration"):
        found.append(Action("What would help?", ("remedy", declared.subject)))
    if declared.alert is not None and declared.alert.runbook:
        found.append(Action("Its runbook", ("runbook", "show", declared.alert.runbook, "--about", declared.subject)))
    found += [Action("How often would it have fired?", ("backtest", name))] if declared.alert is not None else []
    return tuple(found)
