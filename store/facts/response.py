"""Alerts and incidents, from the first message to the lesson."""

from dataclasses import dataclass, field
from typing import ClassVar

from store.facts.fact import Detail, Fact


@dataclass(frozen=True, kw_only=True)
class AlertEvent(Fact):
    """What happened to an alert, or to a silence; the subject is its id (AL-7, SI-2).

    `group`: what it shares a card with, where that is not its subject `about`. `loss`: what it is expected to cost a
    day (value, low, high, unit). `cause`: the alert that mutes it. `match` and `since` are a silence's: which alerts,
    and from when, up to `until`.
    """

    kind: ClassVar[str] = "alert"
    event: str
    monitor: str = ""
    about: str = ""
    check: str = ""
    severity: str = ""
    title: str = ""
    runbook: str = ""
    route: str = ""
    finding: int | None = None
    who: str = ""
    note: str = ""
    until: str = ""
    real: bool | None = None
    page: bool = False
    group: str = ""
    loss: Detail = field(default_factory=dict)
    cause: str = ""
    match: tuple[str, ...] = ()
    since: str = ""


@dataclass(frozen=True, kw_only=True)
class IncidentEvent(Fact):
    """What happened in an incident; the subject is its id (INC-3).

    `until`: when the next status update is promised. `point` and `at`: which moment of it was at what time, where
    somebody says so or corrects it. `reference`: the note, or the incident, that the event is about.
    """

    kind: ClassVar[str] = "incident"
    event: str
    about: str = ""
    title: str = ""
    severity: str = ""
    alert: str = ""
    role: str = ""
    who: str = ""
    note: str = ""
    window: tuple[str, str] = ("", "")
    reference: str = ""
    until: str = ""
    point: str = ""
    at: str = ""


@dataclass(frozen=True, kw_only=True)
class RunbookEvent(Fact):
    """What happened in a runbook run; the subject is its id (RUN-5).

    `until`: when a step that waits is looked at again. `holder`: the process that is about to act, as host:pid:born.
    """

    kind: ClassVar[str] = "runbook"
    event: str
    runbook: str = ""
    digest: str = ""
    incident: str = ""
    about: str = ""
    step: int | None = None
    status: str = ""
    evidence: str = ""
    note: str = ""
    params: Detail = field(default_factory=dict)
    until: str = ""
    holder: str = ""


@dataclass(frozen=True, kw_only=True)
class Postmortem(Fact):
    """A post-mortem was drafted or finished; the subject is the incident.

    `told` and `declined`: what `who`, who was there, had to say when asked. What people wrote is never in the history:
    `document` is the digest of the object that holds it.
    """

    kind: ClassVar[str] = "postmortem"
    event: str
    document: str = ""
    actions: tuple[Detail, ...] = ()
    who: str = ""


@dataclass(frozen=True, kw_only=True)
class Snoozed(Fact):
    """Somebody put a reminder off until then, or wants it now; the subject is what it reminds of (alert/AL-1)."""

    kind: ClassVar[str] = "snoozed"
    who: str
    until: str


@dataclass(frozen=True, kw_only=True)
class OnCallSwap(Fact):
    """Somebody takes over from `since` to `until` whoever else would be on call; the subject is the rotation."""

    kind: ClassVar[str] = "oncall"
    who: str
    since: str
    until: str
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Handover(Fact):
    """A person `gave` the watch to somebody, or `took` it: up to then he knows what happened. The subject is who."""

    kind: ClassVar[str] = "handover"
    event: str
    to: str = ""
    note: str = ""
