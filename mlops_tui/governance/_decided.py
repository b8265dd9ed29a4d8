"""Decisions by group as a view: the verdict, every rate, difference and ratio, and what would mend it."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mlops_tui.analysis.disparities import average_odds, average_predictive_value, differential_fairness, widest
from mlops_tui.analysis.fairness import COMPARED, RATES, Cells, Gap, gaps, overall_gaps
from mlops_tui.analysis.fourfifths import FOUR_FIFTHS
from mlops_tui.analysis.inequality import disparity, inequality
from mlops_tui.analysis.interval import Estimate, wilson_share
from mlops_tui.declarations.kinds import Costs
from mlops_tui.errors import BadInput, nearest
from mlops_tui.governance import _engines, _fifths, _limits
from mlops_tui.governance._audited import Asked, Audited, word
from mlops_tui.governance._limits import Judged
from mlops_tui.governance._withingroups import calibration, mitigations
from mlops_tui.view import Cell, Column, Facts, Part, Row, Series, Status, Table, Text, View, counted, finite, worst

OF = {"selection_rate": "decided {v}", "tpr": "decided {v} where {y} is {v}",
      "fpr": "decided {v} where {y} is not {v}", "fnr": "not decided {v} where {y} is {v}",
      "ppv": "{y} is {v} where decided {v}", "for": "{y} is {v} where not decided {v}",
      "fdr": "{y} is not {v} where decided {v}", "error_rate": "decided other than {y}", "accuracy": "decided as {y}"}
INEQUALITY = {"generalized_entropy_index": "generalised entropy", "theil_index": "Theil index",
              "coefficient_of_variation": "coefficient of variation",
              "between_group_generalized_entropy_index": "generalised entropy between groups",
              "between_group_theil_index": "Theil index between groups",
              "between_group_coefficient_of_variation": "coefficient of variation between groups"}
ACROSS = {"demographic_parity": ("selection_rate",), "equal_opportunity": ("tpr",), "equalized_odds": ("tpr", "fpr"),
          "predictive_parity": ("ppv",), "accuracy": ("accuracy",)}
SHOWN = (Column("value", digits=3), Column("low", digits=3), Column("high", digits=3))
DIFFERENCE, RATIO, INDEX = "difference of shares", "ratio of shares", "index"


@dataclass(frozen=True)
class Wish:
    """How an audit is held: against whom, between groups or to all rows, by which limits, computed by what engine."""

    privileged: str | None = None
    overall: bool = False
    limits: Mapping[str, float] = field(default_factory=dict)
    engine: str = ""
    costs: Costs | None = None
    facts: Mapping[str, Cell] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def view(found: Audited, asked: Asked, wish: Wish, name: str = "", consistency: Estimate | None = None) -> View:
    """The audit of decisions."""
    cells = found.cells
    facts: dict[str, Cell] = {"rows": int(cells.n.sum()), "groups": len(cells.names), "label": asked.label,
                              "favourable": asked.favourable, "group": asked.group,
                              "decided_by": asked.prediction or f"{asked.score} at {asked.threshold:g}"
                              if asked.threshold is not None or asked.prediction else asked.score,
                              "weight": asked.weight or None, "without_label": found.unlabelled, **wish.facts}
    facts = {key: value for key, value in facts.items() if value is not None}
    notes = [Text(note) for note in (found.note, *wish.notes) if note]
    limits = wish.limits or {"four_fifths": FOUR_FIFTHS}
    if len(cells.names) < 2:
        said = f"There is one group only, {cells.names[0]}: nothing can be compared."
        return View(f"{name}: {said}" if name else said, Status.UNKNOWN, (Facts(facts), _groups(cells, 0), *notes))
    reference = reference_of(cells.names, asked, wish.privileged, cells.most_selected)
    facts |= {"reference": cells.names[reference], "reference_is": "as asked" if wish.privileged else
              "the most favoured group of these rows", "method": "to_overall" if wish.overall else "between_groups"}
    between = gaps(cells, reference)
    compared = overall_gaps(cells) if wish.overall else between
    rule = _fifths.Rule(cells, asked, reference, tuple(between), wish.privileged is None,
                        limits.get("four_fifths", FOUR_FIFTHS))
    fifths = _fifths.table(rule)
    metrics = _rows(found, asked, compared, reference, overall=wish.overall, consistency=consistency)
    engine = _engines.replaced(metrics, cells, reference, wish.engine, overall=wish.overall) if wish.engine else {}
    judged = _limits.rows(_across_limits(cells, asked, limits), limits)
    parts: list[Part] = [_fifths.picture(rule), *_fifths.explained(rule, fifths.rows), fifths,
                         *([_limits.table(judged)] if judged else []), *notes, Facts(facts | engine),
                         _groups(cells, reference), _metrics(metrics, asked)]
    if found.scores:
        parts += calibration(found.scores, cells.names, reference)
    parts += [*_pictures(compared, "all rows" if wish.overall else cells.names[reference]),
              *mitigations(found, asked, wish.costs)]
    title, status = _verdict(rule, fifths, judged, compared, limits)
    return View(f"{name}: {title}" if name else title, status, tuple(parts))


def reference_of(names: tuple[str, ...], asked: Asked, privileged: str | None, otherwise: int) -> int:
    """The place of the group that others are held against; BadInput for one that is not there."""
    if privileged is None:
        return otherwise
    if privileged in names:
        return names.index(privileged)
    known = {word(name): place for place, name in enumerate(names)}
    if word(privileged) not in known:
        raise BadInput(f"No group of '{asked.group}' is called {privileged}.",
                       next=nearest(privileged, names) or f"Groups: {', '.join(names[:12])}.")
    return known[word(privileged)]


# -- tables ---------------------------------------------------------------------------------------------------------


def _groups(cells: Cells, reference: int) -> Table:
    rates = {name: (cells.rate(name), cells.of(name)[1]) for name in RATES}
    bounds = {name: wilson_share([0.0 if math.isnan(each) else each for each in value.tolist()], n)
              for name, (value, n) in rates.items()}
    rows: list[Row] = []
    for place, name in enumerate(cells.names):
        cell = cells.counts[place]
        row: dict[str, Cell] = {"group": name, "n": int(cells.n[place]), "reference": place == reference,
                                "true_favourable": int(cell[1, 1]), "false_favourable": int(cell[0, 1]),
                                "true_other": int(cell[0, 0]), "false_other": int(cell[1, 0])}
        reasons = [cells.few[place]] if cells.few[place] else []
        for id, (value, n) in rates.items():
            known = n[place] > 0
            row |= {id: finite(float(value[place])), f"{id}_low": float(bounds[id][0][place]) if known else None,
                    f"{id}_high": float(bounds[id][1][place]) if known else None}
            reasons += [] if known else [f"{id}: {RATES[id].undefined}"]
        if cells.weights is not None:
            row["effective_n"] = float(cells.effective[place])
        rows.append({**row, "few": bool(cells.few[place]), "reason": "; ".join(reasons)})
    return Table.of("groups", rows, "group", "n", Column("base_rate", "label", share=True),
                    Column("selection_rate", "decided", share=True), Column("tpr", "TPR", share=True),
                    *(Column(id, id.upper(), share=True) for id in ("fpr", "fnr", "ppv", "for")),
                    Column("accuracy", "right", share=True), *_reason(rows),
                    title="Groups: share with the favourable label, decided so, and errors")


def _reason(rows: Iterable[Row]) -> tuple[str, ...]:
    """The column of reasons, where something is missing or few."""
    return ("reason",) if any(row["reason"] and (row.get("few") or (row.get("value") is None and "few" not in row) or
                                                 row.get("few") is False) for row in rows) else ()


def _metrics(rows: list[Row], asked: Asked) -> Table:
    return Table.of("metrics", rows, Column("definition", "what is compared"), *SHOWN,
                    Column("p_adjusted", "p, Holm", digits=4), *_reason(rows), "metric",
                    title=f"Differences and ratios by {asked.group}, with 95% intervals")


def _rows(found: Audited, asked: Asked, compared: Iterable[Gap], reference: int, *, overall: bool,
          consistency: Estimate | None) -> list[Row]:
    cells, names, words = found.cells, found.cells.names, {"v": asked.favourable, "y": asked.label}
    rows: list[Row] = []
    for gap in compared:
        said, pair = OF[gap.rate].format(**words), (gap.group, gap.reference)
        p: dict[str, Cell] = {"p_value": gap.p_value, "p_adjusted": gap.p_adjusted}
        rows += [_metric(f"{gap.rate}_difference", gap.difference, f"{said}: {' − '.join(pair)}", DIFFERENCE, pair) | p,
                 _metric(f"{gap.rate}_ratio", gap.ratio, f"{said}: {' / '.join(pair)}", RATIO, pair) | p]
    both, values = (f"{OF[one]} and {OF[other]}".format(**words) for one, other in (("fpr", "tpr"), ("ppv", "for")))
    for place, name in enumerate(names):
        if place != reference:
            pair, apart = (name, names[reference]), f"{name} − {names[reference]}"
            mean, size = average_odds(cells, place, reference)
            rows += [_metric("average_odds_difference", mean, f"mean of {both}: {apart}", DIFFERENCE, pair),
                     _metric("average_abs_odds_difference", size, f"mean size of {both}: {apart}", DIFFERENCE, pair),
                     _metric("average_predictive_value_difference", average_predictive_value(cells, place, reference),
                             f"mean of {values}: {apart}", DIFFERENCE, pair)]
    rows += [*_across(cells, words, overall=overall), *_fairness(cells, asked), *_least(cells, words)]
    if found.strata is not None:
        rows += _disparities(found, asked)
    counts = f"of decided − {asked.label} + 1, where {asked.favourable} counts as 1"
    rows += [_metric(id, each, f"{INEQUALITY[id]} {counts}", INDEX) for id, each in inequality(cells).items()]
    if consistency is not None:
        rows.append(_metric("consistency", consistency, f"1 − how far a decision is from the mean of the 5 most alike "
                            f"in {', '.join(asked.alike)}", INDEX))
    return rows


def _across(cells: Cells, words: Mapping[str, str], *, overall: bool) -> Iterable[Row]:
    """Fairlearn's aggregates over all groups."""
    ends = ("group furthest from all", "group furthest from all") if overall else ("largest − smallest group",
                                                                                  "smallest / largest group")
    for id, rates in ACROSS.items():
        said = " or ".join(OF[rate] for rate in rates).format(**words)
        difference, ratio = widest(cells, rates, overall=overall)
        yield _metric(f"{id}_difference", difference, f"{said}: {ends[0]}", DIFFERENCE)
        yield _metric(f"{id}_ratio", ratio, f"{said}: {ends[1]}", RATIO)
    said = " and ".join(OF[rate] for rate in ACROSS["equalized_odds"]).format(**words)
    difference, ratio = widest(cells, ACROSS["equalized_odds"], overall=overall, agg="mean")
    yield _metric("equalized_odds_difference_mean", difference, f"mean of {said}: {ends[0]}", DIFFERENCE)
    yield _metric("equalized_odds_ratio_mean", ratio, f"mean of {said}: {ends[1]}", RATIO)


