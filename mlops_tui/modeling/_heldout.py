"""A version of a declared model on its own held-out test rows: which one, its scores, and how it meets its criteria."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mlops_tui import folds, gates
from mlops_tui.access.standing import SECRET
from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.arrays import Bools, Counts, Floats
from mlops_tui.analysis.criteria import Criterion, judge
from mlops_tui.analysis.groups import coded
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.metrics import metrics_of
from mlops_tui.capability import hidden_columns
from mlops_tui.declarations.kinds import Model
from mlops_tui.errors import BadInput, NotFound, nearest
from mlops_tui.folds import ModelState
from mlops_tui.modeling._evaluated import Evaluated, status
from mlops_tui.models import rivals, slices
from mlops_tui.session import Session
from mlops_tui.tracing import pointintime
from mlops_tui.view import Row, Status, worst
from store.columns import Texts
from store.facts import Finding, Trained
from store.lake import Manifest
from store.quoting import quote


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

    @property
    def deciding(self) -> str:
        """The metric that comes first: the first criterion's, else the one of its training, else the task's."""
        known = metrics_of(rivals.task_of(self.trained))
        named = [each.metric for each in self.model.criteria if not each.slice][:1]
        return next((name for name in (*named, str(self.trained.detail.get("metric", ""))) if name in known), "")


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
    """Label and score of each test row of a binary version, (n,) each; BadInput for one class."""
    found = own_answers(session, chosen)
    return found.label, found.given


def grouped(session: Session, chosen: Version, column: str) -> Texts:
    """A column of the training rows as text, (n,) for the test rows; refused where it is none or was erased."""
    return slices.values(session, chosen.model, chosen.trained, chosen.scores, column)


def times_of(session: Session, chosen: Version) -> Counts:
    """The time of each test row of a version, in microseconds, (n,), in order of the key."""
    model, lake = chosen.model, session.data()
    key = pointintime.key_columns(model, session.declared().dataset(model.label.dataset))
    query = (f"SELECT epoch_us({quote(model.split.time)}) AS at FROM {lake.scan(chosen.scores)} "
             f"ORDER BY {', '.join(map(quote, key))}")
    return np.asarray(lake.connect().execute(query).fetchnumpy()["at"], dtype=np.int64)


def own_answers(session: Session, chosen: Version) -> Answers:
    """What the version answered on its test rows, with the labels; BadInput for none, or for one class."""
    found = rivals.answers(session, chosen.model, chosen.trained, chosen.scores)
    one = found.n > 0 and found.task is not Task.REGRESSION and bool((found.label == found.label[0]).all())
    if found.n and not one:
        return found
    label = found.classes[int(found.label[0])] if one and found.classes else f"{int(found.label[0])}" if one else ""
    said = f"All {found.n} test rows of {chosen.name} have the label {label}." if found.n else \
        f"{chosen.name} has no test rows."
    raise BadInput(said, where=f"{chosen.scores.dataset}@{chosen.scores.id[:12]}",
                   next=f"Declare a longer `split: test:`, then: mlops-tui train {chosen.trained.subject}")


def columns_of(session: Session, chosen: Version, groups: Sequence[str]) -> tuple[dict[str, Texts], list[str]]:
    """The declared slices and the columns asked for, as text for each test row; and what is left out, in words.

    BadInput for a column asked for whose values are not shown where others read along.
    """
    wanted = list(dict.fromkeys([*groups, *chosen.model.slices]))
    hidden = hidden_columns(session, "", wanted)
    found: dict[str, Texts] = {}
    left: list[str] = []
    for column in wanted:
        if column in hidden and column in groups:
            raise BadInput(f"The values of '{column}' are classified and not shown here.",
                           next="Leave out --group, or evaluate it at a terminal.")
        if column in hidden:
            left.append(f"The values of '{column}' are classified: this slice is not shown here.")
            continue
        try:
            found[column] = grouped(session, chosen, column)
        except NotFound:
            if column in groups:
                raise
            left.append(f"Declared as a slice, but not among the training rows of {chosen.name}: {column}.")
    return found, left


def classified(session: Session) -> set[str]:
    """Columns that some contract classifies, whose values are not kept in a title that others read."""
    return {item.name for contract in session.declared().datasets.values() for item in contract.properties
            if item.classification.lower() in SECRET}


def judged(session: Session, chosen: Version, found: Evaluated) -> list[Row]:
    """Each declared criterion beside what was measured, on all rows or on its slice, judged on the bound."""
    model = chosen.model
    of_slices = slices.criteria(session, model, chosen.trained, chosen.scores, found.answers)
    measured = {"mase": _in_training(chosen.trained, "mase")} if "mase" in chosen.trained.metrics else {}
    measured |= {each.metric: each for each in found.metrics} | dict(of_slices.estimates)
    rows = []
    for each in model.criteria:
        name = f"{each.metric}:{each.slice}" if each.slice else each.metric
        row: Row = {"metric": name, "value": None, "limit": each.at_least if each.at_least is not None else
                    each.at_most, "better_is": "higher" if each.at_least is not None else "lower", "low": None,
                    "high": None, "n": 0, "verdict": "unknown", "status": Status.UNKNOWN,
                    "reason": of_slices.reasons.get(name, "") or nearest(each.metric, measured) or
                    f"no metric is called {each.metric}"}
        if name in measured:
            value = measured[name]
            judgement = judge(Criterion(each.metric, each.at_least, each.at_most, each.min_rows), value)
            row = {**row, "value": value.value, "low": value.low, "high": value.high, "n": value.n,
                   "verdict": judgement.verdict.value, "status": gates.JUDGED[judgement.verdict],
                   "reason": judgement.reason}
        rows.append(row)
    return rows


def _in_training(trained: Trained, metric: str) -> Estimate:
    """A metric as training measured it: MASE needs the naive forecasts, which the test rows do not hold."""
    kept = trained.metrics[metric]
    return Estimate(metric, kept.get("value"), kept.get("low"), kept.get("high"), int(kept.get("n") or 0),
                    str(kept.get("method", "")), str(kept.get("reason", "")))


def finding(session: Session, chosen: Version, found: Evaluated, rows: Sequence[Row], title: str) -> Finding:
    """The evaluation as it enters the history: the first criterion gives the value, else the deciding metric."""
    trained, main = chosen.trained, found.main
    metrics = {each.metric: {"value": each.value, "low": each.low, "high": each.high, "n": each.n,
                             "reason": each.reason} for each in found.metrics}
    limit = next((row["limit"] for row in rows if row["metric"] == main.metric), None)
    stands = worst(status(found, [Status(str(row["status"])) for row in rows]), default=Status.DONE)
    secret = classified(session)
    worse = [{"column": each.column, "value": "(classified)" if each.column in secret else each.name, "n": each.n,
              "metric": found.slicing.id, "difference": each.difference.estimate if each.difference else None,
              "p_adjusted": each.p_adjusted} for each in found.worse]
    calibrated = {"ece": found.binary.ece} if found.binary is not None else {}
    return Finding(check="evaluate", subject=trained.subject, status=stands.value, title=title,
                   value=main.value, low=main.low, high=main.high,
                   limit=limit if isinstance(limit, float | int) else None, n=found.n,
                   data=tuple(each for each in (trained.scores, trained.training) if each), version=trained.version,
                   declaration=session.declaration("model", trained.subject),
                   detail={"metric": main.metric, "metrics": metrics, "threshold": found.threshold, **calibrated,
                           "task": found.answers.task.value, "worse": worse, "candidate": trained.candidate,
                           "test_from": trained.detail.get("test_from"),
                           "criteria": {str(row["metric"]): row["verdict"] for row in rows}})


def small_enough(names: Texts, column: str, where: str, most: int) -> None:
    """BadInput for a column of more than `most` values, which is no grouping."""
    if coded(names)[0].size > most:
        raise BadInput(f"'{column}' has more than {most} values.", where=where, next="Name a column with few values.")
