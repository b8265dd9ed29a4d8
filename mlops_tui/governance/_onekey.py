"""One value read and written in the text of a YAML or JSON file, with all else as it was."""

import json
import re
from typing import Any

import yaml

from mlops_tui.errors import Unreadable, nearest

Node = yaml.Node


def value_at(text: str, file: str, key: str) -> str:
    """The value at `a.b.c` as text; Unreadable where the file cannot be read, or has no single value there."""
    if file.endswith(".json"):
        mapping, last = _place(_loaded(text, file), file, key)
        return _shown(mapping[last], file, key)
    return str(_scalar(text, file, key).value)


def with_value(text: str, file: str, key: str, value: str) -> str:
    """The text with another value there, quoted as the one before was; Unreadable as `value_at`."""
    if file.endswith(".json"):
        document = _loaded(text, file)
        mapping, last = _place(document, file, key)
        _shown(mapping[last], file, key)
        mapping[last] = int(value) if isinstance(mapping[last], int) and value.isdecimal() else value
        indent = re.search(r"\n([ \t]+)\S", text)
        return json.dumps(document, indent=indent[1] if indent else None, ensure_ascii=False) + "\n" * text.endswith(
            "\n")
    node = _scalar(text, file, key)
    quote = node.style if node.style in ("'", '"') else ""
    return f"{text[:node.start_mark.index]}{quote}{value}{quote}{text[node.end_mark.index:]}"


def _loaded(text: str, file: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as problem:
        raise Unreadable(f"{file} cannot be read: {problem}.") from problem


def _place(document: Any, file: str, key: str) -> tuple[dict[str, Any], str]:
    *path, last = key.split(".")
    here = document
    for name in (*path, last):
        if not isinstance(here, dict) or name not in here:
            raise _missing(file, key, list(here) if isinstance(here, dict) else [], name)
        parent, here = here, here[name]
    return parent, last


def _shown(value: Any, file: str, key: str) -> str:
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise Unreadable(f"{key} in {file} is no single value.")


def _scalar(text: str, file: str, key: str) -> yaml.ScalarNode:
    try:
        here: Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as problem:
        raise Unreadable(f"{file} cannot be read: {str(problem).splitlines()[0]}.") from problem
    for name in key.split("."):
        known = {str(each.value): value for each, value in here.value} if isinstance(here, yaml.MappingNode) else {}
        if name not in known:
            raise _missing(file, key, list(known), name)
        here = known[name]
    if not isinstance(here, yaml.ScalarNode) or here.style in ("|", ">"):
        raise Unreadable(f"{key} in {file} is no single value.")
    return here


def _missing(file: str, key: str, known: list[str], name: str) -> Unreadable:
    return Unreadable(f"{file} has no key {key}.", next=nearest(name, known))
