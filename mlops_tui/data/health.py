"""Whether the batches of a dataset came, on time, once, in their usual size and with their usual values."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path

import click

from mlops_tui.capability import LocalPath, measure
from mlops_tui.data._arrivals import Batches
from mlops_tui.data._batches import KINDS, PEERS, SHOWN, Batch, Limits, by_week, judged, named, rates
from mlops_tui.data._batchfile import Rows
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.errors import BadInput
from mlops_tui.oversight.watching import watchers, watching
from mlops_tui.quality import calendars
from mlops_tui.quality.calendars import Calendar
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Series, Status, Table, View, counted, finite, worst
from store.facts import Finding

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
FEW_WEEKS = 10  # that are shown day by day
SEVERITY = {Status.PASS: 0, Status.UNKNOWN: 1, Status.WARN: 2, Status.FAIL: 3}
HOW = "Declare customProperties calendar: daily and partitionBy: [day]."


@dataclass(frozen=True)
class Looked:
    """Judged batches, and what they are batches of."""

    name: str
    calendar: Calendar
    batches: Sequence[Batch]

    @property
    def newest(self) -> Batch:
        return self.batches[-1]


@measure(looks="preview")
@click.argument("dataset", required=False)
@click.option("--window", "length", default=None, help="How far back to look; the monitor's own by default, else 28d.")
@click.option("--monitor", default=None, help="Judge as this declared monitor does.")
@click.option("--backtest", is_flag=True, help="Judge all of history, and say how often each check alarms.")
@click.option("--preview", is_flag=True, help="Only look: nothing is recorded.")
@click.option("--file", "file", type=LocalPath(), default=None, help="A file instead, whose rows have a --time.")
@click.option("--time", "when", default=None, help="The column of --file that says when.")
@click.option("--every", default="daily", show_default=True, help="The calendar of --file: daily, hourly, weekly, "
              "weekdays, or a cron line.")
def health(session: Session, dataset: str | None, *, length: str | None, monitor: str | None, backtest: bool,
           preview: bool, file: Path | None, when: str | None, every: str) -> View:
    """Look for missing, late, doubled and odd batches of DATASET; the newest one decides.

    A day is compared with the same weekday of the eight weeks before: its size, its missing values, how many different
    values a column has and where they lie. Known anomalies of the contract are quiet.

    \b
    Example: mlops-tui health flights --window 28d
             mlops-tui health flights --backtest
             mlops-tui health --file flights.parquet --time sched_dep
    """
    if (dataset is None) == (file is None) or (file is None) != (when is None):
        raise BadInput("What is to be looked at?", next="Give DATASET, or --file FILE --time COLUMN.")
    if file is not None and when is not None:
        if length or monitor:
            raise BadInput("A file has no window and no monitor.", next="Drop --window and --monitor.")
        return _file(session, file, when, every)
    return _dataset(session, str(dataset), length, monitor, backtest=backtest, preview=preview)


def _dataset(session: Session, text: str, length: str | None, monitor: str | None, *, backtest: bool,
             preview: bool) -> View:
    project = session.declared()
    subject = project.subject(text, "dataset")
    contract, place = project.dataset(subject.name), str(project.path_of("dataset", subject.name))
    calendar = calendars.declared(contract, place)
    if calendar is None or "day" not in contract.partition_by:
        raise BadInput(f"'{subject.name}' declares no calendar by day.", where=place, next=HOW)
    declared = watching(session, "health", subject.name, monitor, length or ("28d" if monitor is None else None))
    state, now = session.snapshot(subject.name), session.now()
    undated = sum(one.rows for one in state.files if "day" not in one.partition)
    if undated:
        raise BadInput(f"{undated:,} rows of '{subject.name}' came before it was partitioned by day.",
                       where=f"{subject.name}@{state.id[:12]}", next="The next ingest puts them into their days.")
    oldest = datetime.combine(datetime.fromisoformat(min((one.partition["day"] for one in state.files),
                                                         default=f"{now:%Y-%m-%d}")), time(), project.zone)
    today = now.astimezone(project.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    since = max(oldest, today - max(declared.window, timedelta(days=1)))
    since = oldest if backtest else min(since, today - timedelta(days=1))
    batches = Batches(session, contract, calendar, state, since)
    source = batches.source()
    weekly = calendar.every in ("daily", "weekdays", "hourly")
    before = max(oldest, since - timedelta(weeks=PEERS)) if weekly else oldest
    periods = calendar.periods(before, now, project.zone)
    while periods and periods[-1].due is not None and periods[-1].due > now and source.rows(periods[-1]) is None:
        periods.pop()  # it is not due yet
    if not periods:
        raise BadInput(f"No batch of '{subject.name}' is due yet.", where=place)
    since = min(since, periods[-1].start)
    looked = Looked(subject.name, calendar, judged(calendar, periods, since, source, _limits(declared)))
    finding = _finding(looked, monitor or "", session.declaration("dataset", subject.name), state.id, declared)
    if not (backtest or preview):
        session.ledger.append(finding)
    facts, actions = _freshness(batches, now), [Action("What came in", ("snapshot", "log", subject.name))]
    watched = watchers(session, "health", subject.name)[:1] if backtest else []
    actions += [Action(f"How often would {name} have fired?", ("backtest", name)) for name in watched]
    return _view(looked, finding.title, facts, tuple(actions), backtest=backtest)


def _limits(declared: Monitor) -> Limits:
    return replace(Limits(), **declared.limits)


def _freshness(batches: Batches, now: datetime) -> dict[str, Cell]:
    """How old the newest row is, and how old it may be."""
    newest = batches.newest_event() if batches.time else None
    if newest is None:
        return {}
    age: dict[str, Cell] = {"newest_event": newest, "age_hours": round((now - newest) / timedelta(hours=1), 1)}
    if batches.calendar.latency is not None:
        age["latency_hours"] = batches.calendar.latency / timedelta(hours=1)
    return age


def _finding(looked: Looked, monitor: str, declaration: str, data: str, declared: Monitor) -> Finding:
    newest, odd = looked.newest, [batch for batch in looked.batches if batch.status in SHOWN]
    return Finding(
        check="health", subject=looked.name, status=newest.status.value, title=_title(looked), value=finite(newest.z),
        limit=declared.limits.get("z", Limits.z), n=newest.rows, data=(data,),
        window=(looked.batches[0].period.day.isoformat(), newest.period.day.isoformat()), declaration=declaration,
        monitor=monitor,
        detail={"day": newest.period.day.isoformat(), "expected": newest.expected,
                "odd": [named(looked.calendar, batch.period) for batch in odd],
                "problems": [[each.kind, each.column, each.words] for each in newest.problems]})


# -- a file ---------------------------------------------------------------------------------------------------------


def _file(session: Session, file: Path, when: str, every: str) -> View:
    calendar = Calendar(calendars.every_of(every, "--every"))
    zone = session.project.zone if session.project is not None else None
    rows = Rows(file, when, calendar, zone)
    first, until = rows.bounds()
    periods = calendar.periods(first, until, rows.zone)
    if not periods:
        raise BadInput(f"'{file.name}' has no whole period: its rows are from {first:%Y-%m-%d %H:%M} to "
                       f"{until:%Y-%m-%d %H:%M}.", where=str(file), next="Try a shorter --every.")
    looked = Looked(file.name, calendar, judged(calendar, periods, first, rows.source(), Limits()))
    odd = [batch for batch in looked.batches if batch.status in (Status.FAIL, Status.WARN)]
    said = f"{len(odd)} of {counted(len(looked.batches), 'batch', 'batches')} of {file.name} are odd" if odd else \
        f"No batch of {file.name} is odd" if _able(looked) else \
        f"No batch of {file.name} can be judged: {looked.newest.reason}"
    return _view(looked, said, {}, (Action("What is in it", ("profile", str(file))),), backtest=True)


# -- the view -------------------------------------------------------------------------------------------------------


def _title(looked: Looked) -> str:
    batch = looked.newest
    came = "did not come" if batch.rows is None else f"came with {batch.rows:,} rows"
    usual = f", {batch.expected:,.0f} are usual" if batch.expected is not None else ""
    more = [each.said for each in batch.problems if each.kind not in ("missing", "volume")] if not batch.known else []
    also = f"; {more[0]}" + (f" and {len(more) - 1} more" if len(more) > 1 else "") if more else ""
    return f"The batch of {looked.name} for {named(looked.calendar, batch.period)} {came}{usual}{also}"


def _view(looked: Looked, title: str, more: dict[str, Cell], actions: tuple[Action, ...], *, backtest: bool) -> View:
    rows = [_row(looked.calendar, batch) for batch in looked.batches]
    odd = [row for row in rows if row["status"] in (SHOWN if not backtest else (Status.FAIL, Status.WARN))]
    status = worst([row["status"] for row in odd if isinstance(row["status"], Status)],
                   Status.PASS if _able(looked) else Status.UNKNOWN) if backtest else looked.newest.status
    facts: dict[str, Cell] = {
        "batches": len(rows), "odd_batches": len(odd), "calendar": looked.calendar.every,
        "status_of_window": worst([batch.status for batch in looked.batches]), **more}
    heading = f"Odd {'batches' if looked.calendar.by_hour else 'days'}" if odd else "Newest batch"
    table = Table.of("batches", odd or rows[-1:], "status", "day", "rows", Column("expected", "usual", digits=0),
                     Column("z", digits=1), "reason", title=heading)
    parts: list[Part] = [Facts(facts), *_calendar(looked), table, *(_alarms(looked) if backtest else ()),
                         *_pictures(looked)]
    return View(title, status, tuple(parts), actions)


def _able(looked: Looked) -> bool:
    """Whether any batch could be judged."""
    return any(batch.status is not Status.UNKNOWN for batch in looked.batches)


def _row(calendar: Calendar, batch: Batch) -> Row:
    return {"day": named(calendar, batch.period), "rows": batch.rows, "expected": batch.expected, "z": finite(batch.z),
            "status": batch.status, "reason": batch.reason, "kinds": tuple(each.kind for each in batch.problems),
            "due": batch.period.due, "arrived": batch.arrived}


def _calendar(looked: Looked) -> Iterator[Table]:
    """The days of a few weeks, each with its glyph and word."""
    if looked.calendar.every not in ("daily", "weekdays"):
        return
    weeks = by_week(looked.batches)
    if len(weeks) <= FEW_WEEKS:
        rows: list[Row] = [{"week": monday.isoformat(), "worst": worst([each.status for each in days if each]), **{
            name: _cell(batch) for name, batch in zip(WEEKDAYS, days, strict=True)}} for monday, days in weeks.items()]
        yield Table.of("calendar", rows, "week", "worst", *WEEKDAYS, title="Day by day")


def _cell(batch: Batch | None) -> Cell:
    """A day without a batch that was due is neither good nor bad."""
    return batch.status if batch is not None and (batch.rows is not None or batch.problems) else None


def _alarms(looked: Looked) -> Iterator[Table]:
    """How often each check spoke, over the batches that it could judge."""
    able = [batch for batch in looked.batches if batch.rows is None or not batch.unjudged]
    found = rates(able)
    rows: list[Row] = [{"check": kind, "alarms": found[kind],
                        "per_100": 100 * found[kind] / len(able) if able else None} for kind in KINDS]
    wrong = sum(bool(batch.problems) and not batch.known for batch in able)
    rows.append({"check": "any", "alarms": wrong, "per_100": 100 * wrong / len(able) if able else None})
    yield Table.of("alarms", rows, "check", "alarms", Column("per_100", "per 100 batches", digits=1),
                   title=f"How often, over {counted(len(able), 'judged batch', 'judged batches')}")


def _pictures(looked: Looked) -> Iterator[Series]:
    names = tuple(named(looked.calendar, batch.period) for batch in looked.batches)
    if looked.calendar.every in ("daily", "weekdays"):
        weeks = by_week(looked.batches)
        cells = [_cell(days[at]) for at in range(7) for days in weeks.values()]
        shades = tuple(SEVERITY[cell] if isinstance(cell, Status) else None for cell in cells)
        yield Series("calendar_heat", "heat", tuple(monday.isoformat() for monday in weeks), shades, names=WEEKDAYS,
                     low=(SEVERITY[Status.PASS],), high=(SEVERITY[Status.FAIL],),
                     title="Weeks and weekdays, from pass (0) over unknown and warn to fail (3)", x_label="week")
    yield Series("rows_by_day", "line", names, tuple(batch.rows for batch in looked.batches), title="Rows by batch",
                 names=("rows",))
