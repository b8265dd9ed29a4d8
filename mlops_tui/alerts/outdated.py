"""Papers that no longer say what is so: a model card that is stale, an impact whose answers are wrong or changed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_tui.alerts.nudges import Nudge
from mlops_tui.view import Action, Facts, Status, View
from store.facts import Finding

if TYPE_CHECKING:
    from mlops_tui.project import Project
    from store.ledger import Entry

LOOK = {"card": ("card", "check"), "impact": ("impact", "assess")}  # check -> what looks again


@dataclass(frozen=True)
class Outdated:
    """A paper that was found wrong: what is wrong, since when without a break, and the entry that said it first."""

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
    """Of each model the newest judgement on its papers, where that is a no; older versions' papers are let be."""
    known, found = set(models), dict[tuple[str, str], Outdated]()
    for entry in entries:
        if not isinstance(fact := entry.fact, Finding) or fact.check not in LOOK or entry.subject not in known:
            continue
        key = (fact.check, entry.subject)
        if fact.status != "fail":
            found.pop(key, None)
        elif key in found and found[key].version == fact.version:
            before = found[key]
            found[key] = Outdated(*key, fact.version, fact.title, before.since, before.first)
        else:
            found[key] = Outdated(*key, fact.version, fact.title, entry.recorded_at, entry.seq)
    return list(found.values())


def papers(project: "Project", entries: "Sequence[Entry]", now: datetime) -> Iterator[Nudge]:
    """Whoever answers for the model is told once each time that a paper of it becomes wrong."""
    for each in outdated(entries, project.models):
        view = View(each.title, Status.FAIL, (Facts({"model": each.model, "version": each.version or None}),),
                    (Action("Look again", each.argv),))
        yield Nudge(f"{each.check}/{each.model}", project.models[each.model].owner or "engineer", view, each.since,
                    turn=str(each.first))
