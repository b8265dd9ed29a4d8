"""What an alert's monitor has found by now, and what is still missing until the alert recovers."""

from collections.abc import Mapping, Sequence

from mlops_tui import folds
from mlops_tui.alerts import reactions
from mlops_tui.alerts.causes import causes
from mlops_tui.alerts.raising import OWN
from mlops_tui.declarations.kinds import Monitor, looking
from mlops_tui.folds import Alert
from mlops_tui.view import Action, Cell, Row, Status, Table, counted
from store.facts import Finding
from store.ledger import Entry


def newest(entries: Sequence[Entry], monitor: str) -> tuple[Entry, Finding] | None:
    """The newest finding that the monitor made; None where it made none."""
    entry = next(iter(folds.findings_of(entries, monitor=monitor)[-1:]), None)
    return (entry, entry.fact) if entry is not None and isinstance(entry.fact, Finding) else None


def fired_by(alert: Alert, entries: Sequence[Entry]) -> tuple[int | None, Finding | None]:
    """The finding by which it fired, the last time that it did, with its entry; later ones are other findings."""
    found = causes(entries).get(alert.id)
    fact = found[-1].fact if found else None
    return (found[-1].seq, fact) if found and isinstance(fact, Finding) else (alert.finding, None)


def missing(alert: Alert, monitors: Mapping[str, Monitor], entries: Sequence[Entry]) -> str:
    """What must still be found until the alert recovers; empty where nothing must."""
    if alert.state not in ("firing", "acked"):
        return ""
    monitor = monitors.get(alert.monitor)
    if monitor is None or monitor.alert is None:
        gone = f"{alert.monitor} is no longer declared with an alert: only a person can close it"
        return OWN.get(alert.check, gone)
    more = max(1, reactions.until_calm(monitor.alert, alert.monitor, entries))
    return f"{counted(more, 'more finding')} of {alert.monitor} in a row that {'does' if more == 1 else 'do'} not fail"


def table(alerts: Sequence[Alert], monitors: Mapping[str, Monitor], entries: Sequence[Entry]) -> Table:
    """One row `newest` for each alert: what its monitor found last, and what is missing until it recovers."""
    rows: list[Row] = []
    for alert in alerts:
        row: dict[str, Cell] = {"alert": alert.id, "monitor": alert.monitor, "to_recover": missing(
            alert, monitors, entries) or alert.state}
        found = newest(entries, alert.monitor)
        if found is not None:
            entry, fact = found
            row |= {"status": Status(fact.status), "value": fact.value, "low": fact.low, "high": fact.high,
                    "limit": fact.limit, "at": entry.effective_at, "title": fact.title, "entry": entry.seq}
        rows.append(row)
    return Table.of("newest", rows, "alert", "status", "value", "low", "high", "limit", "at", "to_recover",
                    title="What its monitors found last")


def again(alert: Alert, monitors: Mapping[str, Monitor]) -> tuple[Action, ...]:
    """Let the monitor look again: only its own runs make its alert recover. Nothing where none of that name is
    declared: what an alert from outside is about and calls its check are no words of a command."""
    if alert.monitor not in monitors:
        return ()
    return (Action(f"Look again as {alert.monitor}", looking(alert.check, alert.about, alert.monitor)),)
