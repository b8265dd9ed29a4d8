"""Whether a model's probabilities mean what they say, and which recalibration would mend them."""

from dataclasses import dataclass
from pathlib import Path
from typing import cast

import click
import numpy as np

from mlops_tui.analysis.arrays import Bools, Floats
from mlops_tui.analysis.calibration import (
    CalibrationLine,
    ReliabilityBin,
    Strategy,
    brier,
    brier_parts,
    calibration_line,
    debiased_rmsce,
    ece,
    log_losses,
    mce,
    reliability,
)
from mlops_tui.analysis.interval import Interval, mean_interval
from mlops_tui.analysis.recalibration import RECALIBRATORS, cross_fitted, folds
from mlops_tui.capability import local_path, measure
from mlops_tui.errors import BadInput
from mlops_tui.modeling._heldout import of_file
from mlops_tui.modeling._live import live_calibration
from mlops_tui.modeling._pictures import reliability_diagram
from mlops_tui.modeling._scored import need_probabilities, scored
from mlops_tui.session import Session
from mlops_tui.view import Action, Cell, Column, Facts, Part, Row, Status, Table, View, finite

FOLDS, SEED = 5, 0
_ANY = (-np.inf, np.inf)


@dataclass(frozen=True)
class Mended:
    """A recalibration, judged on rows it was not fitted on: log loss, its mean change, ECE, or why not."""

    name: str
    log_loss: float | None = None
    change: Interval | None = None
    ece: float | None = None
    reason: str = ""

    @property
    def better(self) -> bool:
        return self.change is not None and self.change.high < 0


@measure
@click.argument("what")
@click.option("--label", default=None, help="File: column of 0 and 1, or true and false.")
@click.option("--score", default=None, help="File: column with the probability of a 1.")
@click.option("--window", "length", default=None, help="Model: how far back, such as 7d.")
@click.option("--monitor", default=None, help="Model: judge as this declared monitor does.")
@click.option("--bins", type=click.IntRange(min=1), default=10, show_default=True, help="Bins of the diagram.")
@click.option("--strategy", type=click.Choice(["uniform", "quantile"]), default="uniform", show_default=True,
              help="Bins of equal width, or of equal numbers of rows.")
def calibration(session: Session, what: str, label: str | None, score: str | None, length: str | None,
                monitor: str | None, bins: int, strategy: str) -> View:
    """Check the calibration of WHAT: the scores in a file, with what would mend them, or a model in service.

    \b
    Example: mlops-tui calibration scored.parquet --label late --score challenger --bins 15 --strategy quantile
             mlops-tui calibration flights-delay --window 7d
    """
    if not of_file(what, label=label, score=score):
        return live_calibration(session, what, length, monitor)
    return _of_file(local_path(session, what), str(label), str(score), bins, cast("Strategy", strategy))


def _of_file(file: Path, label: str, score: str, bins: int, strategy: Strategy) -> View:
    data = scored(file, label, [score])
    scores = data.scores[score]
    need_probabilities(data.where, score, scores, "Turn them into probabilities first, for example by Platt scaling.")
    if data.n < FOLDS:
        raise BadInput(f"{data.n} labelled rows are too few to judge calibration on.", where=data.where,
                       next=f"At least {FOLDS} are needed; some hundreds say something.")
    found = reliability(data.labels, scores, bins, strategy)
    line, mended = calibration_line(data.labels, scores), recalibrations(data.labels, scores, bins)
    argv = (str(file), "--label", label, "--score", score)
    counted = {"rows": data.n, "without_label": data.rows - data.n, **facts(data.labels, scores, found, line)}
    return View(title(score, ece(found), line, mended), Status.DONE, (Facts(counted), *parts(found, mended)),
                (Action("Evaluate", ("evaluate", *argv)),))


