"""Post-mortems: drafted from what is known, finished by people, with lessons that the next promotion must pass."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import click

from mlops_tui import folds
from mlops_tui.capability import act, look, measure, noun
from mlops_tui.declarations.declare import duration
from mlops_tui.declarations.kinds import Item
from mlops_tui.errors import BadInput, Conflict, NotFound
from mlops_tui.folds import ActionItem, Incident, PostmortemState
from mlops_tui.incidents.merging import itself
from mlops_tui.response import _answers, _document, _people, _reading, _running
from mlops_tui.response._checklists import with_item
from mlops_tui.response._merging import Merged
from mlops_tui.response._merging import merged as merged_with
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Row, Status, Table, Text, View, counted
from store.facts import Fact, Postmortem, Proposal
from store.ledger import Entry

postmortem = noun("postmortem", __doc__ or "", bare="list", subject="show", package="mlops_tui.response")
DUE = timedelta(days=14)


def path_of(incident: Incident) -> str:
    """The file of the project that holds its post-mortem."""
    return f"postmortems/{incident.id}.md"


def incident_of(session: Session, name: str) -> Incident:
    """The incident of that id; NotFound says which there are."""
    session.declared()
    return itself(folds.incidents(session.ledger.entries("incident")), name)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


@measure(of=postmortem)
@click.argument("incident")
def draft(session: Session, incident: str) -> View:
    """Draft the post-mortem of an incident, and propose it as a file of the project.

    Drafted again, it tells what is known by now, and leaves every section that people wrote as they wrote it.

    \b
    Example: mlops-tui postmortem draft INC-1
    """
    found = incident_of(session, incident)
    file = session.declared().root / path_of(found)
    text, impact = _document.drafted(session, found)
    document, before = session.data().put_object(text.encode()), _digest(file)
    merged = _beside_people(session, found, text, file)
    if file.is_file() and merged.text.encode() == file.read_bytes():
        return View(f"The post-mortem of {found.id} has nothing new", Status.DONE,
                    (Facts({"incident": found.id, "path": path_of(found), "kept_as_written": merged.kept}),),
                    (Action("Read it", ("postmortem", "show", found.id)),))

    proposed = session.data().put_object(merged.text.encode())

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        known = folds.proposals(entries)
        number = folds.next_id("P", known)
        old: list[Fact] = [Proposal(subject=each.id, event="declined", reason=f"{number} is a newer draft")
                           for each in known.values() if each.state == "open" and each.path == path_of(found)]
        return [*old, Postmortem(subject=found.id, event="drafted", document=document),
                Proposal(subject=number, event="proposed", path=path_of(found), document=proposed, before=before,
                         why=f"post-mortem of {found.id}: {found.title}", origin=found.id)]

    proposal = session.ledger.transact(decided)[-1].subject
    heard = _answers.heard(session, session.ledger.entries(), found)
    facts: dict[str, Cell] = {"incident": found.id, "proposal": proposal, "path": path_of(found), "document": document,
                              "heard": tuple(each.who for each, _ in heard.said), "not_heard": heard.waiting,
                              "kept_as_written": merged.kept}
    table = Table.of("impact", impact.rows, "period", "predictions", "predicted", "seen", "flagged", "false_alarms",
                     "missed", title="Impact")
    how = Text("The query that counted it stands in the document." if impact.query else
               f"The impact was not computed: {impact.reason}.")
    again = "anew, beside what people wrote" if file.is_file() else "now"
    return View(f"The post-mortem of {found.id} is drafted {again}".removesuffix(" now"), Status.DONE,
                (Facts(facts), table, how), (Action("Write it into the project", ("adopt", proposal)),
                                             Action("Read it", ("postmortem", "show", found.id))))


def _beside_people(session: Session, found: Incident, text: str, file: Path) -> Merged:
    """The new draft, with what people wrote into earlier ones left as it is."""
    if not file.is_file():
        return Merged(text, ())
    drafts = []
    for entry in session.ledger.entries("postmortem", subject=found.id):
        if isinstance(entry.fact, Postmortem) and entry.fact.event == "drafted":
            with suppress(NotFound):  # it was erased: what it said counts as written by people
                drafts.append(session.data().object(entry.fact.document).decode("utf-8"))
    return merged_with(drafts, text, file.read_text(encoding="utf-8"))


@look(of=postmortem)
@click.argument("incident")
def show(session: Session, incident: str) -> View:
    """The post-mortem as it stands, its actions, and what it still lacks.

    \b
    Example: mlops-tui postmortem show INC-1
    """
    found = incident_of(session, incident)
    entries = session.ledger.entries("postmortem", "proposal")
    state = folds.postmortems(entries).get(found.id)
    file = session.declared().root / path_of(found)
    if state is None and not file.is_file():
        raise NotFound(f"{found.id} has no post-mortem yet.", next=f"Try: mlops-tui postmortem draft {found.id}")
    content = file.read_bytes() if file.is_file() else session.data().object(state.document if state else "")
    text = content.decode("utf-8", "replace")
    lacking = _reading.missing(text)
    facts: dict[str, Cell] = {"incident": found.id, "state": state.state if state else "drafted",
                              "path": path_of(found) if file.is_file() else "not adopted yet", "empty": tuple(lacking)}
    items = [each for each in folds.action_items(entries).values() if each.incident == found.id]
    heard = _answers.heard(session, session.ledger.entries(), found)
    facts |= {"heard": tuple(each.who for each, _ in heard.said), "not_heard": heard.waiting}
    parts = (Facts(facts), _said(heard), _actions(items, session), _hints(text), Text(text, "markdown"))
    return View(f"Post-mortem of {found.id}: {found.title}", Status.WARN if lacking else Status.DONE, parts,
                _next(found, state, file))


def _next(found: Incident, state: PostmortemState | None, file: Path) -> tuple[Action, ...]:
    """What is left to do with it: adopt the draft, finish it, or keep what was changed since it was finished."""
    if not file.is_file():
        return (Action("Which proposal is it?", ("adopt", "list")),)
    if state is None or state.state != "finished":
        return (Action("It is finished", ("postmortem", "finish", found.id)),)
    return () if state.document == _digest(file) else (Action("Keep it as it is now",
                                                             ("postmortem", "finish", found.id)),)


def _actions(items: Sequence[ActionItem], session: Session) -> Table:
    today = f"{session.now().astimezone(session.declared().zone):%Y-%m-%d}"
    rows: list[Row] = [{"action": each.id, "title": each.title, "type": each.type, "owner": each.owner,
                        "due": each.due, "proposal": each.proposal, "state": each.standing(today)} for each in items]
    return Table.of("actions", rows, "action", "state", "title", "type", "owner", "due", title="Actions")


def _said(heard: _answers.Heard) -> Table:
    rows: list[Row] = [{"who": each.who, "question": _answers.SPOKEN[name], "answer": answer}
                       for each, words in heard.said for name, answer in words.items()]
    return Table.of("heard", rows, "who", "question", "answer", title="What people said")


def _hints(text: str) -> Table:
    rows: list[Row] = [{"line": line, "word": word} for line, word in _reading.hints(text)]
    return Table.of("hints", rows, "line", "word", title="Words that look for somebody to blame, or for the one cause")


@act(of=postmortem, confirm=False)
@click.argument("incident")
def finish(session: Session, incident: str) -> View:
    """Keep the post-mortem as people have written it; its actions are followed up from now on.

    \b
    Example: mlops-tui postmortem finish INC-1
    """
    found = incident_of(session, incident)
    file = session.declared().root / path_of(found)
    if not file.is_file():
        waits = [each.id for each in folds.proposals(session.ledger.entries("proposal")).values()
                 if each.state == "open" and each.path == path_of(found)]
        raise NotFound(f"There is no {path_of(found)} in the project{', only a proposal of it' if waits else ''}.",
                       next=f"Try: mlops-tui {f'adopt {waits[-1]}' if waits else f'postmortem draft {found.id}'}")
    text = file.read_text(encoding="utf-8")
    if lacking := _reading.missing(text):
        raise BadInput(f"Still empty: {', '.join(lacking)}.", where=str(file), next="Only people can write these.")
    lines = _reading.actions(text)
    for line in lines:
        if problem := _reading.wrong(line):
            raise BadInput(f"The action '{line.title or line.id}' {problem}.", where=str(file))
    document = session.data().put_object(text.encode())

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        known = folds.action_items(entries)
        added: list[dict[str, Any]] = []
        mine = {(each.title, each.owner) for each in known.values() if each.incident == found.id}
        for line in lines:
            if line.id not in known and (line.title, line.owner) not in mine:
                number = _next_action(found.id, [*known, *(str(each["id"]) for each in added)])
                added.append({**asdict(line), "id": number})
        more: list[Fact] = [Postmortem(subject=found.id, event="action", actions=tuple(added))] if added else []
        return [*more, Postmortem(subject=found.id, event="finished", document=document)]

    session.ledger.transact(decided)
    items = [each for each in folds.action_items(session.ledger.entries("postmortem", "proposal")).values()
             if each.incident == found.id]
    waiting = _answers.heard(session, session.ledger.entries(), found).waiting
    return View(f"The post-mortem of {found.id} is finished, with {counted(len(items), 'action')}", Status.DONE,
                (Facts({"incident": found.id, "document": document, "not_heard": waiting}), _actions(items, session),
                 _hints(text)))


def _next_action(incident: str, taken: Sequence[str]) -> str:
    numbers = [int(name.rpartition("/")[2]) for name in taken if name.startswith(f"{incident}/")]
    return f"{incident}/{max(numbers, default=0) + 1}"


@act(of=postmortem, confirm=False)
@click.argument("incident")
@click.option("--type", "kind", type=click.Choice(_reading.TYPES), required=True,
              help="What it does; a checklist action becomes an item that the next promotion must satisfy.")
@click.option("--title", required=True, help="What is to be done, or shown, in one line.")
@click.option("--owner", default=None, help="Who does it; you by default.")
@click.option("--due", default=None, help="The day by which it is done; in two weeks by default.")
@click.option("--item", default=None, help="For a checklist: the new item's id.")
@click.option("--finding", default=None, help="For a checklist: the check whose finding must pass.")
@click.option("--sign-off", default=None, help="For a checklist: the role that must sign.")
@click.option("--max-age", default=None, help="For a checklist: how fresh the finding must be, such as 2d.")
@click.option("--expires", default=None, help="For a checklist: the day from which it is not asked for any more.")
@click.option("--model", default=None, help="For a checklist: whose; the incident's model by default.")
def action(session: Session, incident: str, kind: str, title: str, owner: str | None, due: str | None,
           item: str | None, finding: str | None, sign_off: str | None, max_age: str | None,
           expires: str | None, model: str | None) -> View:
    """Promise an action, with an owner and a day; as a checklist item it becomes part of the gate.

    \b
    Example: mlops-tui postmortem action INC-1 --type detect --title "alert on late labels" --owner bo
    Example: mlops-tui postmortem action INC-1 --type checklist --item labels-in --finding health --max-age 2d \
