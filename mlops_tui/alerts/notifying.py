"""Who is to be told of which alert now: at first, and again while nobody has taken it up. Pure; bots send it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlops_tui.alerts.alertstate import Alert
from mlops_tui.declarations.alertpolicy import AlertPolicy

ON_CALL = "oncall"  # who is told where neither the rule nor the model says


@dataclass(frozen=True)
class Due:
    """Somebody, a person or a role, is to be told of an alert; `key` is the same however often it is asked.

    `why`: `fired`, `refired`, `flapping`, `unmuted`, or `repeat` with its number.
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
    Of reminders that were missed only the last one counts.
    """
    return [due for alert in alerts for due in _of(alert, policies.get(alert.monitor), now)]


def _of(alert: Alert, policy: AlertPolicy | None, now: datetime) -> Iterator[Due]:
    if alert.state != "firing" or alert.quiet(now):
        return
    since = alert.told_at or alert.opened_at
    first = Due(alert.id, alert.owner or alert.route or ON_CALL, alert.told, since, page=alert.page)
    number = _reminders(alert, policy, since, now)
    yield Due(first.alert, first.to, "repeat", since, number, alert.page) if number else first


def _reminders(alert: Alert, policy: AlertPolicy | None, since: datetime, now: datetime) -> int:
    """How many reminders have fallen due since it was told."""
    if policy is None or policy.repeat is None or alert.flapping:
        return 0
    return max(int((now - since) / policy.repeat), 0)


def next_reminder(alert: Alert, policy: AlertPolicy | None, now: datetime) -> datetime | None:
    """When it is told again if nobody takes it up; None where it is not."""
    if policy is None or policy.repeat is None or alert.state != "firing" or alert.flapping or alert.quiet(now):
        return None
    since = alert.told_at or alert.opened_at
    return since + timedelta(seconds=policy.repeat.total_seconds() * (_reminders(alert, policy, since, now) + 1))
