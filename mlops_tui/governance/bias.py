"""Whether groups are decided, and wrongly decided, alike: every difference and ratio with its interval."""

import math
from collections.abc import Iterable, Mapping

import click
import numpy as np

from mlops_tui.analysis.fairness import (
    COMPARED,
    FOUR_FIFTHS,
    RATES,
    Cells,
    Gap,
    average_odds,
    disparity,
    gaps,
    inequality,
    widest,
)
from mlops_tui.analysis.interval import Estimate, wilson
from mlops_tui.analysis.proportions import ratio_bounds
from mlops_tui.capability import hidden_columns, measure
from mlops_tui.errors import BadInput, nearest
from mlops_tui.governance._audited import Asked, Audited, of_table, word
from mlops_tui.governance._tested import kept, tested
from mlops_tui.governance._withingroups import calibration, mitigations
from mlops_tui.inputs.tabular import tabular
from mlops_tui.session import Session
from mlops_tui.view import Cell, Column, Facts, Part, Row, Series, Status, Table, Text, View, finite, worst
from store.written import names_file

OF = {"selection_rate": "decided {v}", "tpr": "decided {v} where {y} is {v}",
      "fpr": "decided {v} where {y} is not {v}", "fnr": "not decided {v} where {y} is {v}",
      "ppv": "{y} is {v} where decided {v}", "error_rate": "decided other than {y}"}
INEQUALITY = ("generalised entropy", "Theil index", "generalised entropy between groups",
              "Theil index between groups")
SHOWN = (Column("value", digits=3), Column("low", digits=3), Column("high", digits=3))


@measure
@click.argument("what")
@click.option("--label", default=None, help="File: column with what came.")
@click.option("--prediction", default=None, help="File: column with what was decided, in the words of the label.")
@click.option("--score", default=None, help="File: column with a score instead, decided at --threshold.")
@click.option("--threshold", type=float, default=None, help="File: a score at or above it is a yes (1).")
@click.option("--group", default=None, help="Column of groups; two with a comma between them: every combination.")
@click.option("--favourable", default=None,
              help="The value of label and decision that is good for whom it concerns. A model: 1 by default.")
@click.option("--privileged", default=None,
              help="The group that others are held against; else the one that is favoured most often.")
@click.option("--condition", default=None, help="File: column within whose values groups are compared as well.")
def bias(session: Session, what: str, label: str | None, prediction: str | None, score: str | None,
         threshold: float | None, group: str | None, favourable: str | None, privileged: str | None,
         condition: str | None) -> View:
    """Audit the decisions in WHAT by group: a file or dataset, or MODEL[@VERSION] on its own test rows.

    Differences are group − reference, ratios group / reference, and every line says so. It fails where a group is
    surely favoured less than four fifths as often as another one, however many groups there are.

    \b
    Example: mlops-tui bias compas.csv --label recid --prediction high --group race --favourable 0 --privileged White
             mlops-tui bias loans.parquet --label repaid --score p --threshold 0.4 --group sex,age_band --favourable 1
             mlops-tui bias flights-delay@challenger --group carrier
    """
    if not group:
        raise BadInput("Which groups are compared?", next="Add: --group COLUMN")
    groups = tuple(name.strip() for name in group.split(",") if name.strip())
    if label is None and not names_file(what):
        if prediction or score or threshold is not None or condition:
            raise BadInput("A model declares its label and threshold; a file needs --label.",
                           next="Of a model, give --group, and --favourable and --privileged where you like.")
        found = tested(session, what, groups, favourable or "1")
        view = _view(found.audited, found.asked, privileged, found.name)
        session.ledger.append(kept(session, found, view))
        return view
    asked = _asked(label, prediction, score, threshold, groups, favourable, condition)
    table = tabular(session, what)
    hidden = hidden_columns(session, table.dataset, (*groups, asked.label, asked.condition)) if table.dataset else []
    if hidden:
        raise BadInput(f"'{hidden[0]}' is classified, and not shown where others read along.", where=table.dataset,
                       next="Ask in the terminal.")
    return _view(of_table(table, asked), asked, privileged, "")


