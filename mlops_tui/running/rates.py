"""What computing costs in money and energy, by factors that are stated: nothing here is measured."""

from collections.abc import Iterator
from dataclasses import dataclass

from mlops_tui.declarations.declare import Mistake

GIB = 2**30


@dataclass(frozen=True)
class Rates:
    """The factors, `compute:` of mlops.yaml. The watts of a busy core and of memory (a GB is taken for a GiB) are the
    defaults of L. Lannelongue, J. Grealey, M. Inouye, "Green Algorithms", Advanced Science 8 (2021) 2100707; `pue` is
    the power that the building draws over what the machine draws; `gib_month` what a GiB costs that is kept a month.
    """

    machine_hour: float | None = None
    currency: str = "EUR"
    core_watts: float = 12.0
    gib_watts: float = 0.3725
    pue: float = 1.0
    grams_per_kwh: float | None = None
    gib_month: float | None = None

    def mistakes(self) -> Iterator[Mistake]:
        """Factors below nothing."""
        for key in ("machine_hour", "core_watts", "gib_watts", "grams_per_kwh", "gib_month"):
            value = getattr(self, key)
            if value is not None and value < 0:
                yield Mistake(f"{key} is 0 or more, not {value:g}.", (key,))
        if self.pue < 1:
            yield Mistake(f"pue is 1 or more, not {self.pue:g}.", ("pue",))

    def __str__(self) -> str:
        money = "no price is declared" if self.machine_hour is None else \
            f"{self.machine_hour:g} {self.currency} a machine hour"
        carbon = "" if self.grams_per_kwh is None else f", {self.grams_per_kwh:g} g CO₂ a kWh"
        return (f"{money}; {self.core_watts:g} W a busy core, {self.gib_watts:g} W a GiB of peak memory, "
                f"PUE {self.pue:g}{carbon}")

    def cost(self, seconds: float) -> float | None:
        """In `currency`; None where no rate is declared."""
        return None if self.machine_hour is None else self.machine_hour * seconds / 3600

    def keeping(self, size: float) -> float | None:
        """What so many bytes cost a month, in `currency`; None where no rate is declared."""
        return None if self.gib_month is None else self.gib_month * size / GIB

    def watt_hours(self, seconds: float, cpu_seconds: float, peak_bytes: float, gpu_watts: float = 0.0) -> float:
        """Busy cores, the peak memory for as long as the run lasted, and the devices' own power."""
        joules = cpu_seconds * self.core_watts + seconds * (peak_bytes / GIB * self.gib_watts + gpu_watts)
        return self.pue * joules / 3600

    def grams(self, watt_hours: float) -> float | None:
        """Of CO₂; None where no factor is declared."""
        return None if self.grams_per_kwh is None else watt_hours / 1000 * self.grams_per_kwh
