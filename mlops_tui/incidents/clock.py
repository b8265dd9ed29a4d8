"""The moments of an incident: each kept as it was first known, beside what people corrected it to and why."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mlops_tui.incidents.incidentstate import Incident
from store.facts import AlertEvent, IncidentEvent, Postmortem, Promotion
from store.ledger import Entry

POINTS = ("onset", "detected", "notified", "acked", "mitigated", "resolved", "reviewed")
OURS = ("timetable", "slack", "demo")  # actors that are no people


@dataclass(frozen=True)
class Point:
    """A moment of an incident: when, as is known now; `first`, where somebody corrected it, when it was said to be,
    with who and why; `source` how it is known."""

    at: datetime
    source: str
    first: datetime | None = None
    by: str = ""
    why: str = ""


def clock(entries: Sequence[Entry], incident: Incident) -> dict[str, Point]:
    """The moments that are known, in the order of POINTS. One that is open has no end, whatever was said of one."""
    first = dict(_first(entries, incident))
    corrected: dict[str, Point] = {}
    for entry in incident.timeline:
        fact = entry.fact
        if not isinstance(fact, IncidentEvent) or fact.subject != incident.id:
            continue  # what was corrected of one that was merged is its own
        if fact.event == "reopened":
            corrected.pop("resolved", None)
        elif fact.event == "corrected":
            before = corrected.get(fact.point) or first.get(fact.point)
            was = (before.first or before.at) if before is not None else None
            corrected[fact.point] = Point(datetime.fromisoformat(fact.at), "corrected", was, entry.actor, fact.note)
    if incident.open:
        corrected.pop("resolved", None)
    found = {**first, **corrected}
    return {name: found[name] for name in POINTS if name in found}


def _first(entries: Sequence[Entry], incident: Incident) -> Iterator[tuple[str, Point]]:
    """Each moment as it was known at first."""
    if incident.window[0]:
        yield "onset", Point(datetime.fromisoformat(incident.window[0]), "the data by which it fired, or a person")
    alerts = [entry for entry in entries if isinstance(entry.fact, AlertEvent) and entry.subject in incident.alerts]
    opened = [entry for entry in incident.timeline if _event(entry) == "opened"]
    fired = [entry.recorded_at for entry in alerts if _event(entry) in ("fired", "flapping")]
    seen = min(entry.recorded_at for entry in opened)
    detected = Point(min(fired), "its first alert") if fired and min(fired) <= seen else Point(seen, "who opened it")
    yield "detected", detected
    sent = [entry for entry in incident.timeline if _event(entry) == "notified"]
    if sent:
        yield "notified", Point(sent[0].effective_at, "the first message that was accepted")
    yield from _acked(alerts, opened)
    yield from _mitigated(entries, incident, detected.at)
    if incident.resolved_at is not None:
        yield "resolved", Point(incident.resolved_at, "who resolved it")
    reviewed = [entry for entry in entries if isinstance(entry.fact, Postmortem) and _event(entry) == "finished"
                and entry.subject == incident.id]
    if reviewed:
        yield "reviewed", Point(reviewed[0].recorded_at, "its post-mortem was finished")


def _event(entry: Entry) -> str:
    return str(getattr(entry.fact, "event", ""))


def _acked(alerts: Sequence[Entry], opened: Sequence[Entry]) -> Iterator[tuple[str, Point]]:
    """When a person first took it up: by an ack, or by opening it; nothing where none has."""
    found = [(entry.recorded_at, said) for said, those in (("the first ack", [
        each for each in alerts if _event(each) == "acked"]), ("who opened it", opened))
        for entry in those if entry.actor not in OURS]
    if found:
        yield "acked", Point(*min(found, key=lambda each: each[0]))


def _mitigated(entries: Sequence[Entry], incident: Incident, since: datetime) -> Iterator[tuple[str, Point]]:
    """When it no longer hurt, as somebody said; else when another version began to serve."""
    said = [entry for entry in incident.timeline if _event(entry) == "mitigated"]
    if said:
        yield "mitigated", Point(said[0].effective_at, "who said so")
        return
    model, end = incident.about.partition("@")[0], incident.resolved_at
    served = [entry.recorded_at for entry in entries if isinstance(entry.fact, Promotion) and entry.subject == model
              and entry.recorded_at >= since and (end is None or entry.recorded_at <= end)]
    if served:
        yield "mitigated", Point(min(served), "another version began to serve")


@dataclass(frozen=True)
class Lasted:
    """One length of an incident, by which it is measured: from one moment to another."""

    name: str
    definition: str
    start: str
    end: str


LENGTHS = (
    Lasted("detect", "from onset, as estimated or corrected, to the first alert or the person who saw it", "onset",
           "detected"),
    Lasted("deliver", "from there to the first message that Slack accepted: our own delay", "detected", "notified"),
    Lasted("acknowledge", "from that message, or from detection where none was sent, to the first person",
           "notified", "acked"),
    Lasted("mitigate", "from detection until it no longer hurt", "detected", "mitigated"),
    Lasted("resolve", "from detection until somebody resolved it", "detected", "resolved"),
)
MEANS = {"detect": "MTTD", "deliver": "delivery", "acknowledge": "MTTA", "mitigate": "MTTM", "resolve": "MTTR"}


def lengths(points: Mapping[str, Point]) -> dict[str, timedelta]:
    """How long each part of an incident took, of those whose moments are known. What ended before it began by what is
    known lasted nothing: an onset is an estimate."""
    start = _starts(points)
    return {each.name: max(points[each.end].at - start[each.start], timedelta(0)) for each in LENGTHS
            if each.start in start and each.end in points and ("notified" in points or each.name != "deliver")}


def going(points: Mapping[str, Point], now: datetime) -> dict[str, timedelta]:
    """How long each part of an open incident has lasted so far, of those that did not end yet by what is known."""
    start = _starts(points)
    return {each.name: max(now - start[each.start], timedelta(0)) for each in LENGTHS
            if each.start in start and each.end not in points and each.name != "deliver"}


def _starts(points: Mapping[str, Point]) -> dict[str, datetime]:
    known = {name: point.at for name, point in points.items()}
    return {**known, "notified": known.get("notified", known["detected"])}
