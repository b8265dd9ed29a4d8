"""Columns of a relation as the transforms read them: their types, the text of a level, folds, and exact sums."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any, TypeVar

import duckdb

from mlops_tui.errors import BadInput, NotFound, nearest
from store.quoting import quote

FLOATS = ("FLOAT", "DOUBLE", "DECIMAL")
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
         "UHUGEINT")
ROW = "=row"  # number of a row, where the caller has one
T = TypeVar("T")
_MIX = 0x45D9F3B
_WIDTH = 90  # bits that the largest term has in an exact sum: room for 2³⁶ terms in 127


def types_of(cursor: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    """The columns of a relation with their DuckDB types."""
    described = cursor.execute(f"SELECT * FROM {relation} LIMIT 0").description or ()
    return {str(name): str(kind) for name, kind, *_ in described}


def numbered(cursor: duckdb.DuckDBPyConnection, relation: str) -> str:
    """The relation held as a table whose rows have numbers, in the order in which they come; what follows FROM."""
    held = quote("=numbered")
    cursor.execute(f"CREATE OR REPLACE TEMP TABLE {held} AS SELECT *, row_number() OVER () AS {quote(ROW)} "
                   f"FROM {relation}")
    return held


def need(types: Mapping[str, str], names: Sequence[str], what: str = "column") -> None:
    """NotFound with the nearest name where a column is not there; BadInput where it is named twice."""
    for name in names:
        if name not in types:
            known = [each for each in types if each != ROW]
            raise NotFound(f"No {what} '{name}'.", next=nearest(name, known) or f"Columns: {', '.join(known[:12])}.")
        if list(names).count(name) > 1:
            raise BadInput(f"The {what} '{name}' is named twice.")


def is_number(kind: str) -> bool:
    """Whether a DuckDB type holds numbers."""
    return kind.partition("(")[0] in (*WHOLE, *FLOATS) and not kind.endswith("]")


def level(name: str, kind: str) -> str:
    """SQL of a value as the text of a level: whole numbers alike in every numeric type, NaN as no value."""
    column = quote(name)
    if kind.partition("(")[0] not in FLOATS:
        return f"CAST({column} AS VARCHAR)"
    x = f"CAST({column} AS DOUBLE)"
    return (f"CASE WHEN isnan({x}) THEN NULL WHEN abs({x}) < 1e15 AND {x} = trunc({x}) "
            f"THEN CAST(CAST({x} AS BIGINT) AS VARCHAR) ELSE CAST({x} AS VARCHAR) END")


def finite(name: str, kind: str) -> str:
    """SQL of a number as DOUBLE; NULL for NaN and the infinities."""
    x = f"CAST({quote(name)} AS DOUBLE)"
    return f"CASE WHEN isfinite({x}) THEN {x} END" if kind.partition("(")[0] in FLOATS else x


def fold(types: Mapping[str, str], by: Sequence[str], folds: int, seed: int) -> str:
    """SQL of a row's fold from 0, by the values of columns, else by its number: the same on any machine, in any order.

    A whole number is mixed by Mueller's 32-bit integer hash (two rounds of xor-shift and × 0x45D9F3B), after its upper
    half was folded into the lower and xored with the seed; anything else goes by the last 8 bytes, little endian, of
    the MD5 of `seed|text`. DuckDB's own hash() may change with its version.
    """
    if len(by) == 1 and types[by[0]].partition("(")[0] in WHOLE[:8]:
        key = f"CAST({quote(by[0])} AS BIGINT)"
        mixed = f"xor(xor({key}, {key} >> 32) & 4294967295, {_spread(seed)})"
        for _ in range(2):
            mixed = f"((xor({mixed}, {mixed} >> 16) * {_MIX}) & 4294967295)"
        return f"CAST(coalesce(xor({mixed}, {mixed} >> 16), 0) % {folds} AS UTINYINT)"
    texts = ", ".join(f"coalesce({level(name, types[name])}, '')" for name in by)
    return f"CAST(md5_number_lower(concat_ws('|', '{seed:d}', {texts})) % {folds} AS UTINYINT)"


def _spread(seed: int) -> int:
    """A seed over all 32 bits, so that neighbouring seeds give unrelated folds."""
    return (seed * 0x9E3779B1 + 0x7F4A7C15) & 0xFFFFFFFF


def scale_for(largest: float) -> float:
    """A power of two that brings numbers up to `largest` below 2⁹⁰: their sum as integers depends on no order.

    The sum of n terms is then off by at most n · largest · 2⁻⁹⁰, whatever the machine and however many threads add.
    """
    return math.ldexp(1.0, min(_WIDTH - math.frexp(largest or 1.0)[1], 1000))


def exact(term: str, scale: float) -> str:
    """SQL of the sum of a DOUBLE as an integer, in units of 1/scale."""
    return f"sum(CAST(({term}) * {scale!r} AS HUGEINT))"


def parameters(cls: type[T], given: Mapping[str, Any], step: str) -> T:
    """The dataclass with these values; BadInput names the parameter that it does not have, or that is missing."""
    known = {each.name: each for each in fields(cls)}  # type: ignore[arg-type]
    for name in given:
        if name not in known:
            raise BadInput(f"'{step}' has no parameter '{name}'.",
                           next=nearest(name, known) or f"It has: {', '.join(known)}.")
    for name, field in known.items():
        if name not in given and field.default is MISSING and field.default_factory is MISSING:
            raise BadInput(f"'{step}' needs the parameter '{name}'.")
    return cls(**given)


def plain(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as YAML gives them: lists become tuples, and one column alone a tuple of one."""
    found = {name: tuple(value) if isinstance(value, list) else value for name, value in params.items()}
    return {name: (value,) if name in ("columns", "key") and isinstance(value, str) else value
            for name, value in found.items()}
