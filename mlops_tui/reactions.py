"""What follows from findings: which alerts fire, fire again, recover. Pure; somebody else appends it."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.kinds import AlertPolicy, Monitor
from store.facts import AlertEvent, Finding

if TYPE_CHECKING:
    from store.ledger import Entry

JUDGED = ("pass", "warn", "fail")


def react(monitors: Mapping[str, Monitor], entries: "Sequence[Entry]", since: int, now: datetime) -> list[AlertEvent]:
    """The alert events that follow from findings newer than entry number `since`; asked twice, they follow once."""
    told = [entry for entry in entries if entry.kind in (AlertEvent.kind, Finding.kind)]
    fresh = [entry.fact for entry in told if entry.seq > since and isinstance(entry.fact, Finding)]
    names = dict.fromkeys(fact.monitor for fact in fresh if fact.monitor in monitors)
    steps: list[AlertEvent] = []
    events = [entry for entry in told if entry.kind == AlertEvent.kind]
    known = folds.alerts(events)
    for name in names:
        policy = monitors[name].alert
        if policy is not None:
            fired = [*known, *(step.subject for step in steps)]
            mine = [alert for alert in known.values() if alert.monitor == name]
            findings = folds.findings_of(told, monitor=name)
            steps += _follow(policy, mine, events, findings, _Turn(name, folds.next_id("AL", fired), since, now))
    return steps


@dataclass(frozen=True)
class _Turn:
    monitor: str
    number: str
    since: int
    now: datetime


def _follow(policy: AlertPolicy, mine: "Sequence[folds.Alert]", events: "Sequence[Entry]",
            findings: "Sequence[Entry]", turn: _Turn) -> list[AlertEvent]:
    """Walk one monitor's fresh findings in order. What people closed is closed: counting begins anew after it."""
    alert = mine[-1] if mine and mine[-1].open else None
    closed, handled = _marks(events, {each.id for each in mine})
    recent: deque[str] = deque(maxlen=policy.after.n)
    steps: list[AlertEvent] = []
    for entry in findings:
        if entry.seq <= closed or _status(entry) not in JUDGED:
            continue  # unknown is no pass
        recent.append(_status(entry))
        step = _next(policy, alert, entry, recent, turn.number) if entry.seq > max(turn.since, handled) else None
        if step is not None:
            steps.append(step)
            alert = _after(alert, step, turn.now)
    return steps


def _marks(events: "Sequence[Entry]", mine: set[str]) -> tuple[int, int]:
    """Up to which entry a monitor's findings are closed by a person, and up to which they were reacted to."""
    closed = handled = 0
    for entry in events:
        if isinstance(entry.fact, AlertEvent) and entry.subject in mine:
            closed = entry.seq if entry.fact.event == "resolved" else closed
            handled = max(handled, entry.fact.finding or 0)
    return closed, handled


def _next(policy: AlertPolicy, alert: "folds.Alert | None", last: "Entry", recent: Sequence[str],
          number: str) -> AlertEvent | None:
    """What the newest finding means by the policy `k of n`, over the last that could be judged."""
    fact = last.fact
    if not isinstance(fact, Finding):
        return None
    if fact.status == "fail" and recent.count("fail") >= policy.after.k:
        if alert is None:
            return AlertEvent(subject=number, event="fired", monitor=fact.monitor, about=fact.subject,
                              check=fact.check, severity=policy.severity, title=fact.title, runbook=policy.runbook,
                              route=policy.route, finding=last.seq)
        if alert.state == "recovered":
            return AlertEvent(subject=alert.id, event="refired", title=fact.title, finding=last.seq)
    calm = len(recent) >= policy.after.n and "fail" not in recent
    if alert is not None and alert.state in ("firing", "acked") and calm:
        return AlertEvent(subject=alert.id, event="recovered", finding=last.seq)
    return None


def until_calm(policy: AlertPolicy, monitor: str, entries: "Sequence[Entry]") -> int:
    """How many findings of the monitor in a row must still not fail before its alert recovers."""
    judged = [status for entry in folds.findings_of(entries, monitor=monitor)
              if (status := _status(entry)) in JUDGED]
    calm = next((number for number, status in enumerate(reversed(judged)) if status == "fail"), len(judged))
    return max(policy.after.n - calm, 0)


def _status(entry: "Entry") -> str:
    return entry.fact.status if isinstance(entry.fact, Finding) else ""


def _after(alert: "folds.Alert | None", step: AlertEvent, now: datetime) -> "folds.Alert":
    """The alert as it stands once the step is taken."""
    if alert is None:
        return folds.Alert(step.subject, step.monitor, step.about, step.check, step.severity, step.title, step.runbook,
                           step.route, now, now)
    return replace(alert, state="firing" if step.event == "refired" else "recovered")