def recalibrations(labels: Bools, scores: Floats, bins: int = 10) -> list[Mended]:
    """Every recalibration, cross-fitted over five folds, beside the scores as they are; the best first."""
    fold, plain = folds(labels, FOLDS, SEED), log_losses(labels, scores)
    found = [Mended("as it is", float(plain.mean()), None, ece(reliability(labels, scores, bins)))]
    for name in RECALIBRATORS:
        try:
            mended = cross_fitted(name, labels, scores, fold)
        except ValueError as problem:
            found.append(Mended(name, reason=str(problem)))
            continue
        losses = log_losses(labels, mended)
        found.append(Mended(name, float(losses.mean()), mean_interval(losses - plain),
                            ece(reliability(labels, mended, bins))))
    return sorted(found, key=lambda each: np.inf if each.log_loss is None else each.log_loss)


def facts(labels: Bools, scores: Floats, bins: tuple[ReliabilityBin, ...], line: CalibrationLine) -> dict[str, Cell]:
    """The numbers of a calibration; None with a `reason` where there is no line."""
    split = brier_parts(bins)
    slope, intercept = line.slope_bounds or (None, None), line.intercept_bounds or (None, None)
    return {"ece": ece(bins), "rmsce_debiased": debiased_rmsce(bins), "mce": mce(bins), "brier": brier(labels, scores),
            "reliability": split.reliability, "resolution": split.resolution, "uncertainty": split.uncertainty,
            "log_loss": float(log_losses(labels, scores).mean()), "slope": line.slope, "slope_low": slope[0],
            "slope_high": slope[1], "intercept": line.intercept, "intercept_low": intercept[0],
            "intercept_high": intercept[1], "in_the_large": line.in_the_large,
            **({"reason": line.reason} if line.reason else {}), "mean_score": float(scores.mean()),
            "prevalence": float(labels.mean()), "folds": FOLDS, "seed": SEED}


def title(name: str, error: float, line: CalibrationLine, mended: list[Mended]) -> str:
    """The verdict in one line."""
    (low, high), (below, above) = line.slope_bounds or _ANY, line.intercept_bounds or _ANY
    level = "too low" if below > 0 else "too high" if above < 0 else "no clear tilt"
    shape = "too extreme" if high < 1 else "too timid" if low > 1 else level
    cure = f"{mended[0].name} would mend it" if mended[0].better else "no recalibration is clearly better"
    return f"{name}: ECE {error:.3f}, {shape}; {cure}"


def parts(bins: tuple[ReliabilityBin, ...], mended: list[Mended]) -> tuple[Part, ...]:
    """The bins, the recalibrations and the reliability diagram."""
    table = Table.of("bins", [_bin_row(each) for each in bins], Column("low", digits=3), Column("high", digits=3), "n",
                     Column("score", "mean score", digits=3), Column("observed", digits=3),
                     Column("observed_low", "from", digits=3), Column("observed_high", "to", digits=3),
                     Column("gap", digits=3), title="Bins, closed on the right")
    tried = Table.of("recalibrators", [_mended_row(each) for each in mended], "recalibrator",
                     Column("log_loss", "log loss", digits=4), Column("change", digits=4), Column("low", digits=4),
                     Column("high", digits=4), Column("ece", "ECE", digits=4), "better", "reason",
                     title="Recalibrations, judged on rows they were not fitted on")
    return (table, tried, reliability_diagram(bins))


def _bin_row(each: ReliabilityBin) -> Row:
    return {"low": each.low, "high": each.high, "n": each.n, "score": each.score, "observed": each.observed,
            "observed_low": each.observed_low, "observed_high": each.observed_high, "gap": each.observed - each.score}


def _mended_row(each: Mended) -> Row:
    change = each.change
    return {"recalibrator": each.name, "log_loss": finite(each.log_loss),
            "change": (change.low + change.high) / 2 if change else None, "low": change.low if change else None,
            "high": change.high if change else None, "ece": finite(each.ece), "better": each.better,
            "reason": each.reason}
