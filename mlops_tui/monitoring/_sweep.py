"""Other limits and other numbers of looks tried on what a monitor's looks found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mlops_tui.declarations.alertpolicy import AlertPolicy
from mlops_tui.declarations.declare import OutOf
from mlops_tui.declarations.kinds import Monitor
from mlops_tui.declarations.limits import LESS_IS_BETTER
from mlops_tui.monitoring._truth import Event, held
from mlops_tui.oversight.replaying import Look, alarms, judged_by
from mlops_tui.view import Row, counted

POINTS = 9  # limits that are tried, beside the declared one
RULES = (OutOf(1, 1), OutOf(2, 2), OutOf(2, 3), OutOf(3, 3), OutOf(3, 4), OutOf(4, 5))


@dataclass(frozen=True)
class Setting:
    """A limit and a number of looks, and what came of them."""

    limit: float
    after: OutOf
    alerts: int
    real: int
    noise: int
    missed: int
    events: int
    delay: float | None
    declared: bool

    @property
    def row(self) -> Row:
        return {"limit": self.limit, "after": str(self.after), "alerts": self.alerts, "real": self.real,
                "noise": self.noise, "missed": self.missed, "declared": self.declared,
                "hours_late": self.delay / 3600 if self.delay is not None else None}

    @property
    def cost(self) -> tuple[int, int, int, float]:
        """What is worst first: missed, noise, how many alerts there are at all, how late they come."""
        return self.missed, self.noise, self.alerts, self.delay or 0.0


@dataclass(frozen=True)
class Better:
    """What a sweep advises: the words, and the options that replay it; none where nothing is better."""

    said: str
    label: str = ""
    options: tuple[str, ...] = ()


def setting_name(monitor: Monitor) -> str:
    """The limit that is varied: the first that is declared."""
    return next(iter(monitor.limits))


def swept(looks: Sequence[Look], monitor: Monitor, policy: AlertPolicy, known: Sequence[Event]) -> list[Setting]:
    """Every limit with every number of looks, on the same looks; what is declared is among them."""
    varied, declared = setting_name(monitor), monitor.limits[setting_name(monitor)]
    rules = dict.fromkeys((*RULES, policy.after))
    found = []
    for limit in _limits(looks, varied, declared):
        other = replace(monitor, limits={**monitor.limits, varied: limit})
        again = [replace(look, finding=judged_by(look.finding, other)) if look.finding is not None else look
                 for look in looks]
        for rule in rules:
            told = held(alarms(again, replace(policy, after=rule)), known, monitor.window)
            found.append(Setting(limit, rule, len(told.held), told.count(True), told.count(False), len(told.missed),
                                 sum(each.real and not each.quiet for each in known), told.delay,
                                 (limit, rule) == (declared, policy.after)))
    return found


def _limits(looks: Sequence[Look], varied: str, declared: float) -> list[float]:
    """Limits between the least and the largest value that was found, spread as the values are."""
    values = [value for look in looks if look.finding is not None
              and (value := _value(look, varied)) is not None]
    tried = {float(f"{value:.2g}") for value in np.quantile(np.abs(values), np.linspace(0.05, 1.0, POINTS)).tolist()} \
        if values else set()
    return sorted({declared, *(each for each in tried if each > 0)})


def _value(look: Look, varied: str) -> float | None:
    if look.finding is None:
        return None
    detail = look.finding.detail
    several = detail.get("metrics", {}).get(varied)
    if isinstance(several, dict):
        value = several.get("high" if varied not in LESS_IS_BETTER else "low")
    else:
        value = detail.get("measures", {}).get(varied, look.finding.value)
    return float(value) if isinstance(value, int | float) else None


def proposed(settings: Sequence[Setting], varied: str, after: OutOf) -> Better:
    """The setting that misses least, then makes least noise, then fires least; the declared one where it is as good."""
    now = next(each for each in settings if each.declared)
    if not now.events and not any(each.noise for each in settings):
        return Better("Nobody said of any of these days that something was wrong, or that nothing was: which limit is "
                      "right cannot be told. Close alerts as real or noise, or plant faults with `drill`.")
    best = min(settings, key=lambda each: each.cost)
    if (best.missed, best.noise) == (now.missed, now.noise) and best.alerts >= now.alerts:
        return Better(f"Of {counted(now.events, 'real event')}, no other setting misses fewer, or makes less noise.")
    if best.cost >= now.cost:
        return Better("No other setting that was tried is better than the declared one.")
    said = (f"{varied} {best.limit:g} after {best.after} would miss {best.missed} of {best.events} (now {now.missed}) "
            f"and fire {best.alerts} times, {best.noise} of them noise (now {now.alerts} and {now.noise}). It was "
            f"chosen on these very days: replay it on others before it is declared.")
    options = ("--limit", f"{varied}={best.limit:g}", "--after", str(best.after))
    return Better(said, f"Replay {varied} {best.limit:g}, {best.after}", options)
