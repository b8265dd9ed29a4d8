"""Predicted numbers by group as a view: means, errors, losses and whole distributions beside a reference group."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from mlops_tui.analysis.interval import Estimate
from mlops_tui.analysis.parity import MEANS, Apart, Mean, Numbers, apart, distances, estimate, few, measured
from mlops_tui.governance import _limits
from mlops_tui.governance._audited import Asked
from mlops_tui.governance._decided import Wish, reference_of
from mlops_tui.governance._limits import Judged
from mlops_tui.view import Cell, Column, Facts, Part, Row, Series, Status, Table, Text, View, finite, worst

OF = {"mean_prediction": "mean of {p}", "mean_error": "mean of {p} − {y}", "mae": "mean size of {p} − {y}",
      "rmse": "root mean square of {p} − {y}"}
HEADINGS = {"mean_prediction": "predicted", "mean_error": "error", "mae": "MAE", "rmse": "RMSE"}


def view(rows: Numbers, asked: Asked, wish: Wish, name: str = "") -> View:
    """The audit of numbers; it is judged where limits are given, and unknown without."""
    counts = np.bincount(rows.group, minlength=len(rows.names))
    facts: dict[str, Cell] = {"rows": int(rows.label.size), "groups": len(rows.names), "label": asked.label,
                              "predicted_by": asked.prediction or asked.score, "group": asked.group, **wish.facts}
    small, means = few(rows.names, rows.group), measured(rows)
    estimates = [{id: estimate(id, each, int(n)) for id, each in found.items()}
                 for found, n in zip(means, counts, strict=True)]
    table = _groups(rows, estimates, small)
    notes = [Text(note) for note in wish.notes if note]
    if len(rows.names) < 2:
        said = f"There is one group only, {rows.names[0]}: nothing can be compared."
        return View(f"{name}: {said}" if name else said, Status.UNKNOWN, (Facts(facts), table, *notes))
    reference = reference_of(rows.names, asked, wish.privileged, int(counts.argmax()))
    facts |= {"reference": rows.names[reference], "reference_is": "as asked" if wish.privileged else
              "the largest group of these rows"}
    gaps, apart_ = apart(rows, reference), distances(rows, reference)
    metrics = [*_metrics(gaps, asked), *_distances(rows, reference, apart_, asked)]
    judged = _limits.rows(_judged(rows, reference, means, apart_, small, asked), wish.limits)
    title, status = _verdict(judged, gaps, asked)
    parts: list[Part] = [_picture(rows, estimates, wish, asked), *([_limits.table(judged)] if judged else []), *notes,
                         Facts(facts), table, Table.of(
                             "metrics", metrics, Column("definition", "what is compared"), Column("value", digits=4),
                             Column("low", digits=4), Column("high", digits=4),
                             Column("p_adjusted", "p, Holm", digits=4),
                             *(("reason",) if any(row["reason"] for row in metrics) else ()), "metric",
                             title=f"Differences and ratios by {asked.group}, with 95% intervals")]
    return View(f"{name}: {title}" if name else title, status, tuple(parts))


def _words(id: str, asked: Asked) -> str:
    return OF[id].format(p=asked.prediction or asked.score, y=asked.label)


def _groups(rows: Numbers, estimates: list[dict[str, Estimate]], small: tuple[str, ...]) -> Table:
    made: list[Row] = []
    for name, found, reason in zip(rows.names, estimates, small, strict=True):
        row: dict[str, Cell] = {"group": name, "n": found["mae"].n, "few": bool(reason), "reason": reason}
        for id, each in found.items():
            row |= {id: finite(each.value), f"{id}_low": finite(each.low), f"{id}_high": finite(each.high)}
        made.append(row)
    return Table.of("groups", made, "group", "n", *(Column(id, HEADINGS[id], digits=4) for id in MEANS),
                    *(("reason",) if any(small) else ()), title="Groups: what is predicted, and how far off")


def _row(id: str, each: Estimate, said: str, unit: str, pair: tuple[str, str]) -> dict[str, Cell]:
    return {"metric": id, "group": pair[0], "reference": pair[1], "value": finite(each.value), "low": finite(each.low),
            "high": finite(each.high), "n": each.n, "definition": said, "unit": unit, "method": each.method,
            "reason": each.reason}


def _metrics(gaps: Iterable[Apart], asked: Asked) -> Iterable[Row]:
    for each in gaps:
        pair, said = (each.group, each.reference), _words(each.metric, asked)
        p: dict[str, Cell] = {"p_value": each.p_value, "p_adjusted": each.p_adjusted}
        unit = f"in the unit of {asked.label}"
        yield _row(f"{each.metric}_difference", each.difference, f"{said}: {' − '.join(pair)}", unit, pair) | p
        if each.ratio is not None:
            yield _row(f"{each.metric}_ratio", each.ratio, f"{said}: {' / '.join(pair)}", "ratio", pair) | p


def _others(rows: Numbers, reference: int) -> list[str]:
    return [name for place, name in enumerate(rows.names) if place != reference]


def _distances(rows: Numbers, reference: int, found: list[tuple[Estimate, Estimate]], asked: Asked) -> Iterable[Row]:
    for name, (ks, w1) in zip(_others(rows, reference), found, strict=True):
        pair = (name, rows.names[reference])
        said = f"predictions of {name} and of {pair[1]}"
        yield _row("ks", ks, f"largest gap of distribution functions, {said}", "share", pair)
        yield _row("wasserstein", w1, f"mean distance in ranks, {said}", f"in the unit of {asked.label}", pair)


def _judged(rows: Numbers, reference: int, means: list[dict[str, Mean]], found: list[tuple[Estimate, Estimate]],
            small: tuple[str, ...], asked: Asked) -> Iterable[Judged]:
    """Every group's losses, and how far it is from the reference, whichever of both is worse off.

    Intervals hold for all groups at once (Bonferroni): of many groups that keep a limit one always looks as if not.
    Those of whole distributions are wide enough by themselves.
    """
    few_of, k = dict(zip(rows.names, small, strict=True)), len(rows.names)
    for name, n, each in zip(rows.names, np.bincount(rows.group, minlength=k).tolist(), means, strict=True):
        for id in ("mae", "rmse"):
            own = estimate(id, each[id], n, 1 - 0.05 / k)
            yield Judged(id, name, own, f"{_words(id, asked)}: {name}", few_of[name])
    for gap in apart(rows, reference, 1 - 0.05 / (k - 1)):
        said = f"{_words(gap.metric, asked)}: {gap.group} against {gap.reference}"
        reason = few_of[gap.group] or few_of[gap.reference]
        yield Judged(f"{gap.metric}_difference", gap.group, _size(gap.difference), said, reason)
        if gap.ratio is not None:
            yield Judged(f"{gap.metric}_ratio", gap.group, _larger(gap.ratio), f"{said}, the larger / the smaller",
                         reason)
    for name, (ks, _) in zip(_others(rows, reference), found, strict=True):
        yield Judged("ks", name, ks, f"predictions of {name} and of {rows.names[reference]}",
                     few_of[name] or few_of[rows.names[reference]])


def _larger(each: Estimate) -> Estimate:
    """The ratio of the larger to the smaller one of two, above 1."""
    if not (each.value and each.low and each.high):
        return each
    low, high = each.low, each.high
    return replace(each, value=max(each.value, 1 / each.value), low=max(low, 1 / high, 1.0), high=max(high, 1 / low))


def _size(each: Estimate) -> Estimate:
    """The size of a signed difference."""
    if each.value is None or each.low is None or each.high is None:
        return each
    return Estimate(each.metric, abs(each.value), max(each.low, -each.high, 0.0), max(each.high, -each.low), each.n,
                    each.method)


def _picture(rows: Numbers, estimates: list[dict[str, Estimate]], wish: Wish, asked: Asked) -> Series:
    found = [each["mae"] for each in estimates]
    limit = wish.limits.get("mae")
    return Series("mae", "interval", rows.names, tuple(finite(each.value) for each in found),
                  tuple(finite(each.low) for each in found), tuple(finite(each.high) for each in found),
                  title=f"{_words('mae', asked).capitalize()} by {asked.group}, with 95% intervals",
                  marks=(("limit", limit),) if limit is not None else ())


def _verdict(judged: list[Row], gaps: list[Apart], asked: Asked) -> tuple[str, Status]:
    if judged:
        first = judged[0]
        value, low, high = (f"{each:.4g}" if isinstance(each, float) else "–" for each in (
            first["value"], first["low"], first["high"]))
        status = worst([Status(str(row["status"])) for row in judged])
        said = f"{first['measure']} of {first['group']} {value} [{low}, {high}]"
        return f"{said}: {first['verdict']} {first['limit']:g}", status
    known = [gap for gap in gaps if gap.metric == "mae" and gap.ratio is not None]
    if not known:
        return f"No limit is given for {asked.label} by {asked.group}: nothing is judged", Status.UNKNOWN
    far = max(known, key=lambda gap: abs(np.log(gap.ratio.value)) if gap.ratio and gap.ratio.value else 0.0)
    assert far.ratio is not None
    said = f"Errors of {far.group} are {far.ratio.value:.2f} times {far.reference}'s"
    return f"{said} [{far.ratio.low:.2f}, {far.ratio.high:.2f}]; no limit is given, so none is judged", Status.UNKNOWN
