"""Whether a version's files are signed by a key that the project trusts."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mlops_tui.assurance.requirement import Asked, Case, Requirement, newest, of_finding
from mlops_tui.view import Status
from store.facts import Finding, Trained

if TYPE_CHECKING:
    from store.ledger import Entry


def signed(case: Case, entries: "Sequence[Entry]") -> list[Requirement]:
    """The newest word on the signature of this version, given to the very files that were trained."""
    asked = Asked("signed", "signed by a trusted key", next=("vault", "sign", case.subject))
    entry = newest(case, entries, asked)
    if entry is not None and isinstance(entry.fact, Finding) and entry.fact.detail.get("code") != "unsigned":
        asked = replace(asked, next=("vault", "verify", case.subject))  # there is a signature: it is only read again
    found = of_finding(case, entries, asked)
    if found.status is not Status.PASS or entry is None or not isinstance(entry.fact, Finding):
        return [found]
    artifact = next((fact.artifact for each in reversed(entries) if isinstance(fact := each.fact, Trained)
                     and fact.subject == case.name and fact.version == case.version), "")
    if artifact and entry.fact.detail.get("artifact") == artifact:
        return [found]
    return [Requirement("signed", asked.title, Status.FAIL, "what was signed is not what was trained",
                        f"entry {entry.seq}", ("vault", "verify", case.subject))]
