"""What two versions of a model were made from, side by side: files, rows, features, declaration."""

from difflib import unified_diff

import click

from mlops_tui import folds
from mlops_tui.capability import look
from mlops_tui.errors import BadInput, Refusal
from mlops_tui.governance.provenance import provenance
from mlops_tui.provenance import drawn
from mlops_tui.provenance.graph import DATA, Graph, reached
from mlops_tui.provenance.known import known
from mlops_tui.provenance.subjects import model_version
from mlops_tui.session import Session
from mlops_tui.tracing.ancestry import Node
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, counted
from store.facts import Trained


@look(of=provenance, fold=True)
@click.argument("one")
@click.argument("other")
def diff(session: Session, one: str, other: str) -> View:
    """What OTHER was made from that ONE was not; both are MODEL@VERSION.

    \b
    Example: mlops-tui provenance diff flights-delay@4 flights-delay@6
    """
    sides = [_side(session, text) for text in (one, other)]
    graph = known(session)
    made = [{node for node in reached(graph.parents, [node]) if node.kind in DATA} for node, _ in sides]
    files = [{node for node in each if node.kind == "file"} for each in made]
    gone, came = files[0] - files[1], files[1] - files[0]
    names = tuple(str(node) for node, _ in sides)
    rows = _fields(*(fact for _, fact in sides))
    changed = [str(row["what"]) for row in rows if not row["same"]]
    facts: dict[str, Cell] = {"one": names[0], "other": names[1], "files_in_both": len(files[0] & files[1]),
                              "files_gone": len(gone), "files_new": len(came), "changed": tuple(changed)}
    shown = [{**row, "same": "same" if row["same"] else "differs"} for row in rows]
    parts: list[Part] = [Facts(facts), Table.of("fields", shown, "what", Column("one", names[0], cut=28),
                                                Column("other", names[1], cut=28), "same")]
    parts += [_files(graph, id, f"Only {name} comes from", nodes)
              for id, name, nodes in (("new", names[1], came), ("gone", names[0], gone)) if nodes]
    parts += _declared(session, *(fact.declaration for _, fact in sides))
    said = ", ".join(filter(None, (f"{counted(len(came), 'more file')}" if came else "",
                                   f"{counted(len(gone), 'file')} less" if gone else "",
                                   f"{len(changed)} of {len(rows)} settings differ" if changed else "")))
    return View(f"{names[1]} against {names[0]}: {said or 'made from the same in every way'}", Status.DONE,
                tuple(parts), (Action(f"All of {names[1]}", ("provenance", "of", names[1])),))


def _side(session: Session, text: str) -> tuple[Node, Trained]:
    name, _, version = text.rpartition("/")[2].partition("@")
    session.declared().model(name)
    node = model_version(session, name, version)
    fact = folds.model_state(session.ledger.entries("trained", "promotion"), name).trained(node.version)
    if fact is None:
        raise BadInput(f"Nothing says how {node} was made.")
    return node, fact


def _fields(one: Trained, other: Trained) -> list[Row]:
    """What was set or counted when they were trained, where either says so."""
    def said(fact: Trained) -> dict[str, Cell]:
        read = tuple(str(each["name"]) for each in fact.detail.get("inputs", ()))
        return {"candidate": fact.candidate, "seed": str(fact.seed), "from": fact.window[0], "until": fact.window[1],
                "training rows": fact.detail.get("train_rows"), "positive share": fact.detail.get("prevalence"),
                "training data": fact.training[:12], "features": read or None,
                "prepared by": str(dict(fact.detail.get("prepare") or {}).get("digest", ""))[:12] or None,
                "declaration": fact.declaration[:12], "weight": fact.detail.get("weight") or None}

    pairs = [(what, value, said(other)[what]) for what, value in said(one).items()]
    return [{"what": what, "one": _shown(a), "other": _shown(b), "same": a == b} for what, a, b in pairs
            if a is not None or b is not None]


def _shown(value: Cell) -> Cell:
    return f"{len(value)}: {', '.join(value)}" if isinstance(value, tuple) else value


def _files(graph: Graph, id: str, title: str, nodes: set[Node]) -> Table:
    into = drawn.grouped_files(graph.parents, nodes)
    rows: list[Row] = [
        {"dataset": into.get(node), "file": node.name, "sha256": graph.digests.get(node.version, node.version)}
        for node in sorted(nodes, key=lambda node: (into.get(node, ""), node))]
    return Table.of(id, rows, "dataset", "file", Column("sha256", cut=16), title=title)


def _declared(session: Session, one: str, other: str) -> list[Part]:
    """How the declaration of the model changed, where both texts are kept."""
    if one == other:
        return []
    try:
        texts = [session.data().object(each).decode("utf-8", "replace").splitlines() for each in (one, other)]
    except Refusal:
        return [Text("One of the two declarations is not kept any more.")]
    lines = list(unified_diff(texts[0], texts[1], "before", "after", lineterm=""))
    return [Text("\n".join(lines), "code")]
