"""What a raw column gets into by what the project declares: steps, features, models, monitors, endpoints."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mlops_tui.declarations import featurelist
from mlops_tui.declarations.kinds import Model
from mlops_tui.project import Project
from mlops_tui.provenance import columns
from mlops_tui.tracing.lineage import WHOLE, Lineage, Origin


@dataclass(frozen=True, order=True)
class Reached:
    """Something that a column gets into: `kind` and `name`, how, and from what directly."""

    kind: str
    name: str
    how: str
    by: str


def reach(project: Project, column: Origin) -> list[Reached]:
    """Everything that the column gets into, in the order in which it does. What cannot be read off SQL (a Python step,
    a query that is not understood) may hold it, and says so."""
    found: list[Reached] = []
    bad: list[Origin] = [column]
    for origin in bad:
        for each in _steps(project, origin):
            found.append(each)
            there = _origin(each.name)
            bad += [there] if there not in bad else []
    found += [each for origin in bad for each in _features(project, origin)]
    features = {each.name: each for each in found if each.kind == "feature"}
    found += [each for name, model in project.models.items() for each in _model(project, name, model, bad, features)]
    models = {each.name for each in found if each.kind == "model"}
    datasets = {origin[0] for origin in bad}
    found += [Reached("monitor", name, monitor.check, monitor.subject) for name, monitor in project.monitors.items()
              if monitor.subject.partition("@")[0] in models | datasets]
    found += [Reached("endpoint", name, "answers with", endpoint.model) for name, endpoint in project.endpoints.items()
              if endpoint.model.partition("@")[0] in models]
    return list(dict.fromkeys(found))


def _origin(name: str) -> Origin:
    dataset, _, column = name.rpartition(".")
    return dataset, column


def _steps(project: Project, origin: Origin) -> Iterator[Reached]:
    """The columns of pipeline steps that the column is in."""
    for name in project.pipelines:
        for dataset, (inputs, read) in columns.steps(project, name).items():
            if origin[0] in inputs:
                yield from _of_step(dataset, read, (inputs[origin[0]], origin[1]), ".".join(origin))


def _of_step(dataset: str, read: Lineage | None, origin: Origin, by: str) -> Iterator[Reached]:
    if read is None:
        yield Reached("step", f"{dataset}.{WHOLE}", "may hold it: no SQL says", by)
        return
    for each in read.columns:
        if origin in each.sources or each.unknown or origin[1] == WHOLE:
            yield Reached("step", f"{dataset}.{each.column}", _how(each.unknown, origin in each.sources), by)
    if origin in read.rows:
        yield Reached("step", f"{dataset}.{WHOLE}", "decides which rows", by)


def _how(unknown: Sequence[str], certain: bool) -> str:
    return "made of it" if certain else f"may hold it: {unknown[0]}" if unknown else "of its rows"


def _features(project: Project, origin: Origin) -> Iterator[Reached]:
    for view in project.features.values():
        read = featurelist.read(project, view)
        keys = (*view.entity, view.time)
        for each in read.columns:
            if each.column not in keys and (origin in each.sources or each.unknown):
                yield Reached("feature", f"{view.name}.{each.column}", _how(each.unknown, origin in each.sources),
                              ".".join(origin))
        if origin in read.rows or any(origin in each.sources for each in read.columns if each.column in keys):
            for each in read.columns:
                if each.column not in keys and origin not in each.sources and not each.unknown:
                    yield Reached("feature", f"{view.name}.{each.column}", "decides which rows", ".".join(origin))


def _model(project: Project, name: str, model: Model, bad: Sequence[Origin],
           features: Mapping[str, Reached]) -> Iterator[Reached]:
    for feature in features:
        if feature.partition(".")[0] in model.features:
            yield Reached("model", name, "reads a feature", feature)
    label = model.label
    roles = {"label": label.column, "when the label is known": label.known_at, "time": model.split.time,
             "weight": model.weight, **{f"input {each}": each for each in model.columns}}
    for role, column in roles.items():
        if column and (label.dataset, column) in bad:
            yield Reached("model", name, role, f"{label.dataset}.{column}")
