"""The graph holds what the history tells, however it is told: closures, circles, order, and who claims what."""

import random
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_tui.provenance.graph import Graph, circles, inverted, reached
from mlops_tui.tracing.ancestry import Made, Node
from store.facts import AlertEvent, Approval, BoardEvent, Finding, Foreign, IncidentEvent, Promotion, Snapshot, Trained
from tests.conftest import History
from tests.conftest import Made as Facts

EDGES = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=40)


def node(number: int) -> Node:
    return Node("state", "d", f"{number:02}")


def relation(edges: list[tuple[int, int]]) -> dict[Node, set[Node]]:
    found: dict[Node, set[Node]] = {}
    for start, end in edges:
        found.setdefault(node(start), set()).add(node(end))
    return found


def shortest(edges: set[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Every pair with its distance, by relaxing each over each (Floyd, Warshall)."""
    far = dict.fromkeys(edges, 1)
    for by in range(12):
        for start in range(12):
            for end in range(12):
                if (start, by) in far and (by, end) in far:
                    far[start, end] = min(far.get((start, end), 99), far[start, by] + far[by, end])
    return far


@given(EDGES, st.integers(0, 11), st.one_of(st.none(), st.integers(1, 4)))
def test_what_is_reached_is_what_brute_force_finds(edges: list[tuple[int, int]], start: int, depth: int | None) -> None:
    far = shortest(set(edges))
    wanted = {node(end): steps for (begin, end), steps in far.items()
              if begin == start and end != start and (depth is None or steps <= depth)}
    assert reached(relation(edges), [node(start)], depth) == wanted


@given(EDGES)
def test_up_and_down_are_one_relation(edges: list[tuple[int, int]]) -> None:
    assert inverted(relation(edges)) == relation([(end, start) for start, end in edges])


@given(EDGES)
def test_circles_are_those_that_lead_back_to_themselves(edges: list[tuple[int, int]]) -> None:
    far = shortest(set(edges))
    wanted = {tuple(node(other) for other in range(12) if other == each or {(each, other), (other, each)} <= set(far))
              for each in range(12) if (each, each) in far}
    assert circles(relation(edges)) == sorted(wanted)


def test_a_circle_of_many_needs_no_deep_stack() -> None:
    count = 3 * sys.getrecursionlimit()
    ring = {Node("state", "d", str(each)): {Node("state", "d", str((each + 1) % count))} for each in range(count)}
    assert [len(each) for each in circles(ring)] == [count]


# -- a story ----------------------------------------------------------------------------------------------------------


def nothing(key: str) -> None:
    return None


def empty(own: str = "mlops-tui://flights") -> Graph:
    return Graph(Made(nothing, {"flights-delay": ["flights"]}, frozenset()), own)


def state(dataset: str, id: str, source: str) -> Snapshot:
    return Snapshot(subject=dataset, snapshot=id, parent="", rows=1, bytes=1, source=source)


FILE = Node("file", "may.parquet", "0123456789abcdef")


@pytest.fixture
def story(history: History, made: Facts) -> History:
    """A file is taken in, a model learns from it, is promoted, answers, is found wanting: an alert, an incident."""
    history.add(state("flights", "raw", "may.parquet 0123456789abcdef"),
                state("flights-delay.features", "f", "windows"),
                state("flights-delay.training", "t", "train flights-delay"), made.trained("1", training="t"),
                made.finding(check="gate", version="1", monitor=""),
                Approval(subject="AP-1", event="asked", argv=("promote", "flights-delay@1")),
                BoardEvent(subject="BC-1", event="opened", about="flights-delay@1"),
                Promotion(subject="flights-delay", version="1", previous="", approval="AP-1", evidence="e"),
                state("flights-delay.predictions", "p", "score flights-delay@1"),
                made.finding("fail", check="performance", version="1", data=("p",)),
                AlertEvent(subject="AL-1", event="fired", finding=10), AlertEvent(subject="SI-1", event="silenced"),
                IncidentEvent(subject="INC-1", event="opened", alert="AL-1"))
    return history


def test_an_incident_comes_from_the_bytes_of_a_file_through_everything_between(story: History) -> None:
    graph = empty().take(story.entries)
    kinds = {each.kind for each in reached(graph.parents, [Node("incident", "INC-1")])}
    assert kinds == {"file", "state", "model", "finding", "decision", "promotion", "alert"}
    assert FILE in reached(graph.parents, [Node("incident", "INC-1")])
    assert Node("incident", "INC-1") in reached(inverted(graph.parents), [FILE])
    assert {Node("decision", "AP-1"), Node("decision", "BC-1")} <= graph.parents[graph.promoted["flights-delay"][0]]
    assert Node("alert", "SI-1") not in graph.nodes()


def test_an_answer_comes_from_the_promotion_that_was_in_force(story: History, made: Facts) -> None:
    story.add(made.trained("2", training="t"),
              Promotion(subject="flights-delay", version="2", previous="1", approval="", evidence=""),
              state("flights-delay.predictions", "q", "score flights-delay@2"))
    graph = empty().take(story.entries)
    first, second = (Node("state", "flights-delay.predictions", each) for each in "pq")
    assert Node("promotion", "flights-delay@1", "8") in graph.parents[first]
    assert Node("promotion", "flights-delay@2", "15") in graph.parents[second]
    assert graph.promoted_at("flights-delay", 8) is None
    assert str(graph.promoted_at("flights-delay", 15)).startswith("flights-delay@1")


@pytest.mark.parametrize("cut", range(14))
def test_the_history_told_in_two_parts_is_the_same_graph(story: History, cut: int) -> None:
    whole, parts = empty().take(story.entries), empty().take(story.entries[:cut]).take(story.entries)
    assert parts.parents == whole.parents
    assert parts.by == whole.by


def test_a_finding_that_names_no_state_is_about_what_its_subject_had(story: History, made: Facts) -> None:
    story.add(made.finding(check="drift"), made.finding(check="health", subject="flights"))
    graph = empty().take(story.entries)
    parents = {each.name: graph.parents[each] for each in graph.parents if each.kind == "finding"}
    assert parents["drift of flights-delay"] == {Node("state", "flights-delay.features", "f")}
    assert parents["health of flights"] == {Node("state", "flights", "raw")}


# -- foreign events ---------------------------------------------------------------------------------------------------


def event(job: str, run: str, inputs: tuple[str, ...] = (), outputs: tuple[str, ...] = (), **more: object) -> Foreign:
    return Foreign(subject=job, event="COMPLETE", run=run, inputs=inputs, outputs=outputs, **more)


UPSTREAM = event("airflow land", "r1", ("db tower",), ("s3 in/may.parquet",))


@pytest.mark.parametrize("seed", range(6))
def test_foreign_runs_lead_to_our_files_in_whatever_order_they_are_told(history: History, seed: int) -> None:
    facts = [state("flights", "raw", "may.parquet 0123456789abcdef"), UPSTREAM,
             event("spark copy", "r0", ("ftp feed",), ("db tower",))]
    history.add(*random.Random(seed).sample(facts, 3))
    graph = empty().take(history.entries)
    names = {each.name for each in reached(graph.parents, [FILE])}
    assert names == {"s3 in/may.parquet", "airflow land", "db tower", "spark copy", "ftp feed"}


def test_a_foreign_dataset_is_our_file_only_if_the_digest_that_it_says_is_ours(history: History) -> None:
    history.add(state("flights", "raw", "may.parquet 0123456789abcdef"),
                event("a", "1", (), ("s3 may.parquet",), versions={"s3 may.parquet": "0123456789abcdef" + "0" * 48}),
                event("b", "2", (), ("gs may.parquet",), versions={"gs may.parquet": "f" * 64}))
    graph = empty().take(history.entries)
    assert {each.name for each in reached(graph.parents, [FILE])} == {"s3 may.parquet", "a"}


def test_a_foreign_event_that_claims_our_data_changes_nothing_and_is_named(story: History) -> None:
    before = empty().take(story.entries)
    kept = {each: set(parents) for each, parents in before.parents.items()}
    story.add(event("mallory", "1", ("evil source",), ("mlops-tui://flights flights",)))
    after = empty().take(story.entries)
    assert {each: after.parents[each] for each in kept} == kept
    assert list(after.claims) == ["mallory claims to have written flights, of which our own history tells"]


def test_a_foreign_run_that_read_our_data_follows_from_it(story: History) -> None:
    story.add(event("report", "1", ("mlops-tui://flights flights-delay.predictions",), ("bi dashboard",)))
    down = reached(inverted(empty().take(story.entries).parents), [FILE])
    assert {"report", "bi dashboard"} <= {each.name for each in down}


def test_what_reads_and_writes_the_same_is_a_circle_and_ends(history: History) -> None:
    history.add(event("merge", "1", ("db t",), ("db t",)))
    graph = empty().take(history.entries)
    assert circles(graph.parents) == [(Node("foreign", "db t"), Node("foreign", "merge", "1"))]
    assert set(reached(graph.parents, [Node("foreign", "db t")])) == {Node("foreign", "merge", "1")}


def test_the_digest_of_a_file_is_known_whole_where_its_finding_has_it(history: History) -> None:
    history.add(Finding(subject="flights", check="ingest", status="pass", title="", detail={"digests": ["ab" * 32]}))
    assert empty().take(history.entries).digests == {"ab" * 8: "ab" * 32}


def test_trained_without_rows_has_no_parent(history: History, made: Facts) -> None:
    history.add(made.trained("1", training=""))
    assert isinstance(history.entries[0].fact, Trained)
    assert empty().take(history.entries).parents == {Node("model", "flights-delay", "1"): set()}
