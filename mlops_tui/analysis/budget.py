"""Error budgets: how much of what may go wrong has, how fast it goes, and when that is worth waking somebody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from mlops_tui.analysis.tails import binomial_cdf

BY_CHANCE = 1e-3
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Rule:
    """So large a share of the budget is spent within `long`, and `short` says that it still goes on."""

    share: float
    long: timedelta
    short: timedelta
    wakes: bool

    def factor(self, window: timedelta) -> float:
        """The burn rate at which that happens: 14.4 for 2 % of 30 days in an hour. A budget that lasts is no matter."""
        return max(self.share * (window / self.long), 1.0)


RULES = (  # Google, The Site Reliability Workbook (2018), ch. 5, table 5-8: factors 14.4, 6 and 1 of a 30-day budget
    Rule(0.02, HOUR, timedelta(minutes=5), True), Rule(0.05, 6 * HOUR, timedelta(minutes=30), True),
    Rule(0.10, timedelta(days=3), 6 * HOUR, False))


def spans(window: timedelta) -> tuple[timedelta, ...]:
    """The spans, up to now, over which requests must be counted; each once, the shortest first."""
    of = {each for rule in RULES for each in (rule.long, rule.short) if each < window}
    return tuple(sorted(of | {window}))


@dataclass(frozen=True)
class Counted:
    """Requests of a span, and those that were bad."""

    bad: int
    total: int

    def burn(self, target: float) -> float | None:
        """How many times faster than allowed the budget goes; 1 spends it exactly. None without requests."""
        return self.bad / self.total / (1 - target) if self.total else None

    def surely_burns(self, target: float) -> bool:
        """Whether more is bad than may be, beyond what chance makes of so many requests: exact binomial, 1 in 1,000."""
        return self.bad > 0 and 1 - binomial_cdf(self.bad - 1, self.total, 1 - target) < BY_CHANCE


@dataclass(frozen=True)
class Fired:
    """A rule whose two burn rates are both at its factor or above."""

    rule: Rule
    factor: float
    long: float
    short: float


@dataclass(frozen=True)
class Budget:
    """How an objective stands. `left` is the share of the budget that is left, below 0 where it is overspent."""

    left: float | None
    burn: Mapping[timedelta, float | None]
    fired: tuple[Fired, ...]

    @property
    def wakes(self) -> bool:
        return any(each.rule.wakes for each in self.fired)


def budget(counted: Mapping[timedelta, Counted], target: float, window: timedelta,
           rules: Sequence[Rule] = RULES) -> Budget:
    """An objective's budget from what was counted over `spans(window)`, all up to now.

    A rule fires where the burn rate is at its factor over the long and the short span, and where so many requests are
    bad over the long one that chance does not explain it: one failure of five requests in the night wakes nobody.
    ValueError for a target outside (0, 1).

    >>> hour = {each: Counted(2, 100) for each in spans(timedelta(days=30))}
    >>> round(budget(hour, 0.999, timedelta(days=30)).burn[timedelta(hours=1)] or 0, 9)
    20.0
    """
    if not 0 < target < 1:
        raise ValueError(f"a target lies between 0 and 1, not {target}")
    burn = {span: each.burn(target) for span, each in counted.items()}
    whole = burn[window]
    return Budget(None if whole is None else 1 - whole, burn,
                  tuple(fired for rule in rules if (fired := _fired(rule, counted, target, window)) is not None))


def _fired(rule: Rule, counted: Mapping[timedelta, Counted], target: float, window: timedelta) -> Fired | None:
    if rule.long >= window:
        return None
    factor, long, short = rule.factor(window), counted[rule.long], counted[rule.short]
    fast, still = long.burn(target), short.burn(target)
    if fast is None or still is None or min(fast, still) < factor * (1 - 1e-9) or not long.surely_burns(target):
        return None
    return Fired(rule, factor, fast, still)
