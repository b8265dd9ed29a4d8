"""Predicted classes by group as a view: how often each is right, and each class against the rest."""

from collections.abc import Iterable

import numpy as np

from mlops_tui.analysis.disparities import widest
from mlops_tui.analysis.fairness import Gap, gaps
from mlops_tui.analysis.interval import Estimate, wilson_share
from mlops_tui.analysis.multiplicity import holm
from mlops_tui.analysis.oneagainstrest import Classes, balanced_accuracy, macro_f1
from mlops_tui.governance import _limits
from mlops_tui.governance._audited import Asked
from mlops_tui.governance._decided import OF, SHOWN, Wish, reference_of
from mlops_tui.governance._limits import Judged
from mlops_tui.view import Cell, Column, Facts, Part, Row, Series, Status, Table, Text, View, finite, worst

COMPARED = ("selection_rate", "tpr", "fpr", "ppv")


def view(rows: Classes, asked: Asked, wish: Wish, name: str = "") -> View:
    """The audit of classes; it is judged where limits are given, and unknown without."""
    right = rows.right
    facts: dict[str, Cell] = {"rows": int(rows.n.sum()), "groups": len(rows.names), "classes": len(rows.classes),
                              "label": asked.label, "group": asked.group, **wish.facts}
    notes = [Text(note) for note in wish.notes if note]
    recalls = balanced_accuracy(rows)
    table = _groups(rows, recalls)
    if len(rows.names) < 2:
        said = f"There is one group only, {rows.names[0]}: nothing can be compared."
        return View(f"{name}: {said}" if name else said, Status.UNKNOWN, (Facts(facts), table, *notes))
    reference = reference_of(rows.names, asked, wish.privileged, int(rows.n.argmax()))
    facts |= {"reference": rows.names[reference], "reference_is": "as asked" if wish.privileged else
              "the largest group of these rows"}
    of_right = [gap for gap in gaps(right, reference) if gap.rate == "selection_rate"]
    metrics = _metrics(rows, of_right, reference, asked)
    judged = _limits.rows(_judged(rows, asked), wish.limits)
    title, status = _verdict(judged, of_right)
    parts: list[Part] = [_picture(rows), *([_limits.table(judged)] if judged else []), *notes, Facts(facts), table,
                         Table.of("metrics", metrics, Column("definition", "what is compared"), *SHOWN,
                                  Column("p_adjusted", "p, Holm", digits=4),
                                  *(("reason",) if any(row["reason"] for row in metrics) else ()), "metric",
                                  title=f"Each class against the rest by {asked.group}, with 95% intervals")]
    return View(f"{name}: {title}" if name else title, status, tuple(parts))


def _groups(rows: Classes, recalls: list[Estimate]) -> Table:
    right, f1, few = rows.right, macro_f1(rows), rows.right.few
    rate, (_, n) = right.rate("selection_rate"), right.of("selection_rate")
    low, high = wilson_share(rate, n)
    made: list[Row] = [
        {"group": name, "n": int(rows.n[at]), "accuracy": float(rate[at]), "accuracy_low": float(low[at]),
         "accuracy_high": float(high[at]), "balanced_accuracy": recalls[at].value,
         "balanced_accuracy_low": recalls[at].low, "balanced_accuracy_high": recalls[at].high,
         "macro_f1": finite(f1[at].value), "macro_f1_low": finite(f1[at].low), "macro_f1_high": finite(f1[at].high),
         "few": bool(few[at]), "reason": few[at]} for at, name in enumerate(rows.names)]
    return Table.of("groups", made, "group", "n", Column("accuracy", "right", share=True),
                    Column("balanced_accuracy", "mean recall", share=True), Column("macro_f1", "macro F1", digits=3),
                    *(("reason",) if any(few) else ()), title="Groups: how often the answer is right")


def _metrics(rows: Classes, of_right: list[Gap], reference: int, asked: Asked) -> list[Row]:
    found: list[tuple[Gap, str, str]] = [(gap, "accuracy", f"answered as {asked.label}") for gap in of_right]
    for place, name in enumerate(rows.classes):
        words = {"v": name, "y": asked.label}
        found += [(gap, f"{gap.rate}:{name}", OF[gap.rate].format(**words).replace("decided", "answered"))
                  for gap in gaps(rows.against_rest(place), reference) if gap.rate in COMPARED]
    asked_p = [gap.p_value for gap, *_ in found if gap.p_value is not None]
    adjusted = iter(holm(asked_p).tolist() if asked_p else [])
    made: list[Row] = []
    for gap, id, said in found:
        p: dict[str, Cell] = {"p_value": gap.p_value,
                              "p_adjusted": next(adjusted) if gap.p_value is not None else None}
        pair = (gap.group, gap.reference)
        made += [_row(f"{id}_difference", gap.difference, f"{said}: {' − '.join(pair)}", "difference of shares", pair)
                 | p, _row(f"{id}_ratio", gap.ratio, f"{said}: {' / '.join(pair)}", "ratio of shares", pair) | p]
    return made


def _row(id: str, each: Estimate, said: str, unit: str, pair: tuple[str, str]) -> dict[str, Cell]:
    return {"metric": id, "group": pair[0], "reference": pair[1], "value": finite(each.value), "low": finite(each.low),
            "high": finite(each.high), "n": each.n, "definition": said, "unit": unit, "method": each.method,
            "reason": each.reason}


def _judged(rows: Classes, asked: Asked) -> Iterable[Judged]:
    """Differences over all groups; their intervals hold for all groups at once (Bonferroni), so for the furthest too.
    """
    small = [f"{name} has {few}" for name, few in zip(rows.names, rows.right.few, strict=True) if few]
    reason = small[0] if small else ""
    yield Judged("accuracy_difference", "", widest(rows.right, ("selection_rate",))[0],
                 f"answered as {asked.label}: largest − smallest group", reason)
    value, low, high = (np.array([getattr(each, end) for each in balanced_accuracy(rows, 1 - 0.05 / len(rows.names))])
                        for end in ("value", "low", "high"))
    spread = Estimate("balanced_accuracy", float(np.ptp(value)), max(float(low.max() - high.min()), 0.0),
                      float(high.max() - low.min()), int(rows.n.sum()), "wilson, combined, end to end")
    yield Judged("balanced_accuracy_difference", "", spread, f"mean recall of {asked.label}: largest − smallest group",
                 reason)


def _picture(rows: Classes) -> Series:
    rate, (_, n) = rows.right.rate("selection_rate"), rows.right.of("selection_rate")
    low, high = wilson_share(rate, n)
    return Series("accuracy", "interval", rows.names, tuple(rate.tolist()), tuple(low.tolist()), tuple(high.tolist()),
                  title="Share of right answers, with 95% intervals")


def _verdict(judged: list[Row], of_right: list[Gap]) -> tuple[str, Status]:
    if judged:
        first = judged[0]
        shown = [f"{each:.3f}" if isinstance(each, float) else "–" for each in (
            first["value"], first["low"], first["high"])]
        return f"{first['measure']} {shown[0]} [{shown[1]}, {shown[2]}]: {first['verdict']} {first['limit']:g}", \
            worst([Status(str(row["status"])) for row in judged])
    far = max(of_right, key=lambda gap: abs(gap.difference.value or 0.0))
    each = far.difference
    points = [f"{100 * (end or 0.0):+.1f}" for end in (each.value, each.low, each.high)]
    said = f"Answers for {far.group} are right {points[0]} points more often than for {far.reference}"
    return f"{said} [{points[1]}, {points[2]}]; no limit is given", Status.UNKNOWN
