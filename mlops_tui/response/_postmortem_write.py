"""What somebody wrote in an editor, put in place of the post-mortem in the project."""

from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path

import click

from mlops_tui import folds
from mlops_tui.capability import Plan, act
from mlops_tui.errors import Conflict, NotFound
from mlops_tui.folds import Incident
from mlops_tui.response import _reading
from mlops_tui.response._writing import Together, put, read, together, writing_of
from mlops_tui.response.postmortem import incident_of, path_of, postmortem
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Status, Text, View
from store.facts import Fact, Proposal
from store.ledger import Entry


@act(of=postmortem)
@click.argument("incident")
def write(session: Session, incident: str) -> Plan:
    """Put what you wrote of INCIDENT in the dashboard's editor into the project; committing it is yours.

    What others changed in the file meanwhile is taken in; a section that both of you wrote is for you to settle.

    \b
    Example: mlops-tui postmortem write INC-1
    """
    found = incident_of(session, incident)
    root, path = session.declared().root, path_of(found)
    writing, file = writing_of(root, found.id, session.actor.name), root / path
    if not writing.text.is_file():
        raise NotFound(f"{session.actor.name} has begun no text of {found.id} in the dashboard.",
                       next=f"Edit {path} as it stands, or press m at {found.id} in the dashboard.")
    before = read(file)
    both = _settled(together(writing, before), path, writing.text)
    diff = "".join(unified_diff(before.splitlines(keepends=True), both.text.splitlines(keepends=True),
                                f"{path} (now)", f"{path} (yours)"))
    lacking = tuple(_reading.missing(both.text))
    facts: dict[str, Cell] = {"incident": found.id, "path": path, "still_empty": lacking,
                              "changed_meanwhile": "yes, and taken in" if both.meanwhile else None}
    view = View(f"{path} would say what you wrote", Status.CONFIRM, (Facts(facts), Text(diff, "code")))

    def apply() -> View:
        if read(file) != before:
            raise Conflict(f"{path} was changed a moment ago.", where=str(file), next="Look at the plan again.")
        file.parent.mkdir(parents=True, exist_ok=True)
        put(file, both.text)
        session.ledger.transact(lambda entries: _overtaken(entries, found))
        writing.end()
        finish = () if lacking else (Action("It is finished", ("postmortem", "finish", found.id)),)
        return View(f"{path} is written; review and commit it", Status.DONE, (Facts(facts),),
                    (*finish, Action("Read it", ("postmortem", "show", found.id))))

    return Plan(view, apply)


def _settled(both: Together, path: str, text: Path) -> Together:
    if both.twice:
        raise Conflict(f"Somebody else wrote into {path} since you began: {', '.join(both.twice)}.", where=str(text),
                       next="Your text is kept. Edit it again: both stand in it, for you to choose.")
    return both


def _overtaken(entries: Sequence[Entry], found: Incident) -> list[Fact]:
    """Drafts of it that wait to be adopted say less than what people have written."""
    return [Proposal(subject=each.id, event="declined", reason=f"{path_of(found)} was written by hand")
            for each in folds.proposals(entries).values() if each.state == "open" and each.path == path_of(found)]
