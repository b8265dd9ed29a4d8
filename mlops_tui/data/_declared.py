"""A dataset's own keys that are declarations themselves, read with the line on which a mistake stands."""

from typing import TypeVar

from mlops_tui.declarations import declare
from mlops_tui.errors import NotDeclared
from mlops_tui.project import Project

T = TypeVar("T")


def custom(project: Project, dataset: str, key: str, cls: type[T], example: str) -> T:
    """The custom property of a dataset as a value of `cls`; NotDeclared with an example where it has none."""
    contract, path = project.dataset(dataset), project.path_of("dataset", dataset)
    for place, item in enumerate(contract.customProperties):
        if item.property == key:
            return declare.part(cls, path, "customProperties", place, "value")
    raise NotDeclared(f"'{dataset}' declares no {key}.", where=str(path), next=f"Write {example}")
