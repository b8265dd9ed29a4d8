"""What somebody wants to know in the morning, told of the history: pure, and the same for whoever reads it."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING

from mlops_tui import folds, health
from mlops_tui.roles import ROLES, Actor
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, View, counted, worst
from store.facts import AlertEvent, CardPublished, Finding, IncidentEvent, Promotion, Snapshot, Trained

if TYPE_CHECKING:
    from mlops_tui.project import Project
    from store.ledger import Entry

PERIODS = {"day": timedelta(days=1), "week": timedelta(days=7)}
NOBODY = Actor("", frozenset())  # a digest is read by many
OFFERED = 4  # of the first that wait, what opens them
_ALERT = {"fired": "fired", "refired": "fired again", "recovered": "recovered", "resolved": "resolved"}
_INCIDENT = {"opened": "opened", "resolved": "resolved", "reopened": "opened again"}


def digest(declared: health.Declared, entries: "Sequence[Entry]", now: datetime, period: timedelta,
           head: str) -> View:
    """What waits for somebody, what is red and since when, and what happened in the `period` before `now`.

    `entries` are all there are; `head` is the hash of the last one, against which the history can be verified later.
    """
    since = earlier(now, period, declared.zone)
    fresh = [entry for entry in entries if since < entry.recorded_at <= now]
    needs = [_need(row) for row in health.needs(declared, entries, now, NOBODY).rows]
    red = list(_red(declared, entries, now))
    changes, findings, snapshots = list(happened(entries, fresh)), _findings(fresh), _snapshots(fresh)
    facts: dict[str, Cell] = {"from": since, "to": now, "entries": len(fresh), "head": head,
                              "changed": bool(needs or red or changes or findings or snapshots)}
    tables = (
        Table.of("needs", needs, "status", "id", "title", "detail", "who", title="Waits for somebody"),
        Table.of("red", red, "status", "model", "part", "since", "why", title="Red"),
        Table.of("changes", changes, "at", Column("id", "what"), "event", "title", title="What happened"),
        Table.of("findings", findings, "check", "fail", "warn", "unknown", "pass", title="Checks"),
        Table.of("snapshots", snapshots, "dataset", "snapshots", "rows", Column("at", "last"), title="Data"))
    began = f"{since.astimezone(declared.zone):%-d %b %H:%M}"
    return View(_title(needs, red, (changes, findings, snapshots), began), Status.WARN if needs or red else Status.PASS,
                (*tables, Facts(facts)), (*_openers(needs), Action("Verify", ("audit", "verify", "--anchor", head))))


def personal(project: "Project", entries: "Sequence[Entry]", now: datetime, person: str, period: str,
             since: datetime | None = None) -> View:
    """What a person of team.yaml wants to know: what waits for him, then for others, what is red, and what happened
    from `since` on, or in the period. Every day's data and checks are for the channel."""
    declared, known = health.Declared.of(project), project.team.people[person]
    reader = Actor(person, frozenset(known.roles) & frozenset(ROLES), simulated=known.simulated)
    since = earlier(now, PERIODS[period], declared.zone) if since is None else since
    waits = health.needs(declared, entries, now, reader).rows
    mine, others = ([_need(row) for row in waits if bool(row["yours"]) is own] for own in (True, False))
    red, changes = list(_red(declared, entries, now)), list(happened(entries, [
        entry for entry in entries if since < entry.recorded_at <= now]))
    title = _title(others, red, (changes, (), ()), f"{since.astimezone(declared.zone):%-d %b %H:%M}")
    if mine:
        title = f"{counted(len(mine), 'thing waits', 'things wait')} for you: {mine[0]['id']}, {mine[0]['title']}"
    tables = (
        Table.of("yours", mine, "status", "id", "title", "detail", title="Waits for you"),
        Table.of("needs", others, "status", "id", "title", "detail", "who", title="Waits for others"),
        Table.of("red", red, "status", "model", "part", "since", "why", title="Red"),
        Table.of("changes", changes, "at", Column("id", "what"), "event", "title", title="What happened"))
    return View(title, Status.WARN if mine or others or red else Status.PASS,
                (*tables, Facts({"from": since, "to": now})), tuple(_openers([*mine, *others])))


