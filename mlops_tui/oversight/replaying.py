"""What a monitor would have found at earlier times, on what was known then."""

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

from mlops_tui.alerts import reactions
from mlops_tui.analysis.criteria import Criterion, Verdict, judge
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.verdict import Limits
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.declarations.limits import LESS_IS_BETTER
from mlops_tui.errors import BadInput
from mlops_tui.oversight.standing import beyond
from mlops_tui.running.cronlines import cron
from mlops_tui.session import Progress, ReplayClock, Session, quiet
from mlops_tui.view import Status
from store.facts import Finding
from store.ledger import Entry, Ledger
from store.rehearsal import Changed, Rehearsal

ARRIVALS = ("ingest", "validate")  # checks that look when rows come, not by the clock


@dataclass(frozen=True)
class Look:
    """What a monitor finds at one time; without a finding it could not even look, and `said` tells why."""

    at: datetime
    finding: Finding | None
    said: str

    @property
    def status(self) -> Status:
        return Status(self.finding.status) if self.finding is not None else Status.UNKNOWN

    @property
    def judged(self) -> bool:
        return self.status in reactions.JUDGED


@dataclass(frozen=True)
class Alarm:
    """What somebody would have been told: `fired`, `refired` or `flapping`, after which look, and until when."""

    at: datetime
    look: Look
    event: str
    until: datetime | None = None


def due_times(monitor: Monitor, zone: tzinfo, start: datetime, end: datetime) -> list[datetime]:
    """When the monitor looks, from start up to and with end; BadInput where it has no timetable."""
    if not monitor.every:
        raise BadInput(f"This monitor of {monitor.subject} has no timetable: it looks when somebody asks.",
                       next="Declare `every: \"0 6 * * *\"`, and replay it then.")
    line, found = cron(monitor.every, zone), list[datetime]()
    at = line.newest(start) if line.newest(start) == start else line.next(start)
    while at is not None and at <= end:
        found.append(at)
        at = line.next(at)
    return found


@dataclass(frozen=True)
class World:
    """The history that looks are replayed in: as it was, or as it would have been with something changed."""

    session: Session
    changed: Changed | None = None

    def at(self, now: datetime, upto: int) -> Session:
        """A session at that time, on the history up to that entry; what it appends is kept in memory."""
        ledger = self.session.ledger
        if not isinstance(ledger, Ledger):
            raise BadInput("There is no history to replay.", next="Try: mlops-tui init")
        clock = ReplayClock(now)
        actor = replace(self.session.actor, roles=self.session.actor.roles | {"operator"})  # nothing is changed
        tried = Rehearsal(ledger, upto, clock, self.changed)
        return replace(self.session, actor=actor, ledger=tried, clock=clock, as_of=None, read_only=False,
                       progress=quiet)


def replayed(world: World, name: str, monitor: Monitor, times: Sequence[datetime],
             progress: Progress = quiet) -> list[Look]:
    """What the monitor would have found at each time, by the very command that its timetable runs.

    At a time at which it did look, what it knew is what stands before that finding in the history; otherwise all that
    was recorded by then. Of times before the data came, the first state is taken for what was known: a row counts from
    when it happened. Findings of a check that looks when rows come are the recorded ones, judged by the limits given.
    """
    entries = world.session.ledger.entries()
    if monitor.check in ARRIVALS:
        return _arrived(entries, name, monitor, times)
    known = _Known.of(entries, name)
    project = world.session.declared()
    changed = replace(world.session, project=project.with_monitors({**project.monitors, name: monitor}))
    looks = []
    for number, at in enumerate(times):
        progress(number, len(times), f"Replaying {name}: {at:%-d %b %Y}")
        session = World(changed, world.changed).at(at, known.upto(at))
        looks.append(looked(session, monitor.command(name), name))
    progress(len(times), len(times), f"Replaying {name}: done")
    return looks


def looked(session: Session, argv: Sequence[str], name: str) -> Look:
    """What one look finds, in a session of `World.at`."""
    outcome = session.perform(argv)
    made = session.ledger.made if isinstance(session.ledger, Rehearsal) else []
    found = [entry.fact for entry in made if isinstance(entry.fact, Finding) and entry.fact.monitor == name]
    return Look(session.now(), found[-1] if found else None, found[-1].title if found else outcome.view.title)


@dataclass(frozen=True)
class _Known:
    """Up to which entry the history was known at a time."""

    times: Sequence[datetime]
    seqs: Sequence[int]
    looks: Mapping[datetime, int]
    first: int

    @classmethod
    def of(cls, entries: Sequence[Entry], name: str) -> "_Known":
        looks = {entry.recorded_at: entry.seq - 1 for entry in entries
                 if isinstance(entry.fact, Finding) and entry.fact.monitor == name}
        started = [entry for entry in entries if entry.kind in ("snapshot", "promotion")]
        first = next((entry.recorded_at for entry in started if entry.kind == "promotion"),
                     started[0].recorded_at if started else None)
        begun = [entry.seq for entry in entries if first is not None and entry.recorded_at <= first]
        return cls([entry.recorded_at for entry in entries], [entry.seq for entry in entries], looks,
                   begun[-1] if begun else 0)

    def upto(self, at: datetime) -> int:
        """The last entry that counts."""
        if at in self.looks:
            return self.looks[at]
        place = bisect_right(self.times, at)
        return max(self.seqs[place - 1] if place else 0, self.first)


