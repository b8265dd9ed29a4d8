"""How good a model is: ranking, decisions and calibration with intervals, on the whole and by group."""

from pathlib import Path

import click
import numpy as np

from mlops_tui.analysis.evaluation import Evaluation, Group, evaluation
from mlops_tui.analysis.interval import Estimate
from mlops_tui.capability import LocalPath, measure
from mlops_tui.errors import BadInput
from mlops_tui.modeling._pictures import reliability_diagram, roc_line
from mlops_tui.modeling._scored import need_probabilities, scored
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, Text, View, finite

MOST = 1000   # groups: a column with more is no grouping
GROUPS = 100  # the largest that are shown
FEW = 10      # rows of a class below which intervals are only a rough guide
GROUP_COLUMNS = ("group", "n", Column("prevalence", share=True), Column("mean_score", "mean score", share=True),
                 Column("roc_auc", "ROC AUC", digits=3), Column("roc_auc_low", "low", digits=3),
                 Column("roc_auc_high", "high", digits=3), Column("precision", digits=3), Column("recall", digits=3),
                 Column("brier", digits=4))


@measure
@click.argument("file", type=LocalPath())
@click.option("--label", required=True, help="Column of 0 and 1, or true and false.")
@click.option("--score", required=True, help="Column with the probability of a 1.")
@click.option("--threshold", type=float, default=0.5, show_default=True, help="A score at or above it is a yes.")
@click.option("--group", default=None, help="Column whose values are evaluated one by one.")
def evaluate(session: Session, file: Path, label: str, score: str, threshold: float, group: str | None) -> View:
    """Evaluate the scores in FILE against its labels.

    \b
    Example: mlops-tui evaluate scored.parquet --label late --score challenger --threshold 0.3 --group origin
    """
    data = scored(file, label, [score], [group] if group else [])
    need_probabilities(data.where, score, data.scores[score],
                       "To judge the order alone: mlops-tui compare. Else turn them into probabilities first.")
    groups = data.texts[group] if group else None
    if groups is not None and np.unique(groups).size > MOST:
        raise BadInput(f"'{group}' has more than {MOST} values.", where=data.where,
                       next="Name a column with few values.")
    found = evaluation(data.labels, data.scores[score], threshold, groups)
    argv = (str(file), "--label", label, "--score", score)
    return View(title(score, found), status(found), (
        Facts({"score": score, **facts(found), "without_label": data.rows - data.n}), *parts(found)),
        (Action("Calibration", ("calibration", *argv)),))


def title(name: str, found: Evaluation) -> str:
    """The evaluation in one line."""
    auc = found.metric("roc_auc")
    return f"{name}: ROC AUC {auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}] on {found.n} rows"


def status(found: Evaluation) -> Status:
    """A warning where a constant answer would be right more often."""
    return Status.WARN if found.no_better_than_majority else Status.DONE


def facts(found: Evaluation) -> dict[str, Cell]:
    """What was evaluated, at which threshold, with the four counts."""
    cells = found.confusion
    return {"rows": found.n, "positives": found.positives, "prevalence": found.prevalence,
            "threshold": found.threshold, "ece": found.ece, "true_positives": cells.tp, "false_positives": cells.fp,
            "false_negatives": cells.fn, "true_negatives": cells.tn}


def parts(found: Evaluation) -> tuple[Part, ...]:
    """What an evaluation shows: warnings, metrics, groups, ROC curve, reliability diagram."""
    metrics = Table.of("metrics", [_metric_row(each) for each in found.metrics], "metric", Column("value", digits=4),
                       Column("low", digits=4), Column("high", digits=4), "n", "reason", title="Metrics")
    groups = Table.of("groups", [_group_row(group) for group in found.groups[:GROUPS]], *GROUP_COLUMNS,
                      title="By group", total=len(found.groups))
    return (*_warnings(found), metrics, *([groups] if found.groups else []), roc_line(found.curve),
            reliability_diagram(found.bins))


def _warnings(found: Evaluation) -> list[Text]:
    said = []
    if found.no_better_than_majority:
        share = max(found.prevalence, 1 - found.prevalence)
        said.append(Text(f"A constant answer would be right in {share:.1%} of the rows, more often than this model at "
                         f"threshold {found.threshold:g}."))
    rare = min(found.positives, found.n - found.positives)
    if rare < FEW:
        said.append(Text(f"Only {rare} rows of one class: take the intervals as a rough guide."))
    return said


def _metric_row(each: Estimate) -> Row:
    return {"metric": each.metric, "value": finite(each.value), "low": finite(each.low), "high": finite(each.high),
            "n": each.n, "method": each.method, "reason": each.reason}


def _group_row(group: Group) -> Row:
    row: dict[str, Cell] = {"group": group.name, "n": group.n, "positives": group.positives,
                            "prevalence": group.positives / group.n, "mean_score": group.mean_score}
    for each in group.metrics:
        row |= {each.metric: finite(each.value), f"{each.metric}_low": finite(each.low),
                f"{each.metric}_high": finite(each.high)}
    reasons = [f"{each.metric}: {each.reason}" for each in group.metrics if each.reason]
    return {**row, "reason": "; ".join(reasons)}
