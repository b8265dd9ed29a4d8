"""Which monitor is known to see which fault: the newest drill of each, by the declarations that hold now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlops_tui import health
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.monitoring._faults import BATCH, FAULTS, LABELS, Fault
from mlops_tui.project import Project
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Row, Series, Status, Table, Text, View
from store.facts import Drilled

GAPS = ("silent", "did not look", "fails anyway", "not tried", "stale", "warns only")  # the worst first
SHADE: Mapping[str, int] = {"seen": 0, "warns only": 1, "not tried": 2, "stale": 2, "fails anyway": 2,
                            "did not look": 2, "silent": 3}


@dataclass(frozen=True)
class Square:
    """One monitor and one fault that it is meant for, or was seen to notice."""

    monitor: str
    fault: str
    word: str
    hours: float | None
    meant: bool

    @property
    def said(self) -> str:
        return f"{self.hours:.0f} h" if self.word == "seen" and self.hours is not None else self.word


def names_of(project: Project, model: str) -> frozenset[str]:
    """What a monitor of the model may be about: the model, or an endpoint of it."""
    return frozenset({model, *(name for name, each in project.endpoints.items()
                               if each.model.partition("@")[0] == model)})


def watchers(project: Project, model: str) -> dict[str, Monitor]:
    """The monitors of a model, of its endpoints, and of the datasets it lives on."""
    about = names_of(project, model) | health.Declared.of(project).sources(model)
    return {name: each for name, each in project.monitors.items() if each.subject in about}


def meant_for(fault: Fault, monitor: Monitor, project: Project, model: str) -> bool:
    """Whether a monitor of that check ought to see the fault at what it looks at."""
    label = project.model(model).label.dataset
    for place, checks in fault.meant.items():
        of_model = monitor.subject in names_of(project, model)
        about = of_model if place != BATCH else not of_model
        narrow = fault.needs == "label" or place == LABELS
        if monitor.check in checks and about and (not narrow or of_model or monitor.subject == label):
            return True
    return False


def squares(session: Session, model: str) -> list[Square]:
    """Every pair of monitor and fault of which something is to be said."""
    project = session.declared()
    newest = {entry.fact.fault: entry.fact for entry in session.ledger.entries("drill", subject=model)
              if isinstance(entry.fact, Drilled)}
    found = []
    for name, monitor in watchers(project, model).items():
        for fault in FAULTS.values():
            square = _square(name, monitor, fault, newest.get(fault.name), project, model)
            if square is not None:
                found.append(square)
    return found


def _square(name: str, monitor: Monitor, fault: Fault, fact: Drilled | None, project: Project, model: str) -> (
        Square | None):
    told = fact.detail["monitors"].get(name) if fact is not None else None
    if fact is None or told is None:
        return Square(name, fault.name, "not tried", None, meant=True) if meant_for(
            fault, monitor, project, model) and not (fact is not None and fact.meant) else None
    if told["declaration"] != project.fingerprint("monitor", name):
        return Square(name, fault.name, "stale", None, told["meant"]) if told["meant"] else None
    if not told["meant"] and told["word"] != "seen":
        return None
    hours = told["after"] / 3600 if told["after"] is not None else None
    return Square(name, fault.name, told["word"], hours, told["meant"])


def covered(session: Session, model: str) -> View:
    """The table of monitors and faults, what is missing first, and what would close it."""
    found = squares(session, model)
    gaps = sorted((each for each in found if each.meant and each.word in GAPS), key=lambda each:
                  GAPS.index(each.word))
    meant = [each for each in found if each.meant]
    unwatched = [name for name in FAULTS if not any(each.fault == name for each in meant)]
    seen = sum(each.word == "seen" for each in meant)
    title = f"{model}: {seen} of {len(meant)} monitors meant for a fault are known to see it" if meant else \
        f"No monitor of {model} is meant for any fault"
    facts: dict[str, Cell] = {"pairs": len(meant), "seen": seen, "gaps": len(gaps), "nobody_is_meant":
                              tuple(unwatched)}
    notes = (Text(f"Nobody watches for: {', '.join(unwatched)}."),) if unwatched else ()
    return View(title, _status(gaps, meant), (*_gaps(gaps), _table(found), *_heat(found), *notes, Facts(facts)),
                tuple(_closing(model, gaps)))


def _status(gaps: Sequence[Square], meant: Sequence[Square]) -> Status:
    if not meant or any(each.word in ("not tried", "stale", "fails anyway", "did not look") for each in gaps):
        return Status.UNKNOWN if not any(each.word == "silent" for each in gaps) else Status.FAIL
    return Status.FAIL if any(each.word == "silent" for each in gaps) else Status.WARN if gaps else Status.PASS


def _gaps(gaps: Sequence[Square]) -> tuple[Table, ...]:
    rows: list[Row] = [{"fault": each.fault, "monitor": each.monitor, "stands": each.word} for each in gaps]
    return (Table.of("gaps", rows, "fault", "monitor", "stands", title="Not known to be seen"),) if rows else ()


def _table(found: Sequence[Square]) -> Table:
    """One row for each fault, a column for each monitor."""
    monitors = list(dict.fromkeys(each.monitor for each in found))
    cells = {(each.fault, each.monitor): each for each in found}
    rows: list[Row] = []
    for fault in FAULTS.values():
        row: dict[str, Cell] = {"fault": fault.name, "says": fault.says}
        for monitor in monitors:
            square = cells.get((fault.name, monitor))
            row[monitor] = square.said if square is not None else None
        rows.append(row)
    return Table.of("coverage", rows, "fault", *(Column(name) for name in monitors),
                    title="Who sees what, and hours after it began")


def _heat(found: Sequence[Square]) -> tuple[Series, ...]:
    monitors = tuple(dict.fromkeys(each.monitor for each in found))
    if not monitors:
        return ()
    cells = {(each.monitor, each.fault): SHADE[each.word] for each in found}
    shades = tuple(cells.get((monitor, fault)) for monitor in monitors for fault in FAULTS)
    return (Series("coverage_heat", "heat", tuple(FAULTS), shades, names=monitors, low=(0,), high=(3,), x_label="fault",
                   title="Seen (0), warns only (1), not known (2), silent (3)"),)


def _closing(model: str, gaps: Sequence[Square]) -> list[Action]:
    """The commands that close the gaps: a drill that was not made, the power or other limits of who was silent."""
    untried = list(dict.fromkeys(each.fault for each in gaps if each.word in ("not tried", "stale")))
    silent = list(dict.fromkeys(each.monitor for each in gaps if each.word == "silent"))
    found = [Action(f"What {name} can see at all", ("power", name)) for name in silent[:3]]
    if len(untried) > 3:
        found.append(Action("Plant every fault", ("drill", model)))
    return found + [Action(f"Plant {name}", ("drill", model, "--fault", name)) for name in untried[:3]]
