"""Entries of the history without what was found in columns, or in datasets, that the reader may not see."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

from store.facts import AlertEvent, Fact, Finding, IncidentEvent, Run

if TYPE_CHECKING:
    from store.ledger import Entry

NAMES = ("column", "feature", "name", "metric", "id")  # keys under which a part of a finding says what it is about
PARTED = ("bias",)  # checks whose title is about groups
GROUPS = ("group", "reweigh")  # keys under which it says by the values of which columns it parts the rows


@dataclass(frozen=True)
class Withheld:
    """The columns, and the datasets, of which nothing is told."""

    columns: frozenset[str] = field(default_factory=frozenset)
    datasets: frozenset[str] = field(default_factory=frozenset)

    def __bool__(self) -> bool:
        return bool(self.columns or self.datasets)

    def of(self, entry: "Entry") -> "Entry":
        """The entry as the reader may know it: what has to do with those is left out of what it says."""
        if not entry.hash:  # not written yet: it is the reader's own
            return entry
        box = _box(self, entry.hash)
        if not box:
            box.append(self.fact(entry.fact))
        return entry if box[0] is entry.fact else replace(entry, fact=box[0])

    def fact(self, fact: Fact) -> Fact:
        """The fact without details of those columns; of those datasets, without any figures and words."""
        if self._of_denied(fact.subject) or self._of_denied(getattr(fact, "about", "")):
            return _bare(fact)
        if (isinstance(fact, Finding) and self._parted(fact.detail)) or (
                isinstance(fact, AlertEvent) and self.columns and fact.check in PARTED):
            return _bare(fact)
        if isinstance(fact, Run):
            return replace(fact, detail="")  # what a failed step says quotes values
        told = {each.name: value for each in fields(fact)
                if isinstance(value := getattr(fact, each.name), Mapping) or each.name == "gaps"}
        kept = {name: self._without(value) for name, value in told.items()}
        return replace(fact, **kept) if kept != told else fact

    def _of_denied(self, subject: str) -> bool:
        """Whether something is one of those datasets, or a part or state of one."""
        return subject in self.datasets or subject.partition(".")[0].partition("@")[0] in self.datasets

    def _without(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            if self._parted(value):
                return {}
            kept = {key: self._without(each) for key, each in value.items()
                    if key not in self.columns and not self._slice(key)}
            return {**kept, "detail": ""} if self.columns and {"requirement", "detail"} <= kept.keys() else kept
        if isinstance(value, list | tuple):
            return type(value)(self._without(each) for each in value if not self._about(each))
        return value

    def _about(self, value: Any) -> bool:
        """Whether a part of a list is about one of the columns."""
        if isinstance(value, Mapping):
            return any(isinstance(value.get(key), str) and value[key] in self.columns for key in NAMES) or \
                any(isinstance(each, str) and self._slice(each) for each in value.values())
        if isinstance(value, str):
            return self._slice(value)
        return isinstance(value, list | tuple) and bool(value) and str(value[0]) in self.columns


    def _parted(self, value: Mapping[str, Any]) -> bool:
        """Whether it tells how rows differ by the values of one of the columns."""
        by = [each for key in GROUPS for each in (value[key] if isinstance(value.get(key), list | tuple)
                                                  else [value.get(key)])]
        return any(isinstance(each, str) and name in each for each in by for name in self.columns)

    def _slice(self, text: str) -> bool:
        """Whether a text names rows with some value of one of the columns: `roc_auc (account=none): 97 rows`."""
        return self._sliced is not None and self._sliced.search(text) is not None

    @cached_property
    def _sliced(self) -> re.Pattern[str] | None:
        names = "|".join(map(re.escape, sorted(self.columns)))
        return re.compile(rf"(?<!\w)(?:{names})=") if names else None


def _bare(fact: Fact) -> Fact:
    """The fact with its kind and standing alone."""
    empty: dict[str, Any] = {each.name: {} for each in fields(fact) if isinstance(getattr(fact, each.name), Mapping)}
    if isinstance(fact, Finding):
        empty |= {"title": f"{fact.check} of {fact.subject}", "value": None, "low": None, "high": None, "limit": None}
    if isinstance(fact, Run):
        empty["detail"] = ""
    if isinstance(fact, AlertEvent | IncidentEvent):  # their title is the one of the finding
        empty |= {"title": fact.title and f"{getattr(fact, 'check', '') or fact.kind} of {fact.about}"}
    return replace(fact, **empty) if empty else fact


@lru_cache(maxsize=20_000)
def _box(withheld: Withheld, hash: str) -> "list[Fact]":
    """Where this process keeps what it told of an entry."""
    return []
