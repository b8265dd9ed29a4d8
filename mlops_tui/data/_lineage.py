"""A thing's ancestry and what came of it, as a picture of groups and as one line for each of its parts."""

from collections.abc import Iterable, Mapping

from mlops_tui.provenance.known import begun
from mlops_tui.provenance.subjects import meant
from mlops_tui.session import Session
from mlops_tui.tracing.ancestry import PARTS, Ancestry, Node, closure
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Series, Status, Table, View, counted

TOLD_APART = 3  # versions that are drawn one by one
WORDS = {"file": ("source file", "source files"), "state": ("state of a dataset", "states of datasets"),
         "step": ("pipeline step", "pipeline steps"), "model": ("model version", "model versions")}


def known(session: Session) -> Ancestry:
    """The ancestry of all data and models in the project's history."""
    made = begun(session)
    for entry in session.ledger.entries("snapshot", "trained"):
        made.take(entry)
    return Ancestry({node: frozenset(each) for node, each in made.parents.items()}, made.at)


def lineage_view(session: Session, text: str, everything: bool) -> View:
    """Where the subject comes from and what came of it."""
    made = known(session)
    chosen = meant(session, made.parents, text)
    if len(chosen) > 1:
        return _which(made, chosen)
    up = set().union(*(closure(made.parents, node) for node in chosen))
    down = set().union(*(closure(made.children(), node) for node in chosen))
    facts: dict[str, Cell] = {"subject": str(chosen[0]), "made_at": made.made_at.get(chosen[0])}
    for side, nodes in (("from", up), ("into", down)):
        facts |= {f"{side}_{kind}s": sum(node.kind == kind for node in nodes) for kind in WORDS}
    parts: list[Part] = [Facts(facts), _picture(made, up | down | set(chosen)),
                         _groups(made, {"comes from": up, "went into": down})]
    if everything:
        rows: list[Row] = [{"side": side, "kind": node.kind, "name": node.name, "version": node.version or None,
                            "made_at": made.made_at.get(node),
                            "made_from": tuple(map(str, sorted(made.parents.get(node, ()))))}
                           for side, nodes in (("comes from", up), ("went into", down)) for node in sorted(nodes)]
        parts.append(Table.of("nodes", rows, "side", "kind", "name", Column("version", cut=12),
                              Column("made_at", "made"), Column("made_from", "from")))
    title = f"{chosen[0]} comes from {_said(up)}" + (f"; {_said(down)} came of it" if down else "") if up else \
        f"{_said(down) if down else 'Nothing'} came of {chosen[0]}"
    actions = () if everything else (Action("Every one of them", ("snapshot", "lineage", text, "--all")),)
    return View(title, Status.DONE, tuple(parts), actions)


def _which(made: Ancestry, files: list[Node]) -> View:
    """A name that several files had: which of them, told by their digests and by where they went."""
    rows, actions = list[Row](), list[Action]()
    for node in files:
        into = made.children().get(node, frozenset())
        names = tuple(sorted({each.name for each in into}))
        actions.append(Action(f"The one in {', '.join(names)}", ("snapshot", "lineage", str(node))))
        rows.append({"file": str(node), "into": names, "digest": node.version,
                     "made_at": min((made.made_at[each] for each in into), default=None)})
    table = Table.of("files", rows, "file", "into", Column("made_at", "taken in"))
    return View(f"{counted(len(files), 'file')} called {files[0].name} came in: which one?", Status.UNKNOWN, (table,),
                tuple(actions))


def _said(nodes: Iterable[Node]) -> str:
    kinds = [node.kind for node in nodes]
    said = [counted(kinds.count(kind), *words) for kind, words in WORDS.items() if kind in kinds]
    return ", ".join(said[:-1]) + f" and {said[-1]}" if len(said) > 1 else "".join(said)


def _ending(name: str) -> str:
    return f"*.{name.rpartition('.')[2]}" if "." in name else name


def _picture(made: Ancestry, nodes: set[Node]) -> Series:
    """What leads to what: the states of a dataset are drawn as one, with the steps that made them; so are the files
    that came into it, and the versions of a model where there are many."""
    into: dict[Node, set[str]] = {}
    for node in nodes:
        for parent in made.parents.get(node, ()):
            if parent.kind == "file":
                into.setdefault(parent, set()).add(node.name)
    models = [node for node in nodes if node.kind == "model"]
    alone = len({node.name for node in models}) == 1

    def name(node: Node) -> str:
        if node in into:
            return f"{min(into[node])} files"
        if node.kind == "model":
            return str(node) if len(models) <= TOLD_APART else node.name
        model, _, part = node.name.rpartition(".")
        return part if alone and part in PARTS and model == models[0].name else node.name

    names = {node: name(node) for node in nodes}
    edges = sorted({(names[parent], names[node]) for node in nodes for parent in made.parents.get(node, ())
                    if parent in nodes and names[parent] != names[node]})
    return Series("lineage", "graph", tuple(start for start, _ in edges), tuple(end for _, end in edges),
                  names=tuple(sorted(set(names.values()))), title="What leads to what")


def _groups(made: Ancestry, sides: Mapping[str, set[Node]]) -> Table:
    rows: list[Row] = []
    for side, nodes in sides.items():
        groups: dict[tuple[str, str], list[Node]] = {}
        for node in nodes:
            name = node.name if node.kind != "file" else _ending(node.name)
            groups.setdefault((node.kind, name), []).append(node)
        for (kind, name), each in sorted(groups.items()):
            newest = max(each, key=lambda node: (str(made.made_at.get(node, "")), node))
            rows.append({"side": side, "kind": kind, "name": name, "count": len(each), "newest": str(newest),
                         "made_at": made.made_at.get(newest)})
    return Table.of("groups", rows, "side", "kind", "name", "count", "newest", Column("made_at", "made"))
