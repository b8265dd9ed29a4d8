"""Money and energy by stated factors, worked out by hand."""

import pytest

from mlops_tui.declarations import declare
from mlops_tui.declarations.kinds import Settings
from mlops_tui.running.rates import GIB, Rates
from store.refusal import Unreadable


def test_cost_and_energy_by_hand() -> None:
    rates = Rates(machine_hour=0.9, core_watts=10, gib_watts=0.5, pue=1.5, grams_per_kwh=400)
    assert rates.cost(1800) == pytest.approx(0.45)
    # 7200 core seconds at 10 W, 3600 s of 4 GiB at 0.5 W and of a device at 100 W: 20 + 2 + 100 Wh, times 1.5
    energy = rates.watt_hours(3600, 7200, 4 * GIB, 100)
    assert energy == pytest.approx(183.0)
    assert rates.grams(energy) == pytest.approx(73.2)


def test_without_a_price_or_a_factor_there_is_no_number() -> None:
    assert Rates().cost(3600) is None
    assert Rates().grams(1.0) is None
    assert "no price is declared" in str(Rates())
    assert "0.9 EUR a machine hour" in str(Rates(machine_hour=0.9))


def test_factors_are_declared_in_the_project() -> None:
    text = "project: flights\ncompute: {machine_hour: 0.4, currency: USD, pue: 1.2}\n"
    assert declare.parse(Settings, text, "mlops.yaml").compute == Rates(0.4, "USD", pue=1.2)


@pytest.mark.parametrize(("given", "said"), [("pue: 0.5", "pue is 1 or more"), ("core_watts: -1", "0 or more"),
                                             ("machine_hour: -1", "0 or more"), ("core_wats: 3", "core_wats")])
def test_a_factor_that_makes_no_sense_is_refused(given: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        declare.parse(Settings, f"project: flights\ncompute: {{{given}}}\n", "mlops.yaml")
