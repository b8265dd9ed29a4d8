"""What it costs to fold a long history into a graph, and to ask it what something comes from; CPU seconds.

`python -m tests.bench.provenance`: years of a project that takes in files every day, and a random graph of 100,000.
"""

import json
import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import process_time
from typing import TypeVar

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import breadth_first_order

from mlops_tui.provenance.complete import chain
from mlops_tui.provenance.graph import Graph, circles, inverted, reached
from mlops_tui.tracing.ancestry import Made, Node
from store.facts import AlertEvent, Fact, Finding, Snapshot
from store.ledger import Entry

T = TypeVar("T")
START = datetime(2003, 1, 1, tzinfo=UTC)


def history(days: int) -> list[Entry]:
    """A file a day, its features, predictions, three findings, and an alert every week."""
    facts: list[Fact] = []

    def state(dataset: str, day: int, source: str) -> Snapshot:
        return Snapshot(subject=dataset, snapshot=f"{dataset}{day}", parent="", rows=1, bytes=1, source=source)

    for day in range(days):
        facts += [state("flights", day, f"{day}.parquet {day:016x}"), state("m.features", day, "windows"),
                  state("m.predictions", day, "score m@1")]
        facts += [Finding(subject="m", check=check, status="pass", title="", version="1", data=(f"m.predictions{day}",))
                  for check in ("drift", "performance", "calibration")]
        if day % 7 == 0:
            facts.append(AlertEvent(subject=f"AL-{day}", event="fired", finding=len(facts)))
    return [Entry(seq, fact.kind, fact.subject, START + timedelta(hours=seq), START, "a", fact, "")
            for seq, fact in enumerate(facts, 1)]


def timed(found: dict[str, float], name: str, ask: Callable[[], T]) -> T:
    start = process_time()
    answer = ask()
    found[name] = round(process_time() - start, 3)
    return answer


def main(days: int = 15_000, nodes: int = 100_000) -> dict[str, object]:
    """The figures; for the random graph SciPy's compiled search over integers is the referee, and the limit."""
    seconds: dict[str, float] = {}
    entries = history(days)
    made = Made(lambda key: None, {"m": ["flights"]}, frozenset({"flights", "m.features", "m.predictions"}))
    graph = timed(seconds, "fold", lambda: Graph(made).take(entries))
    last = Node("state", "m.predictions", f"m.predictions{days - 1}")
    up = timed(seconds, "closure_up", lambda: reached(graph.parents, [last]))
    timed(seconds, "closure_down", lambda: reached(inverted(graph.parents), [Node("file", "0.parquet", f"{0:016x}")]))
    timed(seconds, "chain", lambda: chain(graph, last))
    rng = random.Random(1)
    edges = [(each, rng.randrange(each)) for each in range(1, nodes) for _ in range(3)]
    many = [Node("state", "d", str(each)) for each in range(nodes)]
    leads: dict[Node, set[Node]] = {}
    for each, other in edges:
        leads.setdefault(many[each], set()).add(many[other])
    mine = timed(seconds, "random_closure", lambda: reached(leads, [many[-1]]))
    matrix = coo_array((np.ones(len(edges)), tuple(np.transpose(edges))), shape=(nodes, nodes)).tocsr()
    theirs = timed(seconds, "random_closure_scipy_on_integers",
                   lambda: breadth_first_order(matrix, nodes - 1, return_predecessors=False))
    assert set(mine) == {many[each] for each in theirs[1:]}
    timed(seconds, "random_circles", lambda: circles(leads))
    return {"entries": len(entries), "nodes": len(graph.nodes()), "reached": len(up), "random_nodes": nodes,
            "random_reached": len(mine), "cpu_seconds": seconds}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(), indent=1) + "\n")
