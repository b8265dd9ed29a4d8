"""What changed from one contract to the next, and whether those who read the data keep working."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any, Literal

from mlops_tui.declarations.odcs import Contract, Property, Quality
from mlops_tui.quality.logicaltypes import family_of

Kind = Literal["added", "dropped", "renamed", "widened", "narrowed", "retyped", "tightened", "loosened", "changed"]
Verdict = Literal["compatible", "breaking", "unknown"]
Overlap = Callable[[str, str], float | None]

CLOSE = 0.6     # of two names, by the longest parts that they share
SHARED = 0.8    # of the values of two columns, in the smaller of both sets
_WIDER = {("integer", "number"), ("date", "timestamp")}
_FAMILIES = {"integer": ("integer",), "number": ("integer", "float", "decimal"), "boolean": ("boolean",),
             "date": ("date",), "time": ("time",), "timestamp": ("naive", "zoned"), "string": ("text",),
             "object": ("object", "json"), "array": ("array", "json")}
_LOGICAL = {family: logical for logical, families in _FAMILIES.items() for family in families
            if (logical, family) not in (("number", "integer"), ("array", "json"))}
_AS_TEXT = ("text", "json", "nothing")  # of such a file the values say what they are, not the column


@dataclass(frozen=True)
class Change:
    """One difference; `was` and `now` are words, `guess` marks what only looks like it."""

    kind: Kind
    column: str
    was: str
    now: str
    verdict: Verdict
    why: str
    guess: bool = False


@dataclass(frozen=True)
class Misfits:
    """How many values of a column are not of its declared type, and how many times have another zone than it says."""

    values: int
    zones: int

    def said(self, declared: str) -> str:
        parts = [f"{self.values:,} of its values are no {declared}"] * bool(self.values)
        parts += [f"{self.zones:,} of its times have not the zone that is declared"] * bool(self.zones)
        return f"{' and '.join(parts)}: bad rows"


def no_values(was: str, now: str) -> float | None:
    """Nothing is known of the values."""
    return None


def changes(old: Contract, new: Contract, overlap: Overlap = no_values) -> list[Change]:
    """Every difference that a reader or a file can notice, in the order of the old contract's columns.

    `overlap(old name, new name)`: the share of values that two columns have in common, None where unknown.
    """
    was, now = (_columns(each) for each in (old, new))
    gone, come = [name for name in was if name not in now], [name for name in now if name not in was]
    pairs = _renamed(gone, come, lambda a, b: was[a].logicalType == now[b].logicalType,
                     lambda a, b: list(was).index(a) == list(now).index(b), overlap)
    found = [change for name, item in was.items() if name in now for change in _column(item, now[name])]
    for before, (after, why) in pairs.items():
        found.append(Change("renamed", before, before, after, "breaking", f"who names {before} finds nothing ({why})",
                            guess=True))
        found += _column(was[before], now[after])
    found += [Change("dropped", name, was[name].logicalType, "", "breaking", "who names it finds nothing")
              for name in gone if name not in pairs]
    found += [_added(now[name]) for name in come if name not in [after for after, _ in pairs.values()]]
    return [*found, *_whole(old, new)]


def file_changes(contract: Contract, columns: Mapping[str, str], overlap: Overlap = no_values,
                 misfits: Mapping[str, Misfits] | None = None) -> list[Change]:
    """How the columns of a file (name → DuckDB type) differ from what is declared.

    `misfits`: by column, how many of its values are not of the declared type; without them the types alone are judged,
    and of texts nothing is said.
    """
    declared = {item.name: item for item in contract.properties}
    gone, come = [name for name in declared if name not in columns], [name for name in columns if name not in declared]
    pairs = _renamed(gone, come, lambda a, b: _logical(columns[b]) in (declared[a].logicalType, "string"),
                     lambda a, b: list(declared).index(a) == list(columns).index(b), overlap)
    renamed = [after for after, _ in pairs.values()]
    found = [Change("renamed", before, before, after, "breaking", f"the contract wants {before} ({why})", guess=True)
             for before, (after, why) in pairs.items()]
    found += [Change("dropped", name, declared[name].logicalType, "", "breaking", "the contract wants it")
              for name in gone if name not in pairs]
    found += [Change("added", name, "", columns[name], "compatible", "it is left out until the contract names it")
              for name in come if name not in renamed]
    return found + [change for name, item in declared.items() if name in columns
                    for change in _file_type(item, columns[name], (misfits or {}).get(name))]


def _file_type(item: Property, type: str, misfits: Misfits | None) -> Iterator[Change]:
    family, logical = family_of(type), _logical(type)
    if misfits is not None and (misfits.values or misfits.zones):
        kind: Kind = "widened" if (item.logicalType, logical) in _WIDER else "retyped"
        yield Change(kind, item.name, item.logicalType, type, "breaking", misfits.said(item.logicalType))
        return
    if family in _AS_TEXT or family in _FAMILIES[item.logicalType] or item.logicalType == "string":
        return
    if misfits is not None:
        kind = "widened" if (item.logicalType, logical) in _WIDER else "narrowed"
        yield Change(kind, item.name, item.logicalType, type, "compatible", f"each value is a {item.logicalType}")
        return
    if (item.logicalType, logical) in _WIDER:
        yield Change("widened", item.name, item.logicalType, type, "breaking",
                     f"a value that is no {item.logicalType} is a bad row: declare {logical}")
    elif (logical, item.logicalType) in _WIDER:
        yield Change("narrowed", item.name, item.logicalType, type, "compatible", "every value is one of that type")
    else:
        yield Change("retyped", item.name, item.logicalType, type, "breaking", f"a {logical} is no {item.logicalType}")


def _logical(type: str) -> str:
    return _LOGICAL.get(family_of(type), "string")


def _renamed(gone: Sequence[str], come: Sequence[str], alike: Callable[[str, str], bool],
             beside: Callable[[str, str], bool], overlap: Overlap) -> dict[str, tuple[str, str]]:
    """Which lost column may be which new one, with the evidence: shared values first, else type, place and name."""
    scored = []
    for before in gone:
        for after in come:
            shared = overlap(before, after)
            near = SequenceMatcher(None, before.lower(), after.lower()).ratio()
            if shared is not None and shared >= SHARED:
                scored.append((2 + shared + near, before, after, f"{shared:.0%} of the values are the same"))
            elif shared is None and alike(before, after) and near >= CLOSE:
                why = "same type, same place, near name" if beside(before, after) else "same type, near name"
                scored.append((near + beside(before, after), before, after, why))
    pairs: dict[str, tuple[str, str]] = {}
    for _, before, after, why in sorted(scored, reverse=True):
        if before not in pairs and after not in [name for name, _ in pairs.values()]:
            pairs[before] = after, why
    return pairs


def _added(item: Property) -> Change:
    wanted = "files without it are refused" if item.required or item.primaryKey else "nobody reads it yet"
    return Change("added", item.name, "", item.logicalType, "compatible", wanted)


# -- one column -------------------------------------------------------------------------------------------------------


def _column(was: Property, now: Property) -> Iterator[Change]:
    if was.logicalType != now.logicalType:
        yield _type(now.name, was.logicalType, now.logicalType)
        return
    if was.physicalType != now.physicalType:
        yield Change("changed", now.name, was.physicalType, now.physicalType, "unknown",
                     "whether the new type holds the old values depends on who reads it")
    zones = [item.logicalTypeOptions.timezone for item in (was, now)]
    if zones[0] != zones[1]:
        yield Change("retyped", now.name, _zone(zones[0]), _zone(zones[1]), "breaking", "times are compared otherwise")
    yield from _flags(was, now)
    yield from _bounds(was, now)
    yield from _pattern(was, now)
    yield from _qualities(now.name, was.quality, now.quality)
    yield from _references(now.name, [each.to for each in was.relationships], [each.to for each in now.relationships])


def _type(name: str, was: str, now: str) -> Change:
    if (was, now) in _WIDER:
        return Change("widened", name, was, now, "compatible", "every value that there was is one of the new type")
    if (now, was) in _WIDER:
        return Change("narrowed", name, was, now, "breaking", "rows that are there need not be of the new type")
    return Change("retyped", name, was, now, "breaking", "who calculates with it or joins by it gets something else")


def _zone(zone: bool | None) -> str:
    return "any time" if zone is None else "with a time zone" if zone else "without a time zone"


def _columns(contract: Contract) -> dict[str, Property]:
    """The columns by name; a key of one column is as unique as one that is called so."""
    alone = sum(item.primaryKey for item in contract.properties) == 1
    return {item.name: replace(item, unique=item.unique or (alone and item.primaryKey)) for item in contract.properties}


def _flags(was: Property, now: Property) -> Iterator[Change]:
    came, went = now.primaryKey and not was.primaryKey, was.primaryKey and not now.primaryKey
    told = (came and now.unique) or (went and was.unique)  # by what is said of the key
    for name, before, after, lost in (
            ("required", was.required or was.primaryKey, now.required or now.primaryKey, "readers meet missing values"),
            ("unique", was.unique and not told, now.unique and not told, "who joins by it gets rows twice"),
            ("primaryKey", was.primaryKey and not (went and now.unique), now.primaryKey,
             "who joins by it gets rows twice")):
        if before and not after:
            yield Change("loosened", now.name, name, "", "breaking", lost)
        elif after and not before:
            yield _tightened(now.name, "", name)


def _tightened(name: str, was: str, now: str) -> Change:
    return Change("tightened", name, was, now, "compatible", "files that were good may be refused")


def _loosened(name: str, was: str, now: str) -> Change:
    return Change("loosened", name, was, now, "compatible", "readers meet values that there were none of")


def _bounds(was: Property, now: Property) -> Iterator[Change]:
    """Limits: a lower one that rises is tighter, an upper one that falls."""
    for key, up in (("minimum", True), ("exclusiveMinimum", True), ("minLength", True), ("minItems", True),
                    ("maximum", False), ("exclusiveMaximum", False), ("maxLength", False), ("maxItems", False)):
        before, after = (getattr(item.logicalTypeOptions, key) for item in (was, now))
        if before == after:
            continue
        tighter = before is None or (after is not None and (after > before) is up)
        yield (_tightened if tighter else _loosened)(now.name, _limit(key, before), _limit(key, after))
    if was.logicalTypeOptions.uniqueItems != now.logicalTypeOptions.uniqueItems:
        words = ("", "uniqueItems") if now.logicalTypeOptions.uniqueItems else ("uniqueItems", "")
        yield (_tightened if words[1] else _loosened)(now.name, *words)


def _limit(key: str, value: Any) -> str:
    return "" if value is None else f"{key} {value:g}" if isinstance(value, int | float) else f"{key} {value}"


def _pattern(was: Property, now: Property) -> Iterator[Change]:
    for key in ("pattern", "format", "multipleOf"):
        before, after = (getattr(item.logicalTypeOptions, key) for item in (was, now))
        if before == after:
            continue
        if before is None or after is None:
            yield (_tightened if before is None else _loosened)(now.name, _limit(key, before), _limit(key, after))
        else:
            yield Change("changed", now.name, _limit(key, before), _limit(key, after), "unknown",
                         "which of both allows more cannot be told")


def _qualities(name: str, was: Sequence[Quality], now: Sequence[Quality]) -> Iterator[Change]:
    """Quality rules by what they measure; valid values by which of them came and went."""
    before, after = ({_measured(each): each for each in rules if each.type != "text"} for rules in (was, now))
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if old is None or new is None:
            yield (_tightened if old is None else _loosened)(name, key if old else "", key if new else "")
        elif _asked(old) != _asked(new):
            yield _other_quality(name, key, old, new)


def _other_quality(name: str, key: str, old: Quality, new: Quality) -> Change:
    lists = [each.arguments.get("validValues") for each in (old, new)]
    if all(isinstance(each, list) for each in lists) and _bound(old) == _bound(new):
        less, more = ({str(value) for value in each or ()} for each in lists)
        came, went = ", ".join(sorted(more - less)), ", ".join(sorted(less - more))
        if not went:
            return Change("loosened", name, key, f"also {came}", "breaking", "who lists the values misses the new ones")
        if not came:
            return _tightened(name, key, f"without {went}")
    return Change("changed", name, key, f"{key}, otherwise", "unknown", "which of both allows more cannot be told")


def _measured(quality: Quality) -> str:
    return quality.metric or quality.name or quality.id or quality.query or quality.type


def _bound(quality: Quality) -> tuple[Any, ...]:
    return tuple(getattr(quality, key) for key in (
        "mustBe", "mustNotBe", "mustBeBetween", "mustNotBeBetween", "mustBeLessThan", "mustBeLessOrEqualTo",
        "mustBeGreaterThan", "mustBeGreaterOrEqualTo", "unit"))


def _asked(quality: Quality) -> tuple[Any, ...]:
    return (*_bound(quality), quality.arguments, quality.query, quality.type)


def _references(name: str, was: Sequence[str], now: Sequence[str]) -> Iterator[Change]:
    yield from (_loosened(name, f"is in {to}", "") for to in was if to not in now)
    yield from (_tightened(name, "", f"is in {to}") for to in now if to not in was)


# -- the whole --------------------------------------------------------------------------------------------------------


def _whole(old: Contract, new: Contract) -> Iterator[Change]:
    yield from _qualities("", old.schema[0].quality, new.schema[0].quality)
    yield from _references("", [each.to for each in old.schema[0].relationships],
                           [each.to for each in new.schema[0].relationships])
    if old.on_violation != new.on_violation:
        looser = new.on_violation == "warn"
        why = "bad rows come in" if looser else "bad rows are kept out" if old.on_violation == "warn" else \
            "what is bad is dealt with otherwise"
        yield Change("loosened" if looser else "tightened" if old.on_violation == "warn" else "changed", "",
                     old.on_violation, new.on_violation, "breaking" if looser else "compatible", why)
    for key, verdict, why in (("eventTime", "breaking", "windows are cut otherwise"),
                              ("entity", "breaking", "features are joined otherwise"),
                              ("partitionBy", "compatible", "an ingest puts the rows into the new partitions")):
        before, after = (_words(each.partition_by if key == "partitionBy" else each.custom(key)) for each in (old, new))
        if before != after:
            yield Change("changed", "", f"{key} {before}".strip(), f"{key} {after}".strip(),
                         "breaking" if verdict == "breaking" else "compatible", why)


def _words(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")
