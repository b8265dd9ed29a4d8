"""Who may vote, and whether those who did may still: by the team as it is declared today."""

import shlex

from mlops_tui.declarations.kinds import Approvals
from mlops_tui.errors import Conflict
from mlops_tui.folds import ApprovalState, vacant
from mlops_tui.oversight.settling import actor_named
from mlops_tui.project import Project
from mlops_tui.session import Session
from store.facts import Approval


def rules_of(session: Session) -> Approvals:
    """How many votes a promotion needs, from whom, and for how long, as mlops.yaml says it now."""
    return Project(session.declared().root).settings.approvals


def same_person(session: Session, one: str, other: str) -> bool:
    """Whether two names are one person: the same id, or the same login, Slack account or mail."""
    people = session.declared().team.people
    if one == other:
        return True
    if one not in people or other not in people:
        login = people[one].login if one in people else people[other].login if other in people else ""
        return bool(login) and login in (one, other)
    a, b = people[one], people[other]
    known = ((each.login, each.slack, each.email.lower(), each.pagerduty) for each in (a, b))
    return any(mine and mine == theirs for mine, theirs in zip(*known, strict=True))


def held(session: Session, name: str, approval: ApprovalState) -> tuple[str, ...]:
    """Those of the roles that an approval asks for which somebody holds by now."""
    person = actor_named(session, name)
    return tuple(role for role in approval.asks if person.has(role))


def out_of_reach(session: Session, approval: ApprovalState) -> str:
    """Why the votes can never be enough as team.yaml is, so that nobody waits for them; empty where they can."""
    voted = [voter for voter, vote in approval.votes.items() if vote.choice == "yes"]
    left = list[str]()
    for name in session.declared().team.people:
        taken = (approval.requester, *voted, *left)
        if held(session, name, approval) and not unreal(session, name) and not any(
                same_person(session, name, other) for other in taken):
            left.append(name)
    if approval.state != "open" or not session.declared().team.people or len(voted) + len(left) >= approval.quorum:
        return ""
    who = f"only {', '.join(left)} can still vote" if left else "nobody else can vote"
    return (f"{who}, and {approval.requester}, who asks, cannot: let somebody else ask, or name more people with the "
            f"role {approval.role} in team.yaml")


def unreal(session: Session, name: str) -> str:
    """Why a simulated person's word does not count here; empty where it does: in a replayed world, or of a real one."""
    if session.declared().settings.clock == "replay" or not actor_named(session, name).simulated:
        return ""
    return f"{name} is simulated, and this project's clock is real: people decide here."


def still_hold(session: Session, approval: ApprovalState) -> None:
    """Refuse, and void the approval, where those who said yes are, by the roles they hold now, too few for it."""
    yes = {voter: held(session, voter, approval) for voter, vote in approval.votes.items() if vote.choice == "yes"}
    standing = [roles for roles in yes.values() if roles]
    empty = vacant(approval.seats, standing)
    if len(standing) >= approval.quorum and not empty:
        return
    lost = [voter for voter, roles in sorted(yes.items())
            if set(approval.votes[voter].roles or (approval.role,)) - {*roles}]
    gone = empty[0] if empty else approval.role
    reason = f"{', '.join(lost)} no longer holds the role '{gone}'" if lost else f"it has only {approval.count}"
    session.ledger.append(Approval(subject=approval.id, event="void", reason=reason))
    raise Conflict(f"{approval.id} is void: {reason}.", next=f"Try: mlops-tui {shlex.join(approval.argv)}")
