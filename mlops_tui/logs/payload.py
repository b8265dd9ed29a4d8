"""What the contract of a model asks of one request, and what becomes of a request that breaks it: pure."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Literal

from mlops_tui.declarations.datasetkeys import Payloads
from mlops_tui.declarations.odcs import Contract, Property
from mlops_tui.errors import BadInput
from store.quoting import literal, quote

Verdict = Literal["pass", "flag", "repair", "reject"]
LONGEST = 10_000  # characters of a text that a pattern is tried on
SHOWN = 40
_NUMBERS = ("number", "integer")


@dataclass(frozen=True)
class Expected:
    """What one feature has to be. `values` are all that there are, where they are listed; bounds may be outside."""

    name: str
    kind: str = "string"
    required: bool = False
    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None
    values: tuple[Any, ...] = ()
    shortest: int | None = None
    longest: int | None = None
    pattern: str | None = None


@dataclass(frozen=True)
class Broken:
    """One rule that a request breaks: of which feature, and what stands there."""

    feature: str
    rule: str
    value: str


@dataclass(frozen=True)
class Checked:
    """What becomes of a request, the row to go on with, and every rule that it broke."""

    verdict: Verdict
    row: Mapping[str, Any]
    broken: tuple[Broken, ...] = ()


def expected(contract: Contract, names: Iterable[str] | None = None) -> tuple[Expected, ...]:
    """What a contract asks of its columns, or of those named; BadInput where it cannot be understood."""
    wanted = None if names is None else set(names)
    return tuple(_expected(item) for item in contract.properties if wanted is None or item.name in wanted)


def _expected(item: Property) -> Expected:
    given = item.logicalTypeOptions
    low, high, above, below = (
        each if item.logicalType in _NUMBERS and isinstance(each, int | float) else None
        for each in (given.minimum, given.maximum, given.exclusiveMinimum, given.exclusiveMaximum))
    values = next((tuple(each.arguments["validValues"]) for each in item.quality if each.metric == "invalidValues"
                   and isinstance(each.arguments.get("validValues"), list)), ())
    never_null = any(each.metric == "nullValues" and each.mustBe == 0 for each in item.quality)
    if given.pattern is not None:
        try:
            re.compile(given.pattern)
        except re.error as problem:
            raise BadInput(f"The pattern of {item.name} is none: {problem}.", next="Change the contract.") from problem
    required = item.required or item.primaryKey or never_null
    return Expected(item.name, item.logicalType, required, low, high, above, below, values, given.minLength,
                    given.maxLength, given.pattern)


def check(row: Any, features: Iterable[Expected], policy: Payloads | None = None, *,
          strict: bool = False) -> Checked:
    """Hold a request against what is expected; any value of JSON is an answer, never an error.

    A feature that breaks a rule with the policy `repair` gets its declared default, where that is good itself; where
    there is none, the request is rejected. What `check` gives back as repaired passes. `strict`: names that are not
    expected break the rule `unknown`; repaired, they are left out.
    """
    policy, known = policy or Payloads(), {each.name: each for each in features}
    if not isinstance(row, dict):
        return Checked("reject", {}, (Broken("", "type", shown(row)),))
    broken = [found for each in known.values() for found in _breaks(each, row.get(each.name))]
    broken += [Broken(str(name), "unknown", shown(row[name])) for name in row if name not in known] if strict else []
    if not broken:
        return Checked("pass", row)
    said = [policy.rules.get(each.rule, policy.policy) for each in broken]
    if "reject" in said:
        return Checked("reject", row, tuple(broken))
    if "repair" not in said:
        return Checked("flag", row, tuple(broken))
    mended = dict(row)
    for each, then in zip(broken, said, strict=True):
        if then == "repair" and each.rule == "unknown":
            mended.pop(each.feature, None)
        elif then == "repair":
            default = policy.defaults.get(each.feature)
            if each.feature not in policy.defaults or next(_breaks(known[each.feature], default), None) is not None:
                return Checked("reject", row, tuple(broken))
            mended[each.feature] = default
    return Checked("repair" if "flag" not in said else "flag", mended, tuple(broken))


def _breaks(feature: Expected, value: Any) -> Iterator[Broken]:
    """The rules that a value breaks; of one of the wrong type nothing else is said."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        if feature.required:
            yield Broken(feature.name, "missing", "")
        return
    if not _is(feature.kind, value):
        yield Broken(feature.name, "type", shown(value))
        return
    low, high, above, below = feature.low, feature.high, feature.above, feature.below
    if feature.kind in _NUMBERS and ((low is not None and value < low) or (high is not None and value > high)
                                     or (above is not None and value <= above)
                                     or (below is not None and value >= below)):
        yield Broken(feature.name, "range", shown(value))
    if feature.values and value not in feature.values:
        yield Broken(feature.name, "category", shown(value))
    if isinstance(value, str):
        size = len(value)
        if (feature.shortest is not None and size < feature.shortest) or \
                (feature.longest is not None and size > feature.longest):
            yield Broken(feature.name, "length", shown(value))
        if feature.pattern is not None and (size > LONGEST or not re.search(feature.pattern, value)):
            yield Broken(feature.name, "pattern", shown(value))


