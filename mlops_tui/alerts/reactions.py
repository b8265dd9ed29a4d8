"""What follows from findings: which alerts fire, fire again, flap, recover. Pure; somebody else appends it."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_tui import folds
from mlops_tui.alerts import alertstate, muting, paging
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.kinds import Monitor
from store.facts import AlertEvent, Backtested, Finding

if TYPE_CHECKING:
    from store.ledger import Entry

JUDGED = ("pass", "warn", "fail")
TOLD = ("fired", "refired", "flapping")  # the turns that somebody is told of


@dataclass(frozen=True)
class Turn:
    """What an alert did at one of the points judged: `fired`, `refired`, `flapping` or `recovered`."""

    at: datetime
    event: str
    place: int


def fires(policy: AlertPolicy, points: Iterable[tuple[datetime, str]]) -> list[Turn]:
    """When an alert of that policy would have fired and recovered, over points (time, status) in the order of time.

    `unknown` is no pass: such points neither fire nor calm. Where the policy damps flapping, `flapping` comes in place
    of the firing that is one too many, and nothing more until it is calm: then it recovers, or fires as usual.
    """
    rule, state, turns = Rule(policy), Held(), list[Turn]()
    for place, (at, status) in enumerate(points):
        event = rule.next(state, at, status)
        if event:
            turns.append(Turn(at, event, place))
            state = state.after(event)
    return turns


@dataclass(frozen=True)
class Held:
    """How an alert stands as far as its rule is concerned."""

    known: bool = False
    firing: bool = False
    flapping: bool = False

    def after(self, event: str) -> "Held":
        return Held(True, event != "recovered", event == "flapping")


@dataclass
class Rule:
    """`k of n` and `c in d` over the findings of one monitor, told one after the other."""

    policy: AlertPolicy
    _recent: deque[str] = field(init=False)
    _failing: bool = False
    _risen: deque[datetime] = field(default_factory=deque)  # when it began to fail, as often as flapping needs
    _turned: datetime | None = None  # when it last began or ceased to fail

    def __post_init__(self) -> None:
        self._recent = deque(maxlen=self.policy.after.n)

    def next(self, state: Held, at: datetime, status: str) -> str:
        """The event that a finding of that status leads to; empty where nothing changes."""
        if status not in JUDGED:
            return ""
        self._recent.append(status)
        fails = status == "fail" and self._recent.count("fail") >= self.policy.after.k
        calm = len(self._recent) >= self.policy.after.n and "fail" not in self._recent
        self._turn(at, fails, calm)
        if state.flapping:
            return self._settled(at)
        if fails and not state.firing:
            return "flapping" if self._flaps(at) else "refired" if state.known else "fired"
        return "recovered" if calm and state.firing else ""

    def _turn(self, at: datetime, fails: bool, calm: bool) -> None:
        if fails and not self._failing:
            self._failing, self._turned = True, at
            self._risen.append(at)
        elif calm and self._failing:
            self._failing, self._turned = False, at

    def _flaps(self, at: datetime) -> bool:
        flap = self.policy.flap
        if flap is None:
            return False
        while self._risen and at - self._risen[0] >= flap.span:
            self._risen.popleft()
        return len(self._risen) >= flap.count

    def _settled(self, at: datetime) -> str:
        """It neither began nor ceased to fail for as long as the policy looks back."""
        flap = self.policy.flap
        if flap is not None and self._turned is not None and at - self._turned < flap.span:
            return ""
        return "refired" if self._failing else "recovered"


def nothing(_: str) -> Collection[str]:
    """Nothing is known of it."""
    return ()


def unknown(_: str) -> str:
    """It is not known."""
    return ""


@dataclass(frozen=True)
class Around:
    """What the project says around its monitors: which datasets something is made from, whose it is, and the
    fingerprint of a monitor's declaration."""

    feeds: Callable[[str], Collection[str]] = nothing
    owner: Callable[[str], str] = unknown
    declaration: Callable[[str], str] = unknown


def react(monitors: Mapping[str, Monitor], entries: "Iterable[Entry]", since: int, now: datetime,
          around: Around = Around()) -> list[AlertEvent]:
    """The alert events that follow from what is newer than entry number `since`; asked twice, they follow once.

    First what each monitor's findings say by its rule, then which of the alerts wait behind another one's.
    """
    told = _Told(entries, since)
    if not told.fresh:
        return []
    known, steps = dict(told.alerts), list[AlertEvent]()
    for name in told.fresh:
        if name in monitors and (policy := monitors[name].alert) is not None:
            follow = _Following(name, policy, told, around, folds.next_id("AL", known))
            for step in follow.steps():
                steps.append(step)
                known[step.subject] = alertstate.after(known[step.subject], step, now) if step.subject in known \
                    else alertstate.fired(step, now)
    policies = {name: each.alert for name, each in monitors.items() if each.alert is not None}
    return [*steps, *muting.mutes(known, policies, around.feeds, told.last_judged, now)]


