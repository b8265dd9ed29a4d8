"""The parameters of a candidate written into a model's file: the text is edited, and read again."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import yaml

from mlops_tui.declare import parse
from mlops_tui.errors import Unreadable
from mlops_tui.kinds import FitStep, Model
from mlops_tui.searchspace import pointed, step_of


def with_params(text: str, candidate: str, point: Mapping[str, Any], path: str) -> str:
    """The model's file with these parameters of a candidate; all else stays as it was, comments too.

    Unreadable where that cannot be done by editing the text.
    """
    before = parse(Model, text, path)
    declared = before.candidates[candidate]
    places: list[tuple[str | int, ...]] = [("candidates", candidate)]
    new = text
    for name, value in point.items():
        if declared.steps:
            step, name = step_of(len(declared.steps), name)  # noqa: PLW2901 - the step's own name of it
            places = [("candidates", candidate, "steps", step)]
        new = _with(new, places[0], name, value)
    made = pointed(asdict(declared), point)
    wanted = replace(declared, params=made["params"], steps=tuple(FitStep(**each) for each in made["steps"]))
    if not _is(new, replace(before, candidates={**before.candidates, candidate: wanted}), path):
        raise Unreadable("The file cannot be edited without disturbing it.", where=path,
                         next=f"Write by hand: params: {_flow(dict(point))}")
    return new


def _with(text: str, place: tuple[str | int, ...], name: str, value: Any) -> str:
    """The text with `name: value` among the params of what lies at that place."""
    node = _at(yaml.compose(text, Loader=yaml.SafeLoader), place)
    params = _value(node, "params")
    if params is None:
        return _entered(text, node, "params", {name: value})
    old = _value(params, name)
    if old is None:
        return _entered(text, params, name, value)
    return text[:old.start_mark.index] + _flow(value) + text[_end(text, old):]


def _entered(text: str, mapping: yaml.MappingNode, name: str, value: Any) -> str:
    """One more entry of a mapping: at the end of one in braces, else in front of its first."""
    if not mapping.value:
        return f"{text[:mapping.start_mark.index]}{{{name}: {_flow(value)}}}{text[mapping.end_mark.index:]}"
    if mapping.flow_style:
        end = _end(text, mapping.value[-1][1])
        return f"{text[:end]}, {name}: {_flow(value)}{text[end:]}"
    first = mapping.value[0][0].start_mark
    return f"{text[:first.index]}{name}: {_flow(value)}\n{' ' * first.column}{text[first.index:]}"


def _end(text: str, node: Any) -> int:
    """Where the node's own text ends: a block's reaches over the blanks and comments behind it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style:
        return int(node.end_mark.index)
    return len(text[:node.end_mark.index].rstrip())


def _at(node: Any, place: tuple[str | int, ...]) -> yaml.MappingNode:
    for key in place:
        found = node.value[key] if isinstance(key, int) else _value(node, key)
        assert found is not None  # it was parsed a moment ago
        node = found
    assert isinstance(node, yaml.MappingNode)
    return node


def _value(node: yaml.Node, key: str) -> Any:
    return next((value for name, value in node.value if name.value == key), None)


def _flow(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    return text.strip().removesuffix("...").strip()


def _is(text: str, wanted: Model, path: str) -> bool:
    try:
        return parse(Model, text, path) == wanted
    except Unreadable:
        return False
