"""What labelled scores say of a model's calibration: how far off, whether chance allows it, what would mend it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mlops_tui.analysis.arrays import Bools, Floats, kish
from mlops_tui.analysis.calibration import (
    CalibrationLine,
    ReliabilityBin,
    Strategy,
    brier_losses,
    brier_parts,
    calibration_line,
    debiased_ece,
    debiased_rmsce,
    ece,
    log_losses,
    mce,
    reliability,
    rmsce,
)
from mlops_tui.analysis.chance import (
    SEED,
    CalibrationTest,
    Chance,
    Tilt,
    ece_by_chance,
    ece_interval,
    spiegelhalter,
    tilts,
)
from mlops_tui.analysis.mending import AS_IS, FOLDS, Mended, best
from mlops_tui.analysis.multiplicity import holm
from mlops_tui.modeling._pictures import reliability_diagram
from mlops_tui.view import Cell, Column, Facts, Part, Row, Series, Status, Table, Text, finite

LIMIT, SURE, TOO_GOOD = 0.05, 0.05, 0.001
GROUPS = 100  # the largest that are shown
FEWEST_EFFECTIVE = 10


@dataclass(frozen=True)
class Judged:
    """The calibration of labelled scores, and the recalibrations that were tried on them."""

    labels: Bools
    scores: Floats
    weights: Floats | None
    bins: tuple[ReliabilityBin, ...]
    line: CalibrationLine
    chance: Chance
    range: tuple[float, float] | None
    tests: tuple[CalibrationTest, ...]
    adjusted: tuple[float | None, ...]
    whole: Tilt
    groups: tuple[Tilt, ...]
    mended: tuple[Mended, ...]
    forward: bool

    @property
    def n(self) -> int:
        return int(self.labels.size)

    @property
    def effective(self) -> float:
        """Kish's effective number of rows."""
        return float(self.n) if self.weights is None else kish(self.weights)

    @property
    def ece(self) -> float:
        return ece(self.bins)

    @property
    def off(self) -> bool:
        """Whether any of the tests says, corrected for their number, that the scores are not right."""
        return any(p is not None and p < SURE for p in self.adjusted)

    @property
    def mend(self) -> Mended:
        """What would surely mend it; else the scores as they are."""
        return best(list(self.mended))

    @property
    def said(self) -> str:
        """How the scores are off, in two or three words."""
        if not self.off:
            return "calibrated as far as these rows can tell"
        tilted = abs(self.whole.gap) > self.ece / 2  # else most of the error cancels out on the whole
        whole = "" if not tilted else "too high" if self.whole.high < 0 else "too low" if self.whole.low > 0 else ""
        low, high = self.line.slope_bounds or (-np.inf, np.inf)
        shape = "too extreme" if high < 1 else "too timid" if low > 1 else ""
        return " and ".join(filter(None, (whole, shape))) or "uneven"


def judged(labels: Bools, scores: Floats, mended: Sequence[Mended], *, forward: bool, bins: int = 10,
           strategy: Strategy = "uniform", weights: Floats | None = None,
           groups: npt.NDArray[np.str_] | None = None) -> Judged:
    """Everything that is to be said of labelled scores in [0, 1], of both classes."""
    found = reliability(labels, scores, bins, strategy, weights=weights)
    line, chance = calibration_line(labels, scores, weights=weights), ece_by_chance(found)
    tests = (spiegelhalter(labels, scores, weights),
             CalibrationTest("cox", line.statistic, line.p_value, line.reason),
             CalibrationTest("ece", ece(found), chance.p_value))
    known = [each.p_value for each in tests if each.p_value is not None]
    adjusted = iter(holm(known).tolist())
    heavy = weights is not None and (weights.max() > 0.5 * weights.sum() or kish(weights) < FEWEST_EFFECTIVE)
    return Judged(labels, scores, weights, found, line, chance, None if heavy else ece_interval(found), tests,
                  tuple(None if each.p_value is None else next(adjusted) for each in tests),
                  tilts(labels, scores, None, weights)[0],
                  () if groups is None else tilts(labels, scores, groups, weights), tuple(mended), forward)


def status(found: Judged, limit: float) -> tuple[Status, str]:
    """How the ECE stands to its limit, judged on its interval, and the reason where that is open."""
    if found.range is None:
        return Status.UNKNOWN, "a few rows hold most of the weight, so the ECE has no interval"
    low, high = found.range
    if high <= limit:
        return Status.PASS, ""
    if low > limit:
        return Status.FAIL, ""
    return Status.UNKNOWN, f"the ECE may lie between {low:.3f} and {high:.3f}, on either side of {limit:g}"


