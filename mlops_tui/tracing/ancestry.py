"""What was made from what, from source file to prediction, as the history tells it: pure."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal, NamedTuple

from store.facts import Snapshot, Trained

if TYPE_CHECKING:
    from store.ledger import Entry

Kind = Literal["file", "state", "step", "model", "promotion", "endpoint", "prediction", "outcome", "finding", "alert",
               "incident", "decision", "foreign"]
Documents = Callable[[str], bytes | None]
ADDS_NOTHING = ("discard", "compact", "erase")  # what is done to rows that are there already
PARTS = ("features", "training", "scores", "predictions")  # what a model's own datasets are called
DIGEST = 16  # characters of a file's digest that a state's source has
_FILE = re.compile(r"(?P<name>.+?) (?P<digest>[0-9a-f]{16})(?:, |\Z)", re.DOTALL)


class Node(NamedTuple):
    """A source file, a state of a dataset, a pipeline's step with its key, a version of a model; or what follows from
    these: a promotion, an endpoint, an answer, its outcome, a finding, an alert, an incident, a decision. `foreign`:
    what somebody else's events tell of."""

    kind: Kind
    name: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.version[:12]}" if self.version else self.name


@dataclass
class Made:
    """What the history tells of data and models, entry by entry: `parents`, each thing with what it was made from.

    `documents` gives what a step depended on, by its key. `reads`: the datasets that a model's features, or a stored
    view (`delays.view`), are made from. `carried`: the datasets whose states keep what they had, because they are
    partitioned. `unexplained`: states that got rows of which nothing says whence.
    """

    documents: Documents
    reads: Mapping[str, Collection[str]]
    carried: frozenset[str]
    parents: dict[Node, set[Node]] = field(default_factory=dict)
    at: dict[Node, datetime] = field(default_factory=dict)
    current: dict[str, Node] = field(default_factory=dict)
    known: dict[str, dict[str, Node]] = field(default_factory=dict)
    unexplained: set[Node] = field(default_factory=set)

    def take(self, entry: "Entry") -> Node | None:
        """Learn what an entry says; the state or version that it made, or None where it made none."""
        if isinstance(entry.fact, Snapshot) and not entry.fact.tag:
            return self._state(entry.subject, entry.fact, entry.recorded_at)
        return self._version(entry.fact, entry.recorded_at) if isinstance(entry.fact, Trained) else None

    def _leads(self, node: Node, at: datetime, parents: Iterable[Node]) -> None:
        self.parents.setdefault(node, set()).update(each for each in parents if each != node)
        self.at.setdefault(node, at)

    def _state(self, dataset: str, fact: Snapshot, at: datetime) -> Node:
        node = Node("state", dataset, fact.snapshot)
        before, self.current[dataset] = self.current.get(dataset), node
        self.known.setdefault(fact.snapshot, {})[dataset] = node
        if fact.source == "restore":
            return node
        whole = self._step(node, fact, at) or self._model(node, fact, at)
        if whole is None:
            named = self._named_by(dataset, fact.source)
            self._leads(node, at, named)
            if not named and fact.source.partition(" ")[0] not in ADDS_NOTHING:
                self.unexplained.add(node)
            whole = dataset not in self.carried
        if before is not None and (fact.source.partition(" ")[0] in ("compact", "erase") or not whole):
            self._leads(node, at, [before])
        return node

    def _step(self, node: Node, fact: Snapshot, at: datetime) -> bool | None:
        """The state as a pipeline's step made it: all of it."""
        document = self.documents(fact.key) if fact.source.startswith("pipeline ") else None
        if document is None:
            return None
        step = Node("step", node.name, fact.key)
        pipeline = fact.source.removeprefix("pipeline ")
        inputs = [self._named(pipeline, name, id) for name, id in json.loads(document).get("inputs", {}).items()]
        self._leads(step, at, inputs)
        self._leads(node, at, [step])
        return True

    def _named(self, pipeline: str, name: str, snapshot: str) -> Node:
        """The state that a step read by a name: another step's result, or a dataset's."""
        there = self.known.get(snapshot, {})
        return there.get(f"{pipeline}.{name}") or there.get(name) or Node("state", name, snapshot)

    def _named_by(self, dataset: str, source: str) -> list[Node]:
        """What a source names: files, another dataset as it is now, or nothing that is new."""
        first, _, rest = source.partition(" ")
        others = {"windows": (rest,), "replay": (f"{dataset}.quarantine",), "discard": (), "compact": (), "erase": (),
                  "feature": tuple(self.reads.get(dataset, ())) if rest == "build" else None}.get(first)
        if others is None:
            return _files(source)
        return [self.current[name] for name in others if name in self.current]

    def _model(self, node: Node, fact: Snapshot, at: datetime) -> bool | None:
        """Features, training rows, scores or predictions of a model, made from what was current then."""
        model, _, part = node.name.rpartition(".")
        words = fact.source.split(" ")
        if words[0] not in ("windows", "train", "score") or part not in PARTS:
            return None
        needed: list[Node | None] = []
        if part == "features":
            needed = [self.current.get(name) for name in self.reads.get(model, ())]
        elif part == "training":
            label = list(self.reads.get(model, ()))[:1]
            needed = [self.current.get(name) for name in (f"{model}.features", *label)]
        elif part == "predictions":
            needed = [self.current.get(f"{model}.features"), Node("model", model, words[-1].partition("@")[2])]
        self._leads(node, at, [each for each in needed if each is not None])
        if None in needed or (part == "features" and not needed):
            self.unexplained.add(node)
        return part in ("training", "scores")

    def _version(self, fact: Trained, at: datetime) -> Node:
        node = Node("model", fact.subject, fact.version)
        self._leads(node, at, [Node("state", f"{fact.subject}.training", fact.training)] if fact.training else [])
        if fact.scores:
            self._leads(Node("state", f"{fact.subject}.scores", fact.scores), at, [node])
        return node


def source_of(files: Iterable[tuple[str, str]]) -> str:
    """How a state names the files that it came from: each by its name and the beginning of its digest. A comma in a
    name loses the blank after it, so that no name can pass for two."""
    return ", ".join(f"{name.replace(', ', ',')} {digest[:DIGEST]}" for name, digest in files)


def _files(source: str) -> list[Node]:
    """The files that a state's source names, each with the beginning of its hash; anything else it says is one."""
    found = list(_FILE.finditer(source))
    if found and sum(len(each[0]) for each in found) == len(source):
        return [Node("file", each["name"], each["digest"]) for each in found]
    return [Node("file", source)] if source else []
