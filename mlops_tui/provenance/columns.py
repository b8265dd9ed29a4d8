"""Which columns each dataset's columns are made of, by what the project declares today."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mlops_tui.declarations import featurelist
from mlops_tui.errors import BadInput
from mlops_tui.project import Project
from mlops_tui.tracing.lineage import WHOLE, Lineage, Origin, lineage

Steps = Mapping[str, tuple[Mapping[str, str], Lineage | None]]


@dataclass(frozen=True)
class Columns:
    """What a dataset's columns are made of: each from columns of others, and those that decide which rows there are."""

    of: Mapping[str, Sequence[Origin]] = field(default_factory=dict)
    rows: Sequence[Origin] = ()


def steps(project: Project, pipeline: str) -> Steps:
    """Each step of a pipeline by its dataset: what it calls the datasets that it reads (by their names), and what its
    SQL says; None where it has none, or one that is not understood."""
    declared = project.pipelines[pipeline]
    own = {step.name: f"{pipeline}.{step.name}" for step in declared.steps}
    schema: dict[str, Sequence[str]] = {**featurelist.schema(project)}
    found: dict[str, tuple[Mapping[str, str], Lineage | None]] = {}
    for step in declared.steps:
        read = _read(project, pipeline, step.sql, schema) if step.sql else None
        if read is not None:
            schema[step.name] = [each.column for each in read.columns]
        found[own[step.name]] = {own.get(each, each): each for each in step.inputs}, read
    return found


def _read(project: Project, pipeline: str, sql: str, schema: Mapping[str, Sequence[str]]) -> Lineage | None:
    """The step's SQL, beside its pipeline or else in the project's folder."""
    for folder in (project.path_of("pipeline", pipeline).parent, project.root):
        path = folder / sql
        if path.is_file():
            try:
                return lineage(path.read_text(encoding="utf-8"), schema, "step", str(path))
            except BadInput:
                return None
    return None


def columns_of(project: Project, dataset: str) -> Columns:
    """What a dataset's columns are made of; nothing for data that were taken in, and where no SQL says it."""
    name, _, part = dataset.rpartition(".")
    if name in project.models:
        return _of_model(project, name, part)
    if part == "view" and name in project.features:
        return _of_query(featurelist.read(project, project.features[name]), {})
    if name in project.pipelines and dataset in (made := steps(project, name)):
        inputs, read = made[dataset]
        return _of_query(read, {called: own for own, called in inputs.items()}) if read is not None else Columns()
    return Columns()


def _of_query(read: Lineage, names: Mapping[str, str]) -> Columns:
    """What a query says, with the datasets under their own names."""
    def own(origins: Sequence[Origin]) -> list[Origin]:
        return [(names.get(table, table), column) for table, column in origins if column != WHOLE]

    return Columns({each.column: own(each.sources) for each in read.columns}, own(read.rows))


def _of_model(project: Project, model: str, part: str) -> Columns:
    """A model's own datasets: its features are made of raw columns, its answers of its features."""
    declared = project.models[model]
    made = featurelist.made_of(project, model)
    features = f"{model}.features"
    if part == "features":
        return Columns({name: [each for each in origins if each[1] != WHOLE] for name, origins in made.items()})
    same: dict[str, Sequence[Origin]] = {name: [(features, name)] for name in made}
    if part == "training":
        return Columns({**same, "label": [(declared.label.dataset, declared.label.column)]})
    return Columns({"score": [(features, name) for name in made]}) if part == "predictions" else Columns()
