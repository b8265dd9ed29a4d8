"""When a checklist item is asked for: by how much is at stake with the model, or by what it answers."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mlops_tui.declarations.declare import Mistake


@dataclass(frozen=True)
class Applies:
    """All that is given must hold: an impact level or class of the EU AI Act of that or above, and that task."""

    level_at_least: int | None = None
    eu: Literal["", "minimal", "limited", "high", "prohibited"] = ""
    task: Literal["", "binary", "multiclass", "regression"] = ""

    @property
    def by_risk(self) -> bool:
        """Whether it takes an impact assessment to know."""
        return self.level_at_least is not None or bool(self.eu)

    @property
    def words(self) -> str:
        """`impact level 3 or above, EU: high or above`."""
        given = ([f"impact level {self.level_at_least} or above"] if self.level_at_least is not None else [],
                 [f"EU: {self.eu} or above"] if self.eu else [], [f"{self.task} models"] if self.task else [])
        return ", ".join(word for words in given for word in words)

    def mistakes(self) -> Iterator[Mistake]:
        """Nothing that it would depend on; a level that there is not."""
        if not self.by_risk and not self.task:
            yield Mistake("It does not say when the item applies.", (), "Write {level_at_least: 3}, or leave it out.")
        if self.level_at_least is not None and not 1 <= self.level_at_least <= 4:
            yield Mistake(f"Impact levels go from 1 to 4, not to {self.level_at_least}.", ("level_at_least",))
