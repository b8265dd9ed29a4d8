"""A whole evaluation of any task: its metrics, slices and warnings, as a person reads them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlops_tui.analysis.answers import Answers, Task
from mlops_tui.analysis.calibration import ece, reliability
from mlops_tui.analysis.clustered import reckoned
from mlops_tui.analysis.evaluation import Evaluation, evaluation
from mlops_tui.analysis.groups import coded
from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.metrics import BY_CLASS, METRICS, Family, Metric, metrics_of
from mlops_tui.analysis.multiclass import ClassScore, by_class
from mlops_tui.analysis.slices import SLICE_METRICS, Slice, Standing, slices
from mlops_tui.modeling._words import in_words
from mlops_tui.view import Cell, Column, Part, Row, Series, Status, Table, Text, counted, finite
from store.columns import Texts

GROUPS = 100  # the largest that are shown
FEW = 10      # rows of a class below which intervals are only a rough guide
STANDS = {Standing.WORSE: Status.WARN, Standing.BETTER: Status.PASS, Standing.ALIKE: Status.PASS,
          Standing.TOO_FEW: Status.UNKNOWN}
DECIDING: Mapping[Task, str] = {Task.BINARY: "roc_auc", Task.MULTICLASS: "accuracy", Task.REGRESSION: "rmse"}
CALLED = {"roc_auc": "ROC AUC", "roc_auc_ovr": "ROC AUC (one against the rest)", "mae": "MAE", "rmse": "RMSE",
          "r2": "R²", "mcc": "MCC", "mape": "MAPE", "median_ae": "median absolute error", "f1": "F1",
          "macro_f1": "macro F1", "weighted_f1": "weighted F1",
          "kappa": "Cohen's κ", "spearman": "Spearman's ρ"}
MANY = 100_000  # rows from which on a fourth decimal means something
ASKED = ("pinball_10", "pinball_90")  # of forecasts of a quantile: shown where one of them decides
OPTIONAL = ("top_2_accuracy", "top_3_accuracy", "top_5_accuracy", "mape")  # left out where they do not exist


@dataclass(frozen=True)
class Evaluated:
    """One model on one set of labelled rows; `binary` holds counts, calibration and curve of a binary one.

    `unit` is what rows that vary together are groups of, such as days.
    """

    answers: Answers
    threshold: float
    deciding: Metric
    metrics: tuple[Estimate, ...]
    slices: tuple[Slice, ...] = ()
    values: int = 0  # of all columns that are sliced by, of which the largest are looked at
    binary: Evaluation | None = None
    unit: str = "groups"

    @property
    def n(self) -> int:
        return self.answers.n

    def metric(self, name: str) -> Estimate:
        """The estimate of that name; StopIteration where it was not measured."""
        return next(each for each in self.metrics if each.metric == name)

    @property
    def hard(self) -> bool:
        """Whether a binary model's scores are decisions: 0 and 1 alone, which have no order and no probabilities."""
        return only_decisions(self.answers)

    @property
    def main(self) -> Estimate:
        """The metric that the model is judged by first."""
        return self.metric(self.deciding.id)

    @property
    def counts(self) -> str:
        """What intervals count where it is not rows, such as 31 days; else nothing."""
        return f"{self.answers.groups:,} {self.unit}" if self.answers.clusters is not None else ""

    @property
    def slicing(self) -> Metric:
        """The metric that slices are compared by; a mean over classes would be over other classes in each slice."""
        if self.answers.task is Task.MULTICLASS and self.deciding.id in BY_CLASS:
            return METRICS["accuracy"]
        return self.deciding

    @property
    def worse(self) -> tuple[Slice, ...]:
        return tuple(each for each in self.slices if each.standing is Standing.WORSE)

    @property
    def constant(self) -> str:
        """Why a constant answer would do better, or nothing."""
        if self.answers.task is Task.REGRESSION:
            high = self.metric("r2").high
            return "The mean of the labels as every answer would be nearer to them than this model." \
                if high is not None and high < 0 else ""
        high, most = self.metric("accuracy").high, _commonest(self.answers)
        if high is None or high >= most:
            return ""
        at = f" at threshold {self.threshold:g}" if self.answers.task is Task.BINARY and not self.hard else ""
        return f"A constant answer would be right in {most:.1%} of the rows, more often than this model{at}."


