"""A channel for each incident, where a project wants that: made once, its people invited, to be archived at its end."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bots import blocks
from bots.buttons import button
from bots.cards import READER
from bots.richtext import Block, cut
from bots.sender import CREATE, LOOKED_UP, Say
from mlops_tui import folds
from mlops_tui.daemon import fresh, ledger_of
from mlops_tui.declarations.kinds import Team
from mlops_tui.errors import Conflict
from mlops_tui.folds import Incident
from mlops_tui.roles import person_of
from mlops_tui.session import Session
from mlops_tui.view import Status, View
from store.facts import IncidentEvent
from store.ledger import Entry
from store.queues import Outbox

if TYPE_CHECKING:
    from sqlalchemy import Connection

ARCHIVE = "archive:"     # of the button that archives a channel
NAME, TOPIC = 80, 250    # letters that Slack takes
ROLE = "oncall"          # whoever holds it is invited at once


def name_of(incident: str, project: str) -> str:
    """The channel's name: lower case, of what Slack takes, the same whenever it is asked for.

    >>> name_of("INC-3", "Flug Übersicht")
    'inc-3-flug-bersicht'
    """
    return re.sub(r"[^a-z0-9]+", "-", f"{incident}-{project}".lower()).strip("-")[:NAME].strip("-")


def of_incidents(entries: Sequence[Entry]) -> dict[str, str]:
    """The channel of each incident that has one."""
    return {entry.subject: entry.fact.reference for entry in entries
            if isinstance(entry.fact, IncidentEvent) and entry.fact.event == "channel"}


@dataclass
class Channels:
    """Compares the incidents with their channels, and puts into the outbox what is missing, each thing once."""

    session: Session
    say: Say
    charts: bool = True

    def __post_init__(self) -> None:
        self.ledger = ledger_of(self.session)
        self.outbox = Outbox(self.ledger.engine)

    def round(self) -> None:
        session = fresh(self.session)
        declared = session.declared().settings.slack
        if declared is None or not declared.incident_channels:
            return
        entries = self.ledger.entries("incident")
        rooms = of_incidents(entries)
        archived = {entry.subject for entry in entries
                    if isinstance(entry.fact, IncidentEvent) and entry.fact.event == "archived"}
        for each in folds.incidents(entries).values():
            if each.id in archived:
                continue
            if each.id in rooms:
                self._keep(session, each, rooms[each.id])
            elif each.open:
                with suppress(Conflict):  # the history has grown meanwhile: in the next round
                    self._make(session, each)

    def _make(self, session: Session, incident: Incident) -> None:
        """Have it made; once it is there, that is an entry, and what it is about is said in it."""
        key = f"channel/{incident.id}"
        if not self.outbox.has(key):
            self.outbox.put(key, CREATE, "", {"name": name_of(incident.id, session.declared().settings.project)})
            return
        made = self.outbox.one(key)
        if made.status != "sent":
            return
        channel = made.reference.partition("/")[0]
        hello = self._hello(session, incident)
        unit = self.ledger.acting_as(READER.name).unit()
        unit.append(IncidentEvent(subject=incident.id, event="channel", reference=channel))

        def also(connection: "Connection") -> None:
            self.outbox.put(f"{key}/hello", LOOKED_UP, channel, hello, connection)

        unit.commit(also)

    def _hello(self, session: Session, incident: Incident) -> Mapping[str, object]:
        view = session.acting_as(READER).perform(("incident", "show", incident.id)).view
        return blocks.message(view, zone=session.declared().zone, command=("incident", "show", incident.id),
                              charts=self.charts)

    def _keep(self, session: Session, incident: Incident, channel: str) -> None:
        """Its people are in it, its topic says what is so, and at the end it may be archived."""
        key = f"channel/{incident.id}"
        if not incident.open:
            if not self.outbox.has(f"{key}/over"):
                self.outbox.put(f"{key}/over", LOOKED_UP, channel, _over(incident, session))
            return
        for user in invited(incident, session.declared().team):
            if not self.outbox.has(f"{key}/invite/{user}"):
                self.outbox.put(f"{key}/invite/{user}", "conversations.invite", channel, {"users": user})
        topic = topic_of(incident)
        key = f"{key}/topic/{hashlib.sha256(topic.encode()).hexdigest()[:16]}"
        if not self.outbox.has(key):
            self.outbox.put(key, "conversations.setTopic", channel, {"topic": topic})


def topic_of(incident: Incident) -> str:
    lead = f" · {incident.roles['lead']} leads" if incident.roles.get("lead") else ""
    return cut(f"{incident.severity} · {incident.title or incident.about}{lead}", TOPIC)


def invited(incident: Incident, team: Team) -> Iterator[str]:
    """The Slack ids of whoever is on call, has a role in it, or did something about it."""
    named = {person_of(name) for name in (*incident.roles.values(), *incident.people)}
    for name, person in team.people.items():
        if person.slack and (name in named or ROLE in person.roles):
            yield person.slack


def _over(incident: Incident, session: Session) -> Mapping[str, object]:
    view = View(f"{incident.id} is {incident.state}. Archive this channel when nobody needs it any more.", Status.PASS)
    made = blocks.message(view, zone=session.declared().zone)
    shown = made["blocks"]
    assert isinstance(shown, list)
    press: Block = button("Archive the channel", f"{ARCHIVE}0", incident.id)
    return {**made, "blocks": [*shown, {"type": "actions", "elements": [press]}]}