--title "Yesterday's labels are in"
    """
    found = incident_of(session, incident)
    given = {"title": title, "type": kind, "owner": _people.person(session, owner or "me"), "due": _due(session, due)}
    if kind != "checklist":
        if any(each is not None for each in (item, finding, sign_off, max_age, expires)):
            raise BadInput("An item belongs to a checklist.", next="Add --type checklist.")
        return _promised(session, found, given, lambda number, entries: [])
    added = replace(_item(found, item, (finding, sign_off, max_age), title), expires=_day(expires))
    path = _checklist(session, found, model)
    file = session.declared().root / path

    def proposed(number: str, entries: Sequence[Entry]) -> list[Fact]:
        text, before = _latest(file.read_bytes() if file.is_file() else b"", path, entries)
        return [Proposal(subject=number, event="proposed", path=path, content=with_item(text, added, path),
                         before=before, why=title, origin=found.id, lesson=True)]

    return _promised(session, found, given, proposed)


def _latest(content: bytes, path: str, entries: Sequence[Entry]) -> tuple[str, str]:
    """The text to add to, with its digest: the file's, or that of the open proposals which already build upon it."""
    before = hashlib.sha256(content).hexdigest() if content else ""
    for each in folds.proposals(entries).values():
        if each.state == "open" and (each.path, each.before) == (path, before):
            content = each.content.encode()
            before = hashlib.sha256(content).hexdigest()
    return content.decode("utf-8"), before


