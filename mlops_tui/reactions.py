"""What follows from findings: which alerts fire, fire again, recover. Pure; somebody else appends it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.kinds import Monitor
from store.facts import AlertEvent, Finding

if TYPE_CHECKING:
    from store.ledger import Entry


def react(monitors: Mapping[str, Monitor], entries: "Sequence[Entry]", since: int, now: datetime) -> list[AlertEvent]:
    """The alert events that follow from findings newer than entry number `since`."""
    fresh = [entry.fact for entry in entries[_first_after(entries, since):] if isinstance(entry.fact, Finding)]
    names = dict.fromkeys(fact.monitor for fact in fresh if fact.monitor in monitors)
    steps: list[AlertEvent] = []
    for name in names:
        steps += _follow(name, monitors[name], entries, now, len(steps))
    return steps


def _first_after(entries: "Sequence[Entry]", since: int) -> int:
    """Where the entries newer than `since` begin; the history has no gaps."""
    return max(0, len(entries) - (entries[-1].seq - since)) if entries else 0


def _follow(name: str, monitor: Monitor, entries: "Sequence[Entry]", now: datetime, opened: int) -> list[AlertEvent]:
    policy = monitor.alert
    if policy is None:
        return []
    found = folds.findings_of(entries, monitor=name)
    last, recent = found[-1], found[-policy.after.n:]
    fact = last.fact
    if not isinstance(fact, Finding):
        return []
    failing = sum(_status(entry) == "fail" for entry in recent)
    known = folds.alerts(entries)
    mine = next((alert for alert in reversed(known.values()) if alert.monitor == name and alert.open), None)
    fires = fact.status == "fail" and failing >= policy.after.k
    if mine is None and fires:
        number = int(folds.next_id("AL", known).removeprefix("AL-")) + opened
        return [AlertEvent(subject=f"AL-{number}", event="fired", monitor=name, about=fact.subject, check=fact.check,
                           severity=policy.severity, title=fact.title, runbook=policy.runbook, route=policy.route,
                           finding=last.seq)]
    if mine is not None and mine.state == "recovered" and fires:
        return [AlertEvent(subject=mine.id, event="refired", title=fact.title, finding=last.seq)]
    calm = len(recent) >= policy.after.n and failing == 0 and fact.status in ("pass", "warn")
    if mine is not None and mine.state in ("firing", "acked", "silenced") and calm:
        return [AlertEvent(subject=mine.id, event="recovered", finding=last.seq)]
    return []


def _status(entry: "Entry") -> str:
    return entry.fact.status if isinstance(entry.fact, Finding) else ""
