"""How the same things stand at two moments, and only where they stand otherwise: pure, of entries."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from mlops_tui import folds, health
from mlops_tui.core.status import KINDS as STANDING
from mlops_tui.view import Cell, Column, Row, Status, Table
from store.facts import Finding, Snapshot
from store.ledger import Entry

NUMBERED = ("incident", "alert", "approval", "runbook", "proposal")
KINDS = (*STANDING, "snapshot")
NOUNS = (("part of models", "parts of models"), ("incident",), ("alert",), ("approval",), ("finding",), ("dataset",))
T = TypeVar("T")
NEW = "–"  # how what was not there yet stood


@dataclass(frozen=True)
class Side:
    """The entries that were known at a moment."""

    entries: Sequence[Entry]
    at: datetime


def models(declared: health.Declared, before: Side, after: Side) -> Table:
    """The parts of each model that stand otherwise, the version that serves among them."""
    rows: list[Row] = []
    was = {row["model"]: row for row in health.models(declared, before.entries, before.at).rows}
    for row in health.models(declared, after.entries, after.at).rows:
        old, name = was[row["model"]], str(row["model"])
        argv = ("model", "show", name)
        if (old["version"], old["challenger"]) != (row["version"], row["challenger"]):
            rows.append({"model": name, "part": "version", "before": _serves(old), "after": _serves(row), "argv": argv})
        rows += [{"model": name, "part": facet, "before": str(old[facet]), "after": str(row[facet]),
                  "status": row[facet], "why": row[f"{facet}_why"], "argv": argv}
                 for facet in health.FACETS if old[facet] is not row[facet]]
    return Table.of("models", rows, "model", "part", "before", "after", "why", title="Models")


def _serves(row: Row) -> str:
    beside = f", {row['challenger']} waits" if row["challenger"] else ""
    return f"{row['version'] or 'none'}{beside}"


def incidents(before: Side, after: Side) -> Table:
    """The incidents that were opened, went on, or ended."""
    rows = [{"id": id, "before": old, "after": new.state, "severity": new.severity, "title": new.title or new.about,
             "status": _grave(new.severity, over=not new.open), "argv": ("incident", "show", id)}
            for id, old, new in _otherwise(before, after, lambda side: folds.incidents(side.entries),
                                           lambda each, at: each.state)]
    return Table.of("incidents", rows, Column("id", "incident"), "before", "after", "severity", "title",
                    title="Incidents")


def alerts(before: Side, after: Side) -> Table:
    """The alerts that fired, were taken up, or ended."""
    rows = [{"id": id, "before": old, "after": new.standing(after.at), "severity": new.severity, "title": new.title,
             "status": _grave(new.severity, over=not new.open), "argv": ("alert", "show", id)}
            for id, old, new in _otherwise(before, after, lambda side: folds.alerts(side.entries),
                                           lambda each, at: each.standing(at))]
    return Table.of("alerts", rows, Column("id", "alert"), "before", "after", "severity", "title", title="Alerts")


def approvals(before: Side, after: Side) -> Table:
    """What was asked for, voted on, done, or ran out."""
    rows = [{"id": id, "before": old, "after": _voted(new), "title": new.title, "argv": ("approve", "show", id)}
            for id, old, new in _otherwise(before, after, lambda side: folds.approvals(side.entries, side.at),
                                           lambda each, at: _voted(each))]
    return Table.of("approvals", rows, Column("id", "approval"), "before", "after", "title", title="Approvals")


def _voted(each: folds.ApprovalState) -> str:
    return f"{each.state}, {each.count}" if each.pending else each.state


def findings(before: Side, after: Side) -> Table:
    """The checks that say otherwise than before."""
    was, told = _newest(before), _newest(after)
    rows: list[Row] = [{"check": fact.check, "subject": fact.subject, "before": old.status if old else NEW,
                        "after": fact.status, "title": fact.title, "monitor": fact.monitor,
                        "status": Status(fact.status) if fact.status in set(Status) else Status.UNKNOWN,
                        "argv": ("monitor", "show", fact.monitor) if fact.monitor else ("audit", "show", str(seq))}
                       for key, (seq, fact) in told.items()
                       if (old := was[key][1] if key in was else None) is None or old.status != fact.status]
    return Table.of("findings", rows, "check", "subject", "before", "after", "title", title="Findings")


def _newest(side: Side) -> Mapping[tuple[str, str, str], tuple[int, Finding]]:
    return {(entry.fact.check, entry.fact.subject, entry.fact.monitor): (entry.seq, entry.fact)
            for entry in side.entries if isinstance(entry.fact, Finding)}


def data(declared: Collection[str], before: Side, after: Side) -> Table:
    """The declared datasets that have another state, and how many rows more."""
    was, told = _snapshots(before), _snapshots(after)
    rows: list[Row] = [{"dataset": name, "before": was[name].rows if name in was else None, "after": fact.rows,
                        "argv": ("snapshot", "log", name)}
                       for name, fact in told.items() if name in declared
                       and (name not in was or was[name].snapshot != fact.snapshot)]
    return Table.of("data", rows, "dataset", Column("before", "rows before"), Column("after", "rows after"),
                    title="Data")


def _snapshots(side: Side) -> Mapping[str, Snapshot]:
    return {entry.subject: entry.fact for entry in side.entries
            if isinstance(entry.fact, Snapshot) and not entry.fact.tag}


def _otherwise(before: Side, after: Side, fold: Callable[[Side], Mapping[str, T]],
                  said: Callable[[T, datetime], str]) -> Iterator[tuple[str, Cell, T]]:
    """What has another standing than it had, with the one it had; the newest first."""
    was = fold(before)
    for id, new in reversed(list(fold(after).items())):
        old = said(was[id], before.at) if id in was else NEW
        if old != said(new, after.at):
            yield id, old, new


def _grave(severity: str, *, over: bool) -> Status:
    if over:
        return Status.PASS
    return Status.FAIL if severity in health.SEVERE else Status.WARN
