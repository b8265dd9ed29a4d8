"""Papers that no longer say what is so, a stale card or a wrong impact; and what no longer holds of what serves."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.alerts.nudges import Nudge
from mlops_tui.view import Action, Facts, Status, View
from store.facts import Finding

if TYPE_CHECKING:
    from mlops_tui.project import Project
    from store.ledger import Entry

LOOK = {"card": ("card", "check"), "impact": ("impact", "assess"), "consent": ("optout", "check"),
        "lineage": ("provenance", "check"), "signed": ("vault", "verify")}  # check -> what looks again
OF_WHAT_SERVES = ("consent", "lineage", "signed")  # said of each version by itself; of others than the champion let be


@dataclass(frozen=True)
class Outdated:
    """What was found wrong: what it is, since when without a break, and the entry that said it first."""

    check: str
    model: str
    version: str
    title: str
    since: datetime
    first: int

    @property
    def subject(self) -> str:
        return f"{self.model}@{self.version}" if self.version else self.model

    @property
    def argv(self) -> tuple[str, ...]:
        return (*LOOK[self.check], self.subject)


def outdated(entries: "Sequence[Entry]", models: Iterable[str]) -> list[Outdated]:
    """Of each model the newest judgement on its papers, and on the version that serves, where that is a no; older
    versions' papers are let be."""
    known, found = set(models), dict[tuple[str, ...], Outdated]()
    for entry in entries:
        if not isinstance(fact := entry.fact, Finding) or fact.check not in LOOK or entry.subject not in known:
            continue
        of_one = fact.check in OF_WHAT_SERVES
        key = (fact.check, entry.subject, *([fact.version] if of_one else []))
        if fact.status != "fail":
            found.pop(key, None)
        elif key in found and found[key].version == fact.version:
            before = found[key]
            found[key] = replace(before, title=fact.title)
        else:
            found[key] = Outdated(fact.check, entry.subject, fact.version, fact.title, entry.recorded_at, entry.seq)
    serving = {name: folds.model_state(entries, name).champion for _, name, *version in found if version}
    return [each for each in found.values()
            if each.check not in OF_WHAT_SERVES or each.version == serving[each.model]]


def papers(project: "Project", entries: "Sequence[Entry]", now: datetime) -> Iterator[Nudge]:
    """Whoever answers for the model is told once each time that a paper of it becomes wrong."""
    for each in outdated(entries, project.models):
        view = View(each.title, Status.FAIL, (Facts({"model": each.model, "version": each.version or None}),),
                    (Action("Look again", each.argv),))
        yield Nudge(f"{each.check}/{each.model}", project.models[each.model].owner or "engineer", view, each.since,
                    turn=str(each.first))