def _asked(label: str | None, prediction: str | None, score: str | None, threshold: float | None,
           groups: tuple[str, ...], favourable: str | None, condition: str | None) -> Asked:
    """The options of a file; BadInput for what is missing or too much."""
    if label is None or favourable is None:
        raise BadInput(f"A file needs --{'label' if label is None else 'favourable'}.",
                       next="Say what is good for whom it concerns: --label repaid --favourable 1")
    if (prediction is None) == (score is None):
        raise BadInput("Either a column of decisions or one of scores is needed.",
                       next="Add: --prediction COLUMN, or --score COLUMN --threshold T")
    if (score is None) != (threshold is None):
        raise BadInput("A score is decided at a threshold, and only a score.", next="Add: --score COLUMN --threshold T")
    if threshold is not None and not math.isfinite(threshold):
        raise BadInput(f"{threshold} is no threshold.", next="Add: --threshold 0.5")
    return Asked(label, groups, favourable, prediction or "", score or "", threshold, condition or "")


def _view(found: Audited, asked: Asked, privileged: str | None, name: str) -> View:
    cells = found.cells
    facts: dict[str, Cell] = {"rows": int(cells.n.sum()), "groups": len(cells.names), "label": asked.label,
                              "favourable": asked.favourable, "group": asked.group,
                              "decided_by": asked.prediction or f"{asked.score} at {asked.threshold:g}",
                              "without_label": found.unlabelled}
    notes = [Text(found.note)] if found.note else []
    if len(cells.names) < 2:
        said = f"There is one group only, {cells.names[0]}: nothing can be compared."
        return View(f"{name}: {said}" if name else said, Status.UNKNOWN, (Facts(facts), _groups(cells, 0), *notes))
    reference = _reference(cells, asked, privileged)
    facts |= {"reference": cells.names[reference],
              "reference_is": "as asked" if privileged else "the most favoured group of these rows"}
    compared = gaps(cells, reference)
    fifths = _four_fifths(cells, compared, _most_of_all(cells, reference, chosen=privileged is None))
    parts: list[Part] = [Facts(facts), *notes, fifths, _groups(cells, reference), _metrics(found, asked, compared,
                                                                                           reference)]
    if found.scores:
        parts += calibration(found.scores, cells.names, reference)
    parts += [*_pictures(compared, cells.names[reference]), *mitigations(cells, found.scores, asked, reference)]
    title, status = _verdict(fifths, compared, asked)
    return View(f"{name}: {title}" if name else title, status, tuple(parts))


def _reference(cells: Cells, asked: Asked, privileged: str | None) -> int:
    if privileged is None:
        return cells.most_selected
    known = {word(name): place for place, name in enumerate(cells.names)}
    if word(privileged) not in known:
        raise BadInput(f"No group of '{asked.group}' is called {privileged}.",
                       next=nearest(privileged, cells.names) or f"Groups: {', '.join(cells.names[:12])}.")
    return known[word(privileged)]


# -- tables ---------------------------------------------------------------------------------------------------------


def _groups(cells: Cells, reference: int) -> Table:
    rates = {name: (*cells.of(name), cells.rate(name)) for name in RATES}
    rows: list[Row] = []
    for place, name in enumerate(cells.names):
        row: dict[str, Cell] = {"group": name, "n": int(cells.n[place]), "reference": place == reference}
        reasons = [cells.few[place]] if cells.few[place] else []
        for id, (top, bottom, value) in rates.items():
            bounds = wilson(int(top[place]), int(bottom[place])) if bottom[place] else None
            row |= {id: finite(float(value[place])), f"{id}_low": bounds.low if bounds else None,
                    f"{id}_high": bounds.high if bounds else None}
            reasons += [] if bounds else [f"{id}: {RATES[id].undefined}"]
        rows.append({**row, "few": bool(cells.few[place]), "reason": "; ".join(reasons)})
    return Table.of("groups", rows, "group", "n", Column("base_rate", "label", share=True),
                    Column("selection_rate", "decided", share=True), Column("tpr", "TPR", share=True),
                    *(Column(id, id.upper(), share=True) for id in ("fpr", "fnr", "ppv")), *_reason(rows),
                    title="Groups: share with the favourable label, decided so, and errors")


