"""The way back is rehearsed: today's champion was loaded, and answered stored rows as recorded, within a week."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from mlops_tui.assurance.requirement import Asked, Case, Requirement, of_finding
from mlops_tui.view import Status

if TYPE_CHECKING:
    from store.ledger import Entry

CHECK, FRESH = "rehearsed", timedelta(days=7)


def rehearsed(case: Case, entries: "Sequence[Entry]") -> list[Requirement]:
    """The newest rehearsal of the champion, which a rollback would go back to; a first promotion has none."""
    title = f"the way back to version {case.champion} is rehearsed"
    if case.champion in ("", case.version):
        said = "it is the first to serve: there is nothing to go back to" if not case.champion else "it serves already"
        return [Requirement(CHECK, "the way back is rehearsed", Status.PASS, said)]
    asked = Asked(CHECK, title, max_age=FRESH, next=("rehearse", case.name))
    return [of_finding(replace(case, version=case.champion), entries, asked)]