def earlier(now: datetime, period: timedelta, zone: tzinfo) -> datetime:
    """The same time of day so many days before: a day on which clocks go back has an hour more, which none may miss.

    >>> from zoneinfo import ZoneInfo
    >>> earlier(datetime.fromisoformat("2026-10-25T07:00+00:00"), PERIODS["day"], ZoneInfo("Europe/Berlin")).hour
    6
    """
    return (now.astimezone(zone) - period).astimezone(UTC)


def standing(view: View) -> str:
    """What waits and what is red, without since when: two digests on whose days the same stands have the same."""
    told = [[part.id, *([str(row.get(key)) for key in ("id", "model", "part", "title", "status")] for row in part.rows)]
            for part in view.parts if isinstance(part, Table) and part.id in ("yours", "needs", "red")]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()[:32]


def new(view: View, before: str) -> bool:
    """Whether it says more than the last one did, on whose day `before` stood: the same stands, and nothing happened.
    What is checked and comes in every day is no news."""
    return standing(view) != before or bool(view.table("changes").rows)


def unchanged(view: View, since: datetime, zone: tzinfo) -> View:
    """The digest of a day on which nothing is new since the one that was sent last."""
    waits = [part for part in view.parts if isinstance(part, Table) and part.id == "yours" and part.rows]
    return replace(view, title=f"Nothing has changed since {since.astimezone(zone):%A, %-d %b}", parts=tuple(waits))


def _title(needs: Sequence[Row], red: Sequence[Row], told: tuple[Sequence[Row], ...], began: str) -> str:
    if needs:
        more = f", and {len(needs) - 1} more" if len(needs) > 1 else ""
        return f"{needs[0]['id']} needs somebody: {needs[0]['title']}{more}"
    if red:
        more = f", and {len(red) - 1} more" if len(red) > 1 else ""
        return f"Nothing waits, but {red[0]['model']} is red in {red[0]['part']}: {red[0]['why']}{more}"
    changes, findings, snapshots = told
    if changes:
        return f"Nothing waits; {_count(len(changes), 'change')} since {began}"
    if findings or snapshots:
        checked = sum(int(str(row["findings"])) for row in findings)
        return f"Nothing waits and nothing is red; {_count(checked, 'finding')} since {began}"
    return f"Nothing of note happened since {began}, and nothing waits"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _need(row: Row) -> Row:
    """What waits, without what is only for one reader; what people wrote why they propose it is not repeated."""
    kept = {key: value for key, value in row.items() if key not in ("yours", "label")}
    return kept | {"title": row["detail"], "detail": ""} if row["kind"] in ("proposal", "lesson") else kept


def _openers(needs: Sequence[Row]) -> Iterator[Action]:
    """What opens the first that wait, each once."""
    labels = {row["argv"]: f"{row['kind']} {row['id']}" for row in reversed(needs[:OFFERED])}
    for argv, label in reversed(labels.items()):
        if isinstance(argv, tuple):
            yield Action(label, argv)


# -- what is red ----------------------------------------------------------------------------------------------------


def _red(declared: health.Declared, entries: "Sequence[Entry]", now: datetime) -> Iterator[Row]:
    """Each part of a model that fails, and since when a check has said so without a break."""
    for row in health.models(declared, entries, now).rows:
        for part in health.FACETS:
            if row[part] is Status.FAIL:
                found = health.failing(declared, entries, str(row["model"]), part, now)
                yield {"status": Status.FAIL, "model": row["model"], "part": part, "why": row[f"{part}_why"],
                       "since": min(_since(entries, fact) for fact in found), "version": row["version"] or None}


