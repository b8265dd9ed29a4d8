"""What is given away is what others can read: OpenLineage by its schema and its client, PROV by its library."""

import json
from collections import Counter
from datetime import UTC, datetime

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openlineage.client import event_v2
from openlineage.client.generated import column_lineage_dataset, parent_run, schema_dataset
from prov.model import ProvDocument

from mlops_tui.provenance import foreign, openlineage, prov
from mlops_tui.provenance.activities import Activity, activities
from mlops_tui.provenance.columns import Columns
from mlops_tui.provenance.graph import Graph
from mlops_tui.tracing.ancestry import Made, Node
from store.facts import Fact, Run, Snapshot
from tests.conftest import History
from tests.conftest import Made as Facts

OWN = "mlops-tui://flights"
HOSTILE = "a/b <i>x</i>|`é`\"' & mlops:x,y%20(1)"


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/$defs/{name}"}


def thing(required: list[str], **properties: object) -> dict[str, object]:
    return {"type": "object", "required": required, "properties": properties}


TEXT, URI = {"type": "string"}, {"type": "string", "format": "uri"}
FACETS = {"type": "object", "additionalProperties": ref("Facet")}
DATASET = {"namespace": TEXT, "name": TEXT, "facets": {**FACETS, "properties": {
    "schema": thing(["fields"], fields={"type": "array", "items": thing(["name"], name=TEXT, type=TEXT)}),
    "version": thing(["datasetVersion"], datasetVersion=TEXT),
    "columnLineage": thing(["fields"], fields={"type": "object", "additionalProperties": thing(
        ["inputFields"], inputFields={"type": "array", "items": ref("InputField")})}, dataset={
            "type": "array", "items": ref("InputField")})}}}
# what the specification 2-0-2 says of a run event, and its facets of the versions that we write
SCHEMA = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": {
    "Facet": thing(["_producer", "_schemaURL"], _producer=URI, _schemaURL=URI),
    "InputField": thing(["namespace", "name", "field"], namespace=TEXT, name=TEXT, field=TEXT, transformations={
        "type": "array", "items": thing(["type"], type={"enum": ["DIRECT", "INDIRECT"]}, subtype=TEXT,
                                        description=TEXT, masking={"type": "boolean"})})},
    **thing(["eventTime", "producer", "schemaURL", "run", "job"],
            eventType={"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
            eventTime={"type": "string", "format": "date-time"}, producer=URI, schemaURL=URI,
            run=thing(["runId"], runId={"type": "string", "format": "uuid"}, facets={**FACETS, "properties": {
                "parent": thing(["run", "job"], run=thing(["runId"], runId={"type": "string", "format": "uuid"}),
                                job=thing(["namespace", "name"], namespace=TEXT, name=TEXT)),
                "errorMessage": thing(["message", "programmingLanguage"], message=TEXT, programmingLanguage=TEXT),
                "processing_engine": thing(["version"], version=TEXT),
                "mlopstui_model": thing(["model", "version", "metrics"], model=TEXT, version=TEXT,
                                        metrics={"additionalProperties": {"type": "number"}})}}),
            job=thing(["namespace", "name"], namespace=TEXT, name=TEXT, facets={**FACETS, "properties": {
                "jobType": thing(["processingType", "integration"], processingType=TEXT, integration=TEXT)}}),
            inputs={"type": "array", "items": thing(["namespace", "name"], **DATASET, inputFacets=FACETS)},
            outputs={"type": "array", "items": thing(["namespace", "name"], **DATASET, outputFacets=FACETS)})}
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())


def graph(history: History) -> Graph:
    document = json.dumps({"inputs": {"flights": "raw"}}).encode()
    made = Made(lambda key: document, {"flights-delay": ["flights"]}, frozenset())
    return Graph(made, OWN).take(history.entries)


def told(found: Graph) -> openlineage.Told:
    columns = Columns({"half": [("flights", "delay")]}, [("flights", "fine")])
    return openlineage.Told(OWN, "1.2.3", lambda node: {"half": "DOUBLE", "id": "BIGINT"}, lambda node: columns,
                            found.digests)


def events(history: History) -> list[dict]:
    found = graph(history)
    text = "\n".join(openlineage.lines(openlineage.events(activities(found, history.entries), told(found))))
    return [json.loads(line) for line in text.splitlines()]


def state(dataset: str, id: str, source: str, **more: object) -> Snapshot:
    return Snapshot(subject=dataset, snapshot=id, parent="", rows=7, bytes=99, source=source, **more)


@pytest.fixture
def story(history: History, made: Facts) -> History:
    """Everything that becomes a run: data taken in, a pipeline that failed, one that was left, one that ended."""
    facts: list[Fact] = [
        state("flights", "raw", f"{HOSTILE.replace('/', '')} 0123456789abcdef"),
        Run(subject="daily", run="daily-1"), Run(subject="daily", run="daily-1", step="days", status="failed", key="k",
                                                 detail=HOSTILE), Run(subject="daily", run="daily-1", status="failed"),
        Run(subject="daily", run="daily-2"),
        Run(subject="daily", run="daily-3"), state("daily.days", "d", "pipeline daily", key="k", run="daily-3"),
        Run(subject="daily", run="daily-3", step="days", status="done", key="k", snapshot="d", seconds=2.5),
        Run(subject="daily", run="daily-3", status="done", seconds=3.0),
        state("flights-delay.features", "f", "windows"), state("flights-delay.training", "t", "train flights-delay"),
        made.trained("1", training="t"), state("flights-delay.predictions", "p", "score flights-delay@1"),
        Run(subject="daily", run="daily-4")]
    history.add(*facts)
    return history


