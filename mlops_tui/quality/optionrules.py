"""What the options of a logical type ask of a column: bounds, lengths, patterns, formats, the items of an array."""

from collections.abc import Callable, Iterator
from typing import Any

from mlops_tui.declarations.odcs import Property
from mlops_tui.errors import BadInput
from mlops_tui.quality.rowrules import Rule
from store.quoting import literal, quote

Wrong = Callable[..., BadInput]

_NUMBERS, _TIMES, _TEXT, _ARRAY = ("integer", "number"), ("date", "timestamp", "time"), ("string",), ("array",)
_BOUNDS: tuple[tuple[str, str, str, str], ...] = (
    ("minimum", "minimum", "<", "at least"), ("maximum", "maximum", ">", "at most"),
    ("exclusiveMinimum", "exclusive_minimum", "<=", "more than"),
    ("exclusiveMaximum", "exclusive_maximum", ">=", "less than"))
_SIZES = (("minLength", "min_length", "length", "<", "at least {} characters"),
          ("maxLength", "max_length", "length", ">", "at most {} characters"),
          ("minItems", "min_items", "len", "<", "at least {} items"),
          ("maxItems", "max_items", "len", ">", "at most {} items"))
_FOR = {**dict.fromkeys((key for key, *_ in _BOUNDS), (*_NUMBERS, *_TIMES)), "multipleOf": _NUMBERS,
        "minLength": _TEXT, "maxLength": _TEXT, "pattern": _TEXT, "minItems": _ARRAY, "maxItems": _ARRAY,
        "uniqueItems": _ARRAY, "timezone": ("timestamp", "time")}
_FORMATS = {"uuid": r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", "email": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
            "ipv4": r"^((25[0-5]|2[0-4]\d|1?\d?\d)(\.|$)){4}", "uri": r"^[A-Za-z][A-Za-z0-9+.-]*:\S+$",
            "hostname": r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$"}
_WIDTHS = {**{f"i{bits}": (-(1 << bits - 1), (1 << bits - 1) - 1) for bits in (8, 16, 32, 64)},
           **{f"u{bits}": (0, (1 << bits) - 1) for bits in (8, 16, 32, 64)}}
_CLOSE = "1e-9"  # so near to a whole number of steps counts as one


def option_rules(item: Property, wrong: Wrong, unchecked: list[str]) -> Iterator[Rule]:
    """The rules; BadInput (`wrong`) where options contradict each other or the type. What cannot be checked is added
    to `unchecked`."""
    _check(item, wrong)
    options, name, column = item.logicalTypeOptions, item.name, quote(item.name)
    for key, rule, sign, words in _BOUNDS:
        limit = getattr(options, key)
        if limit is not None:
            yield Rule(name, rule, f"{column} {sign} {_limit(limit, item)}", f"{words} {_said(limit)}")
    if options.multipleOf is not None:
        step = f"CAST({column} AS DOUBLE) / {number(options.multipleOf)}"
        yield Rule(name, "multiple_of", f"abs({step} - round({step})) > {_CLOSE}",
                   f"a multiple of {options.multipleOf:g}")
    for key, rule, size, sign, words in _SIZES:
        limit = getattr(options, key)
        if limit is not None:
            yield Rule(name, rule, f"{size}({column}) {sign} {limit}", words.format(limit))
    if options.uniqueItems:
        yield Rule(name, "unique_items", f"list_unique({column}) < list_count({column})", "no item twice")
    if options.pattern is not None:
        yield Rule(name, "pattern", unlike(column, options.pattern), f"matches {options.pattern}", slow=True)
    yield from _format(item, column, unchecked)
    unchecked += [f"{name}: {key}" for key in ("defaultTimezone", "minProperties", "maxProperties", "required")
                  if getattr(options, key)]
    unchecked += [f"{name}: what is declared of its {key}" for key in ("properties", "items")
                  if _asks(getattr(item, key))]


def _format(item: Property, column: str, unchecked: list[str]) -> Iterator[Rule]:
    format, kind = item.logicalTypeOptions.format, item.logicalType
    if format in _FORMATS and kind == "string":
        yield Rule(item.name, "format", unlike(column, _FORMATS[format]), format, slow=True)
    elif format in _WIDTHS and kind == "integer":
        low, high = _WIDTHS[format]
        yield Rule(item.name, "format", f"CAST({column} AS HUGEINT) NOT BETWEEN {low} AND {high}", format)
    elif format and (kind, format) not in (("number", "f64"), ("integer", "i128")):
        unchecked.append(f"{item.name}: format '{format}'")


def _check(item: Property, wrong: Wrong) -> None:
    """The options against the type and each other."""
    options, name = item.logicalTypeOptions, item.name
    for key, types in _FOR.items():
        if getattr(options, key) not in (None, False) and item.logicalType not in types:
            raise wrong(f"'{name}' is declared {item.logicalType}, so it has no {key}.", name,
                        f"{key} is for {' and '.join(types)}.")
    for key, *_ in _BOUNDS:
        limit = getattr(options, key)
        if limit is not None and isinstance(limit, str) is (item.logicalType in _NUMBERS):
            raise wrong(f"'{name}' is declared {item.logicalType}, so {key} cannot be {limit!r}.", name)
    if options.multipleOf is not None and options.multipleOf <= 0:
        raise wrong(f"Nothing is a multiple of {options.multipleOf:g}.", name)
    pairs = [(low, high, low.startswith("ex") or high.startswith("ex")) for low in ("minimum", "exclusiveMinimum")
             for high in ("maximum", "exclusiveMaximum")]
    for low, high, strict in (*pairs, ("minLength", "maxLength", False), ("minItems", "maxItems", False)):
        least, most = getattr(options, low), getattr(options, high)
        if least is not None and most is not None and (least > most or (strict and least == most)):
            raise wrong(f"No value of '{name}' can keep {low} {_said(least)} and {high} {_said(most)}.", name)


def _limit(limit: float | str, item: Property) -> str:
    """A bound as SQL: a number, or a date or time that the column's type reads."""
    if isinstance(limit, str):
        zoned = "TIMESTAMP WITH TIME ZONE" if item.logicalTypeOptions.timezone else "TIMESTAMP"
        return f"CAST({literal(limit)} AS {zoned if item.logicalType == 'timestamp' else item.logicalType.upper()})"
    return number(limit)


def _said(limit: float | str) -> str:
    return limit if isinstance(limit, str) else f"{limit:g}"


def _asks(inner: Any) -> bool:
    """Whether what is declared of the parts of an object or array asks anything of them."""
    parts = inner if isinstance(inner, list) else [inner]
    asking = ("required", "unique", "primaryKey", "logicalTypeOptions", "quality", "relationships")
    return any(isinstance(part, dict) and (any(part.get(key) for key in asking) or _asks(part.get("properties"))
                                           or _asks(part.get("items"))) for part in parts)


def number(value: float) -> str:
    """A number as SQL, whole where it is."""
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)


def unlike(column: str, pattern: str) -> str:
    """Where no part of the text matches; the standard's patterns are not anchored."""
    return f"NOT regexp_matches({column}, {literal(pattern)})"
