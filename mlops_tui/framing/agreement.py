"""How far people agree on the same cases: κ and α with intervals, pair by pair, and who differs most."""

from itertools import combinations
from typing import cast

import click
import numpy as np

from mlops_tui.analysis.agreement import Decisions, Scale, agreements, decisions, kappa, of_decider
from mlops_tui.analysis.arrays import Counts
from mlops_tui.analysis.interval import Estimate, Resampling, wilson
from mlops_tui.capability import hidden_columns, measure
from mlops_tui.errors import BadInput
from mlops_tui.framing._decided import Decided, decided
from mlops_tui.inputs.tabular import Tabular, tabular
from mlops_tui.session import Session
from mlops_tui.view import Cell, Column, Facts, Part, Row, Series, Status, Table, View, counted, finite
from store.facts import Finding

PAIRS = 200    # that are listed
READABLE = 12  # kinds of decisions in one picture
RESAMPLES = 2000
SEED = 0
ALONE = "One decider alone: agreement cannot be estimated."
APART = "No case was decided by two: agreement cannot be estimated."
NAMES = {"agreement": "agreement of pairs", "cohen_kappa": "Cohen's κ", "fleiss_kappa": "Fleiss' κ",
         "cohen_kappa_linear": "Cohen's κ, linear weights", "cohen_kappa_quadratic": "Cohen's κ, quadratic weights",
         "alpha_nominal": "Krippendorff's α, nominal", "alpha_ordinal": "Krippendorff's α, ordinal",
         "alpha_interval": "Krippendorff's α, interval"}
BOUNDED = (Column("low", digits=3), Column("high", digits=3))


@measure
@click.argument("what")
@click.option("--case", default="case", show_default=True, help="Column that says which case was decided.")
@click.option("--decider", default="decider", show_default=True, help="Column that says who decided.")
@click.option("--decision", default="decision", show_default=True, help="Column with what was decided.")
@click.option("--order", default="", help="The decisions from the least to the greatest, such as low,medium,high.")
@click.option("--scale", type=click.Choice(["nominal", "ordinal", "interval"]), default=None,
              help="What Krippendorff's α is of; ordinal where --order is given, else nominal.")
def agreement(session: Session, what: str, case: str, decider: str, decision: str, order: str,
              scale: str | None) -> View:
    """Say how far deciders agree in WHAT: a file or a declared dataset with one row for each decision.

    Cases that one decider alone has decided say nothing about agreement, and are left out. Of more than two deciders,
    Cohen's κ is the mean over their pairs.

    \b
    Example: mlops-tui agreement decisions.csv --case claim --decider clerk --decision verdict
             mlops-tui agreement triage.csv --order low,medium,high
    """
    table = tabular(session, what)
    found = decided(table, case, decider, decision, [each.strip() for each in order.split(",")] if order else [])
    asked = _scale(found, scale, bool(order), decision)
    if hidden_columns(session, table.dataset, [decision]) if table.dataset else []:
        raise BadInput(f"'{decision}' is classified, and not shown where others read along.", where=table.dataset,
                       next="Ask in the terminal.")
    names = [f"decider {place + 1}" for place in range(len(found.deciders))] if table.dataset and \
        hidden_columns(session, table.dataset, [decider]) else list(found.deciders)
    view = _view(found, names, asked)
    if table.dataset:
        session.ledger.append(_finding(session, table, view, asked))
    return view


def _scale(found: Decided, asked: str | None, ordered: bool, decision: str) -> Scale:
    """The scale of α; BadInput where the decisions have no such scale."""
    if asked == "interval" and found.numbers is None:
        raise BadInput(f"The decisions in '{decision}' are no numbers, so they have no interval scale.",
                       next="Leave out --scale, or name their --order.")
    if asked == "ordinal" and not ordered and found.numbers is None:
        raise BadInput(f"The decisions in '{decision}' have no order.", next="Add: --order low,medium,high")
    return cast("Scale", asked or ("ordinal" if ordered else "nominal"))