def only_decisions(answers: Answers) -> bool:
    """Whether the answers are those of yes or no, with nothing between."""
    return answers.task is Task.BINARY and bool(np.isin(answers.given, [0, 1]).all())


def _commonest(answers: Answers) -> float:
    """The share of the weight that the most frequent class has."""
    counts = np.bincount(answers.label.astype(np.int64), answers.weight)
    return float(counts.max() / counts.sum())


def evaluated(answers: Answers, threshold: float = 0.5, deciding: str = "",
              columns: Mapping[str, Texts] | None = None, unit: str = "groups") -> Evaluated:
    """Every metric of the task, and each value of each column against the rest. ValueError as `metrics.measured`."""
    decisions = not deciding and only_decisions(answers)
    main = replace(METRICS[deciding or ("accuracy" if decisions else DECIDING[answers.task])], threshold=threshold)
    binary = evaluation(answers.label, answers.given, threshold, together=answers.clusters) \
        if answers.task is Task.BINARY else None
    if binary is not None and answers.weight is None and answers.clusters is None:
        found = binary.metrics
    else:
        found = tuple(reckoned(replace(each, threshold=threshold), answers)
                      for each in metrics_of(answers.task).values())
    if binary is not None and answers.weight is not None:
        bins = reliability(answers.label, answers.given, weights=answers.weight)
        binary = replace(binary, bins=bins, ece=ece(bins))
    if decisions:
        found = tuple(each for each in found if METRICS[each.metric].family is Family.DECISION)
    whole = Evaluated(answers, threshold, main, found, binary=binary, unit=unit)
    if not columns:
        return whole
    values = sum(coded(each)[0].size for each in columns.values())
    return replace(whole, slices=slices(whole.slicing, answers, columns), values=values)


# -- as a person reads it -------------------------------------------------------------------------------------------


def title(name: str, found: Evaluated) -> str:
    """The evaluation in one line."""
    main = found.main
    bounds = "" if main.low is None or main.high is None else f" [{_short(main.low)}, {_short(main.high)}]"
    value = "unknown" if main.value is None else f"{_short(main.value)}{bounds}"
    return f"{name}: {called(main.metric)} {value} on {found.n:,} rows{f' of {found.counts}' if found.counts else ''}"


def called(metric: str) -> str:
    """A metric as it is called in a sentence."""
    return CALLED.get(metric, metric.replace("_", " "))


