"""A better limit for a monitor, and its file with that limit."""

from collections.abc import Sequence
from dataclasses import replace

from mlops_tui.alerts.alertstate import Alert
from mlops_tui.alerts.betterlimits import Better, TooLittle, better
from mlops_tui.declarations import yamltext
from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.declare import parse
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.errors import Unreadable
from store.facts import Finding
from store.ledger import Entry


def better_of(monitor: Monitor, mine: Sequence[Alert], findings: Sequence[Entry]) -> Better | TooLittle:
    """The limit of a monitor that its judged alerts speak for, or why there is none."""
    told = [(entry.recorded_at, entry.fact) for entry in findings if isinstance(entry.fact, Finding)]
    return better(monitor.alert or AlertPolicy(), monitor.limits, mine, told)


def with_limit(text: str, measure: str, limit: float, path: str) -> str:
    """The monitor's file with another limit and nothing else changed; Unreadable where that cannot be done."""
    before, written = parse(Monitor, text, path), f"limits: {{{measure}: {limit:g}}}"
    wanted = replace(before, limits={**before.limits, measure: limit})
    try:
        new = yamltext.changed(text, (), measure, limit, "limits")
        if parse(Monitor, new, path) == wanted:
            return new
    except Unreadable:
        pass
    raise Unreadable("The file cannot be edited without disturbing it.", where=path,
                     next=f"Write `{written}` there by hand.")