class _Told:
    """What the history says of findings and alerts, gone through once."""

    def __init__(self, entries: "Iterable[Entry]", since: int) -> None:
        self.since = since
        self.fresh: dict[str, None] = {}  # the monitors whose findings are new; "" where an alert was changed
        self.findings: dict[str, list[Entry]] = {}
        self.closed: dict[str, int] = {}  # up to which entry a person closed what a monitor found
        self.handled: dict[str, int] = {}  # and up to which it was reacted to
        events: list[Entry] = []
        tested: list[Entry] = []
        for entry in entries:
            if isinstance(entry.fact, Finding):
                self.findings.setdefault(entry.fact.monitor, []).append(entry)
                self.fresh |= {entry.fact.monitor: None} if entry.seq > since else {}
            elif entry.kind == AlertEvent.kind:
                events.append(entry)
                self.fresh |= {"": None} if entry.seq > since else {}
            elif entry.kind == Backtested.kind:
                tested.append(entry)
        self.backtests, self.alerts = paging.backtests(tested), alertstate.alerts(events)
        self.newest: dict[str, folds.Alert] = {each.monitor: each for each in self.alerts.values()}
        self._mark(events)

    def _mark(self, events: "Iterable[Entry]") -> None:
        for entry in events:
            mine = self.alerts.get(entry.subject)
            if mine is not None and isinstance(entry.fact, AlertEvent):
                if entry.fact.event == "resolved":
                    self.closed[mine.monitor] = entry.seq
                self.handled[mine.monitor] = max(self.handled.get(mine.monitor, 0), entry.fact.finding or 0)

    def last_judged(self, monitor: str) -> "tuple[datetime, str] | None":
        """When a monitor last found something that could be judged, and what."""
        return next(((entry.recorded_at, entry.fact.status) for entry in reversed(self.findings.get(monitor, ()))
                     if isinstance(entry.fact, Finding) and entry.fact.status in JUDGED), None)


@dataclass(frozen=True)
class _Following:
    """One monitor, its rule and its findings. What people closed is closed: counting begins anew after it."""

    monitor: str
    policy: AlertPolicy
    told: _Told
    around: Around
    number: str

    def steps(self) -> "Iterator[AlertEvent]":
        newest = self.told.newest.get(self.monitor)
        alert = newest if newest is not None and newest.open else None
        held = Held() if alert is None else Held(True, alert.state in ("firing", "acked"), alert.flapping)
        name, rule = self.number if alert is None else alert.id, Rule(self.policy)
        closed = self.told.closed.get(self.monitor, 0)
        from_here = max(self.told.since, self.told.handled.get(self.monitor, 0))
        for entry in self.told.findings.get(self.monitor, ()):
            if entry.seq <= closed or not isinstance(entry.fact, Finding):
                continue
            event = rule.next(held, entry.recorded_at, entry.fact.status)
            if event and entry.seq > from_here:
                yield self._event(name, event, entry.seq, entry.fact, first=not held.known)
                held = held.after(event)

    def _event(self, name: str, event: str, seq: int, fact: Finding, *, first: bool) -> AlertEvent:
        if event == "recovered":
            return AlertEvent(subject=name, event=event, finding=seq)
        loss = fact.detail.get("loss_a_day")
        said = AlertEvent(subject=name, event=event, title=fact.title, finding=seq,
                          loss=loss if isinstance(loss, Mapping) else {}, **self._allowed())
        return said if not first else replace(
            said, monitor=fact.monitor, about=fact.subject, check=fact.check, runbook=self.policy.runbook,
            route=self.policy.route or self.around.owner(fact.subject), group=self._group(fact))

    def _allowed(self) -> dict[str, Any]:
        """Its severity, whether it pages, and why not more: only what was back-tested as it is may wake people."""
        policy = self.policy
        if not paging.asks(policy):
            return {"severity": policy.severity}
        missing = paging.lacks(policy, self.told.backtests.get(self.monitor), self.around.declaration(self.monitor))
        severity = paging.MOST if missing and policy.severity == "critical" else policy.severity
        return {"severity": severity, "page": policy.page and not missing, "note": paging.lowered(policy, missing)}

    def _group(self, fact: Finding) -> str:
        return {"subject": "", "monitor": f"monitor {self.monitor}", "check": f"check {fact.check}",
                "project": "project"}[self.policy.group]


def until_calm(policy: AlertPolicy, monitor: str, entries: "Sequence[Entry]") -> int:
    """How many findings of the monitor in a row must still not fail before its alert recovers."""
    judged = [status for entry in folds.findings_of(entries, monitor=monitor)
              if (status := _status(entry)) in JUDGED]
    calm = next((number for number, status in enumerate(reversed(judged)) if status == "fail"), len(judged))
    return max(policy.after.n - calm, 0)


def _status(entry: "Entry") -> str:
    return entry.fact.status if isinstance(entry.fact, Finding) else ""