def _fairness(cells: Cells, asked: Asked) -> Iterable[Row]:
    """Foulds' differential fairness of decisions, and how much more of it than of labels there is."""
    decided, came = differential_fairness(cells), differential_fairness(cells, "base_rate")
    good = asked.favourable
    yield _metric("differential_fairness", decided, f"largest log ratio of being decided {good} or not, any two groups",
                  INDEX)
    none = Estimate("bias_amplification", None if decided.value is None or came.value is None else
                    decided.value - came.value, None, None, decided.n,
                    reason="decisions and labels are of the same rows: no interval is known")
    yield _metric("bias_amplification", none, f"that of decisions − that of {asked.label}", INDEX)


def _least(cells: Cells, words: Mapping[str, str]) -> Iterable[Row]:
    """The group that fares worst by each rate of being right."""
    for rate in ("accuracy", "tpr", "ppv"):
        values, (_, n) = cells.rate(rate), cells.of(rate)
        known = [place for place in range(len(cells.names)) if n[place] > 0 and not cells.few[place]]
        if known:
            place = min(known, key=lambda at: values[at])
            low, high = wilson_share(values[[place]], n[[place]])
            found = Estimate(rate, float(values[place]), float(low[0]), float(high[0]), int(cells.n[place]), "wilson")
            yield _metric(f"{rate}_group_min", found, f"{OF[rate].format(**words)}: the least, {cells.names[place]}",
                          "share", (cells.names[place], ""))


