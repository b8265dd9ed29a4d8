"""Breaking the glass: a version serves at once, without gate or votes; everybody is told, and it is reviewed."""

from collections.abc import Sequence
from dataclasses import replace

from mlops_tui import folds, gates
from mlops_tui.capability import Plan
from mlops_tui.errors import BadInput, Conflict, Denied
from mlops_tui.governance._alias import followed
from mlops_tui.governance._standing import rules_of, unreal
from mlops_tui.oversight.settling import actor_named
from mlops_tui.render import keep
from mlops_tui.session import Session
from mlops_tui.view import Action, Facts, Status, Text, View
from store.facts import Approval, Fact, Promotion
from store.ledger import Entry

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
    rules, kept = rules_of(session), session.data().put_object(keep.written(shown).encode())
    argv = ("promote", case.subject, "--break-glass")

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        if folds.model_state(entries, case.name).champion != case.champion:
            raise Conflict("Another promotion came between.", next=f"Try: mlops-tui promote {case.subject}")
        id = folds.next_id("AP", folds.approvals(entries, session.now()))
        return [Approval(subject=id, event="glass", argv=argv, quorum=rules.votes, role=rules.role,
                         requester=session.actor.name, title=f"promote {case.subject} at once", reason=why,
                         evidence=kept, seats=rules.seats),
                Promotion(subject=case.name, version=case.version, previous=case.champion, approval=id, evidence=kept)]

    id = session.ledger.transact(decided)[0].subject
    done = followed(session, case.name, case.version, f"{case.subject} serves now, without votes; {id} wants a review")
    return replace(done, status=Status.WARN, parts=(Facts({**done.facts(), "approval": id, "reason": why}),
                                                    *(part for part in done.parts if not isinstance(part, Facts))),
                   actions=(*done.actions, Action("The review", ("approve", "show", id))))