def title(name: str, found: Judged, limit: float) -> str:
    """The answer in one line: how far off, what is allowed, what chance gives."""
    mend = found.mend
    cure = f"{mend.name} would mend it" if mend.better else "no recalibration is clearly better"
    return f"{name} is {found.said}: off by {found.ece * 100:.1f} points on average, {_allowed(found, limit)}; {cure}"


def _allowed(found: Judged, limit: float) -> str:
    """How the error stands to the limit and to chance: within the one may still be more than the other."""
    chance = f"{found.chance.high * 100:.1f}"
    if not found.off:
        return f"chance alone gives up to {chance}"
    stands, allowed = status(found, limit)[0], f"the {limit * 100:g} points that are allowed"
    beyond = f"more than chance alone gives (up to {chance})" if found.ece > found.chance.high else \
        f"not by chance alone (p {min(p for p in found.adjusted if p is not None):.2g})"
    if stands is Status.PASS:
        return f"within {allowed}, though {beyond}"
    return f"{'more' if stands is Status.FAIL else 'perhaps more'} than {allowed}, and {beyond}"


def facts(found: Judged) -> dict[str, Cell]:
    """The numbers of a calibration; None with a `reason` where there is no line."""
    y, p, w, line, parts = found.labels, found.scores, found.weights, found.line, brier_parts(found.bins)
    slope, intercept = line.slope_bounds or (None, None), line.intercept_bounds or (None, None)
    low, high = found.range or (None, None)
    base = next(each for each in found.mended if each.name == AS_IS)
    return {
        "ece": found.ece, "ece_low": low, "ece_high": high, "ece_by_chance": found.chance.mean,
        "ece_by_chance_high": found.chance.high, "ece_debiased": debiased_ece(found.bins), "mce": mce(found.bins),
        "rmsce": rmsce(found.bins), "rmsce_debiased": debiased_rmsce(found.bins),
        "mean_score": found.whole.predicted, "prevalence": found.whole.observed, "gap": found.whole.gap,
        "gap_low": found.whole.low, "gap_high": found.whole.high,
        "slope": line.slope, "slope_low": slope[0], "slope_high": slope[1], "intercept": line.intercept,
        "intercept_low": intercept[0], "intercept_high": intercept[1], "in_the_large": line.in_the_large,
        **({"reason": line.reason} if line.reason else {}),
        "brier": float(np.average(brier_losses(y, p), weights=w)), "reliability": parts.reliability,
        "resolution": parts.resolution, "uncertainty": parts.uncertainty, "within_bins": parts.within,
        "log_loss": float(np.average(log_losses(y, p), weights=w)),
        **({} if w is None else {"effective_rows": found.effective}),
        "folds": FOLDS, "judged_rows": base.n, "fitted_on": "earlier rows" if found.forward else "the other folds",
        "seed": SEED}


def parts(found: Judged, how: str) -> tuple[Part, ...]:
    """Diagram, sentence, what would mend it (`how` says how to do it), groups, tests, bins."""
    tables = [_groups(found)] if found.groups else []
    pictures = [group_forest(found.groups)] if found.groups else []
    return (reliability_diagram(found.bins), Text("\n".join([sentence(found), *remedies(found, how)])), *tables,
            *pictures, _recalibrators(found), _tests(found), bins_table(found.bins))


def sentence(found: Judged) -> str:
    """Where the scores are off, in words that need no statistics."""
    whole = found.whole
    told = f"On the whole it says {whole.predicted:.1%}, and {whole.observed:.1%} happened."
    if found.chance.p_below < TOO_GOOD:
        return f"{told} That is closer than chance allows even right scores: were they fitted on these very rows?"
    if not found.off:
        return told
    worst = max(found.bins, key=lambda each: abs(each.gap) * each.weight)
    return (f"{told} Most of the error lies between {worst.low:.2g} and {worst.high:.2g}: there it says "
            f"{worst.score:.1%}, and {worst.observed:.1%} happened ({worst.n:,} rows).")