def _due(session: Session, text: str | None) -> str:
    return _day(text) or (session.now().astimezone(session.declared().zone).date() + DUE).isoformat()


def _day(text: str | None) -> str:
    """A day as it is written in files; empty where none is given."""
    try:
        return date.fromisoformat(text).isoformat() if text else ""
    except ValueError as problem:
        raise BadInput(f"'{text}' is not a day.", next="Write it as 2013-10-01.") from problem


def _item(found: Incident, name: str | None, asked: tuple[str | None, str | None, str | None], title: str) -> Item:
    finding, sign_off, max_age = asked
    if not name:
        raise BadInput("A checklist item needs an id.", next="Add: --item labels-in")
    try:
        return Item(name, finding or "", sign_off or "", duration(max_age) if max_age else None, title, found.id)
    except ValueError as problem:
        raise BadInput(f"{problem}.", next="Give --finding CHECK or --sign-off ROLE.") from problem


def _checklist(session: Session, found: Incident, model: str | None) -> str:
    """The checklist of the model that the lesson is for."""
    project = session.declared()
    name = project.subject(model, "model").name if model else _running.values(session, found.about, "")["model"]
    if not name:
        raise BadInput(f"{found.id} is about no model.", next="Add: --model MODEL")
    return f"checklists/{project.models[name].checklist}.yaml"


