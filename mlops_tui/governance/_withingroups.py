"""What scores mean within groups, and what would make groups be decided alike, with its price."""

import math

import numpy as np

from mlops_tui.analysis.interval import student_quantile
from mlops_tui.analysis.mitigation import (
    CONSTRAINTS,
    FINE,
    Constraint,
    Effect,
    GroupScores,
    effects,
    own_rules,
    price,
    reweighing,
    width,
)
from mlops_tui.declarations.kinds import Costs
from mlops_tui.governance._audited import Asked, Audited
from mlops_tui.view import Cell, Column, Part, Row, Series, Table, Text, finite

BINS = 10
SEED = 0  # of the halves in which thresholds are found and judged
SAID = {"demographic_parity": "decided alike often (demographic parity)",
        "equal_opportunity": "as often where the label is (equal opportunity)",
        "equalized_odds": "as often where the label is, and where not (equalised odds)"}


def calibration(scores: tuple[GroupScores, ...], names: tuple[str, ...], reference: int) -> list[Part]:
    """How far each group's mean score is from what happened, and the picture of the group that is furthest off."""
    rows: list[Row] = []
    for name, each in zip(names, scores, strict=True):
        n = float(each.n.sum())
        mean, observed = float(each.scores.sum() / n), float(each.yes.sum() / n)
        gap, worth = observed - mean, each.rows
        spread = math.sqrt(max(each.squares / n - gap**2, 0.0) / (worth - 1)) if worth > 1 else math.nan
        half = student_quantile(worth - 1, 0.95) * spread if spread > 0 else math.nan
        rows.append({"group": name, "n": round(n), "mean_score": mean, "observed": observed, "gap": gap,
                     "low": finite(gap - half), "high": finite(gap + half), **_soft(each),
                     "ece": float(np.abs(np.subtract(*each.coarse(BINS)[1:])).sum() / n),
                     "reason": "" if math.isfinite(half) else "no spread between its rows"})
    table = Table.of("calibration", rows, "group", "n", Column("mean_score", "mean score", digits=3),
                     Column("observed", "yes", digits=3), Column("gap", digits=3), Column("low", digits=3),
                     Column("high", digits=3), Column("ece", "ECE", digits=3),
                     *(["reason"] if any(row["reason"] for row in rows) else []),
                     title="Calibration within groups: share of yes − mean score")
    worst_place = max((place for place in range(len(names)) if place != reference),
                      key=lambda place: abs(float(str(rows[place]["gap"]))))
    return [table, _reliability(scores, names, reference, worst_place)]


def _soft(each: GroupScores) -> dict[str, Cell]:
    """AIF360's generalised rates, to the width of a bin: the mean score where the label is yes, and where it is no."""
    middle = np.divide(each.scores, each.n, out=np.zeros_like(each.scores), where=each.n > 0)
    yes, no = float(each.yes.sum()), float(each.n.sum() - each.yes.sum())
    return {"generalized_tpr": float(middle @ each.yes) / yes if yes else None,
            "generalized_fpr": float(middle @ (each.n - each.yes)) / no if no else None}


def _reliability(scores: tuple[GroupScores, ...], names: tuple[str, ...], first: int, second: int) -> Series:
    def shares(place: int) -> tuple[Cell, ...]:
        rows, _, yes = scores[place].coarse(BINS)
        return tuple(float(share / n) if n else None for share, n in zip(yes, rows, strict=True))

    middles = tuple((place + 0.5) / BINS for place in range(BINS))
    return Series("calibration", "line", middles, shares(first), other=shares(second), names=(names[first],
                                                                                              names[second]),
                  title="Share of yes by score", x_label="score", y_label="share of yes")


def mitigations(found: Audited, asked: Asked, costs: Costs | None = None) -> list[Part]:
    """Weights for training, and thresholds by group where there are scores; each with its price."""
    weights, worth = reweighing(found.cells)
    rows: list[Row] = [{"group": name, "favourable": finite(float(good)), "other": finite(float(bad))}
                       for name, (bad, good) in zip(found.cells.names, weights, strict=True)]
    parts: list[Part] = [Table.of("reweighing", rows, "group", Column("favourable", f"{asked.label} {asked.favourable}",
                                                                      digits=3),
                                  Column("other", f"{asked.label} other", digits=3),
                                  title=f"Training weights that part label and group; {worth:.1%} of the rows' worth")]
    if not found.scores or asked.threshold is None or not 0 <= asked.threshold <= 1:
        return parts
    if found.scores[0].worth is not None:
        return [*parts, Text("Thresholds by group are found for rows that count alike; these are weighted.")]
    return [*parts, *_thresholds(found, asked, costs)]


