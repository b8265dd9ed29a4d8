"""Something is granted for a time, taken back, or said to be needed still; nobody grants to himself."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import click

from mlops_tui import folds
from mlops_tui.access import Request, decide
from mlops_tui.access.grants import Grant, grants
from mlops_tui.access.policy import reached
from mlops_tui.capability import decide as decides
from mlops_tui.declarations.accessrules import ACTIONS
from mlops_tui.declarations.declare import duration
from mlops_tui.errors import BadInput, Conflict, Denied
from mlops_tui.governance._standing import same_person, unreal
from mlops_tui.governance.access import access, declared, granted_table, person
from mlops_tui.inputs.moments import moment
from mlops_tui.render import cells
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, View
from store.facts import Fact, Granted, Revoked
from store.ledger import Entry

LONGEST = timedelta(days=366)


def must_be_declared(session: Session) -> None:
    """BadInput where no access policy is declared: everything is open, and a grant would say nothing."""
    if not session.declared().access:
        raise BadInput("No access policy is declared, so whoever is let in may read everything.", where="access/",
                       next="Declare one first: access/NAME.yaml with rules.")


def review_by(session: Session) -> str:
    """When a grant of now has to be reviewed: after the shortest time that a policy allows."""
    spans = [each.review for each in session.declared().access.values()]
    return (session.clock() + min(spans)).isoformat() if spans else ""


def end_of(session: Session, text: str) -> datetime:
    """When it ends: a length of time such as 8h, or a time; BadInput where that is over, or too far away."""
    now = session.clock()
    try:
        end = now + duration(text)
    except ValueError:
        end = moment(text, session.declared().zone, now)
    if end <= now:
        raise BadInput(f"{text} has passed already.", next="Give --until 8h or --until 2027-01-31.")
    if end - now > LONGEST:
        raise BadInput("A grant lasts a year at most.", next="What is to stay is a rule in access/*.yaml.")
    return end


def not_oneself(session: Session, who: str, what: str) -> None:
    """Denied where somebody would judge for himself: by name, or as one who holds the role that is meant."""
    me = session.actor
    if who == me.name or who in reached(me.roles) or (
            who in session.declared().team.people and same_person(session, who, me.name)):
        raise Denied(f"{me.name} {what} himself.", where="access",
                     next="Ask somebody else who is steward or admin.")
    if said := unreal(session, me.name):
        raise Denied(said, where="access")


def _wanted(session: Session, who: str, action: str, resource: str, until: str, purpose: str) -> None:
    """Refuse before anybody is asked for a reason."""
    must_be_declared(session)
    not_oneself(session, who, "grants nothing to")
    asked = Request(person(session, who), action, declared(session, resource), session.clock(), purpose)
    end_of(session, until)
    if decide(session.policy(), asked).allowed:
        raise Conflict(f"{who} may {action} {resource} already.",
                       next=f"Try: mlops-tui access can {who} {action} {resource}")


@decides(of=access, first=_wanted)
@click.argument("who")
@click.argument("action", type=click.Choice([each for each in ACTIONS if each != "*"]))
@click.argument("resource", metavar="RESOURCE")
@click.option("--until", required=True, help="A length of time, 8h, or a time, 2027-01-31.")
@click.option("--purpose", default="", help="What for alone: training, evaluation, monitoring, audit, analysis.")
def grant(session: Session, who: str, action: str, resource: str, until: str, purpose: str, reason: str) -> View:
    """Let WHO, a person or a role, do it until then. What a rule denies stays denied.

    \b
    Example: mlops-tui access grant vera read dataset/weather --until 8h --reason "looks into AL-3"
    """
    asked = Request(person(session, who), action, declared(session, resource), session.clock(), purpose)
    end = end_of(session, until)

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        return [Granted(subject=folds.next_id("G", grants(entries)), who=who, action=action,
                        resource=str(asked.resource), until=end.isoformat(), purpose=purpose, reason=reason,
                        review_by=review_by(session))]

    given = grants(session.ledger.transact(decided))
    [made] = given.values()
    now = decide(session.policy(), asked)
    title = f"{made.id}: {who} may {action} {asked.resource} until {_when(session, end)}"
    facts = Facts({"grant": made.id, "until": end, "allowed": now.allowed, "why": now.why})
    if not now.allowed:
        title = f"{made.id} is given, and {who} may still not {action} {asked.resource}: {now.why}"
    return View(title[:100], Status.DONE if now.allowed else Status.WARN, (facts, *granted_table(session, [made])),
                (Action("Take it back", ("access", "revoke", made.id), asks=("reason",)),))


def _when(session: Session, at: datetime) -> str:
    return cells.moment(at, session.declared().zone)


def _known(session: Session, name: str) -> Grant:
    return folds.known(grants(session.ledger.rights()), name, "grant", "access review")


def _may_revoke(session: Session, name: str) -> None:
    found = _known(session, name)
    me = session.actor
    if not (found.who == me.name or me.has("steward") or me.has("admin")):
        raise Denied(f"{me.name} may not take {found.id} back.", where="access",
                     next="Ask somebody who is steward or admin; whoever holds it may lay it down.")
    if not found.holds(session.clock()):
        raise Conflict(f"{found.id} is over.", next="Try: mlops-tui access review")


@decides(of=access, first=_may_revoke)
@click.argument("name", metavar="GRANT")
def revoke(session: Session, name: str, reason: str) -> View:
    """Take a grant back at once; whoever holds it may lay it down.

    \b
    Example: mlops-tui access revoke G-1 --reason "AL-3 is resolved"
    """
    found = _known(session, name)
    session.ledger.append(Revoked(subject=found.id, reason=reason))
    return View(f"{found.id} is taken back: {found.who} may no longer {found.action} {found.resource} by it",
                Status.DONE, granted_table(session, [_known(session, name)]),
                (Action("What is left", ("access", "can", found.who, found.action, found.resource)),))


def _may_keep(session: Session, name: str) -> None:
    found = _known(session, name)
    not_oneself(session, found.who, "reviews nothing for")
    if same_person(session, found.by.removesuffix(" (simulated)"), session.actor.name) and found.glass:
        raise Denied(f"{session.actor.name} broke the glass, and somebody else reviews that.", where="access")
    if found.reviewed_by:
        raise Conflict(f"{found.id} was reviewed by {found.reviewed_by}.")
    if not found.glass and not found.holds(session.clock()):
        raise Conflict(f"{found.id} is over.", next="Try: mlops-tui access review")


@decides(of=access, first=_may_keep)
@click.argument("name", metavar="GRANT")
def keep(session: Session, name: str, reason: str) -> View:
    """Answer a review: that a grant is needed still, or what you found where somebody broke the glass.

    \b
    Example: mlops-tui access keep G-1 --reason "the audit goes on until March"
    """
    found = _known(session, name)
    event, due = ("reviewed", "") if found.glass else ("kept", review_by(session))
    session.ledger.append(Revoked(subject=found.id, event=event, reason=reason, review_by=due))
    said = "is reviewed" if found.glass else "is kept"
    return View(f"{found.id} {said}: {found.who}, {found.action} {found.resource}", Status.DONE,
                granted_table(session, [_known(session, name)]), (Action("What else waits", ("access", "review")),))
