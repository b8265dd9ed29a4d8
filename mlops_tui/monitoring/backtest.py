"""How often an alert rule would have woken somebody over the past months, and how often rightly."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

import click

from mlops_tui.analysis.interval import Interval, poisson_rate, wilson
from mlops_tui.capability import measure
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.declare import OutOf, out_of
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.declarations.limits import LIMITS
from mlops_tui.errors import BadInput, nearest
from mlops_tui.inputs.moments import moment
from mlops_tui.monitoring._sweep import Setting, proposed, setting_name, swept
from mlops_tui.monitoring._truth import Planted, Told, events, held, planted
from mlops_tui.oversight.replaying import ARRIVALS, SWEPT, Look, World, alarms, due_times, replayed
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Series, Status, Table, Text, View, counted
from store.facts import Backtested

MONTH = timedelta(days=30.4375)
FEWEST = timedelta(days=28)
DRAWN = 400


@dataclass(frozen=True)
class Replayed:
    """A rule and what came of it: every look, and its alarms beside what is known."""

    name: str
    monitor: Monitor
    policy: AlertPolicy
    looks: Sequence[Look]
    told: Told
    span: tuple[datetime, datetime]
    altered: bool
    planted: Planted
    came: datetime | None = None

    @property
    def too_early(self) -> datetime | None:
        """When its data first came, where that was after every look."""
        return self.came if self.came is not None and all(
            look.at < self.came and look.finding is None for look in self.looks) else None

    @property
    def alerts(self) -> int:
        return len(self.told.held)

    @property
    def months(self) -> float:
        return max((self.span[1] - self.span[0]) / MONTH, 1 / 30)

    @property
    def rate(self) -> Interval:
        """Alerts a month, exact Poisson bounds."""
        return poisson_rate(self.alerts, self.months)


@measure
@click.argument("monitor")
@click.option("--from", "start", default=None, metavar="DAY", help="The first day to look; when its data first came by "
              "default.")
@click.option("--to", "end", default=None, metavar="DAY", help="Up to this day; until now by default.")
@click.option("--limit", "limits", multiple=True, metavar="NAME=VALUE", help="With this limit instead, such as ks=0.3.")
@click.option("--after", default=None, metavar="'K OF N'", help="Fire after so many of so many looks, such as "
              "'2 of 3'.")
@click.option("--planted", "with_planted", is_flag=True, help="Count the faults that drills planted, too.")
@click.option("--sweep", is_flag=True, help="Try other limits, and other numbers of looks to fire after.")
def backtest(session: Session, monitor: str, start: str | None, end: str | None, limits: tuple[str, ...],
             after: str | None, with_planted: bool, sweep: bool) -> View:
    """Replay the rule of MONITOR over its history: how often it would have fired, on which days, and how rightly.

    It looks whenever its timetable says, on what was known at that time. An alert is real or noise where people said
    so of one on these days, where an incident was opened by hand, or where a contract knows of an anomaly; of others
    nobody can tell. --planted adds what drills found out. Nobody closes the alerts of a back-test: one that recovered
    fires again.

    \b
    Example: mlops-tui backtest flights-drift
             mlops-tui backtest flights-drift --limit ks=0.5 --after "3 of 4"
             mlops-tui backtest flights-drift --sweep
    """
    project = session.declared()
    declared: Monitor = project.one("monitor", monitor)
    given, count = _limits(declared, limits), _after(after)
    tried = replace(declared, limits={**declared.limits, **given})
    policy = declared.alert or AlertPolicy()
    policy = replace(policy, after=count) if count is not None else policy
    span = _span(session, monitor, declared, start, end)
    times = list(span) if declared.check in ARRIVALS else due_times(declared, project.zone, *span)
    if not times:
        raise BadInput(f"'{monitor}' would not have looked between {span[0]:%Y-%m-%d} and {span[1]:%Y-%m-%d}.",
                       next="Widen --from and --to.")
    looks = replayed(World(session), monitor, tried, times, session.progress)
    known = events(session, monitor, declared, *span)
    told = held(alarms(looks, policy), known, declared.window)
    found = Replayed(monitor, tried, policy, looks, told, span, bool(given) or count is not None,
                     planted(session, monitor) if with_planted else Planted(), _came(session, declared))
    if not found.altered:
        session.ledger.append(_fact(session, found))
    settings = swept(looks, tried, policy, known) if sweep and _sweepable(tried) else []
    return _view(found, settings)


def _limits(declared: Monitor, given: Sequence[str]) -> dict[str, float]:
    """What `--limit NAME=VALUE` says; BadInput names a limit that the check does not have."""
    found: dict[str, float] = {}
    known = LIMITS[declared.check]
    for text in given:
        name, _, value = text.partition("=")
        try:
            found[name] = float(value)
        except ValueError as problem:
            raise BadInput(f"'{text}' is no limit.", next="Write --limit ks=0.3.") from problem
        if name not in known:
            raise BadInput(f"No limit '{name}' for {declared.check}.",
                           next=nearest(name, known) or f"Limits: {', '.join(known)}.")
        if found[name] not in known[name]:
            raise BadInput(f"A limit on {name} lies {known[name]}, not at {value}.")
    return found


def _after(text: str | None) -> OutOf | None:
    try:
        return out_of(text) if text is not None else None
    except ValueError as problem:
        raise BadInput(f"{problem}.", next="Write --after '2 of 3'.") from problem


def _sweepable(monitor: Monitor) -> bool:
    """BadInput where other limits cannot be tried on what the looks found."""
    if monitor.check not in SWEPT:
        raise BadInput(f"What {monitor.check} finds does not tell what it would find under another limit.",
                       next=f"Try one at a time, with --limit. A sweep is of: {', '.join(SWEPT)}.")
    if not monitor.limits:
        raise BadInput("The monitor declares no limit to vary.", next="Give it one: limits: {…}")
    return True


def _span(session: Session, name: str, monitor: Monitor, start: str | None, end: str | None) -> tuple[
        datetime, datetime]:
    """From when to when to look: since its data first came, or, where that is less than four weeks ago, since its
    first rows happened and a window has passed."""
    zone, now = session.declared().zone, session.now()
    last = min(moment(end, zone, now), now) if end else now
    if start:
        first = moment(start, zone, now)
    else:
        dataset = _rows_of(session, monitor)
        entries = session.ledger.entries("snapshot", subject=dataset)
        recorded = [entry.recorded_at for entry in session.ledger.entries("finding")
                    if getattr(entry.fact, "monitor", "") == name]
        if not entries and not recorded:
            raise BadInput(f"'{dataset}' has no data yet: there is nothing to replay.",
                           next=f"Try: mlops-tui snapshot log {dataset}")
        first = min([*recorded[:1], *(entry.recorded_at for entry in entries[:1])])
        days = [file.partition["day"] for file in session.snapshot(dataset).files if "day" in file.partition] \
            if entries and last - first < FEWEST else []
        first = min(first, moment(min(days), zone) + monitor.window) if days else first
    if first > last:
        raise BadInput(f"Nothing lies between {first:%Y-%m-%d} and {last:%Y-%m-%d}.", next="Give --from before --to.")
    return first, last


def _came(session: Session, monitor: Monitor) -> datetime | None:
    """When the rows that it looks at were first recorded."""
    entries = session.ledger.entries("snapshot", subject=_rows_of(session, monitor))
    return entries[0].recorded_at if entries else None


def _rows_of(session: Session, monitor: Monitor) -> str:
    """The dataset whose rows the monitor looks at."""
    project = session.declared()
    model = project.endpoints[monitor.subject].model.partition("@")[0] if monitor.subject in project.endpoints else \
        monitor.subject
    if model not in project.models:
        return monitor.subject
    return f"{model}.{'features' if monitor.check in ('drift', 'stability') else 'predictions'}"


def _fact(session: Session, found: Replayed) -> Backtested:
    told, faults = found.told, found.planted
    known = told.known or bool(faults.meant)
    said = [_truth(told), counted(len(faults.meant), "planted fault") if faults.meant else ""]
    return Backtested(
        subject=found.name, declaration=session.declaration("monitor", found.name),
        window=(found.span[0].isoformat(), found.span[1].isoformat()), looks=len(found.looks),
        judged=sum(look.judged for look in found.looks), alerts=found.alerts, truth=", ".join(filter(None, said)),
        real=told.count(True) if told.known else None, false=told.count(False) if told.known else None,
        missed=len(told.missed) + len(faults.missed) if known else None,
        delay=told.delay if told.delay is not None else faults.delay,
        detail={"alerts": [each.alarm.at.isoformat() for each in told.held], "months": found.months,
                "a_month": {"value": found.alerts / found.months, "low": found.rate.low, "high": found.rate.high},
                "unjudged": told.count(None), "missed": [*(each.name for each in told.missed), *faults.missed]})


def _truth(told: Told) -> str:
    """By what real is told from noise, in words."""
    kinds = Counter("alerts that people judged" if each.name.startswith("AL-") else
                    "incidents" if each.name.startswith("INC-") else "known anomalies" for each in told.events)
    return ", ".join(f"{number} {kind}" for kind, number in kinds.items())


# -- the view -------------------------------------------------------------------------------------------------------


def _view(found: Replayed, settings: Sequence[Setting]) -> View:
    told, rate, unknown = found.told, found.rate, [look for look in found.looks if not look.judged]
    facts: dict[str, Cell] = {
        "from": found.span[0], "to": found.span[1], "looks": len(found.looks), "not_judged": len(unknown),
        "failed": sum(look.status is Status.FAIL for look in found.looks), "alerts": found.alerts,
        "alerts_a_month": found.alerts / found.months, "a_month_at_least": rate.low, "a_month_at_most": rate.high,
        "interval": rate.method,
        "fires_after": str(found.policy.after), "limits": tuple(f"{key} {value:g}" for key, value in
                                                                 found.monitor.limits.items())}
    facts |= _known(told) | _of_faults(found.planted)
    facts |= {"data_came": found.came} if found.too_early is not None else {}
    parts: list[Part] = [_table(found), *_missed(told), *_picture(found), *_notes(found, unknown), Facts(facts)]
    actions = [Action("What it found", ("monitor", "show", found.name))]
    if found.too_early is not None:
        parts = [Text("A look is replayed on what was recorded by its time, and nothing was. Let it look now, and "
                      "back-test it again when it has looked for some weeks."), Facts(facts)]
        return View(_title(found), _status(found), tuple(parts), (
            Action("Look now", found.monitor.command(found.name)), *actions,
            Action("What it can see at all", ("power", found.name))))
    if settings:
        better = proposed(settings, setting_name(found.monitor), found.policy.after)
        parts = [Text(better.said), *_swept(settings, found), *parts]
        actions = [*([Action(better.label, ("backtest", found.name, *better.options))] if better.options else []),
                   *actions]
    elif found.monitor.check in SWEPT and found.monitor.limits:
        actions = [Action("Try other limits", ("backtest", found.name, "--sweep")), *actions]
    actions.append(Action("What it can see at all", ("power", found.name)))
    return View(_title(found), _status(found), tuple(parts), tuple(actions))


def _status(found: Replayed) -> Status:
    """A rule that could hardly ever judge, or that missed something real, is no rule to rely on."""
    judged = sum(look.judged for look in found.looks)
    if not judged:
        return Status.UNKNOWN
    wrong = found.told.missed or found.told.count(False) or found.planted.missed
    return Status.WARN if wrong else Status.DONE


def _title(found: Replayed) -> str:
    if found.too_early is not None:
        return f"{found.name}: its data were not known then: they came on {found.too_early:%Y-%m-%d}"
    if not any(look.judged for look in found.looks):
        return f"{found.name} could not judge a single one of {counted(len(found.looks), 'look')}"
    often = f"{found.name} fires {counted(found.alerts, 'time')} in {found.months:.1f} months"
    told = found.told
    if found.planted.meant:
        often += f", and sees {len(found.planted.seen)} of {len(found.planted.meant)} planted faults"
    if not told.known:
        return f"{often}; real or noise: nobody has said"
    said = [f"{told.count(True)} real", f"{told.count(False)} noise"]
    said += [f"{told.count(None)} unjudged"] if told.count(None) else []
    said += [f"{len(told.missed)} missed"] if told.missed else []
    return f"{often}: {', '.join(said)}"


def _known(told: Told) -> dict[str, Cell]:
    if not told.known:
        return {"truth": f"cannot tell false from real: {counted(len(told.held), 'alert')}, and nobody judged any"}
    real, noise = told.count(True), told.count(False)
    share = wilson(noise, real + noise)
    late = None if told.delay is None else told.delay / 3600
    return {"truth": _truth(told), "real": real, "noise": noise, "unjudged": told.count(None),
            "missed": len(told.missed), "noise_share": noise / (real + noise) if real + noise else None,
            "noise_at_most": share.high if real + noise else None, "hours_late": late}


def _of_faults(faults: Planted) -> dict[str, Cell]:
    if not faults.meant:
        return {}
    return {"planted": len(faults.meant), "planted_seen": len(faults.seen), "planted_missed": faults.missed or None,
            "planted_hours": faults.delay / 3600 if faults.delay is not None else None}


def _picture(found: Replayed) -> tuple[Series, ...]:
    """Value, interval and limit of every look; alerts are marked."""
    shown = [(look, look.finding) for look in found.looks if look.finding is not None and
             look.finding.value is not None][-DRAWN:]
    if not shown:
        return ()
    marks: tuple[tuple[str, Cell], ...] = tuple(("alert", each.alarm.at) for each in found.told.held
                                                if each.alarm.at >= shown[0][0].at)
    facts = [fact for _, fact in shown]
    return (Series("replayed", "band", tuple(look.at for look, _ in shown), tuple(fact.value for fact in facts),
                   tuple(fact.low for fact in facts), tuple(fact.high for fact in facts),
                   tuple(fact.limit for fact in facts), ("value", "limit"), f"{found.name}, replayed",
                   y_label=facts[-1].unit, marks=marks),)


def _table(found: Replayed) -> Table:
    words = {True: "real", False: "noise", None: "nobody said"}
    rows: list[Row] = [{
        "at": each.alarm.at, "event": each.alarm.event, "judged": words[each.real],
        "by": each.event.name if each.event is not None else None,
        "hours_late": each.late.total_seconds() / 3600 if each.late is not None else None,
        "until": each.alarm.until, "said": each.alarm.look.said} for each in found.told.held]
    return Table.of("alerts", rows, Column("at", "when"), "judged", "by", Column("hours_late", "late", "h", 0),
                    Column("until", "recovered"), Column("said", "what", cut=60), title="Alerts that would have fired")


def _missed(told: Told) -> tuple[Table, ...]:
    rows: list[Row] = [{"event": each.name, "from": each.start, "to": each.end} for each in told.missed]
    return (Table.of("missed", rows, "event", "from", "to", title="Real, and no alert"),) if rows else ()


def _notes(found: Replayed, unknown: Sequence[Look]) -> list[Text]:
    notes = []
    if unknown:
        often, number = Counter(map(_why, unknown)).most_common(1)[0]
        notes.append(Text(f"{counted(len(unknown), 'look')} of {len(found.looks)} could not judge, {number} of them "
                          f"since {often}. Unknown is no pass, and no alert."))
    if found.altered:
        notes.append(Text("Limits or looks other than declared: this is evidence of nothing, and is not recorded."))
    return notes


def _why(look: Look) -> str:
    """Why a look could not judge, without its figures, so that like is counted with like."""
    if look.finding is not None and look.finding.value is not None:
        return "the rows were too few to say on which side of the limit it lies"
    return look.said.split(":")[-1].strip().rstrip(".")


def _swept(settings: Sequence[Setting], found: Replayed) -> tuple[Part, ...]:
    """The other limits with the number of looks that is declared, the other numbers with its limit, the best of all."""
    best, declared = min(settings, key=lambda each: each.cost), next(each for each in settings if each.declared)
    rows: list[Row] = [{**each.row, "alerts_a_month": each.alerts / found.months} for each in settings
                       if each.after == declared.after or each.limit == declared.limit or each == best]
    known = found.told.known
    columns = ("limit", Column("after", "fires after"), "alerts", Column("alerts_a_month", "a month", digits=1),
               *(("real", "noise", "missed", Column("hours_late", "late", "h", 0)) if known else ()))
    table = Table.of("settings", rows, *columns, title="Other limits, and other numbers of looks")
    curve = [row for row in rows if row["after"] == str(found.policy.after)]
    other = tuple(row["missed"] for row in curve) if known else ()
    picture = Series("sweep", "line", tuple(row["limit"] for row in curve),
                     tuple(cast("float", row["alerts_a_month"]) for row in curve), other=other,
                     names=("alerts a month", "real events missed") if known else ("alerts a month",),
                     title=f"Alerts a month by limit, after {found.policy.after}",
                     x_label=setting_name(found.monitor),
                     marks=(("declared", found.monitor.limits[setting_name(found.monitor)]),))
    return (picture, table)

