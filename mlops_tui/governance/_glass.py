"""Breaking the glass: a version serves at once, without gate or votes; everybody is told, and it is reviewed."""

from dataclasses import replace

from mlops_tui import gates
from mlops_tui.capability import Plan
from mlops_tui.errors import BadInput, Denied
from mlops_tui.governance._deployed import GLASS, Wanted, deployed
from mlops_tui.governance._standing import unreal
from mlops_tui.oversight.settling import actor_named
from mlops_tui.render import keep
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, Text, View
from store.facts import Promotion

MAY = ("oncall", "admin")


def broken(session: Session, case: gates.Case, gate: View, why: str) -> Plan:
    """What would be done, with the gate as it stands; Denied to who is neither on call nor admin, BadInput without a
    reason."""
    me = session.actor
    if not any(me.has(role) and actor_named(session, me.name).has(role) for role in MAY):
        raise Denied(f"{me.name} may not break the glass.", where=case.subject,
                     next=f"Ask somebody who is {' or '.join(MAY)}, or ask for votes: mlops-tui promote {case.subject}")
    if said := unreal(session, me.name):
        raise Denied(said, where=case.subject)
    if not why.strip():
        raise BadInput("Breaking the glass needs a reason.", next="Add: --reason 'why it cannot wait'")
    red = [str(row["item"]) for row in gate.table("gate").rows if row["status"] in (Status.FAIL, Status.UNKNOWN)]
    over = f" over {', '.join(red)}" if red else ""
    shown = View(f"{case.subject} would serve at once, without votes{over}", Status.FAIL, (
        Facts({**gate.facts(), "reason": why, "votes_needed": 0, "told": "everybody"}),
        Text("Everybody is told at once, and it stays red until somebody else has reviewed it."),
        gate.table("gate")))
    return Plan(shown, lambda: _done(session, case, shown, why))


def _done(session: Session, case: gates.Case, shown: View, why: str) -> View:
    kept = session.data().put_object(keep.written(shown).encode())
    done = deployed(session, Wanted(case.name, case.version, case.champion, GLASS, evidence=kept, reason=why))
    if done.facts()["deployment_state"] != "done":
        return done
    promoted = [entry.fact for entry in session.ledger.entries("promotion", subject=case.name)][-1]
    id = promoted.approval if isinstance(promoted, Promotion) else ""
    return replace(done, title=f"{case.subject} serves now, without votes; {id} wants a review", status=Status.WARN,
                   parts=(Facts({**done.facts(), "approval": id, "reason": why}),
                          *(part for part in done.parts if not isinstance(part, Facts))),
                   actions=(*done.actions, Action("The review", ("approve", "show", id))))
