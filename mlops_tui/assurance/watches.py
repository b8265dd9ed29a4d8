"""Whether what was promoted is still watched, and whether a finding since then asks to go back: pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.assurance.rehearsed import CHECK
from mlops_tui.declarations.deploying import Watch
from mlops_tui.view import Status
from store.facts import Finding, Promotion

if TYPE_CHECKING:
    from store.ledger import Entry

BAD = {"fail": ("fail",), "warn": ("fail", "warn")}
JUDGED = ("pass", "warn", "fail")


@dataclass(frozen=True)
class Looked:
    """What the newest finding of a watched check says since the promotion; `asks` to go back, or is unknown."""

    check: str
    level: str
    status: Status
    said: str
    entry: int | None = None
    asks: bool = False


@dataclass(frozen=True)
class Watched:
    """A promotion and what is watched of it, until when.

    `back`: the version to go back to; `rehearsed`: whether that one answered when it was last asked.
    """

    model: str
    version: str
    back: str
    since: datetime
    until: datetime
    looked: tuple[Looked, ...]
    rehearsed: bool
    over: bool

    @property
    def asking(self) -> tuple[Looked, ...]:
        return () if self.over else tuple(each for each in self.looked if each.asks)

    @property
    def trips(self) -> bool:
        """Whether it is to be rolled back now: something asks for it, and there is a way back that was rehearsed."""
        return bool(self.asking) and bool(self.back) and self.rehearsed

    @property
    def why(self) -> str:
        return "; ".join(f"{each.check} is {each.status}: {each.said} (entry {each.entry})" for each in self.asking)

    @property
    def stands(self) -> str:
        """In words: watched, over, or what keeps it from going back."""
        if self.over:
            return "watched no longer"
        if not self.asking:
            unknown = [each.check for each in self.looked if each.status is Status.UNKNOWN]
            return f"watched; {', '.join(unknown)} {'is' if len(unknown) == 1 else 'are'} unknown" if unknown else \
                "watched, and stands"
        if not self.back:
            return "asked to go back, and there is nothing to go back to"
        return "asked to go back" if self.rehearsed else \
            f"asked to go back, and version {self.back} was never rehearsed"


def watch_of(entries: "Sequence[Entry]", model: str, declared: Watch | None, now: datetime) -> Watched | None:
    """The watch over a model's newest promotion; None where none is declared, or where it was rolled back: a version
    that came back is not watched, so that nothing swings back and forth."""
    promoted = next((entry for entry in reversed(entries) if entry.subject == model
                     and isinstance(entry.fact, Promotion)), None)
    if declared is None or promoted is None or not isinstance(fact := promoted.fact, Promotion) or \
            fact.event != "promoted":
        return None
    state, until = folds.model_state(entries, model), promoted.recorded_at + declared.for_
    looked = tuple(_looked(entries, model, promoted, check, level) for check, level in declared.rollback_if.items())
    return Watched(model, fact.version, state.previous, promoted.recorded_at, until, looked,
                   _rehearsed(entries, model, state.previous), now >= until)


def _rehearsed(entries: "Sequence[Entry]", model: str, version: str) -> bool:
    found = [entry.fact for entry in folds.findings_of(entries, check=CHECK, subject=model)
             if isinstance(entry.fact, Finding) and entry.fact.version == version]
    return bool(found) and found[-1].status == "pass"


def _looked(entries: "Sequence[Entry]", model: str, promoted: "Entry", check: str, level: str) -> Looked:
    """The newest finding of the check after the promotion that is about the version, or names none.

    One that names no version asks only where the check did not say so before the promotion too: that is not its doing.
    """
    assert isinstance(promoted.fact, Promotion)
    version = promoted.fact.version
    found = list(_about(entries, model, check, version))
    after = [each for each in found if each[0].seq > promoted.seq]
    if not after:
        return Looked(check, level, Status.UNKNOWN, "not looked at since the promotion")
    entry, fact, status = after[-1]
    if status not in JUDGED:
        return Looked(check, level, Status.UNKNOWN, fact.title, entry.seq)
    before = [each for each in found if each[0].seq < promoted.seq and not each[1].version]
    old = not fact.version and bool(before) and before[-1][2] in BAD[level]
    said = f"{fact.title}, as before it was promoted" if old and status in BAD[level] else fact.title
    return Looked(check, level, Status(status), said, entry.seq, status in BAD[level] and not old)


def _about(entries: "Sequence[Entry]", model: str, check: str,
           version: str) -> "Iterator[tuple[Entry, Finding, str]]":
    for entry in folds.findings_of(entries, check="traffic" if check == "errors" else check):
        fact = entry.fact
        if isinstance(fact, Finding) and entry.subject in (model, f"{model}@{version}") and \
                fact.version in ("", version):
            yield entry, fact, _errors(fact) if check == "errors" else fact.status


def _errors(fact: Finding) -> str:
    """How the share of failed requests stands, which the check of traffic tells among others."""
    found = [str(each.get("status")) for each in fact.detail.get("signals", ()) if "error" in str(each.get("signal"))]
    return next((status for status in ("fail", "warn", "pass") if status in found), "unknown")
