"""YAML read straight into frozen dataclasses: the dataclass is the schema, errors name file, line and nearest key."""

import math
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import yaml

from mlops_tui.errors import Unreadable, nearest

T = TypeVar("T")
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_EXPONENT = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?[eE][+-]?[0-9]{1,3}")
_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
LONGEST = timedelta(days=36525)  # a hundred years


@dataclass(frozen=True)
class OutOf:
    """`2 of 3`: so many of the last so many."""

    k: int
    n: int

    def __str__(self) -> str:
        return f"{self.k} of {self.n}"


@dataclass(frozen=True)
class Within:
    """`3 in 2d`: so many within such a time."""

    count: int
    span: timedelta

    def __str__(self) -> str:
        return f"{self.count} in {span_text(self.span)}"


@dataclass(frozen=True)
class Mistake:
    """What is wrong with a declaration that could be read, the keys that lead to it, and what would be right.

    A declared dataclass may have a method `mistakes()` that gives them.
    """

    what: str
    path: tuple[str | int, ...] = ()
    next: str = ""


def duration(text: str) -> timedelta:
    """`200ms`, `90s`, `15m`, `12h`, `30d`, `2w` as a time span; ValueError otherwise."""
    match = re.fullmatch(r"(\d+)\s*(ms|[smhdw])", text.strip())
    if match is None:
        raise ValueError(f"'{text}' is not a duration such as 12h or 30d")
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > LONGEST.total_seconds():  # a date so far away is none
        raise ValueError(f"'{text}' is longer than anything lasts")
    return timedelta(seconds=seconds)


def out_of(text: str) -> OutOf:
    """`2 of 3` as a rule; ValueError otherwise."""
    match = re.fullmatch(r"(\d+) of (\d+)", text.strip())
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"'{text}' is not a rule such as '2 of 3'")
    return OutOf(int(match[1]), int(match[2]))


def within(text: str) -> Within:
    """`3 in 2d` as a rule; ValueError otherwise."""
    count, _, span = text.strip().partition(" in ")
    if not count.isascii() or not count.isdigit() or int(count) < 1:
        raise ValueError(f"'{text}' is not a rule such as '3 in 2d'")
    found = Within(int(count), duration(span))
    if not found.span:
        raise ValueError(f"'{text}': no time is too short for anything")
    return found


