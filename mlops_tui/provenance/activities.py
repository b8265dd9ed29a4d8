"""What was done, run by run, with what went in and what came out, as the history tells it."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from mlops_tui.provenance.graph import Graph
from mlops_tui.tracing.ancestry import Node
from store.facts import Run, Snapshot, Trained

if TYPE_CHECKING:
    from store.ledger import Entry

KINDS = ("snapshot", "trained", "run")
_STATES = {"done": "COMPLETE", "failed": "FAIL", "cancelled": "ABORT"}


@dataclass(frozen=True)
class Activity:
    """One run that has ended: `state` is COMPLETE, FAIL or ABORT. `part_of` is the id and job of the run around it."""

    id: str
    job: str
    began: datetime
    ended: datetime
    actor: str
    state: str = "COMPLETE"
    inputs: tuple[Node, ...] = ()
    outputs: tuple[Node, ...] = ()
    part_of: tuple[str, str] | None = None
    error: str = ""
    entry: "Entry | None" = None


def activities(graph: Graph, entries: "Sequence[Entry]") -> Iterator[Activity]:
    """Every run that has ended, in the order in which it did; the steps of a pipeline within its run.

    A pipeline's run of which no end was recorded was aborted when the next one began; the newest such may still go on,
    and is left out.
    """
    made = {node: entry for node, entry in graph.by.items() if node.kind in ("state", "model")}
    first = {entry.seq: node for node, entry in made.items()}
    began: dict[str, Entry] = {}
    for entry in entries:
        fact = entry.fact
        if isinstance(fact, Run):
            yield from _of_pipeline(graph, entry, fact, began)
        elif entry.seq in first and isinstance(fact, Snapshot | Trained):
            node = first[entry.seq]
            if not (isinstance(fact, Snapshot) and fact.run):  # its step tells of it
                yield _made(graph, node, entry, f"{_verb(fact)}/{node.name}")


def _id(graph: Graph, *words: str) -> str:
    """Always the same for the same run of the same project."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "/".join((graph.own, *words))))


def _verb(fact: Snapshot | Trained) -> str:
    """What was done, in a word: `ingest`, `windows`, `train`, `score`, `build`, `stream`."""
    if isinstance(fact, Trained):
        return "train"
    word = fact.source.partition(" ")[0]
    return {"windows": "windows", "train": "train", "score": "score", "feature": "build", "stream": "stream",
            "replay": "replay", "discard": "discard", "compact": "compact", "restore": "restore"}.get(word, "ingest")


def _made(graph: Graph, node: Node, entry: "Entry", job: str) -> Activity:
    inputs = sorted(each for each in graph.parents.get(node, ()) if each.kind in ("file", "state", "model")
                    and (each.kind, each.name) != ("state", node.name))
    return Activity(_id(graph, str(entry.seq), entry.hash), job, entry.effective_at, entry.effective_at, entry.actor,
                    inputs=tuple(inputs), outputs=(node,), entry=entry)


def _of_pipeline(graph: Graph, entry: "Entry", fact: Run, began: "dict[str, Entry]") -> Iterator[Activity]:
    job, id = f"pipeline/{fact.subject}", _id(graph, "run", fact.run)
    if not fact.step:
        before = began.pop(fact.subject, None)
        if before is not None and isinstance(before.fact, Run) and before.fact.run != fact.run:
            yield Activity(_id(graph, "run", before.fact.run), job, before.effective_at, entry.effective_at,
                           before.actor, "ABORT", error="its end was never recorded", entry=before)
        if fact.status == "running":
            began[fact.subject] = entry
        elif fact.status in _STATES:
            yield Activity(id, job, _start(entry, fact), entry.effective_at, entry.actor, _STATES[fact.status],
                           error=fact.detail if fact.status == "failed" else "", entry=entry)
        return
    if fact.status not in _STATES:
        return
    dataset = f"{fact.subject}.{fact.step}"
    inputs = sorted(graph.parents.get(Node("step", dataset, fact.key), ()))
    outputs = (Node("state", dataset, fact.snapshot),) if fact.snapshot else ()
    yield Activity(_id(graph, "run", fact.run, fact.step), f"pipeline/{dataset}", _start(entry, fact),
                   entry.effective_at, entry.actor, _STATES[fact.status], tuple(inputs), outputs, (id, job),
                   fact.detail if fact.status == "failed" else "", entry)


def _start(entry: "Entry", fact: Run) -> datetime:
    return entry.effective_at - timedelta(seconds=fact.seconds or 0.0)
