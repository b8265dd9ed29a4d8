"""How alerts and silences stand, folded from the entries of the history: pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_tui.alerts.matching import Matcher, all_match, matchers
from mlops_tui.declarations.alertpolicy import GRAVE
from store.facts import AlertEvent, Finding

if TYPE_CHECKING:
    from store.ledger import Entry

_STATE = {"fired": "firing", "refired": "firing", "flapping": "firing", "acked": "acked", "unacked": "firing",
          "recovered": "recovered", "resolved": "resolved", "reopened": "firing"}
_OVER = ("recovered", "resolved")
_TURNS = ("fired", "refired", "flapping", "recovered", "resolved", "reopened")
_TAKEN_BACK = ("unacked", "reopened")
_RANK, _WAITS = {"firing": 0, "acked": 1, "recovered": 3, "resolved": 4}, 2
_TOLD = ("fired", "refired", "flapping", "unmuted", *_TAKEN_BACK)  # what somebody is told of


@dataclass(frozen=True)
class Silence:
    """Which alerts are kept quiet, from when to when, by whom and why."""

    id: str
    match: tuple[Matcher, ...]
    since: datetime
    until: datetime
    by: str
    why: str
    ended_by: str = ""

    def active(self, now: datetime) -> bool:
        return self.since <= now < self.until

    def standing(self, now: datetime) -> str:
        """`planned`, `active`, `over`, or `ended` where somebody ended it before its time."""
        if now < self.since and not self.ended_by:
            return "planned"
        return "active" if self.active(now) else "ended" if self.ended_by else "over"

    @property
    def said(self) -> str:
        return ",".join(map(str, self.match))


@dataclass(frozen=True)
class Alert:
    """One group of findings that woke somebody; `firing`, `acked`, `recovered` or `resolved`.

    It may be silent (by people), muted (by the alert of what it is made from) or flapping besides. `told_at` is when
    it last turned in a way that somebody is told of, `lowered` why it does not fire as gravely as its rule asks,
    `unreached` the routes that have given it up since.
    """

    id: str
    monitor: str
    about: str
    check: str
    severity: str
    title: str
    runbook: str
    route: str
    opened_at: datetime
    updated_at: datetime
    state: str = "firing"
    finding: int | None = None
    owner: str = ""
    fired: int = 1
    until: str = ""
    real: bool | None = None
    note: str = ""
    acked_at: datetime | None = None
    flapping: bool = False
    muted_by: str = ""
    muted_why: str = ""
    page: bool = False
    lowered: str = ""
    group: str = ""
    loss: Mapping[str, Any] = field(default_factory=dict)
    ended_at: datetime | None = None
    told_at: datetime | None = None
    told: str = "fired"
    silences: tuple[Silence, ...] = ()
    unreached: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        return self.state != "resolved"

    @property
    def turn(self) -> datetime:
        """When the turn began that it is in: when somebody was first, or again, to be told of it."""
        return self.told_at or self.opened_at

    @property
    def together(self) -> str:
        """What alerts share with those they are shown with."""
        return self.group or self.about

    @property
    def gravity(self) -> tuple[int, float]:
        """How it sorts, the gravest first: by severity, then by what it is expected to cost a day."""
        cost = self.loss.get("value")
        return (GRAVE.index(self.severity) if self.severity in GRAVE else len(GRAVE),
                -float(cost) if isinstance(cost, int | float) else 0.0)

    @property
    def muted(self) -> bool:
        """Whether it waits behind the alert of what it is made from; one that somebody has taken up does not."""
        return bool(self.muted_by) and self.state == "firing"

    @property
    def values(self) -> Mapping[str, str]:
        """What a silence may match."""
        return {"monitor": self.monitor, "subject": self.about, "check": self.check, "severity": self.severity,
                "alert": self.id}

    def silent(self, now: datetime) -> bool:
        """Whether it is silenced at that time; a silence outlives the next firing."""
        return self.silent_until(now) is not None

    def silent_until(self, now: datetime) -> datetime | None:
        """When the last of the silences ends that it is under at that time; None where it is under none."""
        own = [datetime.fromisoformat(self.until)] if self.until else []
        ends = [*(end for end in own if now < end), *(each.until for each in self.silences if each.active(now))]
        return max(ends, default=None) if self.open else None

    def quiet(self, now: datetime) -> bool:
        """Whether it notifies nobody at that time, because it is silenced or muted."""
        return self.muted or self.silent(now)

    def standing(self, now: datetime) -> str:
        """Its state in one word, `silenced`, `muted` and `flapping` included."""
        if self.silent(now):
            return "silenced"
        if self.muted:
            return "muted"
        return "flapping" if self.flapping and self.state == "firing" else self.state


def alerts(entries: "Iterable[Entry]") -> dict[str, Alert]:
    """Every alert by id, oldest first. A silence is the monitor's: what it fires meanwhile is silent too."""
    found: dict[str, Alert] = {}
    own: dict[str, str] = {}
    told: list[Entry] = [entry for entry in entries if isinstance(entry.fact, AlertEvent)]
    for entry in told:
        fact = entry.fact
        if not isinstance(fact, AlertEvent):
            continue
        if fact.event in ("fired", "flapping") and fact.subject not in found and fact.monitor:
            found[fact.subject] = fired(fact, entry.recorded_at, own.get(fact.monitor, ""))
        elif fact.subject in found:
            found[fact.subject] = after(found[fact.subject], fact, entry.recorded_at, entry.actor)
        if fact.event in ("silenced", "heard") and fact.subject in found:
            own[found[fact.subject].monitor] = fact.until
    over = silences(told).values()
    return {name: _silenced(each, over) for name, each in found.items()} if over else found


