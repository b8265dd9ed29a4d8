"""What came of what is what one finds by multiplying out the whole relation."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest

from mlops_tui.provenance.graph import Graph, inverted, reached
from mlops_tui.tracing.ancestry import Made as Data
from mlops_tui.tracing.ancestry import Node, source_of
from store.facts import Snapshot
from tests.conftest import History, Made


def reachable(count: int, edges: set[tuple[int, int]]) -> np.ndarray:
    """Which is reached from which: the relation multiplied with itself until nothing comes to it."""
    found = np.zeros((count, count), dtype=bool)
    for start, end in edges:
        found[start, end] = True
    for _ in range(count):
        found |= (found.astype(int) @ found.astype(int)) > 0
    return found


@pytest.mark.parametrize("seed", range(40))
def test_the_closure_of_a_random_dag_is_the_one_multiplied_out(seed: int) -> None:
    rng = random.Random(seed)
    count = rng.randint(1, 25)
    order = rng.sample(range(count), count)
    edges = {(order[a], order[b]) for a in range(count) for b in range(a + 1, count) if rng.random() < rng.random() / 2}
    nodes = [Node("state", "d", f"{number:02}") for number in range(count)]
    up = {nodes[end]: [nodes[start] for start, other in edges if other == end] for _, end in edges}
    down = {nodes[start]: [nodes[end] for other, end in edges if other == start] for start, _ in edges}
    there = reachable(count, edges)
    for number, node in enumerate(nodes):
        assert set(reached(down, [node])) == {nodes[each] for each in np.flatnonzero(there[number])}
        assert set(reached(up, [node])) == {nodes[each] for each in np.flatnonzero(there[:, number])}


@pytest.mark.parametrize("seed", range(20))
def test_pipelines_of_any_shape_are_read_as_they_ran(history: History, seed: int) -> None:
    """Steps with random inputs: what the history tells of them is what they were made from."""
    rng = random.Random(seed)
    documents: dict[str, bytes] = {}
    edges: set[tuple[int, int]] = set()
    count = rng.randint(2, 15)
    for number in range(count):
        inputs = [each for each in range(number) if rng.random() < 0.3]
        edges |= {(each, number) for each in inputs}
        if not inputs:
            history.add(Snapshot(subject=f"raw{number}", snapshot=f"id{number}", parent="", rows=1, bytes=1,
                                 source=f"f{number}.csv {number:016x}"))
            continue
        names = {(f"s{each}" if any(end == each for _, end in edges) else f"raw{each}"): f"id{each}" for each in inputs}
        documents[f"key{number}"] = json.dumps({"inputs": names}).encode()
        history.add(Snapshot(subject=f"p.s{number}", snapshot=f"id{number}", parent="", rows=1, bytes=1,
                             source="pipeline p", key=f"key{number}"))
    made = Graph(Data(documents.get, {}, frozenset())).take(history.entries)
    there = reachable(count, edges)
    by_id = {node.version: node for node in made.parents if node.kind == "state"}
    for number in range(count):
        up = reached(made.parents, [by_id[f"id{number}"]])
        assert {node.version for node in up if node.kind == "state"} == {
            f"id{each}" for each in np.flatnonzero(there[:, number])}
        roots = [each for each in range(count) if not any(end == each for _, end in edges)]
        assert {node.name for node in up if node.kind == "file"} == {
            f"f{each}.csv" for each in roots if each == number or there[each, number]}


def state(dataset: str, id: str, source: str, **more: str) -> Snapshot:
    return Snapshot(subject=dataset, snapshot=id, parent="", rows=1, bytes=1, source=source, **more)


def test_a_prediction_leads_back_to_the_files_it_was_made_from(history: History, made: Made) -> None:
    history.add(
        state("flights", "f1", "a.csv " + "1" * 16), state("airports", "a1", "airports.csv " + "2" * 16),
        state("m.features", "x1", "windows"), state("m.training", "t1", "train m", key="k"),
        state("m.scores", "s1", "train m"), replace(made.trained(training="t1", scores="s1"), subject="m"),
        state("flights", "f2", "b.csv " + "3" * 16 + ", c.csv " + "4" * 16),
        state("airports", "a2", "new.csv " + "5" * 16),
        state("m.features", "x2", "windows"), state("m.predictions", "p1", "score m@1"),
        state("flights", "f1", "restore"), state("other", "o1", "stream orders"),
        state("v.view", "v1", "feature build"),
        state("flights.windows", "w1", "windows flights"), state("flights.quarantine", "q1", "d.csv " + "6" * 16),
        state("flights", "f3", "replay of batch 6666"), state("flights.quarantine", "q2", "discard of batch 6666"))
    found = Graph(Data({}.get, {"m": ("flights", "airports"), "v.view": ("airports",)},
                       frozenset(("flights", "m.features", "flights.quarantine")))).take(history.entries)
    up = reached(found.parents, [Node("state", "m.predictions", "p1")])
    files = {node.name for node in up if node.kind == "file"}
    assert files == {"a.csv", "b.csv", "c.csv", "airports.csv", "new.csv"}
    model = reached(found.parents, [Node("model", "m", "1")])
    assert {node.name for node in model if node.kind == "file"} == {"a.csv", "airports.csv"}, "not what came later"
    down = set(reached(inverted(found.parents), [Node("file", "c.csv", "4" * 16)]))
    assert {str(node) for node in down} == {"flights@f2", "m.features@x2", "m.predictions@p1"}, "f1 was restored"
    assert found.parents[Node("state", "flights", "f3")] == {
        Node("state", "flights", "f1"), Node("state", "flights.quarantine", "q1")}
    assert found.parents[Node("state", "flights.quarantine", "q2")] == {Node("state", "flights.quarantine", "q1")}
    assert found.parents[Node("state", "v.view", "v1")] == {Node("state", "airports", "a2")}
    assert found.parents[Node("state", "flights.windows", "w1")] == {Node("state", "flights", "f1")}
    assert set(reached(inverted(found.parents), [Node("state", "m.training", "t1")])) == {
        Node("model", "m", "1"), Node("state", "m.scores", "s1"), Node("state", "m.predictions", "p1")}
    assert found.parents[Node("state", "airports", "a2")] == {Node("file", "new.csv", "5" * 16)}, "it was replaced"
    assert found.parents[Node("state", "other", "o1")] == {Node("file", "stream orders")}


def test_rows_of_which_nothing_says_whence_are_told_apart(history: History) -> None:
    facts = [state("flights", "f1", ""), state("flights", "f2", "discard of batch 6666"),
             state("flights", "f3", "erase OO-1"), state("m.features", "x1", "windows")]
    history.add(*facts)
    found = Graph(Data({}.get, {}, frozenset(("flights",)))).take(history.entries)
    assert found.data.unexplained == {Node("state", "flights", "f1"), Node("state", "m.features", "x1")}


@pytest.mark.parametrize("names", [("a, b.csv", "c.csv"), (f"x.csv {'1' * 16}, y.csv",), ("2 a.csv", "b\n.csv")])
def test_no_name_of_a_file_passes_for_two(history: History, names: tuple[str, ...]) -> None:
    source = source_of((name, f"{place:064x}") for place, name in enumerate(names, 10**60))
    history.add(state("flights", "f1", source))
    found = Graph(Data({}.get, {}, frozenset())).take(history.entries)
    files = sorted(found.parents[Node("state", "flights", "f1")])
    assert [(each.name, each.version) for each in files] == sorted(
        (name.replace(", ", ","), f"{place:064x}"[:16]) for place, name in enumerate(names, 10**60))
