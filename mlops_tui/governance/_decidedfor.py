"""One decision explained (GDPR Art. 22): what was answered, from what, what mattered, and how a person is asked."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mlops_tui import folds
from mlops_tui.capability import hidden_columns
from mlops_tui.errors import Refusal
from mlops_tui.governance import _drafted as drafted
from mlops_tui.governance._drafted import Draft
from mlops_tui.models.predicting import scorer
from mlops_tui.provenance.answers import Answer
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Facts, Table, Text, View, finite
from store.facts import Trained

MOST = 12  # inputs that are shown
WHERE = "mlops.yaml, organisation.processing"


def explained(session: Session, found: Answer) -> View:
    """What a model decided for somebody, from which values, and what the answer would have been with usual ones."""
    project, draft = session.declared(), Draft()
    model = project.model(found.model)
    draft.parts.append(drafted.answering(draft, project.settings.organisation))
    score = found.values.get("score")
    decided = score >= model.threshold if isinstance(score, float) else None
    draft.parts.append(Facts({
        "prediction": found.id, "model": f"{found.model}@{found.version}", "about": model.description or None,
        "score": score, "answer": found.values.get("answer"), "threshold": model.threshold, "decided": decided,
        "answered": found.part.entry.effective_at}))
    values = _values(session, found)
    why, mattered = _mattered(session, found, values) if values is not None else ("its inputs are not kept", [])
    if mattered:
        hidden = set(hidden_columns(session, model.label.dataset, [str(row["input"]) for row in mattered]))
        shown = [{**row, "value": None, "usual": None} if row["input"] in hidden else row for row in mattered]
        draft.parts += [Table.of("inputs", shown[:MOST], "input", "value", Column("usual", "usual value"),
                                 Column("changes", "changes the score by", digits=4),
                                 title="What mattered most"),
                        Text("Each input in turn was set to its usual value (median, or most frequent) among the rows "
                             "that the version learned from, all others left as they were: so much does its value move "
                             "the score. Inputs that go together share what they move.")]
    else:
        draft.lacking["what mattered most"] = why
    _route(draft, session, found.model)
    return draft.view(f"{found.id[:40]} was answered by {found.model}@{found.version}", "GDPR Art. 22",
                      (Action("From where", ("provenance", "of", f"prediction/{found.model}/{found.id}")),))


def _route(draft: Draft, session: Session, model: str) -> None:
    """Whether a person decides, and how one asks for that."""
    purposes = drafted.purposes(session.declared(), [model], [])
    for each in purposes:
        of = drafted.about(each)
        alone = "" if each.automated is None else "the model decides alone" if each.automated else "a person decides"
        draft.parts.append(Facts({
            "purpose": draft.said(of, each.purpose, WHERE),
            "who_decides": draft.said(f"who decides: {of}", alone, WHERE),
            "legal_basis": draft.said(f"legal basis of: {of}", each.basis, WHERE),
            "human_review": draft.said(f"how to ask for a person: {of}", each.review, WHERE)}))


def _values(session: Session, found: Answer) -> pa.Table | None:
    """The row of features that was scored: as the log has it, or as it was built; None where it is not kept."""
    name = f"{found.model}.features"
    state = folds.model_state(session.ledger.entries("trained", "promotion"), found.model)
    fact = state.trained(found.version)
    inputs = [str(each["name"]) for each in fact.detail.get("inputs", ())] if fact is not None else []
    if inputs and all(each in found.values for each in inputs):
        return pa.table({each: [found.values[each]] for each in inputs})
    part = next((each for each in found.parts if each.dataset == name), None)
    keys = [key for key in found.values if key not in ("score", "version", "day", "answer")]
    if part is None:
        return None
    rows = pq.read_table(session.data().place_of(part.file), partitioning=None)
    for key in keys:
        if key in rows.column_names:
            rows = rows.filter(pc.equal(rows.column(key), pa.scalar(found.values[key], rows.schema.field(key).type)))
    return rows.slice(0, 1) if rows.num_rows else None


def _mattered(session: Session, found: Answer, row: pa.Table) -> tuple[str, list[dict[str, Any]]]:
    """How much each input's value moved the score, the most first; or why that is not known."""
    state = folds.model_state(session.ledger.entries("trained", "promotion"), found.model)
    fact = state.trained(found.version)
    if not isinstance(fact, Trained) or fact.detail.get("task", "binary") != "binary":
        return "only answers of binary models can be taken apart", []
    try:
        usual = _usual(session, fact, row)
        scores = scorer(session, fact)(pa.concat_tables([row, *(
            row.set_column(row.column_names.index(name), row.schema.field(name), pa.array([value], row.schema.field(
                name).type)) for name, value in usual.items())]))
    except (Refusal, pa.ArrowException) as problem:
        return f"the version cannot be asked any more: {problem}", []
    rows = [{"input": name, "value": row.column(name)[0].as_py(), "usual": value,
             "changes": finite(float(scores[0] - scores[place]))}
            for place, (name, value) in enumerate(usual.items(), 1)]
    return "", sorted(rows, key=lambda each: -abs(each["changes"] or 0.0))


def _usual(session: Session, fact: Trained, row: pa.Table) -> dict[str, Any]:
    """The usual value of each input among the rows that the version learned from."""
    state = session.data().manifest(f"{fact.subject}.training", fact.training)
    columns = [str(each["name"]) for each in fact.detail.get("inputs", ())]
    learned = pa.concat_tables([pq.read_table(session.data().place_of(file), columns=columns, partitioning=None)
                                for file in state.files])
    found: dict[str, Any] = {}
    for name in columns:
        column = learned.column(name).drop_null()
        if not len(column):
            continue
        kind = row.schema.field(name).type
        number = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
        value = pc.quantile(column, 0.5, interpolation="nearest")[0].cast(kind) if number else _most_frequent(column)
        found[name] = value.as_py()
    return found


def _most_frequent(column: pa.ChunkedArray) -> pa.Scalar:
    """The value that comes most often; the first in order of several."""
    counted = pc.value_counts(column)
    ordered = pa.table({"value": counted.field(0), "count": counted.field(1)}).sort_by(
        [("count", "descending"), ("value", "ascending")])
    return ordered.column("value")[0]
