"""What ends a board's case without anybody's doing: its time, a change of what it was asked about, a lost role."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mlops_tui.assurance.boardcases import BoardCase, bound, cases
from mlops_tui.assurance.requirement import Case
from mlops_tui.declarations.boards import Board
from mlops_tui.oversight.settling import actor_named
from mlops_tui.project import Project
from mlops_tui.session import Session
from store.facts import BoardEvent, Fact
from store.ledger import Entry

KINDS = ("board", "trained", "finding", "assessed")


def prints(project: Project, name: str) -> dict[str, str]:
    """The fingerprints of the board and of its guidelines; none where there is no such board."""
    if name not in project.boards:
        return {}
    asked = project.boards[name].guidelines
    known = {f"guidelines of {name}": project.fingerprint("guideline", asked)} if asked in project.guidelines else {}
    return {f"board {name}": project.fingerprint("board", name), **known}


def known(session: Session) -> dict[str, BoardCase]:
    return cases(session.ledger.entries("board"), session.now())


def parts(session: Session, about: str, board: str) -> dict[str, str]:
    """The digests of what the board would decide about, as everything stands now."""
    project = Project(session.declared().root)
    model, _, version = about.partition("@")
    if model not in project.models:
        return {}
    marks = {f"model {model}": project.fingerprint("model", model), **prints(project, board)}
    case = Case(model, version, project.model(model), "", None, marks, session.now())
    return bound(case, session.ledger.entries(*KINDS), board)


def rules(board: Board) -> dict[str, Any]:
    """The board as a case keeps it, in JSON values."""
    return {**asdict(board), "expires": board.expires.total_seconds()}


def ended(session: Session, case: BoardCase) -> BoardEvent | None:
    """What is to be noted of an open case, or of one whose time is over; None where it goes on.

    New guidelines open it anew; whatever else changed ends it, and so does a voter who lost the role or the seat.
    """
    now = parts(session, case.about, case.board)
    changed, project = case.changed(now), Project(session.declared().root)
    if case.state == "open" and changed == ("guidelines",) and now["guidelines"]:
        board = project.boards[case.board]
        return BoardEvent(subject=case.id, event="reopened", board=case.board, about=case.about, parts=now,
                          rules=rules(board), guidelines=project.guidelines[board.guidelines].version,
                          expires_at=(session.now() + board.expires).isoformat(),
                          reason="the guidelines have a new version; no vote counts any more")
    if changed and case.state in ("open", *_COUNTED):
        return _closed(case, "invalidated", f"{' and '.join(changed)} changed since it was opened")
    if lost := lacking(session, case):
        return _closed(case, "invalidated", f"{lost[0]} no longer holds the role '{lost[1]}', and has voted")
    if case.state != "open":
        return _closed(case, case.state, case.why)
    if found := case.decided:
        return _closed(case, found.outcome, found.why)
    return None


_COUNTED = ("approved", "rejected")  # by the clock alone: what nobody noted yet is still bound to what it was about


def lacking(session: Session, case: BoardCase) -> tuple[str, str] | None:
    """A voter who does not hold the role of his seat any more, and the role; None where all do."""
    return next(((each.voter, role) for each in case.votes.values()
                 if not actor_named(session, each.voter).has(role := case.rules.members[each.member].role)), None)


def _closed(case: BoardCase, outcome: str, why: str) -> BoardEvent:
    return BoardEvent(subject=case.id, event="closed", board=case.board, about=case.about, outcome=outcome, reason=why,
                      digest=case.digest)


def noted(session: Session, *ids: str) -> list[Entry]:
    """Note what has ended, each once, whoever looks first; of the cases named, or of all."""
    seen = known(session)
    due = {each.id: fact for each in seen.values() if not each.noted and (not ids or each.id in ids)
           and (fact := ended(session, each)) is not None}

    def decided(entries: Sequence[Entry]) -> Iterator[Fact]:
        now: Mapping[str, BoardCase] = cases(entries, session.now())
        for id, fact in due.items():
            if not now[id].noted and now[id].votes == seen[id].votes and now[id].digest == seen[id].digest:
                yield fact

    return session.ledger.transact(decided) if due else []
