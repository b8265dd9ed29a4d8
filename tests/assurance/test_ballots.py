"""What a board's votes come to, against an independent count of every small board."""

from fractions import Fraction
from functools import cache
from itertools import permutations, product

import pytest

from mlops_tui.assurance.ballots import APPROVED, NO_QUORUM, Roll, count, decided
from mlops_tui.declarations.boards import Board, Member, share

CHOICES = (None, "yes", "no", "abstain")
RANK = {"no": 0, None: 1, "abstain": 1, "yes": 2}


def boards():
    """Boards of one to four members: every quorum, majority and rule of abstention, with required and veto seats."""
    for size in (1, 2, 3, 4):
        names = "abcd"[:size]
        members = {name: Member("law" if name == "a" else "work") for name in names}
        quorums = (1, size, "1/2", "60%") if size < 4 else ("60%",)
        rules = product(quorums, ("simple", "2/3", "unanimous"), ("present", "absent", "against"),
                        ((), ("law",)), ((), ("law",)))
        for quorum, majority, abstention, required, veto in rules:
            yield Board(members, quorum, majority, required, veto, abstention)


BOARDS = list(boards())


def rolls(board):
    for out in ((), ("a",)) if 1 < len(board.members) < 4 else ((),):
        for votes in product(CHOICES, repeat=len(board.members)):
            yield Roll({name: each for name, each in zip(board.members, votes, strict=True) if each}, frozenset(out))


def approved(board, roll):
    """The rules once more, in the words of the declaration and in exact fractions."""
    voters = [name for name in board.members if name not in roll.out]
    needed = board.quorum if isinstance(board.quorum, int) else share(board.quorum) * len(voters)
    how = {name: roll.votes.get(name) for name in voters}
    if board.abstention == "against":
        how = {name: "no" if each == "abstain" and board.members[name].seat not in board.veto else each
               for name, each in how.items()}
    for_it = [name for name, each in how.items() if each == "yes" or (each == "abstain" and
              board.abstention == "present")]
    if len(for_it) < needed or not for_it:
        return False
    if any(board.members[name].seat in board.veto and each == "no" for name, each in how.items()):
        return False
    if any(all(board.members[name].seat != seat for name in for_it) for seat in board.required):
        return False
    yes = sum(each == "yes" for each in how.values())
    against = sum(each == "no" or (each == "abstain" and board.abstention == "against") for each in how.values())
    if not yes:
        return False
    part = Fraction(yes, yes + against)
    return {"simple": part > Fraction(1, 2), "2/3": part >= Fraction(2, 3), "unanimous": part == 1}[board.majority]


def test_every_small_board_counts_as_an_independent_count_does():
    seen = set()
    for board in BOARDS:
        for roll in rolls(board):
            expected = approved(board, roll)
            assert (count(board, roll).outcome == APPROVED) == expected, (board, roll)
            seen.add(expected)
    assert seen == {True, False}


def test_a_no_never_helps_and_a_yes_never_hurts():
    """Of every ballot of every small board: whoever stays away, abstains or says yes, and says no instead."""
    for board in BOARDS:
        known = {tuple(sorted(roll.votes.items())): count(board, roll).outcome == APPROVED
                 for roll in rolls(board) if not roll.out}
        for key, before in known.items():
            votes = dict(key)
            for name in board.members:
                for choice in ("no", "yes"):
                    after = known[tuple(sorted({**votes, name: choice}.items()))]
                    if choice == "no":
                        assert after <= before, (board, votes, name)
                    else:
                        assert after >= before, (board, votes, name)


def test_what_is_decided_stays_so_whatever_comes():
    for board in BOARDS:
        if len(board.members) > 3 or board.quorum != "60%":
            continue
        for roll in rolls(board):
            found = decided(board, roll)
            silent = [name for name in board.members if name not in roll.votes and name not in roll.out]
            ends = set()
            for rest in product((*CHOICES, "recused"), repeat=len(silent)):
                said = dict(zip(silent, rest, strict=True))
                ends.add(count(board, Roll({**roll.votes, **{name: each for name, each in said.items()
                                                             if each and each != "recused"}},
                                           roll.out | {name for name, each in said.items() if each == "recused"}
                                           )).outcome == APPROVED)
            assert (found is not None) == (len(ends) == 1), (board, roll)
            assert found is None or ends == {found.outcome == APPROVED}


def test_the_order_of_the_votes_does_not_matter():
    """Votes that come after it is decided are refused; whichever come first, it ends in the same way."""
    for board in (each for each in BOARDS if len(each.members) == 3 and each.quorum != "1/2"):
        settled = cache(lambda votes, board=board: decided(board, Roll(dict(votes))))
        for votes in product(("yes", "no", "abstain"), repeat=3):
            ends = set()
            for order in permutations(zip(board.members, votes, strict=True)):
                given = frozenset()
                for vote in order:
                    given = given | {vote} if settled(given) is None else given
                ends.add((settled(given) or count(board, Roll(dict(given)))).outcome)
            assert len(ends) == 1, (board, votes)


@pytest.mark.parametrize(("quorum", "eligible", "needed"), [
    ("1/2", 3, 2), ("1/2", 4, 2), ("2/3", 3, 2), ("2/3", 4, 3), ("60%", 5, 3), ("60%", 3, 2), ("100%", 3, 3),
    ("33.4%", 3, 2), ("1/3", 3, 1), (2, 9, 2), ("1/9", 1, 1)])
def test_a_share_is_rounded_up_exactly(quorum, eligible, needed):
    assert Board({"a": Member("x")}, quorum).needed(eligible) == needed


def test_who_is_out_leaves_both_sides_of_the_fraction():
    board = Board({name: Member("x") for name in "abcde"}, "60%", "2/3")
    assert count(board, Roll({"a": "yes", "b": "yes", "c": "no"})).outcome == "rejected"
    found = count(board, Roll({"a": "yes", "b": "yes", "c": "no"}, frozenset("de")))
    assert (found.outcome, found.quorum, found.eligible) == (APPROVED, 2, 3)


def test_a_board_of_which_too_many_are_out_has_no_quorum():
    board = Board({name: Member("x") for name in "abc"}, 2)
    found = decided(board, Roll({}, frozenset("ab")))
    assert (found.outcome, found.why) == (NO_QUORUM, "only 1 may vote, and 2 are the quorum")
