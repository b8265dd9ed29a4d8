"""What an alert's list, page and card say in words: what it costs, why it is quiet, how often its rule was right."""

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

from mlops_tui.alerts.alertrecord import Record
from mlops_tui.alerts.alertstate import Alert
from mlops_tui.declarations.declare import span_text
from mlops_tui.render import cells
from mlops_tui.session import Session
from mlops_tui.view import counted

_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}


def loss(found: Mapping[str, Any]) -> str:
    """`~€2,300 a day (€1,200 to €3,400)`, and more than what; empty where nothing is known.

    >>> loss({"value": 2312.4, "low": 1180.0, "high": 3390.0, "unit": "EUR"})
    '~€2,300 a day (€1,200 to €3,400)'
    >>> loss({"value": 12, "unit": "missed connections"})
    '~12 missed connections a day'
    """
    value, low, high, unit = (found.get(key) for key in ("value", "low", "high", "unit"))
    if not _number(value):
        return ""
    said = f"~{_amount(value, str(unit or ''))} a day" if value > 0 else "nothing a day"
    if _number(low) and _number(high):
        said += f" ({_amount(low, str(unit or ''))} to {_amount(high, str(unit or ''))})"
    return f"{said} more than {found['than']}" if found.get("than") else said


def _number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


def rough(value: float) -> str:
    """Two digits that count are enough of an estimate.

    >>> rough(882.4)
    '880'
    """
    return _amount(value, "")


def _amount(value: Any, unit: str) -> str:
    """Two digits that count are enough of an estimate."""
    digits = 1 - math.floor(math.log10(abs(value))) if value else 0
    rounded = round(float(value), digits)
    text = f"{rounded:,.0f}" if digits <= 0 else f"{rounded:,.{digits}f}".rstrip("0").rstrip(".")
    sign, minus = _SIGNS.get(unit, ""), "−" if rounded < 0 else ""
    text = text.lstrip("-")
    return f"{minus}{sign}{text}" if sign else f"{minus}{text} {unit}".rstrip()


def why_quiet(session: Session, alert: Alert, known: Mapping[str, Alert]) -> str:
    """Why it notifies nobody, or only once; empty where nothing keeps it."""
    now, zone, said = session.now(), session.declared().zone, []
    until = alert.silent_until(now)
    if until is not None:
        whose = next((f"by {each.id} ({each.by}{f': {each.why}' if each.why else ''})" for each in alert.silences
                      if each.active(now) and each.until == until), f"({alert.note})" if alert.note else "")
        said.append(" ".join(["silenced", *filter(None, [whose]), f"until {cells.moment(until, zone)}"]))
    if alert.muted:
        cause = known.get(alert.muted_by)
        over = cause is None or cause.ended_at is not None
        said.append(f"muted by {alert.muted_why}" + ("; that is over, it fires when its monitor still fails" * over))
    if alert.flapping and alert.state == "firing":
        monitor = session.declared().monitors.get(alert.monitor)
        flap = monitor.alert.flap if monitor is not None and monitor.alert is not None else None
        held = f" until it is calm for {span_text(flap.span)}" if flap is not None else ""
        said.append(f"flapping: it fired {counted(alert.fired, 'time')}, told once and held{held}")
    return "; ".join(said)


def rule(record: Record) -> str:
    """`right 7 of 9 times`, or that nobody said."""
    return record.said or "none of its alerts was judged real or noise yet"