# -- OpenLineage ------------------------------------------------------------------------------------------------------


def test_every_event_is_valid_and_the_schema_refuses_what_is_not(story: History) -> None:
    found = events(story)
    for event in found:
        VALIDATOR.validate(event)
        one = event_v2.RunEvent(
            eventType=event_v2.RunState(event["eventType"]), eventTime=event["eventTime"], producer=event["producer"],
            run=event_v2.Run(event["run"]["runId"]), job=event_v2.Job(event["job"]["namespace"], event["job"]["name"]))
        assert one.schemaURL == event["schemaURL"]
    for broken in ({"eventTime": "yesterday"}, {"run": {"runId": "7"}}, {"eventType": "DONE"}, {"producer": None}):
        assert not VALIDATOR.is_valid({**found[0], **broken}), broken


def test_a_run_has_one_start_and_one_end(story: History) -> None:
    kinds: dict[str, Counter[str]] = {}
    jobs = {}
    for event in events(story):
        kinds.setdefault(event["run"]["runId"], Counter())[event["eventType"]] += 1
        jobs[event["run"]["runId"]] = event["job"]["name"]
    assert all(each["START"] == 1 and sum(each.values()) == 2 for each in kinds.values())
    ended = Counter((jobs[run], kind) for run, each in kinds.items() for kind in each if kind != "START")
    assert ended == {("ingest/flights", "COMPLETE"): 1, ("pipeline/daily.days", "FAIL"): 1,
                     ("pipeline/daily", "FAIL"): 1, ("pipeline/daily", "ABORT"): 1,
                     ("pipeline/daily.days", "COMPLETE"): 1, ("pipeline/daily", "COMPLETE"): 1,
                     ("windows/flights-delay.features", "COMPLETE"): 1,
                     ("train/flights-delay.training", "COMPLETE"): 1, ("train/flights-delay", "COMPLETE"): 1,
                     ("score/flights-delay.predictions", "COMPLETE"): 1}


def test_the_client_reads_our_facets_as_its_own(story: History) -> None:
    found = {(event["job"]["name"], event["eventType"]): event for event in events(story)}
    step = found["pipeline/daily.days", "COMPLETE"]
    facets = step["outputs"][0]["facets"]
    fields = [schema_dataset.SchemaDatasetFacetFields(**each) for each in facets["schema"]["fields"]]
    assert [each.name for each in schema_dataset.SchemaDatasetFacet(fields=fields).fields] == ["half", "id"]
    lineage = facets["columnLineage"]
    column = column_lineage_dataset.InputField(**{
        **lineage["fields"]["half"]["inputFields"][0], "transformations": []})
    assert (column.namespace, column.name, column.field) == (OWN, "flights", "delay")
    assert lineage["dataset"][0]["transformations"][0]["type"] == "INDIRECT"
    assert lineage["_schemaURL"] == column_lineage_dataset.ColumnLineageDatasetFacet(fields={})._schemaURL
    run = found["pipeline/daily", "COMPLETE"]["run"]["runId"]
    parent = parent_run.ParentRunFacet(run=parent_run.Run(step["run"]["facets"]["parent"]["run"]["runId"]),
                                       job=parent_run.Job(**step["run"]["facets"]["parent"]["job"]))
    assert (parent.run.runId, parent.job.name) == (run, "pipeline/daily")
    model = found["train/flights-delay", "COMPLETE"]["run"]["facets"]["mlopstui_model"]
    assert (model["model"], model["version"], model["metrics"]["roc_auc"]) == ("flights-delay", "1", 0.75)


def test_the_same_history_is_told_alike_and_a_shorter_one_by_its_beginning(story: History) -> None:
    whole = events(story)
    assert events(story) == whole
    story.entries[-1:] = []
    assert events(story) == whole, "what has not ended is left out"


def test_what_we_tell_is_read_by_us_as_one_reads_others(story: History) -> None:
    text = "\n".join(map(json.dumps, events(story)))
    read = foreign.read(text, "d")
    assert len(read.events) == len(text.splitlines())
    assert (read.wrong, read.twice, read.unknown) == ((), 0, ("mlopstui_model",))
    there = History()
    there.add(*read.events)
    other = Graph(Made(lambda key: None, {}, frozenset()), "mlops-tui://other").take(there.entries)
    assert foreign.problems(other, there.entries) == []
    assert Node("foreign", f"{OWN} flights-delay.predictions") in other.nodes()


# -- events of others -------------------------------------------------------------------------------------------------


