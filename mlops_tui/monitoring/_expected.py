"""What is expected of days whose outcomes are not in, shown with the error that such estimates had before."""

from collections.abc import Iterator

from mlops_tui.analysis.interval import wilson
from mlops_tui.monitoring._waiting import Outlook
from mlops_tui.view import Cell, Column, Part, Series, Table, Text, finite

LEVEL = 0.95


def estimates(expects: Outlook) -> Iterator[Part]:
    """What is expected of the days that are not in, with the error of such estimates before; or why nothing is."""
    which = expects.days[0] if len(expects.days) == 1 else f"{expects.days[0]} to {expects.days[-1]}" \
        if expects.days else ""
    if expects.reason:
        yield Text(f"Nothing is expected of {which or 'the newest days'}: {expects.reason}.")
        return
    rows: list[dict[str, Cell]] = [
        {"metric": each.metric, "expected": each.found.value, "low": each.found.low, "high": each.found.high,
         "past_error": each.found.typical, "held": each.held / each.of if each.of else None, "windows": each.of,
         "leans": (each.leans.low + each.leans.high) / 2 if each.leans else None, "reason": each.found.reason}
        for each in expects.rows]
    yield Table.of("estimates", rows, "metric", *(Column(name, digits=3) for name in ("expected", "low", "high")),
                   Column("past_error", "past error", digits=3), Column("held", "held before", share=True), "windows",
                   title=f"Expected of {which} from scores alone, between 95 % bounds")
    short = [each for each in expects.rows if wilson(each.held, each.of).high < LEVEL]
    if short:
        worst = min(short, key=lambda each: each.held / each.of)
        yield Text(f"The bounds of {', '.join(each.metric for each in short)} are too narrow: those of {worst.metric} "
                   f"held what came in {worst.held} of {worst.of} past windows, not in 95 %.")
    off = [each for each in expects.rows if each.leans is not None]
    if off:
        worst = max(off, key=lambda each: abs(each.leans.low + each.leans.high) / each.spread if each.leans else 0.0)
        lean = (worst.leans.low + worst.leans.high) / 2 if worst.leans else 0.0
        yield Text(f"Doubt it: in the last 14 windows {worst.metric} was expected {abs(lean):.3f} too "
                   f"{'high' if lean > 0 else 'low'}. Scores do not see that their meaning, or the share of yes, "
                   "changed.")
    else:
        yield Text("Scores do not see concept drift: what they mean may change, and shows when outcomes are in.")
    if expects.daily:
        came = tuple(day for day, _, _ in expects.daily)
        said = [each for _, each, _ in expects.daily]
        yield Series("auc_by_day", "band", came, tuple(finite(each.value) for each in said),
                     tuple(each.low for each in said), tuple(each.high for each in said),
                     tuple(finite(seen) for _, _, seen in expects.daily), ("expected", "seen"),
                     "AUC by day: expected before outcomes, and seen where they are in")
