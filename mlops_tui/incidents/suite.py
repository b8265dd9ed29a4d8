"""The replay suite: old incidents whose rows are kept, which every new version has to live through."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_tui import folds
from mlops_tui.alerts.causes import causes
from mlops_tui.folds import Incident
from store.facts import Fact, Finding, Hold, Replayed

if TYPE_CHECKING:
    from store.ledger import Entry

PARTS = ("features", "predictions", "labels")  # a model's own datasets that are kept, beside the one of its label
JUDGED = ("performance", "calibration")  # checks of answers; others are of data, which no version changes
SURVIVES, FAILS, UNKNOWN, TRAINED_ON = "survives", "fails", "unknown", "trained on it"


@dataclass(frozen=True)
class Case:
    """One incident of the suite.

    `window`: from when to when. `check`, `monitor` and `declaration` are those of the finding that its alert fired
    upon, as they were then (empty where a person saw it); `champion` is the version that served when that was found.
    `pinned`: the states of datasets that are kept for it.
    """

    incident: str
    model: str
    title: str
    window: tuple[datetime, datetime]
    check: str = ""
    monitor: str = ""
    declaration: str = ""
    champion: str = ""
    pinned: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> str:
        """The state of the model's inputs that is kept."""
        return self.pinned.get(f"{self.model}.features", "")


def cases(entries: "Sequence[Entry]", model: str = "") -> dict[str, Case]:
    """The cases of the suite by incident, oldest first; of one model where it is named."""
    pinned: dict[str, dict[str, str]] = {}
    for entry in entries:
        if isinstance(fact := entry.fact, Hold) and fact.origin:
            mine = pinned.setdefault(fact.origin, {})
            if fact.event == "held":
                mine[fact.subject] = fact.snapshot
            else:
                mine.pop(fact.subject, None)
    incidents = folds.incidents(entries) if any(pinned.values()) else {}
    return {name: case(entries, incidents[name], kept) for name, kept in pinned.items()
            if kept and name in incidents and incidents[name].state == "resolved"
            and model in ("", incidents[name].about.partition("@")[0])}


def first_cause(entries: "Sequence[Entry]", incident: Incident) -> "Entry | None":
    """The finding that the first of an incident's alerts fired upon first; None where no finding is behind any."""
    known = causes(entries)
    return next((known[name][0] for name in incident.alerts if name in known), None)


def case(entries: "Sequence[Entry]", incident: Incident, pinned: Mapping[str, str]) -> Case:
    """An incident as a case: when it was, and how it was judged by what fired first."""
    model, start, end = incident.about.partition("@")[0], *incident.window
    found = first_cause(entries, incident)
    fired = found.fact if found is not None and isinstance(found.fact, Finding) else None
    began = incident.timeline[0].seq if found is None else min(found.seq, incident.timeline[0].seq)
    served = folds.model_state([entry for entry in entries if entry.seq < began], model).champion
    return Case(incident.id, model, incident.title,
                (datetime.fromisoformat(start) if start else incident.opened_at,
                 datetime.fromisoformat(end) if end else incident.resolved_at or incident.opened_at),
                fired.check if fired else "", fired.monitor if fired else "", fired.declaration if fired else "",
                served, pinned)


def pins(entries: "Sequence[Entry]", incident: Incident, label: str) -> list[Fact]:
    """What keeps an incident's rows from being collected: the states, as they are now, of its model's inputs, answers
    and outcomes (`label`: the dataset of these). None where there are no inputs that could be answered again."""
    model = incident.about.partition("@")[0]
    states = {name: folds.current_snapshot(entries, name)
              for name in dict.fromkeys([*(f"{model}.{part}" for part in PARTS), label])}
    if not states[f"{model}.features"]:
        return []
    return [Hold(subject=name, event="held", snapshot=snapshot, reason=f"the replay of {incident.id}",
                 origin=incident.id) for name, snapshot in states.items() if snapshot]


def unpinned(entries: "Sequence[Entry]", incident: str, reason: str) -> list[Fact]:
    """What takes an incident out of the suite."""
    found = cases(entries).get(incident)
    return [Hold(subject=name, event="released", snapshot=snapshot, reason=reason, origin=incident)
            for name, snapshot in (found.pinned.items() if found else ())]


def results(entries: "Sequence[Entry]", model: str, version: str) -> "dict[str, Entry]":
    """The newest answer of a version to each case of its model, by incident: to its rows and window as they are now."""
    known = cases(entries, model)
    return {entry.fact.incident: entry for entry in entries if isinstance(entry.fact, Replayed)
            and (entry.subject, entry.fact.version) == (model, version) and entry.fact.incident in known
            and same_rows(known[entry.fact.incident], entry.fact)}


def same_rows(case: Case, fact: Replayed) -> bool:
    """Whether an answer is one to the case as it stands: its window and the state of its inputs."""
    return (fact.window, fact.rows) == (tuple(each.isoformat() for each in case.window), case.rows)
