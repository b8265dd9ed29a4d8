"""What a contract's logical types mean for a column of a file: the value, whether there is one, and its time zone."""

import re
from dataclasses import dataclass

from mlops_tui.declarations.odcs import Property
from store.quoting import literal, quote

_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
             "UHUGEINT")
_NESTED = ("object", "array")
_NARROWER = ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER")
_FAMILIES = {**dict.fromkeys(_INTEGERS, "integer"), "FLOAT": "float", "DOUBLE": "float", "DECIMAL": "decimal",
             "VARCHAR": "text", "BOOLEAN": "boolean", "DATE": "date", "TIME": "time", "JSON": "json",
             "TIMESTAMP": "naive", "TIMESTAMP_NS": "naive", "TIMESTAMP_MS": "naive", "TIMESTAMP_S": "naive",
             "TIMESTAMP WITH TIME ZONE": "zoned", "TIMESTAMPTZ": "zoned", "NULL": "nothing", "STRUCT": "object",
             "MAP": "object", "ENUM": "text"}
_DECIMAL = re.compile(r"(?:decimal|numeric)\s*\(\s*(\d+)\s*,\s*(\d+)\s*\)", re.IGNORECASE)
_INTEGER = r"\s*[+-]?[0-9]+(\.0*)?\s*"
_NUMBER = r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*|\s*[+-]?(inf|infinity)\s*"
_DATE = r"\s*[0-9]{1,6}-[0-9]{1,2}-[0-9]{1,2}\s*"
_OFFSET = r"[0-9]:[0-9]{2}.*?(Z|z|UTC|[+-][0-9]{2}(:?[0-9]{2})?)\s*$"


NEVER = "false"  # SQL of what no row does


@dataclass(frozen=True)
class Value:
    """A column as its contract sees it: SQL of the value, and of whether a row has one. The value is null where the
    text or number in the file is none of the declared type; it `fits` where that cannot be. `unzoned`: where a time
    has a zone that it should not have, or lacks one that it should."""

    sql: str
    type: str
    present: str
    unzoned: str = NEVER
    fits: bool = False


def raw(name: str) -> str:
    """The name under which a batch keeps a column as it is in the file."""
    return quote(f"={name}")


def family_of(kind: str) -> str:
    """What sort of values a DuckDB type holds.

    >>> [family_of(each) for each in ("DECIMAL(9,2)", "TIMESTAMP_NS", "VARCHAR", "INTEGER[]", "BLOB")]
    ['decimal', 'naive', 'text', 'array', 'other']
    """
    return "array" if kind.endswith("]") else _FAMILIES.get(kind.partition("(")[0].strip(), "other")


def instant(type: str) -> bool:
    """Whether a type holds moments on the world's clock."""
    return family_of(type) == "zoned"


def value_of(item: Property, kind: str) -> Value:
    """How the property is read from a column of that DuckDB type (`NULL`: the file has no such column)."""
    family, source = family_of(kind), quote(item.name)
    if family == "nothing":
        return Value(f"CAST(NULL AS {_target(item, kind)})", _target(item, kind), NEVER, fits=True)
    present = f"({raw(item.name)} IS NOT NULL)"
    if family == "float":
        present = f"({raw(item.name)} IS NOT NULL AND NOT isnan({raw(item.name)}))"
    elif family == "text" and item.logicalType in ("number", "integer"):
        present = f"({raw(item.name)} IS NOT NULL AND lower(trim({raw(item.name)})) <> 'nan')"
    target = _target(item, kind)
    unzoned = _unzoned(item, family)
    same = kind == target and family != "float" and (family == item.logicalType or item.logicalType not in _NESTED)
    if same or (item.logicalType == "string" and family != "object") or (target == "BIGINT" and kind in _NARROWER):
        return Value(source if same else f"CAST({source} AS {target})", target, present, unzoned, fits=True)
    always = target == "DOUBLE" and family in ("float", "integer", "decimal")  # a NaN is no value, and no wrong one
    return Value(_cast(item, family, source, target), target, present, unzoned, fits=always)


def _target(item: Property, kind: str) -> str:
    decimal = _DECIMAL.fullmatch(item.physicalType.strip())
    zone = item.logicalTypeOptions.timezone
    match item.logicalType:
        case "integer":
            return "BIGINT"
        case "number":
            return f"DECIMAL({decimal[1]},{decimal[2]})" if decimal else "DOUBLE"
        case "boolean" | "date" | "time":
            return item.logicalType.upper()
        case "timestamp":
            return "TIMESTAMP WITH TIME ZONE" if zone or (zone is None and instant(kind)) else "TIMESTAMP"
        case "object" | "array" if kind != "NULL":
            return kind
    return "VARCHAR"


def _cast(item: Property, family: str, source: str, target: str) -> str:
    """The value as the target type; null where it is none. DuckDB rounds 1.5 and cuts off times: we do not.

    NaN is found by isnan: DuckDB folds a comparison with it away where a file's statistics, which leave NaN out, allow.
    """
    tried = f"TRY_CAST({source} AS {target})"
    wanted = {
        "integer": {"float": f"{source} = trunc({source})", "decimal": f"{source} = trunc({source})",
                    "text": _like(source, _INTEGER), "integer": "", "boolean": ""},
        "number": {"float": f"NOT isnan({source})", "decimal": "", "integer": "", "text": _like(source, _NUMBER)},
        "boolean": {"boolean": "", "integer": f"{source} IN (0, 1)", "float": f"{source} IN (0, 1)", "text": ""},
        "date": {"date": "", "naive": f"{source} = date_trunc('day', {source})",
                 "zoned": f"{source} = date_trunc('day', {source})", "text": _like(source, _DATE)},
        "time": {"time": "", "text": ""},
        "timestamp": {"naive": "", "zoned": "", "date": "", "text": ""},
        "object": {"object": "", "json": "", "text": ""},
        "array": {"array": "", "json": "", "text": ""},
    }.get(item.logicalType)
    if wanted is None:
        return tried
    if family not in wanted:
        return f"CAST(NULL AS {target})"
    return f"CASE WHEN {wanted[family]} THEN {tried} END" if wanted[family] else tried


def _like(source: str, pattern: str) -> str:
    return f"regexp_full_match({source}, {literal(pattern)}, 'i')"


def _unzoned(item: Property, family: str) -> str:
    """Where a time's zone is not as declared; DuckDB would take one without for UTC, and drop one it was given."""
    if item.logicalType != "timestamp":
        return NEVER
    name, wanted = raw(item.name), bool(item.logicalTypeOptions.timezone)
    if family == "text":
        offset = f"regexp_matches({name}, {literal(_OFFSET)})"
        readable = f"TRY_CAST({name} AS TIMESTAMP WITH TIME ZONE) IS NOT NULL"
        return f"({readable} AND {'NOT ' if wanted else ''}{offset})"
    differs = family in ("naive", "date") if wanted else family == "zoned" and item.logicalTypeOptions.timezone is False
    return f"({name} IS NOT NULL)" if differs else NEVER
