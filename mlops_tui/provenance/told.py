"""A subject's provenance as people read it: what it comes from, what it led to, and for an answer the very files."""

from collections.abc import Collection
from dataclasses import replace

from mlops_tui.capability import hidden_columns
from mlops_tui.provenance import answers, drawn
from mlops_tui.provenance.answers import sources
from mlops_tui.provenance.graph import Graph, inverted, reached
from mlops_tui.provenance.known import known
from mlops_tui.provenance.subjects import meant
from mlops_tui.session import Session
from mlops_tui.tracing.ancestry import Node
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, View, counted

FROM, INTO = "comes from", "led to"


def told(session: Session, subject: str, *, side: str | None = None, depth: int | None = None,
         everything: bool = False) -> View:
    """What the words name, with its ancestry and what came of it; `side` is up, down, or both."""
    session.declared()
    graph = known(session)
    kind, _, rest = subject.partition("/")
    if kind != "prediction":
        chosen = meant(session, graph.parents, subject)
        return _which(graph, chosen) if len(chosen) > 1 else _of(graph, chosen, subject, side, depth, everything)
    found = _shown(session, answers.answer(session, rest))
    view = _of(graph, [answers.lead(graph, found)], subject, side, depth, everything)
    parts = (_answer(found), *view.parts[1:], _made_from(graph, found))
    return replace(view, title=_answered(graph, found), parts=parts)


def _shown(session: Session, found: answers.Answer) -> answers.Answer:
    """The answer without an outcome that is not shown where others read along."""
    label = session.declared().model(found.model).label
    return replace(found, outcome=None) if hidden_columns(session, label.dataset, [label.column]) else found


def _answered(graph: Graph, found: answers.Answer) -> str:
    trained = reached(graph.parents, [Node("model", found.model, found.version)])
    files = {each for part in found.parts for each in sources(graph, part)}
    return (f"{found.id[:40]} was answered by {found.model}@{found.version} from {counted(len(files), 'source file')}; "
            f"it learned from {sum(node.kind == 'file' for node in trained):,}")


def _answer(found: answers.Answer) -> Facts:
    """What was answered, and what became of it."""
    answered = {name: value for name, value in found.values.items() if name in ("score", "answer", "endpoint")}
    entry = found.part.entry
    return Facts({"prediction": found.node.name, "at": found.at, "version": f"{found.model}@{found.version}",
                  **answered, "outcome": found.outcome, "outcome_known": found.known_at,
                  "answered": entry.effective_at, "by": entry.actor, "entry": entry.seq,
                  "log_file": found.part.file.sha256})


def _made_from(graph: Graph, found: answers.Answer) -> Table:
    """The files of rows that the answer was made from, each with the source files that it came from."""
    last = [found.outcome_part] if found.outcome_part is not None else []
    rows: list[Row] = [
        {"what": what, "dataset": part.dataset, "part": part.file.part_name, "rows": part.file.rows,
         "sha256": part.file.sha256, "source": tuple(map(str, sources(graph, part))), "entry": part.entry.seq}
        for what, parts in (("read", found.parts), ("outcome", last)) for part in parts]
    return Table.of("parts", rows, Column("what", worth=-1), "dataset", "part", "rows", Column("sha256", cut=12),
                    Column("source", cut=40), title="Files of rows")


def _of(graph: Graph, chosen: list[Node], subject: str, side: str | None, depth: int | None, everything: bool) -> View:
    up = reached(graph.parents, chosen, depth) if side != "down" else {}
    down = reached(inverted(graph.parents), chosen, depth) if side != "up" else {}
    name = str(chosen[0])
    entry = graph.by.get(chosen[0])
    facts: dict[str, Cell] = {"subject": name, "kind": chosen[0].kind}
    if entry is not None:
        facts |= {"made_at": graph.made_at(chosen[0]), "by": entry.actor, "entry": entry.seq}
    parts: list[Part] = [Facts(facts)]
    for word, title, nodes in ((FROM, "Comes from", up), (INTO, "Led to", down)):
        if nodes:
            parts.append(drawn.picture(word.split()[-1], title, graph.parents, {*nodes, *chosen}))
    sides = {FROM: up, INTO: down}
    parts.append(drawn.groups(sides, graph.parents, graph.made_at))
    if everything:
        parts.append(_each(graph, sides))
    actions = [] if everything else [Action("Every one of them", ("provenance", "of", subject, "--all"))]
    return View(_title(name, up, down, side), Status.DONE, tuple(parts), tuple(actions))


def _which(graph: Graph, files: list[Node]) -> View:
    """A name that several files had: which of them, told by their digests and by where they went."""
    down, rows, actions = inverted(graph.parents), list[Row](), list[Action]()
    for node in files:
        into = sorted(down.get(node, ()))
        names = tuple(dict.fromkeys(each.name for each in into))
        actions.append(Action(f"The one in {', '.join(names)}", ("provenance", "of", str(node))))
        rows.append({"file": str(node), "into": names, "digest": graph.digests.get(node.version, node.version),
                     "made_at": min(filter(None, map(graph.made_at, into)), default=None)})
    return View(f"{counted(len(files), 'file')} called {files[0].name} came in: which one?", Status.UNKNOWN,
                (Table.of("files", rows, "file", "into", Column("made_at", "taken in")),), tuple(actions))


def _title(name: str, up: Collection[Node], down: Collection[Node], side: str | None) -> str:
    told = [f"from {drawn.said(up) or 'nothing that is known'}"] if side != "down" else []
    told += [f"led to {drawn.said(down) or 'nothing yet'}"] if side != "up" else []
    return f"{name}: {'; '.join(told)}"


def _each(graph: Graph, sides: dict[str, dict[Node, int]]) -> Table:
    rows: list[Row] = [
        {"side": side, "steps": steps, "kind": node.kind, "name": node.name, "version": node.version or None,
         "made_at": graph.made_at(node), "made_from": tuple(map(str, sorted(graph.parents.get(node, ()))))}
        for side, nodes in sides.items() for node, steps in sorted(nodes.items(), key=lambda item: (item[1], item[0]))]
    return Table.of("nodes", rows, "side", "steps", "kind", "name", Column("version", cut=12),
                    Column("made_at", "made"), Column("made_from", "from"))
