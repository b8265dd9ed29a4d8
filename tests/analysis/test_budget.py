"""Error budgets against the worked numbers of the Site Reliability Workbook, chapter 5."""

from datetime import timedelta

import pytest

from mlops_tui.analysis.budget import RULES, Counted, Rule, budget, spans

MONTH, HOUR, MINUTE, DAY = timedelta(days=30), timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)


def steadily(share: float, requests: int = 100_000) -> dict[timedelta, Counted]:
    """The same share of bad requests over every span."""
    return {span: Counted(round(share * requests), requests) for span in spans(MONTH)}


def test_the_factors_are_those_of_table_5_8() -> None:
    assert [round(rule.factor(MONTH), 9) for rule in RULES] == [14.4, 6, 1]
    assert [(rule.long, rule.short) for rule in RULES] == [
        (HOUR, 5 * MINUTE), (6 * HOUR, 30 * MINUTE), (3 * DAY, 6 * HOUR)]
    assert spans(MONTH) == (5 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR, 3 * DAY, MONTH)


@pytest.mark.parametrize(("share", "burn", "fired"), [
    (0.001, 1, []),         # 0.1 % errors spend the budget of 99.9 % in 30 days: no evidence of more than may be
    (0.002, 2, [1]), (0.006, 6, [6, 1]), (0.0144, 14.4, [14.4, 6, 1]),
    (0.01, 10, [6, 1]), (1, 1000, [14.4, 6, 1])])
def test_burn_rates_and_what_they_set_off(share: float, burn: float, fired: list[float]) -> None:
    found = budget(steadily(share, 10_000_000), 0.999, MONTH)
    assert found.burn[HOUR] == pytest.approx(burn)
    assert [round(each.factor, 9) for each in found.fired] == fired
    assert found.left == pytest.approx(1 - burn)


def test_a_tenth_of_a_percent_over_a_third_of_the_window_leaves_the_rest() -> None:
    """Table 5-4: at a burn rate of 2 a 30-day budget lasts 15 days, so 10 days of it spend two thirds."""
    counted = steadily(0.002) | {MONTH: Counted(2000, 3_000_000)}
    assert budget(counted, 0.999, MONTH).left == pytest.approx(1 / 3)


def test_what_is_over_sets_nothing_off() -> None:
    over = steadily(0.05) | {5 * MINUTE: Counted(0, 500), 30 * MINUTE: Counted(0, 3000), 6 * HOUR: Counted(0, 10_000)}
    assert budget(over, 0.999, MONTH).fired == ()


def test_one_failure_among_a_few_requests_of_the_night_wakes_nobody() -> None:
    assert Counted(1, 5).burn(0.99) == pytest.approx(20)
    assert budget(dict.fromkeys(spans(MONTH), Counted(1, 5)), 0.99, MONTH).fired == ()
    assert budget(dict.fromkeys(spans(MONTH), Counted(5, 5)), 0.99, MONTH).wakes


def test_without_requests_nothing_is_known() -> None:
    found = budget(dict.fromkeys(spans(MONTH), Counted(0, 0)), 0.99, MONTH)
    assert (found.left, found.fired, set(found.burn.values())) == (None, (), {None})


def test_a_shorter_window_has_lower_factors_and_fewer_rules() -> None:
    assert RULES[0].factor(7 * DAY) == pytest.approx(3.36)
    assert spans(DAY) == (5 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR, DAY)
    assert RULES[2].factor(7 * DAY) == 1  # what lasts to the end of the window wakes nobody
    assert len(budget({span: Counted(900, 1000) for span in spans(DAY)}, 0.5, DAY).fired) == 2
    assert Rule(0.5, HOUR, MINUTE, wakes=True).factor(10 * HOUR) == 5
    with pytest.raises(ValueError, match="between 0 and 1"):
        budget(steadily(0.1), 1.0, MONTH)
