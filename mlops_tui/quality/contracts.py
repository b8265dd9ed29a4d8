"""A data contract compiled to rules over the rows of a file."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

from mlops_tui.declarations.odcs import Contract, CustomProperty, Property, Quality, Relationship
from mlops_tui.errors import BadInput, Misfit, nearest
from mlops_tui.quality.logicaltypes import NEVER, Value, instant, raw, value_of
from mlops_tui.quality.optionrules import option_rules, unlike
from mlops_tui.quality.rowrules import Bound, Comparison, Compiled, Latency, Reference, Rule, key_alias
from store.quoting import literal, quote

Place = Callable[[str], str]
Known = Callable[[str], Sequence[str] | None]

_NUMBERS = ("integer", "number")
_MUST: tuple[tuple[str, Comparison], ...] = (
    ("mustBe", "="), ("mustNotBe", "!="), ("mustBeLessThan", "<"), ("mustBeLessOrEqualTo", "<="),
    ("mustBeGreaterThan", ">"), ("mustBeGreaterOrEqualTo", ">="))
_ARGUMENTS = {"missingValues": ("missingValues",), "invalidValues": ("validValues", "pattern"),
              "duplicateValues": ("properties",)}
_COUNTED = re.compile(r"\s*select\s+count\(\s*\*\s*\)\s+from\s+(\S+)\s+where\s+(.+?)\s*;?\s*",
                      re.IGNORECASE | re.DOTALL)
_NESTED = re.compile(r"\b(select|from|with)\b|;|--|/\*", re.IGNORECASE)


def nowhere(_: str) -> str:
    return ""


def compiled(contract: Contract, columns: Mapping[str, str], *, zone: str = "", place: Place = nowhere,
             known: Known | None = None, sparse: bool = False, file: str = "The file") -> Compiled:
    """The contract's rules for a file that has those columns (name → DuckDB type).

    `zone`: the time zone in which a partition column `day` is taken from the event time. `place`: where a property is
    declared. `known`: the columns of a dataset that a foreign key names, None while it has no data (not given: none can
    be looked up). `sparse`: an optional column may be missing, as in JSON. `file`: what errors call the file. BadInput
    where the contract contradicts itself or the columns.
    """
    return _Compiler(contract, columns, place, known, sparse, file).compiled(zone)


class _Compiler:
    def __init__(self, contract: Contract, columns: Mapping[str, str], place: Place, known: Known | None,
                 sparse: bool, file: str) -> None:
        self.contract, self.columns, self.place, self.known = contract, columns, place, known
        self.sparse, self.file = sparse, file
        self.names = [item.name for item in contract.properties]
        self.unchecked: list[str] = []
        self.references: list[Reference] = []

    def wrong(self, what: str, name: str, next: str = "") -> BadInput:
        return BadInput(what, where=self.place(name), next=next or "Change the contract, or the file.")

    @cached_property
    def object(self) -> str:
        return self.contract.schema[0].name

    def compiled(self, zone: str) -> Compiled:
        self._check_names()
        values = {item.name: value_of(item, self.columns.get(item.name, "NULL")) for item in self.contract.properties}
        partition, derived = self._partition(zone)
        found = [rule for item in self.contract.properties for rule in self._column(item, values[item.name])]
        found += self._table()
        rules: dict[str, Rule] = {}
        for rule in found:
            if rule.id not in rules or rules[rule.id].broken != rule.broken or rules[rule.id].bound != rule.bound:
                rules[_free(rule.id, rules)] = rule
        named = tuple(_renamed(rule, id) for id, rule in rules.items())
        sort = self.contract.custom("sortBy") or self.contract.key
        latency = self._latency(zone)
        if latency is not None:
            named = (*named, latency.rule)
        return Compiled(values, named, tuple(self.references), partition, derived,
                        (sort,) if isinstance(sort, str) else tuple(sort), tuple(self.unchecked),
                        tuple(name for name in self.columns if name not in values and name not in derived), latency)

    # -- the contract against itself and the file's columns -----------------------------------------------------

    def _check_names(self) -> None:
        if not self.names:
            raise self.wrong("The contract declares no properties.", self.object)
        for name in self.names:
            if self.names.count(name) > 1:
                raise self.wrong(f"The contract declares '{name}' twice.", name)
        for item in self.contract.properties:
            optional = self.sparse and not (item.required or item.primaryKey)
            if item.name not in self.columns and not optional:
                free = [name for name in self.columns if name not in self.names]
                has = ", ".join(self.columns) or "no columns"
                raise Misfit(f"{self.file} has no column '{item.name}'.", where=self.place(item.name),
                             next=nearest(item.name, free) or f"It has {has}.")
        for each in ("eventTime", "entity", "sortBy", "dataSubject"):
            named = self.contract.custom(each) or ()
            for name in (named,) if isinstance(named, str) else named:
                self._declared(str(name), each)
        allowed = ("quarantine", "reject", "warn")
        if self.contract.on_violation not in allowed:
            raise self.wrong(f"onViolation is '{self.contract.on_violation}'.", "onViolation",
                             f"It may be {', '.join(allowed)}.")

    def _declared(self, name: str, what: str, place: str = "") -> None:
        if name not in self.names:
            hint = nearest(name, self.names) or f"Declared: {', '.join(self.names)}."
            raise self.wrong(f"{what} names '{name}', which the contract does not declare.", place or what, hint)

    def _partition(self, zone: str) -> tuple[tuple[str, ...], dict[str, str]]:
        derived: dict[str, str] = {}
        for name in self.contract.partition_by:
            time = self.contract.custom("eventTime")
            if name == "day" and name not in self.names and time:
                self._declared(str(time), "eventTime")
                zoned = instant(value_of(self._property(str(time)), self.columns.get(str(time), "NULL")).type)
                moment = f"timezone({literal(zone)}, {quote(str(time))})" if zoned and zone else quote(str(time))
                derived[name] = f"strftime({moment}, '%Y-%m-%d')"
            else:
                self._declared(name, "partitionBy")
                if name == "day" and self._property(name).logicalType not in ("string", "date"):
                    raise self.wrong("A partition named 'day' is a date, such as 2013-06-01; the column 'day' is "
                                     f"declared {self._property(name).logicalType}.", "partitionBy",
                                     "Give the column another name; without it, day is taken from the event time.")
        return self.contract.partition_by, derived

    def _latency(self, zone: str) -> Latency | None:
        """The agreement on how old the newest event time may be; a late batch warns, for refusing it makes it later."""
        for each in self.contract.slaProperties:
            if each.property != "latency":
                continue
            name = each.element.rpartition(".")[2] or str(self.contract.custom("eventTime") or "")
            times = [item for item in self.contract.properties if item.name == name
                     and item.logicalType in ("timestamp", "date")]
            span = each.span()
            if not times or span is None:
                missing = "no event time is declared" if span else f"{each.value} {each.unit} is no span of time"
                self.unchecked.append(f"latency: {missing}")
                continue
            type = value_of(times[0], self.columns.get(name, "NULL")).type
            utc = f"timezone({literal(zone)}, CAST({quote(name)} AS TIMESTAMP))" if zone else quote(name)
            says = f"the newest value at most {each.value:g} {each.unit} old"
            return Latency(Rule(name, "latency", None, says, warns=True), quote(name) if instant(type) else utc,
                           span.total_seconds())
        return None

    def _property(self, name: str) -> Property:
        return next(item for item in self.contract.properties if item.name == name)

    def _must_be_there(self, item: Property) -> bool:
        return item.required or item.primaryKey or item.name in self._placing()

    def _placing(self) -> set[str]:
        """The columns that say to which partition a row belongs."""
        by_time = "day" in self.contract.partition_by and "day" not in self.names
        return {*self.contract.partition_by, *([str(self.contract.custom("eventTime"))] if by_time else [])}

    # -- rules about one column ---------------------------------------------------------------------------------

    def _column(self, item: Property, value: Value) -> Iterator[Rule]:
        warns = _warns(item.customProperties, self.wrong, item.name)
        for rule in self._own(item, value):
            yield replace(rule, warns=(warns or rule.warns) and not rule.hard)

    def _own(self, item: Property, value: Value) -> Iterator[Rule]:
        name, column = item.name, quote(item.name)
        if self._must_be_there(item):
            yield Rule(name, "required", f"NOT {value.present}", "a value", hard=name in self._placing())
        strange = f"{value.present} AND {column} IS NULL AND NOT {value.unzoned}"
        yield Rule(name, "type", NEVER if value.fits else strange, item.logicalType, hard=True)
        zone = item.logicalTypeOptions.timezone
        if value.unzoned != NEVER or (item.logicalType == "timestamp" and zone is not None):
            wanted = "with a time zone" if zone else "without a time zone"
            yield Rule(name, "time_zone", value.unzoned, wanted, hard=True)
        if item.unique or self._single_key(item):
            yield self._unique((name,))
        yield from option_rules(item, self.wrong, self.unchecked)
        for quality in item.quality:
            yield from self._quality(quality, item, value)
        for relationship in item.relationships:
            yield from self._foreign(relationship, item.name, value.type)

    def _single_key(self, item: Property) -> bool:
        return item.primaryKey and sum(each.primaryKey for each in self.contract.properties) == 1

    def _unique(self, names: tuple[str, ...], name: str = "unique") -> Rule:
        return Rule(",".join(names), name, f'{key_alias(names)}."#again" IS NOT NULL', "no value twice", key=names)

    # -- quality rules and relationships ------------------------------------------------------------------------

    def _quality(self, quality: Quality, item: Property, value: Value) -> Iterator[Rule]:
        """A metric of the standard's library: rows that break it are bad, once there are more than it allows."""
        name, column = item.name, quote(item.name)
        bound, label = self._bound(quality, name), quality.name or quality.metric or quality.type
        if quality.type == "text":  # for people
            return
        self._unused(quality, name)
        if quality.type == "custom" or (quality.metric is None and quality.type == "library"):
            self.unchecked.append(f"{name}: {quality.type} rule {quality.description or quality.name}".strip())
        elif quality.metric == "rowCount":
            raise self.wrong("rowCount is a rule of the whole schema, not of a property.", name)
        elif bound is None:
            self.unchecked.append(f"{name}: {label} has no bound that rows can be held against")
        elif quality.type == "sql":
            yield from self._sql(quality, name, bound, column)
        else:
            for rule in self._metric(quality, item, value):
                yield _bounded(rule, bound)

    def _unused(self, quality: Quality, name: str) -> None:
        """Say which arguments of a metric nothing is made of."""
        used = _ARGUMENTS.get(quality.metric or "", ())
        self.unchecked += [f"{name}: the argument {each} of {quality.metric}" for each in quality.arguments
                           if quality.metric and each not in used]

    def _metric(self, quality: Quality, item: Property, value: Value) -> Iterator[Rule]:
        """The rows that a library metric counts."""
        name, column, arguments = item.name, quote(item.name), quality.arguments
        if quality.metric == "nullValues":
            yield Rule(name, "required", f"NOT {value.present}", "a value")
        elif quality.metric == "missingValues":
            texts = [each for each in self._values(quality, item, "missingValues") if each is not None]
            named = f" OR CAST({raw(name)} AS VARCHAR) IN ({', '.join(literal(str(each)) for each in texts)})"
            yield Rule(name, "missing_values", f"(NOT {value.present}{named if texts else ''})", "a value")
        elif quality.metric == "duplicateValues":
            yield self._unique((name,))
        elif not {"validValues", "pattern"} & set(arguments):
            raise self.wrong("invalidValues needs the argument validValues or pattern.", name)
        if "validValues" in arguments:
            valid = self._values(quality, item, "validValues")
            says = "one of " + ", ".join(str(each) for each in valid)
            yield Rule(name, "valid_values", _outside(column, valid, value.type), says)
        if "pattern" in arguments:
            yield Rule(name, "pattern", unlike(column, str(arguments["pattern"])), f"matches {arguments['pattern']}")

    def _values(self, quality: Quality, item: Property, key: str) -> Sequence[Any]:
        given = quality.arguments.get(key)
        if not isinstance(given, list) or not given:
            raise self.wrong(f"{quality.metric} needs a list of {key}.", item.name)
        if key == "validValues" and item.logicalType in _NUMBERS:
            strange = [each for each in given if not isinstance(each, int | float)]
            if strange:
                raise self.wrong(f"'{item.name}' is declared {item.logicalType}, but {strange[0]!r} is among its valid "
                                 "values.", item.name)
        return given

    def _bound(self, quality: Quality, name: str) -> Bound | None:
        """The bound that a quality rule states; None where it states none that rows can be held against."""
        counts_bad = quality.metric != "rowCount"
        stated = self._bounds(quality, name)
        usable = [bound for bound in stated if not counts_bad or bound.comparison in ("<", "<=")
                  or (bound.comparison == "=" and bound.value == 0)]
        return usable[0] if len(stated) == len(usable) == 1 else None

    def _bounds(self, quality: Quality, name: str) -> list[Bound]:
        """What a quality rule allows; a number of bad rows between 0 and n is one of at most n."""
        if quality.unit not in ("", "rows", "percent"):
            raise self.wrong(f"'{quality.unit}' is not a unit.", name, "It may be rows or percent.")
        given = [(sign, getattr(quality, key)) for key, sign in _MUST if getattr(quality, key) is not None]
        between = quality.mustBeBetween
        if between and (len(between) != 2 or between[0] > between[1]):
            raise self.wrong(f"mustBeBetween is {list(between)}.", name, "Write the lower number first: [1, 100].")
        if between and not (quality.metric != "rowCount" and between[0] <= 0):
            given.append((">=", between[0]))
        given += [("<=", between[1])] if between else []
        whole = [Bound(sign, float(value), quality.unit == "percent") for sign, value in given]
        return [] if quality.mustNotBeBetween or (len(whole) > 1 and not between) else whole

    def _sql(self, quality: Quality, name: str, bound: Bound, column: str = "") -> Iterator[Rule]:
        """`SELECT COUNT(*) FROM {object} WHERE condition`: the condition is true for a bad row."""
        found = _COUNTED.fullmatch(quality.query)
        label = re.sub(r"\W+", "_", quality.name or quality.id or "sql").strip("_").lower()
        own = ("{object}", "${object}", "{table}", "${table}", self.object, self.contract.name, self.contract.id)
        if found is None or found[1].strip('"') not in own or _NESTED.search(found[2]):
            self.unchecked.append(f"{name}: SQL rule {label}: only SELECT COUNT(*) FROM {{object}} WHERE …, over the "
                                  "row's own columns, is checked")
            return
        condition = found[2].replace("${property}", column).replace("{property}", column)
        yield _bounded(Rule(name, label, f"({condition})", quality.description or f"not {condition}"), bound)

    def _foreign(self, relationship: Relationship, name: str, type: str) -> Iterator[Rule]:
        found = re.fullmatch(r"(?:schema/|/schema/)?([\w-]+)(?:\.|/properties/)(\w+)", relationship.to)
        if found is None:
            raise self.wrong(f"'{name}' refers to '{relationship.to}'.", name, "Write dataset.column.")
        if self.known is None:
            self.unchecked.append(f"{name}: foreign key to {relationship.to}: there is no project to look it up in")
            return
        there = self.known(found[1])
        if there is None:
            self.unchecked.append(f"{name}: foreign key to {relationship.to}: '{found[1]}' has no data yet")
            return
        if found[2] not in there:
            raise self.wrong(f"'{name}' refers to '{relationship.to}', but '{found[1]}' has no such column.", name,
                             nearest(found[2], there) or f"It has {', '.join(there)}.")
        reference = Reference(name, type, found[1], found[2])
        self.references.append(reference)
        broken = f'{quote(name)} IS NOT NULL AND {reference.alias}."#key" IS NULL'
        yield Rule(name, "foreign_key", broken, f"is in {relationship.to}",
                   _warns(relationship.customProperties, self.wrong, name))

    # -- rules about the table ----------------------------------------------------------------------------------

    def _table(self) -> Iterator[Rule]:
        primary = sorted((item for item in self.contract.properties if item.primaryKey),
                         key=lambda item: item.primaryKeyPosition)
        if len(primary) > 1:
            yield self._unique(tuple(item.name for item in primary))
        for quality in self.contract.schema[0].quality:
            yield from self._whole(quality)
        for relationship in self.contract.schema[0].relationships:
            column = relationship.from_.rpartition(".")[2]
            self._declared(column, "a relationship", column)
            item = self._property(column)
            yield from self._foreign(relationship, column, value_of(item, self.columns.get(column, "NULL")).type)

    def _whole(self, quality: Quality) -> Iterator[Rule]:
        bound = self._bound(quality, self.object)
        if quality.type == "text":
            return
        self._unused(quality, self.object)
        if quality.metric == "rowCount" and (bounds := self._bounds(quality, self.object)):
            for each in bounds:
                yield Rule(self.object, "row_count", None, f"{each} rows", bound=each)
        elif quality.metric == "duplicateValues" and bound is not None:
            names = tuple(str(each) for each in quality.arguments.get("properties") or ())
            if not names:
                raise self.wrong("duplicateValues of a schema needs the argument properties.", self.object)
            for name in names:
                self._declared(name, "duplicateValues", self.object)
            yield _bounded(self._unique(names), bound)
        elif quality.type == "sql" and bound is not None:
            yield from self._sql(quality, self.object, bound)
        elif quality.metric is not None and bound is not None:
            raise self.wrong(f"{quality.metric} is a rule of a property, not of the whole schema.", self.object)
        else:
            self.unchecked.append(f"{self.object}: {quality.name or quality.metric or quality.type} rule "
                                  f"{quality.description}".strip())


