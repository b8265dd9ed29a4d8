"""Events from Redis or Kafka into a dataset, each exactly once; and whether streaming is worth it."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import click

from mlops_tui.analysis import cadence
from mlops_tui.capability import look, measure, noun
from mlops_tui.data import _streamed
from mlops_tui.data._cadence import need_of, view_of
from mlops_tui.data._consuming import Patience, consumed, reader_of
from mlops_tui.data._microbatch import counts, take_in
from mlops_tui.data._streamed import Fed, dead_letters, fact_of, fed
from mlops_tui.declarations.declare import duration
from mlops_tui.errors import BadInput, NotFound, nearest
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Series, Status, Table, Text, View, counted
from store.facts import Streamed
from store.streams import Away, Event, Standing

stream = noun("stream", __doc__ or "", bare="status", subject="status")
NEWEST, MOST_NAMES = 60, 10
SOON, LONG = "10s", "1h"


class Span(click.ParamType[timedelta]):
    """A duration such as `5m`."""

    name = "span"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        try:
            return value if isinstance(value, timedelta) else duration(str(value))
        except ValueError as problem:
            raise BadInput(f"{problem}.", next="Write 5m, 12h or 1d.") from problem


# -- taking in --------------------------------------------------------------------------------------------------


@measure(of=stream)
@click.argument("dataset")
@click.option("--once", is_flag=True, help="Stop when nothing is left to read.")
@click.option("--batches", type=click.IntRange(1), default=None, help="Stop after so many micro-batches.")
@click.option("--patience", type=Span(), default=None, help="How long to wait for a server that is away; "
              f"{SOON} with --once, else {LONG}.")
def run(session: Session, dataset: str, once: bool, batches: int | None, patience: timedelta | None) -> View:
    """Take the events of DATASET's declared stream into the lake, each exactly once, whoever dies meanwhile.

    Events that break the contract go to the quarantine, those that cannot be read to the dead letters. Rules about
    the number of rows are for whole batches; they are not held against micro-batches.

    \b
    Example: mlops-tui stream run flights --once
    """
    source = fed(session, dataset)
    waiting = Patience(patience or duration(SOON if once else LONG), lambda said: session.progress(0, 0, said))
    reader, done = reader_of(session, source), Done()
    try:
        for batch in consumed(session, source, reader, waiting, once=once, most=batches):
            done.add(batch)
            session.progress(0, 0, f"{source.name}, {done.total['events']:,} events in {done.batches:,} batches")
            session.react()
        standing = waiting.until(reader.standing)
    finally:
        reader.close()
    return _ran(source, done, standing, waiting)


@dataclass
class Done:
    """What a run has taken in: counts of all micro-batches, and the newest of them."""

    batches: int = 0
    total: Mapping[str, int] = field(default_factory=lambda: counts([]))
    newest: deque[Streamed] = field(default_factory=lambda: deque(maxlen=20))
    notes: list[str] = field(default_factory=list)
    unnamed: tuple[str, ...] = ()

    def add(self, fact: Streamed) -> None:
        more = counts([fact])
        self.total = {name: number + more[name] for name, number in self.total.items()}
        self.batches += 1
        self.newest.append(fact)
        self.notes += [fact.note] if fact.note and fact.note not in self.notes else []
        self.unnamed = tuple(dict.fromkeys((*self.unnamed, *fact.unnamed)))[:MOST_NAMES]


def _ran(source: Fed, done: Done, standing: Standing, waiting: Patience) -> View:
    total = done.total
    notes = [*done.notes, *(f"It was waited for: {each}" for each in waiting.waited)]
    if done.unnamed:
        notes.append(f"Left out, since the contract does not name them: {', '.join(done.unnamed)}.")
    if standing.pending:
        notes.append(f"{standing.pending:,} events are held by other consumers; what a dead one holds is taken over "
                     f"after {source.stream.claim}.")
    wrong = total["bad"] or total["dead"]
    said = f"{total['taken']:,} events were taken into {source.name}" if done.batches else \
        f"Nothing new for {source.name}"
    title = said + "".join(f", {total[key]:,} {words}" for key, words in (
        ("bad", "set aside"), ("dead", "dead"), ("twice", "known already")) if total[key])
    facts: dict[str, Cell] = {"dataset": source.name, "stream": source.stream.stream, "batches": done.batches, **total,
                              "unread": standing.unread, "pending": standing.pending}
    actions = [Action("How it stands", ("stream", "status", source.name))]
    actions += [Action("What is dead", ("stream", "dead", source.name))] if total["dead"] else []
    actions += [Action("What was set aside", ("quarantine", "list", source.name))] if total["bad"] else []
    return View(title, Status.WARN if wrong or done.notes else Status.DONE,
                (Facts(facts), *map(Text, notes), _batches(done.newest, done.batches)), tuple(actions))


def _batches(done: Iterable[Streamed], total: int) -> Table:
    rows: list[Row] = [{"events": fact.events, "taken": fact.taken, "bad": fact.bad, "dead": fact.dead,
                        "twice": fact.twice, "late": fact.late, "newest": _moment(fact.newest)} for fact in done]
    return Table.of("batches", rows, "events", "taken", Column("bad", "set aside"), "dead", Column("twice", "known"),
                    "late", Column("newest", "newest event"), total=total)


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


# -- how it stands ----------------------------------------------------------------------------------------------


@look(of=stream)
@click.argument("dataset", required=False)
def status(session: Session, dataset: str | None) -> View:
    """How far DATASET's stream is read: what waits, how old it is, the watermark, what is late or dead.

    \b
    Example: mlops-tui stream status flights
    """
    if dataset is None:
        return _all(session)
    source = fed(session, dataset)
    batches = _streamed.read_so_far(session, source.name)
    came = [fact_of(each) for each in batches if not fact_of(each).again]
    total = counts(came)
    newest = _streamed.newest_time(batches)
    standing, away = _standing(session, source)
    letters = session.current(f"{source.name}.dead")
    age = session.now() - standing.oldest if standing is not None and standing.oldest is not None else None
    facts: dict[str, Cell] = {
        "dataset": source.name, "stream": source.stream.stream, "group": source.stream.group,
        "length": standing.length if standing else None, "unread": standing.unread if standing else None,
        "pending": standing.pending if standing else None, "consumers": standing.consumers if standing else None,
        "oldest_waits_seconds": round(max(age.total_seconds(), 0), 1) if age is not None else None,
        "newest_event": newest, "watermark": _streamed.watermark(newest, source.stream.lateness),
        "late_events": source.stream.late, **total,
        "repaired": sum(fact_of(each).taken for each in batches) - total["taken"],
        "dead_letters": letters.rows if letters is not None else 0,
        "last_batch": batches[-1].recorded_at if batches else None}
    shown = came[-NEWEST:]
    picture = Series("events_by_batch", "line", tuple(_moment(fact.arrived) for fact in shown),
                     tuple(fact.events for fact in shown), other=tuple(fact.late for fact in shown),
                     names=("events", "late"), title="Events by micro-batch")
    parts: list[Part] = [Facts(facts), *([Text(away)] if away else []), _batches(shown[-20:], len(came)),
                         *([picture] if shown else [])]
    actions = [Action("Take in what waits", ("stream", "run", source.name, "--once"))]
    actions += [Action("What is dead", ("stream", "dead", source.name))] if letters is not None and letters.rows else []
    return View(_standing_title(source, standing), _judged(source, standing, age), tuple(parts), tuple(actions))


def _standing(session: Session, source: Fed) -> tuple[Standing | None, str]:
    """What the server says; why it says nothing."""
    reader = reader_of(session, source)
    try:
        return reader.standing(), ""
    except Away as problem:
        return None, f"{problem.what} ({problem.where})"
    finally:
        reader.close()


def _standing_title(source: Fed, standing: Standing | None) -> str:
    if standing is None:
        return f"The server of {source.name}'s stream is away"
    waits = (standing.unread or 0) + (standing.pending or 0)
    if standing.unread is None:
        return f"{source.name}: how much waits is not known"
    return f"{counted(waits, 'event waits', 'events wait') if waits else 'Nothing waits'} for {source.name}"


def _judged(source: Fed, standing: Standing | None, age: timedelta | None) -> Status:
    """Nothing known is no pass; what waits three times as long as a batch may is behind."""
    if standing is None or standing.unread is None:
        return Status.UNKNOWN
    behind = age is not None and age > 3 * max(source.stream.every, timedelta(seconds=1))
    return Status.WARN if behind else Status.PASS


def _all(session: Session) -> View:
    project = session.declared()
    rows: list[Row] = []
    for name, contract in sorted(project.datasets.items()):
        if contract.custom("stream") is None:
            continue
        source, batches = fed(session, name), _streamed.read_so_far(session, name)
        total = counts([fact_of(each) for each in batches if not fact_of(each).again])
        letters = session.current(f"{name}.dead")
        rows.append({"dataset": name, "stream": source.stream.stream, "events": total["events"],
                     "taken": total["taken"], "late": total["late"], "dead_letters": letters.rows if letters else 0,
                     "last_batch": batches[-1].recorded_at if batches else None})
    table = Table.of("streams", rows, "dataset", "stream", "events", "taken", "late", "dead_letters", "last_batch")
    actions = tuple(Action(f"{row['dataset']}", ("stream", "status", str(row["dataset"]))) for row in rows[:5])
    return View(f"{counted(len(rows), 'dataset is', 'datasets are')} fed by a stream", parts=(table,), actions=actions)


# -- dead letters -----------------------------------------------------------------------------------------------


@look(of=stream)
@click.argument("dataset")
@click.option("--limit", default=40, show_default=True, help="How many of the newest.")
def dead(session: Session, dataset: str, limit: int) -> View:
    """The events of DATASET that could not be taken in, newest first, and why.

    \b
    Example: mlops-tui stream dead flights
    """
    source = fed(session, dataset)
    state = session.snapshot(dead_letters(session, source))
    scan, cursor = session.data().scan(state), session.data().connect()
    found = cursor.execute(f"SELECT position, id, reason, event, arrived FROM {scan} "
                           "ORDER BY arrived DESC, position DESC LIMIT $most", {"most": max(limit, 0)}).fetchall()
    rows: list[Row] = [{"position": place, "event_id": known, "reason": reason, "event": text, "arrived": at}
                       for place, known, reason, text, at in found]
    reasons = cursor.execute(f"SELECT regexp_replace(reason, '''.*''|[0-9]+', '…', 'g') AS r, count(*) FROM {scan} "
                             "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 10").fetchall()
    tables = (Table.of("reasons", [{"reason": why, "events": number} for why, number in reasons], "reason", "events"),
              Table.of("dead", rows, "position", "reason", Column("event", cut=40), "arrived", total=state.rows))
    actions = (Action("Try all again", ("stream", "again", source.name, "--all")),) if rows else ()
    return View(f"{counted(state.rows, 'event')} of {source.name} {'is' if state.rows == 1 else 'are'} dead",
                Status.WARN if state.rows else Status.PASS, (Facts({"dead_letters": state.rows}), *tables), actions)


@measure(of=stream)
@click.argument("dataset")
@click.argument("position", required=False)
@click.option("--all", "every", is_flag=True, help="All dead letters.")
@click.option("--event", "repaired", default=None, help="The event as it should have been: a JSON object.")
def again(session: Session, dataset: str, position: str | None, every: bool, repaired: str | None) -> View:
    """Try dead letters of DATASET again, the one at POSITION or all: after a repair of the contract, or of the event.

    A late event is taken in now. What fails again stays a dead letter, with its new reason.

    \b
    Example: mlops-tui stream again flights --all
    """
    source = fed(session, dataset)
    if (position is not None) == every or (repaired is not None and position is None):
        raise BadInput("Which dead letter?", where=f"{source.name}.dead", next="Name its POSITION, or say --all.")
    state = session.snapshot(dead_letters(session, source))
    found = session.data().connect().execute(
        f"SELECT position, event, arrived FROM {session.data().scan(state)} ORDER BY arrived, position").fetchall()
    chosen = [row for row in found if every or row[0] == position]
    if not chosen:
        raise NotFound(f"No dead letter '{position}' of '{source.name}'." if position else
                       f"No event of '{source.name}' is dead.", where=f"{source.name}.dead",
                       next=nearest(position or "", [row[0] for row in found])
                       or f"Try: mlops-tui stream dead {source.name}")
    events = [Event(place, (repaired or text).encode(), arrived=at) for place, text, at in chosen]
    done = [take_in(session, source, events[first:first + source.stream.batch], again=True)
            for first in range(0, len(events), source.stream.batch)]
    total = counts(done)
    were = "was" if total["taken"] == 1 else "were"
    title = f"{total['taken']:,} of {counted(len(events), 'dead letter')} {were} taken in"
    left = session.snapshot(f"{source.name}.dead").rows
    return View(title, Status.WARN if total["dead"] or total["bad"] else Status.DONE,
                (Facts({"dataset": source.name, **total, "dead_letters": left}),),
                (Action("What is dead", ("stream", "dead", source.name)),))


# -- is it worth it ---------------------------------------------------------------------------------------------


@look(of=stream)
@click.argument("dataset", required=False)
@click.option("--latency", type=Span(), required=True, help="How old a row may be when it is used: 5m, 1d.")
@click.option("--rate", default=None, help="Arrivals: 200/s, 30/m, 5000/h or 90000/d; by default as DATASET's came.")
@click.option("--late", type=click.FloatRange(0, 1), default=None, help="Share of events that come late.")
@click.option("--late-by", type=Span(), default="1h", show_default=True, help="How late half of those are.")
@click.option("--batch-cost", default="0.40/run", show_default=True, help="What one bulk run costs.")
@click.option("--stream-cost", default="0.12/h", show_default=True, help="What a consumer costs while it stands by.")
@click.option("--capacity", default="10000/s", show_default=True, help="How many events one consumer takes in.")
def advise(session: Session, dataset: str | None, latency: timedelta, rate: str | None, late: float | None,
           late_by: timedelta, batch_cost: str, stream_cost: str, capacity: str) -> View:
    """Bulk files or a stream? Weighs latency, arrivals, cost and late events, and shows the arithmetic.

    \b
    Example: mlops-tui stream advise --latency 5m --rate 200/s --batch-cost 0.40/run --stream-cost 0.12/h --late 0.03
    """
    need = need_of(session, dataset, latency=latency, rate=rate, late=late, late_by=late_by, batch_cost=batch_cost,
                   stream_cost=stream_cost, capacity=capacity)
    return view_of(need, cadence.alternatives(need), dataset)