def _silenced(alert: Alert, over: Iterable[Silence]) -> Alert:
    mine = tuple(each for each in over if all_match(each.match, alert.values))
    return replace(alert, silences=mine) if mine and alert.open else alert


def silences(entries: "Iterable[Entry]") -> dict[str, Silence]:
    """Every silence by matcher, by its id, oldest first."""
    found: dict[str, Silence] = {}
    for entry in entries:
        fact = entry.fact
        if not isinstance(fact, AlertEvent):
            continue
        if fact.event == "silence":
            found[fact.subject] = Silence(fact.subject, matchers(fact.match), datetime.fromisoformat(fact.since),
                                          datetime.fromisoformat(fact.until), entry.actor, fact.note)
        elif fact.event == "heard" and fact.subject in found:
            before = found[fact.subject]
            found[fact.subject] = replace(before, until=min(before.until, entry.recorded_at), ended_by=entry.actor)
    return found


def fired(fact: AlertEvent, at: datetime, until: str = "") -> Alert:
    """The alert that begins with that event."""
    return Alert(fact.subject, fact.monitor, fact.about, fact.check, fact.severity, fact.title, fact.runbook,
                 fact.route, at, at, finding=fact.finding, flapping=fact.event == "flapping", page=fact.page,
                 lowered=fact.note, group=fact.group, loss=fact.loss, told_at=at, told=fact.event,
                 until=until)


def after(alert: Alert, fact: AlertEvent, at: datetime, actor: str = "") -> Alert:
    """The alert once that happened to it."""
    event = fact.event
    changed: dict[str, Any] = {"updated_at": at, "state": _STATE.get(event, alert.state),
                               "finding": fact.finding or alert.finding, "until": fact.until or alert.until,
                               "real": fact.real if fact.real is not None else alert.real}
    if event == "undelivered":  # by a route: nobody heard of it that way
        return replace(alert, updated_at=at, unreached=tuple(dict.fromkeys((*alert.unreached, fact.who))))
    if event in _TOLD:
        changed |= {"told_at": at, "told": event, "unreached": ()}
    if event in _TURNS:
        changed |= {"flapping": event == "flapping", "muted_by": "", "muted_why": "",
                    "ended_at": at if event in _OVER else None}
    if event in ("acked", "assigned"):
        changed["owner"] = fact.who or actor
    if event == "acked":
        changed["acked_at"] = alert.acked_at or at
    elif event in _TAKEN_BACK:
        changed |= {"owner": "", "real": None}
    elif event == "heard":
        changed["until"] = ""
    if event in ("refired", "flapping"):
        changed |= {"fired": alert.fired + 1, "title": fact.title or alert.title, "page": fact.page,
                    "severity": fact.severity or alert.severity, "lowered": fact.note, "loss": fact.loss or alert.loss}
    elif event in ("muted", "unmuted"):
        changed |= {"muted_by": fact.cause, "muted_why": fact.note} if event == "muted" else \
            {"muted_by": "", "muted_why": ""}
    else:
        changed["note"] = fact.note or alert.note
    return replace(alert, **changed)


def priced(found: Iterable[Alert], entries: "Iterable[Entry]") -> list[Alert]:
    """The alerts with what they are expected to cost a day by now: as their own monitor said last, else as the newest
    finding about the same subject says."""
    known: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        if isinstance(entry.fact, Finding) and isinstance(loss := entry.fact.detail.get("loss_a_day"), Mapping):
            known[f"monitor {entry.fact.monitor}"] = known[entry.subject.partition("@")[0]] = loss
    return [replace(each, loss=known.get(f"monitor {each.monitor}") or known.get(each.about) or each.loss)
            for each in found] if known else list(found)


# -- what belongs together ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """Alerts with the same group key that were open at the same time; called by the first of them."""

    name: str
    alerts: tuple[Alert, ...]

    @property
    def id(self) -> str:
        """The first of them, which the group is called by."""
        return self.alerts[0].id

    @property
    def worst(self) -> Alert:
        """The one to show: what fires before what waits or is taken care of, then the gravest and dearest, then the
        newest."""
        return min(self.alerts, key=lambda each: (_WAITS if each.muted else _RANK.get(each.state, 0), *each.gravity,
                                                  -each.opened_at.timestamp()))

    def loud(self, now: datetime) -> bool:
        """Whether one of them is open that nothing keeps quiet."""
        return any(each.open and not each.quiet(now) for each in self.alerts)


def groups(found: Iterable[Alert]) -> list[Group]:
    """Alerts of one group key belong together as long as one of them is open."""
    made: list[list[Alert]] = []
    going: dict[str, list[Alert]] = {}
    ends: dict[int, datetime | None] = {}
    for alert in sorted(found, key=lambda each: each.opened_at):
        group = going.get(alert.together)
        end = ends.get(id(group)) if group is not None else None
        if group is None or (end is not None and end <= alert.opened_at):
            group = going[alert.together] = []
            made.append(group)
            ends[id(group)] = alert.opened_at
            end = alert.opened_at
        group.append(alert)
        ends[id(group)] = None if alert.open or end is None else max(end, alert.updated_at)
    return [Group(f"alert/{each[0].id}", tuple(each)) for each in made]
