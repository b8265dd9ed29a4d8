"""The watch, handed from person to person: what happened since you last looked, what is open, what comes next."""

from collections.abc import Sequence

import click

from mlops_tui import health
from mlops_tui.capability import act, look, noun
from mlops_tui.errors import BadInput
from mlops_tui.inputs.moments import moment
from mlops_tui.response import _case, _people, _watch
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Facts, Row, Status, Table, View, counted
from store.facts import Handover
from store.ledger import Entry

handover = noun("handover", __doc__ or "", bare="show")


@look(of=handover, fold=True)
@click.option("--since", default=None, help="From when on; when you last took the watch by default.")
@click.option("--person", default=None, help="For whom; you by default.")
def show(session: Session, since: str | None, person: str | None) -> View:
    """What happened since you last looked, what is open and with whom, what comes next, what you promised.

    Looking changes nothing: `handover take` says that you know it, and the next look begins there.

    \b
    Example: mlops-tui handover --since "12h ago"
    """
    who = _people.person(session, person) if person else session.actor.name
    zone, now = session.declared().zone, session.now()
    start, why = (moment(since, zone, now), "as asked") if since else _watch.last_looked(session, who)
    if start > now:
        raise BadInput("That is still to come.", next="Say since when in the past, such as --since '12h ago'.")
    entries = session.ledger.entries(*_watch.KINDS)
    told, open_ = _watch.happened(session, entries, start), _open(session, entries)
    facts: dict[str, Cell] = {"since": start, "that_is": why, "from": _given(entries, who)}
    title = "Nothing happened, and nothing is open"
    if told.total or open_.rows:
        title = ", ".join((counted(told.total or 0, "thing happened", "things happened"),
                           counted(len(open_.rows), "is open", "are open")))
    parts = [part for part in (told, open_, _watch.due(session, entries), _watch.promised(session, entries, who))
             if part.rows]
    return View(title, Status.WARN if open_.rows else Status.PASS,
                (Facts({name: value for name, value in facts.items() if value is not None}), *parts),
                (Action("I know it now", ("handover", "take")), *_others(session)))


def _others(session: Session) -> list[Action]:
    """The others who may be on call, to hand it over to."""
    people = session.declared().team.people
    return [Action(f"Hand over to {name}", ("handover", "give", name), asks=("note",))
            for name, person in people.items() if "oncall" in person.roles and name != session.actor.name][:2]


def _open(session: Session, entries: Sequence[Entry]) -> Table:
    """What waits for somebody, whoever that is."""
    found = health.needs(health.Declared.of(session.declared()), entries, session.now(), session.actor)
    rows: list[Row] = [{name: row[name] for name in ("status", "kind", "id", "title", "detail", "who")}
                       for row in found.rows]
    return Table.of("open", rows, "status", "id", "title", "detail", title="What is open")


def _given(entries: Sequence[Entry], who: str) -> str | None:
    """The word of whoever gave the watch to him last, where he did not take it yet."""
    said: str | None = None
    for entry in entries:
        if isinstance(entry.fact, Handover):
            if entry.fact.event == "gave" and entry.fact.to == who:
                said = f"{entry.fact.subject}: {entry.fact.note}"
            elif entry.fact.event == "took" and entry.fact.subject == who:
                said = None
    return said


@act(of=handover, confirm=False)
@click.argument("person")
@click.option("--note", required=True, help="What the next one should know before anything else.")
def give(session: Session, person: str, note: str) -> View:
    """Hand the watch over to PERSON, who is told in private and takes it.

    \b
    Example: mlops-tui handover give bo --note "INC-2 waits for the outcomes of Friday; nothing else is odd"
    """
    _case.something(note, "note")
    who = _people.person(session, person)
    if who == session.actor.name:
        raise BadInput("You have it already.", next="Name somebody else, or: mlops-tui handover take")
    session.ledger.append(Handover(subject=session.actor.name, event="gave", to=who, note=note))
    entries = session.ledger.entries(*_watch.KINDS)
    open_ = _open(session, entries)
    return View(f"The watch is offered to {who}, with {counted(len(open_.rows), 'thing')} open", Status.DONE,
                (Facts({"note": note}), open_))


@act(of=handover, confirm=False)
def take(session: Session) -> View:
    """Take the watch: from now on you know what happened so far.

    \b
    Example: mlops-tui handover take
    """
    me, entries = session.actor.name, session.ledger.entries(*_watch.KINDS)
    said = _given(entries, me)
    start, why = _watch.last_looked(session, me)
    session.ledger.append(Handover(subject=me, event="took"))
    told, open_ = _watch.happened(session, entries, start), _open(session, entries)
    facts: dict[str, Cell] = {"since": start, "that_is": why, "from": said}
    return View(f"{me} has the watch: {counted(len(open_.rows), 'thing is open', 'things are open')}", Status.DONE,
                (Facts({name: value for name, value in facts.items() if value is not None}),
                 *(part for part in (told, open_, _watch.due(session, entries)) if part.rows)))
