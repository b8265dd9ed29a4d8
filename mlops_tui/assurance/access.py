"""No access outlives its review: every broken glass was looked at by somebody else, every grant is needed still."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_tui.access.grants import grants
from mlops_tui.assurance.requirement import Case, Requirement
from mlops_tui.view import Status

if TYPE_CHECKING:
    from store.ledger import Entry


def access(case: Case, entries: "Sequence[Entry]") -> list[Requirement]:
    """A broken glass that is over and was not reviewed fails; so does a grant whose review is overdue."""
    due = [each for each in grants(entries).values() if each.overdue(case.now)]
    if not due:
        return [Requirement("access", "no access waits for a review", Status.PASS, "nothing is overdue")]
    return [Requirement(f"access {each.id}", "no access waits for a review", Status.FAIL,
                        f"{each.who} {'broke the glass on' if each.glass else f'may {each.action}'} {each.resource}",
                        f"entry {each.entry}", ("access", "review")) for each in due]