def _reason(rows: Iterable[Row]) -> tuple[str, ...]:
    """The column of reasons, where there are any."""
    return ("reason",) if any(row["reason"] for row in rows) else ()


def _most_of_all(cells: Cells, reference: int, *, chosen: bool) -> dict[str, float]:
    """The upper bound of each group's ratio that holds for all groups at once (Bonferroni), by group.

    A reference that was `chosen` because these very rows favour it most stands for every pair: of many groups that are
    alike one always looks favoured.
    """
    others = [place for place in range(len(cells.names)) if place != reference]
    pairs = len(cells.names) * len(others) / 2 if chosen else len(others)
    top, bottom = cells.of("selection_rate")
    again = np.full(len(others), reference)
    _, most = ratio_bounds(top[others], bottom[others], top[again], bottom[again], 1 - 0.05 / pairs)
    return dict(zip([cells.names[place] for place in others], most.tolist(), strict=True))


def _four_fifths(cells: Cells, compared: Iterable[Gap], most: Mapping[str, float]) -> Table:
    few = dict(zip(cells.names, cells.few, strict=True))
    rows: list[Row] = []
    for gap in compared:
        if gap.rate != "selection_rate":
            continue
        ratio, small = gap.ratio, few[gap.group] or few[gap.reference]
        verdict, status = _fifths(ratio, small, most[gap.group])
        rows.append({"status": status, "group": gap.group, "reference": gap.reference, "ratio": finite(ratio.value),
                     "low": finite(ratio.low), "high": finite(ratio.high), "high_of_all": finite(most[gap.group]),
                     "verdict": verdict, "p_value": gap.p_value,
                     "p_adjusted": gap.p_adjusted, "n": ratio.n, "reason": small or ratio.reason})
    rows.sort(key=lambda row: row["ratio"] if isinstance(row["ratio"], float) else math.inf)
    return Table.of("four_fifths", rows, "status", "group", Column("ratio", digits=3), Column("low", digits=3),
                    Column("high", digits=3), "verdict", Column("p_adjusted", "p, Fisher, Holm", digits=4),
                    *_reason(rows), title="Four-fifths rule: favourable decisions beside the reference group's")


def _fifths(ratio: Estimate, small: str, most: float) -> tuple[str, Status]:
    if ratio.value is None or ratio.high is None or ratio.low is None:
        return "undefined", Status.UNKNOWN
    if small:
        return "too few rows", Status.UNKNOWN
    if most < FOUR_FIFTHS:
        return "below 0.8", Status.FAIL
    if ratio.value < FOUR_FIFTHS:
        return "perhaps below 0.8", Status.WARN
    return ("at least 0.8", Status.PASS) if ratio.low >= FOUR_FIFTHS else ("not surely 0.8", Status.WARN)


def _metrics(found: Audited, asked: Asked, compared: Iterable[Gap], reference: int) -> Table:
    cells, names, words = found.cells, found.cells.names, {"v": asked.favourable, "y": asked.label}
    rows = []
    for gap in compared:
        said, pair = OF[gap.rate].format(**words), (gap.group, gap.reference)
        p: dict[str, Cell] = {"p_value": gap.p_value, "p_adjusted": gap.p_adjusted}
        rows += [_metric(f"{gap.rate}_difference", gap.difference, f"{said}: {' − '.join(pair)}", *pair) | p,
                 _metric(f"{gap.rate}_ratio", gap.ratio, f"{said}: {' / '.join(pair)}", *pair) | p]
    both = f"{OF['fpr']} and {OF['tpr']}".format(**words)
    for place, name in enumerate(names):
        if place != reference:
            mean, size = average_odds(cells, place, reference)
            pair = (name, names[reference])
            rows += [_metric("average_odds_difference", mean, f"mean of {both}: {' − '.join(pair)}", *pair),
                     _metric("average_abs_odds_difference", size, f"mean size of {both}: {' − '.join(pair)}", *pair)]
    rows += _across(cells, words)
    if found.strata is not None:
        rows += _disparities(found, asked)
    rows += [_metric(id, each, f"{said} of decided − {asked.label} + 1, where {asked.favourable} counts as 1")
             for (id, each), said in zip(inequality(cells).items(), INEQUALITY, strict=True)]
    return Table.of("metrics", rows, Column("definition", "what is compared"), *SHOWN,
                    Column("p_adjusted", "p, Holm", digits=4), *_reason(rows), "metric",
                    title=f"Differences and ratios by {asked.group}, with 95% intervals")