def _disparities(found: Audited, asked: Asked) -> Iterable[Row]:
    assert found.strata is not None
    strata = found.strata
    whole, within = disparity(strata.counts, None, strata.weights, strata.squares)
    for name, one, other in zip(found.cells.names, whole, within, strict=True):
        said = f"share of {name}: among not decided {asked.favourable} − among decided {asked.favourable}"
        yield _metric("demographic_disparity", one, said, DIFFERENCE, (name, ""))
        yield _metric("conditional_demographic_disparity", other, f"{said}, within each {asked.condition}", DIFFERENCE,
                      (name, ""))


def _metric(id: str, each: Estimate, definition: str, unit: str, pair: tuple[str, str] = ("", "")) -> dict[str, Cell]:
    reason = each.reason or ("no upper bound" if each.high is not None and math.isinf(each.high) else "")
    return {"metric": id, "group": pair[0], "reference": pair[1], "value": finite(each.value), "low": finite(each.low),
            "high": finite(each.high), "n": each.n, "definition": definition, "unit": unit, "method": each.method,
            "engine": "mlops-tui", "reason": reason}


def _pictures(compared: Iterable[Gap], reference: str) -> list[Part]:
    """A forest of ratios: favourable decisions and both error rates of each group beside the reference's."""
    found = [gap for rate in COMPARED[:3] for gap in compared if gap.rate == rate and gap.ratio.value is not None
             and gap.ratio.high is not None and math.isfinite(gap.ratio.high)]
    name = {"selection_rate": "decided", "tpr": "TPR", "fpr": "FPR"}
    return [Series("ratios", "interval", tuple(f"{name[gap.rate]} {gap.group}" for gap in found),
                   tuple(gap.ratio.value for gap in found), tuple(gap.ratio.low for gap in found),
                   tuple(gap.ratio.high for gap in found), title=f"Ratio to {reference}; 1 is alike",
                   marks=(("alike", 1.0),))] if found else []


