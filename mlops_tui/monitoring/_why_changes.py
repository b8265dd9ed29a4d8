"""What happened around the time when something began: each change of the project's own history, with its entry."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from mlops_tui.view import Row
from store.facts import Fact, Finding, Note, Promotion, Proposal, Quarantined, Run, Snapshot, Streamed
from store.ledger import Entry

BEFORE = timedelta(days=7)  # of the onset: what came earlier is not at the same time
ABOUT_DATA = ("health", "ingest", "validate", "catalog")
ROUTINE = ("pipeline ran", "data landed")  # what happens every day comes last


def changes(entries: Sequence[Entry], model: str, onset: datetime, end: datetime) -> list[Row]:
    """Changes from seven days before the onset to the end of the window, the nearest to the onset first.

    The same finding again and again is one row, at its first time.
    """
    span = onset - BEFORE, end
    found: dict[tuple[str, str], Row] = {}
    counts: dict[tuple[str, str], int] = {}
    declared: dict[tuple[str, str], str] = {}
    paths = {each.subject: each.fact.path for each in entries if isinstance(each.fact, Proposal) and each.fact.path}
    for entry in entries:
        told = _told(entry.fact, model, declared)
        if told is None or not span[0] <= entry.recorded_at <= span[1]:
            continue
        kind, what = told
        key = (kind, what if kind != "data" else entry.subject)
        if isinstance(entry.fact, Proposal):
            if paths.get(entry.subject, "").startswith("postmortems/"):  # a document changes nothing
                continue
            what = f"{what}: {paths.get(entry.subject, '')}"
        counts[key] = counts.get(key, 0) + 1
        if key not in found:
            found[key] = {"what": what, "kind": kind, "at": entry.recorded_at, "who": entry.actor, "entry": entry.seq,
                          "days_from_onset": (entry.recorded_at - onset) / timedelta(days=1)}
    rows = [{**row, "times": counts[key]} for key, row in found.items()]
    return sorted(rows, key=lambda row: (row["kind"] in ROUTINE, abs(float(str(row["days_from_onset"])))))


def _told(fact: Fact, model: str, declared: dict[tuple[str, str], str]) -> tuple[str, str] | None:
    """A change in words, with its kind; None for what is no change. `declared` is brought up to date."""
    if isinstance(fact, Promotion):
        again = "was rolled back to" if fact.event == "rolled_back" else "is served by"
        return ("deployment", f"{fact.subject} {again} version {fact.version}") if fact.subject == model else None
    if isinstance(fact, Proposal):
        return ("declaration", f"{fact.subject} adopted") if fact.event == "adopted" else None
    if isinstance(fact, Run):
        failed = fact.status in ("failed", "fail", "error")
        return ("data", f"{fact.subject}: step {fact.step or 'all'} failed") if failed else \
            ("pipeline ran", f"pipeline {fact.subject} ran") if not fact.step and fact.status == "done" else None
    if isinstance(fact, Snapshot):
        own = not fact.tag and "." not in fact.subject  # built by pipelines, features and scores follow from others
        return ("data landed", f"{fact.subject} got new rows") if own else None
    if isinstance(fact, Quarantined):
        return "data", f"{fact.rows:,} rows of {fact.subject} left the quarantine ({fact.event})"
    if isinstance(fact, Streamed):
        return ("data", f"{fact.dead:,} events of {fact.subject} were dead letters") if fact.dead else None
    if isinstance(fact, Note) and fact.subject != "replay":
        return "note", f"{fact.subject}: {fact.text}"
    return _found(fact, declared) if isinstance(fact, Finding) else None


def _found(fact: Finding, declared: dict[tuple[str, str], str]) -> tuple[str, str] | None:
    """A finding about data that is not well; or one that is judged by another declaration than the one before."""
    if fact.declaration and fact.monitor:
        key = fact.check, fact.monitor
        before, declared[key] = declared.get(key), fact.declaration
        if before and before != fact.declaration:
            return "declaration", f"{fact.monitor} is declared otherwise"
    return ("data", fact.title) if fact.check in ABOUT_DATA and fact.status == "fail" else None


def deployment(entries: Sequence[Entry], model: str, version: str, end: datetime) -> Entry | None:
    """The newest promotion of a version up to that moment; None where it never had one."""
    return next((each for each in reversed(entries) if isinstance(each.fact, Promotion) and each.subject == model
                 and each.fact.version == version and each.recorded_at <= end), None)
