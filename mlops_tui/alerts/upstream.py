"""What a project says around its alerts: which datasets something is made from, and whose it is."""

from functools import cache

from mlops_tui.alerts.reactions import Around
from mlops_tui.errors import Refusal
from mlops_tui.project import Project
from mlops_tui.tracing import pointintime
from mlops_tui.tracing.ancestry import PARTS


def around(project: Project) -> Around:
    """What the alert rules ask of a project; nothing is read before it is asked."""
    @cache
    def known() -> dict[str, frozenset[str]]:
        return feeds(project)

    def owner(subject: str) -> str:
        endpoint = project.endpoints.get(subject)
        model = project.models.get(endpoint.model.partition("@")[0] if endpoint is not None else subject)
        return model.owner if model is not None else ""

    return Around(lambda subject: known().get(subject, frozenset()), owner,
                  lambda monitor: project.fingerprint("monitor", monitor))


def feeds(project: Project) -> dict[str, frozenset[str]]:
    """For each model, dataset, pipeline step and endpoint every dataset that it is made from, near or far.

    What cannot be read feeds nothing: an alert that is not muted is the smaller mistake.
    """
    try:
        direct = _direct(project)
    except Refusal:
        return {}
    return {name: _closure(direct, name) for name in direct}


def _direct(project: Project) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {name: set() for name in project.datasets}
    for name, pipeline in project.pipelines.items():
        own = {step.name: f"{name}.{step.name}" for step in pipeline.steps}
        for step in pipeline.steps:
            found[own[step.name]] = {own.get(each, each) for each in step.inputs}
    known = list(found)
    for name, model in project.models.items():
        read = {each for view in model.features if view in project.features
                for each in pointintime.used(project.features[view].sql, known)}
        found[name] = {model.label.dataset, *read}
        found |= {f"{name}.{part}": {name} for part in PARTS}
    for name, endpoint in project.endpoints.items():
        found.setdefault(name, set()).add(endpoint.model.partition("@")[0])
    return found


def _closure(direct: dict[str, set[str]], start: str) -> frozenset[str]:
    found: set[str] = set()
    ahead = list(direct.get(start, ()))
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.add(name)
            ahead += direct.get(name, ())
    return frozenset(found - {start})
