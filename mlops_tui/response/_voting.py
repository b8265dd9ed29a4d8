"""The votes that a runbook itself asks for before a step is done: bound to its plan, its text and its values."""

from collections.abc import Sequence

from mlops_tui import folds
from mlops_tui.errors import Conflict
from mlops_tui.project import Project
from mlops_tui.response import _running
from mlops_tui.response._running import Case, Prepared
from mlops_tui.response._steps import RunbookStep
from mlops_tui.roles import Actor
from mlops_tui.session import Session
from mlops_tui.view import View
from store.facts import Approval, Fact
from store.ledger import Entry


def voted(case: Case, step: RunbookStep, plan: Prepared, shown: View) -> None:
    """Do the step where its votes are in for exactly this plan; ask for them where they are not."""
    session, argv = case.session, ("runbook", "step", case.id, str(step.number))
    digest = _running.reading(session).perform(argv, dry_run=True).plan or ""
    known = folds.approvals(session.ledger.entries("approval", "vote"), session.now())
    asked = next((each for each in reversed(known.values()) if each.state in ("open", "met")
                  and (each.argv, each.plan) == (argv, digest)), None)
    if asked is not None and asked.state == "open":
        raise Conflict(f"{asked.id} has {asked.count}.", next=f"Try: mlops-tui approve show {asked.id}")
    if asked is None:
        _ask(case, step, argv, digest, shown)
        return
    still = sum(vote.choice == "yes" and _holds(session, voter, asked.role) for voter, vote in asked.votes.items())
    if still < asked.quorum:
        session.ledger.append(Approval(subject=asked.id, event="void", reason=f"only {still} of those who said yes "
                                       f"still hold the role '{asked.role}'"))
        raise Conflict(f"{asked.id} is void: too few of those who said yes still hold the role '{asked.role}'.",
                       next=f"Try: mlops-tui {' '.join(argv)}")
    _running.do(case, step, plan, Approval(subject=asked.id, event="done"))


def _holds(session: Session, voter: str, role: str) -> bool:
    """Whether somebody holds a role as the team file says now; without logins, the machine's user holds every one."""
    person = Project(session.declared().root).team.people.get(voter)
    return session.single_user if person is None else Actor(voter, frozenset(person.roles)).has(role)


def _ask(case: Case, step: RunbookStep, argv: tuple[str, ...], digest: str, shown: View) -> None:
    """Ask for the votes: which command line, by which text of the runbook, until when."""
    session, rules = case.session, case.session.declared().settings.approvals
    expires = session.now() + (step.span("expires") or rules.expires)
    kept, state = case.kept(shown), case.run.steps.get(step.number)

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        run, known = _running.open_run(entries, case.id), folds.approvals(entries, session.now())
        now = run.steps.get(step.number)
        if now is not None and now.seq != (state.seq if state else 0):
            raise Conflict(f"{now.actor} took step {step.number} of {run.id} on at the same time; it is {now.status}.",
                           next=f"Try: mlops-tui runbook show {run.id}")
        name = folds.next_id("AP", known)
        return [Approval(subject=name, event="asked", argv=argv, plan=digest, quorum=step.quorum,
                         role=step.says.get("role") or rules.role, requester=session.actor.name,
                         expires_at=expires.isoformat(), title=shown.title, evidence=kept),
                case.event(step, "waiting", name, kept)]

    session.ledger.transact(decided)
