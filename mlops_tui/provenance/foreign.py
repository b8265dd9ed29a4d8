"""Others' OpenLineage events: read, whatever is wrong with some of them, and what does not fit together named."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_tui.provenance.graph import Graph, circles
from store.facts import Foreign

if TYPE_CHECKING:
    from store.ledger import Entry

TYPES = ("START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER")
ENDS = ("COMPLETE", "ABORT", "FAIL")
LONGEST = 500  # characters of a name
NAMED = 3  # of a kind of problem

# the facets of the specification that say something about runs, jobs and datasets
KNOWN = frozenset((
    "parent", "nominalTime", "processing_engine", "errorMessage", "environmentVariables", "extractionError",
    "externalQuery", "tags", "test", "executionParameters", "jobType", "documentation", "ownership", "sourceCode",
    "sourceCodeLocation", "sql", "jobDependencies", "schema", "version", "dataSource", "lifecycleStateChange",
    "columnLineage", "storage", "symlinks", "dataQualityMetrics", "dataQualityAssertions", "catalog", "hierarchy",
    "datasetType", "outputStatistics", "inputStatistics", "subset", "icebergScanReport", "icebergCommitReport"))


class Wrong(Exception):
    """Why something is no event."""


@dataclass(frozen=True)
class Read:
    """What a file holds: the events, each once; the places of what is none, with the reason; how many came twice; and
    the names of facets that the specification does not have."""

    events: tuple[Foreign, ...]
    wrong: tuple[tuple[str, str], ...] = ()
    twice: int = 0
    unknown: tuple[str, ...] = ()


def read(text: str, document: str) -> Read:
    """The events of a file: one a line, a JSON list of them, or a single one. `document`: the digest of the file."""
    found: dict[str, Foreign] = {}
    wrong, twice, unknown = list[tuple[str, str]](), 0, dict[str, None]()
    for place, given in _given(text):
        try:
            if isinstance(given, Wrong):
                raise given
            event = _event(given, document)
        except Wrong as problem:
            wrong.append((place, str(problem)))
            continue
        twice += event.key in found
        found.setdefault(event.key, event)
        unknown |= dict.fromkeys(name for name in _facets(given) if name not in KNOWN)
    return Read(tuple(found.values()), tuple(wrong), twice, tuple(unknown))


def _given(text: str) -> Iterator[tuple[str, Any]]:
    """Each document of the file with its place; in place of one that is no JSON, what is wrong with it."""
    try:
        whole = _parsed(text)
        listed = whole if isinstance(whole, list) else [whole]
        yield from ((f"event {place}", each) for place, each in enumerate(listed, 1))
    except Wrong:
        for place, line in enumerate(text.splitlines(), 1):
            if line.strip():
                try:
                    yield f"line {place}", _parsed(line)
                except Wrong as problem:
                    yield f"line {place}", problem


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as problem:
        raise Wrong(f"it is no JSON: {problem.msg}") from problem
    except RecursionError as problem:
        raise Wrong("it is nested too deep") from problem
    except ValueError as problem:  # a number of thousands of digits
        raise Wrong(f"it has a number that nobody reads: {str(problem).partition(';')[0]}") from problem


def _event(given: Any, document: str) -> Foreign:
    if not isinstance(given, dict):
        raise Wrong("it is no JSON object")
    at = _time(given.get("eventTime"))
    key = hashlib.sha256(json.dumps(given, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
    if "job" not in given and isinstance(given.get("dataset"), dict):
        return Foreign(subject=_named(given["dataset"], "dataset"), event="dataset", at=at, key=key, document=document)
    job, kind = _named(given.get("job"), "job"), given.get("eventType", "OTHER")
    run = given.get("run")
    if run is not None and not (isinstance(run, dict) and _word(run.get("runId"))):
        raise Wrong("its run has no runId")
    if not isinstance(kind, str) or kind.upper() not in TYPES:
        raise Wrong(f"its eventType is none of {', '.join(TYPES)}")
    sides = {side: _datasets(given, side) for side in ("inputs", "outputs")}
    versions = {name: version for each in sides.values() for name, version in each.items() if version}
    return Foreign(subject=job, event=kind.upper() if run else "job", run=run["runId"] if run else "", at=at, key=key,
                   document=document, inputs=tuple(sides["inputs"]), outputs=tuple(sides["outputs"]), versions=versions,
                   parent=_parent(run) if run else "")


def _time(value: Any) -> str:
    try:
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError) as problem:
        raise Wrong("its eventTime is no time") from problem
    if at.tzinfo is None:
        raise Wrong("its eventTime has no zone")
    return at.isoformat()


def _word(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST and value.isprintable()


def _named(value: Any, what: str) -> str:
    if not isinstance(value, dict) or not _word(value.get("namespace")) or not _word(value.get("name")):
        raise Wrong(f"its {what} has no namespace and name, of {LONGEST} printed characters at most")
    return f"{value['namespace']} {value['name']}"


def _datasets(given: Mapping[str, Any], side: str) -> dict[str, str]:
    """The datasets on a side, each with the version that is said of it."""
    listed = given.get(side) or []
    if not isinstance(listed, list):
        raise Wrong(f"its {side} are no list")
    return {_named(each, f"one of its {side}"): _version(each) for each in listed}


def _version(dataset: Mapping[str, Any]) -> str:
    facets = dataset.get("facets")
    facet = facets.get("version") if isinstance(facets, dict) else None
    version = facet.get("datasetVersion") if isinstance(facet, dict) else None
    return version if isinstance(version, str) and _word(version) else ""


def _parent(run: Mapping[str, Any]) -> str:
    facets = run.get("facets")
    facet = facets.get("parent") if isinstance(facets, dict) else None
    parent = facet.get("run") if isinstance(facet, dict) else None
    id = parent.get("runId") if isinstance(parent, dict) else None
    return id if isinstance(id, str) and _word(id) else ""


def _facets(given: Any) -> Iterator[str]:
    """The names of all facets of an event."""
    holders = [given.get("run"), given.get("job"), given.get("dataset"), *(given.get("inputs") or ()),
               *(given.get("outputs") or ())]
    for each in holders:
        for kind in ("facets", "inputFacets", "outputFacets"):
            facets = each.get(kind) if isinstance(each, dict) else None
            yield from facets if isinstance(facets, dict) else ()


# -- what does not fit together ---------------------------------------------------------------------------------------


def problems(graph: Graph, entries: "Sequence[Entry]") -> list[str]:
    """What is odd about all foreign events together, each kind in one sentence. Nothing is left out because of it."""
    runs: dict[str, list[Foreign]] = {}
    for entry in entries:
        if isinstance(entry.fact, Foreign) and entry.fact.run:
            runs.setdefault(entry.fact.run, []).append(entry.fact)
    kinds = {run: {each.event for each in events} for run, events in runs.items()}
    early = [run for run, events in runs.items() if _early(events)]
    lost = {each.parent for events in runs.values() for each in events if each.parent and each.parent not in runs}
    rings = [" → ".join(str(each) for each in ring) for ring in circles(graph.parents)
             if any(each.kind == "foreign" for each in ring)]
    named: tuple[tuple[str, Iterable[str]], ...] = (
        ("ended, and no START of it came", (run for run, told in kinds.items()
                                            if told & set(ENDS) and "START" not in told)),
        ("began, and no end of it came", (run for run, told in kinds.items() if not told & set(ENDS))),
        ("ended more than once, in different ways", (run for run, told in kinds.items() if len(told & set(ENDS)) > 1)),
        ("ended before it began, by its own times", early), ("is named as a parent, and is not known", sorted(lost)))
    found = [_said("run", what, list(those)) for what, those in named]
    found.append(_said("circle", "leads from data back to themselves", rings))
    return [*filter(None, found), *graph.claims]


def _early(events: Sequence[Foreign]) -> bool:
    """Whether it ended before it began, by the times that its events say."""
    begun = [datetime.fromisoformat(each.at) for each in events if each.event == "START"]
    ended = [datetime.fromisoformat(each.at) for each in events if each.event in ENDS]
    return bool(begun and ended) and min(ended) < min(begun)


def _said(noun: str, what: str, those: Sequence[str]) -> str:
    more = f" and {len(those) - NAMED:,} more" if len(those) > NAMED else ""
    return f"{len(those):,} × a {noun} {what}: {', '.join(those[:NAMED])}{more}" if those else ""
