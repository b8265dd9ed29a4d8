"""Somebody takes what is denied him, at once, for an hour or so: everybody is told, and somebody else reviews it."""

from collections.abc import Sequence
from datetime import timedelta

import click

from mlops_tui import folds
from mlops_tui.access import Request, Rule
from mlops_tui.access import decide as decided
from mlops_tui.access.grants import grants
from mlops_tui.access.resources import pattern
from mlops_tui.capability import decide
from mlops_tui.errors import BadInput, Conflict, Denied
from mlops_tui.governance._access_grant import must_be_declared, review_by
from mlops_tui.governance._standing import unreal
from mlops_tui.governance.access import access, declared, granted_table
from mlops_tui.inputs.moments import after
from mlops_tui.render import cells
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, View
from store.facts import AlertEvent, Fact, Finding, Granted
from store.ledger import Entry

MAY = ("oncall", "admin")
LONGEST = timedelta(hours=8)
VERBS = {"dataset": "read", "model": "load", "endpoint": "call"}


def _wanted(session: Session, resource: str, length: str, *, reason: str | None) -> None:
    """Refuse before anybody is asked for a reason."""
    must_be_declared(session)
    me, of = session.actor, declared(session, resource)
    if not any(me.has(role) for role in MAY):
        raise Denied(f"{me.name} may not break the glass.", where=str(of),
                     next=f"Ask somebody who is {' or '.join(MAY)}, or ask for a grant.")
    if said := unreal(session, me.name):
        raise Denied(said, where=str(of))
    if of.kind not in VERBS:
        raise BadInput("The glass is before data, models and endpoints; commands go by roles.",
                       next="Ask for a grant: mlops-tui access grant")
    if after(session.clock(), length) - session.clock() > LONGEST:
        raise BadInput("A broken glass stays open for 8 hours at most.", next="Ask for a grant instead.")
    if session.may(VERBS[of.kind], of).allowed:
        raise Conflict(f"{me.name} may {VERBS[of.kind]} {of} without that.",
                       next=f"Try: mlops-tui access can {me.name} {VERBS[of.kind]} {of}")
    glass = Rule("glass", frozenset({me.name}), VERBS[of.kind], pattern(str(of)))
    now = decided(session.policy().beside([glass]), Request(me, VERBS[of.kind], of, session.clock()))
    if not now.allowed:
        raise Denied(f"No glass is before {of}: it is {now.why}.", where=now.by.where if now.by else "access/")


@decide(of=access, first=_wanted)
@click.argument("resource", metavar="RESOURCE")
@click.option("--for", "length", default="1h", show_default=True, help="How long; 8h at most.")
def break_glass(session: Session, resource: str, length: str, reason: str) -> View:
    """Take RESOURCE at once over what is denied; everybody is told, and somebody else reviews it afterwards.

    Whom team.yaml binds to some partitions it does not let out of them.

    \b
    Example: mlops-tui access break-glass dataset/flights/column/tailnum --reason "INC-3: which aircraft?"
    """
    of, me = declared(session, resource), session.actor.name
    end = after(session.clock(), length)
    title = f"{me} broke the glass on {of}"

    def broken(entries: Sequence[Entry]) -> list[Fact]:
        id = folds.next_id("G", grants(entries))
        number = folds.next_id("AL", (entry.subject for entry in entries if isinstance(entry.fact, AlertEvent)))
        return [Granted(subject=id, who=me, action=VERBS[of.kind], resource=str(of), until=end.isoformat(),
                        event="glass", reason=reason, review_by=review_by(session)),
                Finding(check="access", subject=str(of), status="fail", title=title, detail={"grant": id}),
                AlertEvent(subject=number, event="fired", monitor="access", about=of.name, check="access",
                           severity="critical", title=title)]

    made = session.ledger.transact(broken)
    given = grants(made)
    alert = next(entry.subject for entry in made if isinstance(entry.fact, AlertEvent))
    now = session.may(VERBS[of.kind], of)
    [id] = given
    facts = Facts({"grant": id, "alert": alert, "until": end, "allowed": now.allowed, "why": now.why})
    until = cells.moment(end, session.declared().zone)
    said = f"{title} until {until}" if now.allowed else f"{title}, and it changes nothing: {now.why}"
    return View(said, Status.WARN if now.allowed else Status.FAIL,
                (facts, *granted_table(session, list(given.values()))),
                (Action("Lay it down", ("access", "revoke", id), asks=("reason",)),
                 Action("The alert", ("alert", "show", alert))))
