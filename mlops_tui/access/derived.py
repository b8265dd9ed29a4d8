"""What is kept back of data that were made of others: by what features, views and steps are made of."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from mlops_tui.access.policy import EVERYBODY, Rule
from mlops_tui.access.resources import Pattern
from mlops_tui.access.seeing import Bounds
from mlops_tui.project import Project

MadeOf = Callable[[str], Mapping[str, Sequence[tuple[str, str]]]]


def rules(project: Project, name: str, kept_back: Bounds, made_of: MadeOf) -> tuple[Rule, ...]:
    """The denials for a dataset without a contract that follow from what is kept back of those it is made of.

    A column of a model's data is kept back with any raw column that it is made of; so is all of it, with the outcome.
    What a pipeline's step or a feature's view gives is kept back with anything of what it reads: its columns may have
    other names. A rule that names the dataset itself does not change that: give it a contract, and say there.
    """
    stem = name.partition(".")[0]
    if stem in project.models:
        return tuple(_of_model(project, stem, name, kept_back, made_of))
    inputs = _inputs(project, name)
    touched = sorted(each for each in inputs if kept_back.touch(each))
    return (_denied(name, "", f"made of {', '.join(touched)}"),) if touched else ()


def _of_model(project: Project, model: str, name: str, kept_back: Bounds, made_of: MadeOf) -> Iterator[Rule]:
    label = project.models[model].label
    made = made_of(model)
    datasets = {label.dataset} | {dataset for origins in made.values() for dataset, _ in origins}
    if (label.dataset, label.column) in kept_back.cells or label.dataset in kept_back.datasets or \
            kept_back.parts & datasets:
        yield _denied(name, "", f"made of {label.dataset}")
    for column, origins in made.items():
        for dataset, raw in origins:
            if (dataset, raw) in kept_back.cells or dataset in kept_back.datasets:
                yield _denied(name, column, f"made of {dataset}.{raw}")


def _denied(name: str, column: str, why: str) -> Rule:
    return Rule("deny", frozenset({EVERYBODY}), "read", Pattern("dataset", name, column), firm=True, said=f"{why}, of "
                "which something is kept back")


def _inputs(project: Project, name: str) -> set[str]:
    """The declared datasets that a pipeline's step or a feature's view reads, by whatever way."""
    stem, _, part = name.partition(".")
    if stem in project.features and part == "view":
        return set(project.datasets)  # what its SQL reads is not looked into: any of them
    found, ahead, done = set[str](), [(stem, part)], set[tuple[str, str]]()
    while ahead:
        pipeline, step = ahead.pop()
        if (pipeline, step) in done:
            continue
        done.add((pipeline, step))
        declared = {each.name: each for each in project.pipelines[pipeline].steps} if pipeline in project.pipelines \
            else {}
        for given in declared[step].inputs if step in declared else ():
            if given in declared:
                ahead.append((pipeline, given))
            else:
                known, _, of = given.partition(".")
                found.add(known if known in project.datasets else given)
                ahead.append((known, of))
    return found
