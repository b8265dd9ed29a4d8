"""What can be asked for, and the patterns that name it: a `*` stands for any characters, and for nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from mlops_tui.declarations.accessrules import wrong_resource
from mlops_tui.errors import BadInput


@dataclass(frozen=True)
class Resource:
    """A dataset, a column of it, a part of it; a model; an endpoint; a command.

    Where `column` or `partition` is None, the question is whether there is anything in it that is allowed. `derived`: a
    dataset without a contract of its own, to which goes what is said of a column of that name in any dataset.
    """

    kind: str
    name: str
    column: str | None = None
    partition: Mapping[str, str] | None = field(default=None, hash=False)
    derived: bool = False

    def __str__(self) -> str:
        parts = "".join(f"/partition/{key}={value}" for key, value in (self.partition or {}).items())
        return f"{self.kind}/{self.name}{parts}" + (f"/column/{self.column}" if self.column is not None else "")


def resource(text: str) -> Resource:
    """`dataset/flights/partition/tenant=acme/column/fare` as a resource; BadInput says what would be one.

    >>> str(resource("command/incident resolve"))
    'command/incident/resolve'
    """
    words = text.replace(" ", "/") if text.startswith("command/") else text
    if wrong := wrong_resource(words):
        raise BadInput(f"'{text}' is no resource.", next=wrong)
    kind, _, rest = words.partition("/")
    if kind != "dataset":
        return Resource(kind, rest)
    rest, _, column = rest.partition("/column/")
    name, *parts = rest.split("/partition/")
    pairs = {key: value for key, _, value in (each.partition("=") for each in parts)}
    return Resource(kind, name, column or None, pairs or None)


@lru_cache(maxsize=4096)
def matches(pattern: str, text: str) -> bool:
    """Whether the text is the pattern with something in place of each `*`.

    >>> [matches("a*c", each) for each in ("abc", "ac", "acb")], matches("[ab]?", "a")
    ([True, True, False], False)
    """
    first, *rest = pattern.split("*")
    if not rest:
        return pattern == text
    if not text.startswith(first) or len(text) < len(pattern) - len(rest):
        return False
    place = len(first)
    for piece in rest[:-1]:
        found = text.find(piece, place)
        if found < 0:
            return False
        place = found + len(piece)
    return text.endswith(rest[-1]) and len(text) - len(rest[-1]) >= place


@dataclass(frozen=True)
class Pattern:
    """Which resources a rule is about. `unless`: not those of which every key has one of these values."""

    kind: str
    name: str
    column: str = ""
    partition: tuple[tuple[str, str], ...] = ()
    unless: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def narrow(self) -> bool:
        """Whether it is about a part of something."""
        return bool(self.column or self.partition or self.unless)

    def named(self, name: str, *, derived: bool = False) -> bool:
        """Whether it is about what has the name, or what the name is a part of: `flights.quarantine` is of `flights`,
        `incident resolve` of `incident`."""
        apart = "/" if self.kind == "command" else "."
        return (derived and self.narrow) or matches(self.name, name) or any(
            matches(self.name, name[:place]) for place, each in enumerate(name) if each == apart)

    def covers(self, asked: Resource, *, sure: bool) -> bool:
        """Whether it is about the resource. `sure`: it must be about it in any case; else it is enough that it may be.

        A part of which it is not known whether it belongs to the partition is not surely of it, and may be.
        """
        if self.kind != asked.kind or not self.named(asked.name, derived=asked.derived and not sure):
            return False
        if self.column and not (sure if asked.column is None else matches(self.column, asked.column)):
            return False
        if asked.partition is None:
            return sure or not (self.partition or self.unless)
        for key, value in self.partition:
            found = asked.partition.get(key)
            if (sure and found is None) or (found is not None and not matches(value, found)):
                return False
        return not self.unless or any(asked.partition.get(key) not in values for key, values in self.unless)


@lru_cache(maxsize=4096)
def pattern(text: str) -> Pattern:
    """The pattern that a rule's resource is."""
    found = resource(text)
    return Pattern(found.kind, found.name, found.column or "", tuple((found.partition or {}).items()))