def _since(entries: "Sequence[Entry]", last: Finding) -> datetime:
    """When the first was made of the findings that failed in a row up to this one; one that is unknown is no pass."""
    since: list[datetime] = []
    for entry in reversed(entries):
        fact = entry.fact
        if isinstance(fact, Finding) and _series(fact) == _series(last) and fact.status != "unknown":
            if fact.status != "fail":
                break
            since.append(entry.recorded_at)
    return since[-1]


def _series(fact: Finding) -> tuple[str, str, str, str]:
    return fact.check, fact.subject, fact.monitor, fact.version


# -- what happened --------------------------------------------------------------------------------------------------


def happened(entries: "Sequence[Entry]", fresh: "Iterable[Entry]") -> Iterator[Row]:
    """Alerts, incidents and versions, in the order in which it happened."""
    alerts, incidents = folds.alerts(entries), folds.incidents(entries)
    for entry in fresh:
        row: dict[str, Cell] = {"at": entry.recorded_at, "kind": entry.kind, "id": entry.subject}
        match entry.fact:
            case AlertEvent(event=event, real=real) if event in _ALERT and entry.subject in alerts:
                alert, judged = alerts[entry.subject], {True: " as real", False: " as noise", None: ""}[real]
                yield row | {"event": _ALERT[event] + judged, "title": alert.title or alert.monitor,
                             "status": _status(alert.severity, bad=event in ("fired", "refired"))}
            case IncidentEvent(event=event) if event in _INCIDENT and entry.subject in incidents:
                incident = incidents[entry.subject]
                yield row | {"event": _INCIDENT[event], "title": incident.title or incident.about,
                             "status": _status(incident.severity, bad=event != "resolved")}
            case Promotion(event=event, version=version, previous=previous):
                yield row | {"id": f"{entry.subject}@{version}", "event": event.replace("_", " "),
                             "title": f"serves after version {previous}" if previous else "serves",
                             "status": Status.WARN if event == "rolled_back" else Status.DONE}
            case CardPublished(version=version, gaps=gaps):
                yield row | {"id": f"{entry.subject}@{version}", "event": "card published", "status": Status.DONE,
                             "title": f"{len(gaps)} unknown" if gaps else "complete"}
            case Trained(version=version, candidate=candidate):
                yield row | {"id": f"{entry.subject}@{version}", "event": "trained", "title": candidate,
                             "status": Status.DONE}


def _status(severity: str, *, bad: bool) -> Status:
    if not bad:
        return Status.PASS
    return Status.FAIL if severity in health.SEVERE else Status.WARN


def _findings(fresh: "Iterable[Entry]") -> list[Row]:
    """How often each check said what; those that failed come first."""
    said: dict[str, list[str]] = {}
    for entry in fresh:
        if isinstance(entry.fact, Finding):
            status = entry.fact.status
            said.setdefault(entry.fact.check, []).append(status if status in ("pass", "warn", "fail") else "unknown")
    rows: list[Row] = [{"check": check, **{word: found.count(word) for word in ("fail", "warn", "unknown", "pass")},
                        "findings": len(found), "status": worst(map(Status, found))} for check, found in said.items()]
    return sorted(rows, key=lambda row: (-int(str(row["fail"])), -int(str(row["warn"])), str(row["check"])))


def _snapshots(fresh: "Iterable[Entry]") -> list[Row]:
    """What data came: each dataset with how many new states it had, and the rows of the last."""
    found: dict[str, list[Entry]] = {}
    for entry in fresh:
        if isinstance(entry.fact, Snapshot) and not entry.fact.tag:
            found.setdefault(entry.subject, []).append(entry)
    return [{"dataset": name, "snapshots": len(each), "rows": fact.rows, "snapshot": fact.snapshot,
             "at": each[-1].recorded_at}
            for name, each in sorted(found.items()) if isinstance(fact := each[-1].fact, Snapshot)]
