"""Whether a chain back to its sources is whole, and where it breaks: foreign events close no gap."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mlops_tui.provenance.graph import DATA, Graph, reached
from mlops_tui.tracing.ancestry import Node

# what `snapshot take` and streams write of a source that is no file which was taken in: its rows are in the lake alone
_OUTSIDE = re.compile(r"stream .+|.+ \([a-z]+(, .+)?\)", re.DOTALL)
TOLD = 5  # breaks that are named


@dataclass(frozen=True, order=True)
class Break:
    """Where a chain ends that should go on, and why."""

    node: Node
    why: str

    def __str__(self) -> str:
        return f"{self.node}: {self.why}"


@dataclass(frozen=True)
class Chain:
    """What something was made of, down to its sources. `files` have a digest; `outside` are tables and streams."""

    node: Node
    nodes: frozenset[Node]
    breaks: tuple[Break, ...]

    @property
    def whole(self) -> bool:
        return not self.breaks

    @property
    def files(self) -> int:
        return sum(node.kind == "file" and bool(node.version) for node in self.nodes)

    @property
    def outside(self) -> int:
        return sum(node.kind == "file" and not node.version for node in self.nodes)

    @property
    def digest(self) -> str:
        """Of everything in the chain: the same chain, the same digest."""
        lines = sorted(f"{node.kind}\0{node.name}\0{node.version}" for node in (*self.nodes, self.node))
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def chain(graph: Graph, node: Node, without: Iterable[Node] = ()) -> Chain:
    """The chain of data behind something: what our own history tells, whatever foreign events say. `without`: what it
    is not asked to come from."""
    left_out = set(without)
    leads = _Data(graph, left_out)
    nodes = frozenset(reached(leads, [node]))
    breaks = [found for each in (node, *sorted(nodes)) if (found := _broken(graph, each, leads)) is not None]
    if not breaks and not any(each.kind == "file" for each in nodes):
        breaks = [Break(node, "it leads round in a circle and to no source")]
    return Chain(node, nodes, tuple(breaks))


class _Data(dict[Node, list[Node]]):
    """What leads to what among data, looked up as it is asked for."""

    def __init__(self, graph: Graph, left_out: set[Node]) -> None:
        super().__init__()
        self._parents, self._left_out = graph.parents, left_out

    def get(self, node: Node, default: object = None) -> list[Node]:
        if node.kind == "file":
            return []
        return [each for each in self._parents.get(node, ()) if each.kind in DATA and each not in self._left_out]


def _broken(graph: Graph, node: Node, leads: _Data) -> Break | None:
    """Why the chain ends at a node, where it should not."""
    if node.kind == "file":
        if node.version or _OUTSIDE.fullmatch(node.name):
            return None
        return Break(node, "it is called the source, and no digest of a file, no table and no stream stands there")
    if node in graph.data.unexplained:
        return Break(node, "it got rows, and nothing says where these come from")
    if leads.get(node):
        return None
    if node not in graph.by and node not in graph.parents:
        return Break(node, "it is named, and the history does not tell how it was made")
    if node.kind == "model":
        return Break(node, "it was trained elsewhere: no rows are known that it learned from")
    return Break(node, "nothing says what it was made from")


def told(breaks: Sequence[Break]) -> tuple[str, ...]:
    """The first breaks in words, and how many more there are."""
    more = len(breaks) - TOLD
    return (*map(str, breaks[:TOLD]), *([f"and {more:,} more"] if more > 0 else []))
