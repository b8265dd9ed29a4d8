"""Who may vote, and whether those who did may still: by the team as it is declared today."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_tui.declarations.kinds import Approvals
from mlops_tui.errors import Conflict
from mlops_tui.folds import ApprovalState
from mlops_tui.project import Project
from mlops_tui.roles import ROLES, Actor
from mlops_tui.session import Session
from store.facts import Approval
from store.ledger import Ledger

if TYPE_CHECKING:
    from mlops_tui.commands import Outcome


def rules_of(session: Session) -> Approvals:
    """How many votes a promotion needs, from whom, and for how long, as mlops.yaml says it now."""
    return Project(session.declared().root).settings.approvals


def actor_named(session: Session, name: str) -> Actor:
    """Somebody as the team file declares them now; without logins anywhere, the machine's user holds every role."""
    people = Project(session.declared().root).team.people
    if name in people:
        return Actor(name, frozenset(people[name].roles), session.actor.source, people[name].simulated)
    return Actor(name, frozenset(ROLES) if session.single_user else frozenset(), session.actor.source)


def same_person(session: Session, one: str, other: str) -> bool:
    """Whether two names are one person: the same id, the same login, or the same Slack account."""
    people = session.declared().team.people
    if one == other:
        return True
    if one not in people or other not in people:
        login = people[one].login if one in people else people[other].login if other in people else ""
        return bool(login) and login in (one, other)
    a, b = people[one], people[other]
    return bool((a.login and a.login == b.login) or (a.slack and a.slack == b.slack))


def still_hold(session: Session, approval: ApprovalState) -> None:
    """Refuse, and void the approval, where too few of those who said yes still hold the role it asks for."""
    standing = [voter for voter, vote in approval.votes.items()
                if vote.choice == "yes" and actor_named(session, voter).has(approval.role)]
    if len(standing) >= approval.quorum:
        return
    lost = ", ".join(sorted(set(approval.votes) - set(standing)))
    reason = f"{lost} no longer holds the role '{approval.role}'" if lost else f"it has only {approval.count}"
    session.ledger.append(Approval(subject=approval.id, event="void", reason=reason))
    raise Conflict(f"{approval.id} is void: {reason}.", next=f"Try: mlops-tui {' '.join(approval.argv)}")


def planned(session: Session, argv: Sequence[str]) -> "Outcome":
    """What the command would do by now, with its digest; nothing is done, and no attempt is recorded."""
    ledger: object = session.ledger
    reading = replace(session, ledger=ledger.closed()) if isinstance(ledger, Ledger) else session
    return reading.perform(argv, dry_run=True)
