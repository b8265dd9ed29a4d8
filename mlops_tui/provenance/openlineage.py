"""The history as OpenLineage run events (spec 2-0-2), for whoever reads those."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mlops_tui.provenance.activities import Activity
from mlops_tui.provenance.columns import Columns
from mlops_tui.provenance.graph import FILES, MODELS
from mlops_tui.tracing.ancestry import Node
from mlops_tui.view import finite
from store.facts import Snapshot, Trained

SPEC = "https://openlineage.io/spec"
PRODUCER = "urn:mlops-tui"
MOST = 4  # source files up to which each column is led back to each of them
Json = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """What is said of datasets besides the history: the columns of a state with their types, what they are made of,
    and the whole digest of a source file by its beginning. `version` is the product's."""

    own: str
    version: str
    types: Callable[[Node], Mapping[str, str]]
    columns: Callable[[Node], Columns]
    digests: Mapping[str, str]


def events(made: Iterable[Activity], told: Told) -> Iterator[Json]:
    """A START and one COMPLETE, FAIL or ABORT for each run, in the order in which the runs ended."""
    for each in made:
        yield _event("START", each, told)
        yield _event(each.state, each, told)


def _event(kind: str, made: Activity, told: Told) -> Json:
    ended = kind != "START"
    engine = _facet("1-1-1", "ProcessingEngineRunFacet", version=told.version, name="mlops-tui")
    run: Json = {"processing_engine": engine}
    if made.part_of is not None:
        run["parent"] = _facet("1-2-0", "ParentRunFacet", run={"runId": made.part_of[0]},
                               job={"namespace": told.own, "name": made.part_of[1]})
    if ended and made.error:
        run["errorMessage"] = _facet("1-0-1", "ErrorMessageRunFacet", message=made.error, programmingLanguage="SQL")
    fact = made.entry.fact if made.entry is not None else None
    if ended and isinstance(fact, Trained):
        run["mlopstui_model"] = model_facet(fact)
    job = {"jobType": _facet("2-0-4", "JobTypeJobFacet", processingType="BATCH", integration="MLOPS_TUI",
                             jobType=made.job.partition("/")[0].upper())}
    return {
        "eventType": kind, "eventTime": (made.ended if ended else made.began).isoformat(timespec="microseconds"),
        "run": {"runId": made.id, "facets": run}, "job": {"namespace": told.own, "name": made.job, "facets": job},
        "inputs": [_input(node, told) for node in made.inputs],
        "outputs": [_output(node, made, told) for node in made.outputs] if ended else [],
        "producer": f"{PRODUCER}:{told.version}", "schemaURL": f"{SPEC}/2-0-2/OpenLineage.json#/$defs/RunEvent"}


def _facet(spec: str, facet: str, /, **fields: object) -> Json:
    return {"_producer": PRODUCER, "_schemaURL": f"{SPEC}/facets/{spec}/{facet}.json#/$defs/{facet}", **fields}


def model_facet(fact: Trained) -> Json:
    """Our own facet of a run that trained: which version came of it, how, and how well it did on rows it never saw."""
    metrics = {name: value["value"] for name, value in fact.metrics.items()
               if isinstance(value, Mapping) and finite(value.get("value")) is not None}
    return {"_producer": PRODUCER, "_schemaURL": f"{PRODUCER}:schema:1-0-0#/$defs/MlopstuiModelRunFacet",
            "model": fact.subject, "version": fact.version, "candidate": fact.candidate, "seed": fact.seed,
            "artifact": fact.artifact, "declaration": fact.declaration, "window": list(fact.window), "metrics": metrics}


def named(node: Node, own: str) -> tuple[str, str]:
    """Namespace and name of what an event calls a dataset."""
    return own + {"file": FILES, "model": MODELS}.get(node.kind, ""), node.name


def _dataset(node: Node, told: Told) -> Json:
    namespace, name = named(node, told.own)
    version = told.digests.get(node.version, node.version) if node.kind == "file" else node.version
    facets = {"version": _facet("1-0-1", "DatasetVersionDatasetFacet", datasetVersion=version)} if version else {}
    return {"namespace": namespace, "name": name, "facets": facets}


def _input(node: Node, told: Told) -> Json:
    return {**_dataset(node, told), "inputFacets": {}}


def _output(node: Node, made: Activity, told: Told) -> Json:
    found = _dataset(node, told)
    types = told.types(node) if node.kind == "state" else {}
    if types:
        found["facets"]["schema"] = _facet("1-2-0", "SchemaDatasetFacet", fields=[
            {"name": name, "type": kind} for name, kind in types.items()])
        fields = _fields(node, types, made, told)
        if fields:
            found["facets"]["columnLineage"] = _facet("1-2-0", "ColumnLineageDatasetFacet", **fields)
    fact = made.entry.fact if made.entry is not None else None
    stated = {"outputStatistics": _facet("1-0-2", "OutputStatisticsOutputDatasetFacet", rowCount=fact.rows,
                                         size=fact.bytes)} if isinstance(fact, Snapshot) else {}
    return {**found, "outputFacets": stated}


def _fields(node: Node, types: Mapping[str, str], made: Activity, told: Told) -> Json:
    """The columns that each column is made of: those of the files of the same name where it was taken in."""
    files = [each for each in made.inputs if each.kind == "file"]
    columns = told.columns(node)
    if files and len(files) <= MOST:
        made_of = {name: {"inputFields": [_field(each, name, told, "IDENTITY") for each in files]} for name in types}
        return {"fields": made_of, "dataset": []}
    inputs = {each.name for each in made.inputs}
    of = {name: [origin for origin in origins if origin[0] in inputs] for name, origins in columns.of.items()
          if name in types}
    if not any(of.values()):
        return {}
    made_of = {name: {"inputFields": [_field(Node("state", dataset), column, told, "TRANSFORMATION")
                                      for dataset, column in origins]} for name, origins in of.items() if origins}
    return {"fields": made_of, "dataset": [_field(Node("state", dataset), column, told, "FILTER", "INDIRECT")
                                           for dataset, column in columns.rows if dataset in inputs]}


def _field(node: Node, column: str, told: Told, subtype: str, kind: str = "DIRECT") -> Json:
    namespace, name = named(node, told.own)
    return {"namespace": namespace, "name": name, "field": column,
            "transformations": [{"type": kind, "subtype": subtype, "description": "", "masking": False}]}


def lines(found: Iterable[Json]) -> Iterator[str]:
    """One event a line, as files of events are kept."""
    for event in found:
        yield json.dumps(event, ensure_ascii=False, allow_nan=False, default=str)
