"""Nobody whose rows a version was trained on has been erased or objects to training now."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_tui.assurance.requirement import Asked, Case, Requirement, newest, of_finding
from mlops_tui.privacy.requests import TRAINING, fingerprint, suppressed
from mlops_tui.view import Status
from store.facts import Finding

if TYPE_CHECKING:
    from store.ledger import Entry

CHECK = "consent"


def consent(case: Case, entries: "Sequence[Entry]") -> list[Requirement]:
    """The newest look through the version's training rows, made with the list of people as it is today."""
    asked = Asked(CHECK, "nobody trained on has opted out", next=("optout", "check", case.subject))
    found, entry = of_finding(case, entries, asked), newest(case, entries, asked)
    now = fingerprint(suppressed(entries, TRAINING))
    if found.status is Status.PASS and entry is not None and isinstance(entry.fact, Finding) and \
            entry.fact.detail.get("list") != now:
        return [replace(found, status=Status.UNKNOWN, detail="people opted out since it was looked through",
                        next=asked.next)]
    return [found]