def _is(kind: str, value: Any) -> bool:
    """Whether a value of JSON is of a logical type."""
    if kind in _NUMBERS:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        return not isinstance(value, float) or (math.isfinite(value) and (kind == "number" or value.is_integer()))
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in ("date", "timestamp", "time"):
        return _is_moment(kind, value)
    if kind in ("object", "array"):
        return isinstance(value, dict if kind == "object" else list)
    return isinstance(value, str)


def _is_moment(kind: str, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        _READ[kind](value)
    except ValueError:
        return False
    return True


_READ: Mapping[str, Callable[[str], object]] = {
    "date": date.fromisoformat, "timestamp": datetime.fromisoformat, "time": time.fromisoformat}


def shown(value: Any) -> str:
    """The beginning of a value as text, however large or deep it is."""
    if isinstance(value, str):
        return value[:SHOWN]
    if isinstance(value, bool | float) or value is None:
        return str(value)
    if isinstance(value, int):
        return str(value) if abs(value) < 10 ** SHOWN else "a number of many digits"
    return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value):,}"


# -- the same over a log ----------------------------------------------------------------------------------------


def broken_sql(feature: Expected, kind: str) -> dict[str, str]:
    """SQL by rule, true where a logged value breaks it, for a column of DuckDB's type `kind`.

    A log has types already, so a value of another one is one that cannot be read as what is expected.
    """
    name = quote(feature.name)
    there = f"({name} IS NOT NULL AND NOT isnan({name}))" if kind in ("DOUBLE", "FLOAT") else f"{name} IS NOT NULL"
    found = {"missing": f"NOT ({there})"} if feature.required else {}
    if feature.kind in _NUMBERS:
        number = f"TRY_CAST({name} AS DOUBLE)"
        whole = f" AND {number} = floor({number})" if feature.kind == "integer" else ""
        is_one = "false" if kind == "BOOLEAN" else f"coalesce({there} AND isfinite({number}){whole}, false)"
        found["type"] = f"{there} AND NOT {is_one}"
        outside = [f"{number} {sign} {bound!r}" for sign, bound in (
            ("<", feature.low), (">", feature.high), ("<=", feature.above), (">=", feature.below)) if bound is not None]
        if outside:
            found["range"] = f"{is_one} AND ({' OR '.join(outside)})"
    elif feature.kind == "boolean":
        found["type"] = f"{there} AND TRY_CAST({name} AS BOOLEAN) IS NULL"
    if feature.values:
        listed = ", ".join(literal(str(each)) for each in feature.values)
        found["category"] = f"{there} AND CAST({name} AS VARCHAR) NOT IN ({listed})"
    if kind == "VARCHAR" and feature.kind == "string":
        sizes = [f"length({name}) {sign} {bound}" for sign, bound in (("<", feature.shortest), (">", feature.longest))
                 if bound is not None]
        if sizes:
            found["length"] = f"{there} AND ({' OR '.join(sizes)})"
        if feature.pattern is not None:
            unlike = f"NOT regexp_matches({name}, {literal(feature.pattern)})"
            found["pattern"] = f"{there} AND (length({name}) > {LONGEST} OR {unlike})"
    return found