def span_text(span: timedelta) -> str:
    """A time span as it is declared, in the largest unit that leaves no rest.

    >>> span_text(timedelta(hours=36))
    '36h'
    """
    seconds = int(span.total_seconds())
    unit = next(unit for unit in ("d", "h", "m", "s") if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


_PARSED = {timedelta: duration, OutOf: out_of, Within: within}
_SCALARS = {"tag:yaml.org,2002:null": "nothing", "tag:yaml.org,2002:bool": "true or false",
            "tag:yaml.org,2002:int": "a whole number", "tag:yaml.org,2002:float": "a number",
            "tag:yaml.org,2002:str": "a text", "tag:yaml.org,2002:timestamp": "a time"}


def read(cls: type[T], path: Path) -> T:
    """The file as a value of `cls`; Unreadable names file and line."""
    return parse(cls, text_of(path), str(path))


def text_of(path: Path) -> str:
    """What the file says; Unreadable where it is no UTF-8 text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else problem
        raise Unreadable(f"{path.name} cannot be read: {why}.", where=str(path)) from problem


def parse(cls: type[T], text: str, where: str, first_line: int = 1) -> T:
    """YAML text as a value of `cls`; `where` and `first_line` place the errors. `also` has the other mistakes."""
    node = _composed(text, where, first_line)
    if node is None:
        raise Unreadable("The file is empty.", where=where)
    value: T = _Reader(where, first_line).decode(node, cls, "")
    return value


def part(cls: type[T], path: Path, *keys: str | int) -> T:
    """What those keys of a file lead to, as a value of `cls`; Unreadable names file and line."""
    node = _composed(text_of(path), str(path))
    assert node is not None
    value: T = _Reader(str(path), 1).decode(_at(node, keys), cls, "")
    return value


def _composed(text: str, where: str, first_line: int = 1) -> yaml.Node | None:
    try:
        node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line if problem.problem_mark else 0
        raise Unreadable(f"Not YAML: {problem.problem}.", where=f"{where}:{line + first_line}", next=_LOOK) from problem
    except yaml.YAMLError as problem:
        raise Unreadable(f"Not YAML: {problem}.", where=where) from problem
    return node


_LOOK = ("Look at this line and the ones above it: keys of one mapping begin in the same column, a key ends in a colon "
         "and a space, quotes and brackets are closed.")


def place_of(path: Path, *keys: str | int) -> str:
    """`path:line` of what those keys lead to, as far as they are there."""
    node = _composed(text_of(path), str(path))
    return f"{path}:{_at(node, keys).start_mark.line + 1}" if node is not None else str(path)


def _at(node: yaml.Node, path: Sequence[str | int]) -> yaml.Node:
    """The node that the keys and places lead to; where they end early, the last that is there."""
    for key in path:
        if isinstance(node, yaml.MappingNode):
            found = [child for name, child in node.value if name.value == str(key)]
        else:
            found = node.value[int(key):int(key) + 1] if isinstance(node, yaml.SequenceNode) else []
        if not found:
            break
        node = found[0]
    return node


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def key_of(name: str) -> str:
    """The YAML key of a field: itself, without the underscore that keeps it off Python's words."""
    return name.rstrip("_")


class _Reader:
    def __init__(self, where: str, first_line: int) -> None:
        self.where, self.first_line = where, first_line

    def wrong(self, node: yaml.Node, what: str, next: str = "") -> Unreadable:
        return Unreadable(what, where=f"{self.where}:{node.start_mark.line + self.first_line}", next=next)

    def decode(self, node: yaml.Node, hint: Any, key: str) -> Any:
        origin, args = get_origin(hint), get_args(hint)
        if hint is Any:
            return self._plain(node)
        if origin in (Union, types.UnionType):
            return self._union(node, args, key)
        if is_dataclass(hint) and hint not in _PARSED:
            return self._record(node, hint, key)
        if origin is tuple:
            return self._list(node, args[0], key)
        if origin in (dict, Mapping):
            return self._mapping(node, args[1], key)
        return self._scalar(node, hint, key)

    def _union(self, node: yaml.Node, options: tuple[Any, ...], key: str) -> Any:
        if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null") and type(None) in options:
            return None
        wanted = [option for option in options if option is not type(None)]
        for option in wanted[:-1]:
            try:
                return self.decode(node, option, key)
            except Unreadable:
                continue
        return self.decode(node, wanted[-1], key)

    def _record(self, node: yaml.Node, cls: Any, key: str) -> Any:
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(node, f"{key or 'the file'} should be a mapping of keys.")
        known = {key_of(field.name): field for field in fields(cls) if field.init}
        hints, given, wrong = _hints(cls), dict[str, Any](), list[Unreadable]()
        for key_node, value_node in node.value:
            name = str(key_node.value)
            with _kept(wrong):
                if name not in known:
                    hint = nearest(name, known) or f"Known here: {', '.join(known)}."
                    raise self.wrong(key_node, f"Unknown key '{name}'{f' in {key}' if key else ''}.", hint)
                if known[name].name in given:
                    raise self.wrong(key_node, f"Key '{name}' is given twice.")
                given[known[name].name] = None
                given[known[name].name] = self.decode(value_node, hints[known[name].name], name)
        unknown = {str(name.value) for name, _ in node.value} - set(known)  # what is missing may be what is misspelt
        for name, field in known.items():
            lacks = field.name not in given and field.default is MISSING and field.default_factory is MISSING
            if lacks and not nearest(name, unknown):
                wrong.append(self.wrong(node, f"Key '{name}' is missing{f' in {key}' if key else ''}."))
        _raised(wrong)
        try:
            value = cls(**given)
        except ValueError as problem:
            raise self.wrong(node, f"{problem}.") from problem
        found = value.mistakes() if hasattr(value, "mistakes") else ()
        _raised([self.wrong(_at(node, each.path), each.what, each.next) for each in found])
        return value

    def _list(self, node: yaml.Node, item: Any, key: str) -> tuple[Any, ...]:
        if not isinstance(node, yaml.SequenceNode):
            raise self.wrong(node, f"'{key}' should be a list.")
        found, wrong = list[Any](), list[Unreadable]()
        for child in node.value:
            with _kept(wrong):
                found.append(self.decode(child, item, key))
        _raised(wrong)
        return tuple(found)

    def _mapping(self, node: yaml.Node, item: Any, key: str) -> dict[str, Any]:
        if not isinstance(node, yaml.MappingNode):
            raise self.wrong(node, f"'{key}' should be a mapping.")
        found, wrong = dict[str, Any](), list[Unreadable]()
        for name_node, child in node.value:
            name = str(name_node.value)
            with _kept(wrong):
                if name in found:
                    raise self.wrong(name_node, f"Key '{name}' is given twice.")
                found[name] = None
                found[name] = self.decode(child, item, name)
        _raised(wrong)
        return found

    def _plain(self, node: yaml.Node) -> Any:
        """Whatever YAML makes of it."""
        try:
            return yaml.SafeLoader("").construct_document(node)
        except yaml.MarkedYAMLError as problem:
            raise self.wrong(node, f"Not YAML: {problem.problem}.") from problem
        except ValueError as problem:  # what looks like a date and is none
            raise self.wrong(node, f"{problem}.") from problem

    def _scalar(self, node: yaml.Node, hint: Any, key: str) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise self.wrong(node, f"'{key}' should be a single value.")
        if hint in _PARSED:
            try:
                return _PARSED[hint](node.value)
            except ValueError as problem:
                raise self.wrong(node, f"'{key}': {problem}.") from problem
        if get_origin(hint) is Literal:
            options = [str(option) for option in get_args(hint)]
            known = ', '.join(filter(None, options))
            if node.value not in options:
                raise self.wrong(node, f"'{key}' is '{node.value}'.",
                                 f"{nearest(node.value, options)} It may be {known}.".strip())
            return node.value
        if hint is str and not node.tag.endswith(":null"):
            return node.value
        value = _as_float(node, self._plain(node)) if hint is float else self._plain(node)
        if isinstance(value, float) and not math.isfinite(value):
            raise self.wrong(node, f"'{key}' is {node.value}, which nothing can be compared with.")
        if hint is type(None) or not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
            found = _SCALARS.get(node.tag, "something else")
            raise self.wrong(node, f"'{key}' is {found} ({node.value!r}), not {getattr(hint, '__name__', hint)}.")
        return value


def _as_float(node: yaml.ScalarNode, value: Any) -> Any:
    """A number as a float; also `1e-6`, which YAML 1.1 takes for a text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    written = isinstance(value, str) and not node.style and _EXPONENT.fullmatch(value)
    return float(value) if written else value


@contextmanager
def _kept(wrong: list[Unreadable]) -> Iterator[None]:
    """A mistake is kept, and reading goes on."""
    try:
        yield
    except Unreadable as problem:
        wrong.append(problem)


def _raised(wrong: Sequence[Unreadable]) -> None:
    """Raise the first of the mistakes, which then has the others with it; nothing where there are none."""
    each = [one for problem in wrong for one in (problem, *problem.also)]
    if each:
        each[0].also = tuple(each[1:])
        raise each[0]
