"""Gate rule: the card of this very version is published, and still says what its runs and declarations say."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mlops_tui.assurance.requirement import Asked, Case, Requirement, newest, of_finding
from mlops_tui.view import Status
from store.facts import Assessed, CardPublished, Finding, Replayed

if TYPE_CHECKING:
    from store.ledger import Entry

TOLD = ("bias", "evaluate")  # checks of a version whose findings stand in its card


def card(case: Case, entries: "Sequence[Entry]") -> list[Requirement]:
    """The newest word on the card of the version, about the card that was published last."""
    run = ("card", "publish", case.subject)
    asked = Asked("card", "its card is published and right", next=run)
    found, entry = of_finding(case, entries, asked), newest(case, entries, asked)
    if entry is None or not isinstance(entry.fact, Finding) or found.status not in (Status.PASS, Status.WARN):
        return [found]
    last = next((each.fact.digest for each in reversed(entries) if isinstance(each.fact, CardPublished)
                 and (each.subject, each.fact.version) == (case.name, case.version)), "")
    said = entry.fact.detail
    why = "what was judged is not the card that was published last" if not last or said.get("digest") != last else \
        f"impact/{case.name}.yaml is another one now" \
        if said.get("impact", "") != case.fingerprints.get(f"impact {case.name}", "") else \
        _since(case, entries, entry.seq)
    return [Requirement("card", asked.title, Status.UNKNOWN, why, f"entry {entry.seq}",
                        ("card", "check", case.subject))] if why else [found]


def _since(case: Case, entries: "Sequence[Entry]", seq: int) -> str:
    """What happened after the card was judged and may be told in it; empty where nothing did."""
    tier: tuple[object, ...] = ()
    for entry in entries:
        fact = entry.fact
        if entry.subject != case.name:
            continue
        known, tier = tier, (fact.levels, fact.classes) if isinstance(fact, Assessed) else tier
        if entry.seq <= seq:
            continue
        found = isinstance(fact, Finding) and fact.check in TOLD and fact.version == case.version
        replayed = isinstance(fact, Replayed) and fact.version == case.version
        if found or replayed or tier != known:
            return f"entry {entry.seq} is newer than the judgement on the card"
    return ""