Proposing = Callable[[str, Sequence[Entry]], list[Fact]]


def _promised(session: Session, found: Incident, given: Mapping[str, str], proposing: Proposing) -> View:
    """Append the action, with the proposal that it makes, where it makes one."""
    def decided(entries: Sequence[Entry]) -> list[Fact]:
        number = folds.next_id("P", folds.proposals(entries))
        proposals = proposing(number, entries)
        name = _next_action(found.id, list(folds.action_items(entries)))
        return [*proposals, Postmortem(subject=found.id, event="action", actions=(
            {"id": name, **given, "proposal": number if proposals else ""},))]

    session.ledger.transact(decided)
    item = list(folds.action_items(session.ledger.entries("postmortem", "proposal")).values())[-1]
    facts: dict[str, Cell] = {"action": item.id, "title": item.title, "type": item.type, "owner": item.owner,
                              "due": item.due, "proposal": item.proposal or None}
    steps = (Action("Make it part of the gate", ("adopt", item.proposal)),) if item.proposal else ()
    said = f"{item.id} is a lesson: until {item.proposal} is adopted or declined, the gate stays shut" \
        if item.proposal else f"{item.id} is with {item.owner}, due {item.due}"
    return View(said, Status.DONE, (Facts(facts),), steps)


@act(of=postmortem, confirm=False)
@click.argument("name", metavar="ACTION")
@click.option("--note", default="", help="What was done.")
def done(session: Session, name: str, note: str) -> View:
    """Say that an action such as INC-1/2 is done.

    \b
    Example: mlops-tui postmortem done INC-1/2 --note "alert labels-late is live"
    """
    session.declared()

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        item = folds.known(folds.action_items(entries), name, "action", "status")
        if item.proposal:
            raise BadInput(f"{item.id} is a lesson: it is done when {item.proposal} is adopted or declined.",
                           next=f"Try: mlops-tui adopt {item.proposal}")
        if item.state != "open":
            raise Conflict(f"{item.id} is {item.state} already.")
        return [Postmortem(subject=item.incident, event="done", actions=({"id": item.id, "note": note},))]

    session.ledger.transact(decided)
    return View(f"{name.upper()} is done", Status.DONE, (Facts({"note": note}),))
