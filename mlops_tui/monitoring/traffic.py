"""Volume, errors and latency of each endpoint by the hour, against what is usual at that hour of the week."""

from dataclasses import replace
from datetime import timedelta

import click

from mlops_tui.capability import measure, noun
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.errors import BadInput
from mlops_tui.inputs.moments import span
from mlops_tui.inputs.tabular import of_file
from mlops_tui.logs.hourly import Named
from mlops_tui.monitoring import _looked, _shown
from mlops_tui.monitoring._looked import Looked
from mlops_tui.monitoring._promql import NotAnswered
from mlops_tui.oversight.watching import watching
from mlops_tui.project import Subject
from mlops_tui.session import Session
from mlops_tui.view import Facts, Status, View, finite
from store.facts import Finding

traffic = noun("traffic", __doc__ or "", subject="show", package=__package__ or "")
A_DAY = timedelta(days=1)


@measure(of=traffic, looks="preview")
@click.argument("subject")
@click.option("--window", "length", default=None,
              help="The hours that are judged; the monitor's own by default, else 24h.")
@click.option("--monitor", default=None, help="Judge as this declared monitor does.")
@click.option("--time", "time", default=None, help="Of a file: the column that says when.")
@click.option("--latency", default="", help="Of a file: the column of milliseconds.")
@click.option("--status", default="", help="Of a file: the column of HTTP statuses.")
@click.option("--endpoint", default="", help="Of a file: the column that tells endpoints apart.")
@click.option("--version", default="", help="Of a file: the column of model versions.")
@click.option("--preview", is_flag=True, help="Only look: nothing is recorded.")
def show(session: Session, subject: str, *, length: str | None, monitor: str | None, time: str | None, latency: str,
         status: str, endpoint: str, version: str, preview: bool) -> View:
    """Judge the traffic of SUBJECT, a model or an endpoint, or of a file's rows.

    Each hour is held against the same hour of the eight weeks before, on the wall clock. Chance alone makes about one
    alarm in a quarter of an endpoint at most, however often somebody looks, and however unsteady its traffic is.

    \b
    Example: mlops-tui traffic flights-delay
             mlops-tui traffic flights-delay --window 7d
             mlops-tui traffic requests.parquet --time at --latency ms --status code --endpoint route
    """
    columns = Named(time or "", latency, status, endpoint, version)
    if of_file(subject, time=time):
        if monitor is not None:
            raise BadInput("A file has no monitor.", next="Drop --monitor.")
        return _shown.view(_looked.of_rows(session, subject, columns, span(length) if length else A_DAY))
    if any((latency, status, endpoint, version)):
        raise BadInput("Columns are named of a file; the prediction log has its own.", next="Give --time as well.")
    about = session.declared().subject(subject, "model", "endpoint")
    return _declared(session, about, length, monitor, preview=preview)


def _declared(session: Session, subject: Subject, length: str | None, name: str | None, *, preview: bool) -> View:
    monitor = watching(session, "traffic", subject.name, name, length)
    if name is None and length is None and monitor.window == Monitor.window:
        monitor = replace(monitor, window=A_DAY)
    declaration = "" if length else session.declaration("monitor", name) if name else \
        session.declaration(subject.kind, subject.name)
    try:
        looked = _looked.of_subject(session, subject, monitor)
    except NotAnswered as problem:  # a server that is away is no pass, and its monitor says so
        finding = Finding(check="traffic", subject=subject.name, status=Status.UNKNOWN.value, title=str(problem.what),
                          declaration=declaration, monitor=name or "")
        if not preview:
            session.ledger.append(finding)
        return View(finding.title, Status.UNKNOWN, (Facts({"where": problem.where}),))
    if not preview:
        session.ledger.append(replace(found(looked), declaration=declaration, monitor=name or "",
                                      version=subject.version))
    return _shown.view(looked)


def found(looked: Looked) -> Finding:
    """What is worst, as the history keeps it; the others are in its detail."""
    worst = looked.signals[0] if looked.signals else None
    first, until = looked.bounds
    detail = {"signals": [{"endpoint": each.endpoint, "signal": each.name, "status": each.status.value,
                           "said": each.said, "value": finite(each.value), "limit": finite(each.limit)}
                          for each in looked.signals], "missing": list(looked.requests.named.missing)}
    made = Finding(check="traffic", subject=looked.name, status=looked.status.value, title=_shown.title(looked),
                   window=(first.isoformat(), until.isoformat()), data=(looked.data,) if looked.data else (),
                   detail=detail)
    if worst is None:
        return made
    return replace(made, value=finite(worst.value), low=finite(worst.low), high=finite(worst.high),
                   limit=finite(worst.limit), unit=worst.unit, n=worst.n,
                   detail=detail | {"metric": f"{worst.endpoint} {worst.name}"})
