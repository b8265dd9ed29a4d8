"""Why alerts fired: the findings behind each, as the history tells it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from store.facts import AlertEvent, Finding

if TYPE_CHECKING:
    from store.ledger import Entry

FIRED = ("fired", "refired", "flapping")


def causes(entries: "Iterable[Entry]") -> "Mapping[str, Sequence[Entry]]":
    """The findings by which each alert fired, as entries, one for each time that it did: the first began it, the last
    is what it fires on now. An alert from outside, or whose findings are not among the entries, has none."""
    findings: dict[int, Entry] = {}
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        fact = entry.fact
        if isinstance(fact, Finding):
            findings[entry.seq] = entry
        elif isinstance(fact, AlertEvent) and fact.event in FIRED and fact.finding in findings:
            found[entry.subject].append(findings[fact.finding])
    return found
