"""What somebody means by the words for a thing: a file, a state, a version, an answer, a finding, an alert."""

import re
from collections.abc import Iterable, Mapping, Sequence

from mlops_tui import folds
from mlops_tui.declarations import featurelist
from mlops_tui.errors import NotDeclared, NotFound, nearest
from mlops_tui.session import Session
from mlops_tui.tracing.ancestry import DIGEST, Kind, Node
from store.written import names_file

NUMBERED: Mapping[str, Kind] = {"AL": "alert", "INC": "incident", "AP": "decision", "P": "decision", "BC": "decision"}
_NUMBERED = re.compile(r"(AL|INC|AP|BC|P)-[0-9]+", re.IGNORECASE)
Parents = Mapping[Node, Iterable[Node]]


def meant(session: Session, parents: Parents, text: str) -> list[Node]:
    """What the words mean: a model's version, a dataset's state, a source file, an endpoint, a finding by its entry
    (`finding/684`), or a numbered thing (AL-7); several files where more than one of that name came. NotFound says what
    is near."""
    kind, _, rest = text.partition("/")
    if kind == "finding":
        return _finding(parents, rest)
    if kind == "foreign":
        return _named(parents, "foreign", rest)
    name, _, version = text.rpartition("/")[2].partition("@")
    if _NUMBERED.fullmatch(name):
        return _numbered(parents, name.upper())
    if name in session.declared().models:
        return [model_version(session, name, version)]
    if names_file(name):
        return _files(parents, name, version)
    if name in session.declared().endpoints:
        return [Node("endpoint", name)]
    if name.partition(".")[0] not in _names(session) and not session.ledger.entries("snapshot", subject=name):
        raise NotDeclared(f"Nothing is called '{name}': no model, dataset, endpoint or file.",
                          next=nearest(name, _names(session)) or "Try: mlops-tui provenance list")
    return [Node("state", name, session.snapshot(text).id)]


def _names(session: Session) -> set[str]:
    project = session.declared()
    return {*project.datasets, *project.models, *project.endpoints, *project.pipelines}


def model_version(session: Session, name: str, version: str) -> Node:
    """A version of a model: the champion, or else the challenger, where none is named."""
    state = folds.model_state(session.ledger.entries("trained", "promotion"), name)
    chosen = state.resolve(version) if version else state.champion or state.challenger
    if chosen not in state.versions:
        versions = f"versions: {', '.join(state.versions)}" if state.versions else ""
        raise NotFound(f"'{name}' has no version {version or 'yet'}.", where=versions,
                       next=f"Try: mlops-tui {'model show' if state.versions else 'train'} {name}")
    return Node("model", name, chosen)


def column_of(session: Session, text: str) -> tuple[str, str] | None:
    """The dataset and its declared column that `dataset.column` names; None where it names no declared dataset, or one
    that is called so itself."""
    datasets = session.declared().datasets
    dataset, _, column = text.partition("@")[0].rpartition(".")
    if text in datasets or dataset not in datasets:
        return None
    columns = featurelist.columns_of(datasets[dataset])
    if column not in columns:
        made = {entry.subject for entry in session.ledger.entries("snapshot")}
        if text.partition("@")[0] in made:  # flights.quarantine
            return None
        raise NotFound(f"'{dataset}' has no column '{column}'.", where=f"datasets/{dataset}.yaml",
                       next=nearest(column, columns))
    return dataset, column


def _nodes(parents: Parents) -> set[Node]:
    return {*parents, *(each for others in parents.values() for each in others)}


def _files(parents: Parents, name: str, version: str) -> list[Node]:
    nodes = _nodes(parents)
    files = sorted(node for node in nodes if node.kind == "file" and node.name == name)
    if not files:
        names = [node.name for node in nodes if node.kind == "file"]
        raise NotFound(f"No data came from a file '{name}'.", next=nearest(name, names))
    those = [node for node in files if version and node.version.startswith(version[:DIGEST])]
    if version and not those:
        raise NotFound(f"No data came from a file '{name}' with the digest {version}.",
                       next=f"There are: {', '.join(map(str, files))}.")
    return those or files


def _finding(parents: Parents, number: str) -> list[Node]:
    found = [node for node in parents if node.kind == "finding" and node.version == number]
    if not found:
        raise NotFound(f"Entry {number} of the history is no finding.", next="Try: mlops-tui audit log")
    return found


def _named(parents: Parents, kind: Kind, name: str) -> list[Node]:
    there = {str(node): node for node in _nodes(parents) if node.kind == kind}
    found = [node for node in there.values() if name in (str(node), node.name)]
    if not found:
        raise NotFound(f"No {kind} event tells of '{name}'.", next=nearest(name, there))
    return found


def _numbered(parents: Parents, name: str) -> list[Node]:
    kind = NUMBERED[name.partition("-")[0]]
    node = Node(kind, name)
    if node not in parents:
        known = [each.name for each in _of_kind(parents, kind) if each.name.partition("-")[0] == name.partition("-")[0]]
        raise NotFound(f"There is no {name} in the history.", next=nearest(name, known))
    return [node]


def _of_kind(parents: Parents, kind: Kind) -> Sequence[Node]:
    return [node for node in parents if node.kind == kind]
