"""Something is granted to somebody for a time; nobody grants to himself."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import click

from mlops_tui import access as rules
from mlops_tui import folds
from mlops_tui.access import Request
from mlops_tui.access.grants import grants
from mlops_tui.access.policy import reached
from mlops_tui.capability import decide
from mlops_tui.declarations.accessrules import ACTIONS
from mlops_tui.declarations.declare import duration
from mlops_tui.errors import BadInput, Conflict, Denied
from mlops_tui.governance._standing import same_person, unreal
from mlops_tui.governance.access import access, declared, granted_table, person
from mlops_tui.inputs.moments import moment
from mlops_tui.render import cells
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, View
from store.facts import Fact, Granted
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


def _wanted(session: Session, who: str, action: str, resource: str, until: str, purpose: str, *,
            reason: str | None) -> None:
    """Refuse before anybody is asked for a reason."""
    must_be_declared(session)
    not_oneself(session, who, "grants nothing to")
    if action == "run" and not session.actor.has("admin"):  # who looks after data would make an admin of a friend
        raise Denied(f"{session.actor.name} grants no commands.", where="access", next="Ask somebody who is admin.")
    asked = Request(person(session, who), action, declared(session, resource), session.clock(), purpose)
    end_of(session, until)
    if rules.decide(session.policy(), asked).allowed:
        raise Conflict(f"{who} may {action} {resource} already.",
                       next=f"Try: mlops-tui access can {who} {action} {resource}")


@decide(of=access, first=_wanted)
@click.argument("who")
@click.argument("action", type=click.Choice([each for each in ACTIONS if each != "*"]))
@click.argument("resource", metavar="RESOURCE")
@click.option("--until", required=True, help="A length of time, 8h, or a time, 2027-01-31.")
@click.option("--purpose", default="", help="What for alone: training, evaluation, monitoring, audit, analysis.")
def grant(session: Session, who: str, action: str, resource: str, until: str, purpose: str, reason: str) -> View:
    """Let WHO, a person or a role, do it until then. What a rule denies stays denied. Commands are granted by admins.

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
    now = rules.decide(session.policy(), asked)
    title = f"{made.id}: {who} may {action} {asked.resource} until {_when(session, end)}"
    facts = Facts({"grant": made.id, "until": end, "allowed": now.allowed, "why": now.why})
    if not now.allowed:
        title = f"{made.id} is given, and changes nothing: it is {now.why.partition(':')[0]}"
    return View(title, Status.DONE if now.allowed else Status.WARN, (facts, *granted_table(session, [made])),
                (Action("Take it back", ("access", "revoke", made.id), asks=("reason",)),))


def _when(session: Session, at: datetime) -> str:
    return cells.moment(at, session.declared().zone)
