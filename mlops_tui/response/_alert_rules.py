"""Each alert rule: how often it fires, how often it was right, what it missed, and what it lacks before it may page."""

from collections.abc import Sequence
from datetime import datetime

import click

from mlops_tui import folds
from mlops_tui.alerts import alertrecord, paging
from mlops_tui.alerts.alertstate import Alert
from mlops_tui.alerts.betterlimits import Better, TooLittle
from mlops_tui.analysis.interval import wilson
from mlops_tui.capability import look
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.declare import span_text
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.oversight.replaying import ARRIVALS
from mlops_tui.response import _limits
from mlops_tui.response.alert import alert
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Row, Series, Status, Table, Text, View, counted, lasting
from store.facts import Backtested, Finding
from store.ledger import Entry

SEEN = ("alert", "finding", "incident", "backtest", "proposal")


@look(of=alert, fold=True)
@click.argument("monitor", required=False)
def rules(session: Session, monitor: str | None) -> View:
    """How each monitor's alerts have done: fires a month, right or noise, missed, back-test, a better limit.

    \b
    Example: mlops-tui alert rules
    """
    declared, entries = session.declared().monitors, session.ledger.entries(*SEEN)
    names = [monitor] if monitor is not None and session.declared().one("monitor", monitor) else list(declared)
    rows = [_row(session, name, declared[name], entries) for name in names if declared[name].alert is not None]
    rows.sort(key=lambda row: (not row["lacks"], -_number(row["noise"]), -_number(row["fired"])))
    silent = [name for name in names if declared[name].alert is None]
    shown = (Column("a_month", "a month", digits=2), Column("was_right", "right"), Column("missed", worth=-1),
             Column("told", "back-test"), Column("next", "what next", worth=1), Column("acked", "acked in", worth=-2),
             Column("over", "over in", worth=-2))
    table = Table.of("rules", rows, Column("monitor", worth=2), "severity", *shown, title="Alert rules")
    said = [f"Without an alert: {', '.join(silent)}."] if silent else []
    missed = sorted({name for row in rows for name in _texts(row["missed_incidents"])})
    said += [f"Opened by hand, no alert had told of it: {', '.join(missed)}. A rule that should have is not known by "
             "that; it counts against each rule about the same thing."] if missed else []
    parts = (table, *_precisions(rows), *((Text(" ".join(said)),) if said else ()))
    held = [row for row in rows if row["lacks"]]
    return View(_title(rows, held), Status.WARN if held else Status.DONE, parts, tuple(_next(rows)))


def _title(rows: Sequence[Row], held: Sequence[Row]) -> str:
    real, noise = (sum(int(_number(row[key])) for row in rows) for key in ("real", "noise"))
    if not rows:
        return "No monitor has an alert rule"
    said = counted(len(rows), "alert rule")
    said += f", right {real} of {counted(real + noise, 'time')}" if real + noise else \
        "; nobody has said yet whether one was right"
    return f"{said}; {counted(len(held), 'fires', 'fire')} below what is declared" if held else said


def _row(session: Session, name: str, declared: Monitor, entries: Sequence[Entry]) -> Row:
    policy = declared.alert or AlertPolicy()
    mine = [each for each in folds.alerts(entries).values() if each.monitor == name]
    findings = [entry for entry in entries if isinstance(entry.fact, Finding) and entry.fact.monitor == name]
    found = alertrecord.record(mine, findings[0].recorded_at if findings else None, session.now())
    bounds = wilson(found.real, found.judged) if found.judged else None
    missed = alertrecord.missed(folds.incidents(entries).values(), declared.subject)
    return {"monitor": name, "check": declared.check, "subject": declared.subject, "after": str(policy.after),
            "replayable": bool(declared.every) or declared.check in ARRIVALS,
            **_allowed(session, name, policy, entries), "alerts": found.alerts, "fired": found.fired,
            "a_month": found.a_month, "real": found.real, "noise": found.noise,
            "precision": found.real / found.judged if found.judged else None,
            "low": bounds.low if bounds else None, "high": bounds.high if bounds else None, "n": found.judged,
            "was_right": f"{found.real} of {found.judged}" if found.judged else None,
            "reason": "" if found.judged else "none was judged real or noise yet",
            "missed": len(missed), "missed_incidents": missed, "acked": _took(found.to_ack),
            "over": _took(found.to_end), "ack_seconds": found.to_ack.seconds, "ack_n": found.to_ack.n,
            "end_seconds": found.to_end.seconds, "end_n": found.to_end.n,
            **_advice(name, declared, mine, findings, entries), "route": policy.route or None,
            "runbook": policy.runbook or None, "repeat": span_text(policy.repeat) if policy.repeat else None,
            "flap": str(policy.flap) if policy.flap else None, "group": policy.group,
            "argv": ("monitor", "show", name)}


