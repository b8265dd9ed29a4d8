"""The project's whole history as one graph, with what its declarations add: which version answers at an endpoint."""

from collections.abc import Sequence

from mlops_tui import folds
from mlops_tui.errors import Refusal
from mlops_tui.provenance.graph import KINDS, Graph
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from mlops_tui.tracing.ancestry import Made, Node


def namespace(session: Session) -> str:
    """How the project is called where others read of it."""
    return f"mlops-tui://{session.declared().settings.project}"


def begun(session: Session) -> Made:
    """What the declarations say of how data are made; nothing of the history yet."""
    project, lake = session.declared(), session.data()
    committed = {entry.subject for entry in session.ledger.entries("snapshot")}
    carried = [name for name in committed if (state := session.current(name)) is not None and any(state.partitioned_by)]
    reads: dict[str, Sequence[str]] = {}
    for name, model in project.models.items():
        views = pointintime.declared_views(model, project.features, str(project.path_of("model", name)))
        read = [each.dataset for each in pointintime.readings(model, views, list(project.datasets))]
        reads[name] = [model.label.dataset, *(each for each in read if each != model.label.dataset)]
    for name, feature in project.features.items():
        reads[f"{name}.view"] = pointintime.used(feature.sql, list(project.datasets))

    def document(key: str) -> bytes | None:
        try:
            return lake.object(key) if key else None
        except Refusal:
            return None

    return Made(document, reads, frozenset(carried))


def known(session: Session) -> Graph:
    """The graph of everything in the project's history, as of the session's time."""
    graph = Graph(begun(session), namespace(session)).take(session.ledger.entries(*KINDS))
    for name, endpoint in session.declared().endpoints.items():
        graph.lead(Node("endpoint", name), _answering(session, graph, endpoint.model))
    return graph


def _answering(session: Session, graph: Graph, text: str) -> list[Node]:
    """What answers where a model is asked: the champion by its promotion, or the version that is named."""
    name, _, wanted = text.partition("@")
    version = folds.model_state(session.ledger.entries("trained", "promotion"), name).resolve(wanted)
    served = graph.promoted_at(name)
    if served is not None and served.name == f"{name}@{version}":
        return [served]
    return [Node("model", name, version)] if version else []
