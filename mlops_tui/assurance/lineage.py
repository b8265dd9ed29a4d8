"""Where a version comes from is known without a gap, down to its source files, as of a month at most."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_tui.assurance.requirement import Asked, Case, Requirement, of_finding

if TYPE_CHECKING:
    from store.ledger import Entry

CHECK, FRESH = "lineage", timedelta(days=30)


def lineage(case: Case, entries: "Sequence[Entry]") -> list[Requirement]:
    """The newest check of this version's chain; what foreign events tell closes no gap in it."""
    asked = Asked(CHECK, "where it comes from is known down to the source files", max_age=FRESH,
                  next=("provenance", "check", case.subject))
    return [of_finding(case, entries, asked)]
