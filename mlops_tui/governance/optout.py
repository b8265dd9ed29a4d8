"""People who want their rows erased, not trained on or not decided upon by a model: each request, by its legal day."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from mlops_tui.capability import Said, act, decide, look, noun
from mlops_tui.declarations import declare
from mlops_tui.errors import BadInput, Conflict, NotFound, nearest
from mlops_tui.privacy import kept, tokens
from mlops_tui.privacy.deadlines import PERIODS
from mlops_tui.privacy.requests import CLOSED, PURPOSES, RIGHTS, STEPS, Request, next_id, requests, suppressed
from mlops_tui.privacy.subjects import pseudonym
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Status, Table, Text, View, counted
from store.facts import Fact, OptOut
from store.secret import secret

if TYPE_CHECKING:
    from store.ledger import Entry

optout = noun("optout", __doc__ or "", bare="list", subject="show", package=__package__)


def request_of(session: Session, id: str) -> Request:
    """The request of that id; NotFound names the nearest one."""
    known = requests(session.ledger.entries("optout"), session.declared().zone)
    if id not in known:
        raise NotFound(f"No request '{id}'.", next=nearest(id, known) or "Try: mlops-tui optout list")
    return known[id]


# -- intake ---------------------------------------------------------------------------------------------------------


def _asked(kind: str, purposes: tuple[str, ...]) -> tuple[str, ...]:
    if purposes and kind != "objection":
        raise BadInput(f"Of {kind} no purposes are asked.", next="Leave out --purpose, or say --kind objection.")
    return purposes or RIGHTS[kind]


@act(of=optout, confirm=False)
@click.option("--person", type=Said(), required=True, help="The id of the person, as the datasets have it.")
@click.option("--kind", type=click.Choice(list(RIGHTS)), default="erasure", show_default=True, help="Which right.")
@click.option("--jurisdiction", type=click.Choice(list(PERIODS)), default="gdpr", show_default=True,
              help="Whose law says by when.")
@click.option("--purpose", "purposes", type=click.Choice(PURPOSES), multiple=True,
              help="What the rows are not to be used for (objection; else training). Serving stays as it is.")
def take(session: Session, person: str, kind: str, jurisdiction: str, purposes: tuple[str, ...]) -> View:
    """Take down at the desk what a person asks for. The id is kept beside the history until the request is attested.

    Whether anything is known of that person is not looked up, and not told. The same request twice is one.

    \b
    Example: mlops-tui optout take --kind objection --person C-10482
    """
    _must_be_told(person, "Who asks?")
    return _received(session, person, kind, jurisdiction, _asked(kind, purposes), "desk", "")


def _must_be_told(person: str, question: str) -> None:
    if not person:
        raise BadInput(question, next="Give --person ID")
    if any("\ud800" <= letter <= "\udfff" for letter in person):
        raise BadInput("The id is no text in UTF-8.", where="--person")


def _received(session: Session, person: str, kind: str, jurisdiction: str, purposes: tuple[str, ...], via: str,
              token: str) -> View:
    """One open request for each person and right; what comes by a link is verified by it."""
    who, zone, made = pseudonym(session, person), session.declared().zone, list[str]()

    def decided(entries: "Sequence[Entry]") -> Iterable[Fact]:
        before = [each for each in requests(entries, zone).values() if (token and each.token == token) or (
            (each.person, each.right, each.purposes) == (who, kind, purposes) and each.state not in CLOSED)]
        made[:] = [before[0].id if before else next_id(entries)]
        if before:
            return
        kept.keep(session, made[0], person)
        yield OptOut(subject=made[0], event="received", person=who, right=kind, jurisdiction=jurisdiction,
                     purposes=purposes, via=via, token=token)
        if token:
            yield OptOut(subject=made[0], event="verified", via=via, reason="by the signed link")

    added = session.ledger.transact(decided)
    found = request_of(session, made[0])
    said = f"{found.id}: {found.right} is received" if added else f"{found.id} is the same request, and open already"
    if via == "link":
        said = f"{found.id}: your request is received"
    follow = {"received": Action("The person is who he says", ("optout", "verify", found.id), asks=("reason",)),
              "verified": Action("Find the rows", ("optout", "locate", found.id))}.get(found.state)
    return View(f"{said}; an answer is due by {found.due:%-d %b %Y}", Status.DONE, (facts_of(found),),
                (*([follow] if follow else ()), Action("The request", ("optout", "show", found.id))))


@act(of=optout, confirm=False)
@click.option("--person", type=Said(), required=True, help="The id of the person, as the datasets have it.")
@click.option("--kind", type=click.Choice(list(RIGHTS)), default="erasure", show_default=True, help="Which right.")
@click.option("--jurisdiction", type=click.Choice(list(PERIODS)), default="gdpr", show_default=True,
              help="Whose law says by when.")
@click.option("--valid", default="14d", show_default=True, help="How long it can be used.")
def link(session: Session, person: str, kind: str, jurisdiction: str, valid: str) -> View:
    """Make a token to send to a person at an address that you know is his: signed, for one right, once.

    Who it is for is not in it. Whoever brings it back has proved to be reached there, so that the request is verified.
    It is redeemed here, by `optout redeem`; a server that takes it over HTTP comes with serving.

    \b
    Example: mlops-tui optout link --kind erasure --person C-10482 --valid 7d
    """
    _must_be_told(person, "Who is it for?")
    try:
        span = declare.duration(valid)
    except ValueError as problem:
        raise BadInput(f"{problem}.", where="--valid") from problem
    if not timedelta(0) < span <= timedelta(days=90):
        raise BadInput(f"A link holds for up to 90 days, not for {valid}.", where="--valid")
    until = session.now() + span
    made = tokens.Token(secrets.token_hex(8), kind, jurisdiction, int(until.timestamp()))
    kept.let_go(session, session.now().timestamp())
    kept.keep(session, kept.link(made.until, made.number), person)
    text = tokens.signed(made, _key(session))
    return View(f"A link for {kind}, until {until.astimezone(session.declared().zone):%-d %b %Y %H:%M}", Status.DONE,
                (Facts({"until": until, "kind": kind, "jurisdiction": jurisdiction}), Text(text, "code"),
                 Text("It is redeemed with: mlops-tui optout redeem TOKEN. There is no web address for it yet.")))


def _key(session: Session) -> bytes:
    return secret(session.declared().root / ".mlops" / "keys", "links.key")


@act(of=optout, confirm=False)
@click.argument("token", type=Said())
def redeem(session: Session, token: str) -> View:
    """Take the request of whoever brings TOKEN back; a second time it is the same request.

    \b
    Example: mlops-tui optout redeem eyJqdXJpc2RpY3Rpb24i
    """
    said = tokens.opened(token, _key(session), session.now().timestamp())
    earlier = [each for each in requests(session.ledger.entries("optout"), session.declared().zone).values()
               if each.token == said.number]
    held = kept.link(said.until, said.number)
    person = kept.known(session, held)
    if earlier and not person:
        return View(f"{earlier[0].id}: your request is received; an answer is due by {earlier[0].due:%-d %b %Y}",
                    Status.DONE)
    if not person:
        raise BadInput("This link is none of ours.", next="Ask for a new one: mlops-tui optout link")
    view = _received(session, person, said.right, said.jurisdiction, RIGHTS[said.right], "link", said.number)
    kept.forget(session, held)
    return replace(view, parts=())


# -- what people decide ---------------------------------------------------------------------------------------------


def moved(session: Session, id: str, event: str, allowed: Sequence[str], reason: str = "",
          detail: Mapping[str, object] | None = None) -> Request:
    """Take a request one step on, if it still is where it may be taken on from; Conflict says where it is."""
    zone = session.declared().zone

    def decided(entries: "Sequence[Entry]") -> Iterable[Fact]:
        now = requests(entries, zone)[id]
        if now.state not in allowed:
            raise Conflict(f"{id} is {now.state}.", next=f"Try: mlops-tui optout show {id}")
        return (OptOut(subject=id, event=event, reason=reason, detail=detail or {}),)

    request_of(session, id)
    session.ledger.transact(decided)
    return request_of(session, id)


@decide(of=optout)
@click.argument("request")
def verify(session: Session, request: str, reason: str) -> View:
    """Say that whoever asks is the person, and how you know. From now on the rows are not trained on any more.

    \b
    Example: mlops-tui optout verify OO-1 --reason "called back on the number that we had"
    """
    found = moved(session, request, "verified", ("received",), reason)
    return View(f"{found.id} is verified; an answer is due by {found.due:%-d %b %Y}", Status.DONE, (facts_of(found),),
                (Action("Find the rows", ("optout", "locate", found.id)),))


@decide(of=optout)
@click.argument("request")
def extend(session: Session, request: str, reason: str) -> View:
    """Take the longer time that the law gives, once, with the reason that the person is told within the first.

    \b
    Example: mlops-tui optout extend OO-1 --reason "the archive of 2013 has to be read from tape"
    """
    found, today = request_of(session, request), session.now().astimezone(session.declared().zone).date()
    if not found.period.extends:
        raise Conflict(f"{request} was to be done by {found.due:%-d %b %Y}: no longer time is given for it.",
                       where=found.period.source)
    if found.extended:
        raise Conflict(f"{request} was extended before; there is no third time.",
                       where=found.period.source)
    if today > found.due:
        raise Conflict(f"{request} was due by {found.due:%-d %b %Y}: it can be extended within that time only.",
                       where=found.period.source)
    found = moved(session, request, "extended", STEPS[:-2], reason)
    return View(f"{found.id} is due by {found.due:%-d %b %Y} now", Status.DONE, (facts_of(found),))


@decide(of=optout)
@click.argument("request")
def refuse(session: Session, request: str, reason: str) -> View:
    """Refuse REQUEST, with the exception that the law makes; the rows are used as before.

    \b
    Example: mlops-tui optout refuse OO-1 --reason "not the person: the call back was not answered"
    """
    found = moved(session, request, "refused", ("received", "verified", "located", "held"), reason)
    kept.forget(session, found.id)
    return View(f"{found.id} is refused", Status.DONE, (facts_of(found),))


@decide(of=optout)
@click.argument("request")
def withdraw(session: Session, request: str, reason: str) -> View:
    """Take down that the person does not want it any more; what was erased stays erased.

    \b
    Example: mlops-tui optout withdraw OO-1 --reason "he wrote that he agrees to training"
    """
    found = moved(session, request, "withdrawn", (*STEPS, "held"), reason)
    kept.forget(session, found.id)
    return View(f"{found.id} is withdrawn", Status.DONE, (facts_of(found),))


@decide(of=optout)
@click.argument("request")
def answer(session: Session, request: str, reason: str) -> View:
    """Say what was done about an access, an objection or an opt-out of automated decisions, where nothing is erased.

    \b
    Example: mlops-tui optout answer OO-1 --reason "the report went to the person by post"
    """
    if request_of(session, request).right == "erasure":
        raise BadInput(f"{request} asks for erasure.", next=f"Try: mlops-tui optout erase {request}")
    found = moved(session, request, "actioned", ("verified", "located"), reason)
    kept.forget(session, found.id)
    found = moved(session, request, "attested", ("actioned",))
    return View(f"{found.id} is answered", Status.DONE, (facts_of(found),))


# -- looking --------------------------------------------------------------------------------------------------------


@look(of=optout, fold=True)
@click.option("--open", "only", is_flag=True, help="Only those that nobody has answered.")
def list_(session: Session, only: bool) -> View:
    """Every request, the next one due first; nobody's name is shown.

    \b
    Example: mlops-tui optout list --open
    """
    project = session.declared()
    today = session.now().astimezone(project.zone).date()
    entries = session.ledger.entries("optout")
    known = requests(entries, project.zone)
    shown = sorted((each for each in known.values() if each.open or not only),
                   key=lambda each: (not each.open, each.due, int(each.id[3:])))
    rows: list[Row] = [{"request": each.id, "kind": each.right, "state": each.state, "due": each.due.isoformat(),
                        "days_left": (each.due - today).days if each.open else None, "law": each.jurisdiction,
                        "via": each.via, "status": _standing(each, each.overdue(today)),
                        "argv": ("optout", "show", each.id)} for each in shown]
    late = sum(each.overdue(today) for each in known.values())
    waiting = sum(each.open for each in known.values())
    said = f"{counted(late, 'request is', 'requests are')} overdue" if late else \
        f"{counted(waiting, 'request is', 'requests are')} open, none overdue"
    facts: dict[str, Cell] = {"open": waiting, "overdue": late, "requests": len(known),
                              "not_trained_on": len(suppressed(entries, PURPOSES[0])),
                              "kept_out": len(suppressed(entries))}
    table = Table.of("requests", rows, "status", "request", "kind", "state", "due", Column("days_left", "days left"),
                     "law", "via")
    return View(said, Status.FAIL if late else Status.PASS, (Facts(facts), table),
                tuple(Action(f"The next one due: {each.id}", ("optout", "show", each.id))
                      for each in shown[:1] if each.open))


def _standing(request: Request, late: bool) -> Status:
    if not request.open:
        return Status.DONE if request.state != "held" else Status.WARN
    return Status.FAIL if late else Status.RUNNING


def facts_of(request: Request) -> Facts:
    """What is known of a request but for what was found."""
    return Facts({"request": request.id, "kind": request.right, "state": request.state, "due": request.due.isoformat(),
                  "law": request.period.source, "extended": request.extended,
                  "not_used_for": request.purposes, "via": request.via, "person": request.person})
