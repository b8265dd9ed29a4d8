"""Who reads a column of a dataset: the features, models, pipeline steps, monitors and contracts that name it."""

import re
from pathlib import Path

from mlops_tui.declarations.kinds import StepDecl
from mlops_tui.project import Project


def readers(project: Project, dataset: str, column: str) -> tuple[str, ...]:
    """Everything declared that names the column where it reads the dataset, or a step that reads it in turn.

    A name is looked for as a word: an SQL text that has another column of that name is listed too.
    """
    found: list[str] = []
    derived = {dataset}
    for name, pipeline in project.pipelines.items():
        for _ in pipeline.steps:  # as often as a chain can be long
            derived |= {f"{name}.{step.name}" for step in pipeline.steps if _reads(name, step, derived)}
        where = project.path_of("pipeline", name).parent
        found += [f"pipeline {name}.{step.name}" for step in pipeline.steps
                  if _reads(name, step, derived) and _names(_text(step, where, project.root), column)]
    found += [f"feature {name}" for name, feature in project.features.items()
              if _names(feature.sql, column) and any(_names(feature.sql, each) for each in derived)]
    for name, model in project.models.items():
        named = (model.label.column, model.label.known_at, model.split.time, *model.columns, *model.entity)
        if model.label.dataset in derived and column in named:
            found.append(f"model {name}")
    found += [f"monitor {name}" for name, monitor in project.monitors.items()
              if monitor.subject == dataset and column in monitor.columns]
    found += [f"dataset {name}" for name, contract in project.datasets.items()
              for each in contract.properties for to in each.relationships if _ends_in(to.to, dataset, column)]
    return tuple(dict.fromkeys(found))


def _reads(pipeline: str, step: StepDecl, datasets: set[str]) -> bool:
    return any(name in datasets or f"{pipeline}.{name}" in datasets for name in step.inputs)


def _text(step: StepDecl, folder: Path, root: Path) -> str:
    """The code of a step, as far as it is there: its SQL, the file of its function, its parameters."""
    files = [base / name for name in (step.sql, step.python.rpartition(":")[0]) if name for base in (folder, root)]
    code = next((path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file()), "")
    return f"{code}\n{' '.join((*step.key, *step.partition_by, *map(str, step.params.values())))}"


def _names(text: str, word: str) -> bool:
    return re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", text) is not None


def _ends_in(reference: str, dataset: str, column: str) -> bool:
    spelt = rf"/?(?:schema/)?{re.escape(dataset)}(?:\.|/properties/){re.escape(column)}"
    return re.fullmatch(spelt, reference) is not None
