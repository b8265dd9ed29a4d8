"""How an alert rule has done: how often it fired, how often it was right, how soon people were on it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import TYPE_CHECKING

from mlops_tui.alerts.alertstate import Alert

if TYPE_CHECKING:
    from mlops_tui.folds import Incident

MONTH = timedelta(days=30)
LEAST = timedelta(days=7)  # over less than this no rate a month is told


@dataclass(frozen=True)
class Took:
    """The median of some time spans, in seconds, and of how many; None where there are none."""

    seconds: float | None
    n: int

    @classmethod
    def of(cls, spans: Iterable[timedelta]) -> "Took":
        found = [span.total_seconds() for span in spans]
        return cls(median(found) if found else None, len(found))


@dataclass(frozen=True)
class Record:
    """Of one rule: how many alerts, how often these fired, how many a month; how many were judged real or noise.

    `to_ack` is from firing to the first person who took it up, `to_end` from firing to recovery or closing.
    """

    alerts: int
    fired: int
    a_month: float | None
    real: int
    noise: int
    to_ack: Took
    to_end: Took

    @property
    def judged(self) -> int:
        return self.real + self.noise

    @property
    def said(self) -> str:
        """`right 7 of 9 times`; empty where nobody has judged one."""
        return f"right {self.real} of {self.judged} {'time' if self.judged == 1 else 'times'}" if self.judged else ""


def record(mine: Sequence[Alert], since: datetime | None, now: datetime) -> Record:
    """The record of one monitor's alerts; `since` is when it first looked, None where it never did."""
    fired, watched = sum(each.fired for each in mine), now - since if since is not None else timedelta(0)
    verdicts = [each.real for each in mine if each.real is not None]
    return Record(len(mine), fired, fired / (watched / MONTH) if watched >= LEAST else None, verdicts.count(True),
                  verdicts.count(False), Took.of(each.acked_at - each.opened_at for each in mine if each.acked_at),
                  Took.of(each.ended_at - each.opened_at for each in mine if each.ended_at))


def missed(incidents: "Iterable[Incident]", about: str) -> tuple[str, ...]:
    """The incidents about something that people opened by hand: no alert had told of them."""
    return tuple(each.id for each in incidents if each.about.partition("@")[0] == about and not each.by_alert
                 and not each.merged_into)