def remedies(found: Judged, how: str) -> list[str]:
    """The recalibration that would surely help, with its gain and how it is done."""
    mend, base = found.mend, next(each for each in found.mended if each.name == AS_IS)
    if not mend.better or mend.change is None or mend.low is None or mend.high is None:
        return []
    on = "later rows than it was fitted on" if found.forward else "rows it was not fitted on"
    return [f"{mend.name.capitalize()} lowers the log loss by {-mend.change:.4f} [{-mend.high:.4f}, {-mend.low:.4f}] "
            f"and the ECE from {base.ece or 0:.3f} to {mend.ece or 0:.3f}, on {on}.",
            f"To have it: {how.format(mend.name)}"]


def bins_table(bins: tuple[ReliabilityBin, ...]) -> Table:
    """The bins of the diagram."""
    rows: list[Row] = [{"low": each.low, "high": each.high, "n": each.n, "score": each.score, "observed": each.observed,
                        "observed_low": each.observed_low, "observed_high": each.observed_high, "gap": each.gap}
                       for each in bins]
    return Table.of("bins", rows, Column("low", digits=3), Column("high", digits=3), "n",
                    Column("score", "mean score", digits=3), Column("observed", digits=3),
                    Column("observed_low", "from", digits=3), Column("observed_high", "to", digits=3),
                    Column("gap", digits=3), title="Bins, closed on the right, with Wilson bounds")


def _recalibrators(found: Judged) -> Table:
    on = "fitted on earlier rows, judged on later ones" if found.forward else "judged on rows they were not fitted on"
    rows: list[Row] = [{"recalibrator": each.name, "log_loss": finite(each.log_loss), "change": finite(each.change),
                        "low": finite(each.low), "high": finite(each.high), "ece": finite(each.ece),
                        "better": each.better, "n": each.n, "method": each.method, "reason": each.reason}
                       for each in found.mended]
    return Table.of("recalibrators", rows, "recalibrator", Column("log_loss", "log loss", digits=4),
                    Column("change", digits=4), Column("low", digits=4), Column("high", digits=4),
                    Column("ece", "ECE", digits=4), Column("better", worth=1), "reason", title=f"Recalibrations, {on}")


NAMES = {"spiegelhalter": "Spiegelhalter's z", "cox": "Cox: slope 1 and intercept 0", "ece": "ECE, against chance"}


def _tests(found: Judged) -> Table:
    rows: list[Row] = [{"test": each.name, "asks": NAMES[each.name], "statistic": finite(each.statistic),
                        "p_value": finite(each.p_value), "p_adjusted": adjusted, "reason": each.reason}
                       for each, adjusted in zip(found.tests, found.adjusted, strict=True)]
    return Table.of("tests", rows, Column("asks", "test"), Column("statistic", digits=3),
                    Column("p_value", "p", digits=4), Column("p_adjusted", "p of three", digits=4), "reason",
                    title="Are the scores exactly right? A small p says no, however little they are off")


def _groups(found: Judged) -> Table:
    shown = [_group_row(each) for each in found.groups[:GROUPS]]
    return Table.of("groups", shown, Column("group", cut=20), "n", Column("predicted", share=True),
                    Column("observed", share=True), Column("gap", digits=3), Column("low", digits=3),
                    Column("high", digits=3), Column("p_adjusted", "p adjusted", digits=4), "verdict",
                    title="By group: observed less predicted, p adjusted for all groups (Holm)",
                    total=len(found.groups))


def _group_row(each: Tilt) -> Row:
    sure = each.p_adjusted is not None and each.p_adjusted < SURE
    verdict = each.few or (("too high" if each.gap < 0 else "too low") if sure else "")
    return {"group": each.name, "n": each.n, "predicted": each.predicted, "observed": each.observed, "gap": each.gap,
            "low": each.low, "high": each.high, "p_value": finite(each.p_value), "p_adjusted": finite(each.p_adjusted),
            "low_n": bool(each.few), "verdict": verdict}


def group_forest(groups: tuple[Tilt, ...]) -> Series:
    """Observed less predicted of each group, with its interval."""
    shown = groups[:GROUPS]
    return Series("groups", "interval", tuple(each.name for each in shown), tuple(each.gap for each in shown),
                  tuple(each.low for each in shown), tuple(each.high for each in shown),
                  title="Observed less predicted, by group")


def view_facts(more: dict[str, Cell], found: Judged) -> Facts:
    """All numbers, with what is to be said of the rows before them."""
    return Facts({**more, **facts(found)})
