"""What people who were there wrote, kept beside the history and read back with who said it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlops_tui.errors import NotFound
from mlops_tui.folds import Incident
from mlops_tui.incidents.answers import Asked, asked
from mlops_tui.incidents.questions import QUESTIONS
from mlops_tui.session import Session
from store.ledger import Entry

SPOKEN = {"saw": "Saw", "did": "Did", "surprised": "Was surprised by", "change": "Would change"}
ERASED = "(erased)"


@dataclass(frozen=True)
class Heard:
    """Who was there and what each said, in order of appearance; who said nothing yet, who has nothing to add."""

    said: tuple[tuple[Asked, Mapping[str, str]], ...]
    waiting: tuple[str, ...]
    declined: tuple[str, ...]


def kept(session: Session, incident: str, who: str, words: Mapping[str, str]) -> str:
    """The digest of the object that holds somebody's answer."""
    document = {"incident": incident, "who": who, **{name: words[name] for name in QUESTIONS if words.get(name)}}
    return session.data().put_object(json.dumps(document, sort_keys=True).encode())


def heard(session: Session, entries: Sequence[Entry], incident: Incident) -> Heard:
    """What there is to hear of an incident by now."""
    everybody = asked(entries, incident, session.declared().team.people).values()
    return Heard(tuple((each, _words(session, each.document)) for each in everybody if each.state == "told"),
                 tuple(each.who for each in everybody if each.state == "waiting"),
                 tuple(each.who for each in everybody if each.state == "declined"))


def _words(session: Session, document: str) -> dict[str, str]:
    try:
        found = json.loads(session.data().object(document))
    except NotFound:
        return {"saw": ERASED}
    return {name: str(found[name]) for name in QUESTIONS if found.get(name)}
