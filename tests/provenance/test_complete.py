"""A chain is whole exactly where every way back ends at a source: held against all ways, one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_tui.provenance.complete import TOLD, Break, chain, told
from mlops_tui.provenance.graph import Graph
from mlops_tui.tracing.ancestry import Made, Node

COUNT = 8
KINDS = st.lists(st.sampled_from(["file", "nothing", "stream", "state"]), min_size=COUNT, max_size=COUNT)
EDGES = st.lists(st.tuples(st.integers(0, COUNT - 1), st.integers(0, COUNT - 1)), max_size=20)


def node(number: int, kind: str) -> Node:
    return {"file": Node("file", f"{number}.csv", f"{number:016x}"), "nothing": Node("file", f"somewhere {number}"),
            "stream": Node("file", f"stream {number}"), "state": Node("state", "d", str(number))}[kind]


def ways(parents: dict[int, set[int]], start: int, kinds: list[str], gone: tuple[int, ...] = ()) -> list[str]:
    """How each way back from a thing ends: a kind of source, `lost` where it goes nowhere, `round` in a circle."""
    if start in gone:
        return ["round"]
    if kinds[start] != "state":
        return [kinds[start]]
    if not parents.get(start):
        return ["lost"]
    return [end for each in sorted(parents[start]) for end in ways(parents, each, kinds, (*gone, start))]


@given(KINDS, EDGES)
def test_it_breaks_where_a_way_back_is_lost_and_nowhere_else(kinds: list[str], edges: list[tuple[int, int]]) -> None:
    kinds[0] = "state"
    parents: dict[int, set[int]] = {each: set() for each, kind in enumerate(kinds) if kind == "state"}
    for child, parent in edges:
        if child in parents and child != parent:
            parents[child].add(parent)
    graph = Graph(Made(lambda key: None, {}, frozenset()))
    for child, those in parents.items():
        graph.lead(node(child, "state"), [node(each, kinds[each]) for each in those])
    ends = set(ways(parents, 0, kinds))
    found = chain(graph, node(0, "state"))
    assert found.whole == (not ends & {"lost", "nothing"} and bool(ends & {"file", "stream"})), (ends, found.breaks)
    assert found.files == len({each for each in found.nodes if each.kind == "file" and each.version})


@given(st.sampled_from(["finding", "alert", "foreign", "promotion", "decision"]))
def test_nothing_but_data_is_part_of_a_chain(kind: str) -> None:
    graph = Graph(Made(lambda key: None, {}, frozenset()))
    graph.lead(node(1, "state"), [Node(kind, "x")])  # type: ignore[arg-type]
    assert [each.why for each in chain(graph, node(1, "state")).breaks] == ["nothing says what it was made from"]
    graph.lead(node(1, "state"), [node(2, "file")])
    graph.lead(node(2, "file"), [Node("foreign", "s3 x")])
    found = chain(graph, node(1, "state"))
    assert (found.whole, found.nodes) == (True, {node(2, "file")})


def test_the_digest_is_of_the_chain_alone() -> None:
    def made(*files: int) -> str:
        graph = Graph(Made(lambda key: None, {}, frozenset()))
        graph.lead(node(1, "state"), [node(each, "file") for each in files])
        return chain(graph, node(1, "state")).digest

    assert made(2, 3) == made(3, 2) != made(2)


@pytest.mark.parametrize(("count", "last"), [(1, "d@0: why"), (TOLD, f"d@{TOLD - 1}: why"), (TOLD + 2, "and 2 more")])
def test_many_breaks_are_counted(count: int, last: str) -> None:
    said = told([Break(node(each, "state"), "why") for each in range(count)])
    assert (len(said), said[-1]) == (min(count, TOLD + 1), last)
