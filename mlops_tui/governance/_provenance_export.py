"""The history of data and models for others' tools: OpenLineage events, or W3C PROV."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

import click

from mlops_tui.capability import TargetPath, measure
from mlops_tui.errors import BadInput, Refusal
from mlops_tui.governance.provenance import provenance
from mlops_tui.inputs.moments import moment
from mlops_tui.provenance import activities, openlineage, prov
from mlops_tui.provenance.columns import Columns, columns_of
from mlops_tui.provenance.graph import Graph, reached
from mlops_tui.provenance.known import known
from mlops_tui.provenance.subjects import meant
from mlops_tui.session import Session
from mlops_tui.tracing.ancestry import Node
from mlops_tui.view import Cell, Column, Facts, Row, Status, Table, View, counted
from store.written import whole


@measure(of=provenance)
@click.argument("subject", required=False)
@click.option("--openlineage", "events", type=TargetPath(), default=None, help="Write run events to this file, one a "
              "line.")
@click.option("--prov", "document", type=TargetPath(), default=None, help="Write a PROV-JSON document to this file.")
@click.option("--since", default=None, help="Only what ended since then: a day, a time, or 7d ago.")
def export(session: Session, subject: str | None, events: Path | None, document: Path | None,
           since: str | None) -> View:
    """Write the runs of the project, with what went in and came out, in a form that others read.

    With SUBJECT: only what it comes from. Names of people are in neither but those who ran something.

    \b
    Example: mlops-tui provenance export --openlineage runs.jsonl --since 2013-10-01
             mlops-tui provenance export flights-delay@champion --prov champion.json
    """
    if events is None and document is None:
        raise BadInput("In which form?", next="Give --openlineage FILE, or --prov FILE.")
    project = session.declared()
    graph = known(session)
    made = list(activities.activities(graph, session.ledger.entries(*activities.KINDS)))
    wanted = set(graph.nodes())
    if subject is not None:
        chosen = meant(session, graph.parents, subject)
        wanted = {*reached(graph.parents, chosen), *chosen}
        made = [each for each in made if not wanted.isdisjoint(each.outputs)]
    if since is not None:
        start = moment(since, project.zone, session.now())
        made = [each for each in made if each.ended >= start]
        wanted &= {node for each in made for node in (*each.inputs, *each.outputs)}
    rows: list[Row] = []
    if events is not None:
        lines = list(openlineage.lines(openlineage.events(made, _told(session, graph))))
        _write(events, "".join(line + "\n" for line in lines))
        rows.append({"file": events.name, "form": "OpenLineage 2-0-2", "what": counted(len(lines), "event")})
    if document is not None:
        found = prov.document(graph, wanted, made)
        _write(document, json.dumps(found, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
        told = ", ".join(f"{len(items):,} {kind}" for kind, items in found.items() if kind != "prefix")
        rows.append({"file": document.name, "form": "W3C PROV-JSON", "what": told})
    facts: dict[str, Cell] = {"runs": len(made), "namespace": graph.own}
    return View(f"{counted(len(made), 'run')} written to {' and '.join(str(row['file']) for row in rows)}", Status.DONE,
                (Facts(facts), Table.of("files", rows, "file", "form", Column("what", cut=80)), _jobs(made)))


def _write(path: Path, text: str) -> None:
    with whole(path) as staged:
        staged.write_text(text, encoding="utf-8")


def _jobs(made: list[activities.Activity]) -> Table:
    """How often each job ran, and how that ended."""
    found: dict[str, list[activities.Activity]] = {}
    for each in made:
        found.setdefault(each.job, []).append(each)
    rows: list[Row] = [{"job": job, "runs": len(runs), "failed": sum(each.state != "COMPLETE" for each in runs),
                        "last": runs[-1].ended} for job, runs in sorted(found.items())]
    return Table.of("jobs", rows, "job", "runs", Column("failed", "not completed"), "last")


def _told(session: Session, graph: Graph) -> openlineage.Told:
    project = session.declared()

    def types(node: Node) -> Mapping[str, str]:
        try:
            return session.data().manifest(node.name, node.version).columns
        except Refusal:  # let go, or erased: what its columns were is not known any more
            return {}

    @cache
    def columns(dataset: str) -> Columns:
        try:
            return columns_of(project, dataset)
        except Refusal:
            return Columns()

    return openlineage.Told(graph.own, version("mlops-tui"), types, lambda node: columns(node.name), graph.digests)
