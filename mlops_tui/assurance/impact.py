"""Gate rule: the impact of this very version was assessed, nothing in it is wrong, and high risk has its board."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_tui.assurance import tier
from mlops_tui.assurance.requirement import Asked, Case, Requirement, of_finding
from mlops_tui.view import Status

if TYPE_CHECKING:
    from store.ledger import Entry

BOARD = "board"


def impact(case: Case, entries: "Sequence[Entry]") -> list[Requirement]:
    """The newest assessment of the version, and a review board where the model is, or may be, of high risk."""
    run = ("impact", "assess", case.subject)
    found = of_finding(case, entries, Asked("impact", "what it may cost people is assessed", next=run))
    known = tier.of(entries, case.name)
    if found.status is Status.UNKNOWN and not found.evidence:
        return [found]
    if known is None:
        return [found]
    if known.eu_lowest == tier.EU[-1]:
        return [found, Requirement("impact class", "the EU AI Act allows it", Status.FAIL,
                                   f"prohibited: {known.words}", f"entry {known.entry}", run)]
    if known.high and BOARD not in case.model.gate:
        return [found, Requirement("impact board", "a review board decides on high risk", Status.UNKNOWN,
                                   f"{known.words}, and `gate:` of models/{case.name}.yaml asks for no board",
                                   f"entry {known.entry}")]
    return [found]
