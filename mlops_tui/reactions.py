"""What follows from findings: which alerts fire, fire again, flap, recover. Pure; somebody else appends it."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.kinds import AlertPolicy, Monitor
from store.facts import AlertEvent, Finding

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
    rule, steps = Rule(policy), list[AlertEvent]()
    for entry in findings:
        if entry.seq <= closed or not isinstance(entry.fact, Finding):
            continue
        held = Held() if alert is None else Held(True, alert.state in ("firing", "acked"), alert.flapping)
        event = rule.next(held, entry.recorded_at, entry.fact.status)
        if event and entry.seq > max(turn.since, handled):
            steps.append(_event(policy, alert, event, entry.seq, entry.fact, turn.number))
            alert = _after(alert, steps[-1], turn.now)
    return steps


def _marks(events: "Sequence[Entry]", mine: set[str]) -> tuple[int, int]:
    """Up to which entry a monitor's findings are closed by a person, and up to which they were reacted to."""
    closed = handled = 0
    for entry in events:
        if isinstance(entry.fact, AlertEvent) and entry.subject in mine:
            closed = entry.seq if entry.fact.event == "resolved" else closed
            handled = max(handled, entry.fact.finding or 0)
    return closed, handled


def _event(policy: AlertPolicy, alert: "folds.Alert | None", event: str, seq: int, fact: Finding,
           number: str) -> AlertEvent:
    if alert is None:
        return AlertEvent(subject=number, event=event, monitor=fact.monitor, about=fact.subject, check=fact.check,
                          severity=policy.severity, title=fact.title, runbook=policy.runbook, route=policy.route,
                          finding=seq)
    return AlertEvent(subject=alert.id, event=event, title="" if event == "recovered" else fact.title, finding=seq)


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
    return replace(alert, state="recovered" if step.event == "recovered" else "firing",
                   flapping=step.event == "flapping")
