"""Which alerts wait behind another: a late table mutes what is made from it, never the other way round. Pure."""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta

from mlops_tui.alerts.alertstate import Alert
from mlops_tui.declarations.alertpolicy import AlertPolicy
from store.facts import AlertEvent

CAUSES = ("health",)
MUTED = ("drift", "performance", "calibration", "bias", "stability", "triggers", "health")
LONGEST = timedelta(days=7)  # so long after it was told of last, a cause keeps others waiting
PATIENCE = timedelta(days=1)  # so long a muted alert waits, its cause being over, for its monitor to look again

Feeds = Callable[[str], Collection[str]]
Judged = Callable[[str], "tuple[datetime, str] | None"]


def mutes(alerts: Mapping[str, Alert], policies: Mapping[str, AlertPolicy], feeds: Feeds, last_judged: Judged,
          now: datetime) -> Iterator[AlertEvent]:
    """The alerts that begin to wait, and those that wait no longer; nothing where all is as it should be.

    A muted alert whose cause is over fires as soon as its monitor has looked again and still fails, or has not looked
    for a day: what it found while its data were late may have gone with them. A cause that lasts for a week is nothing
    that passes: what waits behind it fires.
    """
    causes = [each for each in alerts.values() if each.check in CAUSES and each.state in ("firing", "acked")
              and each.monitor in policies and now - (each.told_at or each.opened_at) < LONGEST]
    for alert in alerts.values():
        if alert.state != "firing" or not (causes or alert.muted_by):
            continue
        found = [each for each in causes if _waits(alert, each, policies, feeds)]
        if any(each.id == alert.muted_by for each in found):
            continue
        if found:
            first = min(found, key=lambda each: (len(feeds(each.about)), each.opened_at))
            yield AlertEvent(subject=alert.id, event="muted", cause=first.id, note=f"{first.id}: {first.title}")
        elif alert.muted_by and _heard(alert, alerts.get(alert.muted_by), policies, last_judged, now):
            yield AlertEvent(subject=alert.id, event="unmuted", cause=alert.muted_by)


def _waits(alert: Alert, cause: Alert, policies: Mapping[str, AlertPolicy], feeds: Feeds) -> bool:
    """Whether the alert is about something made from what the cause is about, and its rule lets it wait."""
    policy = policies.get(alert.monitor)
    return (policy is not None and policy.inhibit and alert.check in MUTED and cause.about != alert.about
            and cause.about in feeds(alert.about) and alert.about not in feeds(cause.about))


def _heard(alert: Alert, cause: Alert | None, policies: Mapping[str, AlertPolicy], last_judged: Judged,
           now: datetime) -> bool:
    policy = policies.get(alert.monitor)
    if policy is None or not policy.inhibit or cause is None or cause.ended_at is None:
        return True
    found = last_judged(alert.monitor)
    again = found is not None and found[0] > cause.ended_at and found[1] == "fail"
    return again or now - cause.ended_at >= PATIENCE
