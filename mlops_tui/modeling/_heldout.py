"""A version of a declared model on its own held-out test rows: which one, its scores, and how it meets its criteria."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mlops_tui import folds, gates, rivals
from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.analysis.criteria import Criterion, judge
from mlops_tui.analysis.evaluation import Evaluation
from mlops_tui.errors import BadInput, NotFound, nearest
from mlops_tui.folds import ModelState
from mlops_tui.kinds import Model
from mlops_tui.modeling._training import OUTCOME
from mlops_tui.session import Session
from mlops_tui.view import Row, Status, worst
from store.columns import Texts
from store.facts import Finding, Trained
from store.lake import Manifest


@dataclass(frozen=True)
class Version:
    """A version that can be judged: how its model is declared now, how it was made, and its scores in the lake."""

    model: Model
    trained: Trained
    state: ModelState
    scores: Manifest

    @property
    def name(self) -> str:
        return f"{self.trained.subject}@{self.trained.version}"

    @property
    def serves(self) -> bool:
        return self.trained.version == self.state.champion


def of_file(what: str, **needed: str | None) -> bool:
    """Whether WHAT is a file: that needs each of these options, a declared model none. BadInput for some of them."""
    given = [name for name, value in needed.items() if value is not None]
    if len(given) == len(needed):
        return True
    if given or Path(what).suffix.lower() in (".parquet", ".csv", ".json"):
        options = " and ".join(f"--{name}" for name in needed)
        raise BadInput(f"A file needs {options}.", next="A declared model needs neither.")
    return False


def version(session: Session, text: str) -> Version:
    """The version that the words mean: the challenger where none is named, and the champion where there is none."""
    project = session.declared()
    subject = project.subject(text, "model")
    name, wanted = subject.name, subject.version
    model, state = project.model(name), folds.model_state(session.ledger.entries("trained", "promotion"), name)
    if not state.versions:
        raise NotFound(f"'{name}' was never trained.", next=f"Try: mlops-tui train {name}")
    chosen = state.resolve(wanted) if wanted else state.challenger or state.champion
    trained = state.versions.get(chosen) and state.trained(chosen)
    if not trained:
        missing = {"champion": f"promote {name}@{state.challenger}", "challenger": f"train {name}"}
        step = f"Try: mlops-tui {missing.get(wanted, f'evaluate {name}@{list(state.versions)[-1]}')}"
        raise NotFound(f"'{name}' has no {wanted if wanted in missing else f'version {wanted}'}.",
                       where=f"versions: {', '.join(state.versions)}", next=step)
    scores, reason = rivals.scores_of(session, model, trained)
    if scores is None:
        raise NotFound(f"{name}@{chosen} cannot be judged on its test rows: {reason}.",
                       next=f"Try: mlops-tui performance {name}@{chosen}")
    return Version(model, trained, state, scores)


def tested(session: Session, chosen: Version) -> tuple[Bools, Floats]:
    """Label and score of each test row, (n,); BadInput for one class."""
    label, score = rivals.held_out(session, chosen.model, chosen.trained, chosen.scores)
    if not label.size or label.min() == label.max():
        said = f"All {label.size} test rows of {chosen.name} have the label {label[0]:g}." if label.size else \
            f"{chosen.name} has no test rows."
        raise BadInput(said, where=f"{chosen.scores.dataset}@{chosen.scores.id[:12]}",
                       next="Declare a longer `split: test:`, then: "
                            f"mlops-tui train {chosen.trained.subject}")
    return label == 1, score


def grouped(session: Session, chosen: Version, column: str) -> Texts:
    """A column of the training rows as text, (n,) for the test rows; refused where it is none or was erased."""
    trained, model = chosen.trained, chosen.model
    training = rivals.kept(session, f"{trained.subject}.training", trained.training)
    if training is None:
        raise NotFound(f"The training rows of {chosen.name} were erased, and with them its groups.",
                       next="Leave out --group.")
    known = [name for name in training.columns if name not in (model.label.column, model.split.time, OUTCOME)]
    if column not in known:
        raise NotFound(f"The training rows of {chosen.name} have no column '{column}'.",
                       where=f"{training.dataset}@{training.id[:12]}",
                       next=nearest(column, known) or f"Columns: {', '.join(known)}.")
    return rivals.groups(session, model, chosen.scores, training, column)


def judged(model: Model, found: Evaluation) -> list[Row]:
    """Each declared criterion beside what was measured, judged on the bound."""
    measured, rows = {each.metric: each for each in found.metrics}, []
    for each in model.criteria:
        value = measured.get(each.metric)
        row: Row = {"metric": f"{each.metric}:{each.slice}" if each.slice else each.metric, "value": None,
                    "limit": each.at_least if each.at_least is not None else each.at_most,
                    "better_is": "higher" if each.at_least is not None else "lower", "low": None, "high": None,
                    "n": 0, "verdict": "unknown", "status": Status.UNKNOWN,
                    "reason": "a slice is not measured here, see --group" if each.slice else
                    nearest(each.metric, measured) or f"no metric is called {each.metric}"}
        if value is not None and not each.slice:
            judgement = judge(Criterion(each.metric, each.at_least, each.at_most, each.min_rows), value)
            row = {**row, "value": value.value, "low": value.low, "high": value.high, "n": value.n,
                   "verdict": judgement.verdict.value, "status": gates.JUDGED[judgement.verdict],
                   "reason": judgement.reason}
        rows.append(row)
    return rows


def status(found: Evaluation, rows: Sequence[Row]) -> Status:
    """The worst criterion, or a warning where a constant answer would be right more often."""
    judged_so = [Status(str(row["status"])) for row in rows]
    return worst(judged_so + [Status.WARN] * found.no_better_than_majority, default=Status.DONE)


def finding(session: Session, chosen: Version, found: Evaluation, rows: Sequence[Row], title: str) -> Finding:
    """What enters the history: the first criterion gives the value (ROC AUC where there is none)."""
    trained, first = chosen.trained, chosen.model.criteria[0] if chosen.model.criteria else None
    main = next((each for each in found.metrics if first is not None and each.metric == first.metric),
                found.metric("roc_auc"))
    limit = None if first is None else first.at_least if first.at_least is not None else first.at_most
    metrics = {each.metric: {"value": each.value, "low": each.low, "high": each.high, "n": each.n,
                             "reason": each.reason} for each in found.metrics}
    return Finding(check="evaluate", subject=trained.subject, status=status(found, rows).value, title=title,
                   value=main.value, low=main.low, high=main.high, limit=limit, n=found.n,
                   data=tuple(each for each in (trained.scores, trained.training) if each), version=trained.version,
                   declaration=session.declaration("model", trained.subject),
                   detail={"metric": main.metric, "metrics": metrics, "threshold": found.threshold, "ece": found.ece,
                           "candidate": trained.candidate, "test_from": trained.detail.get("test_from"),
                           "criteria": {str(row["metric"]): row["verdict"] for row in rows}})


def small_enough(names: Texts, column: str, where: str, most: int) -> None:
    """BadInput for a column of more than `most` values, which is no grouping."""
    if np.unique(names).size > most:
        raise BadInput(f"'{column}' has more than {most} values.", where=where, next="Name a column with few values.")
