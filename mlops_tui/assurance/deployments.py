"""How each deployment of a model stands, folded from the history: pure, so that who resumes knows what is done."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from store.facts import Deployment

if TYPE_CHECKING:
    from store.ledger import Entry

OPEN = ("began", "undoing")
ATTEMPTS = 3  # so often one that was interrupted is taken up again before it is taken back


@dataclass(frozen=True)
class Deployed:
    """One deployment: which version in place of which, by what, and how far it came.

    `began`, or `undoing` where it is being taken back; then `done`, `undone`, or `stuck`. `tries` counts how often it
    was begun or taken up again; `holder` is the process that did so last.
    """

    id: str
    model: str
    version: str
    previous: str
    way: str
    deployer: str
    approval: str
    evidence: str
    reason: str
    holder: str
    began_at: datetime
    at: datetime
    by: str
    state: str = "began"
    tries: int = 1
    why: str = ""
    log: str = ""

    @property
    def open(self) -> bool:
        return self.state in OPEN


def deployments(entries: "Sequence[Entry]", model: str = "") -> dict[str, Deployed]:
    """Every deployment by id, oldest first; of one model where it is named."""
    found: dict[str, Deployed] = {}
    for entry in entries:
        fact = entry.fact
        if not isinstance(fact, Deployment) or not fact.id or model not in ("", fact.subject):
            continue
        if fact.event == "began":
            found[fact.id] = Deployed(fact.id, fact.subject, fact.version, fact.previous, fact.way, fact.deployer,
                                      fact.approval, fact.evidence, fact.reason, fact.holder, entry.recorded_at,
                                      entry.recorded_at, entry.actor)
        elif fact.id in found:
            found[fact.id] = _after(found[fact.id], fact, entry.recorded_at)
    return found


def _after(before: Deployed, fact: Deployment, at: datetime) -> Deployed:
    if fact.event == "resumed":
        return replace(before, holder=fact.holder, at=at, tries=before.tries + 1)
    return replace(before, state=fact.event, at=at, why=fact.reason or before.why, log=fact.log or before.log)


def under_way(entries: "Sequence[Entry]", model: str) -> Deployed | None:
    """The deployment of a model that has not ended; None where there is none."""
    return next((each for each in deployments(entries, model).values() if each.open), None)


def seen_at(entries: "Sequence[Entry]", model: str) -> str:
    """The version at which the registry's alias was seen last; empty where it never was."""
    return next((entry.fact.version for entry in reversed(entries) if isinstance(entry.fact, Deployment)
                 and entry.subject == model and entry.fact.event == "followed"), "")
