"""What people put on an incident's timeline, as it reads now: edits followed, what was struck still there."""

from dataclasses import dataclass, replace
from datetime import datetime

from mlops_tui.incidents.incidentstate import Incident
from mlops_tui.roles import person_of
from store.facts import IncidentEvent
from store.ledger import Entry

FOLLOWED = "slack"  # who enters what became of a message there


@dataclass(frozen=True)
class Note:
    """One line that somebody put there. `reference` is its link, or the number of its entry where it has none.

    `made` is the entry by which it came, `entry` the last one about it, `first` what it said before it was amended,
    `struck` by whom it was taken back, with the reason where there is one; `editor` who amended it, where that is not
    whoever said it, nor Slack.
    """

    reference: str
    at: datetime
    who: str
    text: str
    made: int
    entry: int
    first: str = ""
    struck: str = ""
    editor: str = ""

    @property
    def shown(self) -> str:
        """The line as it is read: a struck one still says what it said."""
        if self.struck:
            return f"[struck by {self.struck}] {self.text}"
        return f"{self.text} (edited{f' by {self.editor}' if self.editor else ''})" if self.first else self.text


def notes(incident: Incident) -> dict[str, Note]:
    """Every line that people put on the timeline, by its reference, in the order in which it came to be known."""
    found: dict[str, Note] = {}
    for entry in incident.timeline:
        fact = entry.fact
        if not isinstance(fact, IncidentEvent):
            continue
        if fact.event == "note":
            made = _made(entry, fact)
            found.setdefault(made.reference, made)
        elif fact.reference in found and fact.event in ("amended", "struck"):
            found[fact.reference] = _after(found[fact.reference], entry, fact)
    return found


def _made(entry: Entry, fact: IncidentEvent) -> Note:
    who = fact.who or entry.actor
    if fact.who not in ("", person_of(entry.actor)) and not fact.reference:  # no link shows that he said it
        who = f"{fact.who}, says {entry.actor}"
    return Note(fact.reference or str(entry.seq), entry.effective_at, who, fact.note, entry.seq, entry.seq)


def _after(note: Note, entry: Entry, fact: IncidentEvent) -> Note:
    if fact.event == "struck":
        return replace(note, struck=f"{entry.actor}: {fact.note}" if fact.note else entry.actor, entry=entry.seq)
    own = person_of(entry.actor) in (person_of(note.who), FOLLOWED)
    return replace(note, text=fact.note, first=note.first or note.text, entry=entry.seq,
                   editor="" if own else entry.actor)
