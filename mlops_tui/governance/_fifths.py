"""The four-fifths rule: how often each group is favoured beside the reference, and in plain words what is sure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from mlops_tui.analysis.fairness import Cells, Gap
from mlops_tui.analysis.fourfifths import FOUR_FIFTHS
from mlops_tui.analysis.interval import Estimate, wilson_share
from mlops_tui.analysis.proportions import ratio_bounds
from mlops_tui.governance._audited import Asked
from mlops_tui.view import Column, Row, Series, Status, Table, Text, counted, finite, worst

EXACT = 1 - 1e-12  # 20 of 30 beside 25 of 30 are four fifths, and not in floating point
LONGEST = 20  # letters of a group's name in a title


@dataclass(frozen=True)
class Rule:
    """The groups beside the reference, of these cells; `limit` is the share that is asked for."""

    cells: Cells
    asked: Asked
    reference: int
    gaps: tuple[Gap, ...]
    chosen: bool
    limit: float = FOUR_FIFTHS

    @property
    def named(self) -> str:
        return "four fifths" if self.limit == FOUR_FIFTHS else f"{self.limit:.2f}"


def table(rule: Rule) -> Table:
    """Every group beside the reference, the least favoured first; and one that is surely below the limit of the most
    favoured group, where that is not the reference: the rule is of the most favoured one, whoever is named."""
    few, most = dict(zip(rule.cells.names, rule.cells.few, strict=True)), _most_of_all(rule)
    rows: list[Row] = []
    for gap in rule.gaps:
        if gap.rate != "selection_rate":
            continue
        ratio, small = gap.ratio, few[gap.group] or few[gap.reference]
        verdict, status = judged(ratio, small, most[gap.group], rule.limit)
        rows.append({"status": status, "group": gap.group, "reference": gap.reference, "ratio": finite(ratio.value),
                     "low": finite(ratio.low), "high": finite(ratio.high), "high_of_all": finite(most[gap.group]),
                     "excludes_limit": _excludes(ratio, rule.limit), "limit": rule.limit, "verdict": verdict,
                     "p_value": gap.p_value, "p_adjusted": gap.p_adjusted, "n": ratio.n,
                     "reason": small or ratio.reason})
    rows += _of_the_most_favoured(rule)
    rows.sort(key=lambda row: row["ratio"] if isinstance(row["ratio"], float) else math.inf)
    test = "Fisher" if rule.cells.squares is None else "score test"
    beside = () if len({row["reference"] for row in rows}) < 2 else ("reference",)
    return Table.of("four_fifths", rows, "status", "group", *beside, Column("ratio", digits=3), Column("low", digits=3),
                    Column("high", digits=3), Column("verdict", worth=1), Column("p_adjusted", f"p, {test}, Holm",
                                                                                  digits=4),
                    *(("reason",) if any(row["reason"] for row in rows) else ()),
                    title=f"{rule.named.capitalize()} rule: decided {rule.asked.favourable}, as a multiple of "
                          f"{'the reference' if beside else rule.cells.names[rule.reference]}")


def _of_the_most_favoured(rule: Rule) -> list[Row]:
    """The least favoured group, if it is surely below the limit of the most favoured one, of all pairs (Bonferroni)."""
    cells, few, top = rule.cells, rule.cells.few, rule.cells.most_selected
    others = [place for place in range(len(few)) if place != top and not few[place]]
    if top == rule.reference or few[top] or not others:
        return []
    x, n, rates, again = *cells.of("selection_rate"), cells.rate("selection_rate"), np.full(len(others), top)
    pairs = len(few) * (len(few) - 1) / 2
    low, high, most = (each.tolist() for each in (*ratio_bounds(x[others], n[others], x[again], n[again]), ratio_bounds(
        x[others], n[others], x[again], n[again], 1 - 0.05 / pairs)[1]))
    at = min(range(len(others)), key=lambda place: rates[others[place]])
    if not most[at] < rule.limit:
        return []
    place = others[at]
    return [{"status": Status.FAIL, "group": cells.names[place], "reference": cells.names[top],
             "ratio": float(rates[place] / rates[top]), "low": low[at], "high": high[at], "high_of_all": most[at],
             "excludes_limit": not low[at] <= rule.limit <= high[at], "limit": rule.limit,
             "verdict": f"below {rule.limit:g}", "p_value": None, "p_adjusted": None,
             "n": int(cells.n[place] + cells.n[top]), "reason": ""}]


def decisive(rows: Iterable[Row]) -> Row:
    """The row that is told first: of those that are large enough, the least favoured of the worst status."""
    all_of = list(rows)
    enough = [row for row in all_of if row["verdict"] != "too few rows"] or all_of
    status = worst([Status(str(row["status"])) for row in enough])
    return next(row for row in enough if row["status"] == status)


def _excludes(ratio: Estimate, limit: float) -> bool | None:
    """Whether the interval leaves the limit out; nothing where there is none."""
    if ratio.low is None or ratio.high is None:
        return None
    return not ratio.low <= limit <= ratio.high


def _most_of_all(rule: Rule) -> dict[str, float]:
    """The upper bound of each group's ratio that holds for all groups at once (Bonferroni), by group.

    A reference that was `chosen` because these very rows favour it most stands for every pair: of many groups that are
    alike one always looks favoured.
    """
    names, reference = rule.cells.names, rule.reference
    others = [place for place in range(len(names)) if place != reference]
    pairs = len(names) * len(others) / 2 if rule.chosen else len(others)
    top, bottom = rule.cells.of("selection_rate")
    again = np.full(len(others), reference)
    _, most = ratio_bounds(top[others], bottom[others], top[again], bottom[again], 1 - 0.05 / pairs)
    return dict(zip([names[place] for place in others], most.tolist(), strict=True))


def judged(ratio: Estimate, small: str, most: float, limit: float = FOUR_FIFTHS) -> tuple[str, Status]:
    """How a ratio stands by the limit: surely below for all groups at once, surely not, or not settled."""
    if ratio.value is None or ratio.high is None or ratio.low is None:
        return "undefined", Status.UNKNOWN
    if small:
        return "too few rows", Status.UNKNOWN
    if most < limit:
        return f"below {limit:g}", Status.FAIL
    if ratio.value < limit * EXACT:
        return f"perhaps below {limit:g}", Status.WARN
    return (f"at least {limit:g}", Status.PASS) if ratio.low >= limit else (f"not surely {limit:g}", Status.WARN)


# -- in words -------------------------------------------------------------------------------------------------------


def title(rule: Rule, first: Row) -> str:
    """The least favoured group in plain words."""
    group, reference, ratio = _short(str(first["group"])), _short(str(first["reference"])), first["ratio"]
    if not isinstance(ratio, float):
        return f"{reference} is never decided {rule.asked.favourable}: no ratio can be taken"
    low, high = (f"{each:.2f}" if isinstance(each, float) else "∞" for each in (first["low"], first["high"]))
    told = f"[{low}, {high}]"
    verdict = {Status.FAIL: f"surely below {rule.named} {told}", Status.PASS: f"surely {rule.named} {told}",
               Status.WARN: f"{told} does not settle {rule.named}"}.get(
                   Status(str(first["status"])), f"{told}, {first['verdict']}")
    shown = f"{ratio:.2f}" if abs(ratio - rule.limit) > 0.01 else f"{ratio:.3f}"  # 0.796 is no 0.80
    return f"{group} is decided '{rule.asked.favourable}' {shown} times as often as {reference}; {verdict}"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[:LONGEST - 1]}…"


def explained(rule: Rule, rows: Iterable[Row]) -> list[Text]:
    """What the rule asks for, how far the least favoured group is from it, and what an unsettled verdict means."""
    first = decisive(rows)
    if not isinstance(first["ratio"], float):
        return []
    names = rule.cells.names
    place, beside, rates = *(names.index(str(first[id])) for id in ("group", "reference")), rule.cells.rate(
        "selection_rate")
    own, best, n = float(rates[place]), float(rates[beside]), int(rule.cells.n[place])
    needed = rule.limit * best
    good, name = rule.asked.favourable, names[place]
    said = [f"{rule.named.capitalize()} of {names[beside]}'s {best:.1%} would be {needed:.1%}; {name} is "
            f"decided {good} in {own:.1%} of {n:,} rows."]
    if own < needed * EXACT and rule.cells.squares is None:
        more = math.ceil(needed * n - own * n - 1e-9)
        said.append(f"{counted(more, 'more such decision', 'more such decisions')} would reach it.")
    if first["status"] is Status.WARN:
        said.append(f"The interval of the ratio holds {rule.limit:g}: so few rows fit both a group that is treated "
                    "by the rule and one that is not. More rows settle it; the value alone does not.")
        p = first["p_value"]
        if isinstance(p, float):
            said.append(f"That {name} and {names[beside]} are decided alike is another question (p = {p:.2g}).")
    elif first["status"] is Status.UNKNOWN and first["reason"]:
        said.append(f"It is not judged: {first['reason']}.")
    small = [name for name, reason in zip(names, rule.cells.few, strict=True) if reason]
    if small:
        said.append(f"Too small to be judged: {', '.join(small[:5])}{', …' if len(small) > 5 else ''}.")
    if beside != rule.reference:
        said.append(f"{names[beside]} is the most favoured group, of which the rule is, though {names[rule.reference]} "
                    "was asked for as the reference.")
    return [Text(" ".join(said))]


def picture(rule: Rule) -> Series:
    """How often each group is favoured, with its interval, and where the rule's line lies."""
    n = rule.cells.of("selection_rate")[1]
    rate = rule.cells.rate("selection_rate")
    low, high = wilson_share(np.nan_to_num(rate), n)
    order = np.argsort(np.nan_to_num(rate), kind="stable")
    return Series("selection", "interval", tuple(rule.cells.names[place] for place in order),
                  tuple(finite(float(rate[place])) for place in order), tuple(float(low[place]) for place in order),
                  tuple(float(high[place]) for place in order),
                  title=f"Share decided {rule.asked.favourable}, with 95% intervals, beside the line of {rule.named}",
                  marks=((f"{rule.named} of {rule.cells.names[rule.reference]}",
                          float(rule.limit * rate[rule.reference])),))