def _took(found: alertrecord.Took) -> str | None:
    """`25 min of 6`: the median of so many."""
    return f"{lasting(found.seconds)} of {found.n}" if found.seconds is not None else None


def _allowed(session: Session, name: str, policy: AlertPolicy, entries: Sequence[Entry]) -> dict[str, Cell]:
    """What the rule asks for, what it may have, what it lacks, and what its back-test said."""
    tested = paging.backtests(entries).get(name)
    missing = paging.lacks(policy, tested, session.declared().fingerprint("monitor", name))
    held = paging.lowered(policy, missing)
    return {"severity": paging.MOST if held and policy.severity == "critical" else policy.severity,
            "declared_severity": policy.severity, "page": policy.page and not missing, "lacks": missing if held else (),
            "before_paging": missing, "told": _tested(tested, missing), "lowered": held or None}


def _tested(tested: Backtested | None, missing: Sequence[str]) -> str:
    """`12 alerts in 90 d, 2 false`, and whether the rule is still that one."""
    if tested is None:
        return "never"
    days = _days(tested.window)
    said = f"{counted(tested.alerts, 'alert')}{f' in {days:.0f} d' if days else ''}"
    said += f", {tested.false} false" if tested.false is not None else ""
    said += f", {tested.missed} missed" if tested.missed else ""
    return f"{said} (of an older rule)" if any("changed" in each for each in missing) else said


def _days(window: tuple[str, str]) -> float:
    try:
        return (datetime.fromisoformat(window[1]) - datetime.fromisoformat(window[0])).total_seconds() / 86400
    except (ValueError, TypeError):
        return 0.0


def _advice(name: str, declared: Monitor, mine: Sequence[Alert], findings: Sequence[Entry],
            entries: Sequence[Entry]) -> dict[str, Cell]:
    """A limit that would have told real from noise, and the proposal that writes it, if there is one."""
    found = _limits.better_of(declared, mine, findings)
    better = found if isinstance(found, Better) else None
    waiting = [each.id for each in folds.proposals(entries).values()
               if each.state == "open" and each.path.startswith(f"monitors/{name}.")]
    return {"better": better.said if better else None, "no_better": found.why if isinstance(found, TooLittle) else None,
            "proposal": waiting[-1] if waiting else None,
            "next": f"adopt {waiting[-1]}" if waiting else f"alert propose {name}" if better else None}


def _precisions(rows: Sequence[Row]) -> tuple[Series, ...]:
    """How often each was right, with its interval."""
    drawn = [row for row in rows if row["n"]]
    if not drawn:
        return ()
    return (Series("right", "interval", tuple(row["monitor"] for row in drawn),
                   tuple(row["precision"] for row in drawn), tuple(row["low"] for row in drawn),
                   tuple(row["high"] for row in drawn),
                   title="Share of its alerts that were real, 95 % interval (Wilson)"),)


def _next(rows: Sequence[Row]) -> list[Action]:
    found: list[Action] = []
    untested = [row["monitor"] for row in rows if any("back-test" in each for each in _texts(row["before_paging"]))
                and (row["lacks"] or row["replayable"])][:2]
    for row in rows:
        name = str(row["monitor"])
        if name in untested:
            found.append(Action(f"Back-test {name}", ("backtest", name)))
        if row["proposal"]:
            found.append(Action(f"Write {row['proposal']} into {name}", ("adopt", str(row["proposal"]))))
        elif row["better"]:
            found.append(Action(f"Propose a better limit for {name}", ("alert", "propose", name)))
    return found[:4] or [Action("Open alerts", ("alert", "list"))]


def _number(cell: Cell) -> float:
    return float(cell) if isinstance(cell, int | float) else 0.0


def _texts(cell: Cell) -> tuple[str, ...]:
    return cell if isinstance(cell, tuple) else ()