# -- verdict --------------------------------------------------------------------------------------------------------


def _across_limits(cells: Cells, asked: Asked, limits: Mapping[str, float]) -> Iterable[Judged]:
    """Differences over all groups that have a limit."""
    words = {"v": asked.favourable, "y": asked.label}
    few = [f"{name} has {small}" for name, small in zip(cells.names, cells.few, strict=True) if small]
    for name in limits:
        id = name.removesuffix("_difference")
        if id in ACROSS and name != id:
            said = " or ".join(OF[rate] for rate in ACROSS[id]).format(**words)
            yield Judged(name, "", widest(cells, ACROSS[id])[0], f"{said}: largest − smallest group",
                         few[0] if few else "")


def _verdict(rule: _fifths.Rule, fifths: Table, judged: list[Row], compared: Iterable[Gap],
             limits: Mapping[str, float]) -> tuple[str, Status]:
    """What to say first: the limit that is broken worst, else the group that is favoured least."""
    enough = [row for row in fifths.rows if row["verdict"] != "too few rows"]
    by_rule = [Status(str(row["status"])) for row in enough or fifths.rows] if "four_fifths" in limits else []
    status = worst([*by_rule, *(Status(str(row["status"])) for row in judged)])
    first = judged[0] if judged else None
    if first is not None and (not by_rule or (worst(by_rule) is not status and first["status"] is status)):
        value, low, high = (f"{each:.3f}" if isinstance(each, float) else "–" for each in (
            first["value"], first["low"], first["high"]))
        said = f"{first['measure']} by {rule.asked.group} {value} [{low}, {high}]"
        return f"{said}: {first['verdict']} {first['limit']:g}", status
    shown, small = _fifths.decisive(fifths.rows), sum(map(bool, rule.cells.few))
    if shown["ratio"] is None:
        return _fifths.title(rule, shown), Status.UNKNOWN
    apart = any(gap.p_adjusted is not None and gap.p_adjusted < 0.05 and gap.rate in ("tpr", "fpr") for gap in compared)
    if status is Status.PASS and (apart or small):
        status = Status.WARN
    said = "; error rates differ" * apart + f"; {counted(small, 'group')} too small to judge" * bool(enough and small)
    return _fifths.title(rule, shown) + said, status
