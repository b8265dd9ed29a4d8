"""Volume, errors and latency of each endpoint by the hour, against what is usual at that hour of the week."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta, tzinfo

import click
import numpy as np

from mlops_tui import calendars
from mlops_tui.analysis import latency
from mlops_tui.analysis.interval import wilson
from mlops_tui.analysis.season import HOUR, WEEK
from mlops_tui.anomalies import known
from mlops_tui.capability import measure, noun
from mlops_tui.errors import BadInput
from mlops_tui.hourly import Named, Requests, logged, of_file
from mlops_tui.kinds import Contract, Endpoint, Monitor
from mlops_tui.monitoring import _promises, _promql
from mlops_tui.monitoring._promises import Kept
from mlops_tui.monitoring._signals import URGENT, Asked, Seen, Signal, first_place, seen, usual_week
from mlops_tui.predictionlog import log_of, named, needed_log
from mlops_tui.project import Subject
from mlops_tui.session import Session
from mlops_tui.tabular import of_file as asks_a_file
from mlops_tui.tabular import tabular
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Series, Status, Table, View, counted, finite, worst
from mlops_tui.watching import watching
from store.facts import Finding

traffic = noun("traffic", __doc__ or "", subject="show", package=__package__ or "")
LOOK_BACK = 20 * WEEK * HOUR  # what is usual is learnt from so much: eight weeks, each against the eight before it
DRAWN = 7 * 24                # hours in the pictures
PICTURES = 3                  # endpoints that are drawn
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True)
class Looked:
    """What was looked at, and how it stands: each signal, worst first, promises among them."""

    name: str
    requests: Requests
    asked: Asked
    seen: Seen
    kept: Sequence[Kept]
    missing: Sequence[str]

    @property
    def signals(self) -> list[Signal]:
        found = [*(each.signal for each in self.kept), *self.seen.signals]
        return sorted(found, key=lambda each: URGENT.index(each.status))

    @property
    def status(self) -> Status:
        return worst((each.status for each in self.signals), Status.UNKNOWN)

    @property
    def until(self) -> datetime:
        return self.requests.clock.at(self.asked.end)


@measure(of=traffic)
@click.argument("subject")
@click.option("--window", "length", default=None, help="The hours that are judged; the monitor's own by default, else "
              "24h.")
@click.option("--monitor", default=None, help="Judge as this declared monitor does.")
@click.option("--time", "time", default=None, help="Of a file: the column that says when.")
@click.option("--latency", default=None, help="Of a file: the column of milliseconds.")
@click.option("--status", default=None, help="Of a file: the column of HTTP statuses.")
@click.option("--endpoint", default=None, help="Of a file: the column that tells endpoints apart.")
@click.option("--version", default=None, help="Of a file: the column of model versions.")
def show(session: Session, subject: str, *, length: str | None, monitor: str | None, time: str | None,
         latency: str | None, status: str | None, endpoint: str | None, version: str | None) -> View:
    """Judge the traffic of SUBJECT, a model or an endpoint, or of a file's rows.

    Each hour is held against the same hour of the eight weeks before, on the wall clock. Chance alone makes an alarm
    once in a quarter of an endpoint at most, however often somebody looks.

    \b
    Example: mlops-tui traffic flights-delay
             mlops-tui traffic requests.parquet --time at --latency ms --status code --endpoint route
    """
    if asks_a_file(subject, time=time):
        if monitor is not None:
            raise BadInput("A file has no monitor.", next="Drop --monitor.")
        columns = Named(str(time), latency or "", status or "", endpoint or "", version or "")
        return view(_of_file(session, subject, columns, watching_file(length)), _zone(session))
    if latency or status or endpoint or version:
        raise BadInput("Columns are named of a file; the prediction log has its own.", next="Name the --time of a file.")
    return _of_subject(session, subject, length, monitor)


def watching_file(length: str | None) -> timedelta:
    """The hours of a file that are judged: its last day."""
    from_text = replace(Monitor(check="traffic", subject=""), window=timedelta(days=1))
    return from_text.window if length is None else _span(length)


def _span(length: str) -> timedelta:
    from mlops_tui.watching import span
    return span(length)
