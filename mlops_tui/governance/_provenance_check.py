"""Whether it is known from which source files the models that serve, and their newest predictions, come."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import click

from mlops_tui import folds
from mlops_tui.assurance.lineage import CHECK
from mlops_tui.capability import measure
from mlops_tui.governance.provenance import provenance
from mlops_tui.inputs.moments import span
from mlops_tui.logs.predictionlog import PredictionLog, log_of
from mlops_tui.provenance.answers import introduced
from mlops_tui.provenance.complete import Break, Chain, chain, told
from mlops_tui.provenance.graph import Graph
from mlops_tui.provenance.known import known
from mlops_tui.provenance.subjects import model_version
from mlops_tui.session import Session
from mlops_tui.tracing.ancestry import Node
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, View, counted, worst
from store.facts import Finding, Snapshot
from store.lake import FileRef, Manifest


@dataclass(frozen=True)
class Answered:
    """The predictions of a window: how many there are, how many of them are known to come from where, and the gaps."""

    rows: int = 0
    whole: int = 0
    breaks: tuple[Break, ...] = ()


@measure(of=provenance)
@click.argument("model", required=False)
@click.option("--window", "length", default="7d", show_default=True, help="How much of the newest predictions.")
def check(session: Session, model: str | None, length: str) -> View:
    """Fail where it is not known from which source files a model, or one of its newest predictions, comes.

    Without MODEL: every model that serves. What foreign events tell closes no gap.

    \b
    Example: mlops-tui provenance check
             mlops-tui provenance check flights-delay@challenger --window 1d
    """
    session.declared()
    window = span(length)
    nodes = [_asked(session, model)] if model is not None else _serving(session)
    if not nodes:
        return View("No model serves yet", Status.UNKNOWN, (), (Action("Models", ("model", "list")),))
    graph = known(session)
    judged = [(chain(graph, node), _answered(session, graph, node, window)) for node in nodes]
    findings = [_finding(session, *each) for each in judged]
    session.ledger.append(*findings)
    unbroken = sum(chained.whole for chained, _ in judged)
    rows: list[Row] = [_row(found) for found in findings]
    facts: dict[str, Cell] = {"models": len(findings), "unbroken": unbroken, "share": unbroken / len(findings),
                              "predictions": sum(found.detail["predictions"] for found in findings),
                              "predictions_whole": sum(found.detail["whole"] for found in findings)}
    breaks: list[Row] = [{"model": found.subject, "of": of, "where": str(each.node), "why": each.why}
                         for found, (chained, answered) in zip(findings, judged, strict=True)
                         for of, several in (("the version", chained.breaks), ("predictions", answered.breaks))
                         for each in several]
    parts: list[Part] = [Facts(facts), Table.of("models", rows, "status", "model", "version",
                                                Column("files", "source files"), "outside", "predictions",
                                                Column("share", "known", share=True))]
    parts += [Table.of("breaks", breaks, "model", "of", "where", "why", title="Where it breaks")] if breaks else []
    title = findings[0].title if len(findings) == 1 else \
        f"{unbroken} of {len(findings):,} models in service known to their source files"
    actions = tuple(Action(f"Where {found.subject} comes from",
                           ("provenance", "of", f"{found.subject}@{found.version}")) for found in findings[:1])
    return View(title, worst(Status(found.status) for found in findings), tuple(parts), actions)


def _asked(session: Session, text: str) -> Node:
    name, _, version = text.rpartition("/")[2].partition("@")
    session.declared().model(name)
    return model_version(session, name, version)


def _serving(session: Session) -> list[Node]:
    """The champion of every declared model."""
    entries = session.ledger.entries("trained", "promotion")
    champions = {name: folds.model_state(entries, name).champion for name in session.declared().models}
    return [Node("model", name, version) for name, version in champions.items() if version]


def _answered(session: Session, graph: Graph, node: Node, window: timedelta) -> Answered:
    """The predictions of the version in the window: each as whole as its version, and the state that brought it in."""
    log = log_of(session, node.name)
    if log is None or not log.manifest.files:
        return Answered()
    versions = {each: chain(graph, Node("model", node.name, each)).breaks
                for each in folds.model_state(session.ledger.entries("trained"), node.name).versions}
    rows, whole, gaps = 0, 0, list[Break]()
    for file, (version, count) in _counts(session, log, window):
        if version != node.version:
            continue
        entry = introduced(session, log.manifest.dataset, file)
        assert isinstance(entry.fact, Snapshot)
        state = Node("state", log.manifest.dataset, entry.fact.snapshot)
        before = [each for each in graph.parents.get(state, ()) if each.name == state.name]
        broken = [*chain(graph, state, before).breaks, *versions.get(version, (Break(node, "it is not known"),))]
        rows, whole, gaps = rows + count, whole + (0 if broken else count), gaps + broken
    return Answered(rows, whole, tuple(sorted(set(gaps))))


def _counts(session: Session, log: PredictionLog, window: timedelta) -> Iterator[tuple[FileRef, tuple[str, int]]]:
    """How many rows of which version each file of the newest days has."""
    lake, days = session.data(), {file.partition.get("day", "") for file in log.manifest.files}
    first = date.fromisoformat(max(days)) - window + timedelta(days=1) if max(days) else date.min
    for file in log.manifest.files:
        if file.partition.get("day", "") >= f"{first:%Y-%m-%d}" or not file.partition:
            scan = lake.scan(Manifest(log.manifest.dataset, log.manifest.columns, (file,)))
            for version, count in lake.connect().execute(f"SELECT version, count(*) FROM {scan} GROUP BY 1").fetchall():
                yield file, (str(version), int(count))


def _finding(session: Session, chained: Chain, answered: Answered) -> Finding:
    node, gaps = chained.node, {*chained.breaks, *answered.breaks}
    known = f"{counted(chained.files, 'source file')}" + (f" and {chained.outside} tables or streams" if chained.outside
                                                          else "")
    title = f"{node} comes from {known} without a gap" if chained.whole else \
        f"{node}: its way back breaks in {counted(len(chained.breaks), 'place')}"
    if answered.rows and chained.whole:
        title += f"; so do {answered.whole:,} of {counted(answered.rows, 'prediction')}"
    detail = {"digest": chained.digest, "files": chained.files, "outside": chained.outside,
              "breaks": told(sorted(gaps)), "predictions": answered.rows, "whole": answered.whole}
    status = Status.FAIL if gaps else Status.PASS
    return Finding(check=CHECK, subject=node.name, status=status.value, title=title, value=float(len(gaps)), limit=0.0,
                   unit="gaps", n=answered.rows or None, version=node.version, detail=detail,
                   declaration=session.declaration("model", node.name))


def _row(found: Finding) -> Row:
    detail = found.detail
    share: Cell = detail["whole"] / detail["predictions"] if detail["predictions"] else None
    return {"status": Status(found.status), "model": found.subject, "version": found.version, "files": detail["files"],
            "outside": detail["outside"], "predictions": detail["predictions"], "share": share}