def _across(cells: Cells, words: Mapping[str, str]) -> Iterable[dict[str, Cell]]:
    """Fairlearn's aggregates over all groups."""
    for id, rates in (("demographic_parity", ("selection_rate",)), ("equal_opportunity", ("tpr",)),
                      ("equalized_odds", ("tpr", "fpr"))):
        difference, ratio = widest(cells, rates)
        said = " or ".join(OF[rate] for rate in rates).format(**words)
        yield _metric(f"{id}_difference", difference, f"{said}: largest − smallest group")
        yield _metric(f"{id}_ratio", ratio, f"{said}: smallest / largest group")


def _disparities(found: Audited, asked: Asked) -> Iterable[dict[str, Cell]]:
    assert found.strata is not None
    whole, within = disparity(found.strata)
    for name, one, other in zip(found.cells.names, whole, within, strict=True):
        said = f"share of {name}: among not decided {asked.favourable} − among decided {asked.favourable}"
        yield _metric("demographic_disparity", one, said, name)
        yield _metric("conditional_demographic_disparity", other, f"{said}, within each {asked.condition}", name)


def _metric(id: str, each: Estimate, definition: str, group: str = "", reference: str = "") -> dict[str, Cell]:
    reason = each.reason or ("no upper bound" if each.high is not None and math.isinf(each.high) else "")
    return {"metric": id, "group": group, "reference": reference, "value": finite(each.value), "low": finite(each.low),
            "high": finite(each.high), "n": each.n, "definition": definition, "method": each.method, "reason": reason}


def _pictures(compared: Iterable[Gap], reference: str) -> list[Part]:
    """A forest of ratios: favourable decisions and both error rates of each group beside the reference's."""
    found = [gap for rate in COMPARED[:3] for gap in compared if gap.rate == rate and gap.ratio.value is not None
             and gap.ratio.high is not None and math.isfinite(gap.ratio.high)]
    name = {"selection_rate": "decided", "tpr": "TPR", "fpr": "FPR"}
    return [Series("ratios", "interval", tuple(f"{name[gap.rate]} {gap.group}" for gap in found),
                   tuple(gap.ratio.value for gap in found), tuple(gap.ratio.low for gap in found),
                   tuple(gap.ratio.high for gap in found), title=f"Ratio to {reference}; 1 is alike")] if found else []


def _verdict(fifths: Table, compared: Iterable[Gap], asked: Asked) -> tuple[str, Status]:
    """What to say first: the group that is favoured least beside the reference."""
    first = fifths.rows[0]
    judged = [row for row in fifths.rows if row["verdict"] != "too few rows"]
    status = worst([Status(str(row["status"])) for row in judged or fifths.rows])
    apart = any(gap.p_adjusted is not None and gap.p_adjusted < 0.05 and gap.rate in ("tpr", "fpr") for gap in compared)
    if status is Status.PASS and apart:
        status = Status.WARN
    if first["ratio"] is None:
        return f"{first['reference']} is never decided {asked.favourable}: no ratio can be taken", Status.UNKNOWN
    odds = "; error rates differ" if apart else ""
    return (f"{first['group']} is decided {asked.favourable} {first['ratio']:.3f} [{first['low']:.3f}, "
            f"{first['high']:.3f}] times as often as {first['reference']}: {first['verdict']}{odds}"), status