def _arrived(entries: Sequence[Entry], name: str, monitor: Monitor, times: Sequence[datetime]) -> list[Look]:
    """The recorded findings of that span, judged anew."""
    if not times:
        return []
    found = [(entry.recorded_at, entry.fact) for entry in entries if isinstance(entry.fact, Finding)
             and entry.fact.monitor == name and times[0] <= entry.recorded_at <= times[-1]]
    return [Look(at, judged_by(fact, monitor), fact.title) for at, fact in found]


# -- the same figures under other limits ----------------------------------------------------------------------------

Judged = tuple[str, float | None]


def judged_by(finding: Finding, monitor: Monitor) -> Finding:
    """The finding as it would read under the monitor's limits: its figures stay, its status and limit may not.

    KeyError for a check whose findings do not say enough for that: see `SWEPT`.
    """
    status, limit = _REJUDGED[monitor.check](finding, monitor)
    return replace(finding, status=status, limit=limit)


def _drift(finding: Finding, monitor: Monitor) -> Judged:
    """As `analysis.verdict.judge` and `beyond`: significant and at least the limit and the usual, or a limit on another
    distance; or too few rows to see that."""
    limits = Limits(**{name: value for name, value in monitor.limits.items() if name != "joint"})
    limit, columns = limits.ks, finding.detail["columns"].values()
    if finding.status == "fail" and not any(column["drifted"] for column in columns):
        return "fail", limit  # a column is gone, or of another type
    stands = [_column(column, limits) for column in columns]
    if True in stands:
        return "fail", limit
    return "pass" if stands and None not in stands else "unknown", limit


def _column(column: Mapping[str, Any], limits: Limits) -> bool | None:
    """Whether a column would have drifted under those limits; None where nobody could say."""
    p, effect, drifted = column["p_adjusted"], column["effect"], column["drifted"]
    quiet_, gone = str(column["reason"]).startswith("known"), "missing in" in str(column["reason"])
    if p is None or effect is None or quiet_ or gone:
        return None if drifted is None else bool(drifted)
    limit = max(limits.v if column["test"] == "chi2" else limits.ks, column.get("usual") or 0.0)
    if p <= limits.alpha:
        return bool(effect >= limit) or _beyond_a_distance(column, limits)
    return None if (column.get("detectable") or 0.0) > limit else False


def _beyond_a_distance(column: Mapping[str, Any], limits: Limits) -> bool | None:
    """Whether a significant shift reaches a limit on another distance that the column has; None where its bounds do
    not say."""
    found = [(limit, column[f"{name}_low"], column[f"{name}_high"]) for name, limit in limits.of_distances.items()
             if column.get(f"{name}_low") is not None]
    if any(low >= limit for limit, low, _ in found):
        return True
    return False if all(high < limit for limit, _, high in found) else None


def _performance(finding: Finding, monitor: Monitor) -> Judged:
    """As criteria are judged: both bounds beyond the limit fail, both within it pass, else nobody knows."""
    stands = []
    for name, limit in monitor.limits.items():
        found = finding.detail["metrics"].get(name) or {}
        less = name in LESS_IS_BETTER
        criterion = Criterion(name, None if less else limit, limit if less else None, monitor.min_rows)
        rows = found.get("n", finding.n or 0)
        estimate = Estimate(name, found.get("value"), found.get("low"), found.get("high"), rows)
        stands.append(STANDS.get(judge(criterion, estimate).verdict, "unknown"))
    shown = next(iter(monitor.limits.values()), None)
    return _worst(stands, finding), shown


STANDS = {Verdict.MET: "pass", Verdict.NOT_MET: "fail"}


def _calibration(finding: Finding, monitor: Monitor) -> Judged:
    """As `standing.beyond`; a measure that could not be taken is unknown."""
    stands = []
    for name, limit in monitor.limits.items():
        value = finding.detail["measures"].get(name)
        low, high = finding.detail.get("bounds", {}).get(name, (None, None))
        stands.append("unknown" if value is None else beyond(value, low, high, limit).value)
    return _worst(stands, finding), next(iter(monitor.limits.values()), None)


def _worst(stands: Sequence[str], finding: Finding) -> str:
    return next((word for word in ("fail", "unknown", "pass") if word in stands), finding.status)


def _arrival(finding: Finding, monitor: Monitor) -> Judged:
    """So many bad rows of all; what fails for another reason stays as it is."""
    share, bad, rows = monitor.limits.get("bad_share", 0.0), finding.detail["bad_rows"], finding.n or 0
    if finding.status == "fail" and not bad:
        return "fail", share * rows
    return "fail" if bad > share * rows else "warn" if bad else finding.status, share * rows


_REJUDGED: Mapping[str, Callable[[Finding, Monitor], Judged]] = {
    "drift": _drift, "performance": _performance, "calibration": _calibration, "ingest": _arrival,
    "validate": _arrival}
SWEPT = tuple(_REJUDGED)


# -- what people would have been woken by ---------------------------------------------------------------------------


def alarms(looks: Sequence[Look], policy: AlertPolicy) -> list[Alarm]:
    """What those looks would have told people, when nobody closes or silences any alert."""
    turns = reactions.fires(policy, ((look.at, look.status.value) for look in looks))
    found = []
    for number, turn in enumerate(turns):
        if turn.event in reactions.TOLD:
            calm = next((each.at for each in turns[number + 1:] if each.event == "recovered"), None)
            found.append(Alarm(turn.at, looks[turn.place], turn.event, calm))
    return found