def _short(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 100 else f"{value:,.1f}"


def facts(found: Evaluated) -> dict[str, Cell]:
    """What was evaluated, and the counts behind it."""
    answers = found.answers
    told: dict[str, Cell] = {"rows": found.n, "task": answers.task.value}
    if answers.weight is not None:
        told["effective_rows"] = round(answers.effective, 1)
    if answers.clusters is not None:
        told["groups_together"] = answers.groups
    if found.binary is not None:
        cells = found.binary.confusion
        told |= {"positives": found.binary.positives, "prevalence": _prevalence(answers),
                 **({} if found.hard else {"threshold": found.threshold, "ece": found.binary.ece}),
                 "true_positives": cells.tp,
                 "false_positives": cells.fp, "false_negatives": cells.fn, "true_negatives": cells.tn}
    elif answers.task is Task.MULTICLASS:
        told |= {"classes": answers.classes, "commonest_class": _commonest(answers)}
    else:
        told |= {"label_mean": finite(float(np.average(answers.label, weights=answers.weight))),
                 "predicted_mean": finite(float(np.average(answers.given, weights=answers.weight)))}
    return told


def _prevalence(answers: Answers) -> float:
    return float(np.average(answers.label, weights=answers.weight))


def warnings(found: Evaluated) -> list[Text]:
    """What one should know before believing a number."""
    said = [Text(found.constant)] if found.constant else []
    if found.binary is not None:
        rare = min(found.binary.positives, found.n - found.binary.positives)
        if rare < FEW:
            said.append(Text(f"Only {rare} rows of one class: take the intervals as a rough guide."))
        if found.hard:
            said.append(Text("These are decisions, 0 and 1 alone: they have no order and are no probabilities, which "
                             "ROC AUC, log loss and calibration need."))
    elif found.n < 3 * FEW:
        said.append(Text(f"Only {counted(found.n, 'row')}: take the intervals as a rough guide."))
    if found.answers.task is not Task.BINARY and found.n > 1 and np.ptp(_single(found.answers)) == 0:
        said.append(Text("The model gives the same answer for every row."))
    if found.answers.groups and found.answers.clusters is None:
        said.append(Text(f"Only {found.answers.groups} {found.unit}: too few to tell how much they vary, so rows are "
                         "counted as if each said something of its own."))
    if found.answers.weight is not None:
        said.append(Text(f"Rows are weighted: they tell as much as {found.answers.effective:,.0f} rows that count "
                         "the same."))
    return said


def _single(answers: Answers) -> np.ndarray:
    return answers.decided if answers.task is Task.MULTICLASS else answers.given


def metrics_table(found: Evaluated) -> Table:
    """Each metric with its interval and what it says, the deciding one first."""
    first = found.deciding.id
    order = sorted(found.metrics, key=lambda each: each.metric != first)
    rows = [_metric_row(found, each) for each in order if each.metric == first
            or (each.metric not in ASKED and (each.value is not None or each.metric not in OPTIONAL))]
    digits = None if found.answers.task is Task.REGRESSION else 3 if found.n < MANY else 4
    return Table.of("metrics", rows, "metric", Column("value", digits=digits), Column("low", digits=digits),
                    Column("high", digits=digits), Column("means", "in words"), title="Metrics, with 95 % intervals"
                    f"{f' that count {found.counts}' if found.counts else ''}")


def _metric_row(found: Evaluated, each: Estimate) -> Row:
    means = each.reason if each.value is None or each.low is None else in_words(each, found.answers)
    return {"metric": each.metric, "value": finite(each.value), "low": finite(each.low), "high": finite(each.high),
            "n": each.n, "method": each.method, "reason": each.reason, "means": means}


# -- slices ---------------------------------------------------------------------------------------------------------


def slices_parts(found: Evaluated) -> list[Part]:
    """The slices as a table, the worst first, and as intervals beside each other."""
    if not found.slices:
        return []
    named = called(found.slicing.id)
    several = len({each.column for each in found.slices}) > 1
    rows = [_slice_row(found, each, several) for each in found.slices[:GROUPS]]
    first = [Column("prevalence", "yes", share=True)] if found.binary is not None else []
    digits = None if found.answers.task is Task.REGRESSION else 3
    table = Table.of(
        "groups", rows, Column("group", "slice" if several else found.slices[0].column), "n", *first,
        Column(found.slicing.id, named, digits=digits), Column(f"{found.slicing.id}_low", "low", digits=digits),
        Column(f"{found.slicing.id}_high", "high", digits=digits),
        Column("difference", "to rest", digits=digits), Column("verdict", "stands"),
        title=_slices_title(found, several), total=found.values)
    drawn = [each for each in found.slices if each.difference is not None][:GROUPS]
    forest = Series("slices", "interval", tuple(_named(each, several) for each in drawn),
                    tuple(finite(each.estimate.value) for each in drawn),
                    tuple(finite(each.estimate.low) for each in drawn),
                    tuple(finite(each.estimate.high) for each in drawn),
                    title=f"{named} of each slice, with 95 % intervals")
    return [table, *([forest] if len(drawn) > 1 else [])]


def _slices_title(found: Evaluated, several: bool) -> str:
    worse, tested = len(found.worse), sum(each.p_adjusted is not None for each in found.slices)
    by = "By slice" if several else f"By {found.slices[0].column}"
    if not tested:
        return f"{by}: not enough rows to tell any from the rest"
    said = f"{worse} of {tested} {'is' if worse == 1 else 'are'} worse than the rest" if worse else \
        f"none of {tested} is worse than the rest"
    return f"{by}: {said}"


def _named(each: Slice, several: bool) -> str:
    return f"{each.column}={each.name}" if several else each.name


def _slice_row(found: Evaluated, each: Slice, several: bool) -> Row:
    rows, gap = each.answers, each.difference
    row: dict[str, Cell] = {"group": _named(each, several), "column": each.column, "value": each.name, "n": each.n}
    if found.binary is not None:
        row |= {"positives": int(rows.label.sum()), "prevalence": _prevalence(rows),
                "mean_score": float(np.average(rows.given, weights=rows.weight))}
    reasons = []
    for name in dict.fromkeys([found.slicing.id, *SLICE_METRICS[rows.task]]):
        own = each.estimate if name == found.slicing.id else \
            reckoned(replace(METRICS[name], threshold=found.threshold), rows)
        row |= {own.metric: finite(own.value), f"{own.metric}_low": finite(own.low),
                f"{own.metric}_high": finite(own.high)}
        reasons += [f"{own.metric}: {own.reason}"] if own.reason else []
    reasons += [each.reason] if each.reason else []
    for name in ("estimate", "low", "high"):
        row["difference" if name == "estimate" else f"difference_{name}"] = finite(getattr(gap, name)) if gap else None
    return {**row, "p_adjusted": finite(each.p_adjusted), "method": gap.method if gap else "",
            "verdict": each.standing.value, "status": STANDS[each.standing], "reason": "; ".join(reasons)}


# -- classes --------------------------------------------------------------------------------------------------------


def confusion_table(found: Evaluated) -> list[Part]:
    """How often what came was said, of a model that says yes or no and nothing between."""
    if found.binary is None or not found.hard:
        return []
    cells = found.binary.confusion
    rows: list[Row] = [{"came": "yes", "yes": cells.tp, "no": cells.fn},
                       {"came": "no", "yes": cells.fp, "no": cells.tn}]
    return [Table.of("confusion", rows, "came", Column("yes", "said yes"), Column("no", "said no"),
                     title="What was said of rows by what came")]


def classes_table(found: Evaluated) -> list[Part]:
    """Precision, recall and F1 of each class of a multiclass model, the rarest last."""
    if found.answers.task is not Task.MULTICLASS:
        return []
    scores = sorted(by_class(found.answers), key=lambda each: -each.n)
    return [Table.of("classes", [_class_row(each) for each in scores], "class", "n", Column("given"),
                     Column("recall", digits=3), Column("recall_low", "low", digits=3),
                     Column("recall_high", "high", digits=3), Column("precision", digits=3),
                     Column("f1", "F1", digits=3),
                     title="By class: how many of its rows were found (recall), and of those given it were right")]


def _class_row(each: ClassScore) -> Row:
    row: dict[str, Cell] = {"class": each.name, "n": each.n, "given": each.given}
    for name, part in (("precision", each.precision), ("recall", each.recall), ("f1", each.f1)):
        row |= {name: part and finite(part[0]), f"{name}_low": part and finite(part[1].low),
                f"{name}_high": part and finite(part[1].high)}
    reasons = {"no row is of this class": each.recall is None, "no row was given it": each.precision is None}
    return {**row, "method": "wilson", "reason": "; ".join(said for said, holds in reasons.items() if holds)}


def status(found: Evaluated, judged: Sequence[Status] = ()) -> list[Status]:
    """A warning where a constant answer would be better, beside what criteria say."""
    return [*judged, *([Status.WARN] if found.constant else [])]
