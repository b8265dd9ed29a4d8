"""Whether the review board that the model names has approved this very version, as everything stands today."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_tui.assurance.ballots import APPROVED, REJECTED
from mlops_tui.assurance.boardcases import bound, cases
from mlops_tui.assurance.requirement import Case, Requirement
from mlops_tui.view import Status

if TYPE_CHECKING:
    from store.ledger import Entry

_STANDS = {APPROVED: Status.PASS, REJECTED: Status.FAIL}


def board(case: Case, entries: "Sequence[Entry]") -> list[Requirement]:
    """The newest case of the version before its board; approved, and nothing that it was bound to has changed."""
    name = case.model.board
    title = f"approved by the board '{name}'" if name else "approved by a review board"
    ask = ("board", "open", case.subject)

    def required(status: Status, detail: str, shown: str = "", way: tuple[str, ...] = ()) -> list[Requirement]:
        return [Requirement("board", title, status, detail, shown, way)]

    if not name:
        return required(Status.UNKNOWN, f"no board is named: `board:` of models/{case.name}.yaml")
    if not case.fingerprints.get(f"board {name}"):
        return required(Status.UNKNOWN, f"boards/{name}.yaml is not declared")
    about = [each for each in cases(entries, case.now).values() if (each.board, each.about) == (name, case.subject)]
    if not about:
        return required(Status.UNKNOWN, "it was not asked", "", ask)
    newest = about[-1]
    if changed := newest.changed(bound(case, entries, name)):
        return required(Status.UNKNOWN, f"{' and '.join(changed)} changed since {newest.id} was opened", newest.id, ask)
    if newest.state == "open":
        return required(Status.UNKNOWN, f"{newest.id} is open: {newest.count.said}", newest.id,
                        ("board", "show", newest.id))
    if not newest.noted:
        return required(Status.UNKNOWN, f"the time of {newest.id} is over, and nobody has counted the votes", newest.id,
                        ("board", "close", newest.id))
    status = _STANDS.get(newest.state, Status.UNKNOWN)
    return required(status, f"{newest.id} {newest.state.replace('_', ' ')}: {newest.why}", newest.id,
                    ask if status is Status.UNKNOWN else ("board", "show", newest.id))