def event(kind: str, id: str, at: str = "2013-09-10T00:00:00Z", **more: object) -> dict[str, object]:
    return {"eventType": kind, "eventTime": at, "run": {"runId": id}, "job": {"namespace": "n", "name": "j"}, **more}


def odd(*given: dict[str, object]) -> list[str]:
    history = History()
    history.add(*foreign.read(json.dumps(list(given)), "d").events)
    return foreign.problems(Graph(Made(lambda key: None, {}, frozenset())).take(history.entries), history.entries)


@pytest.mark.parametrize(("given", "says"), [
    ([event("COMPLETE", "r")], "ended, and no START of it came: r"),
    ([event("START", "r")], "began, and no end of it came: r"),
    ([event("START", "r"), event("COMPLETE", "r"), event("FAIL", "r")], "more than once, in different ways: r"),
    ([event("START", "r"), event("COMPLETE", "r", "2013-09-09T23:00:00Z")], "before it began, by its own times: r"),
    ([event("START", "r"), event("COMPLETE", "r"), event("START", "s", run={"runId": "s", "facets": {"parent": {
        "run": {"runId": "gone"}, "job": {"namespace": "n", "name": "p"}}}}), event("ABORT", "s")],
     "named as a parent, and is not known: gone"),
    ([event("START", "r"), event("COMPLETE", "r", inputs=[{"namespace": "d", "name": "t"}],
                                 outputs=[{"namespace": "d", "name": "t"}])], "leads from data back to themselves"),
    ([event("COMPLETE", "r"), event("START", "r")], "")])
def test_what_does_not_fit_is_named_and_nothing_else(given: list[dict], says: str) -> None:
    found = odd(*given)
    assert (len(found), says in "".join(found)) == (bool(says), True)


@pytest.mark.parametrize(("broken", "why"), [
    ({"eventTime": None}, "no time"), ({"eventTime": "2013-09-10"}, "no zone"), ({"job": {"name": "x"}}, "namespace"),
    ({"job": {"namespace": "n", "name": "a\nb"}}, "printed"), ({"run": {}}, "no runId"),
    ({"eventType": 3}, "eventType"),
    ({"inputs": [3]}, "one of its inputs"), ({"outputs": "x"}, "no list")])
def test_what_is_no_event_says_why_and_takes_no_other_with_it(broken: dict[str, object], why: str) -> None:
    read = foreign.read(json.dumps([{**event("START", "r"), **broken}, event("START", "s")]), "d")
    assert [each.run for each in read.events] == ["s"]
    assert read.wrong[0][0] == "event 1"
    assert why in read.wrong[0][1]


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["run", "job", "inputs", "facets", "name", "runId", "parent"]),
                                      inner, max_size=3), max_leaves=8)


@given(st.lists(JSON, max_size=4), st.dictionaries(st.sampled_from(
    ["run", "job", "inputs", "outputs", "eventType", "dataset", "eventTime"]), JSON, max_size=3))
def test_whatever_stands_there_is_an_event_or_is_named(others: list[object], twisted: dict[str, object]) -> None:
    given = [*others, {**event("START", "r"), **twisted}]
    read = foreign.read(json.dumps(given), "d")
    assert len(read.events) + len(read.wrong) + read.twice == len(given)


# -- PROV -------------------------------------------------------------------------------------------------------------


def test_the_library_of_prov_reads_it_and_writes_the_same(story: History) -> None:
    found = graph(story)
    text = json.dumps(prov.document(found, found.nodes(), activities(found, story.entries)))
    read = ProvDocument.deserialize(content=text, format="json")
    again = ProvDocument.deserialize(content=read.serialize(format="json"), format="json")
    assert again == read
    records = Counter(type(each).__name__ for each in read.get_records())
    assert records["ProvActivity"] == len(list(activities(found, story.entries)))
    assert records["ProvEntity"] == len(found.nodes())
    ends = {str(value) for each in read.get_records() if type(each).__name__ in ("ProvUsage", "ProvGeneration",
                                                                               "ProvDerivation")
            for value in each.args if value is not None and not isinstance(value, datetime)}
    known = {str(each.identifier) for each in read.get_records() if each.identifier is not None}
    assert ends <= known, "nothing is named that is not described"


@given(st.text(min_size=1, max_size=20))
def test_any_name_makes_a_document_that_is_read(name: str) -> None:
    node = Node("file", name, "0123456789abcdef")
    found = Graph(Made(lambda key: None, {}, frozenset()), OWN)
    found.lead(node, [])
    at = datetime(2013, 9, 14, tzinfo=UTC)
    text = json.dumps(prov.document(found, [node], [Activity("i", name, at, at, name, outputs=(node,))]))
    read = ProvDocument.deserialize(content=text, format="json")
    assert ProvDocument.deserialize(content=read.serialize(format="json"), format="json") == read


def test_a_number_that_nobody_reads_is_named_by_its_line() -> None:
    found = foreign.read('{"eventTime": ' + "9" * 5000 + "}\n{}\n", "d")
    assert [place for place, _ in found.wrong] == ["line 1", "line 2"]
    assert "number" in found.wrong[0][1]
