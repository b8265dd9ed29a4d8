"""What ends an approval without anybody's doing: its time, and a change of what was asked for."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.folds import ApprovalState
from mlops_tui.project import Project
from mlops_tui.roles import ROLES, Actor
from mlops_tui.session import Session
from store.facts import Approval, Fact
from store.ledger import Entry, Ledger

if TYPE_CHECKING:
    from mlops_tui.commands import Outcome

KINDS = ("approval", "vote", "promotion")
ASIDE = frozenset({"command", "vote", "approval", "note"})  # no plan hangs on these
MANY = 200  # entries among which nobody looks for one that matters


def settled(session: Session) -> list[Entry]:
    """Note what ran out and what is void by now, each once, whoever looks first."""
    return [*_lapsed(session), *_changed(session)]


def _lapsed(session: Session) -> list[Entry]:
    if not folds.lapsed(session.ledger.entries(*KINDS), session.now()):
        return []
    return session.ledger.transact(lambda entries: folds.lapsed(entries, session.now()))


def _changed(session: Session) -> list[Entry]:
    """The plans of open approvals are made anew where anything has happened, or a file was written, since last time."""
    waiting = [each for each in folds.approvals(session.ledger.entries(*KINDS), session.now()).values()
               if each.state == "open"]
    if not waiting or not _news(session):
        return []
    stale = {each.id: why for each in waiting if (why := changed(session, each))}

    def decided(entries: Sequence[Entry]) -> Iterator[Fact]:
        now = folds.approvals(entries, session.now())
        for id, why in stale.items():
            if now[id].state == "open":
                yield Approval(subject=id, event="void", reason=why)

    return session.ledger.transact(decided) if stale else []


def _news(session: Session) -> bool:
    """Whether the history or the project's files went on since this process asked last."""
    marks: dict[str, int] = getattr(session.ledger, "marks", {})
    seen, head = marks.get("planned", 0), session.ledger.head_seq()
    root = session.declared().root
    files = (path for pattern in ("*.yaml", "*/*.yaml", "*/*.sql") for path in root.glob(pattern))
    written = max(path.stat().st_mtime_ns for path in files)
    fresh = written > marks.get("written", 0) or head - seen > MANY or any(
        entry.kind not in ASIDE for entry in session.ledger.page(0, head - seen, upto=head))
    marks |= {"planned": head, "written": written}
    return fresh


# -- what was asked for, made anew ---------------------------------------------------------------------------------


def actor_named(session: Session, name: str) -> Actor:
    """Somebody as the team file declares them now; without logins anywhere, the machine's user holds every role."""
    people = Project(session.declared().root).team.people
    if name in people:
        return Actor(name, frozenset(people[name].roles), session.actor.source, people[name].simulated)
    return Actor(name, frozenset(ROLES) if session.single_user else frozenset(), session.actor.source)


def as_requester(session: Session, found: ApprovalState) -> Session:
    """Whoever asked, with the roles that the team file gives them now."""
    return session.acting_as(actor_named(session, found.requester))


def changed(session: Session, found: ApprovalState) -> str:
    """Why what is asked for now is not what was asked for; empty where it is the same, or nobody can tell just now."""
    outcome = planned(as_requester(session, found), found.argv)
    if outcome.plan == found.plan or outcome.exit == 3:
        return ""
    return outcome.error["what"] if outcome.error else "the plan is not the one that was asked for"


def planned(session: Session, argv: Sequence[str]) -> "Outcome":
    """What the command would do by now, with its digest; nothing is done, and no attempt is recorded."""
    ledger: object = session.ledger
    reading = replace(session, ledger=ledger.closed()) if isinstance(ledger, Ledger) else session
    return reading.perform(argv, dry_run=True)
