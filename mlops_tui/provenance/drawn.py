"""A part of the graph as a picture and as a table: counts where there would be walls."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mlops_tui.provenance.graph import WORDS, Leads
from mlops_tui.tracing.ancestry import PARTS, Node
from mlops_tui.view import Column, Row, Series, Table, counted

TOLD_APART = 2  # as many of a kind are drawn one by one
ORDER = ("foreign", "file", "state", "step", "model", "decision", "promotion", "endpoint", "prediction", "outcome",
         "finding", "alert", "incident")
TELLING = ("file", "model", "incident", "prediction", "promotion", "decision", "alert", "finding", "foreign", "outcome",
           "endpoint", "step", "state")
TOLD = 3  # kinds that a title names
CHECKS = 4  # with more checks, findings are drawn as one
TOGETHER = ("alert", "incident", "decision", "promotion", "model", "foreign", "prediction", "outcome", "endpoint")

MadeAt = Callable[[Node], datetime | None]


def said(nodes: Iterable[Node]) -> str:
    """How many of the kinds that tell most, in words: `528 source files and 3 model versions`."""
    kinds = [node.kind for node in nodes]
    there = [kind for kind in TELLING if kind in kinds]
    words = [counted(kinds.count(kind), *WORDS[kind]) for kind in there[:TOLD]]
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else "".join(words)


def grouped_files(leads: Leads, files: Collection[Node]) -> dict[Node, str]:
    """The dataset that each source file came into; the first by name where it came into several."""
    into: dict[Node, str] = {}
    for node, parents in leads.items():
        for parent in parents if node.kind == "state" else ():
            if parent.kind == "file" and parent in files:
                into[parent] = min(into.get(parent, node.name), node.name)
    return into


@dataclass
class _Groups:
    """Which nodes are drawn as one, and what that one is called."""

    leads: Leads
    nodes: Collection[Node]
    into: dict[Node, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        inside = {node: self.leads[node] for node in self.nodes if node in self.leads}
        self.into = grouped_files(inside, {each for parents in inside.values() for each in parents})
        self.models = {node.name for node in self.nodes if node.kind == "model"}
        self.kinds = [node.kind for node in self.nodes]
        self.checks = {node.name.partition(" of ")[0] for node in self.nodes if node.kind == "finding"}

    def name(self, node: Node) -> str:
        """What stands for the node, without how many there are."""
        if node.kind == "file":
            return f"files of {self.into[node]}" if node in self.into else node.name
        if node.kind == "finding":
            return node.name.partition(" of ")[0] if len(self.checks) < CHECKS else WORDS["finding"][1]
        if node.kind == "outcome":
            return "outcome"
        if node.kind in TOGETHER:
            few = self.kinds.count(node.kind) <= TOLD_APART
            return (f"promotion {node.name}" if node.kind == "promotion" else str(node)) if few else WORDS[node.kind][1]
        model, _, part = node.name.rpartition(".")
        return part if part in PARTS and self.models == {model} else node.name

    def names(self) -> dict[Node, str]:
        """Each node with what stands for it, and how many others that stands for."""
        called = {node: self.name(node) for node in self.nodes}
        many: dict[str, int] = {}
        for name in called.values():
            many[name] = many.get(name, 0) + 1
        return {node: f"{many[name]:,} {name}" if many[name] > 1 else name for node, name in called.items()}


def picture(id: str, title: str, leads: Leads, nodes: Collection[Node]) -> Series:
    """What leads to what, from left to right. A line that would close a circle is left out, and one that a longer way
    leads along too: the table tells of all."""
    names = _Groups(leads, nodes).names()
    rank = {name: ORDER.index(node.kind) for node, name in names.items()}
    edges = {(names[parent], names[node]) for node in nodes for parent in leads.get(node, ())
             if parent in names and names[parent] != names[node]}
    kept: dict[str, set[str]] = {}
    for start, end in sorted(edges, key=lambda edge: (rank[edge[1]] < rank[edge[0]], rank[edge[0]], edge)):
        if not _leads_to(kept, end, start):
            kept.setdefault(start, set()).add(end)
    drawn = [(start, end) for start in sorted(kept, key=lambda name: (rank[name], name)) for end in sorted(kept[start])
             if not any(_leads_to(kept, other, end) for other in kept[start] - {end})]
    return Series(id, "graph", tuple(start for start, _ in drawn), tuple(end for _, end in drawn),
                  names=tuple(sorted(set(names.values()))), title=title)


def _leads_to(leads: Mapping[str, set[str]], start: str, end: str) -> bool:
    found, ahead = set[str](), [start]
    while ahead:
        name = ahead.pop()
        if name == end:
            return True
        if name not in found:
            found.add(name)
            ahead += leads.get(name, ())
    return False


def groups(sides: Mapping[str, Collection[Node]], leads: Leads, made_at: MadeAt) -> Table:
    """One row for each kind and name on each side: how many there are, and the newest of them."""
    rows: list[Row] = []
    for side, nodes in sides.items():
        found: dict[tuple[str, str], list[Node]] = {}
        naming = _Groups(leads, nodes)
        for node in nodes:
            name = naming.name(node) if node.kind == "file" else node.name.partition(" of ")[0] \
                if node.kind in ("finding", "state", "step") else WORDS[node.kind][1]
            found.setdefault((node.kind, name), []).append(node)
        for (kind, name), each in sorted(found.items(), key=lambda item: (ORDER.index(item[0][0]), item[0][1])):
            newest = max(each, key=lambda node: (str(made_at(node) or ""), _number(node)))
            rows.append({"side": side, "kind": kind, "name": name, "count": len(each), "newest": str(newest),
                         "made_at": made_at(newest)})
    return Table.of("groups", rows, Column("side", worth=1), Column("kind", worth=-1), Column("name", worth=3),
                    Column("count", worth=2), Column("newest", cut=24, worth=-2), Column("made_at", "made", worth=-3))


def _number(node: Node) -> tuple[int, str]:
    """In which order things of one moment are told: by the numbers that they bear; files by their names."""
    digits = "" if node.kind == "file" else "".join(filter(str.isdecimal, node.version or node.name))[-12:]
    return int(digits or 0), str(node)
