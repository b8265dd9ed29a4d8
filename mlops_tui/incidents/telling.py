"""Who is told what in private about an incident: a role with its instructions, a severity, a hand-over, a promise."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.alerts.nudges import Nudge
from mlops_tui.folds import Incident
from mlops_tui.incidents.standing import passed_on, to_close
from mlops_tui.project import Project
from mlops_tui.roles import person_of
from mlops_tui.view import Action, Cell, Facts, Status, View
from store.facts import Handover, IncidentEvent

if TYPE_CHECKING:
    from store.ledger import Entry


def about_incidents(project: Project, entries: "Sequence[Entry]", now: datetime) -> Iterator[Nudge]:
    """What the open incidents have to say to single people, and who was given the watch."""
    for incident in folds.incidents(entries).values():
        if incident.open:
            yield from _roles(project, entries, incident)
            yield from _severity(project, entries, incident)
            yield from _handed(project, entries, incident)
            yield from _update(incident, now)
    yield from _watch(entries)


def _roles(project: Project, entries: "Sequence[Entry]", incident: Incident) -> Iterator[Nudge]:
    """To whoever was given a role by somebody else: what it asks for."""
    given = {entry.fact.role: entry for entry in incident.timeline
             if isinstance(entry.fact, IncidentEvent) and entry.fact.event == "role"}
    for role, entry in given.items():
        who = incident.roles.get(role, "")
        if getattr(entry.fact, "who", "") == who and person_of(entry.actor) != who:
            facts: dict[str, Cell] = {"asks": project.settings.incidents.roles.get(role, ""),
                                      "severity": incident.severity, "given_by": person_of(entry.actor),
                                      "open": to_close(entries, incident) or "nothing is missing to resolve it"}
            yield Nudge(f"incident/{incident.id}/role/{role}", who, View(
                f"You are {role} of {incident.id}: {incident.title}", Status.WARN, (Facts(facts),),
                (_look(incident),)), entry.recorded_at, turn=str(entry.seq))


def _severity(project: Project, entries: "Sequence[Entry]", incident: Incident) -> Iterator[Nudge]:
    """To whom its severity tells, where a person said how bad it is: an alert has told of itself."""
    said = [entry for entry in incident.timeline if isinstance(entry.fact, IncidentEvent) and (
        entry.fact.event == "severity" or (entry.fact.event == "opened" and not entry.fact.alert))]
    if not said:
        return
    level = project.settings.incidents.level(incident.severity)
    facts: dict[str, Cell] = {"means": level.means, "about": incident.about or None,
                              "lead": incident.roles.get("lead"), "why": getattr(said[-1].fact, "note", "") or None}
    view = View(f"{incident.id} is {incident.severity}: {incident.title}", Status.WARN,
                (Facts({name: value for name, value in facts.items() if value is not None}),), (_look(incident),))
    for to in level.tells:
        yield Nudge(f"incident/{incident.id}/severity", to, view, said[-1].recorded_at, turn=str(said[-1].seq),
                    page=incident.severity == "critical")


def _handed(project: Project, entries: "Sequence[Entry]", incident: Incident) -> Iterator[Nudge]:
    """To whom it is handed over: what is open, what was tried, what is next."""
    given = incident.given
    if given is not None:
        yield Nudge(f"incident/{incident.id}/handover", given.to, View(
            f"{person_of(given.by)} hands {incident.id} over to you: {incident.title}", Status.WARN,
            passed_on(incident, entries, project.zone),
            (Action("Take it over", ("incident", "accept", incident.id)), _look(incident))), given.at,
            turn=str(given.entry))


def _update(incident: Incident, now: datetime) -> Iterator[Nudge]:
    """To the lead, else to who promised it: the next word is due."""
    update = incident.update
    if update is not None and update.next is not None and update.next <= now:
        facts: dict[str, Cell] = {"promised_for": update.next, "last": update.text, "said_at": update.at}
        yield Nudge(f"incident/{incident.id}/update", incident.roles.get("lead") or person_of(update.by), View(
            f"An update of {incident.id} is due: {incident.title}", Status.WARN, (Facts(facts),),
            (Action("Say how it stands…", ("incident", "update", incident.id)), _look(incident))), update.next,
            turn=str(update.entry))


def _watch(entries: "Sequence[Entry]") -> Iterator[Nudge]:
    """To whom the watch was given, until he took it."""
    pending: dict[str, tuple[Entry, Handover]] = {}
    for entry in entries:
        if isinstance(entry.fact, Handover) and entry.fact.event == "gave":
            pending[entry.fact.to] = (entry, entry.fact)
        elif isinstance(entry.fact, Handover):
            pending.pop(entry.fact.subject, None)
    for to, (entry, fact) in pending.items():
        yield Nudge("handover", to, View(
            f"{fact.subject} hands the watch over to you", Status.WARN, (Facts({"note": fact.note}),),
            (Action("Take it", ("handover", "take")), Action("What happened", ("handover", "show")))),
            entry.recorded_at, turn=str(entry.seq))


def _look(incident: Incident) -> Action:
    return Action("Look", ("incident", "show", incident.id))