def _warns(properties: Sequence[CustomProperty], wrong: Callable[..., BadInput], name: str) -> bool:
    value = next((item.value for item in properties if item.property == "onViolation"), "quarantine")
    if value not in ("quarantine", "warn"):
        raise wrong(f"onViolation of '{name}' is '{value}'.", name, "It may be quarantine or warn.")
    return bool(value == "warn")


def _bounded(rule: Rule, bound: Bound) -> Rule:
    """The rule with the number of rows that may break it; none may where the bound is zero."""
    strict = bound.value == 0 or (bound.comparison == "<" and bound.value <= 1 and not bound.percent)
    return rule if strict else replace(rule, says=f"{rule.says} (broken by {bound} rows)", bound=bound)


def _free(id: str, taken: Mapping[str, Rule]) -> str:
    """The id, numbered where another rule has it."""
    names = (id, *(f"{id}_{number}" for number in range(2, len(taken) + 2))) if id in taken else (id,)
    return next(name for name in names if name not in taken)


def _renamed(rule: Rule, id: str) -> Rule:
    return replace(rule, name=id.removeprefix(f"{rule.column}:"))


def _outside(column: str, valid: Sequence[Any], type: str) -> str:
    """Where there is a value and it is none of those."""
    values = ", ".join(f"CAST({literal(str(each))} AS {type})" for each in valid if each is not None)
    return f"{column} NOT IN ({values})"
