"""How late outcomes come in: how much of each day is known, and what is expected of the days that are not."""

from collections.abc import Iterator
from datetime import tzinfo

import click

from mlops_tui.capability import look
from mlops_tui.monitoring._expected import estimates
from mlops_tui.monitoring._waiting import Waiting, outlook, served, waiting
from mlops_tui.session import Session
from mlops_tui.view import Action, Column, Facts, Row, Series, Status, Table, Text, View, counted, finite

POINTS = 40  # of the drawn curve


@look(fold=True)
@click.argument("model")
@click.option("--days", type=click.IntRange(min=1, max=90), default=10, show_default=True, help="Newest days listed.")
def maturity(session: Session, model: str, days: int) -> View:
    """Show how much of MODEL's outcomes is in by age and by day, and what is expected of the rest.

    \b
    Example: mlops-tui maturity flights-delay
    """
    subject = session.declared().subject(model, "model")
    declared = session.declared().model(subject.name)
    seen = waiting(served(session, subject.name), session.now(), days)
    expects = outlook(seen, declared)
    open_days = len(seen.open)
    status = Status.WARN if open_days and not expects.rows else Status.DONE
    facts = Facts({"predictions": seen.curve.n, "ever_in": seen.ever,
                   "half_in_after_h": seen.curve.age_of(seen.ever / 2), "nearly_all_after_h": seen.nearly,
                   "open_days": open_days})
    parts = (facts, _cohorts(seen), *_early(seen), *estimates(expects), _drawn(seen), *_bars(seen))
    return View(_title(subject.name, seen, session.declared().zone), status, parts,
                (Action("How well, on what is in?", ("performance", subject.name)),
                 Action("Is it calibrated?", ("calibration", subject.name))))


def _title(name: str, seen: Waiting, zone: tzinfo) -> str:
    """The oldest day that is not in, and when its outcomes are expected."""
    if not seen.open:
        return f"Outcomes of {name} are in up to {seen.cohorts[-1].day}, but for few"
    first, more = seen.open[0], len(seen.open) - 1
    others = f", and of {counted(more, 'later day')} less" if more else ""
    late = "later than usual" if first.by <= seen.now else f"nearly all by {first.by.astimezone(zone):%-d %b %H:%M}"
    return f"Outcomes of {first.day} are {min(first.share * 100, 99.9):.1f} % in{others}; {late}"


def _cohorts(seen: Waiting) -> Table:
    """One row a day; the AUC between what the missing outcomes could make of it at worst and at best."""
    rows: list[Row] = []
    for each in reversed(seen.cohorts):
        auc, share = each.bounds.get("roc_auc"), each.bounds.get("share")
        rows.append({"day": each.day, "n": each.n, "known": each.known, "waiting": each.waiting, "share": each.share,
                     "mature": seen.mature(each), "by": each.by if each.waiting and each.by > seen.now else None,
                     "auc_worst": auc.low if auc else None, "auc_best": auc.high if auc else None,
                     "share_least": share.low if share else None, "share_most": share.high if share else None,
                     **{f"{name}_{end}": value for name, bounds in each.bounds.items() if name not in ("roc_auc",
                                                                                                     "share")
                        for end, value in (("worst", bounds.low), ("best", bounds.high))}})
    return Table.of("cohorts", rows, "day", Column("n", "predictions"), Column("share", "in", share=True), "waiting",
                    Column("by", "nearly all by"), Column("auc_worst", "AUC at worst", digits=3),
                    Column("auc_best", "at best", digits=3), title="Days, and what the missing could make of them")


def _early(seen: Waiting) -> Iterator[Text]:
    """The bias of looking early, where there is one."""
    found = seen.lean
    if found is not None and found.surely and found.low is not None and found.high is not None:
        side = "few" if found.mean < 0 else "many"
        yield Text(f"What is in early is not like the rest: at the age of the newest day past ones showed "
                   f"{abs(found.mean) * 100:.1f} points too {side} positives [{found.low * 100:+.1f}, "
                   f"{found.high * 100:+.1f}], over {found.days} days.")


def _drawn(seen: Waiting) -> Series:
    """The curve at a few ages, up to where nearly nothing comes any more."""
    last = seen.curve.age_of(0.999 * seen.ever) or 24.0
    ages = [last * place / POINTS for place in range(POINTS + 1)]
    at = [max(int((seen.curve.age <= age).sum()) - 1, 0) for age in ages]
    return Series("maturity", "band", tuple(round(age, 2) for age in ages), tuple(seen.curve.at(ages).tolist()),
                  tuple(finite(float(seen.curve.low[place])) for place in at),
                  tuple(finite(float(seen.curve.high[place])) for place in at),
                  title="Share of outcomes in by age", x_label="hours", y_label="share in")


def _bars(seen: Waiting) -> tuple[Series, ...]:
    return (Series("cohorts", "bar", tuple(each.day for each in seen.cohorts),
                   tuple(each.share for each in seen.cohorts), title="Share of outcomes in by day"),)
