"""Names in declarations that lead nowhere: a model without its dataset, a monitor without its subject."""

from collections.abc import Iterable, Iterator

from mlops_tui.errors import nearest
from mlops_tui.project import Project
from mlops_tui.roles import ROLES

Reference = tuple[str, str, str]


def dangling(project: Project) -> Iterator[Reference]:
    """What is named and not declared: where, what, and the nearest right word."""
    for name, model in project.models.items():
        yield from _known(f"model {name}", "dataset", [model.label.dataset], project.datasets)
        yield from _known(f"model {name}", "feature", model.features, project.features)
        if "checklist" in model.gate:
            yield from _known(f"model {name}", "checklist", [model.checklist], project.checklists)
    subjects = {**project.models, **project.datasets}
    for name, monitor in project.monitors.items():
        yield from _known(f"monitor {name}", "model or dataset", [monitor.subject], subjects)
        if monitor.alert is not None and monitor.alert.runbook:
            yield from _known(f"monitor {name}", "runbook", [monitor.alert.runbook], project.runbooks)
    for name, endpoint in project.endpoints.items():
        yield from _known(f"endpoint {name}", "model", [endpoint.model.partition("@")[0]], project.models)
    for name, checklist in project.checklists.items():
        yield from _known(f"checklist {name}", "role", [item.sign_off for item in checklist.items if item.sign_off],
                          ROLES)
        yield from _twice(f"checklist {name}", "item", [item.id for item in checklist.items])
    yield from _team(project)


def _known(where: str, what: str, names: Iterable[str], known: Iterable[str]) -> Iterator[Reference]:
    found = list(known)
    for name in names:
        if name not in found:
            yield where, f"names the {what} '{name}', which is not declared", nearest(name, found)


def _twice(where: str, what: str, names: list[str]) -> Iterator[Reference]:
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        yield where, f"has the {what} '{name}' twice", "Each id once."


def _team(project: Project) -> Iterator[Reference]:
    """Roles that are none, and one person under two names, who could vote twice."""
    people = project.team.people
    for name, person in people.items():
        yield from _known(f"team.yaml, {name}", "role", person.roles, ROLES)
    yield from _twice("team.yaml", "login", [person.login for person in people.values() if person.login])
    yield from _twice("team.yaml", "Slack account", [person.slack for person in people.values() if person.slack])
    rules = project.settings.approvals
    able = sum(rules.role in person.roles for person in people.values())
    if people and rules.quorum > able:
        yield ("mlops.yaml", f"asks for {rules.quorum} votes of role '{rules.role}', which {able} in team.yaml hold",
               "Name more people, or lower approvals: quorum.")
