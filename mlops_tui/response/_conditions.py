"""Conditions on what earlier steps found: `moved.drifted_columns > 2 and health.status != "fail"`.

A condition is read as data and never as a program: numbers, texts, true and false, names with dots, comparisons, and,
or, not, brackets, and a few words over the column of a table (max, min, sum, count, any, all, first, last). It is true,
false or unknown (Kleene): what is not there, or cannot be compared, is unknown, and unknown is never true.
"""

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mlops_tui.view import Cell, Facts, Status, Table, View

Answer = Mapping[str, Any]
Comparison = Callable[[Any, Any], bool]
LONGEST = 400
_SAME: dict[type[ast.cmpop], Comparison] = {ast.Eq: operator.eq, ast.NotEq: operator.ne}
_ORDER: dict[type[ast.cmpop], Comparison] = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt,
                                             ast.GtE: operator.ge}
_OVER: Mapping[str, Callable[[Sequence[Any]], Any]] = {
    "max": lambda values: max(values, default=None), "min": lambda values: min(values, default=None), "sum": sum,
    "first": lambda values: values[0] if values else None, "last": lambda values: values[-1] if values else None,
    "any": any, "all": lambda values: all(values) if values else None}  # of nothing, nobody knows that all are well
WORDS = (*_OVER, "count")


def read(text: str) -> ast.expr:
    """The condition as a tree; ValueError says what in it is none of the language."""
    if len(text) > LONGEST or "\\" in text:
        raise ValueError(f"A condition has up to {LONGEST} characters and no backslash")
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, RecursionError, MemoryError, ValueError) as problem:
        raise ValueError(f"'{text}' is no condition such as: moved.drifted_columns > 2") from problem
    _check(tree)
    return tree


def _check(node: ast.expr) -> None:
    match node:
        case ast.BoolOp(values=parts):
            _each(parts)
        case ast.UnaryOp(op=ast.Not(), operand=inner) | ast.Attribute(value=inner):
            _check(inner)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float())):
            return
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in (*_SAME, *_ORDER,
                                                                                            ast.In, ast.NotIn):
            _each([left, right])
        case ast.Call(func=ast.Name(id=word), args=[inner], keywords=[]) if word in WORDS:
            _check(inner)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            _each(parts)
        case ast.Name() | ast.Constant(value=bool() | int() | float() | str()):
            return
        case _:
            raise ValueError(f"'{ast.unparse(node)}' is not part of a condition")


def _each(nodes: Sequence[ast.expr]) -> None:
    for node in nodes:
        _check(node)


def names(tree: ast.expr) -> list[str]:
    """The first word of every name that the condition looks at."""
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called]
    said = dict.fromkeys(node.id for node in sorted(found, key=lambda node: node.col_offset))
    return [name for name in said if name not in ("true", "false", "unknown")]


def holds(tree: ast.expr, world: Mapping[str, Any]) -> bool | None:
    """Whether it is true of the answers and parameters in `world`; None where that is unknown."""
    value = _value(tree, world)
    return value if isinstance(value, bool) else None


def _value(node: ast.expr, world: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner, world)
        case ast.UnaryOp(operand=inner):
            found = holds(inner, world)
            return None if found is None else not found
        case ast.Name(id=name):
            return {"true": True, "false": False}.get(name, world.get(name))
        case ast.Attribute(value=inner, attr=name):
            return _of(_value(inner, world), name)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return [_value(part, world) for part in parts]
        case ast.BoolOp(op=op, values=parts):
            return _joined([holds(part, world) for part in parts], decisive=isinstance(op, ast.Or))
        case ast.Call(func=ast.Name(id=word), args=[inner]):
            return _over(word, _value(inner, world))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _compared(_value(left, world), op, _value(right, world))
    return None


def _of(value: Any, name: str) -> Any:
    """What a name leads to: in an answer, its fact or table; in a table, the column as a list."""
    if isinstance(value, Mapping):
        return value.get(name)
    if isinstance(value, list) and all(isinstance(row, Mapping) for row in value):
        return [row.get(name) for row in value]
    return None


def _joined(parts: Sequence[bool | None], *, decisive: bool) -> bool | None:
    """And, or: one decisive part settles it, otherwise one unknown part leaves it unknown."""
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive


def _over(word: str, values: Any) -> Any:
    if not isinstance(values, list):
        return None
    if word == "count":
        return len(values)
    if any(map(_missing, values)) and word not in ("first", "last"):  # a maximum with a hole in it is not known
        return None
    try:
        return _OVER[word](values)
    except TypeError:
        return None


def _compared(left: Any, op: ast.cmpop, right: Any) -> bool | None:
    if _missing(left) or _missing(right):
        return None
    if isinstance(op, ast.In | ast.NotIn):
        if not isinstance(right, list | str) or (isinstance(right, str) and not isinstance(left, str)):
            return None
        found = left in right
        hole = isinstance(right, list) and any(map(_missing, right))
        return None if not found and hole else found is isinstance(op, ast.In)
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (left, right))
    if not numbers and type(left) is not type(right):
        return None
    if type(op) in _SAME:
        return _SAME[type(op)](left, right)
    return _ORDER[type(op)](left, right) if numbers or isinstance(left, str) else None


def _missing(value: Any) -> bool:
    """Whether nothing is there: no value, or no number (NaN)."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def answer(view: View) -> Answer:
    """What a condition sees of a step's answer: its status and title, its facts, and its tables as rows."""
    tables = {part.id: [dict(map(_cell, row.items())) for row in part.rows]
              for part in view.parts if isinstance(part, Table)}
    facts = {name: value for part in view.parts if isinstance(part, Facts)
             for name, value in map(_cell, part.items.items())}
    return {**tables, **facts, "status": str(view.status), "title": view.title}


def _cell(item: tuple[str, Cell]) -> tuple[str, Any]:
    name, value = item
    return name, str(value) if isinstance(value, Status) else list(value) if isinstance(value, tuple) else value
