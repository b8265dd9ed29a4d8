"""What of a dataset somebody sees: which columns are left out or empty, in which of its parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mlops_tui.access.policy import EVERYBODY, Decision, Policy, Request, Rule, decide
from mlops_tui.access.resources import Pattern, Resource
from mlops_tui.errors import Denied

if TYPE_CHECKING:
    from store.lake import FileRef, Manifest

Partition = Mapping[str, str]


@dataclass(frozen=True)
class Sight:
    """Of one part of a dataset: columns that are not there for the reader, and such that are there without values."""

    left_out: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()


WHOLE = Sight()


@dataclass(frozen=True)
class Asked:
    """Who wants to read a dataset with which columns. `derived`: it has no contract of its own."""

    request: Request
    columns: tuple[str, ...]

    @property
    def dataset(self) -> Resource:
        return self.request.resource

    def decided(self, policy: Policy, column: str | None = None, partition: Partition | None = None) -> Decision:
        asked = self.dataset
        of = Resource(asked.kind, asked.name, column, partition, asked.derived)
        mine = self.request
        return decide(policy, Request(mine.actor, mine.action, of, mine.now, mine.purpose))


def sights(policy: Policy, asked: Asked, partitions: Sequence[Partition]) -> list[Sight | None]:
    """What is seen of each part, None where nothing is; Denied where nothing may be seen of the dataset at all."""
    mine = _mine(policy, asked)
    whole = asked.decided(Policy(mine))
    if not whole.allowed:
        raise refused(asked, whole)
    if not any(rule.pattern.narrow for rule in mine):
        return [WHOLE] * len(partitions)
    narrowed, keys = Policy(mine), {key for rule in mine for key, _ in (*rule.pattern.partition, *rule.pattern.unless)}
    known: dict[tuple[tuple[str, str], ...], Sight | None] = {}
    found = []
    for partition in partitions:
        part = tuple((key, value) for key, value in partition.items() if key in keys)
        if part not in known:
            known[part] = _sight(narrowed, asked, dict(part))
        found.append(known[part])
    return found


def _mine(policy: Policy, asked: Asked) -> tuple[Rule, ...]:
    """The rules that say something of the reader now, of whatever part."""
    one = asked.request
    return tuple(rule for rule in policy.of(one.actor).about(one.action, asked.dataset) if rule.stands(one))


def _sight(policy: Policy, asked: Asked, partition: Partition) -> Sight | None:
    decided = {column: asked.decided(policy, column, partition) for column in asked.columns}
    left_out = tuple(name for name, each in decided.items() if not each.allowed and not each.masked)
    if len(left_out) == len(decided):
        return None
    return Sight(left_out, tuple(name for name, each in decided.items() if each.masked))


def seen(policy: Policy, asked: Asked, manifest: "Manifest") -> "Manifest":
    """A snapshot as somebody sees it: files without what he may see of them are not there, nor columns that he sees in
    none; Denied where he may not read the dataset at all."""
    found = sights(policy, asked, [file.partition for file in manifest.files])
    if all(sight == WHOLE for sight in found):
        return manifest
    files, columns = list["FileRef"](), set[str]()
    for file, sight in zip(manifest.files, found, strict=True):
        if sight is None:
            continue
        columns |= set(manifest.columns) - set(sight.left_out)
        shown = tuple(name for name in manifest.columns if name not in (*sight.left_out, *sight.emptied))
        files.append(file if sight == WHOLE else replace(file, shown=shown, emptied=sight.emptied))
    kept = {name: kind for name, kind in manifest.columns.items() if name in columns or not files}
    return replace(manifest, columns=kept, files=tuple(files))


def refused(asked: Asked, decision: Decision) -> Denied:
    """Why somebody may not read a dataset."""
    name, actor = asked.dataset.name, asked.request.actor.name
    where = decision.by.where if decision.by is not None else "access/"
    return Denied(f"{actor} may not {asked.request.action} '{name}': {decision.why}.", where=where,
                  next=f"Try: mlops-tui access can {actor} {asked.request.action} {asked.dataset}")


@dataclass(frozen=True)
class Bounds:
    """What somebody may not see of what a project declares: parts of some datasets, columns (dataset, column), whole
    datasets."""

    parts: frozenset[str] = field(default_factory=frozenset)
    cells: frozenset[tuple[str, str]] = field(default_factory=frozenset)
    datasets: frozenset[str] = field(default_factory=frozenset)

    def __bool__(self) -> bool:
        return bool(self.parts or self.cells or self.datasets)

    def __or__(self, other: "Bounds") -> "Bounds":
        return Bounds(self.parts | other.parts, self.cells | other.cells, self.datasets | other.datasets)

    @property
    def columns(self) -> frozenset[str]:
        """The columns by name alone."""
        return frozenset(column for _, column in self.cells)

    def touch(self, dataset: str) -> bool:
        """Whether anything of a dataset is kept back."""
        return dataset in self.datasets or dataset in self.parts or any(dataset == each for each, _ in self.cells)


def barred(kept_back: Bounds) -> tuple[Rule, ...]:
    """The rules that keep from a reader what is kept from somebody who reads along."""
    patterns = [*(Pattern("dataset", name, column) for name, column in sorted(kept_back.cells)),
                *(Pattern("dataset", name) for name in sorted(kept_back.datasets))]
    return tuple(Rule("deny", frozenset({EVERYBODY}), "read", each, firm=True, said="kept from who reads along")
                 for each in patterns)


def bounds(policy: Policy, request: Request, schema: Mapping[str, Sequence[str]]) -> Bounds:
    """What the reader may not see of the datasets of a schema; columns count where they are empty, too."""
    parts, cells, datasets = set[str](), set[tuple[str, str]](), set[str]()
    for name, names in schema.items():
        asked = Asked(Request(request.actor, request.action, Resource("dataset", name), request.now, request.purpose),
                      tuple(names))
        mine = Policy(_mine(policy, asked))
        if not asked.decided(mine).allowed:
            datasets.add(name)
            continue
        if not any(rule.pattern.narrow for rule in mine.rules):
            continue
        if _in_parts(mine):
            parts.add(name)
        for column in names:
            found = asked.decided(mine, column)
            if not found.allowed:
                cells.add((name, column))
    return Bounds(frozenset(parts), frozenset(cells), frozenset(datasets))


def _in_parts(mine: Policy) -> bool:
    """Whether some parts may be seen and others not: denied, and no glass is broken; or none but parts are allowed."""
    narrow = [rule for rule in mine.rules if rule.pattern.partition or rule.pattern.unless]
    whole = {rule.effect for rule in mine.rules if rule not in narrow and not rule.pattern.column}
    denied = any(rule.firm or "glass" not in whole for rule in narrow if rule.effect in ("deny", "mask"))
    return denied or (bool(narrow) and not whole & {"allow", "glass"})