def _thresholds(found: Audited, asked: Asked, costs: Costs | None) -> list[Part]:
    now = round((0.5 if asked.threshold is None else asked.threshold) * FINE)
    scores, now = ([each.turned for each in found.scores], FINE - now) if found.turned else (list(found.scores), now)
    draw = np.random.default_rng(SEED)
    halves = [each.halved(draw) for each in scores]
    fitted, unseen = [one for one, _ in halves], [other for _, other in halves]
    prices: list[Row] = []
    rules: list[Row] = []
    for constraint in CONSTRAINTS:
        made = own_rules(fitted, constraint, now)
        if isinstance(made, str):
            prices.append({"constraint": constraint, "words": SAID[constraint], "reason": made})
            continue
        changed = effects(unseen, made, now)
        prices.append(_price(changed, constraint, costs or _implied(asked), turned=found.turned))
        rules += [_rule(constraint, name, each, turned=found.turned)
                  for name, each in zip(found.cells.names, changed, strict=True)]
    good, reasons = asked.favourable, any(row["reason"] for row in prices)
    table = Table.of("mitigations", prices, Column("words", f"decided {good} …"),
                     Column("before", "gap now", share=True), Column("after", "gap then", share=True),
                     Column("accuracy_change", "right decisions", share=True, digits=2),
                     Column("low", share=True, digits=2), Column("high", share=True, digits=2),
                     Column("cost_change", "cost a row", digits=4, worth=1),
                     Column("gains", f"gain {good}", worth=1), Column("loses", f"lose {good}", worth=1),
                     *(["reason"] if reasons else []),
                     title="Thresholds by group, found on one half of the rows and priced on the other")
    own = Table.of("thresholds", rules, "constraint", "group",
                   Column("threshold", f"{good} {'below' if found.turned else 'from'} score"),
                   Column("before", f"{good} now", share=True), Column("after", f"{good} then", share=True),
                   Column("gains", digits=1), Column("loses", digits=1), Column("better", "right", digits=1),
                   Column("worse", "wrong", digits=1), title="The thresholds, and who gains or loses by them")
    implied = _implied(asked)
    said = "as declared" if costs is not None else (f"a wrong yes {implied.false_positive:.2g}, a wrong no "
                                                    f"{implied.false_negative:.2g}, as the threshold implies")
    return [table, own, Text(f"Costs: {said}. Where two thresholds stand, chance decides between them; where 'by lot' "
                             "stands, so many cases are decided without the score. Deciding by group is not lawful "
                             "everywhere: ask before.")]


def _implied(asked: Asked) -> Costs:
    """The costs by which today's threshold is the right one of calibrated scores."""
    t = asked.threshold or 0.0
    return Costs(false_positive=t, false_negative=1 - t)


def _price(changed: list[Effect], constraint: Constraint, costs: Costs, *, turned: bool) -> Row:
    change, low, high = price(changed)
    n = sum(each.rows for each in changed)
    kinds = (costs.true_negative, costs.false_negative, costs.false_positive, costs.true_positive) if turned else (
        costs.true_positive, costs.false_positive, costs.false_negative, costs.true_negative)
    cost = sum(sum(more * each for more, each in zip(one.cells, kinds, strict=True)) for one in changed) / n
    return {"constraint": constraint, "words": SAID[constraint], "n": round(n),
            "before": width(changed, constraint, lambda each: each.before),
            "after": width(changed, constraint, lambda each: each.after), "accuracy_change": change, "low": low,
            "high": high, "cost_change": cost, "gains": round(sum(each.gains for each in changed)),
            "loses": round(sum(each.loses for each in changed)), "seed": SEED, "reason": ""}


def _rule(constraint: Constraint, name: str, each: Effect, *, turned: bool) -> Row:
    rule = each.rule
    low, high = ((FINE - at) / FINE if turned else at / FINE for at in (rule.low, rule.high))
    said = f"{low:g}" if rule.share > 0.995 or rule.low == rule.high else \
        f"{high:g}" if rule.share < 0.005 else f"{low:g} ({rule.share:.0%}), {high:g}"
    said += f"; by lot {rule.ignored:.1%}" if rule.ignored > 0.0005 else ""
    return {"constraint": constraint.replace("_", " "), "group": name, "threshold": said, "low": low, "high": high,
            "share": rule.share, "ignored": rule.ignored, "constant": rule.constant,
            "before": finite(each.before["selection_rate"]), "after": finite(each.after["selection_rate"]),
            "tpr_before": finite(each.before["tpr"]), "tpr_after": finite(each.after["tpr"]),
            "fpr_before": finite(each.before["fpr"]), "fpr_after": finite(each.after["fpr"]),
            "gains": round(each.gains, 1), "loses": round(each.loses, 1), "better": round(each.better, 1),
            "worse": round(each.worse, 1)}
