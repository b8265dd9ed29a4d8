"""How good a model is: ranking, decisions and calibration with intervals, on the whole and by group."""

from pathlib import Path

import click

from mlops_tui.analysis.evaluation import Evaluation, Group, evaluation
from mlops_tui.analysis.interval import Estimate
from mlops_tui.capability import local_path, measure
from mlops_tui.errors import BadInput
from mlops_tui.modeling._heldout import Version, finding, grouped, judged, of_file, small_enough, tested, version
from mlops_tui.modeling._pictures import reliability_diagram, roc_line
from mlops_tui.modeling._scored import need_probabilities, scored
from mlops_tui.moments import told
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
@click.argument("what")
@click.option("--label", default=None, help="File: column of 0 and 1, or true and false.")
@click.option("--score", default=None, help="File: column with the probability of a 1.")
@click.option("--threshold", type=float, default=None,
              help="File: a score at or above it is a yes; 0.5 by default. A model declares its own.")
@click.option("--group", default=None, help="Column (of a model, one of its features) whose values are evaluated each.")
def evaluate(session: Session, what: str, label: str | None, score: str | None, threshold: float | None,
             group: str | None) -> View:
    """Evaluate WHAT: the scores in a file against its labels, or MODEL[@VERSION] on the test rows it has not seen.

    A model's version (the challenger, else the champion) is judged by the criteria of its declaration.

    \b
    Example: mlops-tui evaluate scored.parquet --label late --score challenger --threshold 0.3 --group origin
             mlops-tui evaluate flights-delay@challenger --group carrier
    """
    if not of_file(what, label=label, score=score):
        return _of_model(session, what, threshold, group)
    return _of_file(local_path(session, what), str(label), str(score), 0.5 if threshold is None else threshold, group)


def _of_file(file: Path, label: str, score: str, threshold: float, group: str | None) -> View:
    data = scored(file, label, [score], [group] if group else [])
    need_probabilities(data.where, score, data.scores[score],
                       "To judge the order alone: mlops-tui compare. Else turn them into probabilities first.")
    groups = data.texts[group] if group else None
    if group and groups is not None:
        small_enough(groups, group, data.where, MOST)
    found = evaluation(data.labels, data.scores[score], threshold, groups)
    argv = (str(file), "--label", label, "--score", score)
    return View(title(score, found), status(found), (
        Facts({"score": score, **facts(found), "without_label": data.rows - data.n}), *parts(found)),
        (Action("Calibration", ("calibration", *argv)),))


def _of_model(session: Session, text: str, threshold: float | None, group: str | None) -> View:
    """A version on its own test rows at the declared threshold, judged by the declared criteria; kept as a finding."""
    chosen = version(session, text)
    name, trained = chosen.name, chosen.trained
    if threshold is not None:
        raise BadInput(f"The threshold of {trained.subject} is declared: {chosen.model.threshold:g}.",
                       where=str(session.declared().path_of("model", trained.subject)),
                       next="Change `threshold:` there, and leave out --threshold.")
    labels, scores = tested(session, chosen)
    need_probabilities(name, trained.candidate, scores, "Let the candidate give probabilities, and train it again.")
    groups = grouped(session, chosen, group) if group else None
    if group and groups is not None:
        small_enough(groups, group, name, MOST)
    found = evaluation(labels, scores, chosen.model.threshold, groups)
    rows = judged(chosen.model, found)
    met = f", {sum(row['verdict'] == 'met' for row in rows)} of {len(rows)} criteria met" if rows else ""
    kept = finding(session, chosen, found, rows, f"{title(name, found)}{met}")
    session.ledger.append(kept)
    criteria = Table.of("criteria", rows, "metric", Column("limit", digits=4), Column("value", digits=4),
                        Column("low", digits=4), Column("high", digits=4), "verdict", "reason", title="Criteria")
    shown = {"version": trained.version, "candidate": trained.candidate, **facts(found),
             "test_from": told(str(trained.detail.get("test_from") or "")), "scores": chosen.scores.id}
    return View(kept.title, Status(kept.status), (Facts(shown), *([criteria] if rows else []), *parts(found)),
                _next(chosen))


def _next(chosen: Version) -> tuple[Action, ...]:
    """Where to go from a version: beside the champion where it is another, its calibration, its promotion."""
    rival = Action("Beside the champion", ("compare", chosen.name))
    return (*([rival] if chosen.state.champion and not chosen.serves else []),
            Action("Is it calibrated?", ("calibration", chosen.name)),
            *([] if chosen.serves else [Action("Promote it", ("promote", chosen.name))]))


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
