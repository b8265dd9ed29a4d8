"""The minutes of a board's case, and the decision record that is proposed from them."""

import hashlib
from collections.abc import Sequence

from mlops_tui import folds
from mlops_tui.assurance.boardcases import BoardCase
from mlops_tui.governance._boarding import asked
from mlops_tui.render.markdown import as_markdown
from mlops_tui.session import Session
from mlops_tui.view import Column, Facts, Row, Status, Table, View
from store.facts import Fact, Proposal
from store.ledger import Entry


def minutes_of(session: Session, case: BoardCase) -> tuple[Table, ...]:
    """Every member with his vote, every answer to the guidelines, and what it was all bound to."""
    rows: list[Row] = [_member(case, name) for name in case.rules.members]
    members = Table.of("members", rows, Column("member", worth=3), "seat", Column("vote", worth=3),
                       Column("why", worth=2), "voter", "at", title="The board")
    bound: list[Row] = [{"part": name, "digest": value[:12] or "none", "sha256": value}
                        for name, value in sorted(case.parts.items())]
    return (members, *_answers(session, case), Table.of("bound", bound, "part", "digest", title="Bound to"))


def _member(case: BoardCase, name: str) -> Row:
    member, ballot = case.rules.members[name], case.votes.get(name)
    left = "author" if name in case.out else "recused" if name in case.recused else ""
    required = member.seat in case.rules.required
    return {"member": name, "seat": member.seat, "role": member.role, "required": required,
            "veto": member.seat in case.rules.veto, "vote": left or (ballot.choice if ballot else ""),
            "why": ballot.reason if ballot else case.recused.get(name, ""), "voter": ballot.voter if ballot else "",
            "simulated": ballot.simulated if ballot else False, "at": ballot.at if ballot else None}


def _answers(session: Session, case: BoardCase) -> tuple[Table, ...]:
    texts = asked(session.declared(), case)
    names = list(dict.fromkeys((*texts, *(name for each in case.votes.values() for name in each.answers))))
    rows: list[Row] = [{"question": texts.get(name, name), "id": name, "answers": tuple(
        f"{who}: {each.answers.get(name, 'none')}" for who, each in case.votes.items())} for name in names]
    title = f"Guidelines {case.rules.guidelines}, version {case.guidelines}"
    return (Table.of("answers", rows, "question", "answers", title=title),) if names else ()


def recorded(session: Session, case: BoardCase) -> bool:
    """Whether a decision record was proposed."""
    return any(each.origin == case.id for each in folds.proposals(session.ledger.entries("proposal")).values())


def proposed(session: Session, case: BoardCase) -> str:
    """The proposal of a decision record in decisions/, made once for each case that was decided; its number."""
    path = f"decisions/{case.id.lower()}-{case.board}.md"
    view = View(f"{case.board} about {case.about}: {case.state.replace('_', ' ')}", Status.DONE,
                (Facts({"outcome": case.state, "why": case.why, "votes": case.count.said,
                        "majority": case.rules.majority, "opened_by": case.opened_by, "digest": case.digest}),
                 *minutes_of(session, case)))
    status = "accepted" if case.state == "approved" else "rejected"
    at = (case.ended_at or session.now()).astimezone(session.declared().zone)
    text = (f"---\nstatus: {status}\ndate: {at:%Y-%m-%d}\ncase: {case.id}\n---\n"
            f"{as_markdown(view, zone=session.declared().zone)}")
    kept = session.data().put_object(text.encode())
    target = session.declared().root / path
    before = hashlib.sha256(target.read_bytes()).hexdigest() if target.is_file() else ""

    def decided(entries: Sequence[Entry]) -> list[Fact]:
        known = folds.proposals(entries)
        if any(each.origin == case.id for each in known.values()):
            return []
        return [Proposal(subject=folds.next_id("P", known), event="proposed", path=path, document=kept, before=before,
                         why=f"what the board '{case.board}' decided about {case.about}", origin=case.id)]

    session.ledger.transact(decided)
    known = folds.proposals(session.ledger.entries("proposal"))
    return next((each.id for each in known.values() if each.origin == case.id and each.state == "open"), "")