def _view(found: Decided, names: list[str], scale: Scale) -> View:
    kinds = len(found.kinds)
    values = found.numbers if found.numbers is not None else np.arange(kinds, dtype=np.float64)
    shared = decisions(found.codes, values)
    facts: dict[str, Cell] = {"rows": found.rows, "cases": shared.cases, "deciders": len(names), "decisions": kinds,
                              "cases_of_one_decider": found.codes.shape[0] - shared.cases,
                              "rows_without_decision": found.empty}
    if not shared.cases:
        said = ALONE if len(names) < 2 else APART
        lacking = dict.fromkeys(f"{name}{end}" for name in ("cohen_kappa", "fleiss_kappa", "krippendorff_alpha")
                                for end in ("", "_low", "_high"))
        return View(said, Status.UNKNOWN, (Facts({**facts, **lacking, "reason": said}),))
    widest: Scale = "interval" if found.numbers is not None else scale
    measured = agreements(shared, widest, Resampling(RESAMPLES, SEED))
    alpha = measured[f"alpha_{scale}"]
    facts = _bounds("krippendorff_alpha", alpha) | _bounds("cohen_kappa", measured["cohen_kappa"]) | \
        _bounds("fleiss_kappa", measured["fleiss_kappa"]) | facts
    facts |= {"scale": scale, "method": "bootstrap over cases", "resamples": RESAMPLES, "seed": SEED}
    if len(names) > 2:
        facts["cohen_kappa_of"] = "mean over pairs"
    rows: list[Row] = [{"coefficient": NAMES[name], "id": name, **_row(each)} for name, each in measured.items()]
    coefficients = Table.of("coefficients", rows, "coefficient", Column("value", digits=3), *BOUNDED, "n", "reason",
                            title="Coefficients")
    return View(_title(len(names), measured["agreement"], alpha), Status.DONE, (
        Facts(facts), coefficients, *_by_decider(shared, names, scale), *_by_pair(shared, names, found.kinds, scale)))


def _title(deciders: int, share: Estimate, alpha: Estimate) -> str:
    said = f"Krippendorff's α {alpha.value:.3f}{_range(alpha)}" if alpha.value is not None else alpha.reason
    return f"{deciders} deciders agree in {share.value:.1%} of the pairs of decisions on a case; {said}"


def _range(each: Estimate) -> str:
    return f" [{each.low:.3f}, {each.high:.3f}]" if each.low is not None else ""


def _bounds(name: str, each: Estimate) -> dict[str, Cell]:
    reason: dict[str, Cell] = {f"{name}_reason": each.reason} if each.reason else {}
    return {name: finite(each.value), f"{name}_low": finite(each.low), f"{name}_high": finite(each.high), **reason}


def _row(each: Estimate) -> dict[str, Cell]:
    return {"value": finite(each.value), "low": finite(each.low), "high": finite(each.high), "n": each.n,
            "method": each.method, "reason": each.reason}


# -- who differs ----------------------------------------------------------------------------------------------------


def _by_decider(found: Decisions, names: list[str], scale: Scale) -> list[Part]:
    """Each decider beside the others, who differs most first; nothing for two, who differ from each other alike."""
    if found.deciders < 3:
        return []
    rows: list[dict[str, Cell]] = []
    for place, name in enumerate(names):
        own = of_decider(found, place, Resampling(RESAMPLES, SEED))
        rest = agreements(found.without(place), scale, Resampling(2, SEED))[f"alpha_{scale}"]
        rows.append({"decider": name, "cases": int(found.counts[found.codes[:, place] >= 0].sum()),
                     "agreement": finite(own.value), "low": finite(own.low), "high": finite(own.high),
                     "alpha_without": finite(rest.value), "reason": own.reason})
    rows.sort(key=lambda row: row["agreement"] if isinstance(row["agreement"], float) else np.inf)
    table = Table.of("deciders", rows, "decider", "cases", Column("agreement", "agrees with the others", share=True),
                     Column("low", share=True), Column("high", share=True),
                     Column("alpha_without", "α of the others", digits=3), title="Who differs most")
    return [table]


