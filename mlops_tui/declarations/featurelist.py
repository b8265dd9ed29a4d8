"""Every feature that a project declares: what it says, which raw columns it is made of, and which models use it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mlops_tui.declarations.kinds import Feature, Model
from mlops_tui.declarations.odcs import Contract, Property
from mlops_tui.project import Project
from mlops_tui.tracing.lineage import Derived, Lineage, Origin, lineage

_LINE = re.compile(r"^--\s*(owner|column\s+(\w+))\s*:\s*(.+)$")


@dataclass(frozen=True)
class Described:
    """One feature: a column of a feature view, or a column of the label's dataset that a model takes as it is."""

    name: str
    view: str
    expression: str
    sources: tuple[Origin, ...]
    unknown: tuple[str, ...]
    description: str
    inherited: bool
    owner: str
    models: tuple[str, ...]

    @property
    def id(self) -> str:
        return f"{self.view}.{self.name}"


def features(project: Project) -> list[Described]:
    """The features of a project, views first, in the order of their columns."""
    found = [each for view in project.features.values() for each in _of_view(project, view)]
    return found + _taken(project)


def schema(project: Project) -> dict[str, list[str]]:
    """The columns of each declared dataset, those of its partitions with them."""
    return {name: columns_of(contract) for name, contract in project.datasets.items()}


def columns_of(contract: Contract) -> list[str]:
    return list(dict.fromkeys((*(item.name for item in contract.properties), *contract.partition_by)))


def read(project: Project, view: Feature) -> Lineage:
    """What a view's columns are made of."""
    return lineage(view.sql, schema(project), view.name, view.path)


def _of_view(project: Project, view: Feature) -> list[Described]:
    owner, said = front(view.sql)
    users = [name for name, model in project.models.items() if view.name in model.features]
    return [_described(project, view.name, each, said, owner or _owners(project, users), users)
            for each in read(project, view).columns if each.column not in (*view.entity, view.time)]


def _described(project: Project, view: str, each: Derived, said: Mapping[str, str], owner: str,
               users: Sequence[str]) -> Described:
    own = said.get(each.column, "") or each.comment
    return Described(each.column, view, each.expression, each.sources, each.unknown,
                     own or _of_source(project, each), not own, owner, tuple(users))


def _of_source(project: Project, each: Derived) -> str:
    """A column that is copied is what it was."""
    found = property_of(project.datasets, each.sources[0]) if each.copied else None
    return found.description if found is not None else ""


def _taken(project: Project) -> list[Described]:
    """What models take from the label's dataset without a view."""
    users: dict[Origin, list[str]] = {}
    for name, model in project.models.items():
        for column in model.columns:
            users.setdefault((model.label.dataset, column), []).append(name)
    found = []
    for origin, names in users.items():
        item = property_of(project.datasets, origin)
        missing = () if item is not None else (f"{origin[0]} declares no column '{origin[1]}'",)
        found.append(Described(origin[1], origin[0], origin[1], (origin,) if item is not None else (), missing,
                               item.description if item is not None else "", True, _owners(project, names),
                               tuple(names)))
    return found


def _owners(project: Project, models: Sequence[str]) -> str:
    declared: list[Model] = [project.models[name] for name in models]
    return ", ".join(dict.fromkeys(model.owner for model in declared if model.owner))


def property_of(datasets: Mapping[str, Contract], origin: Origin) -> Property | None:
    """The declared column that a raw column is; None where none is."""
    contract = datasets.get(origin[0])
    return next((item for item in contract.properties if item.name == origin[1]), None) if contract else None


def front(sql: str) -> tuple[str, dict[str, str]]:
    """The owner, and what is said of each column, in the comments before the query: `-- column NAME: what it is`."""
    owner, said = "", {}
    for line in sql.splitlines():
        if not line.startswith("--"):
            break
        if match := _LINE.match(line):
            if match[2]:
                said[match[2]] = match[3].strip()
            else:
                owner = match[3].strip()
    return owner, said


def made_of(project: Project, model: str) -> dict[str, tuple[Origin, ...]]:
    """The raw columns that each feature of a model is made of."""
    return {each.name: each.sources for each in features(project) if model in each.models}
