"""One thing that a version must show, and how the newest finding of a check answers it. Unknown is not pass."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.declarations.kinds import Checklist, Model
from mlops_tui.view import Status, lasting
from store.facts import Finding

if TYPE_CHECKING:
    from store.ledger import Entry

ABOUT_DATA = ("drift", "health", "ingest", "validate", "stability")
_FOUND = {"pass": Status.PASS, "warn": Status.WARN, "fail": Status.FAIL}


@dataclass(frozen=True)
class Requirement:
    """One thing that is required, how it stands, why, and where the evidence is.

    `at`: when it was found or said; `fingerprint`: of the declaration that judged it, or the files it was signed for.
    """

    id: str
    title: str
    status: Status
    detail: str = ""
    evidence: str = ""
    next: tuple[str, ...] = ()
    at: datetime | None = None
    fingerprint: str = ""


@dataclass(frozen=True)
class Case:
    """A version that wants to serve: its declaration as it is today, and the fingerprints that findings must bear."""

    name: str
    version: str
    model: Model
    champion: str
    checklist: Checklist | None
    fingerprints: Mapping[str, str]
    now: datetime

    @property
    def subject(self) -> str:
        return f"{self.name}@{self.version}"


@dataclass(frozen=True)
class Asked:
    """What is asked of a check's newest finding.

    `id` and `title` are the requirement's; `about`: the subjects that it may be of, besides the model and the version;
    `max_age`: how old it may be (None: as old as it likes); `next`: the command that makes a new one; `unversioned`:
    whether a finding that names no version counts for this one; `counts`: which findings of the check answer at all.
    """

    check: str
    title: str
    id: str = ""
    max_age: timedelta | None = None
    about: Collection[str] = ()
    next: tuple[str, ...] = ()
    unversioned: bool = False
    counts: Callable[[Finding], bool] = lambda finding: True


def of_finding(case: Case, entries: "Sequence[Entry]", asked: Asked) -> Requirement:
    """How the newest finding of a check answers for this version: passed, recent, and by a declaration of today's.

    What was found about another version's answers says nothing about this one; what was found about data does.
    """
    entry = newest(case, entries, asked)

    def required(status: Status, detail: str) -> Requirement:
        shown, at = ("", None) if entry is None else (f"entry {entry.seq}", entry.effective_at)
        return Requirement(asked.id or asked.check, asked.title, status, detail, shown,
                           () if status is Status.PASS else asked.next, at,
                           getattr(entry.fact, "declaration", "") if entry is not None else "")

    if entry is None or not isinstance(fact := entry.fact, Finding):
        return required(Status.UNKNOWN, f"no finding of '{asked.check}' yet")
    if asked.max_age is not None and case.now - entry.effective_at > asked.max_age:
        return required(Status.UNKNOWN, f"older than {lasting(asked.max_age)}")
    if fact.declaration not in case.fingerprints.values():
        return required(Status.UNKNOWN, "judged by a declaration that is not today's")
    return required(_FOUND.get(fact.status, Status.UNKNOWN), fact.title)


def newest(case: Case, entries: "Sequence[Entry]", asked: Asked) -> "Entry | None":
    """The newest finding of the check that is about this version, or about data; None where there is none."""
    about = {case.name, case.subject, *asked.about}
    versions = {case.version, ""} if asked.unversioned else {case.version}
    return next((entry for entry in reversed(folds.findings_of(entries, check=asked.check)) if entry.subject in about
                 and isinstance(entry.fact, Finding) and asked.counts(entry.fact)
                 and (asked.check in ABOUT_DATA or entry.fact.version in versions)), None)
