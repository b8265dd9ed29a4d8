"""The question whether to stream, from what a person says or how a dataset has come in so far."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta

from mlops_tui.analysis.cadence import DAY, Alternative, Flip, Need, cheapest, flips
from mlops_tui.data._streamed import fact_of, read_so_far
from mlops_tui.errors import BadInput
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View
from store.facts import Snapshot

_AMOUNT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*/\s*(run|s|m|h|d)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY}


def need_of(session: Session, dataset: str | None, *, latency: timedelta, rate: str | None, late: float | None,
            late_by: timedelta, batch_cost: str, stream_cost: str, capacity: str) -> Need:
    """What is asked, in seconds and money; rate and late share of a dataset where they are not given."""
    seen = _observed(session, dataset) if dataset is not None else (None, None)
    per_second = _rate(rate) if rate is not None else seen[0]
    if per_second is None:
        raise BadInput("How many events come?", next="Say --rate 200/s, or name a DATASET that has come in for a day.")
    share = late if late is not None else seen[1] if seen[1] is not None else 0.0
    return Need(latency.total_seconds(), per_second, share, late_by.total_seconds(), _amount(batch_cost, "run")[0],
                _per_hour(stream_cost), _rate(capacity))


def _amount(text: str, *units: str) -> tuple[float, str]:
    found = _AMOUNT.fullmatch(text.strip())
    if found is None or (units and found[2] not in units):
        raise BadInput(f"'{text}' is no amount per {' or '.join(units) or 'second'}.",
                       next=f"Write it so: 0.40/{units[0] if units else 's'}.")
    return float(found[1]), found[2]


def _rate(text: str) -> float:
    number, unit = _amount(text, *_SECONDS)
    if not number:
        raise BadInput(f"'{text}' is no rate: nothing would come.", next="Write it so: 200/s.")
    return number / _SECONDS[unit]


def _per_hour(text: str) -> float:
    number, unit = _amount(text, "h", "d")
    return number / (_SECONDS[unit] / 3600)


def _observed(session: Session, dataset: str) -> tuple[float | None, float | None]:
    """Rows per second, and the share of late ones, as a dataset has come in."""
    name = session.declared().subject(dataset, "dataset").name
    batches = [fact_of(each) for each in read_so_far(session, name)]
    events = sum(fact.events for fact in batches)
    late = sum(fact.late for fact in batches) / events if events else None
    state = session.current(name)
    days = {file.partition["day"] for file in state.files if "day" in file.partition} if state is not None else set()
    if state is not None and days:
        return state.rows / len(days) / DAY, late
    states = [entry for entry in session.ledger.entries("snapshot", subject=name)
              if isinstance(entry.fact, Snapshot) and not entry.fact.tag]
    span = states[-1].effective_at - states[0].effective_at if states else timedelta(0)
    grown = states[-1].fact.rows - states[0].fact.rows if states else 0  # type: ignore[attr-defined]
    return (grown / span.total_seconds() if span >= timedelta(days=1) and grown > 0 else None), late


def view_of(need: Need, found: Sequence[Alternative], dataset: str | None) -> View:
    """The ways side by side, which one, why, and what would change the answer."""
    best, flip = cheapest(found, need.latency), flips(need, found)
    rows: list[Row] = [
        {"way": each.name, "kind": each.kind, "mean_latency_s": each.mean_latency,
         "worst_latency_s": each.worst_latency, "mean_age": _span(each.mean_latency),
         "worst_age": _span(each.worst_latency), "cost_per_day": round(each.cost, 4), "missed_share": each.missed,
         "status": Status.PASS if each.meets(need.latency) else Status.FAIL,
         "why": _why(each, best, need)} for each in found]
    facts: dict[str, Cell] = {
        "latency_s": need.latency, "rate_per_s": need.rate, "late_share": need.late, "events_per_day": need.rate * DAY,
        "verdict": best.name if best is not None else None, "kind": best.kind if best is not None else None,
        "break_even_run_cost": flip.run_cost, "break_even_latency_s": flip.latency, "next_consumer_at_per_s": flip.rate}
    table = Table.of("alternatives", rows, "status", "way", "mean_age", "worst_age",
                     Column("cost_per_day", "cost/day", digits=2), Column("missed_share", "missed", share=True), "why")
    said = [*_arithmetic(need, found), *_flip_words(need, best, flip)]
    parts: tuple[Part, ...] = (Facts(facts), table, *map(Text, said))
    title = (f"{best.name[0].upper()}{best.name[1:]}: {best.cost:,.2f} a day, at most {_span(best.worst_latency)} old"
             if best is not None else f"No way is as fast as {_span(need.latency)}")
    actions = (Action("How the stream stands", ("stream", "status", dataset)),) if dataset else ()
    return View(title, Status.DONE if best is not None else Status.FAIL, parts, actions)


def _why(each: Alternative, best: Alternative | None, need: Need) -> str:
    if each is best:
        return "cheapest that is fast enough"
    if not each.meets(need.latency):
        return f"up to {_span(each.worst_latency)} old, {_span(need.latency)} allowed"
    assert best is not None
    return f"{each.cost - best.cost:,.2f} a day more" if each.cost > best.cost else "same cost, older rows"


def _arithmetic(need: Need, found: Sequence[Alternative]) -> list[str]:
    bulk, stream = ([each for each in found if each.kind == kind] for kind in ("bulk", "stream"))
    runs = "; ".join(f"{each.name} {DAY / each.every:g} × {need.run_cost:g} = {each.cost:,.2f}" for each in bulk)
    return [f"Cost a day: {runs}; a stream {stream[0].consumers} × 24 × {need.hour_cost:g} = {stream[0].cost:,.2f}.",
            f"Missed: {need.late:.2%} of events are late, half of those by more than {_span(need.late_by)}; an event "
            "that comes after its interval is closed misses it, and is taken in with a later one."]


def _flip_words(need: Need, best: Alternative | None, flip: Flip) -> Iterator[str]:
    if best is None:
        return
    if best.kind == "bulk":
        if flip.run_cost is not None:
            yield f"A stream would be cheaper if a bulk run cost more than {flip.run_cost:,.2f}."
        return
    if flip.run_cost is not None:
        yield f"Bulk would be cheaper if a run cost less than {flip.run_cost:,.2f}."
    if flip.latency is not None and flip.latency > need.latency:
        yield f"Bulk would do, and cost less, if rows might be {_span(flip.latency)} old."
    yield f"Above {flip.rate:,.0f} events a second a stream needs one more consumer."


def _span(seconds: float) -> str:
    for size, unit in ((DAY, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