def _by_pair(found: Decisions, names: list[str], kinds: tuple[str, ...], scale: Scale) -> list[Part]:
    """κ of every pair, the lowest first, and what the two who differ most said of the same cases."""
    pairs = list(combinations(range(found.deciders), 2))
    rows, tables = [], {}
    for a, b in pairs:
        cells = found.table(a, b)
        if cells.any():
            rows.append(_pair(cells, (names[a], names[b]), scale))
            tables[names[a], names[b]] = cells
    rows.sort(key=lambda row: row["kappa"] if isinstance(row["kappa"], float) else np.inf)
    weighted = () if scale == "nominal" else (Column("linear", "κ linear", digits=3),
                                              Column("quadratic", "κ quadratic", digits=3))
    table = Table.of("pairs", rows[:PAIRS], "a", "b", "cases", Column("agreement", share=True),
                     Column("kappa", "Cohen's κ", digits=3), *BOUNDED, *weighted, title="Pairs", total=len(rows))
    first, second = str(rows[0]["a"]), str(rows[0]["b"])
    parts: list[Part] = [table, *_confusion(tables[first, second], (first, second), kinds)]
    forest = [row for row in rows[:30] if row["kappa"] is not None]
    if len(forest) > 1:
        value, low, high = (tuple(row[id] for row in forest) for id in ("kappa", "low", "high"))
        parts.append(Series("kappas", "interval", tuple(f"{row['a']} · {row['b']}" for row in forest), value, low, high,
                            title="Cohen's κ by pair"))
    return parts


def _pair(cells: Counts, names: tuple[str, str], scale: Scale) -> dict[str, Cell]:
    same, n = int(np.trace(cells)), int(cells.sum())
    found, share = kappa(cells), wilson(same, n)
    row: dict[str, Cell] = {"a": names[0], "b": names[1], "cases": n, "agreement": same / n,
                            "agreement_low": share.low, "agreement_high": share.high, "kappa": finite(found.value),
                            "low": finite(found.low), "high": finite(found.high), "method": found.method,
                            "reason": found.reason}
    if scale != "nominal":
        row |= {"linear": finite(kappa(cells, "linear").value), "quadratic": finite(kappa(cells, "quadratic").value)}
    return row


def _confusion(cells: Counts, names: tuple[str, str], kinds: tuple[str, ...]) -> list[Part]:
    """The cells of two deciders, where they differ first; the picture only where it can be read."""
    seen = sorted(((i == j, -int(cells[i, j]), i, j) for i, j in zip(*np.nonzero(cells), strict=True)))
    rows: list[Row] = [{"a": kinds[i], "b": kinds[j], "cases": -n, "same": bool(same)} for same, n, i, j in seen]
    differing = counted(int(cells.sum() - np.trace(cells)), "case")
    parts: list[Part] = [Table.of("confusion", rows[:PAIRS], Column("a", names[0]), Column("b", names[1]), "cases",
                                  title=f"{names[0]} and {names[1]} differ in {differing}", total=len(rows))]
    if 1 < len(kinds) <= READABLE:
        parts.append(Series("confusion", "heat", kinds, tuple(cells.ravel().tolist()), names=kinds,
                            title=f"Cases by decision of {names[0]} (down) and {names[1]} (across)"))
    return parts


def _finding(session: Session, table: Tabular, view: View, scale: Scale) -> Finding:
    facts, kept = view.facts(), ("cohen_kappa", "fleiss_kappa", "deciders")
    value, low, high = (found if isinstance(found := facts[f"krippendorff_alpha{end}"], float) else None
                        for end in ("", "_low", "_high"))
    return Finding(check="agreement", subject=table.dataset, status=view.status.value, title=view.title, value=value,
                   low=low, high=high, n=int(str(facts["cases"])), data=(table.snapshot,),
                   declaration=session.declaration("dataset", table.dataset),
                   detail={"scale": scale, **{name: facts[name] for name in kept}})
