"""What a build has to know: every item of the gate of each version, and every mistake in the declarations, with its
place in the files."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mlops_tui import folds
from mlops_tui.core.doctor import declared
from mlops_tui.declarations.declare import place_of
from mlops_tui.errors import Refusal
from mlops_tui.oversight.settling import planned
from mlops_tui.project import Project
from mlops_tui.roles import Actor
from mlops_tui.session import Session
from mlops_tui.view import Action, Status, Table, View

SOUND = "declarations"
READER = Actor("check", frozenset({"engineer"}), "check")  # whoever may look may know how the gate stands
_PLACE = re.compile(r"(?P<path>[^\s()]+):(?P<line>\d+)\)?\.?$")


@dataclass(frozen=True)
class Checked:
    """One thing that was looked at: of which suite, how it stands and why, and the line of the project that asks it."""

    suite: str
    name: str
    title: str
    status: Status
    detail: str
    path: str = ""
    line: int = 1

    @property
    def bad(self) -> bool:
        return self.status in (Status.FAIL, Status.UNKNOWN)


def soundness(project: Project) -> list[Checked]:
    """Whether every declaration can be read and every name in them leads somewhere."""
    return [_sound(project.root, str(row["check"]), row["status"], str(row["detail"])) for row in declared(project)
            if isinstance(row["status"], Status)]


def _sound(root: Path, check: str, status: object, detail: str) -> Checked:
    assert isinstance(status, Status)
    found = _PLACE.search(detail)
    path, line = (found["path"], int(found["line"])) if found else ("mlops.yaml", 1)
    return Checked(SOUND, check, check, status, detail.replace(f"{root}/", ""), _within(root, path), line)


def _within(root: Path, path: str) -> str:
    """The path from the top of the git repository that the project lies in, or from the project where it is in none."""
    top = next((each for each in (root, *root.parents) if (each / ".git").exists()), root)
    return (root / path).resolve().relative_to(top.resolve()).as_posix()


def candidates(session: Session, project: Project) -> list[str]:
    """The versions that wait to serve: each model's challenger."""
    entries = session.ledger.entries("trained", "promotion")
    found = ((name, folds.model_state(entries, name).challenger) for name in project.models)
    return [f"{name}@{version}" for name, version in found if version]


def gate(session: Session, project: Project, text: str) -> tuple[str, list[Checked], tuple[Action, ...]]:
    """The version that the words mean, every item of its gate, and what would settle those that stand in the way; none
    where it serves already. A Refusal says why it cannot be judged."""
    outcome = planned(replace(session.acting_as(READER), read_only=False), ("promote", text))
    if outcome.error is not None:
        raise Refusal(outcome.error["what"], where=outcome.error["where"], next=outcome.error["next"])
    facts = outcome.view.facts()
    name = project.subject(text, "model").name
    subject = f"{name}@{facts['to']}" if facts.get("to") else text
    return subject, list(_items(project, name, subject, outcome.view)), outcome.view.actions


def _items(project: Project, name: str, subject: str, view: View) -> Iterator[Checked]:
    for part in view.parts:
        for row in part.rows if isinstance(part, Table) and part.id == "gate" else ():
            status = row["status"]
            assert isinstance(status, Status)
            where = _asked_at(project, name, str(row["item"]))
            path, _, line = where.rpartition(":")
            yield Checked(subject, str(row["item"]), str(row["requirement"]), status, str(row["detail"]),
                          _within(project.root, path), int(line))


def _asked_at(project: Project, name: str, item: str) -> str:
    """`path:line` of what asks for an item: a criterion, an item of the checklist, a rule of the gate."""
    model, file = project.model(name), project.path_of("model", name)
    criteria = [f"criterion {each.metric}{f':{each.slice}' if each.slice else ''}" for each in model.criteria]
    listed = project.checklists.get(model.checklist)
    ids = [each.id for each in listed.items] if listed else []
    if item in criteria:
        where = place_of(file, "criteria", criteria.index(item))
    elif item in ids and "checklist" in model.gate:
        where = place_of(project.path_of("checklist", model.checklist), "items", ids.index(item))
    elif (rule := item.partition(" ")[0].removesuffix("s")) and (asked := [
            each for each in model.gate if each.removesuffix("s") == rule]):
        where = place_of(file, "gate", model.gate.index(asked[0]))
    else:
        where = place_of(file, "gate")
    return where if re.search(r":\d+$", where) else f"{where}:1"
