"""What a board's votes come to: quorum, majority, required seats and vetoes; pure arithmetic in whole numbers."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from mlops_tui.declarations.boards import Board

APPROVED, REJECTED, NO_QUORUM, EXPIRED, INVALIDATED = "approved", "rejected", "no_quorum", "expired", "invalidated"
CHOICES = ("yes", "no", "abstain")


@dataclass(frozen=True)
class Roll:
    """Who voted how, by member, and who is out: recused, or an author. Those count neither above nor below the line."""

    votes: Mapping[str, str] = field(default_factory=dict)
    out: Set[str] = frozenset()


@dataclass(frozen=True)
class Count:
    """The votes as they would come out if this were the end."""

    outcome: str
    why: str
    eligible: int
    quorum: int
    yes: int
    no: int
    abstained: int
    unobjecting: int
    silent: tuple[str, ...]

    @property
    def said(self) -> str:
        """How it stands, in one line."""
        return f"{self.yes} yes, {self.no} no, {self.abstained} abstained; quorum {self.quorum} of {self.eligible}"


def count(board: Board, roll: Roll) -> Count:
    """What the votes that are in come to, were there no others.

    Approved where enough voted without objecting, every required seat is among them, no veto seat said no, and the
    majority is there. Otherwise `no_quorum` where too few voted, `expired` where a required seat was silent, else
    `rejected`.
    """
    eligible = [name for name in board.members if name not in roll.out]
    votes = {name: roll.votes[name] for name in eligible if name in roll.votes}
    yes, no, abstained = (sum(each == choice for each in votes.values()) for choice in CHOICES)
    present = {name for name, choice in votes.items() if choice == "yes" or (choice == "abstain" and
               board.abstention == "present")}
    quorum, silent = board.needed(len(eligible)), tuple(name for name in eligible if name not in votes)
    filled = {board.members[name].seat for name in present}
    vetoes = [name for name, choice in votes.items() if choice == "no" and board.members[name].seat in board.veto]
    vacant = [seat for seat in board.required if seat not in filled]
    outcome, why = APPROVED, "it has its quorum and its majority"
    if quorum > len(eligible):
        outcome, why = NO_QUORUM, f"only {len(eligible)} may vote, and {quorum} are the quorum"
    elif empty := [seat for seat in board.required if all(board.members[name].seat != seat for name in eligible)]:
        outcome, why = NO_QUORUM, f"nobody may vote in the required seat '{empty[0]}'"
    elif vetoes:
        outcome, why = REJECTED, f"{vetoes[0]} has a veto as {board.members[vetoes[0]].seat}, and said no"
    elif len(votes) < quorum:
        outcome, why = NO_QUORUM, f"{len(votes)} voted, and {quorum} are the quorum"
    elif len(present) < quorum:
        outcome, why = REJECTED, f"{len(present)} did not object, and {quorum} are the quorum"
    elif vacant:
        unheard = any(board.members[name].seat == vacant[0] for name in silent)
        outcome = EXPIRED if unheard else REJECTED
        why = f"the required seat '{vacant[0]}' {'did not vote' if unheard else 'did not agree'}"
    elif not majority(board, yes, no, abstained):
        outcome, why = REJECTED, f"{yes} yes to {no} no is not the majority that it takes ({board.majority})"
    return Count(outcome, why, len(eligible), quorum, yes, no, abstained, len(present), silent)


def majority(board: Board, yes: int, no: int, abstained: int) -> bool:
    """Whether those who said yes are enough of those whose votes count."""
    cast = yes + no + (abstained if board.abstention == "against" else 0)
    if not yes:
        return False
    return {"simple": 2 * yes > cast, "2/3": 3 * yes >= 2 * cast, "unanimous": yes == cast}[board.majority]


def decided(board: Board, roll: Roll) -> Count | None:
    """The count, where nothing that may still come can change whether it is approved; None where something can.

    The worst that can come is that everybody who is silent says no, the best that all of them say yes.
    """
    now = count(board, roll)
    worst, best = (count(board, replace(roll, votes={**roll.votes, **dict.fromkeys(now.silent, choice)}))
                   for choice in ("no", "yes"))
    if worst.outcome == APPROVED:
        return now
    if best.outcome == APPROVED:
        return None
    return now if now.outcome == REJECTED else replace(now, outcome=best.outcome, why=best.why)
