"""The ladder of baselines that a version was trained beside, and its lead on each rung."""

import click

from mlops_tui import folds
from mlops_tui.capability import look
from mlops_tui.declarations.limits import LESS_IS_BETTER
from mlops_tui.errors import NotFound
from mlops_tui.project import Subject
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Facts, Row, Series, Status, Table, Text, View
from store.facts import Trained

SAID = {"baseline_prior": "the shares of training",
        "baseline_mean": "the mean of training",
        "baseline_median": "the median of training",
        "baseline_quantile": "the quantile of training",
        "baseline_feature": "a shallow tree on the best feature",
        "baseline_logistic": "a logistic regression",
        "baseline_linear": "a ridge regression",
        "baseline_tree": "a shallow tree",
        "baseline_naive": "the last outcome known",
        "baseline_seasonal": "the outcome a season before"}


@look(fold=True)
@click.argument("model")
def baseline(session: Session, model: str) -> View:
    """Show the baselines beside MODEL[@VERSION] (the champion; else the newest), and its lead on each.

    It beats its baselines where it is better than every rung on the same test rows.

    \b
    Example: mlops-tui baseline flights-delay@challenger
    """
    subject = session.declared().subject(model, "model")
    fact = _trained(session, subject)
    detail, metric = fact.detail, fact.detail["metric"]
    rows: list[Row] = []
    for lead in detail["contrasts"]:
        rung = lead["baseline"]
        rows.append({"baseline": rung, "what": SAID.get(rung, ""), "model": detail["descriptions"][rung],
                     "value": detail["baselines"][rung][metric]["value"], **lead})
    beats = bool(detail["beats_baseline"])
    name = f"{subject.name}@{fact.version}"
    facts = Facts({"version": fact.version, "candidate": fact.candidate, "metric": metric,
                   "value": fact.metrics[metric]["value"], "beats_baseline": beats,
                   "best_baseline": detail["best_baseline"], "test_rows": detail["test_rows"]})
    better = "" if metric not in LESS_IS_BETTER else ", where less is better"
    table = Table.of("baselines", rows, "baseline", "verdict", Column("value", metric, digits=4),
                     Column("estimate", "lead", digits=4), Column("low", digits=4), Column("high", digits=4),
                     Column("p_value", "p", digits=4), "what",
                     title=f"{fact.candidate} against each rung{better}")
    leads = Series("leads", "interval", tuple(row["baseline"] for row in rows), tuple(row["estimate"] for row in rows),
                   tuple(row["low"] for row in rows), tuple(row["high"] for row in rows), title=f"Lead in {metric}")
    title = f"{name} ({fact.candidate}) {'beats every baseline' if beats else 'does not beat the baselines'}"
    notes = (Text("\n".join(said)),) if (said := detail.get("remarks")) else ()
    return View(title, Status.PASS if beats else Status.FAIL, (facts, table, leads, *notes),
                (Action("Train again", ("train", subject.name)),))


def _trained(session: Session, subject: Subject) -> Trained:
    """The version that is named, else the champion, else the newest."""
    state = folds.model_state(session.ledger.entries("trained", "promotion"), subject.name)
    fact = state.trained(subject.version) or (None if subject.version else state.trained("challenger"))
    if fact is None:
        raise NotFound(f"'{subject.name}' has no version{f' {subject.version}' if subject.version else ''}.",
                       where=f"versions: {', '.join(state.versions)}" if state.versions else "",
                       next=f"Try: mlops-tui train {subject.name}")
    return fact
