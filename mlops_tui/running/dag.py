"""Steps that wait for each other: their order, the key of what each will make, and why one must run again."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from mlops_tui.declarations.kinds import StepDecl
from mlops_tui.errors import BadInput, nearest

Place = Callable[[str], str]
Parts = Mapping[str, Any]


def ordered(steps: Sequence[StepDecl], datasets: Sequence[str], place: Place) -> list[StepDecl]:
    """The steps, each after those it waits for, otherwise as declared; BadInput where that cannot be.

    `datasets`: what may be an input besides steps. `place`: where a step is declared.
    """
    names = [step.name for step in steps]
    for step in steps:
        if names.count(step.name) > 1:
            raise BadInput(f"Two steps are named '{step.name}'.", where=place(step.name), next="Rename one of them.")
        if step.name in datasets:
            raise BadInput(f"'{step.name}' is a step and a dataset.", where=place(step.name), next="Rename the step.")
        for name in step.inputs:
            if name not in names and name not in datasets:
                raise BadInput(f"Step '{step.name}' has an input '{name}', which is neither a step nor a dataset.",
                               where=place(step.name), next=nearest(name, [*names, *datasets])
                               or f"Datasets: {', '.join(sorted(datasets)) or 'none'}.")
    waits = {step.name: [name for name in step.inputs if name in names] for step in steps}
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as problem:
        circle = " → ".join(reversed(problem.args[1]))
        raise BadInput(f"The steps wait for each other: {circle}.", where=place(problem.args[1][0]),
                       next="Take one of these inputs out.") from problem
    found: list[StepDecl] = []
    while len(found) < len(steps):
        done = {step.name for step in found}
        found.append(next(step for step in steps if step.name not in done and done.issuperset(waits[step.name])))
    return found


def document(parts: Parts) -> bytes:
    """What a step's result depends on, as bytes whose hash is the step's key."""
    return json.dumps(parts, sort_keys=True, ensure_ascii=True, default=str).encode()


def key_of(parts: Parts) -> str:
    """SHA-256 of the document."""
    return hashlib.sha256(document(parts)).hexdigest()


WORDS = {"code": "code changed", "function": "another function", "engine": "another DuckDB", "python": "another Python",
         "libraries": "other libraries", "sort": "another sort key", "partition_by": "other partitions"}
OURS = "made by another version of mlops-tui"


def why(now: Parts, before: Parts | None, *, ours: bool = False) -> str:
    """What differs from the last time, in words; empty where nothing does. `ours`: where it is the code, that is not
    the person's doing.

    >>> why({"code": "a", "inputs": {"flights": "1"}}, {"code": "a", "inputs": {"flights": "2"}})
    'input flights changed'
    """
    if before is None:
        return "never run"
    told = {**WORDS, "code": OURS} if ours else WORDS
    reasons = [words for part, words in told.items() if now.get(part) != before.get(part)]
    for each, part in (("parameter", "params"), ("input", "inputs")):
        reasons += [f"{each} {name} {how}" for name, how in _differences(now.get(part, {}), before.get(part, {}))]
    return ", ".join(reasons)


def _differences(now: Mapping[str, Any], before: Mapping[str, Any]) -> list[tuple[str, str]]:
    names = dict.fromkeys((*now, *before))
    return [(name, "is new" if name not in before else "is gone" if name not in now else "changed")
            for name in names if now.get(name, ...) != before.get(name, ...)]
