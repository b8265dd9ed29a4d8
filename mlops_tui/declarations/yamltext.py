"""One value written into the text of a YAML file, with all else as it was, comments too."""

from typing import Any

import yaml


def root(text: str) -> yaml.MappingNode:
    """The file's own mapping."""
    return _at(yaml.compose(text, Loader=yaml.SafeLoader), ())


def changed(text: str, place: tuple[str | int, ...], name: str, value: Any, within: str = "params") -> str:
    """The text with `name: value` in the mapping `within` of what lies at that place, which is made if need be."""
    node = _at(yaml.compose(text, Loader=yaml.SafeLoader), place)
    params = value_of(node, within)
    if params is None:
        return _entered(text, node, within, {name: value})
    old = value_of(params, name)
    if old is None:
        return _entered(text, params, name, value)
    return text[:old.start_mark.index] + flow(value) + text[_end(text, old):]


def _entered(text: str, mapping: yaml.MappingNode, name: str, value: Any) -> str:
    """One more entry of a mapping: at the end of one in braces, else in front of its first."""
    if not mapping.value:
        return f"{text[:mapping.start_mark.index]}{{{name}: {flow(value)}}}{text[mapping.end_mark.index:]}"
    if mapping.flow_style:
        end = _end(text, mapping.value[-1][1])
        return f"{text[:end]}, {name}: {flow(value)}{text[end:]}"
    first = mapping.value[0][0].start_mark
    return f"{text[:first.index]}{name}: {flow(value)}\n{' ' * first.column}{text[first.index:]}"


def _end(text: str, node: Any) -> int:
    """Where the node's own text ends: a block's reaches over the blanks and comments behind it."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style:
        return int(node.end_mark.index)
    return len(text[:node.end_mark.index].rstrip())


def _at(node: Any, place: tuple[str | int, ...]) -> yaml.MappingNode:
    for key in place:
        found = node.value[key] if isinstance(key, int) else value_of(node, key)
        assert found is not None  # it was parsed a moment ago
        node = found
    assert isinstance(node, yaml.MappingNode)
    return node


def value_of(node: yaml.Node, key: str) -> Any:
    """The node of a mapping's key; None where it has none."""
    return next((value for name, value in node.value if name.value == key), None)


def flow(value: Any) -> str:
    """A value as YAML in one line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False)
    return text.strip().removesuffix("...").strip()
