"""How traffic is shown: what is odd first, then each endpoint and version, budgets, pictures."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis import latency
from mlops_tui.analysis.interval import wilson
from mlops_tui.analysis.season import WEEK
from mlops_tui.monitoring._looked import Looked
from mlops_tui.monitoring._signals import URGENT, usual_week
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Series, Status, Table, View, counted, finite

DRAWN = 7 * 24   # hours in the pictures
PICTURES = 2     # endpoints that are drawn
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def title(looked: Looked) -> str:
    """The worst in one line, or that all is as usual."""
    signals = looked.signals
    if not signals:
        return f"{looked.name}: no request in the log"
    worst = signals[0]
    others = sum(each.status is worst.status for each in signals) - 1
    if worst.status in (Status.FAIL, Status.WARN):
        said = worst.said if worst.endpoint in worst.said else f"{worst.endpoint}: {worst.said}"
        return said + (f" (and {others} more)" if others else "")
    if worst.status is Status.UNKNOWN:
        return f"{looked.name}: {worst.said[:1].lower()}{worst.said[1:]}"
    n = int(np.nansum(looked.seen.volume[looked.asked.start:looked.asked.end]))
    return f"{looked.name}: {counted(n, 'request')} in {looked.asked.hours} h, as usual at these hours"


def view(looked: Looked) -> View:
    """The answer first, then its evidence."""
    return View(title(looked), looked.status, tuple(_parts(looked)), tuple(_actions(looked)))


def _parts(looked: Looked) -> Iterator[Part]:
    first, until = looked.bounds
    rate = f"about {looked.seen.rule.false_alarms:g} a quarter of an endpoint at most"
    facts: dict[str, Cell] = {"from": first, "to": until, "false_alarms": rate}
    if looked.requests.named.missing and any(looked.requests.named.missing):
        facts["not_in_the_log"] = looked.requests.named.missing
    quiet = sorted(set(looked.asked.known.values()))
    if quiet:
        facts["left_out"] = tuple(quiet)
    yield Facts(facts)
    several = len(looked.requests.endpoints) > 1 or bool(looked.kept)
    rows: list[Row] = [{"status": each.status, "endpoint": each.endpoint, "signal": each.name, "said": each.said,
                        "value": finite(each.value), "low": finite(each.low), "high": finite(each.high),
                        "limit": finite(each.limit), "n": each.n, "p": finite(each.p), "at": each.at}
                       for each in looked.signals]
    yield Table.of("signals", rows, "status", *(["endpoint"] if several else []), "signal", Column("said", "found"))
    yield _endpoints(looked)
    if looked.kept:
        yield Table.of("budgets", [each.row for each in looked.kept], "status", "endpoint", "objective",
                       Column("left", "budget left", share=True), Column("burn_1h", "burn 1 h", digits=1),
                       Column("burn_6h", "6 h", digits=1), Column("burn_3d", "3 d", digits=1), title="Error budgets")
    yield from _pictures(looked)


def _endpoints(looked: Looked) -> Table:
    """One line for each version of an endpoint, in the hours that were judged."""
    requests, part = looked.requests, slice(looked.asked.start, looked.asked.end)
    stands = {each.endpoint: URGENT.index(each.status) for each in reversed(looked.signals)}
    rows = []
    for place, (endpoint, version) in enumerate(requests.series):
        n, ours, theirs, unsaid = (int(np.nansum(each[part, place])) for each in
                                   (requests.n, requests.ours, requests.theirs, requests.unsaid))
        row: dict[str, Cell] = {"endpoint": endpoint, "version": version or None, "requests": n,
                                "an_hour": n / max(looked.asked.hours, 1)}
        if requests.named.status and n > unsaid:
            bounds = wilson(ours, n - unsaid)
            row |= {"errors": ours / (n - unsaid), "errors_low": bounds.low, "errors_high": bounds.high,
                    "callers": theirs / (n - unsaid), "without_status": unsaid}
        counts = requests.latencies([place], part.start, part.stop)
        for name, p in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
            if (found := latency.quantile(counts, p)) is not None:
                row |= {name: found.value, f"{name}_low": found.low, f"{name}_high": found.high}
        if n == 0 and version:
            continue
        rows.append((stands.get(endpoint, len(URGENT)), endpoint, -n, row))
    timed, judged = bool(requests.named.latency), bool(requests.named.status)
    columns: list[Column | str] = ["endpoint", "version", "requests", Column("an_hour", "an hour", digits=1, worth=-3),
               *([Column("errors", share=True), Column("callers", "caller's", share=True)] if judged else []),
               *([Column("p50", unit="ms", digits=0, worth=-1), Column("p95", unit="ms", digits=0, worth=-2),
                  Column("p99", unit="ms", digits=0)] if timed else [])]
    return Table.of("endpoints", [row for *_, row in sorted(rows, key=lambda each: each[:3])], *columns,
                    title=f"Requests of {looked.asked.hours} h")


def _pictures(looked: Looked) -> Iterator[Series]:
    """Volume by hour in its band, p99 and errors where they are known, and the usual week; of the worst endpoints."""
    requests, clock = looked.requests, looked.requests.clock
    start, end = max(min(looked.asked.start, looked.asked.end - DRAWN), 0), looked.asked.end
    if end <= start:
        return
    hours = tuple(clock.at(place) for place in range(start, end))
    names = list(dict.fromkeys([each.endpoint for each in looked.seen.signals]))
    for name in names[:PICTURES]:
        place = requests.endpoints.index(name)
        odd = looked.seen.judged.side[start:end, place]
        low, high = looked.seen.band(place, start, end)
        marks = tuple(("odd", hours[number]) for number in _begins(odd))
        yield Series(f"volume/{name}", "band", hours, tuple(finite(each) for each in
                                                            looked.seen.volume[start:end, place].tolist()),
                     tuple(low), tuple(high), tuple(finite(each) for each in
                                                    looked.seen.judged.usual.mean[start:end, place].tolist()),
                     ("requests", "usual"), f"{name}: requests by the hour", y_label="requests", marks=marks)
    slow = next((each.endpoint for each in looked.seen.signals if each.name == "latency"), "")
    if slow and requests.named.latency:
        yield _slowness(looked, slow, start, end)
    if names:
        week = usual_week(looked.seen.judged, clock, requests.endpoints.index(names[0]))
        if any(each is not None for each in week):
            yield Series("usual_week", "heat", tuple(range(24)), tuple(week[:WEEK]), names=WEEKDAYS,
                         title=f"{names[0]}: requests that are usual at each hour", x_label="hour", y_label="requests")


def _begins(side: npt.NDArray[np.int8]) -> list[int]:
    """Where hours begin to be odd."""
    odd = (side != 0).astype(np.int8)
    return [int(each) for each in np.flatnonzero(np.diff(odd, prepend=0) > 0)]


def _slowness(looked: Looked, name: str, start: int, end: int) -> Series:
    """p99 by hour with its interval."""
    requests = looked.requests
    of = [number for number, (endpoint, _) in enumerate(requests.series) if endpoint == name]
    found = [latency.quantile(requests.latencies(of, place, place + 1), 0.99) for place in range(start, end)]
    return Series("p99", "band", tuple(requests.clock.at(place) for place in range(start, end)),
                  tuple(each.value if each is not None else None for each in found),
                  tuple(each.low if each is not None else None for each in found),
                  tuple(each.high if each is not None else None for each in found),
                  names=("p99",), title=f"{name}: p99 by the hour", y_label="ms")


def _actions(looked: Looked) -> Iterator[Action]:
    if looked.data and looked.status in (Status.FAIL, Status.WARN):
        yield Action("What came in", ("snapshot", "log", f"{looked.name}.predictions"))
    if looked.data:
        yield Action("As Prometheus reads it", ("traffic", "export"))
