"""Which columns are used, by what is declared and by what was trained: whoever may read the others needs them not."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_tui.access.derived import MadeOf
from mlops_tui.project import Project
from store.facts import Trained

if TYPE_CHECKING:
    from store.ledger import Entry

_ALL = re.compile(r"(select(\s+distinct)?|,)\s*\*|\.\*|columns\(|^\s*from\b", re.IGNORECASE)  # all columns
Used = Mapping[tuple[str, str], frozenset[str]]  # (dataset, column) -> what uses it


def used(project: Project, entries: "Iterable[Entry]", since: datetime, made_of: MadeOf) -> Used:
    """What uses each column of the declared datasets: models and what they were trained on since then, feature views,
    steps of pipelines, contracts that need it to tell rows apart, in time or by parts.

    SQL uses a column where its name stands in it as a word, or where it takes all: that may be too much, never too
    little. What people asked by themselves is not recorded, so it is not known here.
    """
    trained = {entry.subject for entry in entries if isinstance(entry.fact, Trained) and entry.recorded_at >= since}
    found: dict[tuple[str, str], set[str]] = {}
    for uses in (_by_models(project, trained, made_of), _by_contracts(project), _by_queries(project)):
        for dataset, column, by in uses:
            found.setdefault((dataset, column), set()).add(by)
    return {key: frozenset(by) for key, by in found.items()}


def _by_models(project: Project, trained: set[str], made_of: MadeOf) -> Iterator[tuple[str, str, str]]:
    for name, model in project.models.items():
        by = f"model {name}" + ("" if name in trained else ", not trained since")
        for column in (model.label.column, model.label.known_at, model.split.time, model.weight, *model.columns,
                       *model.slices, *model.entity):
            yield model.label.dataset, column, by
        for origins in made_of(name).values():
            yield from ((dataset, column, by) for dataset, column in origins)


def _by_contracts(project: Project) -> Iterator[tuple[str, str, str]]:
    for name, contract in project.datasets.items():
        keys = [item.name for item in contract.properties if item.primaryKey]
        for column in (*keys, *contract.partition_by, str(contract.custom("eventTime") or "")):
            yield name, column, "its own contract"


def _by_queries(project: Project) -> Iterator[tuple[str, str, str]]:
    for by, text in _queries(project):
        for name, contract in project.datasets.items():
            if _word(name, text):
                yield from ((name, item.name, by) for item in contract.properties
                            if _word(item.name, text) or _ALL.search(text))


def _queries(project: Project) -> Iterator[tuple[str, str]]:
    yield from ((f"feature {name}", view.sql) for name, view in project.features.items())
    for name, pipeline in project.pipelines.items():
        for step in pipeline.steps:
            text = project.text_beside("pipeline", name, step.sql) if step.sql else "SELECT *"
            yield f"step {name}.{step.name}", f"{text} {' '.join(step.inputs)}"


def _word(word: str, text: str) -> bool:
    return re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", text, re.IGNORECASE) is not None
