"""Whether the batches of a dataset came, on time and in their usual size."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import click

from mlops_tui.analysis.batches import oddness
from mlops_tui.capability import measure
from mlops_tui.errors import BadInput
from mlops_tui.kinds import Contract
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Series, Status, Table, View, worst
from mlops_tui.watching import watching
from store.facts import Finding
from store.lake import Manifest

WEEKS = 8
LIMIT = 5.0
SHOWN = (Status.FAIL, Status.WARN, Status.UNKNOWN)


@dataclass(frozen=True)
class Batch:
    """One expected day: how many rows came, how many were usual, and how that is judged."""

    day: date
    rows: int | None
    expected: float | None
    z: float | None
    status: Status
    reason: str


@measure
@click.argument("dataset")
@click.option("--window", "length", default=None, help="How far back to look; the monitor's own by default, else 28d.")
@click.option("--monitor", default=None, help="Judge as this declared monitor does.")
def health(session: Session, dataset: str, length: str | None, monitor: str | None) -> View:
    """Look for missing and odd daily batches of DATASET; the newest one decides.

    A day is compared with the same weekday of the eight weeks before. Known anomalies of the contract are quiet.

    \b
    Example: mlops-tui health flights --window 28d
    """
    project = session.declared()
    subject = project.subject(dataset, "dataset")
    contract = project.dataset(subject.name)
    if contract.custom("calendar") != "daily" or "day" not in contract.partition_by:
        place = str(project.path_of("dataset", subject.name))
        raise BadInput(f"'{subject.name}' declares no daily calendar.", where=place,
                       next="Declare customProperties calendar: daily and partitionBy: [day].")
    declared = watching(session, "health", subject.name, monitor, length or ("28d" if monitor is None else None))
    days = _days(session, declared.window)
    state = session.snapshot(subject.name)
    undated = sum(file.rows for file in state.files if "day" not in file.partition)
    if undated:
        raise BadInput(f"{undated:,} rows of '{subject.name}' came before it was partitioned by day.",
                       where=f"{subject.name}@{state.id[:12]}", next="The next ingest puts them into their days.")
    batches = judged(state, contract, days, declared.limits.get("z", LIMIT))
    newest = batches[-1]
    finding = Finding(
        check="health", subject=subject.name, status=newest.status.value, title=_title(subject.name, newest),
        value=newest.z, limit=declared.limits.get("z", LIMIT), n=newest.rows, data=(state.id,),
        window=(days[0].isoformat(), days[-1].isoformat()),
        declaration=session.declaration("dataset", subject.name), monitor=monitor or "",
        detail={"day": newest.day.isoformat(), "expected": newest.expected,
                "odd": [batch.day.isoformat() for batch in batches if batch.status in SHOWN]})
    session.ledger.append(finding)
    return _view(finding, batches)


def _days(session: Session, span: timedelta) -> list[date]:
    """The days whose batch should be there by now: up to yesterday."""
    yesterday = session.now().astimezone(session.declared().zone).date() - timedelta(days=1)
    return [yesterday - timedelta(days=back) for back in reversed(range(max(span.days, 1)))]


def judged(state: Manifest, contract: Contract, days: list[date], limit: float) -> list[Batch]:
    """Every expected day of the window, judged by what came before it."""
    rows: dict[date, int] = {}
    for file in state.files:
        day = date.fromisoformat(file.partition["day"])
        rows[day] = rows.get(day, 0) + file.rows
    first = min(rows, default=days[0])
    return [_judge(day, rows, known_anomaly(contract, day), limit) for day in days if day >= first] or [
        Batch(days[-1], None, None, None, Status.FAIL, "no batch ever came")]


def _judge(day: date, rows: Mapping[date, int], known: str, limit: float) -> Batch:
    if day not in rows:
        return Batch(day, None, None, None, Status.PASS if known else Status.FAIL, known or "missing")
    earlier = [rows[before] for week in range(1, WEEKS + 1) if (before := day - timedelta(weeks=week)) in rows]
    found = oddness(rows[day], earlier, limit)
    if found.z is None:
        return Batch(day, rows[day], None, None, Status.UNKNOWN, found.reason)
    if abs(found.z) <= limit:
        return Batch(day, rows[day], found.expected, found.z, Status.PASS, known)
    side = "more" if found.z > 0 else "fewer"
    reason = f"{side} than usual, {found.low:,.0f} to {found.high:,.0f}"
    return Batch(day, rows[day], found.expected, found.z, Status.PASS if known else Status.FAIL, known or reason)


def known_anomaly(contract: Contract, day: date) -> str:
    """What the contract says about that day; nothing where it says nothing."""
    listed: list[dict[str, Any]] = contract.custom("knownAnomalies", []) or []
    for item in listed:
        if "from" in item and str(item["from"]) <= day.isoformat() <= str(item.get("to", item["from"])):
            return f"known: {item.get('what', '')}"
    return ""


def _title(name: str, batch: Batch) -> str:
    came = "did not come" if batch.rows is None else f"came with {batch.rows:,} rows"
    usual = f", {batch.expected:,.0f} are usual" if batch.expected is not None else ""
    return f"The batch of {name} for {batch.day} {came}{usual}"


def _view(finding: Finding, batches: list[Batch]) -> View:
    rows: list[Row] = [{"day": str(batch.day), "rows": batch.rows, "expected": batch.expected, "z": batch.z,
                        "status": batch.status, "reason": batch.reason} for batch in batches]
    odd = [row for row in rows if row["status"] in SHOWN]
    facts: dict[str, Cell] = {"days": len(batches), "odd_days": len(odd),
                              "status_of_window": worst([batch.status for batch in batches])}
    table = Table.of("batches", odd or rows[-1:], "day", "rows", Column("expected", "usual", digits=0),
                     Column("z", digits=1), "status", "reason", title="Odd days" if odd else "Newest day")
    picture = Series("rows_by_day", "line", tuple(row["day"] for row in rows), tuple(row["rows"] for row in rows),
                     title="Rows by day", names=("rows",))
    return View(finding.title, Status(finding.status), (Facts(facts), table, picture),
                (Action("What came in", ("snapshot", "log", finding.subject)),))
