"""Who is to be told of which alert now: at first, again, and who next while nobody takes it up. Pure; bots send it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlops_tui.alerts.alertstate import Alert
from mlops_tui.declarations.alertpolicy import AlertPolicy

ON_CALL = "oncall"  # who is told where neither the rule nor the model says


@dataclass(frozen=True)
class Due:
    """Somebody, a person, a role, a rotation or a route, is to be told of an alert; `key` is the same however often it
    is asked.

    `why`: the turn that it took (`fired`, `refired`, …), `repeat` or `escalated` with its number, or `undelivered`.
    """

    alert: str
    to: str
    why: str
    since: datetime
    number: int = 0
    page: bool = False

    @property
    def key(self) -> str:
        return f"{self.alert}/{self.why}/{self.since.isoformat()}/{self.number}"


def due_notifications(alerts: Iterable[Alert], policies: Mapping[str, AlertPolicy], now: datetime) -> list[Due]:
    """What is to be sent by now of alerts that nobody has taken up, sent before or not: whoever sends keeps the keys.

    Silenced and muted alerts are told when that is over, if they still fire; of one that flaps nothing is repeated.
    Of reminders that were missed only the last one counts. A step of the escalation counts from when it was told, and
    comes at once where nobody could be told before it; where none is left, whoever is on call is told.
    """
    return [due for alert in alerts for due in _of(alert, policies.get(alert.monitor), now)]


def _of(alert: Alert, policy: AlertPolicy | None, now: datetime) -> Iterator[Due]:
    if alert.state != "firing" or alert.quiet(now):
        return
    since = alert.turn
    number, first = _reminders(alert, policy, since, now), addressees(alert)
    for to in first:
        yield Due(alert.id, to, "repeat" if number else alert.told, since, number, alert.page)
    heard = not set(first) <= set(alert.unreached)
    for place, step in enumerate(policy.escalate if policy is not None else (), start=1):
        if since + step.after <= now or not heard:
            yield Due(alert.id, step.to, "escalated", since, place, alert.page)
            heard = heard or step.to not in alert.unreached
    if not heard:
        yield Due(alert.id, ON_CALL, "undelivered", since, page=alert.page)


def addressees(alert: Alert) -> tuple[str, ...]:
    """Whom it is for: who was given it, whom its rule names, or whoever is on call. One that fires again is for whom
    its rule names as well: who had it the last time may be asleep."""
    named = alert.route or ON_CALL
    again = alert.told in ("refired", "flapping")
    return tuple(dict.fromkeys((alert.owner, named) if alert.owner and again else (alert.owner or named,)))


def _reminders(alert: Alert, policy: AlertPolicy | None, since: datetime, now: datetime) -> int:
    """How many reminders have fallen due since it was told."""
    if policy is None or policy.repeat is None or alert.flapping:
        return 0
    return max(int((now - since) / policy.repeat), 0)


def next_reminder(alert: Alert, policy: AlertPolicy | None, now: datetime) -> datetime | None:
    """When it is told again if nobody takes it up; None where it is not."""
    if policy is None or policy.repeat is None or alert.state != "firing" or alert.flapping or alert.quiet(now):
        return None
    since = alert.turn
    return since + timedelta(seconds=policy.repeat.total_seconds() * (_reminders(alert, policy, since, now) + 1))


def upcoming(alert: Alert, policy: AlertPolicy | None, now: datetime) -> list[tuple[datetime, Due]]:
    """Who is told next, and when, if nobody takes it up and nothing else happens; the soonest first."""
    if policy is None or alert.state != "firing" or alert.quiet(now):
        return []
    since, told = alert.turn, list(_of(alert, policy, now))
    found = [(since + step.after, due) for place, step in enumerate(policy.escalate, start=1)
             if (due := Due(alert.id, step.to, "escalated", since, place, alert.page)) not in told]
    if (at := next_reminder(alert, policy, now)) is not None:
        number = _reminders(alert, policy, since, now) + 1
        found += [(at, Due(alert.id, to, "repeat", since, number, alert.page)) for to in addressees(alert)]
    return sorted(found, key=lambda each: each[0])
