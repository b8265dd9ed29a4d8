"""What came of what, from source file to decision, as the history tells it; foreign events are told apart."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from mlops_tui.tracing.ancestry import Made, Node
from store.facts import (
    AlertEvent,
    Approval,
    BoardEvent,
    Fact,
    Finding,
    Foreign,
    IncidentEvent,
    Promotion,
    Proposal,
    SignOff,
    Snapshot,
)

if TYPE_CHECKING:
    from store.ledger import Entry

Leads = Mapping[Node, Iterable[Node]]
FILES, MODELS = "/files", "/models"  # after our own namespace: what an event calls our source files and versions
KINDS = ("snapshot", "trained", "promotion", "approval", "sign_off", "board", "finding", "alert", "incident",
         "proposal", "foreign")
# what data are made of; the rest follows from data, and data never from it
DATA = ("file", "state", "step", "model")
WORDS = {"foreign": ("foreign run or dataset", "foreign runs and datasets"), "file": ("source file", "source files"),
         "state": ("state of a dataset", "states of datasets"), "step": ("pipeline step", "pipeline steps"),
         "model": ("model version", "model versions"), "promotion": ("promotion", "promotions"),
         "endpoint": ("endpoint", "endpoints"), "prediction": ("prediction", "predictions"),
         "outcome": ("outcome", "outcomes"), "finding": ("finding", "findings"), "alert": ("alert", "alerts"),
         "incident": ("incident", "incidents"), "decision": ("decision", "decisions")}


def reached(leads: Leads, starts: Iterable[Node], depth: int | None = None) -> dict[Node, int]:
    """Everything that `leads` reaches from `starts`, these left out, with how many steps away it is at the nearest; no
    further than `depth`."""
    begun = set(starts)
    found: dict[Node, int] = {}
    ahead, steps = list(begun), 0
    while ahead and (depth is None or steps < depth):
        steps += 1
        after: list[Node] = []
        for node in ahead:
            for each in leads.get(node, ()):
                if each not in found and each not in begun:
                    found[each] = steps
                    after.append(each)
        ahead = after
    return found


def inverted(leads: Leads) -> dict[Node, set[Node]]:
    """The same relation, looked at from the other end."""
    found: dict[Node, set[Node]] = {}
    for node, others in leads.items():
        for each in others:
            found.setdefault(each, set()).add(node)
    return found


def circles(leads: Leads) -> list[tuple[Node, ...]]:
    """Every set of things that lead to each other (Tarjan's strongly connected components, without recursion), sorted;
    what leads to itself is one alone."""
    index: dict[Node, int] = {}
    low: dict[Node, int] = {}
    stack, on = list[Node](), set[Node]()
    found: list[tuple[Node, ...]] = []
    for root in leads:
        work: list[tuple[Node, Iterator[Node]]] = []
        if root not in index:
            work.append((root, _begun(root, leads, index, low, stack, on)))
        while work:
            node, others = work[-1]
            for each in others:
                if each not in index:
                    work.append((each, _begun(each, leads, index, low, stack, on)))
                    break
                if each in on:
                    low[node] = min(low[node], index[each])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    circle = list(_until(stack, node))
                    on.difference_update(circle)
                    if len(circle) > 1 or node in leads.get(node, ()):
                        found.append(tuple(sorted(circle)))
    return sorted(found)


def _until(stack: list[Node], node: Node) -> Iterator[Node]:
    """What lies on the stack down to the node, taken off."""
    while True:
        yield (top := stack.pop())
        if top == node:
            return


def _begun(node: Node, leads: Leads, index: dict[Node, int], low: dict[Node, int], stack: list[Node],
           on: set[Node]) -> Iterator[Node]:
    index[node] = low[node] = len(index)
    stack.append(node)
    on.add(node)
    return iter(leads.get(node, ()))


@dataclass
class Graph:
    """The history as one graph; it learns entry by entry, and can be given more at any time.

    `parents`: each thing with what it was made from. `by`: the entry that made it. `own`: how the project is called in
    events that it gives away (a namespace). `promoted`: the promotions of a model in order; `found`: the finding of an
    entry; `judged` and `signed`: the gate of a version, and what people decided of it; `files`: the source files of a
    name, and `written` the foreign datasets of it; `claims`: what foreign events say of our own data; `digests`: the
    SHA-256 of a source file by its beginning, where the history has it whole.
    """

    data: Made
    own: str = ""
    by: dict[Node, "Entry"] = field(default_factory=dict)
    upto: int = 0
    promoted: dict[str, list[Node]] = field(default_factory=dict)
    found: dict[int, Node] = field(default_factory=dict)
    judged: dict[str, Node] = field(default_factory=dict)
    signed: dict[str, set[Node]] = field(default_factory=dict)
    files: dict[str, set[Node]] = field(default_factory=dict)
    written: dict[str, set[tuple[Node, str]]] = field(default_factory=dict)
    claims: dict[str, None] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def parents(self) -> dict[Node, set[Node]]:
        return self.data.parents

    def made_at(self, node: Node) -> datetime | None:
        """When it was made, as far as the history tells."""
        return self.data.at.get(node)

    def promoted_at(self, model: str, seq: int | None = None) -> Node | None:
        """The promotion by which a version served when that entry was made, or serves now."""
        before = [each for each in self.promoted.get(model, ()) if seq is None or int(each.version) < seq]
        return before[-1] if before else None

    def nodes(self) -> set[Node]:
        """Everything that is in it, also what is only named as a parent."""
        return {*self.parents, *(each for parents in self.parents.values() for each in parents)}

    def take(self, entries: "Sequence[Entry]") -> "Graph":
        """Learn what the entries say that came after the last one it knows."""
        for entry in entries:
            if entry.seq > self.upto:
                self._take(entry)
                self.upto = entry.seq
        return self

    def lead(self, node: Node, parents: Iterable[Node], entry: "Entry | None" = None) -> None:
        """It was made from these."""
        self.parents.setdefault(node, set()).update(each for each in parents if each != node)
        if entry is not None:
            self.by.setdefault(node, entry)
            self.data.at.setdefault(node, entry.effective_at)

    def _take(self, entry: "Entry") -> None:
        made = self.data.take(entry)
        if made is not None:
            self.by.setdefault(made, entry)
            self._after(made, entry)
        rule = _RULES.get(type(entry.fact))
        if rule is not None:
            rule(self, entry, entry.fact)

    def _after(self, made: Node, entry: "Entry") -> None:
        """What follows from a new state besides its parents: when its files were taken in, by which promotion it
        answers."""
        fact = entry.fact
        for parent in self.parents.get(made, ()):
            if parent.kind == "file":
                self.files.setdefault(parent.name, set()).add(parent)
                self.data.at.setdefault(parent, entry.effective_at)
                self._same(parent.name)
        if isinstance(fact, Snapshot) and made.name.endswith(".predictions"):
            served = self.promoted_at(made.name.removesuffix(".predictions"))
            if served is not None and served.name == fact.source.removeprefix("score "):
                self.lead(made, [served])

    def _about(self, fact: Finding) -> list[Node]:
        """What a finding was made from: the states that it names; where it names none that is known, the state that its
        subject had."""
        name = fact.subject.partition("@")[0]
        seen = [each for id in fact.data for each in self.data.known.get(id, {}).values()]
        version = [Node("model", name, fact.version)] if fact.version else []
        parts = (".predictions", ".features") if fact.version else (".features", ".predictions")
        states = [self.data.current[each] for each in (name, *(name + part for part in parts))
                  if each in self.data.current][:1]
        return [*(seen or states), *version]

    def _finding(self, entry: "Entry", fact: Finding) -> None:
        node = Node("finding", f"{fact.check} of {fact.subject}", str(entry.seq))
        self.found[entry.seq] = node
        self.lead(node, self._about(fact), entry)
        self.digests |= {str(each)[:16]: str(each) for each in fact.detail.get("digests", ())}
        if fact.check == "gate":
            self.judged[f"{fact.subject}@{fact.version}"] = node

    def _alert(self, entry: "Entry", fact: AlertEvent) -> None:
        if fact.subject.startswith("AL-"):
            found = self.found.get(fact.finding or 0)
            self.lead(Node("alert", fact.subject), [found] if found is not None else [], entry)

    def _incident(self, entry: "Entry", fact: IncidentEvent) -> None:
        self.lead(Node("incident", fact.subject), [Node("alert", fact.alert)] if fact.alert else [], entry)

    def _approval(self, entry: "Entry", fact: Approval) -> None:
        about = next((word for word in fact.argv[1:] if "@" in word), "")
        name, _, version = about.partition("@")
        because = [Node("model", name, version)] if about else []
        because += [self.judged[about]] if about in self.judged else []
        self.lead(Node("decision", fact.subject), because, entry)

    def _sign_off(self, entry: "Entry", fact: SignOff) -> None:
        node = Node("decision", f"{fact.item} of {fact.subject}", str(entry.seq))
        self.signed.setdefault(fact.subject, set()).add(node)
        self.lead(node, self._version_or_state(fact.subject), entry)

    def _board(self, entry: "Entry", fact: BoardEvent) -> None:
        node = Node("decision", fact.subject)
        if fact.about:
            self.signed.setdefault(fact.about, set()).add(node)
        self.lead(node, self._version_or_state(fact.about), entry)

    def _version_or_state(self, subject: str) -> list[Node]:
        """What a person judged: a version of a model, or a dataset as it was then."""
        name, _, version = subject.partition("@")
        state = self.data.current.get(name)
        return [Node("model", name, version)] if version else [state] if state is not None else []

    def _promotion(self, entry: "Entry", fact: Promotion) -> None:
        subject = f"{fact.subject}@{fact.version}"
        node = Node("promotion", subject, str(entry.seq))
        decided = [Node("decision", fact.approval)] if fact.approval else []
        self.lead(node, [Node("model", fact.subject, fact.version), *decided, *self.signed.get(subject, ())], entry)
        self.promoted.setdefault(fact.subject, []).append(node)

    def _proposal(self, entry: "Entry", fact: Proposal) -> None:
        if fact.event == "proposed":
            came = Node("incident", fact.origin)
            self.lead(Node("decision", fact.subject), [came] if came in self.parents else [], entry)

    def _foreign(self, entry: "Entry", fact: Foreign) -> None:
        run = Node("foreign", fact.subject, fact.run)
        self.lead(run, [], entry)
        for name in fact.inputs:
            self.lead(run, [self._outside(name, fact.versions.get(name, ""))])
        for name in fact.outputs:
            node = self._outside(name)
            if node.kind != "foreign" or name.partition(" ")[0].startswith(self.own or " "):
                self.claims[f"{fact.subject} claims to have written {name.partition(' ')[2]}, of which our own history "
                            "tells"] = None
                continue
            self.lead(node, [run])
            last = name.rpartition(" ")[2].rpartition("/")[2]
            self.written.setdefault(last, set()).add((node, fact.versions.get(name, "")))
            self._same(last)

    def _outside(self, name: str, version: str = "") -> Node:
        """A dataset of an event; ours where it bears our namespace and we have it: the state, version or file that it
        names, else the state as it was when the event came."""
        namespace, _, dataset = name.partition(" ")
        ours: Node | None = None
        if self.own and namespace == self.own:
            ours = self.data.known.get(version, {}).get(dataset) or self.data.current.get(dataset)
        elif self.own and namespace == f"{self.own}{FILES}":
            there = sorted(self.files.get(dataset, ()))
            ours = next((each for each in there if version.startswith(each.version)), None)
        elif self.own and namespace == f"{self.own}{MODELS}":
            ours = next((each for each in [Node("model", dataset, version)] if each in self.parents), None)
        return ours or Node("foreign", name)

    def _same(self, name: str) -> None:
        """Source files are the foreign datasets of their name, whichever was told first; where an event says a digest,
        the file that has it."""
        for node, version in self.written.get(name, ()):
            for file in self.files.get(name, ()):
                if node.kind == "foreign" and (not version or (file.version and version.startswith(file.version))):
                    self.lead(file, [node])


_RULES: dict[type[Fact], Callable[..., None]] = {
          Finding: Graph._finding, AlertEvent: Graph._alert, IncidentEvent: Graph._incident,
          Approval: Graph._approval, SignOff: Graph._sign_off, Promotion: Graph._promotion, Proposal: Graph._proposal,
          BoardEvent: Graph._board, Foreign: Graph._foreign}
